//! `headers:` of `milter.yaml`: a header, a pattern for its decoded value, and what is to be done.

mod matches;

use std::{collections::HashMap, fmt, ops::Deref};

use serde::{Deserialize, Deserializer, de};

use super::{
    pattern::{DomainPattern, Expression, Index, Texts},
    verdict::{Action, Rule},
};
pub use matches::Matches;

/// How much of a decoded value a pattern sees, in octets. A spammer can make headers of 60 KB, many of them.
pub const MAX_SUBJECT: usize = 8 * 1024;
/// The longest reply text of the administrator's own, in octets: it fits one reply line with its codes.
const MAX_TEXT: usize = 400;

/// One entry of `headers:`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderRule {
    /// The header's name.
    pub header: HeaderName,
    /// A regular expression for its unfolded, decoded value; it can match anywhere in it.
    #[serde(rename = "match")]
    pub pattern: HeaderPattern,
    /// Which mail it is for.
    #[serde(default)]
    pub when: When,
    /// The recipients' domains it is for; empty for all.
    #[serde(default)]
    pub domains: Vec<DomainPattern>,
    /// What to do.
    pub action: Action,
    /// Only say what would have been done.
    #[serde(default)]
    pub monitor: bool,
    /// What a refusal says.
    #[serde(default)]
    pub text: Option<ReplyText>,
}

impl HeaderRule {
    /// What to do.
    pub fn rule(&self) -> Rule {
        Rule {
            action: self.action,
            monitor: self.monitor,
        }
    }
}

/// All entries of `headers:`, in the order of the file. A thousand of them cost a message what one does.
#[derive(Clone, Debug, Default)]
pub struct HeaderRules {
    rules: Vec<HeaderRule>,
    /// The rules for each header, by its name in lower case.
    by_name: HashMap<Vec<u8>, OfName>,
}

/// The rules for one header.
#[derive(Clone, Debug, Default)]
struct OfName {
    /// Their places among all.
    places: Vec<usize>,
    index: Index,
}

impl HeaderRules {
    /// The rules that may match this value of a header with this name in lower case, and their places, in order.
    fn candidates(&self, name: &[u8], value: &str) -> impl Iterator<Item = (usize, &HeaderRule)> {
        let of_name = self.by_name.get(name);
        of_name.into_iter().flat_map(|of_name| {
            let candidates = of_name.index.candidates(seen(value).as_bytes());
            let places = candidates
                .into_iter()
                .filter_map(|number| of_name.places.get(number));
            places.filter_map(|&place| Some((place, self.rules.get(place)?)))
        })
    }

    /// Whether there are rules for a header with this name in lower case.
    fn has(&self, name: &[u8]) -> bool {
        self.by_name.contains_key(name)
    }
}

impl From<Vec<HeaderRule>> for HeaderRules {
    fn from(rules: Vec<HeaderRule>) -> Self {
        let mut by_name: HashMap<Vec<u8>, OfName> = HashMap::new();
        for (place, rule) in rules.iter().enumerate() {
            let name = rule.header.0.to_ascii_lowercase().into_bytes();
            by_name.entry(name).or_default().places.push(place);
        }
        for of_name in by_name.values_mut() {
            let rules = of_name.places.iter().filter_map(|&place| rules.get(place));
            of_name.index = Index::new(rules.map(|rule| &rule.pattern.0));
        }
        Self { rules, by_name }
    }
}

impl Deref for HeaderRules {
    type Target = [HeaderRule];

    fn deref(&self) -> &[HeaderRule] {
        &self.rules
    }
}

/// Which mail a header rule is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Mail with the null sender.
    NullSender,
    /// Notifications, with any sender.
    Notification,
    /// Everything that is no notification.
    Mail,
    /// Every message.
    #[default]
    Always,
}

