//! The checks at RCPT, in order.

use std::{
    fmt,
    ops::ControlFlow::{self, Break, Continue},
};

use super::{
    Case, Policy, Vouched,
    soften::softened,
    vouched::{Voucher, mail_from},
    walk::Walk,
};
use crate::core::{
    address::Domain,
    dnsbl::Listing,
    exempt::Exempting,
    outside::Outside,
    recipients::{Class, Known},
    spf::{Identity, SpfCheck, SpfResult},
    verdict::{Action, Entry, Exempt, Outgoing, Reason, Rule, Verdict},
};

impl Policy {
    pub(super) fn at_rcpt(&self, case: &Case<'_>, walk: &mut Walk) -> ControlFlow<Verdict> {
        self.direction(case, walk)?;
        let exempt = self.exemption(case, walk);
        if exempt.is_none() {
            self.unknown_client(case, walk)?;
            let forwarder = self.forwarder(case, walk);
            if !matches!(forwarder, Vouched::Yes(_)) {
                self.spf(case, &forwarder, walk)?;
                self.own_domain(case, &forwarder, walk)?;
            }
        }
        self.extra_recipient(case, exempt, walk)?;
        if let Some(why) = exempt {
            return Break(self.exempted(case, why));
        }
        self.tag(case, walk)?;
        // Its tag has answered what the rules for bounces ask: whether somebody here sent the message it returns.
        let proven = case.is_proven_by_tag(None);
        let bounce = case.envelope.reverse_path.is_null() && !proven;
        if bounce {
            self.left_to_srs(case, walk);
        }
        self.never_send(case, bounce, walk)?;
        self.recipient_class(case, bounce, walk)?;
        if proven {
            return Continue(());
        }
        // A host that sends backscatter sends bounces of our mail too: what those return is read first.
        if !self.content_may_prove(case) {
            self.besieged_listed(case, None, walk)?;
        }
        self.dnsbl(case, walk)
    }

    fn direction(&self, case: &Case<'_>, walk: &mut Walk) -> ControlFlow<Verdict> {
        // Whoever sends it, it is not delivered: no proof is made for it, and nothing is learned of it.
        if let Some(status) = &case.recipient.refused {
            walk.note(
                "mta",
                format_args!("the MTA has refused this recipient itself ({status})"),
            );
            return Break(Verdict::accept(Reason::RefusedByMta {
                status: status.clone(),
            }));
        }
        if let Some(why) = self.outgoing(case.envelope) {
            walk.note(
                "direction",
                format_args!("outgoing ({})", outgoing_text(why)),
            );
            return Break(Verdict::accept(Reason::Outgoing(why)));
        }
        walk.note("direction", "incoming");
        if let Some(tenant) = case.tenant {
            walk.note("tenants", tenant);
        }
        Continue(())
    }

    /// Nothing can be asked about a client without an address, and one that hides it could say what it likes. Honest
    /// ones come again.
    fn unknown_client(&self, case: &Case<'_>, walk: &mut Walk) -> ControlFlow<Verdict> {
        if !case.envelope.client.is_unknown() {
            return Continue(());
        }
        let finding = "a stranger whose address the MTA doesn't know";
        let rule = Rule::new(Action::Tempfail);
        walk.apply("client", finding, rule, Reason::ClientUnknown)
    }

    fn forwarder(&self, case: &Case<'_>, walk: &mut Walk) -> Vouched<Voucher> {
        let trusted = self.trusted_forwarder(case.envelope, case.spf);
        let finding = match &trusted {
            Vouched::Yes(Voucher { entry, why }) => {
                walk.vouch(entry.clone());
                format!("{why}: SPF and forgery of MAIL FROM do not apply")
            }
            Vouched::Unanswered => {
                "whether the client is one, DNS did not answer: nothing is refused that it might excuse"
                    .to_owned()
            }
            Vouched::No => return trusted,
        };
        walk.note("spf.trusted_forwarders", finding);
        trusted
    }

