//! Whether somebody abuses an account of ours, by its password or by a script: many bounces that prove to return mail of one
//! sender, from many networks, far above what is usual for it. It is only reported: nothing is refused because of it.
//!
//! All is decided from the counts in the store ([`AttackKind::Account`](super::attack::AttackKind::Account)), by hour, so hosts that share it add up, and a
//! restart forgets nothing:
//!
//! - **A flood comes from many.** One network counts for a fifth of the limit at most, as in a siege. So whoever got mail of
//!   that sender, and can return it, accuses nobody alone.
//! - **The limit** is `siege.accounts.floor` bounces an hour, or `siege.factor` times the usual: the mean of the hours in which
//!   some came, of four weeks without the last day.
//! - **A flood does not become usual.** Its hours are not learned, and none for a day after it; others up to half of the limit.
//!   A newsletter's address, whose bounces are usual, is named in `siege.accounts.except`.
//! - **It ends** when no hour has reached the limit for a day.

mod announced;
mod flood;
mod gate;
mod settings;

pub use announced::{AccountChange, Announced, RECORD};
pub use flood::{Flood, HISTORY, floods};
pub use gate::{Gate, Passed, ProvenBounce};
pub use settings::AccountSettings;

use super::{
    address::Mailbox, attack::network, envelope::Envelope, policy::Policy, printable::shortened,
    proof::evidence::Outcome, verdict::Verdict,
};

/// The longest address that is counted, in characters: with a network it fits into what the report counts.
const MAX_ADDRESS: usize = 200;

impl Policy {
    /// The account that a bounce says something of: one of our senders, whose mail it proves to return; none where that is
    /// usual for it, or nobody watches.
    pub(in crate::core) fn proven_bounce(
        &self,
        envelope: &Envelope,
        recipient: &Mailbox,
        verdict: &Verdict,
    ) -> Option<ProvenBounce> {
        let is_proven = matches!(verdict.proof, Some(Outcome::Genuine { .. }));
        if !self.siege.watch || !is_proven || self.is_excepted(recipient) {
            return None;
        }
        let domain = self.bounced_to(envelope, recipient, verdict.notification.as_ref())?;
        let client = envelope.client.address?;
        Some(ProvenBounce {
            account: shortened(&self.learned_form(recipient), MAX_ADDRESS),
            domain: domain.to_owned(),
            network: network(client),
        })
    }

    /// Whether an account is one of `siege.accounts.except`.
    pub fn is_excepted(&self, account: &Mailbox) -> bool {
        let except = &self.siege.accounts.except;
        except
            .find(account, &self.local.recipient_delimiter)
            .is_some()
    }
}

#[cfg(test)]
mod tests;
