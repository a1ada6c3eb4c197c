//! What is to be done when a rule holds, as `milter.yaml` writes it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, value::MapAccessDeserializer},
};

use super::Action;

/// What `milter.yaml` says is to be done when a rule holds: `reject`, or `{action: reject, monitor: true}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What to do.
    pub action: Action,
    /// Only say what would have been done, although the mode is `enforce`.
    pub monitor: bool,
}

impl Rule {
    /// A rule that acts.
    pub const fn new(action: Action) -> Self {
        Self {
            action,
            monitor: false,
        }
    }

    /// The stricter of two rules; this one, where they are equally strict. One that is only monitored is milder than any
    /// that acts.
    pub fn stricter(self, other: Self) -> Self {
        if other.strength() > self.strength() {
            other
        } else {
            self
        }
    }

    /// One that is only monitored is between those that act and those that don't.
    fn strength(self) -> (bool, u8) {
        let strength = match self.monitor && self.action.acts() {
            true => u8::MAX,
            false => self.action.strength(),
        };
        (self.action.acts() && !self.monitor, strength)
    }

    /// Whether it accepts everything, without a trace.
    pub fn accepts(self) -> bool {
        self.action == Action::Accept
    }
}

impl<'de> Deserialize<'de> for Rule {
    /// By hand, because an untagged serde enum would lose the line and column of a mistake.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Long {
            action: Action,
            #[serde(default)]
            monitor: bool,
        }

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Rule;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let actions = Action::ALL.map(Action::as_str).join(", ");
                write!(f, "an action ({actions}) or {{action: ..., monitor: true}}")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Rule, E> {
                Action::deserialize(de::value::StrDeserializer::new(word)).map(Rule::new)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Rule, A::Error> {
                let long = Long::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Rule {
                    action: long.action,
                    monitor: long.monitor,
                })
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_written_short_or_long() {
        for (yaml, rule) in [
            ("reject", Rule::new(Action::Reject)),
            ("{action: tag}", Rule::new(Action::Tag)),
            (
                "{action: reject, monitor: true}",
                Rule {
                    action: Action::Reject,
                    monitor: true,
                },
            ),
        ] {
            assert_eq!(serde_yaml::from_str::<Rule>(yaml).unwrap(), rule, "{yaml}");
        }
        for (yaml, says) in [
            ("rejct", "unknown variant `rejct`, expected one of `accept`"),
            ("{action: reject, monitr: true}", "unknown field `monitr`"),
            ("{monitor: true}", "missing field `action`"),
            ("7", "an action (accept"),
        ] {
            let error = serde_yaml::from_str::<Rule>(yaml).unwrap_err().to_string();
            assert!(error.contains(says), "{yaml}: {error}");
        }
    }
}
