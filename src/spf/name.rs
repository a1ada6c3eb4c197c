//! Names that DNS can be asked for: what macro expansion makes is a stranger's text until it passes here.

use std::fmt;

use super::limits::{MAX_LABEL, MAX_NAME};

/// A name of two labels at least, within the limits of RFC 1035, of the octets that [`super::Lookup`] takes.
/// The case is kept as written, for `%{d}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(String);

impl Name {
    /// The name that a text means: one trailing dot is dropped, and labels are cut from the left until it fits
    /// into 253 octets (RFC 7208 section 7.3). `None` where no fully qualified name (4.8) comes of it.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.strip_suffix(b".").unwrap_or(bytes);
        let text = std::str::from_utf8(cut_to_fit(bytes)).ok()?;
        let labels_fit = text.split('.').all(|label| {
            (1..=MAX_LABEL).contains(&label.len())
                && label.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        });
        (labels_fit && text.contains('.')).then(|| Self(text.to_owned()))
    }

    /// The form that questions take.
    pub(super) fn question(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The name as written.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both are the same name.
    pub(super) fn is(&self, other: &Name) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }

    /// Whether this is `parent` itself or a name below it.
    pub(super) fn is_at_or_below(&self, parent: &Name) -> bool {
        self.is(parent)
            || self
                .question()
                .strip_suffix(&parent.question())
                .is_some_and(|rest| rest.ends_with('.'))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn cut_to_fit(mut bytes: &[u8]) -> &[u8] {
    while bytes.len() > MAX_NAME {
        match bytes.iter().position(|&byte| byte == b'.') {
            Some(dot) => bytes = bytes.get(dot + 1..).unwrap_or_default(),
            None => return b"",
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_before_they_are_asked() {
        for (text, name) in [
            (b"Example.org".as_slice(), Some("Example.org")),
            (b"example.org.", Some("example.org")),
            (b"_spf.example.org", Some("_spf.example.org")),
            (b"a+b=c.example.org", Some("a+b=c.example.org")),
            (b"\"a b\".example.org", Some("\"a b\".example.org")),
            (b"org", None),
            (b"", None),
            (b".", None),
            (b".example.org", None),
            (b"example.org..", None),
            (b"a..example.org", None),
            (b"a\0.example.org", None),
            (b"a\x7f.example.org", None),
            (b"\xc3\xa4.example.org", None),
            (b"\xff.example.org", None),
        ] {
            assert_eq!(
                Name::from_bytes(text).as_ref().map(Name::as_str),
                name,
                "{}",
                text.escape_ascii()
            );
        }
    }

    /// RFC 7208 section 7.3: "the left side is truncated to fit, by removing successive domain labels (and
    /// their following dots) until the total length does not exceed 253 characters".
    #[test]
    fn long_names_lose_labels_on_the_left() {
        let label = "a".repeat(49);
        let fits = [label.as_str(); 5].join(".") + ".cc";
        assert_eq!(fits.len(), 252);
        for (left, cut) in [
            ("", true),
            ("x.", true),
            ("xx.", true),
            ("xx.yy.", true),
            (&"y".repeat(70), false),
        ] {
            let name = Name::from_bytes(format!("{left}{fits}").as_bytes());
            let expected = if cut {
                fits.clone()
            } else {
                // The overlong label is the leftmost one, glued to the first of the others.
                [label.as_str(); 4].join(".") + ".cc"
            };
            assert_eq!(name.unwrap().as_str(), expected, "{left}");
        }
        assert!(Name::from_bytes("a".repeat(300).as_bytes()).is_none());
        assert!(Name::from_bytes(format!("{}.org", "a".repeat(64)).as_bytes()).is_none());
        assert!(Name::from_bytes(format!("{}.org", "a".repeat(63)).as_bytes()).is_some());
    }

    #[test]
    fn below_means_at_a_dot() {
        let parent = Name::from_bytes(b"Example.com").unwrap();
        for (text, below) in [
            ("example.COM", true),
            ("mail.example.com", true),
            ("mail.bad-example.com", false),
            ("badexample.com", false),
            ("other.com", false),
        ] {
            let name = Name::from_bytes(text.as_bytes()).unwrap();
            assert_eq!(name.is_at_or_below(&parent), below, "{text}");
        }
    }
}
