//! Spans of time as `milter.yaml` writes them.

use std::{fmt, str::FromStr, time};

use serde::{Deserialize, Deserializer, de};

/// A span of time with its unit: `2s`, `500ms`, `1h 30m`. Whoever owns the setting checks its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(time::Duration);

impl Duration {
    /// So many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(time::Duration::from_secs(seconds))
    }

    /// So many thousandths of a second.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(time::Duration::from_millis(milliseconds))
    }
}

impl From<Duration> for time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl From<time::Duration> for Duration {
    fn from(duration: time::Duration) -> Self {
        Self(duration)
    }
}

/// Why a text is no span of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a duration; expected e.g. 2s, 500ms or 1h 30m", .0.escape_debug())]
pub struct DurationError(String);

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        humantime::parse_duration(text)
            .map(Self)
            .map_err(|_| DurationError(text.to_owned()))
    }
}

/// As `milter.yaml` has it: `30d`, `1h 30m`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u128, &str); 7] = [
            (24 * 3_600_000_000_000, "d"),
            (3_600_000_000_000, "h"),
            (60_000_000_000, "m"),
            (1_000_000_000, "s"),
            (1_000_000, "ms"),
            (1_000, "us"),
            (1, "ns"),
        ];
        let mut rest = self.0.as_nanos();
        if rest == 0 {
            return f.write_str("0s");
        }
        let mut separator = "";
        for (unit, name) in UNITS {
            if rest >= unit {
                write!(f, "{separator}{}{name}", rest / unit)?;
                separator = " ";
            }
            rest %= unit;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl de::Visitor<'_> for Text {
            type Value = Duration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration with its unit, e.g. 2s, 500ms or 1h 30m")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
                text.parse().map_err(E::custom)
            }
        }

        // Not deserialize_any: a bare number would be taken, and its unit guessed.
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, milliseconds) in [
            ("2s", Some(2_000)),
            ("500ms", Some(500)),
            ("1h 30m", Some(5_400_000)),
            ("0s", Some(0)),
            ("2", None),
            ("", None),
            ("-2s", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(
                text.parse().ok(),
                milliseconds.map(Duration::from_millis),
                "{text:?}"
            );
        }
        assert_eq!(Duration::from_millis(1_500).to_string(), "1s 500ms");
    }

    #[test]
    fn what_is_shown_can_be_written() {
        for text in ["0s", "500ms", "2s", "1h 30m", "7d", "400d", "1d 1ns", "2us"] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!(duration.to_string(), text);
        }
    }

    #[test]
    fn a_number_without_unit_is_told_what_is_missing() {
        let wrong = serde_yaml::from_str::<Duration>("2")
            .unwrap_err()
            .to_string();
        assert!(wrong.contains("500ms"), "{wrong}");
    }
}
