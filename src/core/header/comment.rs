//! Comments in structured fields (RFC 5322 section 3.2.2; RFC 2045 section 3 has them in MIME's fields too).

use memchr::memchr;

/// An unfolded value without its comments, which nest; a parenthesis in a quoted string begins none. Where one isn't
/// closed, all that follows is in it.
pub fn without_comments(line: &[u8]) -> Vec<u8> {
    if memchr(b'(', line).is_none() {
        return line.trim_ascii().to_vec();
    }
    let mut plain = Vec::with_capacity(line.len());
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut escaped = false;
    for &byte in line {
        let literal = escaped;
        escaped = !literal && byte == b'\\' && (quoted || depth > 0);
        if !literal && depth == 0 && byte == b'"' {
            quoted = !quoted;
        }
        let opens = !literal && !quoted && byte == b'(';
        let closes = !literal && depth > 0 && byte == b')';
        depth += usize::from(opens);
        if depth == 0 {
            plain.push(byte);
        }
        depth -= usize::from(closes);
    }
    plain.trim_ascii().to_vec()
}

/// Where the comment ends that the text begins with; at its end, where it isn't closed.
pub(in crate::core) fn comment_end(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_stands_outside_of_its_comments() {
        for (line, plain) in [
            ("base64", "base64"),
            ("base64 (as is)", "base64"),
            ("(as is)base64", "base64"),
            ("(a (b) c) base64 (d)(e)", "base64"),
            ("base64 (a \\) b)", "base64"),
            ("base64 (a", "base64"),
            // Elsewhere a backslash says nothing.
            ("base64 \\(a) b", "base64 \\ b"),
            ("base64)", "base64)"),
            (
                "multipart/mixed; boundary=\"a(b)c\" (d)",
                "multipart/mixed; boundary=\"a(b)c\"",
            ),
            ("x=\"a\\\"(b)\"(c)", "x=\"a\\\"(b)\""),
            ("x=a (\"b)\") c", "x=a \") c"),
            ("message(a)/(b)rfc822", "message/rfc822"),
            ("(", ""),
            ("", ""),
        ] {
            let found = without_comments(line.as_bytes());
            assert_eq!(
                found.escape_ascii().to_string(),
                plain.as_bytes().escape_ascii().to_string(),
                "{line}"
            );
        }
    }

    #[test]
    fn time_is_linear() {
        let nested = [b"(".repeat(60_000), b")".repeat(60_000)].concat();
        assert_eq!(without_comments(&nested), b"");
    }
}
