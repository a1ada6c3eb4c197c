//! The keys of the file that apply to one domain.

use super::{Setting, in_entry};
use crate::{
    config::{At, Config, Located, answer, results, siege, unproven},
    core::{
        address::Domain,
        pattern::{AddressPattern, DomainPattern},
        policy::Policy,
        recipients::Class,
        verdict::Mode,
    },
    directory::domains::DomainLists,
};

/// How many entries of one list are shown.
const MAX_ENTRIES: usize = 20;

/// Those found so far.
pub(super) struct Settings<'a> {
    policy: &'a Policy,
    lists: &'a DomainLists,
    located: &'a Located,
    domain: &'a Domain,
    found: Vec<Setting>,
}

impl<'a> Settings<'a> {
    pub(super) fn new(config: &'a Config, located: &'a Located, domain: &'a Domain) -> Self {
        Self {
            policy: &config.policy,
            lists: &config.lists,
            located,
            domain,
            found: Vec::new(),
        }
    }

    pub(super) fn into_found(self) -> Vec<Setting> {
        self.found
    }

    /// Adds one, which stands at this place of the file, if the file has it.
    pub(super) fn found(&mut self, key: &'static str, says: String, at: &[At<'_>]) {
        let place = match at {
            [] => None,
            at => self.located.place(at),
        };
        self.found.push(Setting::new(key, says, place));
    }

    /// Whether the domain is one of ours, and by which entry.
    pub(super) fn ours(&mut self) {
        let domain = self.domain;
        let domains = &self.policy.local.domains;
        let Some(pattern) = domains.entry(domain) else {
            let says =
                format!("{domain} is in none of them, so its mail is judged as a stranger's");
            return self.found("local.domains", says, &["local".into(), "domains".into()]);
        };
        let number = domains.iter().position(|one| one == pattern);
        let at = [
            "local".into(),
            "domains".into(),
            number.unwrap_or(usize::MAX).into(),
        ];
        // Those behind the names of the file come from its lists.
        let text = self.located.text(&at);
        let is_there = text.is_some_and(|text| text.parse().as_ref() == Ok(pattern));
        let list = self.lists.naming(pattern).filter(|_| !is_there);
        let of = list.map_or_else(String::new, |list| format!(" of {list}"));
        let says = format!("{domain} is yours, by the entry `{pattern}`{of}");
        self.found("local.domains", says, if is_there { &at } else { &[] });
    }

    pub(super) fn mode(&mut self) {
        let says = match self.policy.mode {
            Mode::Monitor => "monitor: every message is judged, none is refused",
            Mode::Enforce => "enforce: verdicts act",
        };
        self.found("mode", says.to_owned(), &["mode".into()]);
    }

    /// Which entry of `recipients` is for the domain.
    pub(super) fn recipients(&mut self) {
        let domains = &self.policy.local.domains;
        let Some((number, entry)) = self.policy.recipients.entry(self.domain, domains) else {
            let says =
                "no entry is for it, so which recipients exist is left to the MTA".to_owned();
            return self.found("recipients", says, &["recipients".into()]);
        };
        let how = match entry.scope.names(self.domain) {
            true => "by its name",
            false if entry.scope.to_string() == "*" => "as it has no other",
            false => "which it lies below",
        };
        let says = format!("the entry `{}` is for it, {how}", entry.scope);
        self.found("recipients", says, &in_entry(number, &["domain".into()]));
    }

    /// What that entry answers to those whom no list has.
    pub(super) fn classes(&mut self, number: usize) {
        let Some(entry) = self.policy.recipients.get(number) else {
            return;
        };
        for (place, rule) in entry.rules.iter().enumerate() {
            let bounces = rule.bounces.map_or_else(|| "accept".to_owned(), answer);
            let says = format!(
                "{}: mail {}, bounces {bounces}",
                rule.pattern,
                answer(rule.mail)
            );
            self.found(
                "recipients.rules",
                says,
                &in_entry(number, &["rules".into(), place.into()]),
            );
        }
        let (key, last) = match entry.rest {
            Class::CatchAll => ("recipients.catch_all", "catch_all"),
            _ => ("recipients.unknown", "unknown"),
        };
        let rest = entry.rest_answer;
        let says = format!(
            "all others: mail {}, bounces {}",
            answer(rest.mail),
            answer(rest.bounces)
        );
        self.found(key, says, &in_entry(number, &[last.into()]));
    }

    /// What mail in the name of the domain gets.
    pub(super) fn senders(&mut self) {
        let policy = self.policy;
        let forgery = &policy.forgery;
        let says = format!("in MAIL FROM: {}", answer(forgery.mail_from));
        self.found(
            "forgery.mail_from",
            says,
            &["forgery".into(), "mail_from".into()],
        );
        let says = format!("in the header From: {}", answer(forgery.header_from));
        self.found(
            "forgery.header_from",
            says,
            &["forgery".into(), "header_from".into()],
        );
        if let Some((pattern, rules)) = policy.spf.entry(self.domain) {
            let domains = ["spf".into(), "domains".into()];
            let key = self.located.key(&domains, pattern).map(At::Key);
            let at: Vec<At<'_>> = domains.into_iter().chain(key).collect();
            let says = format!("`{pattern}`: {}", results(rules));
            self.found("spf.domains", says, &at);
        }
        let srs = policy.null_sender.srs.iter().enumerate();
        let of_it = srs.filter(|(_, pattern)| pattern.matches(self.domain));
        for (number, pattern) in of_it {
            let says =
                format!("`{pattern}`: bounces to its SRS addresses are left to the SRS daemon");
            self.found(
                "null_sender.srs",
                says,
                &["null_sender".into(), "srs".into(), number.into()],
            );
        }
    }

    /// The entries of lists of addresses that can mean one of the domain.
    pub(super) fn addresses(&mut self) {
        let policy = self.policy;
        let never = &policy.null_sender.never_send;
        let long = [
            "null_sender".into(),
            "never_send".into(),
            "addresses".into(),
        ];
        let short = &["null_sender".into(), "never_send".into()];
        let at = match self.located.place(&long) {
            Some(_) => &long[..],
            None => short,
        };
        let gets = format!("bounces: {}", answer(never.rule));
        self.listed("null_sender.never_send", &never.addresses, &gets, at);
        for (key, list, gets, at) in [
            (
                "exempt.recipients",
                &policy.exempt.recipients,
                "gets all its mail",
                &["exempt".into(), "recipients".into()][..],
            ),
            (
                "null_sender.exempt.recipients",
                &policy.null_sender.exempt.recipients,
                "exempt from the rules for bounces",
                &["null_sender".into(), "exempt".into(), "recipients".into()],
            ),
            (
                "outbound.forwarded.no_dsn",
                &policy.outbound.forwarded.no_dsn,
                "no bounce of forged mail",
                &["outbound".into(), "forwarded".into(), "no_dsn".into()],
            ),
        ] {
            self.listed(key, list, gets, at);
        }
    }

    fn listed(&mut self, key: &'static str, list: &[AddressPattern], gets: &str, at: &[At<'_>]) {
        let domain = self.domain;
        let mut of_it = list
            .iter()
            .enumerate()
            .filter(|(_, one)| could_be_in(one, domain));
        for (number, pattern) in of_it.by_ref().take(MAX_ENTRIES) {
            let at: Vec<At<'_>> = at.iter().copied().chain([number.into()]).collect();
            self.found(key, format!("`{pattern}`: {gets}"), &at);
        }
        let more = of_it.count();
        if more > 0 {
            self.found(key, format!("and {more} more"), at);
        }
    }

    pub(super) fn proofs(&mut self) {
        let proof = &self.policy.proof;
        self.found("proof", unproven(proof), &["proof".into()]);
        if let Some(key) = proof.keys.signing().filter(|_| proof.batv.sign) {
            let says = format!("outgoing mail gets tags, made with key {}", key.id());
            self.found(
                "proof.batv.sign",
                says,
                &["proof".into(), "batv".into(), "sign".into()],
            );
        }
    }

    /// The rules for headers of mail to the domain that are not for all.
    pub(super) fn headers(&mut self) {
        let rules = &self.policy.headers;
        let for_all = rules.iter().filter(|rule| rule.domains.is_empty()).count();
        if for_all > 0 {
            let says = format!("for all domains: {for_all}");
            self.found("headers", says, &["headers".into()]);
        }
        let meant = |domains: &[DomainPattern]| domains.iter().any(|one| one.matches(self.domain));
        let of_it: Vec<_> = rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| meant(&rule.domains))
            .map(|(number, rule)| {
                let says = format!(
                    "a pattern for {}: {}",
                    rule.header.as_str(),
                    answer(rule.rule())
                );
                (number, says)
            })
            .collect();
        for (number, says) in of_it {
            self.found("headers", says, &["headers".into(), number.into()]);
        }
    }

    pub(super) fn siege(&mut self) {
        let says = siege(&self.policy.siege);
        let says = says.strip_prefix("siege: ").unwrap_or(&says).to_owned();
        self.found("siege", says, &["siege".into()]);
    }
}

/// Whether an address of the domain can be meant.
fn could_be_in(pattern: &AddressPattern, domain: &Domain) -> bool {
    match pattern {
        AddressPattern::Local(_) | AddressPattern::Match(_, None) => true,
        AddressPattern::Mailbox(_, own) => own == domain,
        AddressPattern::Domain(pattern) | AddressPattern::Match(_, Some(pattern)) => {
            pattern.matches(domain)
        }
    }
}
