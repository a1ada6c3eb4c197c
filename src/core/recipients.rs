//! What a recipient is to its domain, and what that class answers to mail and to bounces.

mod entries;
mod scope;

use std::{fmt, ops::Deref};

use serde::Deserialize;

pub use self::{
    entries::Recipients,
    scope::{Scope, Scopes},
};
use super::{
    address::Mailbox,
    outside::Unanswered,
    pattern::{Index, LocalPartPattern},
    verdict::{Action, Rule},
};

/// What a recipient is to its domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A list knows it.
    Known,
    /// The rule with this number, from 1, matches its local part.
    Rule(usize),
    /// Neither; the domain takes such mail all the same.
    CatchAll,
    /// Neither; the domain has no catch-all.
    Unknown,
}

impl Class {
    /// The reason's code for it.
    pub fn code(self, bounce: bool) -> &'static str {
        match (self, bounce) {
            (Self::Known, true) => "known_bounce",
            (Self::Known, false) => "known_mail",
            (Self::Rule(_), true) => "rule_bounce",
            (Self::Rule(_), false) => "rule_mail",
            (Self::CatchAll, true) => "catch_all_bounce",
            (Self::CatchAll, false) => "catch_all_mail",
            (Self::Unknown, true) => "unknown_bounce",
            (Self::Unknown, false) => "unknown_mail",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known => f.write_str("known"),
            Self::Rule(number) => write!(f, "rule {number}"),
            Self::CatchAll => f.write_str("catch-all"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// Whether the lists of a domain know a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// One does: which, for the administrator.
    Listed(String),
    /// None does.
    NotListed,
    /// A list that might has never been readable.
    Unanswered(Unanswered),
}

/// What a class answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassAnswer {
    /// To mail with a sender.
    pub mail: Rule,
    /// To mail with the null sender.
    pub bounces: Rule,
}

impl Default for ClassAnswer {
    fn default() -> Self {
        Self {
            mail: Rule::new(Action::Accept),
            bounces: Rule::new(Action::Accept),
        }
    }
}

impl ClassAnswer {
    /// To mail, or to bounces.
    pub fn rule(self, bounce: bool) -> Rule {
        if bounce { self.bounces } else { self.mail }
    }
}

/// What a pattern on the local part answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalPartRule {
    /// A regular expression for the whole local part, in lower case and without quotes.
    #[serde(rename = "match")]
    pub pattern: LocalPartPattern,
    /// To mail with a sender.
    #[serde(default = "accept")]
    pub mail: Rule,
    /// To mail with the null sender; none where the file leaves it out, which accepts it.
    #[serde(default)]
    pub bounces: Option<Rule>,
}

fn accept() -> Rule {
    Rule::new(Action::Accept)
}

/// The rules of a domain, in the order of the file. A thousand of them cost a message what one does.
#[derive(Clone, Debug, Default)]
pub struct LocalPartRules {
    rules: Vec<LocalPartRule>,
    index: Index,
}

impl LocalPartRules {
    /// The first whose pattern matches, and its place.
    fn first(&self, mailbox: &Mailbox) -> Option<(usize, &LocalPartRule)> {
        if self.rules.is_empty() {
            return None;
        }
        let (local, unquoted) = (mailbox.local_key(), mailbox.local_unquoted());
        let mut places = self.index.candidates(&local);
        if unquoted != local {
            places.extend(self.index.candidates(&unquoted));
            places.sort_unstable();
        }
        let mut rules = places
            .into_iter()
            .filter_map(|place| Some((place, self.rules.get(place)?)));
        rules.find(|(_, rule)| rule.pattern.matches(&local) || rule.pattern.matches(&unquoted))
    }
}

impl From<Vec<LocalPartRule>> for LocalPartRules {
    fn from(rules: Vec<LocalPartRule>) -> Self {
        let index = Index::of(rules.iter().map(|rule| &rule.pattern));
        Self { rules, index }
    }
}

impl Deref for LocalPartRules {
    type Target = [LocalPartRule];

    fn deref(&self) -> &[LocalPartRule] {
        &self.rules
    }
}

/// What the domains of one entry answer to each class of recipients.
#[derive(Clone, Debug)]
pub struct DomainRecipients {
    /// The domains.
    pub scope: Scope,
    /// Whether there are lists to ask. Without any, nobody is known.
    pub has_lists: bool,
    /// The first that matches answers.
    pub rules: LocalPartRules,
    /// The class of what no list and no rule knows: [`Class::CatchAll`] or [`Class::Unknown`].
    pub rest: Class,
    /// What that class answers.
    pub rest_answer: ClassAnswer,
}

