//! Bounces to SRS addresses: whether they are genuine the SRS daemon knows, by the hash that it has made.

use super::{Case, Policy, walk::Walk};
use crate::core::{
    address::Mailbox,
    envelope::Envelope,
    proof::{
        coverage::{CoverageCount, SrsSeen},
        evidence::Outcome,
    },
    srs,
    verdict::Entry,
};

impl Policy {
    /// Whether the recipient is an SRS address that the SRS daemon makes.
    pub(super) fn is_srs(&self, case: &Case<'_>) -> bool {
        self.null_sender
            .srs_entry(&case.recipient.mailbox)
            .is_some()
    }

    /// A bounce that may be left to the SRS daemon.
    pub(super) fn left_to_srs(&self, case: &Case<'_>, walk: &mut Walk) {
        if let Some(entry) = self.null_sender.srs_entry(&case.recipient.mailbox) {
            let finding = "an SRS address: whether it answers a message, the SRS daemon knows";
            walk.note("null_sender.srs", finding);
            walk.prove(&Outcome::Srs);
            walk.vouch(Some(Entry::new("null_sender.srs", entry)));
        }
    }

    /// What is counted of a bounce to an SRS address of ours that the file does not know of.
    pub fn unknown_srs(&self, envelope: &Envelope, recipient: &Mailbox) -> Option<CoverageCount> {
        let came = envelope.reverse_path.is_null() && self.outgoing(envelope).is_none();
        self.srs_count(recipient, SrsSeen::Bounced).filter(|_| came)
    }

    /// What is counted of an SRS address of ours, where the file does not know of them.
    pub(super) fn srs_count(&self, mailbox: &Mailbox, seen: SrsSeen) -> Option<CoverageCount> {
        let is_new = srs::is_well_formed(mailbox) && self.null_sender.srs_entry(mailbox).is_none();
        let ours = self.local.ours(mailbox.domain()?).filter(|_| is_new)?;
        Some(CoverageCount::Srs {
            domain: ours.to_string(),
            seen,
        })
    }
}
