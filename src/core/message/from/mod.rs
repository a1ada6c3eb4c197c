//! Who vouches for an address of ours in From: of a stranger's message: the envelope; else, and only then, the ledger, and
//! last a DKIM signature, which takes reading the content.

mod result;
mod sent;
mod signed;

use std::cell::{Cell, OnceCell, RefCell};

use super::{Asker, Message, Open, dns};
use crate::core::{
    address::{Domain, Mailbox},
    dmarc::{self, Method},
    outside::Outside,
    policy::{Claim, HeaderFacts, Policy, Standing, Vouchers, Vouching},
    proof::coverage::CoverageCount,
    trace_header::DmarcTrace,
};
use signed::Candidates;
pub(super) use signed::canonicals;

/// The most domains whose records are asked for: a stranger writes them.
const MAX_DOMAINS: usize = 8;

/// The address of ours in From: with the weakest voucher, and what that is for each recipient.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Authorship {
    claim: Option<Claim>,
    /// The same for recipients that had too many copies.
    copied: Option<Claim>,
    /// Which of the accepted recipients these are.
    copies: Vec<bool>,
    /// The result of DMARC for our domain, where it is known.
    pub(super) result: Option<DmarcTrace>,
    /// That it is a post of ours, where the ledger shows it.
    pub(super) post: Option<CoverageCount>,
}

impl Authorship {
    /// What was found for the recipient at this place among the accepted ones.
    pub(super) fn claim(&self, place: usize) -> Option<&Claim> {
        match self.copies.get(place) {
            Some(true) => self.copied.as_ref(),
            _ => self.claim.as_ref(),
        }
    }

    /// Whether the content is to be read for it.
    pub(super) fn is_open(&self) -> bool {
        let claim = self.claim.as_ref();
        claim.is_some_and(|claim| claim.standing == Standing::Open)
    }
}

/// What is looked for in one message.
pub(super) struct Authors<'a> {
    message: &'a Message,
    facts: &'a HeaderFacts,
    /// In seconds since 1970.
    now: u64,
    asker: &'a Asker<'a>,
    candidates: OnceCell<Candidates>,
    /// The domains whose records were asked for so far.
    domains: RefCell<Vec<Domain>>,
    /// Whether the ledger vouched for one.
    is_by_ledger: Cell<bool>,
}

impl Message {
    /// Nothing where it does not matter: most mail does not claim to be ours, and then nothing is asked.
    pub(super) fn authorship(
        &self,
        facts: &HeaderFacts,
        now: u64,
        asker: &Asker<'_>,
    ) -> Result<Authorship, Open> {
        let policy = &*self.policy;
        let is_judged = policy.judges_from()
            && facts.claims_ours(policy)
            && policy.outgoing(&self.envelope).is_none()
            && self.accepted.iter().any(|one| {
                let recipient = &one.addressed.recipient;
                let answers = policy.answers_of(one.lookups.tenant.as_deref());
                answers.exempt_by(&self.envelope, recipient).is_none()
            });
        if !is_judged {
            return Ok(Authorship::default());
        }
        let authors = Authors {
            message: self,
            facts,
            now,
            asker,
            candidates: OnceCell::new(),
            domains: RefCell::default(),
            is_by_ledger: Cell::new(false),
        };
        let spf = self.spf().unwrap_or(&dns::NOTHING.spf);
        // These don't depend on each other.
        let claim = policy.weakest_claim(&self.envelope, spf, &facts.claims, &authors);
        let result = authors.result();
        let (claim, result) = (claim?, result?);
        let is_vouched = |claim: &Claim| matches!(claim.standing, Standing::Vouched(_));
        let counted = claim.as_ref().filter(|claim| is_vouched(claim));
        let mut copies = Vec::new();
        let (mut copied, mut post) = (None, None);
        if let Some(claim) = counted.filter(|_| authors.is_by_ledger.get()) {
            post = authors.post(claim);
            let (places, why) = authors.copies()?;
            copies = places;
            copied = why.map(|why| Claim {
                standing: Standing::Doubtful,
                why: claim.why.iter().cloned().chain([why]).collect(),
                ..claim.clone()
            });
        }
        Ok(Authorship {
            claim,
            copied,
            copies,
            result,
            post,
        })
    }
}

impl Vouchers for Authors<'_> {
    type Open = Open;

    fn is_aligned(
        &self,
        author: &Domain,
        authenticated: &Domain,
        method: Method,
    ) -> Result<Result<bool, Outside>, Open> {
        if author == authenticated {
            return Ok(Ok(true));
        }
        if !dmarc::may_align(author, authenticated)
            || !self.may_ask(author)
            || !self.may_ask(authenticated)
        {
            return Ok(Ok(false));
        }
        // These don't depend on each other.
        let published = self.asker.dmarc(author);
        let of_authenticated = self.asker.dmarc(authenticated);
        let (published, of_authenticated) = (published?, of_authenticated?);
        Ok(match (published, of_authenticated) {
            (Err(outside), _) => Err(outside),
            (Ok(None), _) => Ok(self.policy().is_aligned_by_name(author, authenticated)),
            (Ok(Some(_)), Err(outside)) => Err(outside),
            (Ok(Some(published)), Ok(other)) => {
                let aligned = dmarc::is_aligned(author, published, authenticated, other, method);
                Ok(aligned)
            }
        })
    }

    fn beside_envelope(&self, author: &Mailbox) -> Result<Vec<Vouching>, Open> {
        let sent = self.was_sent(author)?;
        let is_settled = matches!(sent, Some((Standing::Vouched(_), _)));
        let mut found: Vec<Vouching> = sent.into_iter().collect();
        if !is_settled {
            found.push(self.signed(author)?);
        }
        Ok(found)
    }
}

impl<'a> Authors<'a> {
    fn policy(&self) -> &'a Policy {
        &self.message.policy
    }

    /// What is counted of a post that a mailing list brings back.
    fn post(&self, claim: &Claim) -> Option<CoverageCount> {
        Some(CoverageCount::Post {
            domain: claim.domain.as_ref()?.to_string(),
            list: self.message.envelope.reverse_path.domain()?.to_string(),
        })
    }

    fn may_ask(&self, domain: &Domain) -> bool {
        let mut domains = self.domains.borrow_mut();
        if domains.contains(domain) {
            return true;
        }
        let has_room = domains.len() < MAX_DOMAINS;
        if has_room {
            domains.push(domain.clone());
        }
        has_room
    }
}
