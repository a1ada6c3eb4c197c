//! The entry of `milter.yaml` that decided.

use std::fmt;

use crate::core::printable::shortened;

/// The longest name of an entry, in characters.
const MAX_LENGTH: usize = 80;

/// The entry of a list in `milter.yaml` that decided, or that vouched for what nothing else spoke against: which zone,
/// rule, pattern, address or network, under which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    key: &'static str,
    name: String,
}

impl Entry {
    /// The entry under `key` that stands there as `written`.
    pub fn new(key: &'static str, written: impl fmt::Display) -> Self {
        Self {
            key,
            name: one_word(written.to_string().as_bytes()),
        }
    }
}

impl fmt::Display for Entry {
    /// `dnsbl:ips.backscatterer.org`: one word, which holds no blank, comma or semicolon.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key, self.name)
    }
}

/// The commas and semicolons of a pattern would divide what X-Backstop says.
fn one_word(written: &[u8]) -> String {
    let word = shortened(written, MAX_LENGTH);
    word.replace(',', "\\x2c").replace(';', "\\x3b")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_bounded_word() {
        let long = "x".repeat(1000);
        let cut = format!("headers:{}...", "x".repeat(MAX_LENGTH - 3));
        for (key, written, shown) in [
            (
                "dnsbl",
                "ips.backscatterer.org",
                "dnsbl:ips.backscatterer.org",
            ),
            (
                "recipients.rules",
                "shop-[a-z]{2,3};? x",
                "recipients.rules:shop-[a-z]{2\\x2c3}\\x3b?\\x20x",
            ),
            (
                "recipients.rules",
                "b\u{fc}ro\r\n",
                "recipients.rules:b\\xc3\\xbcro\\x0d\\x0a",
            ),
            (
                "exempt.clients",
                "2001:db8::/32",
                "exempt.clients:2001:db8::/32",
            ),
            ("headers", long.as_str(), cut.as_str()),
        ] {
            assert_eq!(Entry::new(key, written).to_string(), shown);
        }
    }
}
