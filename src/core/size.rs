//! Amounts of octets as `milter.yaml` writes them.

use std::{fmt, str::FromStr};

use super::serde_text::deserialize_from_str;

const KIB: usize = 1024;
const MIB: usize = KIB * KIB;

/// An amount of octets with its unit: `64K`, `1M`, each 1024 of what is below. Whoever owns the setting checks its
/// bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(usize);

impl Size {
    /// So many times 1024 octets.
    pub const fn kib(count: usize) -> Self {
        Self(count.saturating_mul(KIB))
    }

    /// In octets.
    pub fn octets(self) -> usize {
        self.0
    }
}

/// Why a text is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a size; expected e.g. 64K or 1M", .0.escape_debug())]
pub struct SizeError(String);

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let wrong = || SizeError(text.to_owned());
        let (digits, unit) = match (text.strip_suffix('K'), text.strip_suffix('M')) {
            (Some(digits), _) => (digits, KIB),
            (_, Some(digits)) => (digits, MIB),
            _ => return Err(wrong()),
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let count: usize = digits.parse().map_err(|_| wrong())?;
        count.checked_mul(unit).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 0 && self.0.is_multiple_of(MIB) {
            write!(f, "{}M", self.0 / MIB)
        } else {
            write!(f, "{}K", self.0 / KIB)
        }
    }
}

deserialize_from_str!(Size);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, octets) in [
            ("64K", Some(65_536)),
            ("1M", Some(1_048_576)),
            ("1024K", Some(1_048_576)),
            ("0K", Some(0)),
            ("64", None),
            ("64k", None),
            ("64KB", None),
            ("+4K", None),
            ("-4K", None),
            ("K", None),
            ("", None),
            ("18446744073709551615M", None),
        ] {
            assert_eq!(
                text.parse::<Size>().ok().map(Size::octets),
                octets,
                "{text:?}"
            );
        }
        for text in ["64K", "1M", "1025K", "0K"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        let wrong = serde_yaml::from_str::<Size>("65536")
            .unwrap_err()
            .to_string();
        assert!(wrong.contains("64K or 1M"), "{wrong}");
    }
}
