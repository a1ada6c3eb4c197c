//! Finds whose word a stored mail with a report is: by what our own host wrote into it when it came, or else by its signature now.

use futures_util::future::try_join;

use super::dmarc::dmarc;
use crate::{
    core::{
        address::Domain,
        aggregate::{Unbelieved, author},
        dmarc::{Method, is_aligned, may_align},
        header::Headers,
        local::Local,
        moment::of_received,
        network::is_public,
        proof::dkim::{
            SignatureResult,
            body::{BodyHashes, Canonical},
        },
        trace_header::OwnResults,
    },
    dkim::{self, DkimKeys},
    spf::Lookup,
};

/// A stored mail.
#[derive(Clone, Copy, Debug)]
pub struct StoredMail<'a> {
    /// Its headers.
    pub headers: &'a Headers,
    /// The same as they were signed.
    pub raw_headers: &'a [u8],
    /// All of its body.
    pub body: &'a [u8],
}

impl StoredMail<'_> {
    /// The domain whose word it is.
    ///
    /// # Errors
    /// Why it is nobody's.
    pub async fn reporter(
        &self,
        local: &Local,
        keys: &DkimKeys,
        lookup: &impl Lookup,
        now: u64,
    ) -> Result<Domain, Unbelieved> {
        let author = author(self.headers)?;
        let id = local.authserv_id.as_ref().map(|id| id.as_str());
        let is_inside = |address| local.has_client(address) || !is_public(address);
        let own = OwnResults::of(self.headers, id, is_inside);
        match &own.dmarc {
            Some((of, true)) if *of == author => return Ok(author),
            Some((of, false)) if *of == author => return Err(Unbelieved::Failed),
            _ => {}
        }
        for (method, passed) in [(Method::Dkim, &own.dkim), (Method::Spf, &own.spf)] {
            for domain in passed {
                if speaks_for(&author, domain, method, lookup).await? {
                    return Ok(author);
                }
            }
        }
        // A signature may have expired since, and an import may be of years ago.
        let came = self.headers.first("Received").and_then(of_received);
        let now = came.unwrap_or(now).min(now);
        let mut body = BodyHashes::new(&[Canonical::Simple, Canonical::Relaxed]);
        body.push(self.body);
        let may_speak = |domain: &Domain| may_align(&author, domain);
        let signatures =
            dkim::verify_author(self.raw_headers, &body, may_speak, keys, lookup, now).await;
        let mut unanswered = false;
        for signed in signatures {
            match signed.outcome {
                SignatureResult::Whole
                    if speaks_for(&author, &signed.domain, Method::Dkim, lookup).await? =>
                {
                    return Ok(author);
                }
                SignatureResult::Unanswered(_) => unanswered = true,
                _ => {}
            }
        }
        Err(match unanswered {
            true => Unbelieved::Unanswered,
            false => Unbelieved::Unproven,
        })
    }
}

/// Whether what passed for one domain speaks for the author's. The author's own does so by any record; for others DNS is asked.
async fn speaks_for(
    author: &Domain,
    passed: &Domain,
    method: Method,
    lookup: &impl Lookup,
) -> Result<bool, Unbelieved> {
    if author == passed {
        return Ok(true);
    }
    if !may_align(author, passed) {
        return Ok(false);
    }
    let (published, of_passed) = try_join(dmarc(author, lookup), dmarc(passed, lookup)).await?;
    Ok(published
        .is_some_and(|found| is_aligned(author, &found, passed, of_passed.as_ref(), method)))
}
