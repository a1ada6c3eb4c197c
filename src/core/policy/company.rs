//! Which recipients may share a transaction. After DATA the MTA has one answer for all of them, and where one may have the
//! message, all get it. So it would be enough to name an exempt recipient too, and the mail would be accepted.

use super::{Case, Check, Judgement, Policy, Vouched};
use crate::core::{
    dnsbl,
    header_rules::{HeaderRule, When},
    spf::SpfResult,
    verdict::{Action, Mode, Reason, Rule, Verdict},
};

/// What makes the answers after DATA to one recipient differ from those to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Company {
    exempt: bool,
    /// What is answered to bounces.
    bounce: Bounce,
    /// Which rules of `headers` may refuse its mail, of those that are for some domains alone.
    headers: Vec<usize>,
}

/// What a recipient is to bounces; all false where no bounce is to be expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bounce {
    spared: bool,
    /// A rule of `recipients` accepts those that prove nothing.
    taken: bool,
    proven: bool,
    ours: bool,
    besieged: bool,
    refused: bool,
}

impl Policy {
    /// What this recipient is to those that it shares a transaction with.
    pub fn company(&self, case: &Case<'_>) -> Company {
        let exempt = self.exempt_by(case.envelope, case.recipient).is_some();
        let bounces = dnsbl::is_asked_about(&case.envelope.reverse_path);
        let rules = self.headers.iter().enumerate();
        let headers = rules
            .filter(|(_, rule)| !exempt && self.may_match(rule, case))
            .map(|(index, _)| index)
            .collect();
        Company {
            exempt,
            bounce: match bounces && !exempt {
                true => self.bounce(case),
                false => Bounce::default(),
            },
            headers,
        }
    }

    fn bounce(&self, case: &Case<'_>) -> Bounce {
        let mailbox = &case.recipient.mailbox;
        let class = self.recipients_of(case.recipient);
        let class = class.map(|(_, entry)| entry.answer(mailbox, case.known, true));
        let never_sends = self.never_sends(mailbox).is_some();
        let taken = self
            .recipients_of(case.recipient)
            .is_some_and(|(_, entry)| entry.takes_bounces(mailbox, case.known).is_some());
        Bounce {
            spared: self.spares_null_sender(case) || self.is_srs(case),
            taken,
            proven: case.is_proven_by_tag(None),
            ours: self.local.is_ours_or_unqualified(mailbox),
            besieged: self.is_besieged(case),
            refused: never_sends && refuses(self.null_sender.never_send.rule)
                || class.is_some_and(|(_, rule)| refuses(rule)),
        }
    }

    fn may_match(&self, rule: &HeaderRule, case: &Case<'_>) -> bool {
        let null = case.envelope.reverse_path.is_null();
        let domain = case.recipient.mailbox.domain();
        let to_it = |domain| rule.domains.iter().any(|pattern| pattern.matches(domain));
        // One for all domains is the same to all.
        !rule.domains.is_empty()
            && refuses(rule.rule())
            && (rule.when != When::NullSender || null)
            && domain.is_some_and(to_it)
    }

    /// Whether a recipient that was accepted may share the transaction with one that was before; if not, the answer to it:
    /// come again alone (RFC 5321 section 4.5.3.1.10), so nothing is lost.
    pub fn parted(&self, case: &Case<'_>, first: &Company) -> Option<Judgement> {
        if !self.is_suspect(case) || self.company(case) == *first {
            return None;
        }
        let rule = Rule::new(Action::Tempfail);
        Some(Judgement {
            verdict: Verdict::of(rule, self.mode, Reason::OtherRecipients),
            checks: vec![Check {
                name: "recipients",
                finding: "a recipient that was accepted before may get another answer after DATA"
                    .to_owned(),
                rule: Some(rule),
            }],
        })
    }

    /// Asks a recipient that was accepted to come again alone, where it may not share the transaction.
    pub fn part(&self, case: &Case<'_>, first: &Company, judgement: &mut Judgement) {
        if judgement.verdict.is_accepted()
            && let Some(alone) = self.parted(case, first)
        {
            judgement.checks.extend(alone.checks);
            judgement.verdict = alone.verdict;
        }
    }

    /// Whether the message may well be refused after DATA: its sender is none, a daemon's, or one for which SPF does not
    /// pass; and a rule is there that would.
    fn is_suspect(&self, case: &Case<'_>) -> bool {
        let sender = &case.envelope.reverse_path;
        let bounces = dnsbl::is_asked_about(sender);
        let spf = case.spf.mail_from.as_ref();
        let passes = spf.is_none_or(|check| check.result == SpfResult::Pass);
        let forwarded = matches!(
            self.trusted_forwarder(case.envelope, case.spf),
            Vouched::Yes(_)
        );
        let siege = [self.siege.unproven, self.siege.listed];
        let of_siege = case.siege.is_some() && siege.into_iter().any(refuses);
        let of_null_sender = self.null_sender.after_data().into_iter();
        let mut of_bounces = of_null_sender.chain(self.proof.after_data());
        let headers = self.headers.iter().map(HeaderRule::rule);
        let mut others = headers.chain([self.forgery.header_from]);
        let refused_later = others.any(refuses) || bounces && (of_siege || of_bounces.any(refuses));
        self.mode == Mode::Enforce
            && self.outgoing(case.envelope).is_none()
            && case.recipient.refused.is_none()
            && refused_later
            && (bounces || !passes && !forwarded)
    }
}

fn refuses(rule: Rule) -> bool {
    !rule.monitor && !rule.action.is_accepted()
}
