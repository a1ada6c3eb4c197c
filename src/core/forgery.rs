//! A stranger who claims to be one of us.

use std::{collections::HashSet, sync::LazyLock};

use serde::Deserialize;

use super::{
    address::Domain,
    pattern::DomainPattern,
    verdict::{Action, Rule},
};

/// Where anybody can get an address.
static MAILBOX_PROVIDERS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let lines = include_str!("forgery/mailbox_providers.txt").lines();
    let names = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    names.collect()
});

/// `forgery:` of `milter.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Forgery {
    /// A reverse-path in one of `local.domains`, from a client for which that domain's SPF doesn't pass.
    pub mail_from: Rule,
    /// A From: header that names one of `local.domains`, in a stranger's message.
    pub header_from: Rule,
    /// Mailing lists that our users write to, by the domain of their MAIL FROM: their posts carry our From:. Their SPF
    /// must pass.
    pub mailing_lists: Vec<DomainPattern>,
    /// More domains where anybody can get an address: the ledger lets none of them carry our From:.
    pub mailbox_providers: Vec<DomainPattern>,
}

impl Default for Forgery {
    fn default() -> Self {
        Self {
            mail_from: Rule::new(Action::Reject),
            header_from: Rule::new(Action::Tag),
            mailing_lists: Vec::new(),
            mailbox_providers: Vec::new(),
        }
    }
}

impl Forgery {
    /// Whether anybody can get an address in this domain, so that its SPF says nothing of who wrote.
    pub fn is_mailbox_provider(&self, domain: &Domain) -> bool {
        let mut named = self.mailbox_providers.iter();
        named.any(|provider| provider.matches(domain))
            || MAILBOX_PROVIDERS.contains(domain.as_str())
            || domain
                .above()
                .any(|above| MAILBOX_PROVIDERS.contains(above.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailbox_providers_are_known_by_name() {
        let forgery = Forgery {
            mailbox_providers: vec![
                "isp.example".parse().unwrap(),
                ".free.example".parse().unwrap(),
            ],
            ..Forgery::default()
        };
        for (domain, expected) in [
            ("gmail.com", true),
            ("mail.yahoo.co.jp", true),
            ("googlegroups.com", true),
            ("xgmail.com", false),
            ("com", false),
            ("lists.example.net", false),
            ("isp.example", true),
            ("lists.isp.example", false),
            ("a.free.example", true),
            ("free.example", false),
        ] {
            let found = forgery.is_mailbox_provider(&domain.parse().unwrap());
            assert_eq!(found, expected, "{domain}");
        }
    }

    /// A line that is no name in its comparable form would never be found.
    #[test]
    fn each_line_is_a_name() {
        let mut seen = HashSet::new();
        let lines = include_str!("forgery/mailbox_providers.txt").lines();
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let domain: Domain = line.parse().unwrap();
            assert_eq!(domain.as_str(), line);
            assert!(line.contains('.') && seen.insert(line), "{line}");
        }
    }
}
