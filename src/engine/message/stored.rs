//! The same message for who only wants to know: mail that is stored already, and mail that was never sent.

use std::sync::Arc;

use super::{Engine, Message, NOT_ASKED};
use crate::core::{
    dnsbl::{Listing, is_asked_about},
    outside::Unanswered,
};

impl Message {
    /// The same message for somebody who only wants to know: no proof in it is used up.
    pub fn only_asked(mut self) -> Self {
        self.counts_proofs = false;
        self
    }

    /// The same message of a client that nobody knows: neither SPF nor a list is asked about it, and what others sent
    /// whom nobody knows either is not held against it.
    pub fn of_unknown_client(self) -> Self {
        Self {
            knows_client: false,
            ..self.without_answers()
        }
    }

    fn without_answers(mut self) -> Self {
        self.spf = Some(NOT_ASKED);
        if is_asked_about(&self.envelope.reverse_path) {
            let not_asked = || Listing::Unanswered(Unanswered::dns("not asked"));
            let lists = &self.engine.policy.dnsbl;
            self.listings = lists.iter().map(|_| not_asked()).collect();
        }
        self
    }

    /// The same message without DNS: neither SPF nor a list is asked, and none has anything to say; nor is a DKIM key,
    /// so what only that could prove stays open.
    pub fn without_dns(self) -> Self {
        Self {
            asks_dns: false,
            ..self.without_answers()
        }
    }

    /// The same message before another engine of the same lists, no recipient judged yet; what DNS has answered already
    /// is not asked again.
    pub fn again(&self, engine: Arc<Engine>) -> Self {
        Self {
            engine,
            envelope: self.envelope.clone(),
            receiver: self.receiver.clone(),
            spf: self.spf.clone(),
            listings: self.listings.clone(),
            let_in: 0,
            company: None,
            asks_dns: self.asks_dns,
            counts_proofs: self.counts_proofs,
            knows_client: self.knows_client,
        }
    }
}