    fn spf(
        &self,
        case: &Case<'_>,
        forwarder: &Vouched<Voucher>,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        for check in [&case.spf.helo, &case.spf.mail_from].into_iter().flatten() {
            let name = match check.identity {
                Identity::Helo => "spf.helo",
                Identity::MailFrom => "spf.mail_from",
            };
            let reason = Reason::Spf {
                identity: check.identity,
                domain: check.domain.clone(),
                result: check.result,
                explanation: check.explanation.clone(),
                problem: check.problem.clone(),
            };
            let temperror = check.result == SpfResult::Temperror;
            let (rule, entry) = if temperror && case.is_proven_by_tag(None) {
                // Nothing that DNS could say would outweigh the proof.
                (Rule::new(Action::Accept), None)
            } else {
                self.spf.rule_and_entry(check)
            };
            let by = entry.map(|domain| Entry::new("spf.domains", domain));
            let unanswered = forwarder.unanswered().or(temperror.then_some(Outside::Dns));
            let rule = softened(rule, unanswered, case.siege.is_some());
            walk.apply_by(name, InWords(check), rule, reason, by)?;
        }
        Continue(())
    }

    fn own_domain(
        &self,
        case: &Case<'_>,
        forwarder: &Vouched<Voucher>,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        let Some(domain) = case
            .envelope
            .reverse_path
            .domain()
            .filter(|domain| self.local.is_ours(domain))
        else {
            return Continue(());
        };
        let spf = mail_from(case.spf);
        if spf == SpfResult::Pass {
            walk.note(
                "forgery.mail_from",
                format_args!("{domain} is ours, and its SPF passes"),
            );
            return Continue(());
        }
        let unanswered = forwarder
            .unanswered()
            .or((spf == SpfResult::Temperror).then_some(Outside::Dns));
        walk.apply_by(
            "forgery.mail_from",
            format_args!("{domain} is ours, the client is a stranger, and SPF says {spf}"),
            softened(self.forgery.mail_from, unanswered, case.siege.is_some()),
            Reason::MailFromForged {
                domain: domain.clone(),
                spf,
            },
            self.claimed(domain),
        )
    }

    /// The entry that makes a domain ours which a stranger claims.
    pub(super) fn claimed(&self, domain: &Domain) -> Option<Entry> {
        let entry = self.local.entry(domain)?;
        Some(Entry::new("local.domains", entry))
    }

    fn extra_recipient(
        &self,
        case: &Case<'_>,
        exempt: Option<Exempt>,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        if !case.envelope.reverse_path.is_null()
            || case.earlier == 0
            || self.spares_null_sender(case)
        {
            return Continue(());
        }
        if exempt.is_none() {
            self.besieged_extra_recipient(case, walk)?;
        }
        let rule = self.null_sender.extra_recipients;
        // What must stay reachable is asked to come again, alone; it is never refused for its company.
        let softer = exempt.is_some() && rule.action.is_final();
        let rule = if softer {
            Rule {
                action: Action::Tempfail,
                ..rule
            }
        } else {
            rule
        };
        let finding = match case.earlier {
            1 => "null sender, and it has a recipient already".to_owned(),
            earlier => format!("null sender, and it has {earlier} recipients already"),
        };
        walk.apply(
            "null_sender.extra_recipients",
            finding,
            rule,
            Reason::NullSenderExtraRecipient,
        )
    }

    pub(super) fn never_send(
        &self,
        case: &Case<'_>,
        bounce: bool,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        let mailbox = &case.recipient.mailbox;
        let Some((rule, entry)) = self.answers(case).never_sends(mailbox) else {
            return Continue(());
        };
        if !bounce || self.is_srs(case) || self.spares_null_sender(case) {
            return Continue(());
        }
        let finding = "a bounce, to an address that never sends";
        let name = "null_sender.never_send";
        walk.apply_by(name, finding, rule, Reason::NeverSends, Some(entry))
    }

