//! What the siege's sensor takes notice of.

use sha2::{Digest, Sha256};

use super::Policy;
use crate::core::{
    address::{Domain, Mailbox},
    envelope::{Client, Envelope, Recipient},
    network::Network,
    proof::{
        evidence::Outcome,
        ledger::{Hashed, address, fingerprint},
    },
    recipients::{Class, Known, lookup_keys},
    siege::Hit,
    verdict::{Action, Reason, UnderSiege, Verdict},
};

impl Policy {
    /// What a verdict says of a flood, and the domain that it is one of; nothing where it is not ours, nor where we only
    /// failed to judge. What monitoring accepted counts like what was refused: a siege begins in either mode.
    pub fn sensed<'a>(
        &self,
        envelope: &Envelope,
        recipient: &'a Mailbox,
        verdict: &Verdict,
    ) -> Option<(&'a Domain, Hit)> {
        let domain = recipient
            .domain()
            .filter(|domain| self.local.is_ours(domain))?;
        if self.outgoing(envelope).is_some() {
            return None;
        }
        let hit = match &verdict.proof {
            Some(Outcome::Genuine { .. } | Outcome::Weak(_)) => None,
            Some(Outcome::Forged(_)) => (!verdict.is_unanswered()).then_some(Hit::Forged),
            Some(outcome @ Outcome::Unproven(_)) => {
                let tells_nothing = outcome.is_unanswered() || outcome.is_repeated();
                (!tells_nothing).then_some(Hit::Unproven)
            }
            None | Some(Outcome::Srs) => {
                let refused = envelope.reverse_path.is_null() && is_refused(verdict);
                refused.then_some(Hit::Refused)
            }
        };
        hit.map(|hit| (domain, hit))
    }

    /// The address in the form that is learned: without its extension, for one user has them all.
    pub fn learned_form(&self, mailbox: &Mailbox) -> Vec<u8> {
        let local = mailbox.local_key();
        let delimiters = &self.local.recipient_delimiter;
        let base = lookup_keys(&local, delimiters).last().unwrap_or(&local);
        address(&mailbox.with_local(base))
    }

    /// A hash by which the siege tells recipients apart: the same on all hosts. Those that a rule of `recipients` makes one
    /// are one, and an extension doesn't matter: a mailing with a sender for each subscriber has one that bounces come to.
    pub fn sensed_recipient(&self, recipient: &Recipient) -> u64 {
        let mailbox = &recipient.mailbox;
        let entry = self.recipients_of(recipient);
        let named = entry.and_then(|(_, entry)| entry.named(mailbox, &Known::NotListed, false));
        let key = match named {
            Some((Class::Rule(number), _)) => format!(" {number}").into_bytes(),
            _ => {
                let local = mailbox.local_key();
                let delimiters = &self.local.recipient_delimiter;
                let base = lookup_keys(&local, delimiters).last();
                base.unwrap_or(&local).to_vec()
            }
        };
        first_bits(&Sha256::digest(mailbox.with_local(&key).to_bytes()))
    }

    /// A hash by which the siege tells the networks of clients apart: the same on all hosts with the same keys. Without
    /// them, whoever chooses the networks can find some that are not told apart. All clients without an address are one
    /// network: anybody can make the MTA lose sight of theirs. Trusted forwarders and backup MXs are networks like any
    /// others: each passes on what a single host gives it.
    pub fn sensed_network(&self, client: &Client) -> u64 {
        let network = client.address.map(Network::prefix_around);
        let network = network.unwrap_or_default();
        first_bits(fingerprint(&self.proof.keys, Hashed::Network, &network).as_bytes())
    }
}

fn first_bits(hash: &[u8]) -> u64 {
    let (first, _) = hash.split_first_chunk().unwrap_or((&[0; 8], &[]));
    u64::from_be_bytes(*first)
}

fn is_refused(verdict: &Verdict) -> bool {
    let action = verdict.would.unwrap_or(verdict.action);
    let refuses = action.keeps_out();
    match &verdict.reason {
        // In a flood, what comes to the catch-all is the flood: it counts on while the store is away.
        Reason::Siege(UnderSiege::CatchAll { .. }) => refuses,
        _ if verdict.is_unanswered() => false,
        Reason::RefusedByMta { .. } => true,
        // It comes again alone, and counts then.
        Reason::OtherRecipients | Reason::OtherAnswers => false,
        Reason::NullSenderExtraRecipient => action == Action::Reject,
        _ => refuses,
    }
}
