//! Words and comments.

use crate::core::header::comment_end;

/// A word, or a comment without its outer parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lexeme<'a> {
    Word(&'a [u8]),
    Comment(&'a [u8]),
}

/// Everything up to the semicolon that the date follows. Comments nest (RFC 5322 section 3.2.2); one that doesn't end
/// goes on to the end.
pub(super) fn lexemes(value: &[u8]) -> Vec<Lexeme<'_>> {
    let mut found = Vec::new();
    let mut rest = value.trim_ascii_start();
    while let Some(&first) = rest.first() {
        let end = match first {
            b';' => break,
            b'(' => comment_end(rest),
            _ => word_end(rest),
        };
        let (lexeme, behind) = rest.split_at(end.max(1).min(rest.len()));
        found.push(if first == b'(' {
            let inner = lexeme.strip_prefix(b"(").unwrap_or(lexeme);
            Lexeme::Comment(inner.strip_suffix(b")").unwrap_or(inner))
        } else {
            Lexeme::Word(lexeme)
        });
        rest = behind.trim_ascii_start();
    }
    found
}

fn word_end(text: &[u8]) -> usize {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'(' | b';');
    text.iter().position(ends).unwrap_or(text.len())
}
