//! A stranger's bytes as words of the grammars of RFC 5322, RFC 2045 and RFC 5321: never a control character, never
//! 8-bit, never longer than [`LONGEST`].

/// The most octets that a word is written with, quotes aside: more than any address that SMTP allows needs (RFC 5321
/// section 4.5.3.1), and far from where a line must end (998, RFC 5322 section 2.1.1).
pub(super) const LONGEST: usize = 480;

/// The longest local part, in octets (RFC 5321 section 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;

/// `dot-atom / quoted-string` (RFC 5322 sections 3.2.3 and 3.2.4).
pub(super) fn dot_atom_or_quoted(bytes: &[u8]) -> String {
    match plain(bytes, is_dot_string) {
        Some(text) => text.to_owned(),
        None => quoted(bytes),
    }
}

/// `value`: `token / quoted-string` (RFC 2045 section 5.1).
pub(super) fn token_or_quoted(bytes: &[u8]) -> String {
    match plain(bytes, is_token) {
        Some(text) => text.to_owned(),
        None => quoted(bytes),
    }
}

/// An address as `pvalue` of RFC 8601 section 2.2, which may leave the local part out. It is left out where it isn't
/// a dot-string of legal length: SPF speaks for the domain alone, and programs that read this header by regular
/// expression shall not read what a stranger put between quotes.
pub(super) fn address_pvalue(local: &[u8], domain: &str) -> String {
    let local = plain(local, is_dot_string).filter(|local| local.len() <= LONGEST_LOCAL);
    match (local, plain(domain.as_bytes(), is_token)) {
        (Some(local), Some(domain)) => {
            let address = format!("{local}@{domain}");
            // `=` is legal in a local part, and BATV and SRS write it, but it misleads careless readers.
            if is_domain_name(domain) && !local.contains('=') {
                address
            } else {
                quoted(address.as_bytes())
            }
        }
        _ => token_or_quoted(domain.as_bytes()),
    }
}

/// `quoted-string` (RFC 5322 section 3.2.4). Printable ASCII and blanks come through as they are; all else is told as
/// `\xNN`, because RFC 6532 allows UTF-8 only in messages that were sent as such.
pub(super) fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", escaped(bytes, b"\"\\"))
}

/// Text for a comment (RFC 5322 section 3.2.2), without its parentheses.
pub(super) fn comment_text(bytes: &[u8]) -> String {
    escaped(bytes, b"()\\")
}

/// Writes what isn't printable as `\xNN`, a backslash before each of `specials`, and cuts off what is too long.
fn escaped(bytes: &[u8], specials: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        let character = match byte {
            _ if specials.contains(&byte) => format!("\\{}", char::from(byte)),
            b' '..=b'~' => char::from(byte).to_string(),
            _ => format!("\\\\x{byte:02x}"),
        };
        if text.len() + character.len() > LONGEST {
            text.push_str("...");
            break;
        }
        text.push_str(&character);
    }
    text
}

/// The bytes as they are, where they keep the grammar and the length.
fn plain(bytes: &[u8], keeps: impl Fn(&[u8]) -> bool) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (text.len() <= LONGEST && keeps(bytes)).then_some(text)
}

/// `dot-atom-text` of RFC 5322 section 3.2.3, which is `Dot-string` of RFC 5321 section 4.1.2 too.
fn is_dot_string(bytes: &[u8]) -> bool {
    bytes.split(|&byte| byte == b'.').all(|atom| {
        !atom.is_empty()
            && atom
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(byte))
    })
}

/// `token` of RFC 2045 section 5.1.
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(byte))
}

/// `domain-name` of RFC 6376 section 3.5: two labels or more, and no underscore.
fn is_domain_name(domain: &str) -> bool {
    domain.contains('.')
        && domain.split('.').all(|label| {
            !label.starts_with('-')
                && !label.ends_with('-')
                && !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}
