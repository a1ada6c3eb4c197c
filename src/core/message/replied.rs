//! Whether a message answers mail that somebody sent in our name: a person who got that, and writes back. It is only tagged.

use super::{Asker, Message, Open};
use crate::core::{
    address::Mailbox,
    policy::Check,
    proof::{
        evidence::{Outcome, Unproven, Why},
        forged::{MAX_FORGED_IDS, lookup_hashes, stored_hash},
        ledger::{Hash, Hashed, hashes, message_id, shown},
        returned, today,
    },
    verdict::{Action, Reason, Rule, Verdict},
};

/// The most Message-IDs of In-Reply-To and References that are looked for: the nearest, and the start of the thread.
const MAX_ANSWERED: usize = 10;

impl Message {
    /// The Message-ID of the forged message that this one answers; none where it answers none, or where the store, which would
    /// know that it is ours, does not answer.
    pub(super) fn answers_forgery(
        &self,
        now: u64,
        asker: &Asker<'_>,
    ) -> Result<Option<Vec<u8>>, Open> {
        let Some(facts) = &self.facts else {
            return Ok(None);
        };
        let is_asked = facts.headers.has("In-Reply-To") || facts.headers.has("References");
        if !is_asked
            || self.policy.outgoing(&self.envelope).is_some()
            || !self.accepted.iter().any(|one| is_plain(&one.verdict))
        {
            return Ok(None);
        }
        let (keys, today) = (&self.policy.proof.keys, today(now));
        let answered = returned::answered(&facts.headers).into_iter();
        let answered: Vec<Vec<u8>> = answered.filter_map(|id| message_id(&id)).collect();
        let (near, far) = answered.split_at(answered.len().min(MAX_ANSWERED - 1));
        let asked = near.iter().chain(far.last());
        let asked: Vec<(&Vec<u8>, Vec<Hash>)> = asked
            .map(|id| (id, lookup_hashes(keys, id, today)))
            .collect();
        let all = asked.iter().flat_map(|(_, hashes)| hashes).copied();
        if !asker.forged(all.collect())? {
            return Ok(None);
        }
        for (id, forged) in asked {
            if asker.forged(forged)? && !self.is_ours_or_unknown(id, today, asker)? {
                return Ok(Some(id.clone()));
            }
        }
        Ok(None)
    }

    /// Whether the ledger has the message, or could have it and does not answer.
    fn is_ours_or_unknown(&self, id: &[u8], today: u64, asker: &Asker<'_>) -> Result<bool, Open> {
        let settings = &self.policy.proof;
        if !settings.ledger.remember {
            return Ok(false);
        }
        let keep = settings.ledger.keep_days();
        let asked = asker.sent(hashes(&settings.keys, Hashed::MessageId, id, today, keep))?;
        Ok(!matches!(asked, Ok(None)))
    }

    /// Notes in the verdicts that the message answers a forged one. What was found about each recipient, in their order.
    pub(super) fn tag_answer(&mut self, forged: Option<&[u8]>) -> Vec<Vec<Check>> {
        let Some(id) = forged else {
            return Vec::new();
        };
        let rule = Rule::new(Action::Tag);
        let accepted = self.accepted.iter_mut().map(|accepted| {
            if !is_plain(&accepted.verdict) {
                return Vec::new();
            }
            accepted.verdict.action = Action::Tag;
            accepted.verdict.reason = Reason::ReplyToForgery;
            accepted.verdict.by = None;
            vec![Check {
                name: "reply_to_forgery",
                finding: format!(
                    "it answers {}, which a bounce returned that was not of your mail",
                    shown(id)
                ),
                rule: Some(rule),
            }]
        });
        accepted.collect()
    }

    /// The Message-IDs of what this bounce returns, where nothing shows that it is ours: hashed, for people may answer it.
    pub(super) fn forged_ids(&self) -> Vec<Hash> {
        let Some(report) = self.content.as_ref().and_then(|content| content.report()) else {
            return Vec::new();
        };
        let is_forged = self.accepted.iter().any(|accepted| {
            let mailbox = &accepted.addressed.recipient.mailbox;
            self.is_of_forged(mailbox, &accepted.verdict)
        });
        if !is_forged {
            return Vec::new();
        }
        let returned = report.returned.iter().take(MAX_FORGED_IDS);
        let ids = returned.filter_map(|returned| {
            let header = returned.headers.first("Message-ID")?;
            message_id(&header.unfolded())
        });
        ids.map(|id| stored_hash(&self.policy.proof.keys, &id))
            .collect()
    }

    /// Whether what came to this recipient is a bounce of a message that was not ours: the domain signs its mail, and neither a
    /// proof nor a trace of ours is in it. That the address is in use says nothing.
    fn is_of_forged(&self, mailbox: &Mailbox, verdict: &Verdict) -> bool {
        let notification = verdict.notification.as_ref();
        let speaks_against = match &verdict.proof {
            Some(Outcome::Forged(_)) => true,
            Some(Outcome::Unproven(Unproven { why, weak, missing })) => {
                let is_sure = matches!(why, Why::Nothing | Why::NoTag);
                let is_traced = weak.relay || weak.spf || weak.recipient || weak.signature;
                is_sure && !is_traced && !missing.proofs.is_empty()
            }
            _ => false,
        };
        speaks_against
            && !verdict.is_unanswered()
            && self
                .policy
                .bounced_to(&self.envelope, mailbox, notification)
                .is_some()
    }
}

/// Whether nothing was found that weighs more: no proof that it is ours, and no rule that speaks against it.
fn is_plain(verdict: &Verdict) -> bool {
    verdict.action == Action::Accept
        && verdict.would.is_none()
        && !matches!(verdict.proof, Some(Outcome::Genuine { .. }))
}
