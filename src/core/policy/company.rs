//! Which recipients may share a transaction. After DATA the MTA has one answer for all of them, and where one may have the
//! message, all get it. So it would be enough to name an exempt recipient too, and the mail would be accepted.

use std::sync::Arc;

use super::{Case, Check, DomainAnswers, Judgement, Policy, Vouched};
use crate::core::{
    dnsbl,
    header_rules::{HeaderRule, When},
    spf::{SpfCheck, SpfResult},
    verdict::{Action, Mode, Reason, Rule, Verdict},
};

const CHECK: &str = "recipients";

/// What makes the answers after DATA to one recipient differ from those to another.
#[derive(Clone, Debug)]
pub struct Company {
    /// Whether a rule may refuse its mail after DATA.
    may_be_refused: bool,
    exempt: bool,
    /// What its domain answers, as far as a client may set that.
    answers: AfterData,
    /// What is answered to bounces.
    bounce: Bounce,
    /// Which rules of `headers` may refuse its mail, of those that are for some domains alone.
    headers: Vec<usize>,
}

impl Company {
    /// Whether the same rules answer both.
    fn is_like(&self, other: &Self) -> bool {
        let all = |one: &Self| (one.exempt, one.bounce);
        all(self) == all(other) && self.headers == other.headers
    }

    /// Whether its domain's answers may keep out what comes with a sender.
    fn keeps_out(&self) -> bool {
        !self.exempt && self.answers.keep_out()
    }
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

/// What a domain's answers do after DATA to such mail; none where they do nothing.
#[derive(Clone, Copy, Debug)]
struct AfterData {
    acts: bool,
    unproven: Option<Action>,
    unproven_replies: Option<Action>,
    /// None where the domain is not besieged.
    siege_unproven: Option<Option<Action>>,
}

impl AfterData {
    /// `may_bounce`: a bounce is to be expected.
    fn of(answers: DomainAnswers<'_>, may_bounce: bool, besieged: bool) -> Self {
        let acts = answers.mode() == Mode::Enforce;
        let does = |rule: Rule| {
            let does = acts && may_bounce && !rule.monitor && rule.action.acts();
            does.then_some(rule.action)
        };
        Self {
            acts,
            unproven: does(answers.unproven()),
            unproven_replies: does(answers.unproven_replies()),
            siege_unproven: besieged.then(|| does(answers.siege_unproven())),
        }
    }

    fn keep_out(self) -> bool {
        let siege = self.siege_unproven.flatten();
        let mut all = [self.unproven, self.unproven_replies, siege].into_iter();
        all.any(|action| action.is_some())
    }

    /// Whether the two differ by more than that one domain is besieged.
    fn differs(self, other: Self) -> bool {
        let sieges = (self.siege_unproven, other.siege_unproven);
        let of_siege = matches!(sieges, (Some(one), Some(other)) if one != other);
        let all = |one: Self| (one.acts, one.unproven, one.unproven_replies);
        all(self) != all(other) || of_siege
    }
}

impl Policy {
    /// What this recipient is to those that it shares a transaction with.
    pub fn company(&self, case: &Case<'_>) -> Company {
        let exempt = self.exempt_by(case).is_some();
        let bounces = dnsbl::is_asked_about(&case.envelope.reverse_path);
        let rules = self.headers.iter().enumerate();
        let headers = rules
            .filter(|(_, rule)| !exempt && self.may_match(rule, case))
            .map(|(index, _)| index)
            .collect();
        Company {
            may_be_refused: !exempt && self.may_be_refused(case, bounces),
            exempt,
            answers: AfterData::of(
                self.answers(case),
                (bounces || self.fails(case)) && !case.is_proven_by_tag(None),
                self.is_besieged(case),
            ),
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
        let answers = self.answers(case);
        let class = class.map(|(_, entry)| answers.class(entry, mailbox, case.known, true));
        let never_sends = answers.never_sends(mailbox);
        let taken = self
            .recipients_of(case.recipient)
            .is_some_and(|(_, entry)| entry.takes_bounces(mailbox, case.known).is_some());
        Bounce {
            spared: self.spares_null_sender(case) || self.is_srs(case),
            taken,
            proven: case.is_proven_by_tag(None),
            ours: self.local.is_ours_or_unqualified(mailbox),
            besieged: self.is_besieged(case),
            refused: never_sends.is_some_and(|(rule, _)| refuses(rule))
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
    /// come again alone (RFC 5321 section 4.5.3.1.10), so nothing is lost. Where one of the two is only monitored, the other
    /// would get what it refuses, so this answer is given in either mode.
    pub fn parted(&self, case: &Case<'_>, first: &Company) -> Option<Judgement> {
        if !self.is_suspect(case) {
            return None;
        }
        let company = self.company(case);
        let differs = company.answers.differs(first.answers);
        let is_refused = company.may_be_refused
            || first.may_be_refused
            || differs && (company.keeps_out() || first.keeps_out());
        if !is_refused || !differs && company.is_like(first) {
            return None;
        }
        let (reason, finding) = match differs {
            true => (
                Reason::OtherAnswers,
                "a recipient that was accepted before is in a domain with other answers",
            ),
            false => (
                Reason::OtherRecipients,
                "a recipient that was accepted before may get another answer after DATA",
            ),
        };
        let rule = Rule::new(Action::Tempfail);
        Some(Judgement {
            verdict: Verdict::of(rule, Mode::Enforce, reason),
            checks: vec![Check {
                name: CHECK,
                finding: finding.to_owned(),
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

    /// Whether the message may well be backscatter or forged: its sender is none, a daemon's, or one for which SPF does not
    /// pass.
    fn is_suspect(&self, case: &Case<'_>) -> bool {
        let bounces = dnsbl::is_asked_about(&case.envelope.reverse_path);
        let spf = case.spf.mail_from.as_ref();
        let passes = spf.is_none_or(|check| check.result == SpfResult::Pass);
        self.judges(case.envelope, case.recipient)
            && (bounces || !passes && !self.is_forwarded(case))
    }

    /// Whether the sender's domain denies that the client sends for it.
    fn fails(&self, case: &Case<'_>) -> bool {
        let spf = case.spf.mail_from.as_ref();
        let denies =
            |check: &Arc<SpfCheck>| matches!(check.result, SpfResult::Fail | SpfResult::Softfail);
        spf.is_some_and(denies) && !self.is_forwarded(case)
    }

    fn is_forwarded(&self, case: &Case<'_>) -> bool {
        let forwarder = self.trusted_forwarder(case.envelope, case.spf);
        matches!(forwarder, Vouched::Yes(_))
    }

    /// Whether a rule is there that would refuse the recipient's mail after DATA.
    fn may_be_refused(&self, case: &Case<'_>, bounces: bool) -> bool {
        let answers = self.answers(case);
        let siege = [answers.siege_unproven(), self.siege.listed];
        let of_siege = || case.siege.is_some() && siege.into_iter().any(refuses);
        let of_bounces = || answers.of_bounces().into_iter().any(refuses);
        let headers = self.headers.iter().map(HeaderRule::rule);
        let mut others = headers.chain([self.forgery.header_from]);
        answers.mode() == Mode::Enforce
            && (others.any(refuses) || bounces && (of_siege() || of_bounces()))
    }
}

fn refuses(rule: Rule) -> bool {
    !rule.monitor && !rule.action.is_accepted()
}