    pub(super) fn recipient_class(
        &self,
        case: &Case<'_>,
        bounce: bool,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        let Some((_, entry)) = self.recipients_of(case.recipient) else {
            walk.note("recipients", "no entry for the recipient's domain");
            return Continue(());
        };
        let sparing = self.sparing(case).filter(|_| bounce);
        let spared = sparing.is_some();
        walk.vouch(sparing.map(Exempting::null_sender_entry));
        if !spared {
            self.besieged_catch_all(case, bounce, walk)?;
        }
        let mailbox = &case.recipient.mailbox;
        let answers = self.answers(case);
        if let Some(class) = answers.refuses_all(entry) {
            let finding = "no list and no rule has an address, so its row's answer would refuse all its mail: it is not in force";
            walk.note("tenants", format_args!("{class}: {finding}"));
        }
        let (class, rule) = answers.class(entry, mailbox, case.known, bounce && !spared);
        if self.is_srs(case) && matches!(class, Class::CatchAll | Class::Unknown) {
            let finding = "an SRS address: whether it exists, the SRS daemon knows";
            walk.note("recipients", finding);
            return Continue(());
        }
        // Had the list been readable, the recipient might have been known, and accepted.
        let unanswered = matches!(case.known, Known::Unanswered(_)).then_some(Outside::Directory);
        let rule = softened(rule, unanswered, case.siege.is_some());
        let by = match (class, case.known) {
            (Class::Known, Known::Listed(list)) => Some(Entry::new("recipients.known", list)),
            (Class::Rule(number), _) => entry
                .rules
                .get(number.saturating_sub(1))
                .map(|rule| Entry::new("recipients.rules", &rule.pattern)),
            _ => None,
        };
        let by = by.filter(|_| rule.unanswered.is_none());
        let kind = if bounce { "a bounce" } else { "mail" };
        let class_says = Reason::Recipient { class, bounce };
        walk.vouch(by.clone().filter(|_| rule.rule.accepts()));
        let name = "recipients";
        match (case.known, rule.unanswered) {
            (Known::Unanswered(why), Some(_)) => {
                let finding = format_args!("a list can't be read: {why}");
                walk.apply_by(name, finding, rule, Reason::DirectoryUnavailable, by)
            }
            (Known::Listed(list), _) => {
                let finding = format_args!("{class}, in {list}; {kind}");
                walk.apply_by(name, finding, rule, class_says, by)
            }
            _ => walk.apply_by(name, format_args!("{class}; {kind}"), rule, class_says, by),
        }
    }

    /// The client's standing with the lists, for mail they are asked about.
    fn dnsbl(&self, case: &Case<'_>, walk: &mut Walk) -> ControlFlow<Verdict> {
        for (list, listing) in self.dnsbl.iter().zip(case.listings) {
            let zone = &list.zone;
            match listing {
                Listing::NotListed => walk.note("dnsbl", format_args!("{zone}: not listed")),
                Listing::Unanswered(why) => walk.note(
                    "dnsbl",
                    format_args!("{zone}: no answer, so not listed: {why}"),
                ),
                Listing::Listed(_) if self.spares_null_sender(case) => {}
                Listing::Listed(code) => {
                    let finding = format!("{zone}: listed ({code})");
                    let reason = Reason::Dnsbl { zone: zone.clone() };
                    let by = Some(Entry::new("dnsbl", zone));
                    walk.apply_by("dnsbl", finding, list.rule(), reason, by)?;
                }
            }
        }
        Continue(())
    }

    pub(super) fn spares_null_sender(&self, case: &Case<'_>) -> bool {
        self.sparing(case).is_some()
    }

    fn sparing(&self, case: &Case<'_>) -> Option<Exempting<'_>> {
        let delimiters = &self.local.recipient_delimiter;
        let (client, recipient) = (&case.envelope.client, &case.recipient.mailbox);
        let exempt = &self.null_sender.exempt;
        exempt.exempting(client, recipient, delimiters)
    }
}

/// What a check of SPF came to.
struct InWords<'a>(&'a SpfCheck);

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let check = self.0;
        write!(f, "{}: {}", check.domain, check.result)?;
        if let Some(term) = &check.mechanism {
            write!(f, " by {term}")?;
        }
        if let Some(problem) = &check.problem {
            write!(f, ": {problem}")?;
        }
        Ok(())
    }
}

fn outgoing_text(why: Outgoing) -> &'static str {
    match why {
        Outgoing::Authenticated => "the client logged in",
        Outgoing::Network => "the client is in local.networks",
        Outgoing::Daemon => "the MTA's daemon is in local.daemons",
        Outgoing::Local => "no SMTP client sent it",
    }
}
