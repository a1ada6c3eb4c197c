//! The words of an address list.

/// A piece of an address list (RFC 5322 section 3.4).
#[derive(Debug, PartialEq, Eq)]
pub enum Lexeme<'a> {
    /// An atom, a quoted string (quotes included) or a domain literal. Neighbours without a blank belong together.
    Word(&'a [u8]),
    /// What stands between angle brackets, without the comments and blanks.
    Angle(Vec<u8>),
    /// Blanks or a comment.
    Blank,
    /// A comma, a semicolon or a colon.
    Separator(u8),
}

/// The pieces of an unfolded value, and whether its quotes, comments and brackets are in balance. Time is linear.
pub fn lexemes(line: &[u8]) -> (Vec<Lexeme<'_>>, bool) {
    let mut pieces = Vec::new();
    let mut balanced = true;
    let mut rest = line;
    while let Some(&first) = rest.first() {
        let closed = match first {
            b'"' => quoted(rest),
            b'(' => comment(rest),
            b'<' => angle(rest),
            b'[' => literal(rest),
            b',' | b';' | b':' => Some(1),
            // Nothing was open.
            b')' | b'>' | b']' => {
                balanced = false;
                Some(1)
            }
            _ => Some(atom(rest)),
        };
        balanced &= closed.is_some();
        let (piece, after) = rest.split_at(closed.unwrap_or(rest.len()).clamp(1, rest.len()));
        pieces.push(match first {
            // Nobody can know what it would have been.
            _ if closed.is_none() => Lexeme::Blank,
            b',' | b';' | b':' => Lexeme::Separator(first),
            b'(' | b')' | b'>' | b']' => Lexeme::Blank,
            b'<' => Lexeme::Angle(bare(piece)),
            _ if first.is_ascii_whitespace() => Lexeme::Blank,
            _ => Lexeme::Word(piece),
        });
        rest = after;
    }
    (pieces, balanced)
}

/// The length of the quoted string that begins here; `None` if it doesn't end. So do the others below.
fn quoted(bytes: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (at, &byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Comments nest; counting, not recursion, because a stranger chooses the depth.
fn comment(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut escaped = false;
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(at + 1),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn angle(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    while let Some(rest) = bytes.get(at..) {
        match rest.first()? {
            b'>' => return Some(at + 1),
            b'"' => at += quoted(rest)?,
            _ => at += 1,
        }
    }
    None
}

fn literal(bytes: &[u8]) -> Option<usize> {
    let end = bytes.iter().position(|&byte| byte == b']')?;
    Some(end + 1)
}

fn atom(bytes: &[u8]) -> usize {
    let blank = bytes.first().is_some_and(u8::is_ascii_whitespace);
    bytes
        .iter()
        .position(|byte| byte.is_ascii_whitespace() != blank || b"\"()<>[],;:".contains(byte))
        .unwrap_or(bytes.len())
}

/// The address in a pair of angle brackets: comments and blanks outside of quotes taken out.
fn bare(angle: &[u8]) -> Vec<u8> {
    let mut address = Vec::with_capacity(angle.len());
    let mut rest = angle;
    while let Some(&first) = rest.first() {
        let length = match first {
            b'"' => quoted(rest).unwrap_or(rest.len()),
            b'(' => comment(rest).unwrap_or(rest.len()),
            _ => 1,
        };
        let (piece, after) = rest.split_at(length);
        let dropped = matches!(first, b'(' | b'<' | b'>') || first.is_ascii_whitespace();
        if !dropped {
            address.extend_from_slice(piece);
        }
        rest = after;
    }
    address
}
