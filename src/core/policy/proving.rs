//! What a notification proves: at DATA where only a tag can, at the end of the message where its content may.

use std::ops::ControlFlow::{self, Break, Continue};

use super::{Case, HeaderFacts, Policy, Tag, soften::softened, walk::Walk};
use crate::core::{
    from_header::Claims,
    header::Headers,
    notification::Notification,
    proof::evidence::{Evidence, Missing, Outcome, Outside, Unproven, WeakEvidence, Why},
    recipients::Class,
    verdict::{Action, Entry, Reason, Rule, Verdict},
};

/// The most octets of a stored body. MTAs have limits of 10 to 50 MB.
const LARGEST_MESSAGE: usize = 64 << 20;

impl Policy {
    /// Whether the content of some mail is to be read.
    pub fn reads_content(&self) -> bool {
        self.looks_for_proofs() || self.asks_who_reports() || self.judges_from()
    }

    /// How many octets of a stored message's body are read below these headers: all of it where a signature of an author of
    /// ours may decide, as far as MTAs take messages; else what proofs are looked for in.
    pub fn stored_body_limit(&self, headers: &Headers) -> usize {
        let is_read = self.judges_from()
            && headers.has("DKIM-Signature")
            && self.own_authors(&Claims::of(headers)).next().is_some();
        match is_read {
            true => LARGEST_MESSAGE,
            false => self.proof.body_limit.octets(),
        }
    }

    /// Whether something in what a notification returns could prove that it is ours.
    pub fn looks_for_proofs(&self) -> bool {
        !self.local.domains.is_empty() && self.proof.looks_in_content()
    }

    /// Whether the content of a report is read for its author's signature, and for what a bounce says.
    fn asks_who_reports(&self) -> bool {
        !self.local.domains.is_empty() && !self.null_sender.unauthenticated_reports.accepts()
    }

    /// Whether every bounce must have a tag, so that one without is answered at DATA.
    pub fn requires_tag(&self) -> bool {
        self.proof.requires_tag()
    }

    /// Whether the content decides something for this recipient: that of bounces, and of all else with the null sender.
    /// Nothing else is ever read.
    pub fn content_decides(&self, case: &Case<'_>, facts: &HeaderFacts) -> bool {
        let null = case.envelope.reverse_path.is_null();
        let notification = facts.notification.as_ref();
        let report = notification.is_some_and(Notification::is_report);
        // A person's mail program may say of itself that it answered automatically.
        let judged = null
            || notification.is_some_and(Notification::is_bounce)
            || self.judges_reply_with_sender(case, facts);
        // A delivery-status part leaves it to the SRS daemon.
        let may_be_srs = null && notification.is_none() && self.is_srs(case);
        let decides = self.content_may_prove(case)
            || may_be_srs && self.looks_for_proofs() && self.is_judged(case)
            || report && self.asks_who_reports() && self.is_judged(case);
        let proven = case.is_proven_by_tag(notification);
        judged && decides && !proven && facts.content_comes && !self.spares_null_sender(case)
    }

    /// Whether the content of a notification that is no more than announced could prove it.
    pub(super) fn content_may_prove(&self, case: &Case<'_>) -> bool {
        self.looks_for_proofs() && self.may_prove(case) && !self.lacks_tag(case)
    }

    /// Whether a proof could be there, and was not answered yet.
    fn may_prove(&self, case: &Case<'_>) -> bool {
        self.is_judged(case)
            && !self.is_srs(case)
            && self.local.is_ours_or_unqualified(&case.recipient.mailbox)
    }

    /// Whether the recipient's mail is judged beyond its envelope.
    fn is_judged(&self, case: &Case<'_>) -> bool {
        let read = case.tag.filter(|tag| !matches!(tag, Tag::Foreign(_)));
        let answered = case.envelope.reverse_path.is_null() && read.is_some();
        (!answered || case.waits_for_content())
            && self.outgoing(case.envelope).is_none()
            && self.exempt_by(case).is_none()
    }

