//! The result of DMARC for a domain of ours (RFC 9989 section 5.4), for Authentication-Results.

use super::{Authors, signed::Passes};
use crate::core::{
    address::Domain,
    dmarc::Method,
    message::{Open, dns},
    policy::Vouchers,
    spf::SpfResult,
    trace_header::{DmarcResult, DmarcTrace},
};

impl Authors<'_> {
    /// None where it is not known: a signature was not verified, because something else vouches; or there are several
    /// authors, of whom nobody can say whose result it is.
    pub(super) fn result(&self) -> Result<Option<DmarcTrace>, Open> {
        let claims = &self.facts.claims;
        let [author] = claims.addresses.as_slice() else {
            return Ok(None);
        };
        let is_one = claims.from_headers == 1 && !claims.cut;
        let ours = author
            .domain()
            .filter(|domain| self.policy().local.is_ours(domain));
        let Some(author) = ours.filter(|_| is_one) else {
            return Ok(None);
        };
        if !self.may_ask(author) {
            return Ok(None);
        }
        // These don't depend on each other.
        let published = self.asker.dmarc(author);
        let by_spf = self.passes_spf(author);
        let by_dkim = self.passes_dkim(author);
        let published = published?.map(|published| published.is_some());
        let by_spf = by_spf?;
        let by_dkim = by_dkim?;
        let result = match (published, by_spf, by_dkim) {
            (Err(_), ..) => DmarcResult::Temperror,
            (Ok(false), ..) => DmarcResult::None,
            (Ok(true), Passes::Yes, _) | (Ok(true), _, Some(Passes::Yes)) => DmarcResult::Pass,
            (Ok(true), _, None) => return Ok(None),
            (Ok(true), Passes::Unanswered, _) | (Ok(true), _, Some(Passes::Unanswered)) => {
                DmarcResult::Temperror
            }
            (Ok(true), Passes::No, Some(Passes::No)) => DmarcResult::Fail,
        };
        Ok(Some(DmarcTrace {
            author: author.clone(),
            result,
        }))
    }

    fn passes_spf(&self, author: &Domain) -> Result<Passes, Open> {
        let spf = self.message.spf().unwrap_or(&dns::NOTHING.spf);
        let Some(check) = &spf.mail_from else {
            return Ok(Passes::Unanswered);
        };
        let sender = self
            .policy()
            .authenticated_sender(&self.message.envelope, spf);
        let Some(sender) = sender else {
            return Ok(Passes::No);
        };
        if !matches!(check.result, SpfResult::Pass | SpfResult::Temperror) {
            return Ok(Passes::No);
        }
        Ok(
            match (self.is_aligned(author, &sender, Method::Spf)?, check.result) {
                (Ok(false), _) => Passes::No,
                (Ok(true), SpfResult::Pass) => Passes::Yes,
                _ => Passes::Unanswered,
            },
        )
    }
}
