//! Automatic replies that have a sender, as people's mail programs send them: nothing shows in the envelope that they answer
//! forged mail. The ledger knows what was sent, where it remembers all of it.

use std::ops::ControlFlow::{self, Break, Continue};

use super::{Case, HeaderFacts, Policy, soften::softened, walk::Walk};
use crate::core::{
    notification::Notification,
    outside::Outside,
    proof::evidence::{Evidence, Outcome, Why},
    verdict::{Action, Reason, Rule, Verdict},
};

const CHECK: &str = "proof.unproven_replies_with_sender";

impl Policy {
    /// Whether it is an automatic reply with a sender that names a message which it answers.
    pub(super) fn is_reply_with_sender(&self, case: &Case<'_>, facts: &HeaderFacts) -> bool {
        let is_reply = facts
            .notification
            .as_ref()
            .is_some_and(Notification::is_reply);
        let named = ["In-Reply-To", "References"]
            .iter()
            .any(|name| facts.headers.has(name));
        is_reply && named && !case.envelope.reverse_path.is_null()
    }

    /// Whether the ledger is worth asking about such a reply.
    pub(super) fn judges_reply_with_sender(&self, case: &Case<'_>, facts: &HeaderFacts) -> bool {
        let rule = self.proof.unproven_replies_with_sender;
        self.proof.ledger.remember
            && (!rule.accepts() || case.siege.is_some())
            && self.is_reply_with_sender(case, facts)
    }

    /// The answer to it. `sent_lately`: the store has mail that the recipient sent.
    pub(super) fn reply_with_sender(
        &self,
        case: &Case<'_>,
        evidence: &Evidence,
        sent_lately: Result<bool, Outside>,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        let besieged = self.is_besieged(case);
        let outcome = evidence.outcome(
            besieged,
            Ok(false),
            self.proof.weak_evidence,
            self.missing(case),
        );
        match &outcome {
            Outcome::Genuine { .. } => {
                walk.prove(&outcome);
                return Break(Verdict::accept(Reason::Proof(outcome)));
            }
            // It names a message of ours, and people answer more than once.
            Outcome::Unproven(unproven)
                if matches!(unproven.why, Why::Repeated | Why::Replayed) =>
            {
                return Continue(());
            }
            _ => {}
        }
        let unanswered = evidence.unanswered().max(sent_lately.err());
        let domain = case.recipient.mailbox.domain();
        let remembered = domain.is_some_and(|domain| evidence.remembered.contains(domain));
        // Who has never sent through us may send elsewhere; an address that only the catch-all takes is nobody's.
        let covered = sent_lately == Ok(true) || self.is_caught(case);
        if unanswered == Some(Outside::Store) || !remembered || !covered {
            let finding = "the ledger does not know all that could be answered";
            walk.note(CHECK, finding);
            return Continue(());
        }
        let finding = "a reply to a message that was not sent from here".to_owned();
        let rule = self.proof.unproven_replies_with_sender;
        let rule = match besieged && self.is_caught(case) {
            true => rule.stricter(Rule::new(Action::Tempfail)),
            false => rule,
        };
        let rule = softened(rule, unanswered, besieged);
        walk.apply(CHECK, finding, rule, Reason::Proof(outcome))
    }
}
