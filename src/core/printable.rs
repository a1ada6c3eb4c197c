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

/// The same, but it is what comes out that is cut: at `most` characters, three dots included.
pub fn shortened(bytes: &[u8], most: usize) -> String {
    cut(printable(bytes, most), most)
}

/// An ASCII text, cut at `most` characters.
pub fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(most.saturating_sub("...".len()));
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
        assert_eq!(shortened(b"abcdef", 6), "abcdef");
        assert_eq!(shortened(b"abcdef", 5), "ab...");
        assert_eq!(shortened(b"\0\0\0", 8), "\\x00\\...");
    }
}
