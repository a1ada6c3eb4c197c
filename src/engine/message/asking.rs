//! What DNS is asked about a message: SPF, and the lists of hosts that send backscatter.

use std::time::SystemTime;

use tokio::time::Instant;

use super::{Message, NOT_ASKED};
use crate::{
    core::{
        address::{Mailbox, ReversePath},
        dnsbl::Dnsbl,
        policy::{HeaderFacts, Policy, SpfAnswers, Vouched},
        spf::{Identity, SpfCheck, SpfResult},
    },
    dns::Budgeted,
    spf::{self, SpfQuery},
};

impl Message {
    /// Asks for SPF and the DNS lists side by side, out of one budget.
    pub(super) async fn ask_dns(&mut self, lists: bool) {
        let resolver = &self.engine.resolver;
        let lookup = resolver.budgeted(Instant::now() + resolver.budget());
        let asked_lists: &[Dnsbl] = if lists {
            &self.engine.policy.dnsbl
        } else {
            &[]
        };
        let listings = async {
            match self.envelope.client.address {
                Some(client) => {
                    self.engine
                        .blocklists
                        .listings(asked_lists, client, &lookup)
                        .await
                }
                None => Vec::new(),
            }
        };
        let (spf, listings) = tokio::join!(self.ask_spf(&lookup), listings);
        self.spf = Some(spf);
        self.listings = listings;
    }

    /// Whether DNS is to be asked for the key of who wrote the message.
    pub(super) fn needs_authors_signature(&self, facts: &HeaderFacts) -> bool {
        let spf = self.spf.as_ref().unwrap_or(&NOT_ASKED);
        let policy = &self.engine.policy;
        policy.needs_authors_signature(&self.envelope, spf, facts)
    }

    async fn ask_spf(&self, lookup: &Budgeted) -> SpfAnswers {
        let Some(client) = self.envelope.client.address else {
            return SpfAnswers::default();
        };
        let query = SpfQuery {
            client,
            helo: self.envelope.client.helo.as_deref().unwrap_or_default(),
            mail_from: &self.envelope.reverse_path,
            now: SystemTime::now(),
            receiver: &self.receiver,
        };
        let (helo, mail_from) = if self.envelope.reverse_path.is_null() {
            // RFC 7208 section 2.4: the null sender is checked as postmaster@HELO, which is what the check of
            // HELO has asked already.
            let helo = spf::check_helo(lookup, &query).await;
            let mail_from = SpfCheck {
                identity: Identity::MailFrom,
                ..helo.clone()
            };
            (helo, mail_from)
        } else {
            tokio::join!(
                spf::check_helo(lookup, &query),
                spf::check_mail_from(lookup, &query)
            )
        };
        let mut answers = SpfAnswers {
            helo: Some(helo),
            mail_from: Some(mail_from),
            forwarder: Vouched::No,
        };
        let policy = &self.engine.policy;
        if policy.needs_forwarder(&self.envelope, &answers) {
            answers.forwarder = forwarder(policy, lookup, query).await;
        }
        answers
    }
}

/// The first domain of `spf.trusted_forwarders` that the client may send for.
async fn forwarder(policy: &Policy, lookup: &Budgeted, query: SpfQuery<'_>) -> Vouched<String> {
    let mut vouched = Vouched::No;
    for domain in policy.spf.forwarder_domains() {
        let postmaster = ReversePath::Mailbox(Mailbox::postmaster(domain));
        let query = SpfQuery {
            mail_from: &postmaster,
            ..query
        };
        match spf::check_mail_from(lookup, &query).await.result {
            SpfResult::Pass => return Vouched::Yes(domain.to_string()),
            SpfResult::Temperror => vouched = Vouched::Unanswered,
            _ => {}
        }
    }
    vouched
}
