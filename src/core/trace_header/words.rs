//! A stranger's bytes as words of the grammars of RFC 5322, RFC 2045 and RFC 5321: never a control character, never
//! 8-bit but for the UTF-8 of an address, never longer than [`MAX_LENGTH`].

use std::borrow::Cow;

/// The most octets that a word is written with, quotes aside: more than any address that SMTP allows needs (RFC 5321
/// section 4.5.3.1), and far from where a line must end (998, RFC 5322 section 2.1.1).
pub(super) const MAX_LENGTH: usize = 480;

/// `dot-atom / quoted-string` (RFC 5322 sections 3.2.3 and 3.2.4).
pub(super) fn dot_atom_or_quoted(bytes: &[u8]) -> Cow<'_, str> {
    match plain(bytes, is_dot_string) {
        Some(text) => text.into(),
        None => quoted(bytes).into(),
    }
}

/// `value`: `token / quoted-string` (RFC 2045 section 5.1).
pub(super) fn token_or_quoted(bytes: &[u8]) -> Cow<'_, str> {
    match plain(bytes, is_token) {
        Some(text) => text.into(),
        None => quoted(bytes).into(),
    }
}

/// `quoted-string` (RFC 5322 section 3.2.4). Printable ASCII and blanks come through as they are; all else is
/// written as `\xNN`.
pub(super) fn quoted(bytes: &[u8]) -> String {
    escaped(['"', '"'], bytes, b"\"\\")
}

/// An address as `quoted-string`; none where it holds what no address can, because any replacement would be
/// another address. RFC 6532 section 3.1 allows UTF-8 in the headers of a message that was sent as such, and mail whose
/// sender has any was (RFC 6531 section 3.1; RFC 8616 section 5).
pub(super) fn quoted_address(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let written = text
        .chars()
        .all(|c| matches!(c, ' '..='~') || (!c.is_ascii() && is_visible(c)));
    let quoted = match text.contains(['\\', '"']) {
        true => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        false => ["\"", text, "\""].concat(),
    };
    (written && quoted.len() <= MAX_LENGTH).then_some(quoted)
}

/// Neither a control character, nor one that only changes how the others look.
fn is_visible(c: char) -> bool {
    let changes_others = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}'
    );
    !c.is_control() && !c.is_whitespace() && !changes_others
}

/// A comment (RFC 5322 section 3.2.2) with this text.
pub(super) fn comment(bytes: &[u8]) -> String {
    escaped(['(', ')'], bytes, b"()\\")
}

/// Writes what isn't printable as `\xNN`, a backslash before each of `specials`, and cuts off what is too long; all that
/// between two characters.
fn escaped([before, after]: [char; 2], bytes: &[u8], specials: &[u8]) -> String {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !specials.contains(byte);
    if bytes.len() <= MAX_LENGTH
        && bytes.iter().all(is_plain)
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        let mut whole = String::with_capacity(text.len() + 2);
        whole.push(before);
        whole.push_str(text);
        whole.push(after);
        return whole;
    }
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or('0');
    let mut text = String::with_capacity(bytes.len().min(MAX_LENGTH) + 16);
    text.push(before);
    let most = MAX_LENGTH + before.len_utf8();
    for &byte in bytes {
        let whole = text.len();
        match byte {
            _ if specials.contains(&byte) => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.extend(['\\', '\\', 'x', digit(byte >> 4), digit(byte & 0xf)]),
        }
        if text.len() > most {
            text.truncate(whole);
            text.push_str("...");
            break;
        }
    }
    text.push(after);
    text
}

/// The bytes as they are, where they keep the grammar and the length.
fn plain(bytes: &[u8], keeps: impl Fn(&[u8]) -> bool) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (text.len() <= MAX_LENGTH && keeps(bytes)).then_some(text)
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
        && bytes.iter().all(|byte| {
            byte.is_ascii_alphanumeric()
                || byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(byte)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Octet by octet, each with its own text.
        #[test]
        fn octets_are_escaped_one_by_one(
            bytes in proptest::collection::vec(prop_oneof![Just(b'('), Just(b'\\'), b' '..=b'~', any::<u8>()], 0..700),
        ) {
            let mut text = String::new();
            for byte in &bytes {
                let one = match byte {
                    b'(' | b')' | b'\\' => format!("\\{}", char::from(*byte)),
                    b' '..=b'~' => char::from(*byte).to_string(),
                    _ => format!("\\\\x{byte:02x}"),
                };
                if text.len() + one.len() > MAX_LENGTH {
                    text.push_str("...");
                    break;
                }
                text.push_str(&one);
            }
            prop_assert_eq!(comment(&bytes), format!("({text})"));
        }
    }
}
