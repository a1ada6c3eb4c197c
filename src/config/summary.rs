//! Describes the settings in words, for `backstop check`.

use crate::{
    core::{
        authserv_id::AuthservId,
        dnsbl::Dnsbl,
        forgery::Forgery,
        header_rules::HeaderRule,
        policy::Modes,
        proof,
        recipients::{Class, DomainRecipients},
        siege,
        spf_rules::ResultRules,
        verdict::{Mode, Rule},
    },
    directory::{DomainSources, tenants::TenantSettings},
};

use super::Config;

/// How many entries of `recipients` are described one by one.
const MAX_ENTRIES: usize = 50;
/// How many domains are shown by name.
const MAX_NAMED: usize = 50;

impl Config {
    /// One line for each part of the file, the most important first.
    pub fn summary(&self) -> Vec<String> {
        let policy = &self.policy;
        let mode = match policy.modes() {
            Modes::One(Mode::Monitor) => "mode monitor: every message is judged, none is refused",
            Modes::One(Mode::Enforce) => "mode enforce: verdicts act",
            Modes::OfEach(Mode::Monitor) => {
                "mode monitor: every message is judged, none is refused but what a row of tenants has refused"
            }
            Modes::OfEach(Mode::Enforce) => {
                "mode enforce: verdicts act, except where a row of tenants says `mode: monitor`"
            }
        };
        let null_sender = &policy.null_sender;
        let mut lines = vec![
            mode.to_owned(),
            format!("listens on {}", self.listen),
            format!("own domains: {}", own_domains(self)),
            format!(
                "own networks, not judged: {}",
                listed(&policy.local.networks)
            ),
            format!(
                "Authentication-Results: in the name of {}",
                policy
                    .local
                    .authserv_id
                    .as_ref()
                    .map_or("the MTA", AuthservId::as_str)
            ),
            format!("SPF of HELO: {}", results(&policy.spf.helo)),
            format!("SPF of MAIL FROM: {}", results(&policy.spf.mail_from)),
            format!(
                "forged own domain in MAIL FROM: {}",
                answer(policy.forgery.mail_from)
            ),
            header_from(&policy.forgery),
            format!(
                "second and later recipient of a bounce: {}",
                answer(null_sender.extra_recipients)
            ),
        ];
        if !null_sender.never_send.addresses.is_empty() {
            lines.push(format!(
                "bounces to addresses that never send ({} listed): {}",
                null_sender.never_send.addresses.len(),
                answer(null_sender.never_send.rule)
            ));
        }
        if !null_sender.srs.is_empty() {
            lines.push(format!(
                "bounces to SRS addresses of {}: left to the SRS daemon",
                listed(&null_sender.srs)
            ));
        }
        lines.push(format!(
            "null sender, but no notification: {}",
            answer(null_sender.not_a_notification)
        ));
        lines.push(format!(
            "null sender, and an unauthenticated report: {}",
            answer(null_sender.unauthenticated_reports)
        ));
        lines.extend(policy.dnsbl.iter().map(dnsbl));
        if !policy.headers.is_empty() {
            lines.push(format!("header rules: {}", headers(&policy.headers)));
        }
        let silenced = policy.outbound.forwarded.no_dsn.len();
        if silenced > 0 {
            lines.push(format!(
                "forwarded mail with a forged sender ({silenced} recipients listed): no bounce to the sender"
            ));
        }
        lines.push(batv(&policy.proof));
        let of_proofs = [watermark, ledger, dkim, unproven];
        lines.extend(of_proofs.map(|line| line(&policy.proof)));
        if !self.has_no_domain() {
            lines.push(siege(&policy.siege));
        }
        if self.report.keep_samples {
            lines
                .push("samples of refused bounces: kept for `backstop report --export`".to_owned());
        }
        if let Some(address) = &self.observe.http {
            lines.push(format!("metrics: {}", address.page("/metrics")));
        }
        lines.extend(tenants(&self.tenants));
        let recipients = policy.recipients.iter().zip(&self.directories);
        let shown = recipients.map(|(settings, directory)| domain(settings, directory));
        lines.extend(shown.take(MAX_ENTRIES));
        let more = policy.recipients.len().saturating_sub(MAX_ENTRIES);
        if more > 0 {
            lines.push(format!(
                "and {more} more entries of recipients; `backstop check --domain DOMAIN` shows what applies to one domain"
            ));
        }
        lines
    }
}

