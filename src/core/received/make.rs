//! What wrote a line: not all makes write a client's name only where it leads back to the client's address.

use super::{is, lexeme::Lexeme};

/// The program that wrote a line, as far as it matters for how to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Make {
    /// Postfix, and Zimbra, which is built around it.
    Postfix,
    Sendmail,
    Exim,
    OpenSmtpd,
    CommuniGate,
    /// All others, and those that an administrator gave another name.
    Other,
}

impl Make {
    /// By the comment behind the host's name.
    pub(super) fn of<'a>(lexemes: impl Iterator<Item = &'a Lexeme<'a>>) -> Self {
        let own =
            lexemes.skip_while(|lexeme| !matches!(lexeme, Lexeme::Word(word) if is(word, "by")));
        let comments = own.filter_map(|lexeme| match lexeme {
            Lexeme::Comment(comment) => Some(*comment),
            Lexeme::Word(_) => None,
        });
        let mut makes = comments.filter_map(|comment| {
            let starts = |name: &str| comment.starts_with(name.as_bytes());
            Some(match comment {
                _ if starts("Postfix") => Self::Postfix,
                _ if is_version(comment) => Self::Sendmail,
                _ if starts("Exim ") => Self::Exim,
                b"OpenSMTPD" => Self::OpenSmtpd,
                _ if starts("CommuniGate Pro ") => Self::CommuniGate,
                _ => return None,
            })
        });
        makes.next().unwrap_or(Self::Other)
    }

    /// The client's name, where this make has seen it lead back to the address. `first` is the word behind `from`, and the
    /// comment, the one with the address.
    ///
    /// OpenSMTPD, Haraka, hMailServer, qmail and others write what the address leads to, which its owner can choose.
    pub(super) fn confirmed<'a>(self, first: &'a [u8], comment: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Postfix | Self::Sendmail => before_address(comment),
            Self::Exim => comment.starts_with(b"[").then_some(first),
            Self::CommuniGate => comment.ends_with(b"] verified").then_some(first),
            Self::OpenSmtpd | Self::Other => None,
        }
    }
}

/// `8.17.1/8.17.1`: Sendmail's own version, and that of its configuration.
fn is_version(comment: &[u8]) -> bool {
    let (number, rest) = comment.split_at(comment.iter().take_while(|byte| is_digit(byte)).count());
    !number.is_empty() && rest.starts_with(b".") && comment.contains(&b'/')
}

fn is_digit(byte: &u8) -> bool {
    byte.is_ascii_digit()
}

/// What Sendmail writes behind the address where its name does not lead back to it.
const FORGED: &[u8] = b"(may be forged)";

/// The name before an address: `name [ip]`; Sendmail may have asked the client who its user is: `user@name [ip]`.
fn before_address(comment: &[u8]) -> Option<&[u8]> {
    let at = comment.iter().rposition(|&byte| byte == b'[')?;
    let (name, address) = comment.split_at(at);
    let is_forged = address.windows(FORGED.len()).any(|window| window == FORGED);
    let name = name.rsplit(|&byte| byte == b'@').next()?.trim_ascii();
    let is_name = !name.is_empty() && !name.starts_with(b"[") && !is(name, "unknown");
    (is_name && !is_forged).then_some(name)
}

/// Whether a comment says that a program on the same host sent the message. Postfix: `(Postfix, from userid 1000)`; qmail and
/// nullmailer: `(qmail 123 invoked by uid 1000)`; Sendmail: `(from joe@host)`.
pub(super) fn is_submission(lexeme: &Lexeme<'_>) -> bool {
    let Lexeme::Comment(comment) = lexeme else {
        return false;
    };
    let has = |text: &[u8]| comment.windows(text.len()).any(|window| window == text);
    has(b", from userid ") || has(b" invoked by uid ") || comment.starts_with(b"from ")
}

/// The same for one behind the client's name. dma: `(uid 1000)`; OpenSMTPD: `(host [local])`.
pub(super) fn is_program(comment: &[u8]) -> bool {
    let uid = comment.strip_prefix(b"uid ");
    uid.is_some_and(|uid| !uid.is_empty() && uid.iter().all(is_digit))
        || comment.ends_with(b" [local]")
}
