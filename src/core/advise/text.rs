//! Records as zone files have them, and strangers' records as a terminal may have them.

use serde::Serialize;

pub(super) use crate::core::printable::counted;
use crate::core::printable::printable;

/// How much of a stranger's text is shown, in octets.
const MAX_SHOWN: usize = 400;
/// The longest line of a record.
const WIDTH: usize = 96;
/// The longest string of a TXT record where it has several, in octets: a line has room for it. DNS would take 255 (RFC 1035
/// section 3.3).
const MAX_STRING: usize = 72;

/// Words of a record, with everything escaped that is not visible ASCII or a blank between them.
pub(super) fn quoted(text: &[u8]) -> String {
    let shown = text.get(..MAX_SHOWN).unwrap_or(text);
    let words = shown.split(|&byte| byte == b' ');
    let mut quoted = words
        .map(|word| printable(word, MAX_SHOWN))
        .collect::<Vec<_>>()
        .join(" ");
    if text.len() > shown.len() {
        quoted.push_str("...");
    }
    quoted
}

/// A record that is ready to be pasted into a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ZoneRecord {
    /// Its full name, without the last dot.
    pub name: String,
    /// `TXT` or `MX`.
    pub kind: &'static str,
    /// In one piece, as forms of providers want it.
    pub value: String,
}

impl ZoneRecord {
    /// A TXT record.
    pub fn txt(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: "TXT",
            value: text.into(),
        }
    }

    /// The MX record of a domain that takes no mail (RFC 7505).
    pub fn null_mx(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: "MX",
            value: "0 .".to_owned(),
        }
    }

    /// The lines of a zone file: a TXT record in several strings where it is long, which receivers join again.
    pub fn lines(&self) -> Vec<String> {
        let Self { name, kind, value } = self;
        if *kind != "TXT" {
            return vec![format!("{name}. IN {kind} {value}")];
        }
        let one = format!("{name}. IN TXT \"{}\"", escaped(value));
        if one.len() <= WIDTH {
            return vec![one];
        }
        let mut lines = vec![format!("{name}. IN TXT (")];
        let strings = strings(value).into_iter();
        lines.extend(strings.map(|string| format!("    \"{}\"", escaped(string))));
        if let Some(last) = lines.last_mut() {
            last.push_str(" )");
        }
        lines
    }
}

/// A text in pieces, cut behind blanks where there are some.
fn strings(mut text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    while text.len() > MAX_STRING {
        let room = text.get(..MAX_STRING).unwrap_or(text);
        let cut = room.rfind([' ', ',']).map_or(room.len(), |blank| blank + 1);
        let (piece, rest) = text.split_at(cut);
        pieces.push(piece);
        text = rest;
    }
    pieces.push(text);
    pieces
}

/// RFC 1035 section 5.1: a quote and a backslash in a string have a backslash before them.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// A text as lines of at most so many characters, cut at blanks; what has none is not cut.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => {
                let mut rest = word;
                while rest.len() > width && rest.is_char_boundary(width) {
                    let (part, more) = rest.split_at(width);
                    lines.push(part.to_owned());
                    rest = more;
                }
                lines.push(rest.to_owned());
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_records_are_several_strings_that_join_to_the_same_text() {
        let includes: Vec<String> = (0..40)
            .map(|n| format!("include:_spf{n}.example"))
            .collect();
        let quote = "v=spf1 exists:%{l}.\"a\\b.example -all";
        for text in [
            "v=spf1 -all".to_owned(),
            format!("v=spf1 {} ~all", includes.join(" ")),
            format!("v=DKIM1; k=rsa; p={}", "A".repeat(700)),
            quote.to_owned(),
        ] {
            let lines = ZoneRecord::txt("example.org", text.as_str()).lines();
            assert!(lines.iter().all(|line| line.len() <= 100), "{lines:?}");
            let mut joined = String::new();
            for line in &lines {
                let Some((_, string)) = line.split_once('"') else {
                    continue;
                };
                let string = string.trim_end_matches(" )").strip_suffix('"').unwrap();
                let string = string.replace("\\\"", "\"").replace("\\\\", "\\");
                assert!(string.len() <= 255);
                joined.push_str(&string);
            }
            assert_eq!(joined, text);
        }
    }

    #[test]
    fn strangers_words_stay_words() {
        assert_eq!(
            quoted(b"v=spf1 a\x1b[31m  -all\n"),
            "v=spf1 a\\x1b[31m  -all\\x0a"
        );
        assert!(quoted(&[b'x'; 5000]).len() < 410);
    }

    #[test]
    fn lines_are_cut_at_blanks() {
        assert_eq!(wrapped("a bb ccc dddd", 6), ["a bb", "ccc", "dddd"]);
        assert_eq!(wrapped("abcdefgh", 5), ["abcde", "fgh"]);
    }
}
