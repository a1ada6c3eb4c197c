//! The order of checks, and how they combine. The first decisive answer wins; every answer is recorded.
//!
//! Accepting and tagging never decide, and a check that is only monitored doesn't either: what comes after may
//! still refuse. So the verdict is the first answer that acts, else the first that would have acted, else the
//! first tag, else that nothing was found.

use std::ops::ControlFlow::{self, Break, Continue};

use super::{
    envelope::{Envelope, Local, Recipient},
    exempt::Exemptions,
    forgery::Forgery,
    null_sender::NullSender,
    recipients::{Answer, DomainRecipients, Known},
    spf::{Identity, SpfCheck, SpfResult},
    spf_rules::SpfRules,
    verdict::{Action, Exempt, Mode, Outgoing, Reason, Rule, Verdict},
};

/// Everything in `milter.yaml` that decides.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Whether verdicts act.
    pub mode: Mode,
    /// Who we are.
    pub local: Local,
    /// Who is not judged.
    pub exempt: Exemptions,
    /// What SPF results mean.
    pub spf: SpfRules,
    /// What claims on our own domains mean.
    pub forgery: Forgery,
    /// What the null sender may do.
    pub null_sender: NullSender,
    /// What our recipients are.
    pub recipients: Vec<DomainRecipients>,
}

/// What DNS said of the client and the names it used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpfAnswers {
    /// The check of the HELO name.
    pub helo: Option<SpfCheck>,
    /// The check of MAIL FROM.
    pub mail_from: Option<SpfCheck>,
    /// The domain in `spf.trusted_forwarders` that the client may send for, if that had to be asked.
    pub forwarder: Option<String>,
}

/// All the facts about one recipient of one message.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The envelope up to MAIL.
    pub envelope: &'a Envelope,
    /// What DNS said.
    pub spf: &'a SpfAnswers,
    /// The recipient.
    pub recipient: &'a Recipient,
    /// How many recipients of this message were let in before.
    pub earlier: usize,
    /// Whether a list knows the recipient.
    pub known: &'a Known,
}

/// One check: what was asked, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The check, as the configuration names it.
    pub name: &'static str,
    /// What was asked, and the answer.
    pub finding: String,
    /// What the file says is to be done about it; none where the check only tells.
    pub rule: Option<Rule>,
}

/// The verdict, and how it came about.
#[must_use = "a verdict that nobody reads lets mail pass"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Every check made, in order.
    pub checks: Vec<Check>,
}

impl Policy {
    /// Why the message is outgoing and not judged; none where it comes from a stranger.
    pub fn outgoing(&self, envelope: &Envelope) -> Option<Outgoing> {
        self.local.outgoing(&envelope.client)
    }

    /// Whether the verdict on this recipient needs SPF. Nobody's DNS is asked for what is not judged, nor for a
    /// recipient that the MTA has refused: in a flood of guesses that is nearly all.
    pub fn needs_spf(&self, envelope: &Envelope, recipient: &Recipient) -> bool {
        self.outgoing(envelope).is_none()
            && recipient.refused.is_none()
            && self.exempt.of(&envelope.client, &recipient.mailbox) != Some(Exempt::Client)
    }

    /// Whether a trusted forwarder could explain what SPF answered, so that `spf.trusted_forwarders` is worth asking.
    pub fn needs_forwarder(&self, envelope: &Envelope, spf: &SpfAnswers) -> bool {
        let trusted = self.trusted_forwarder(envelope, spf).is_some();
        let speaks_against = |check: &Option<SpfCheck>| {
            check
                .as_ref()
                .is_some_and(|check| !self.spf.rule(check).accepts())
        };
        let claims_ours = envelope
            .reverse_path
            .domain()
            .is_some_and(|domain| self.local.is_ours(domain))
            && self
                .forgery
                .rule(spf.mail_from.as_ref())
                .is_some_and(|(rule, _)| !rule.accepts());
        !trusted && (speaks_against(&spf.helo) || speaks_against(&spf.mail_from) || claims_ours)
    }

    /// The settings for the recipient's domain, with their place in the file, if it has any.
    pub fn recipients_of(&self, recipient: &Recipient) -> Option<(usize, &DomainRecipients)> {
        let domain = recipient.mailbox.domain()?;
        self.recipients
            .iter()
            .enumerate()
            .find(|(_, entry)| entry.domain == *domain)
    }