impl When {
    /// Whether it is for mail with a null sender, or not; and for a notification, or not.
    pub fn includes(self, null_sender: bool, notification: bool) -> bool {
        match self {
            Self::NullSender => null_sender,
            Self::Notification => notification,
            Self::Mail => !notification,
            Self::Always => true,
        }
    }
}

/// A header field's name (RFC 5322 section 2.2: printable ASCII without the colon), which compares without case. No field
/// that anybody writes has a `*` in it: that would be a pattern, and match none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderName(String);

impl HeaderName {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for HeaderName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let named = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b':' && byte != b'*');
        if !named {
            let shown = name.escape_debug();
            let why = format!(
                "`{shown}` is not a header's name; expected e.g. Subject, without the colon"
            );
            return Err(de::Error::custom(why));
        }
        Ok(Self(name))
    }
}

/// A regular expression on a header's value; letters match in either case.
#[derive(Clone, Debug)]
pub struct HeaderPattern(Expression);

impl HeaderPattern {
    /// Whether it matches somewhere in the first [`MAX_SUBJECT`] octets.
    pub fn matches(&self, value: &str) -> bool {
        self.0.matches(seen(value).as_bytes())
    }
}

/// What a pattern sees of a value.
fn seen(value: &str) -> &str {
    let end = value.floor_char_boundary(MAX_SUBJECT);
    value.get(..end).unwrap_or(value)
}

impl<'de> Deserialize<'de> for HeaderPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Expression::new(String::deserialize(deserializer)?, Texts::Utf8)
            .map(Self)
            .map_err(de::Error::custom)
    }
}

/// Text for an SMTP reply: printable ASCII (RFC 5321 section 4.2.1), at most 400 octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyText(String);

impl fmt::Display for ReplyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ReplyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let printable = text
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if text.is_empty() || text.len() > MAX_TEXT || !printable {
            let why = format!(
                "this can't be the text of an SMTP reply; expected 1 to {MAX_TEXT} printable ASCII \
                 characters, in one line"
            );
            return Err(de::Error::custom(why));
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        let rule: HeaderRule = serde_yaml::from_str(
            "{header: Subject, match: 'lottery|casino', when: null_sender, domains: [example.org], \
             action: reject, text: 'No games, please'}",
        )
        .unwrap();
        assert!(rule.pattern.matches("You WON the Lottery"));
        assert!(!rule.pattern.matches("minutes of the meeting"));
        assert_eq!(
            (rule.when, rule.rule()),
            (When::NullSender, Rule::new(Action::Reject))
        );
        for (wrong, says) in [
            (
                "{header: 'Subject:', match: x, action: tag}",
                "without the colon",
            ),
            (
                "{header: Subject, match: '(', action: tag}",
                "unclosed group",
            ),
            (
                "{header: Subject, match: '(\\w{999}){999}', action: tag}",
                "size limit",
            ),
            ("{header: Subject, match: x}", "missing field `action`"),
            (
                "{header: Subject, match: x, action: tag, when: never}",
                "`null_sender`",
            ),
            (
                "{header: Subject, match: x, action: reject, text: 'nö'}",
                "printable ASCII",
            ),
        ] {
            let error = serde_yaml::from_str::<HeaderRule>(wrong)
                .unwrap_err()
                .to_string();
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_reply_has_room_for_some_lines() {
        for (length, fits) in [
            (0, false),
            (1, true),
            (400, true),
            (401, false),
            (500, false),
        ] {
            let text = "x".repeat(length);
            let read = serde_yaml::from_str::<ReplyText>(&format!("'{text}'"));
            assert_eq!(read.map(|read| read.to_string()).ok(), fits.then_some(text));
        }
    }

    #[test]
    fn long_values_are_seen_in_part() {
        let rule: HeaderRule =
            serde_yaml::from_str("{header: X, match: needle, action: tag}").unwrap();
        let hay = "\u{e4}".repeat(MAX_SUBJECT);
        assert!(!rule.pattern.matches(&format!("{hay}needle")));
        assert!(rule.pattern.matches(&format!("needle{hay}")));
    }
}
