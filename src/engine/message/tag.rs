//! What is asked about a tag that is wrong or old, before it is called so.

use std::net::IpAddr;

use tokio::time::Instant;

use super::{Engine, Message, now};
use crate::core::{
    envelope::Recipient,
    notification::Notification,
    outside::Outside,
    policy::{Addressed, Policy, Tag},
    proof,
};

impl Message {
    /// Takes a tag of ours off a recipient, and says what it proves. To be called once for each: a wrong tag is counted.
    pub async fn addressed(&self, sent: Recipient) -> Addressed {
        let Engine {
            policy, guesses, ..
        } = &*self.engine;
        let wrong_before = self
            .guesser()
            .map_or(0, |client| guesses.wrong(client, Instant::now()));
        let today = proof::today(now());
        let mut addressed = policy.addressed(&self.envelope, sent, today, wrong_before);
        addressed.tag = policy.tag_of_host(&addressed, &self.receiver, today);
        addressed.tag = self.doubted(&addressed).await;
        self.note_guesses([addressed.tag], None);
        addressed
    }

    /// The tag, with what could prove its bounce otherwise.
    async fn doubted(&self, addressed: &Addressed) -> Option<Tag> {
        let tag = addressed.tag?;
        let engine = &*self.engine;
        let policy = &engine.policy;
        let sent = if policy.asks_ledger_of_tag(&self.envelope, addressed) {
            let sent = engine.sent_from(&addressed.sent.mailbox, now()).await;
            sent.map_err(|_| Outside::Store)
        } else {
            Ok(false)
        };
        let signed = if policy.asks_signatures_of_tag(&self.envelope, addressed) {
            let lifetime = policy.proof.lifetime_days();
            let store = engine.store.as_deref();
            let seen = engine.signatures.seen(store, proof::today(now()), lifetime);
            seen.await
        } else {
            Ok(false)
        };
        Some(tag.or(policy.otherwise(sent, signed)))
    }

    /// Whose wrong tags are counted together.
    fn guesser(&self) -> Option<IpAddr> {
        self.envelope.client.address.filter(|_| self.knows_client)
    }

    /// Counts those of these tags that are guesses.
    pub(super) fn note_guesses(
        &self,
        tags: impl IntoIterator<Item = Option<Tag>>,
        notification: Option<&Notification>,
    ) {
        for client in self.guessed(tags, notification) {
            self.engine.guesses.note(client, Instant::now());
        }
    }

    /// Takes back what was counted: another proof shows that these tags were no guesses.
    pub(super) fn forgive_guesses(
        &self,
        tags: impl IntoIterator<Item = Option<Tag>>,
        notification: Option<&Notification>,
    ) {
        for client in self.guessed(tags, notification) {
            self.engine.guesses.forgive(client, Instant::now());
        }
    }

    /// The client, once for each of these tags that it guessed.
    fn guessed(
        &self,
        tags: impl IntoIterator<Item = Option<Tag>>,
        notification: Option<&Notification>,
    ) -> impl Iterator<Item = IpAddr> {
        let client = self.guesser();
        tags.into_iter()
            .filter(move |tag| Policy::is_guess(&self.envelope, *tag, notification))
            .filter_map(move |_| client)
    }
}