/// The names of the file, as far as anybody reads on, and the lists.
fn own_domains(config: &Config) -> String {
    let names = &config.named_domains;
    let lists = config.domain_lists.iter();
    let lists: Vec<String> = lists.map(|list| format!("those of {list}")).collect();
    let mut parts = Vec::new();
    match names.get(..MAX_NAMED) {
        Some(first) if names.len() > MAX_NAMED => parts.push(format!(
            "{}, and {} more",
            listed(first),
            names.len() - MAX_NAMED
        )),
        _ if names.is_empty() && !lists.is_empty() => {}
        _ => parts.push(listed(names)),
    }
    parts.extend(lists);
    parts.join(", ")
}

fn tenants(settings: &TenantSettings) -> Option<String> {
    let file = settings.file.as_ref();
    let place = file.map(|file| file.display().to_string());
    let place = place
        .or_else(|| settings.sql.as_ref().map(|sql| sql.url.to_string()))
        .or_else(|| settings.ldap.as_ref().map(|ldap| ldap.url.to_string()))?;
    let allowed: Vec<_> = settings.allow.iter().map(|key| key.as_str()).collect();
    let allowed = allowed.join(", ");
    Some(format!(
        "tenants' own answers: from {place}, which may set {allowed}"
    ))
}

fn listed<T: ToString>(items: &[T]) -> String {
    match items {
        [] => "none".to_owned(),
        _ => items
            .iter()
            .map(T::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// The answer to each result that has one.
pub(crate) fn results(rules: &ResultRules) -> String {
    let said = rules
        .said()
        .map(|(result, rule)| format!("{result} {}", answer(rule)));
    said.collect::<Vec<_>>().join(", ")
}

/// A rule's action, and whether it acts.
pub(crate) fn answer(rule: Rule) -> String {
    if rule.monitor {
        format!("{} (only monitored)", rule.action)
    } else {
        rule.action.to_string()
    }
}

fn header_from(forgery: &Forgery) -> String {
    let but = match forgery.mailing_lists.as_slice() {
        [] => String::new(),
        lists => format!("; except mailing lists: {}", listed(lists)),
    };
    format!(
        "forged own domain in the header From: {}{but}",
        answer(forgery.header_from)
    )
}

fn dnsbl(list: &Dnsbl) -> String {
    let codes = match list.codes.as_slice() {
        [] => String::new(),
        codes => format!(" ({})", listed(codes)),
    };
    format!(
        "bounces from clients on {}{codes}: {}",
        list.zone,
        answer(list.rule())
    )
}

fn batv(proof: &proof::ProofSettings) -> String {
    let proof::ProofSettings {
        batv, forged, keys, ..
    } = proof;
    if proof.key_file.is_none() {
        return "BATV tags: neither made nor verified".to_owned();
    }
    let verified = format!(
        "BATV tags: verified with {}, wrong and expired ones: {}",
        counted(keys.len() + keys.imported().count(), "key", "keys"),
        answer(*forged)
    );
    match keys.signing().filter(|_| batv.sign) {
        None => format!("{verified}; outgoing mail is not signed"),
        Some(key) => format!(
            "{verified}; outgoing mail is signed with key {} for {}; your MTA must accept mail to tagged \
             addresses, which is not checked here: see TAGS in milter.yaml(5)",
            key.id(),
            lifetime(proof),
        ),
    }
}

fn watermark(proof: &proof::ProofSettings) -> String {
    let verified = match proof.key_file {
        None => return "watermarks in returned messages: neither made nor verified".to_owned(),
        Some(_) => "watermarks in returned messages: verified",
    };
    match proof.keys.signing().filter(|_| proof.watermark.sign) {
        None => format!("{verified}; outgoing mail gets none"),
        Some(key) => format!(
            "{verified}; outgoing mail gets one, made with key {} for {}",
            key.id(),
            lifetime(proof)
        ),
    }
}

fn ledger(proof: &proof::ProofSettings) -> String {
    let days = usize::try_from(proof.ledger.keep_days()).unwrap_or_default();
    if proof.ledger.remember {
        format!(
            "ledger: outgoing mail is remembered for {}",
            counted(days, "day", "days")
        )
    } else {
        "ledger: outgoing mail is not remembered".to_owned()
    }
}

fn dkim(proof: &proof::ProofSettings) -> String {
    let proof::dkim::DkimSettings {
        verify,
        keys,
        altered_body,
        dkim2,
    } = &proof.dkim;
    let verified = match (verify, keys.len()) {
        (false, _) => "not verified".to_owned(),
        (true, 0) => "verified with the keys in DNS".to_owned(),
        (true, keys) => format!(
            "verified with {}, and with those in DNS",
            counted(keys, "key of milter.yaml", "keys of milter.yaml")
        ),
    };
    let dkim2 = if *dkim2 {
        "; DKIM2 chains (a draft), too"
    } else {
        ""
    };
    let altered = match (verify, altered_body) {
        (false, _) | (true, proof::dkim::Altered::Accept) => "",
        (true, proof::dkim::Altered::Weak) => "; weak evidence where the body was altered",
        (true, proof::dkim::Altered::Ignore) => "; ignored where the body was altered",
    };
    format!("DKIM signatures of own domains in returned messages: {verified}{altered}{dkim2}")
}

/// What becomes of what proves nothing.
pub(crate) fn unproven(proof: &proof::ProofSettings) -> String {
    let required = if proof.batv.required {
        "; each must have a tag"
    } else {
        ""
    };
    format!(
        "unproven bounces: {}{required}; other unproven automatic replies: {}, with a sender: {}; weak evidence: {}",
        answer(proof.unproven),
        answer(proof.unproven_replies),
        answer(proof.unproven_replies_with_sender),
        proof.weak_evidence.as_str()
    )
}

/// When a siege begins, and what it answers.
pub(crate) fn siege(siege: &siege::Settings) -> String {
    if !siege.watch {
        return "siege: floods are not watched for".to_owned();
    }
    format!(
        "siege: from {} times the baseline and {} bounces per minute; then unproven notifications: {}, catch-all recipients \
         that are not learned: mail {}, bounces {}",
        siege.factor,
        siege.floor,
        answer(siege.unproven),
        answer(siege.catch_all.mail),
        answer(siege.catch_all.bounces),
    )
}

fn lifetime(proof: &proof::ProofSettings) -> String {
    let days = usize::try_from(proof.lifetime_days()).unwrap_or_default();
    counted(days, "day", "days")
}

/// The number of rules with each action, in the order of the file.
fn headers(rules: &[HeaderRule]) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for rule in rules {
        let answer = answer(rule.rule());
        match counts.iter_mut().find(|(known, _)| *known == answer) {
            Some((_, count)) => *count += 1,
            None => counts.push((answer, 1)),
        }
    }
    counts
        .iter()
        .map(|(answer, count)| format!("{count} {answer}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn domain(settings: &DomainRecipients, directory: &DomainSources) -> String {
    let rest = match settings.rest {
        Class::CatchAll => "all others (catch-all)",
        Class::Unknown | Class::Known | Class::Rule(_) => "unknown recipients",
    };
    format!(
        "{}: {}, {}; {rest}: mail {}, bounces {}",
        settings.scope,
        counted(directory.sources.len(), "list", "lists"),
        counted(settings.rules.len(), "rule", "rules"),
        answer(settings.rest_answer.mail),
        answer(settings.rest_answer.bounces),
    )
}

fn counted(count: usize, one: &str, many: &str) -> String {
    match count {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    }
}