    /// Whether this is a bounce that must have a tag, and has none.
    pub fn lacks_tag(&self, case: &Case<'_>) -> bool {
        case.envelope.reverse_path.is_null()
            && self.requires_tag()
            && !case.waits_for_content()
            && self.may_prove(case)
    }

    pub(super) fn at_data(
        &self,
        case: &Case<'_>,
        sent_lately: bool,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        if !self.lacks_tag(case) {
            return Continue(());
        }
        let finding =
            "null sender, and no tag of ours in the address; proof.batv.required wants one";
        if self.spares_null_sender(case) {
            let finding = format!("{finding}; null_sender.exempt spares it");
            walk.note("proof.batv", finding);
            return Continue(());
        }
        let outcome = Outcome::Unproven(Unproven {
            why: Why::NoTag,
            // It is reported, and decides nothing: it is no tag.
            weak: WeakEvidence {
                sender: sent_lately,
                ..WeakEvidence::default()
            },
            missing: self.missing(case),
        });
        walk.prove(&outcome);
        self.rule_takes_bounces(case, walk)?;
        self.besieged_unproven(case, &outcome, None, walk)?;
        let rule = self.answers(case).unproven();
        walk.apply("proof.batv", finding, rule, Reason::Proof(outcome))
    }

    /// What was looked for in the content, and found.
    pub(super) fn note_proofs(&self, evidence: &Evidence, walk: &mut Walk) {
        for finding in &evidence.findings {
            walk.note(finding.kind.check(), &finding.text);
        }
    }

    /// The answer to a notification whose content was read.
    pub(super) fn at_eom(
        &self,
        case: &Case<'_>,
        notification: &Notification,
        evidence: &Evidence,
        sent_lately: Result<bool, Outside>,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        let sent_lately = if case.sent_with_tag() {
            Ok(true)
        } else {
            sent_lately
        };
        let weak = evidence.weak(sent_lately);
        let besieged = self.is_besieged(case);
        if !weak.is_none() && evidence.proven_for(besieged).is_none() {
            let worth = self.proof.weak_evidence.as_str();
            walk.note(
                "proof.weak_evidence",
                format!("{weak}; proof.weak_evidence is {worth}"),
            );
        }
        let worth = self.proof.weak_evidence;
        let outcome = evidence.outcome(besieged, sent_lately, worth, self.missing(case));
        let unanswered = evidence.unanswered_for(sent_lately, worth);
        let (check, finding, rule) = match &outcome {
            Outcome::Genuine { .. } | Outcome::Weak(_) | Outcome::Srs => {
                walk.prove(&outcome);
                return Break(Verdict::accept(Reason::Proof(outcome)));
            }
            Outcome::Unproven(unproven) if unproven.why == Why::Repeated => {
                let rule = self.unproven_rule(case, notification);
                let finding = in_words(unproven, false);
                return self.repeated(rule, finding, outcome, walk);
            }
            // Weak evidence does not outweigh a proof that is wrong.
            Outcome::Forged(_) => {
                return self.forged(case, outcome, evidence.unanswered(), walk);
            }
            Outcome::Unproven(_) if !self.makes_proofs() => {
                let finding = "nothing proves it; but nothing is put into outgoing mail that could";
                walk.note("proof.unproven", finding);
                return self.besieged_listed(case, unanswered, walk);
            }
            Outcome::Unproven(unproven) => {
                let check = match notification.is_bounce() {
                    true => "proof.unproven",
                    false => "proof.unproven_replies",
                };
                let rule = self.unproven_rule(case, notification);
                (check, in_words(unproven, evidence.cut), rule)
            }
        };
        walk.prove(&outcome);
        self.besieged_listed(case, unanswered, walk)?;
        if let Outcome::Unproven(_) = outcome {
            self.rule_takes_bounces(case, walk)?;
        }
        self.besieged_unproven(case, &outcome, unanswered, walk)?;
        let rule = softened(rule, unanswered, besieged);
        walk.apply(check, finding, rule, Reason::Proof(outcome))
    }

