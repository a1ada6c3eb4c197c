//! Strangers' bytes made fit for a log line, a header or a terminal.

use std::fmt::{self, Display, Formatter};

/// Escapes everything but graphic ASCII as `\xNN`, the backslash and the quotation mark too, and cuts the rest off
/// after `limit` octets of input. What comes out is one word: no blank, no control character, nothing that could
/// end a line or begin another field.
pub fn printable(bytes: &[u8], limit: usize) -> String {
    Printable { bytes, limit }.to_string()
}

/// The same, for what is written anyway.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a> {
    /// What a stranger wrote.
    pub bytes: &'a [u8],
    /// How many octets of it are shown.
    pub limit: usize,
}

impl Display for Printable<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\' && byte != b'"';
        let mut rest = self.bytes.get(..self.limit).unwrap_or(self.bytes);
        while !rest.is_empty() {
            let odd = rest.iter().position(|&byte| !is_plain(byte));
            let (plain, later) = rest.split_at(odd.unwrap_or(rest.len()));
            f.write_str(str::from_utf8(plain).unwrap_or_default())?;
            rest = match later.split_first() {
                Some((odd, rest)) => {
                    write!(f, "\\x{odd:02x}")?;
                    rest
                }
                None => later,
            };
        }
        if self.bytes.len() > self.limit {
            f.write_str("...")?;
        }
        Ok(())
    }
}

/// The same, but it is what comes out that is cut: at `most` characters, three dots included.
pub fn shortened(bytes: &[u8], most: usize) -> String {
    cut(printable(bytes, most), most)
}

/// `1 message`, `2 messages`.
pub fn counted(number: u64, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        number => format!("{number} {thing}s"),
    }
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
