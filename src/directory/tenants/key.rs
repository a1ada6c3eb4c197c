//! The keys that a tenant may set for its own domain.

use serde::Deserialize;

/// A key of a row of `tenants`; `tenants.allow` names those that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum TenantKey {
    /// `mode`.
    #[serde(rename = "mode")]
    Mode,
    /// `catch_all` of an entry of `recipients`.
    #[serde(rename = "catch_all")]
    CatchAll,
    /// `unknown` of an entry of `recipients`.
    #[serde(rename = "unknown")]
    Unknown,
    /// `null_sender.never_send`.
    #[serde(rename = "never_send")]
    NeverSend,
    /// `proof.unproven`.
    #[serde(rename = "unproven")]
    Unproven,
    /// `proof.unproven_replies`.
    #[serde(rename = "unproven_replies")]
    UnprovenReplies,
    /// `siege.unproven`.
    #[serde(rename = "siege.unproven")]
    SiegeUnproven,
    /// `siege.catch_all`.
    #[serde(rename = "siege.catch_all")]
    SiegeCatchAll,
    /// `exempt.recipients`.
    #[serde(rename = "exempt.recipients")]
    ExemptRecipients,
}

impl TenantKey {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Mode,
        Self::CatchAll,
        Self::Unknown,
        Self::NeverSend,
        Self::Unproven,
        Self::UnprovenReplies,
        Self::SiegeUnproven,
        Self::SiegeCatchAll,
        Self::ExemptRecipients,
    ];

    /// The word in `tenants.allow` and in a file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::CatchAll => "catch_all",
            Self::Unknown => "unknown",
            Self::NeverSend => "never_send",
            Self::Unproven => "unproven",
            Self::UnprovenReplies => "unproven_replies",
            Self::SiegeUnproven => "siege.unproven",
            Self::SiegeCatchAll => "siege.catch_all",
            Self::ExemptRecipients => "exempt.recipients",
        }
    }

    /// By its name in a file.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.as_str() == name)
    }

    /// By the name of a column, in any case; a dot needs quotes in SQL, so an underscore is one too.
    pub fn of_column(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let is_it = |key: &Self| key.as_str() == name || key.as_str().replace('.', "_") == name;
        Self::ALL.into_iter().find(is_it)
    }

    /// What stands in such a place.
    pub fn expected(self) -> &'static str {
        match self {
            Self::Mode => "monitor or enforce",
            Self::CatchAll | Self::Unknown | Self::SiegeCatchAll => {
                "{mail: accept, bounces: reject}, each one of accept, tag, tempfail and reject"
            }
            Self::Unproven | Self::UnprovenReplies | Self::SiegeUnproven => {
                "accept, tag, tempfail or reject, or {action: reject, monitor: true}"
            }
            Self::NeverSend | Self::ExemptRecipients => {
                "a list of addresses of this domain, such as `noreply, news` or [noreply, news]"
            }
        }
    }

    /// Whether its value is a list, which an attribute can write as several values.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::NeverSend | Self::ExemptRecipients)
    }
}

/// Words as in messages: `mode, catch_all`.
pub(super) fn words(keys: &[TenantKey]) -> String {
    let words: Vec<_> = keys.iter().map(|key| key.as_str()).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_word_and_its_column_two() {
        for key in TenantKey::ALL {
            let word = key.as_str();
            assert_eq!(serde_yaml::from_str::<TenantKey>(word).unwrap(), key);
            assert_eq!(TenantKey::named(word), Some(key));
            for column in [word.to_owned(), word.replace('.', "_"), word.to_uppercase()] {
                assert_eq!(TenantKey::of_column(&column), Some(key), "{column}");
            }
        }
        for other in ["", "domain", "siege", "unproven ", "Mode"] {
            assert_eq!(TenantKey::named(other), None, "{other}");
        }
    }
}