    /// Judges one recipient.
    pub fn judge(&self, case: &Case<'_>) -> Judgement {
        let mut walk = Walk {
            mode: self.mode,
            checks: Vec::new(),
            softer: None,
        };
        let verdict = match self.walk(case, &mut walk) {
            Break(verdict) => verdict,
            Continue(()) => walk
                .softer
                .unwrap_or_else(|| Verdict::accept(Reason::NothingFound)),
        };
        Judgement {
            verdict,
            checks: walk.checks,
        }
    }

    fn walk(&self, case: &Case<'_>, walk: &mut Walk) -> ControlFlow<Verdict> {
        self.direction(case, walk)?;
        let exempt = self.exemption(case, walk);
        if exempt.is_none() && !self.is_forwarded(case, walk) {
            self.spf(case, walk)?;
            self.own_domain(case, walk)?;
        }
        self.extra_recipient(case, exempt, walk)?;
        if let Some(why) = exempt {
            return Break(Verdict::accept(Reason::Exempt(why)));
        }
        self.never_send(case, walk)?;
        self.recipient_class(case, walk)
    }

    fn direction(&self, case: &Case<'_>, walk: &mut Walk) -> ControlFlow<Verdict> {
        if let Some(why) = self.outgoing(case.envelope) {
            walk.tell("direction", format!("outgoing ({})", outgoing_text(why)));
            return Break(Verdict::accept(Reason::Outgoing(why)));
        }
        walk.tell("direction", "incoming, from a stranger".to_owned());
        if let Some(status) = &case.recipient.refused {
            walk.tell(
                "mta",
                format!("the MTA has refused this recipient itself ({status})"),
            );
            return Break(Verdict::accept(Reason::RefusedByMta {
                status: status.clone(),
            }));
        }
        Continue(())
    }

    /// RFC 5321 section 4.5.1: postmaster is always accepted.
    fn exemption(&self, case: &Case<'_>, walk: &mut Walk) -> Option<Exempt> {
        let mailbox = &case.recipient.mailbox;
        let why = if mailbox.local_key() == b"postmaster" {
            Some(Exempt::Postmaster)
        } else {
            self.exempt.of(&case.envelope.client, mailbox)
        };
        if let Some(why) = why {
            let text = match why {
                Exempt::Postmaster => "postmaster is always reachable",
                Exempt::Recipient => "the recipient is in exempt.recipients",
                Exempt::Client => "the client is in exempt.clients",
            };
            walk.tell("exempt", text.to_owned());
        }
        why
    }

    fn trusted_forwarder(&self, envelope: &Envelope, spf: &SpfAnswers) -> Option<String> {
        if let Some(address) = envelope
            .client
            .address
            .filter(|address| self.spf.trusts_address(*address))
        {
            return Some(format!("{address} is in spf.trusted_forwarders"));
        }
        let helo = spf
            .helo
            .as_ref()
            .filter(|check| check.result == SpfResult::Pass);
        let helo_domain = helo.and_then(|check| check.domain.parse().ok());
        if let Some(name) = helo_domain
            && self
                .spf
                .forwarder_domains()
                .any(|domain| domain == &name || name.is_at_or_below(domain))
        {
            return Some(format!(
                "HELO {name} passes SPF and is in spf.trusted_forwarders"
            ));
        }
        let vouched = spf.forwarder.as_ref()?;
        Some(format!(
            "the client may send for {vouched}, which is in spf.trusted_forwarders"
        ))
    }

    fn is_forwarded(&self, case: &Case<'_>, walk: &mut Walk) -> bool {
        let trusted = self.trusted_forwarder(case.envelope, case.spf);
        if let Some(why) = &trusted {
            walk.tell(
                "spf.trusted_forwarders",
                format!("{why}: SPF and forgery of MAIL FROM do not apply"),
            );
        }
        trusted.is_some()
    }

    fn spf(&self, case: &Case<'_>, walk: &mut Walk) -> ControlFlow<Verdict> {
        for check in [&case.spf.helo, &case.spf.mail_from].into_iter().flatten() {
            let name = match check.identity {
                Identity::Helo => "spf.helo",
                Identity::MailFrom => "spf.mail_from",
            };
            let by = check
                .mechanism
                .as_ref()
                .map(|term| format!(" by {term}"))
                .unwrap_or_default();
            let why = check
                .problem
                .as_ref()
                .map(|problem| format!(": {problem}"))
                .unwrap_or_default();
            let finding = format!("{}: {}{by}{why}", check.domain, check.result);
            let reason = Reason::Spf {
                identity: check.identity,
                domain: check.domain.clone(),
                result: check.result,
                explanation: check.explanation.clone(),
                problem: check.problem.clone(),
            };
            walk.apply(name, finding, self.spf.rule(check), reason)?;
        }
        Continue(())
    }

