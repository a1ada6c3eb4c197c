//! What `spf:` in `milter.yaml` makes of SPF's results.

use std::{collections::HashMap, net::IpAddr, str::FromStr};

use serde::Deserialize;

use super::{
    address::Domain,
    network::Network,
    pattern::DomainPattern,
    serde_text::deserialize_from_str,
    spf::{Identity, SpfCheck, SpfResult},
    verdict::{Action, Rule},
};

/// `spf:` of `milter.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpfRules {
    /// Answers to the check of the HELO name.
    pub helo: ResultRules,
    /// Answers to the check of MAIL FROM.
    pub mail_from: ResultRules,
    /// Hosts that forward mail of others to us, whose SPF therefore fails.
    pub trusted_forwarders: Vec<Forwarder>,
    /// Other answers for some sender domains; what an entry leaves out, `mail_from` answers.
    pub domains: HashMap<DomainPattern, ResultRules>,
}

/// An answer for each result. `pass` has none: it speaks for the mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResultRules {
    /// none and neutral: RFC 7208 section 2.6.2 wants the two treated alike.
    pub none: Option<Rule>,
    /// fail.
    pub fail: Option<Rule>,
    /// softfail.
    pub softfail: Option<Rule>,
    /// temperror.
    pub temperror: Option<Rule>,
    /// permerror.
    pub permerror: Option<Rule>,
}

impl ResultRules {
    /// What `spf.helo` answers where the file says nothing.
    pub const HELO: Self = Self {
        none: Some(Rule::new(Action::Accept)),
        fail: Some(Rule::new(Action::Reject)),
        softfail: Some(Rule::new(Action::Accept)),
        temperror: Some(Rule::new(Action::Accept)),
        permerror: Some(Rule::new(Action::Accept)),
    };
    /// What `spf.mail_from` answers where the file says nothing.
    pub const MAIL_FROM: Self = Self {
        none: Some(Rule::new(Action::Accept)),
        fail: Some(Rule::new(Action::Reject)),
        softfail: Some(Rule::new(Action::Tag)),
        temperror: Some(Rule::new(Action::Tempfail)),
        permerror: Some(Rule::new(Action::Tag)),
    };

    /// Those that are given, with their keys.
    pub fn said(&self) -> impl Iterator<Item = (&'static str, Rule)> {
        let rules = [
            ("none", self.none),
            ("fail", self.fail),
            ("softfail", self.softfail),
            ("temperror", self.temperror),
            ("permerror", self.permerror),
        ];
        rules
            .into_iter()
            .filter_map(|(key, rule)| Some((key, rule?)))
    }

    fn rule(&self, result: SpfResult) -> Option<Rule> {
        match result {
            SpfResult::None | SpfResult::Neutral => self.none,
            SpfResult::Pass => None,
            SpfResult::Fail => self.fail,
            SpfResult::Softfail => self.softfail,
            SpfResult::Temperror => self.temperror,
            SpfResult::Permerror => self.permerror,
        }
    }
}

impl SpfRules {
    /// What the file answers to this check.
    pub fn rule(&self, check: &SpfCheck) -> Rule {
        self.rule_and_entry(check).0
    }

    /// What the file answers to this check, and the entry of `domains` that does, where one does.
    pub fn rule_and_entry(&self, check: &SpfCheck) -> (Rule, Option<&DomainPattern>) {
        let result = check.result;
        let for_all = |rules: &ResultRules, default: ResultRules| {
            let rule = rules.rule(result).or(default.rule(result));
            (rule.unwrap_or(Rule::new(Action::Accept)), None)
        };
        match check.identity {
            Identity::Helo => for_all(&self.helo, ResultRules::HELO),
            Identity::MailFrom => self
                .for_domain(&check.domain)
                .and_then(|(pattern, rules)| Some((rules.rule(result)?, Some(pattern))))
                .unwrap_or_else(|| for_all(&self.mail_from, ResultRules::MAIL_FROM)),
        }
    }

    /// Whether an entry of `domains` for this one accepts a result, by its key.
    pub fn accepts(&self, domain: &Domain, result: &str) -> bool {
        let mut results = SpfResult::ALL.into_iter();
        let result = results.find(|one| one.as_str() == result);
        let entry = self.for_domain(domain.as_str());
        let rule = entry
            .zip(result)
            .and_then(|((_, rules), result)| rules.rule(result));
        rule.is_some_and(Rule::accepts)
    }

    /// The domains that a client can speak for to be a trusted forwarder.
    pub fn forwarder_domains(&self) -> impl Iterator<Item = &Domain> {
        self.trusted_forwarders
            .iter()
            .filter_map(|forwarder| match forwarder {
                Forwarder::Domain(domain) => Some(domain),
                Forwarder::Network(_) => None,
            })
    }

