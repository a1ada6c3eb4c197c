//! The logical lines of Postfix's files: main.cf, master.cf, lookup tables in text, and the files of SQL and LDAP tables.

pub(super) use crate::directory::table::words;

/// One logical line, and the lines of the file that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogicalLine {
    /// The numbers of its own lines from 0, without comments and empty lines between them.
    pub(super) lines: Vec<usize>,
    /// Its lines, joined.
    pub(super) text: String,
}

/// postconf(5): "A logical line starts with non-whitespace text. A line that starts with whitespace continues a logical
/// line." Comments and empty lines count for nothing, also between the lines of a logical one.
pub(super) fn logical_lines(text: &str) -> Vec<LogicalLine> {
    let mut found: Vec<LogicalLine> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        match found.last_mut() {
            Some(last) if line.len() > content.len() => {
                last.lines.push(number);
                last.text.push('\n');
                last.text.push_str(line.trim_end());
            }
            _ => found.push(LogicalLine {
                lines: vec![number],
                text: line.trim_end().to_owned(),
            }),
        }
    }
    found
}

/// `name = value`, with the lines of the value joined by blanks.
pub(super) fn assignment(line: &str) -> Option<(&str, String)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let is_name = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '{');
    let value: Vec<&str> = value.lines().map(str::trim).collect();
    is_name.then(|| (name, value.join(" ").trim().to_owned()))
}

/// The content of a file as text that becomes the same bytes again: UTF-8, or one character for each byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileText {
    pub(super) text: String,
    is_utf8: bool,
}

impl FileText {
    pub(super) fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self {
                text: text.to_owned(),
                is_utf8: true,
            },
            Err(_) => Self {
                text: bytes.iter().map(|&byte| char::from(byte)).collect(),
                is_utf8: false,
            },
        }
    }

    /// The bytes of another text in its place.
    pub(super) fn bytes_of(&self, text: &str) -> Vec<u8> {
        if self.is_utf8 {
            text.as_bytes().to_vec()
        } else {
            text.chars()
                .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_as_postfix_joins_them() {
        let text = "# x\na = b,\n  c\n\n# between\n\td\ne=f\n  # no end\n   g\nlast";
        let lines = logical_lines(text);
        let found: Vec<_> = lines
            .iter()
            .map(|line| (line.lines.as_slice(), assignment(&line.text)))
            .collect();
        assert_eq!(
            found,
            [
                (&[1, 2, 5][..], Some(("a", "b, c d".to_owned()))),
                (&[6, 8], Some(("e", "f g".to_owned()))),
                (&[9], None),
            ]
        );
    }

    #[test]
    fn what_stands_in_braces_is_one_word() {
        for (list, found) in [
            ("a, b\tc,,d", &["a", "b", "c", "d"][..]),
            (
                "{ inet:a:1, default_action = accept }, inet:b:2",
                &["{ inet:a:1, default_action = accept }", "inet:b:2"],
            ),
            (
                "inline:{ {a b=c}, d=e } hash:/x",
                &["inline:{ {a b=c}, d=e }", "hash:/x"],
            ),
            ("", &[]),
            ("}} a { b", &["}}", "a", "{ b"]),
        ] {
            assert_eq!(words(list), found, "{list}");
        }
    }

    #[test]
    fn bytes_come_back() {
        for bytes in [&b"caf\xc3\xa9 = x\n"[..], b"caf\xe9 = x\n\xff"] {
            let text = FileText::of(bytes);
            assert_eq!(text.bytes_of(&text.text), bytes);
        }
    }
}