    fn own_domain(&self, case: &Case<'_>, walk: &mut Walk) -> ControlFlow<Verdict> {
        let Some(domain) = case
            .envelope
            .reverse_path
            .domain()
            .filter(|domain| self.local.is_ours(domain))
        else {
            return Continue(());
        };
        match self.forgery.rule(case.spf.mail_from.as_ref()) {
            None => walk.tell(
                "forgery.mail_from",
                format!("{domain} is ours, and its SPF passes"),
            ),
            Some((rule, spf)) => {
                let finding =
                    format!("{domain} is ours, the client is a stranger, and SPF says {spf}");
                walk.apply(
                    "forgery.mail_from",
                    finding,
                    rule,
                    Reason::OwnDomainForged {
                        domain: domain.clone(),
                        spf,
                    },
                )?;
            }
        }
        Continue(())
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
        let rule = self.null_sender.extra_recipients;
        // What must stay reachable is asked to come again, alone; it is never refused for its company.
        let softer = exempt.is_some() && matches!(rule.action, Action::Reject | Action::Discard);
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

    fn never_send(&self, case: &Case<'_>, walk: &mut Walk) -> ControlFlow<Verdict> {
        let listed = self.null_sender.never_send.lists(&case.recipient.mailbox);
        if !case.envelope.reverse_path.is_null() || !listed || self.spares_null_sender(case) {
            return Continue(());
        }
        let finding = "null sender, to an address that never sends".to_owned();
        walk.apply(
            "null_sender.never_send",
            finding,
            self.null_sender.never_send.answer,
            Reason::NeverSends,
        )
    }

    fn recipient_class(&self, case: &Case<'_>, walk: &mut Walk) -> ControlFlow<Verdict> {
        let Some((_, entry)) = self.recipients_of(case.recipient) else {
            walk.tell(
                "recipients",
                "no entry for the recipient's domain".to_owned(),
            );
            return Continue(());
        };
        let bounce = case.envelope.reverse_path.is_null();
        let spared = bounce && self.spares_null_sender(case);
        match entry.answer(&case.recipient.mailbox, case.known, bounce && !spared) {
            Answer::Class(class, rule) => {
                let kind = if bounce { "a bounce" } else { "mail" };
                let finding = match case.known {
                    Known::Listed(list) => format!("{class}, in {list}; {kind}"),
                    Known::NotListed | Known::Unavailable(_) => format!("{class}; {kind}"),
                };
                walk.apply(
                    "recipients",
                    finding,
                    rule,
                    Reason::Recipient { class, bounce },
                )
            }
            Answer::Unavailable(why) => {
                let rule = Rule::new(Action::Tempfail);
                walk.apply(
                    "recipients",
                    format!("a list can't be read: {why}"),
                    rule,
                    Reason::DirectoryUnavailable,
                )
            }
        }
    }

    fn spares_null_sender(&self, case: &Case<'_>) -> bool {
        self.null_sender
            .exempt
            .of(&case.envelope.client, &case.recipient.mailbox)
            .is_some()
    }
}

/// The checks made so far.
struct Walk {
    mode: Mode,
    checks: Vec<Check>,
    /// The first answer that would have acted, or else the first tag.
    softer: Option<Verdict>,
}

impl Walk {
    fn tell(&mut self, name: &'static str, finding: String) {
        self.checks.push(Check {
            name,
            finding,
            rule: None,
        });
    }

    fn apply(
        &mut self,
        name: &'static str,
        finding: String,
        rule: Rule,
        reason: Reason,
    ) -> ControlFlow<Verdict> {
        self.checks.push(Check {
            name,
            finding,
            rule: Some(rule),
        });
        let verdict = Verdict::of(rule, self.mode, reason);
        match verdict.action {
            Action::Accept => {}
            Action::Tag => {
                let stronger = verdict.would.is_some()
                    && self
                        .softer
                        .as_ref()
                        .is_some_and(|softer| softer.would.is_none());
                if self.softer.is_none() || stronger {
                    self.softer = Some(verdict);
                }
            }
            Action::Tempfail | Action::Reject | Action::Discard | Action::Quarantine => {
                return Break(verdict);
            }
        }
        Continue(())
    }
}

fn outgoing_text(why: Outgoing) -> &'static str {
    match why {
        Outgoing::Authenticated => "the client logged in",
        Outgoing::Network => "the client is in local.networks",
        Outgoing::Daemon => "the MTA's daemon is in local.daemons",
        Outgoing::Local => "no SMTP client stands behind it",
    }
}