    /// The network of a trusted forwarder that the client's address is in.
    pub fn forwarder_network(&self, client: IpAddr) -> Option<&Network> {
        self.trusted_forwarders
            .iter()
            .find_map(|forwarder| match forwarder {
                Forwarder::Network(network) => network.contains(client).then_some(network),
                Forwarder::Domain(_) => None,
            })
    }

    fn for_domain(&self, domain: &str) -> Option<(&DomainPattern, &ResultRules)> {
        if self.domains.is_empty() {
            return None;
        }
        self.entry(&domain.parse().ok()?)
    }

    /// The entry of `domains` for a sender domain: the domain's own before one for the names below a parent, the
    /// nearest parent first.
    pub fn entry(&self, domain: &Domain) -> Option<(&DomainPattern, &ResultRules)> {
        let itself = DomainPattern::Itself(domain.clone());
        let above = domain.above().map(DomainPattern::Below);
        let mut patterns = std::iter::once(itself).chain(above);
        patterns.find_map(|pattern| self.domains.get_key_value(&pattern))
    }
}

/// Who can forward: by address, or by a domain whose own SPF (of HELO or of the domain) passes for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forwarder {
    /// Clients in this network.
    Network(Network),
    /// Clients that are allowed to send for this domain.
    Domain(Domain),
}

/// Neither a network nor a domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is neither a network nor a domain; expected e.g. 192.0.2.0/24 or forwarder.example", .0.escape_debug())]
pub struct ForwarderError(String);

impl FromStr for Forwarder {
    type Err = ForwarderError;

    fn from_str(text: &str) -> Result<Self, ForwarderError> {
        let wrong = || ForwarderError(text.to_owned());
        if let Ok(network) = text.parse() {
            return Ok(Self::Network(network));
        }
        // A domain of digits only is an address with a slip of the pen.
        let looks_like_address = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        if looks_like_address {
            Err(wrong())
        } else {
            text.parse().map(Self::Domain).map_err(|_| wrong())
        }
    }
}

deserialize_from_str!(Forwarder);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(identity: Identity, domain: &str, result: SpfResult) -> SpfCheck {
        SpfCheck::new(identity, domain.to_owned(), result)
    }

    #[test]
    fn the_nearest_answer_counts() {
        let rules: SpfRules = serde_yaml::from_str(
            "mail_from: {softfail: reject}\n\
             domains: {a.example.com: {fail: tag}, .example.com: {fail: quarantine, softfail: accept}}",
        )
        .unwrap();
        for (identity, domain, result, action) in [
            (
                Identity::MailFrom,
                "a.example.com",
                SpfResult::Fail,
                Action::Tag,
            ),
            (
                Identity::MailFrom,
                "a.example.com",
                SpfResult::Softfail,
                Action::Reject,
            ),
            (
                Identity::MailFrom,
                "b.example.com",
                SpfResult::Fail,
                Action::Quarantine,
            ),
            (
                Identity::MailFrom,
                "b.example.com",
                SpfResult::Softfail,
                Action::Accept,
            ),
            (
                Identity::MailFrom,
                "example.com",
                SpfResult::Fail,
                Action::Reject,
            ),
            (
                Identity::MailFrom,
                "example.com",
                SpfResult::Temperror,
                Action::Tempfail,
            ),
            (
                Identity::Helo,
                "a.example.com",
                SpfResult::Fail,
                Action::Reject,
            ),
            (
                Identity::Helo,
                "a.example.com",
                SpfResult::Softfail,
                Action::Accept,
            ),
        ] {
            let rule = rules.rule(&check(identity, domain, result));
            assert_eq!(rule.action, action, "{identity} {domain} {result}");
        }
    }

    /// RFC 7208 section 2.6.2: neutral is treated exactly like none.
    #[test]
    fn none_and_neutral_are_treated_alike() {
        let rules: SpfRules = serde_yaml::from_str("mail_from: {none: tag}").unwrap();
        for result in [SpfResult::None, SpfResult::Neutral] {
            assert_eq!(
                rules
                    .rule(&check(Identity::MailFrom, "example.com", result))
                    .action,
                Action::Tag
            );
        }
    }

    #[test]
    fn forwarders_are_networks_or_domains() {
        let rules: SpfRules =
            serde_yaml::from_str("trusted_forwarders: [192.0.2.0/24, forwarder.example]").unwrap();
        let network = |client: &str| {
            let network = rules.forwarder_network(client.parse().unwrap());
            network.map(ToString::to_string)
        };
        assert_eq!(network("192.0.2.9").as_deref(), Some("192.0.2.0/24"));
        assert_eq!(network("198.51.100.9"), None);
        assert_eq!(
            rules
                .forwarder_domains()
                .map(Domain::as_str)
                .collect::<Vec<_>>(),
            ["forwarder.example"]
        );
        for wrong in ["192.0.2.300", "192.0.2.0/40", "a b"] {
            assert!(wrong.parse::<Forwarder>().is_err(), "{wrong}");
        }
    }
}
