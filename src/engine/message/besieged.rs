//! What the siege of a recipient's domain means for a message, and what a message teaches for sieges to come.

use super::{Asked, Engine, LetIn, Message, now};
use crate::core::{
    address::Mailbox,
    policy::{Addressed, Siege, WasLearned},
    siege::State,
    spf::SpfResult,
    verdict::{Action, Reason, Verdict},
};

impl Message {
    /// Whether the recipient's domain is besieged; and if so, whether he was learned before.
    pub(super) async fn siege(&self, addressed: &Addressed, asked: &Asked) -> Option<Siege> {
        let engine = &*self.engine;
        let domain = addressed.recipient.mailbox.domain()?;
        if !engine.sieges.state(domain).is_besieged() {
            return None;
        }
        let learned = if engine.policy.needs_learned(&self.case(addressed, asked)) {
            engine.learned(&addressed.recipient.mailbox, now()).await
        } else {
            WasLearned::No
        };
        Some(Siege { learned })
    }

    /// Which recipients are to be learned, now that the message is let in: addresses that only a catch-all takes, of a
    /// person whose domain vouches for its host, while all is calm. In a siege a stranger would teach us his own.
    pub(in crate::engine) fn to_learn<'a>(
        &'a self,
        let_in: &'a [LetIn],
    ) -> impl Iterator<Item = &'a Mailbox> {
        let Engine { policy, sieges, .. } = &*self.engine;
        let spf = self.spf.as_ref().and_then(|spf| spf.mail_from.as_ref());
        let vouched = !self.envelope.reverse_path.is_null()
            && policy.outgoing(&self.envelope).is_none()
            && spf.is_some_and(|check| check.result == SpfResult::Pass);
        let candidates = let_in.iter().filter(move |_| vouched);
        candidates
            .filter(|let_in| {
                is_welcome(&let_in.verdict)
                    && policy.is_caught(&self.case(&let_in.addressed, &let_in.asked))
            })
            .map(|let_in| &let_in.addressed.recipient.mailbox)
            .filter(|mailbox| {
                let domain = mailbox.domain();
                domain.is_some_and(|domain| sieges.state(domain) == State::Calm)
            })
    }
}

/// Whether nothing spoke against it: that all which the catch-all takes is tagged says nothing of this message.
fn is_welcome(verdict: &Verdict) -> bool {
    match verdict.action {
        Action::Accept => true,
        Action::Tag => {
            verdict.would.is_none() && matches!(verdict.reason, Reason::Recipient { .. })
        }
        _ => false,
    }
}