    /// Where a rule of `recipients` says expressly that bounces are accepted, those that prove nothing are, too.
    fn rule_takes_bounces(&self, case: &Case<'_>, walk: &mut Walk) -> ControlFlow<Verdict> {
        let mailbox = &case.recipient.mailbox;
        let entry = self.recipients_of(case.recipient);
        let found = entry.and_then(|(_, entry)| entry.takes_bounces(mailbox, case.known));
        let Some((number, rule)) = found else {
            return Continue(());
        };
        let finding = format!("nothing proves it, but rule {number} accepts bounces");
        walk.note("recipients", finding);
        let reason = Reason::Recipient {
            class: Class::Rule(number),
            bounce: true,
        };
        let by = Entry::new("recipients.rules", &rule.pattern);
        Break(Verdict::accept(reason).by(Some(by)))
    }

    /// A receipt that looks like a bounce gets no softer answer than a bounce: its content type is soon written.
    fn unproven_rule(&self, case: &Case<'_>, notification: &Notification) -> Rule {
        let answers = self.answers(case);
        let (bounces, replies) = (answers.unproven(), answers.unproven_replies());
        match notification.is_bounce() {
            true => bounces,
            false if notification.shows_bounce() => replies.stricter(bounces),
            false => replies,
        }
    }

    /// The answer to what was accepted minutes ago, where this rule would answer it.
    pub(super) fn repeated(
        &self,
        rule: Rule,
        finding: String,
        outcome: Outcome,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        walk.prove(&outcome);
        let reason = Reason::Proof(outcome);
        walk.apply("proof.replay_limit", finding, repeated(rule), reason)
    }

    /// The answer to a proof that is wrong or old, where there is no other.
    pub(super) fn forged(
        &self,
        case: &Case<'_>,
        outcome: Outcome,
        unanswered: Option<Outside>,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        walk.prove(&outcome);
        self.besieged_listed(case, unanswered, walk)?;
        let finding = "its proof is wrong or old, and there is no other";
        let rule = softened(self.proof.forged, unanswered, self.is_besieged(case));
        walk.apply("proof.forged", finding, rule, Reason::Proof(outcome))
    }

    /// Whether outgoing mail has something by which its bounces can be known.
    pub(super) fn makes_proofs(&self) -> bool {
        !self.proof.made().is_empty()
    }

    pub(super) fn missing(&self, case: &Case<'_>) -> Missing {
        Missing {
            domain: case.recipient.mailbox.domain().cloned(),
            proofs: self.proof.made(),
        }
    }
}

pub(super) fn in_words(unproven: &Unproven, cut: bool) -> String {
    let cut = if cut {
        "; only a part of it was read"
    } else {
        ""
    };
    let what = match unproven.why {
        Why::Nothing | Why::NoTag => "nothing in it proves that it answers a message of ours",
        Why::Replayed => "the message it returns is ours, but has been returned too often",
        Why::Repeated => "it is proven, and was accepted minutes ago",
        Why::Unanswered(outside) => {
            return format!("nothing proves it so far, and {outside} did not answer{cut}");
        }
    };
    format!("{what}{cut}")
}

/// What was accepted minutes ago is asked to come again: it is no stranger's, and whether it was delivered the MTA does not
/// report.
fn repeated(rule: Rule) -> Rule {
    let action = match rule.accepts() {
        true => Action::Accept,
        false => Action::Tempfail,
    };
    Rule { action, ..rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Neither lost nor marked as a stranger's; and where nothing is refused, nothing is.
    #[test]
    fn what_comes_again_too_soon_is_asked_to_wait() {
        for action in Action::ALL {
            for monitor in [false, true] {
                let expected = match action {
                    Action::Accept => Action::Accept,
                    _ => Action::Tempfail,
                };
                let found = repeated(Rule { action, monitor });
                let expected = Rule {
                    action: expected,
                    monitor,
                };
                assert_eq!(found, expected, "{action}");
            }
        }
    }
}
