//! The DKIM signature of who wrote the message at hand, which vouches for a report that has no sender.

use super::{Search, dkim::NotAsked};
use crate::{
    core::{
        from_header::Claims,
        policy::Vouched,
        proof::dkim::{SignatureResult, Signed},
    },
    dkim,
    dns::Budgeted,
};

impl Search<'_> {
    /// Whether somebody who speaks for all authors in From: has signed the message, body and all.
    pub(in crate::engine) async fn authors_signature(
        &self,
        claims: &Claims,
        lookup: &Budgeted,
    ) -> Vouched<String> {
        // A signature covers the whole of the body (RFC 6376 section 3.7), and this is a part.
        if self.report.cut {
            return Vouched::No;
        }
        let headers = self.raw_headers();
        let body = Some(self.body);
        let of_authors = |domain: &_| claims.are_of(domain);
        let (keys, lifetime) = (&self.engine.dkim_keys, self.lifetime());
        let signed = if self.asks_dns {
            dkim::verify(&headers, body, of_authors, keys, lookup, self.now, lifetime).await
        } else {
            dkim::verify(
                &headers, body, of_authors, keys, &NotAsked, self.now, lifetime,
            )
            .await
        };
        signed
            .iter()
            .fold(Vouched::No, |vouched, signed| vouched.or(&worth(signed)))
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
