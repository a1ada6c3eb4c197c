//! The DKIM signature of who wrote the message at hand, which vouches for a report that has no sender.

use super::Search;
use crate::core::{
    message::{Open, Part, dns},
    policy::Vouched,
    proof::dkim::{SignatureResult, Signed},
};

impl Search<'_> {
    /// Whether somebody who speaks for all authors in From: has signed the message, body and all; where that may decide.
    pub(in crate::core::message) fn authors_signature(
        &self,
        is_settled: bool,
    ) -> Result<Vouched<String>, Open> {
        let spf = self.message.spf().unwrap_or(&dns::NOTHING.spf);
        let envelope = &self.message.envelope;
        let decides = self.policy().author_may_vouch(envelope, spf, self.facts);
        // A signature covers the whole of the body (RFC 6376 section 3.7); of a part it says nothing.
        if is_settled || !decides || self.report.cut {
            return Ok(Vouched::No);
        }
        Ok(match self.asker.signatures(Part::Itself)? {
            Ok(signed) => signed
                .iter()
                .fold(Vouched::No, |vouched, signed| vouched.or(&worth(signed))),
            Err(_) => Vouched::Unanswered,
        })
    }
}

fn worth(signed: &Signed) -> Vouched<String> {
    match &signed.outcome {
        SignatureResult::Whole => Vouched::Yes(format!(
            "the DKIM signature of {} ({}) verifies, which is in line with From:",
            signed.domain, signed.selector
        )),
        SignatureResult::Unanswered(_) => Vouched::Unanswered,
        _ => Vouched::No,
    }
}
