//! Names as text and on the wire.

use std::{fmt, net::IpAddr};

use hickory_resolver::proto::rr::{Name, RecordType};

/// What is asked, and what the cache is keyed by: a name in lower case (RFC 4343), and a type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    name: String,
    pub(super) record_type: RecordType,
}

impl Question {
    pub(super) fn new(name: &str, record_type: RecordType) -> Self {
        Self {
            name: name.to_ascii_lowercase(),
            record_type,
        }
    }

    /// Asks what an address maps back to (RFC 1035 section 3.5, RFC 3596 section 2.5).
    pub(super) fn reverse(address: IpAddr) -> Self {
        let name = Name::from(address.to_canonical());
        Self::new(&presentation(name.iter()), RecordType::PTR)
    }

    /// The name on the wire, label by label as it stands: names that macros made of a stranger's local part hold
    /// any character, and hickory's parsers would read escapes and IDNA into them. None for a name that DNS can't
    /// carry.
    pub(super) fn wire_name(&self) -> Option<Name> {
        Name::from_labels(self.name.split('.').map(str::as_bytes)).ok()
    }

    pub(super) fn size(&self) -> usize {
        size_of::<Self>() + self.name.len()
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.name.split('.').map(str::as_bytes);
        write!(f, "{} {}", self.record_type, presentation(labels))
    }
}

/// A name from the wire as text, without the trailing dot. An octet that is not printable ASCII, a dot or a backslash
/// in a label is `\DDD` (RFC 1035 section 5.1), so that dots only stand between labels.
pub(super) fn presentation<'a>(labels: impl Iterator<Item = &'a [u8]>) -> String {
    let mut text = String::new();
    for (index, label) in labels.enumerate() {
        if index > 0 {
            text.push('.');
        }
        for &byte in label {
            if byte.is_ascii_graphic() && byte != b'.' && byte != b'\\' {
                text.push(char::from(byte));
            } else {
                text.push_str(&format!("\\{byte:03}"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_characters() {
        let question = Question::new("A+b=c_d/*'\\.Example.ORG", RecordType::TXT);
        let name = question.wire_name().unwrap();
        assert_eq!(
            name.iter().collect::<Vec<_>>(),
            [b"a+b=c_d/*'\\".as_slice(), b"example", b"org"]
        );
        assert!(name.is_fqdn());
        assert_eq!(question.to_string(), "TXT a+b=c_d/*'\\092.example.org");
    }

    #[test]
    fn names_that_dns_cannot_carry_are_none() {
        for name in [
            "",
            "a..b",
            "example.org.",
            &"a".repeat(64),
            &vec!["a".repeat(63); 4].join("."),
        ] {
            assert!(
                Question::new(name, RecordType::A).wire_name().is_none(),
                "{name:?}"
            );
        }
    }

    #[test]
    fn addresses_are_reversed() {
        for (address, question) in [
            ("192.0.2.1", "PTR 1.2.0.192.in-addr.arpa"),
            ("::ffff:192.0.2.1", "PTR 1.2.0.192.in-addr.arpa"),
            (
                "2001:db8::1",
                "PTR 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            ),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(Question::reverse(address).to_string(), question);
        }
    }

    #[test]
    fn odd_octets_are_escaped() {
        let name = Name::from_labels([b"a.b\\c \xff\0".as_slice(), b"example"]).unwrap();
        assert_eq!(
            presentation(name.iter()),
            "a\\046b\\092c\\032\\255\\000.example"
        );
        assert_eq!(presentation(Name::root().iter()), "");
    }
}
