//! What the file says of domains, held against the lists that it names: only they know which domains are ours, and they
//! change, so that nothing of it is an error of the file.

use super::Config;
use crate::core::{
    address::Domain, local::Domains, pattern::DomainPattern, recipients::Scope,
    spf_rules::Forwarder,
};

/// How many findings are told one by one.
const TOLD: usize = 10;

impl Config {
    /// What the file says of domains that are not ours by its lists, or that are ours where they must not be. Empty where
    /// there are no lists: then it is an error, and found before.
    pub fn against_lists(&self) -> Vec<String> {
        if self.domain_lists.is_empty() {
            return Vec::new();
        }
        let mut found = self.found_against_lists();
        let more = found.len().saturating_sub(TOLD);
        found.truncate(TOLD);
        if more > 0 {
            found.push(format!(
                "{more} more entries of the file are at odds with the lists of `local.domains`"
            ));
        }
        found
    }

    fn found_against_lists(&self) -> Vec<String> {
        let policy = &self.policy;
        let (ours, named) = (&policy.local.domains, &self.named_domains);
        let mut found = Vec::new();
        let entries = policy
            .recipients
            .iter()
            .filter_map(|entry| match &entry.scope {
                Scope::Named(pattern) => Some(pattern),
                Scope::Others => None,
            });
        let strangers = entries.filter(|pattern| !ours.overlap(pattern));
        found.extend(strangers.map(|domain| {
            format!("`recipients` has an entry for {domain}, which is neither in `local.domains` nor in a list that it names")
        }));
        for (number, rule) in policy.headers.iter().enumerate() {
            let strangers = rule.domains.iter().filter(|pattern| !ours.overlap(pattern));
            found.extend(strangers.map(|pattern| {
                format!("`headers[{number}].domains` has {pattern}, which is neither in `local.domains` nor in a list that it names")
            }));
        }
        let forwarders = policy.spf.trusted_forwarders.iter();
        let forwarders = forwarders.filter_map(|forwarder| match forwarder {
            Forwarder::Domain(domain) => Some(domain),
            Forwarder::Network(_) => None,
        });
        let is_new = |domain: &&Domain| covers(ours, domain) && !covers(named, domain);
        found.extend(forwarders.filter(is_new).map(|domain| {
            format!("`spf.trusted_forwarders` has {domain}, which is, or is above, a domain of yours by a list: forged mail is accepted")
        }));
        let lists = [
            (
                "forgery.mailing_lists",
                &policy.forgery.mailing_lists,
                "forged mail is accepted",
            ),
            (
                "forgery.mailbox_providers",
                &policy.forgery.mailbox_providers,
                "mail from there is refused",
            ),
        ];
        for (key, patterns, then) in lists {
            let is_new =
                |pattern: &&DomainPattern| ours.overlap(pattern) && !named.overlap(pattern);
            found.extend(patterns.iter().filter(is_new).map(|pattern| {
                format!("`{key}` has {pattern}, which is, or contains, a domain of yours by a list: {then}")
            }));
        }
        found
    }
}

fn covers(ours: &Domains, domain: &Domain) -> bool {
    ours.entry(domain).is_some() || ours.has_at_or_below(domain)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::parse;

    #[test]
    fn what_only_the_lists_can_know_is_a_warning() {
        let text = "local: {domains: [example.org, {file: /nowhere}]}\n\
                    recipients: [{domain: example.org}, {domain: listed.example}, {domain: other.example}]\n\
                    spf: {trusted_forwarders: [forwarder.example, listed.example, 192.0.2.0/24]}\n\
                    headers: [{header: Subject, match: x, action: tag, domains: [listed.example, .example.net]}]\n\
                    forgery: {mailing_lists: [lists.example, listed.example]}\n";
        let mut config = parse(Path::new("m.yaml"), text).unwrap_or_else(|wrong| panic!("{wrong}"));
        for (listed, expected) in [
            (
                &[][..],
                &[
                    "an entry for listed.example,",
                    "an entry for other.example,",
                    "`headers[0].domains` has listed.example,",
                    "`headers[0].domains` has .example.net,",
                ][..],
            ),
            (
                &["listed.example"],
                &[
                    "an entry for other.example,",
                    "`headers[0].domains` has .example.net,",
                    "`spf.trusted_forwarders` has listed.example,",
                    "`forgery.mailing_lists` has listed.example,",
                ],
            ),
        ] {
            let named = config.named_domains.iter().cloned();
            let listed = listed.iter().map(|name| name.parse().unwrap());
            config.policy.local.domains = named.chain(listed).collect();
            let found = config.against_lists();
            assert_eq!(found.len(), expected.len(), "{found:#?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.contains(expected), "{found}: {expected}");
            }
        }
    }
}
