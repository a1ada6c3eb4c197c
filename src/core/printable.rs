//! Strangers' bytes made fit for a log line, a header or a terminal.

use std::fmt::Write;

/// Escapes everything but graphic ASCII as `\xNN`, the backslash and the quotation mark too, and cuts the rest off
/// after `limit` octets of input. What comes out is one word: no blank, no control character, nothing that could
/// end a line or begin another field.
pub fn printable(bytes: &[u8], limit: usize) -> String {
    let mut text = String::with_capacity(bytes.len().min(limit));
    for &byte in bytes.iter().take(limit) {
        if byte.is_ascii_graphic() && byte != b'\\' && byte != b'"' {
            text.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    if bytes.len() > limit {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_line_or_a_field() {
        assert_eq!(
            printable(b"a b\r\nid=1\0\"\\\xff", 99),
            "a\\x20b\\x0d\\x0aid=1\\x00\\x22\\x5c\\xff"
        );
        assert_eq!(printable(b"abcdef", 3), "abc...");
    }
}
