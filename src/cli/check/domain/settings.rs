//! The keys that apply to one domain: those of the file, and in their place those of its row of `tenants`.

use std::sync::Arc;

use super::{Setting, in_entry};
use crate::{
    config::{At, Config, Located, answer, results, siege as shown_siege, unproven},
    core::{
        address::Domain,
        pattern::{AddressPattern, DomainPattern},
        policy::{DomainAnswers, Policy},
        proof::ProofSettings,
        recipients::Class,
        siege,
        tenant::TenantAnswers,
        verdict::Mode,
    },
    directory::domains::DomainLists,
};

/// How many entries of one list are shown.
const MAX_ENTRIES: usize = 20;
/// What is said of values that the domain's row has, or the lack of an answer.
const AS_TENANTS: &str = ", as `tenants` says";

/// Those found so far.
pub(super) struct Settings<'a> {
    policy: &'a Policy,
    lists: &'a DomainLists,
    located: &'a Located,
    domain: &'a Domain,
    /// Its row; none where it has none, or nobody can say.
    row: Option<Arc<TenantAnswers>>,
    found: Vec<Setting>,
}

impl<'a> Settings<'a> {
    pub(super) fn new(config: &'a Config, located: &'a Located, domain: &'a Domain) -> Self {
        Self {
            policy: &config.policy,
            lists: &config.lists,
            located,
            domain,
            row: None,
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

    /// The row of its tenant, which the other keys are shown with.
    pub(super) fn tenant(&mut self, row: Arc<TenantAnswers>) {
        self.found("tenants", row.to_string(), &["tenants".into()]);
        self.row = Some(row);
    }

    pub(super) fn mode(&mut self) {
        let says = match self.answers().mode() {
            Mode::Monitor => "monitor: every message is judged, none is refused",
            Mode::Enforce => "enforce: verdicts act",
        };
        self.found_unless_in_row("mode", says.to_owned(), &["mode".into()], &["mode"]);
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
        let answers = self.answers();
        let refuses_all = answers.refuses_all(entry);
        let (class, rest) = answers.rest(entry);
        let (key, last) = match class {
            Class::CatchAll => ("recipients.catch_all", "catch_all"),
            _ => ("recipients.unknown", "unknown"),
        };
        let says = format!(
            "all others: mail {}, bounces {}",
            answer(rest.mail),
            answer(rest.bounces)
        );
        let of_row = refuses_all.is_none().then_some(last);
        let at = in_entry(number, &[last.into()]);
        self.found_unless_in_row(key, says, &at, of_row.as_slice());
        if let Some(class) = refuses_all {
            let says = format!(
                "its `{class}` would refuse all its mail, as no list and no rule has an address: it is not in force"
            );
            self.found("tenants", says, &["tenants".into()]);
        }
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
        let row = self.row.clone().unwrap_or_default();
        if let Some(never) = &row.never_send {
            let gets = format!("bounces: {}{AS_TENANTS}", answer(never.rule));
            self.listed("null_sender.never_send", &never.addresses, &gets, &[]);
        } else {
            self.never_send();
        }
        let lists = [
            (
                "null_sender.exempt.recipients",
                &policy.null_sender.exempt.recipients,
                "exempt from the rules for bounces",
                &["null_sender".into(), "exempt".into(), "recipients".into()][..],
            ),
            (
                "outbound.forwarded.no_dsn",
                &policy.outbound.forwarded.no_dsn,
                "no bounce of forged mail",
                &["outbound".into(), "forwarded".into(), "no_dsn".into()],
            ),
        ];
        let (key, gets) = ("exempt.recipients", "gets all its mail");
        match &row.exempt_recipients {
            Some(list) => self.listed(key, list, &format!("{gets}{AS_TENANTS}"), &[]),
            None => {
                let at = ["exempt".into(), "recipients".into()];
                self.listed(key, &policy.exempt.recipients, gets, &at);
            }
        }
        for (key, list, gets, at) in lists {
            self.listed(key, list, gets, at);
        }
    }

    fn never_send(&mut self) {
        let never = &self.policy.null_sender.never_send;
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
    }

    /// The entries of a list at this place of the file; nowhere, where it is another's.
    fn listed(&mut self, key: &'static str, list: &[AddressPattern], gets: &str, at: &[At<'_>]) {
        let domain = self.domain;
        let mut of_it = list
            .iter()
            .enumerate()
            .filter(|(_, one)| could_be_in(one, domain));
        for (number, pattern) in of_it.by_ref().take(MAX_ENTRIES) {
            let mut at = at.to_vec();
            if !at.is_empty() {
                at.push(number.into());
            }
            self.found(key, format!("`{pattern}`: {gets}"), &at);
        }
        let more = of_it.count();
        if more > 0 {
            self.found(key, format!("and {more} more"), at);
        }
    }

    pub(super) fn proofs(&mut self) {
        let (proof, answers) = (&self.policy.proof, self.answers());
        let in_force = ProofSettings {
            unproven: answers.unproven(),
            unproven_replies: answers.unproven_replies(),
            ..proof.clone()
        };
        let of_row = ["unproven", "unproven_replies"];
        self.found_unless_in_row("proof", unproven(&in_force), &["proof".into()], &of_row);
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
        let answers = self.answers();
        let in_force = siege::Settings {
            unproven: answers.siege_unproven(),
            catch_all: answers.siege_catch_all(),
            ..self.policy.siege.clone()
        };
        let says = shown_siege(&in_force);
        let says = says.strip_prefix("siege: ").unwrap_or(&says).to_owned();
        let of_row = ["siege.unproven", "siege.catch_all"];
        self.found_unless_in_row("siege", says, &["siege".into()], &of_row);
    }

    /// What the domain answers.
    fn answers(&self) -> DomainAnswers<'_> {
        self.policy.answers_of(self.row.as_deref())
    }

    /// Adds one that stands at this place of the file, unless its row has some of these keys.
    fn found_unless_in_row(
        &mut self,
        key: &'static str,
        says: String,
        at: &[At<'_>],
        of_row: &[&'static str],
    ) {
        let row = self.row.iter().flat_map(|row| row.keys());
        let set = row.map(|(key, _)| key).filter(|key| of_row.contains(key));
        let set = Vec::from_iter(set);
        match (&set[..], of_row) {
            ([], _) => self.found(key, says, at),
            (_, [_]) => self.found(key, format!("{says}{AS_TENANTS}"), &[]),
            (set, _) => {
                let set = set.join(" and ");
                self.found(key, format!("{says}; {set}{AS_TENANTS}"), &[]);
            }
        }
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