impl DomainRecipients {
    /// The rule, and its number from 1, by which the file says that this recipient gets bounces: one that leaves it out
    /// doesn't say so.
    pub fn takes_bounces(
        &self,
        mailbox: &Mailbox,
        known: &Known,
    ) -> Option<(usize, &LocalPartRule)> {
        let (Class::Rule(number), _) = self.named(mailbox, known, true)? else {
            return None;
        };
        let rule = self.rules.get(number.checked_sub(1)?)?;
        let accepts = rule.bounces.is_some_and(Rule::accepts);
        accepts.then_some((number, rule))
    }

    /// The class of a recipient that a list or a rule knows, and what that answers; none for the rest.
    pub fn named(&self, mailbox: &Mailbox, known: &Known, bounce: bool) -> Option<(Class, Rule)> {
        if let Known::Listed(_) = known {
            return Some((Class::Known, accept()));
        }
        let (index, rule) = self.rules.first(mailbox)?;
        let answer = match bounce {
            true => rule.bounces.unwrap_or(accept()),
            false => rule.mail,
        };
        Some((Class::Rule(index + 1), answer))
    }
}

/// The forms under which a list can know a local part: as it is, then without its extension
/// (`user` for `user+shop`), divided at the first delimiter as Postfix does.
pub fn lookup_keys<'a>(local_key: &'a [u8], delimiters: &str) -> impl Iterator<Item = &'a [u8]> {
    let cut = local_key
        .iter()
        .position(|byte| delimiters.as_bytes().contains(byte));
    let base = cut
        .filter(|&at| at > 0 && !is_undivided(local_key, delimiters))
        .and_then(|at| local_key.get(..at));
    std::iter::once(local_key).chain(base)
}

/// What Postfix never divides: its own addresses, and where a dash divides, those of a list's owner and for requests to it
/// (`owner_request_special`).
fn is_undivided(local_key: &[u8], delimiters: &str) -> bool {
    let for_a_list = || {
        local_key.starts_with(b"owner-")
            || local_key
                .strip_suffix(b"-request")
                .is_some_and(|list| !list.is_empty())
    };
    matches!(local_key, b"mailer-daemon" | b"double-bounce")
        || delimiters.contains('-') && for_a_list()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> DomainRecipients {
        let rules = "[{match: 'shop-[a-z0-9]+', bounces: reject}, {match: 'x|y', mail: tempfail}]";
        DomainRecipients {
            scope: "example.org".parse().unwrap(),
            has_lists: true,
            rules: serde_yaml::from_str::<Vec<_>>(rules).unwrap().into(),
            rest: Class::CatchAll,
            rest_answer: ClassAnswer {
                mail: Rule::new(Action::Accept),
                bounces: Rule::new(Action::Reject),
            },
        }
    }

    #[test]
    fn the_first_class_that_fits_answers() {
        let listed = || Known::Listed("inline".to_owned());
        let one = |class, action| Some((class, Rule::new(action)));
        for (local, known, bounce, answer) in [
            ("info", listed(), true, one(Class::Known, Action::Accept)),
            ("shop-a1", listed(), true, one(Class::Known, Action::Accept)),
            (
                "SHOP-a1",
                Known::NotListed,
                true,
                one(Class::Rule(1), Action::Reject),
            ),
            (
                "\"shop-a1\"",
                Known::NotListed,
                true,
                one(Class::Rule(1), Action::Reject),
            ),
            (
                "shop-a1",
                Known::NotListed,
                false,
                one(Class::Rule(1), Action::Accept),
            ),
            ("shop-a1-", Known::NotListed, true, None),
            ("xx", Known::NotListed, false, None),
            (
                "y",
                Known::NotListed,
                false,
                one(Class::Rule(2), Action::Tempfail),
            ),
            (
                "y",
                Known::NotListed,
                true,
                one(Class::Rule(2), Action::Accept),
            ),
        ] {
            let mailbox = Mailbox::from_bytes(format!("{local}@example.org").as_bytes());
            let found = shop().named(&mailbox, &known, bounce);
            assert_eq!(found, answer, "{local} {bounce}");
        }
    }

    #[test]
    fn extensions_are_looked_up_both_ways() {
        let keys = |local: &'static str, delimiters| {
            lookup_keys(local.as_bytes(), delimiters)
                .map(|key| String::from_utf8(key.to_vec()).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(keys("user+a-b", "+"), ["user+a-b", "user"]);
        assert_eq!(keys("user-a+b", "+-"), ["user-a+b", "user"]);
        assert_eq!(keys("+a", "+"), ["+a"]);
        for whole in [
            "mailer-daemon",
            "double-bounce",
            "owner-news",
            "news-request",
            "news+x-request",
        ] {
            assert_eq!(keys(whole, "+-"), [whole]);
        }
        assert_eq!(keys("-request", "-"), ["-request"]);
        assert_eq!(keys("owner+news", "+"), ["owner+news", "owner"]);
        assert_eq!(keys("news+x-request", "+"), ["news+x-request", "news"]);
        assert_eq!(keys("user+a", ""), ["user+a"]);
    }
}
