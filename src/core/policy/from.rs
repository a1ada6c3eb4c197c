//! An address of ours in From: of a stranger's message: whether anything vouches for it, and what is answered where nothing
//! does.

use std::ops::ControlFlow::{self, Continue};

use super::{
    Case, HeaderFacts, Policy, SpfAnswers, Vouched,
    soften::{Softened, softened},
    vouched::{Voucher, mail_from},
    walk::{Judgement, Walk},
};
use crate::core::{
    address::{Domain, Mailbox},
    dmarc::Method,
    envelope::Envelope,
    from_header::Claims,
    outside::Outside,
    spf::SpfResult,
    verdict::{Action, Entry, Reason, Rule, Verdict},
};

const CHECK: &str = "forgery.header_from";

/// How well an address of ours in From: is vouched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing vouches for it.
    Forged,
    /// The content may: it is to be read.
    Open,
    /// This did not answer, and might.
    Unanswered(Outside),
    /// Something does that a stranger may have copied.
    Doubtful,
    /// Something does; by this entry of `milter.yaml`, where it is one.
    Vouched(Option<Entry>),
}

impl Standing {
    /// Of several addresses, the one with the least decides: one that nothing vouches for, before one of which that is open.
    fn weakness(&self) -> u8 {
        match self {
            Self::Forged => 0,
            Self::Open => 1,
            Self::Unanswered(_) => 2,
            Self::Doubtful => 3,
            Self::Vouched(_) => 4,
        }
    }

    /// Of several vouchers for one address, the one with the most counts. What content may show is waited for.
    pub(in crate::core) fn worth(&self) -> u8 {
        match self {
            Self::Forged => 0,
            Self::Unanswered(_) => 1,
            Self::Doubtful => 2,
            Self::Open => 3,
            Self::Vouched(_) => 4,
        }
    }
}

/// An address of ours in From:, and what was found about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its domain; none for what is not read, and may be ours.
    pub domain: Option<Domain>,
    /// How well it is vouched for.
    pub standing: Standing,
    /// What was looked at, for people.
    pub why: Vec<String>,
}

/// What a voucher is worth, and the same for people.
pub type Vouching = (Standing, String);

/// Who knows what vouches for an address beside the envelope.
pub trait Vouchers {
    /// What a question is that has no answer yet.
    type Open;

    /// Whether what is authenticated for a domain speaks for an author in another; or what did not answer.
    ///
    /// # Errors
    /// A question is open.
    fn is_aligned(
        &self,
        author: &Domain,
        authenticated: &Domain,
        method: Method,
    ) -> Result<Result<bool, Outside>, Self::Open>;

    /// What else vouches for the address.
    ///
    /// # Errors
    /// A question is open.
    fn beside_envelope(&self, author: &Mailbox) -> Result<Vec<Vouching>, Self::Open>;
}

impl Policy {
    /// Whether it matters who is in From:.
    pub fn judges_from(&self) -> bool {
        !self.local.domains.is_empty() && self.forgery.header_from.action != Action::Accept
    }

    /// The addresses of ours that From: has, wherever in it; none for what is not read, for else it would be enough to write
    /// ours behind what is.
    pub(in crate::core) fn own_authors<'f>(
        &self,
        claims: &'f Claims,
    ) -> impl Iterator<Item = Option<&'f Mailbox>> {
        let written = claims.addresses.iter().chain(&claims.displayed);
        let ours = written.filter(|one| {
            one.domain()
                .is_some_and(|domain| self.local.is_ours(domain))
        });
        let unread = claims.cut.then_some(None);
        ours.map(Some).chain(unread)
    }

    /// Of the addresses of ours in From:, the one with the weakest voucher: each needs its own, for what vouches for one says
    /// nothing of another. None where there is none.
    ///
    /// # Errors
    /// A question is open.
    pub fn weakest_claim<V: Vouchers>(
        &self,
        envelope: &Envelope,
        spf: &SpfAnswers,
        claims: &Claims,
        vouchers: &V,
    ) -> Result<Option<Claim>, V::Open> {
        let authors = self.own_authors(claims);
        // They don't depend on each other.
        let found: Vec<_> = authors
            .map(|author| self.claim(envelope, spf, author, vouchers))
            .collect();
        let mut weakest: Option<Claim> = None;
        for claim in found {
            let claim = claim?;
            let is_weaker = |than: &Claim| claim.standing.weakness() < than.standing.weakness();
            if weakest.as_ref().is_none_or(is_weaker) {
                weakest = Some(claim);
            }
        }
        Ok(weakest)
    }

    fn claim<V: Vouchers>(
        &self,
        envelope: &Envelope,
        spf: &SpfAnswers,
        author: Option<&Mailbox>,
        vouchers: &V,
    ) -> Result<Claim, V::Open> {
        let domain = author.and_then(Mailbox::domain);
        let (mut standing, why) = self.envelope_vouches(envelope, spf, domain, vouchers)?;
        let mut why = vec![why];
        if let (Some(author), false) = (author, matches!(standing, Standing::Vouched(_))) {
            for (other, also) in vouchers.beside_envelope(author)? {
                if other.worth() > standing.worth() {
                    standing = other;
                }
                why.push(also);
            }
        }
        Ok(Claim {
            domain: domain.cloned(),
            standing,
            why,
        })
    }

    /// Whether the envelope vouches for an author in this domain of ours. Each way needs SPF to pass, for everything else in
    /// it can be made up.
    fn envelope_vouches<V: Vouchers>(
        &self,
        envelope: &Envelope,
        spf: &SpfAnswers,
        claimed: Option<&Domain>,
        vouchers: &V,
    ) -> Result<Vouching, V::Open> {
        let otherwise = match self.trusted_forwarder(envelope, spf) {
            Vouched::Yes(Voucher { entry, why }) => return Ok((Standing::Vouched(entry), why)),
            Vouched::Unanswered => Standing::Unanswered(Outside::Dns),
            Vouched::No => Standing::Forged,
        };
        let Some(sender) = &self.authenticated_sender(envelope, spf) else {
            let why = "the envelope has no domain that SPF could pass for";
            return Ok((otherwise, why.to_owned()));
        };
        let result = mail_from(spf);
        let listed = self.forgery.mailing_lists.iter();
        let mut listed = listed.filter(|list| list.matches(sender));
        if let Some(list) = listed.next() {
            return Ok(match result {
                SpfResult::Pass => {
                    let why = format!("{sender} is in forgery.mailing_lists, and its SPF passes");
                    let entry = Entry::new("forgery.mailing_lists", list);
                    (Standing::Vouched(Some(entry)), why)
                }
                SpfResult::Temperror => {
                    let why = format!(
                        "{sender} is in forgery.mailing_lists, and DNS did not answer about its SPF"
                    );
                    (Standing::Unanswered(Outside::Dns), why)
                }
                result => {
                    let why =
                        format!("{sender} is in forgery.mailing_lists, but its SPF says {result}");
                    (otherwise, why)
                }
            });
        }
        let Some(claimed) = claimed else {
            let why = format!("nothing vouches for what is not read, and {sender} is no list");
            return Ok((otherwise, why));
        };
        if !matches!(result, SpfResult::Pass | SpfResult::Temperror) {
            return Ok((otherwise, format!("SPF of {sender} says {result}")));
        }
        Ok(
            match (vouchers.is_aligned(claimed, sender, Method::Spf)?, result) {
                (Ok(false), SpfResult::Pass) => {
                    let why = format!("SPF passes for {sender}, which is not aligned with it");
                    (otherwise, why)
                }
                (Ok(false), _) => (otherwise, format!("{sender} is not aligned with it")),
                (Ok(true), SpfResult::Pass) => {
                    let why = format!("SPF passes for {sender}, which is aligned with it");
                    (Standing::Vouched(None), why)
                }
                (Ok(true), _) => {
                    let why = format!("DNS did not answer about SPF of {sender}");
                    (Standing::Unanswered(Outside::Dns), why)
                }
                (Err(outside), _) => {
                    let why = format!("{outside} did not say whether {sender} is aligned with it");
                    (Standing::Unanswered(outside), why)
                }
            },
        )
    }

    /// The domain that SPF of MAIL FROM is about. RFC 7208 section 2.4: the null sender is checked as postmaster@HELO. So come
    /// bounces of another MTA of ours.
    pub(in crate::core) fn authenticated_sender(
        &self,
        envelope: &Envelope,
        spf: &SpfAnswers,
    ) -> Option<Domain> {
        let helo = || {
            let check = spf.mail_from.as_ref()?;
            let is_null = envelope.reverse_path.is_null();
            check.domain.parse().ok().filter(|_| is_null)
        };
        envelope.reverse_path.domain().cloned().or_else(helo)
    }

    /// Whether a domain speaks for an author of ours where no record says so: its owner gave away what lies below it; of what
    /// lies above, only ours is known to be no registry.
    pub fn is_aligned_by_name(&self, author: &Domain, authenticated: &Domain) -> bool {
        authenticated.is_at_or_below(author)
            || self.local.is_ours(authenticated) && author.is_at_or_below(authenticated)
    }

    /// The answer to an address of ours in From:, once the content was read for that.
    pub fn judge_from(&self, case: &Case<'_>, claim: Option<&Claim>) -> Judgement {
        let mut walk = self.walk(case);
        let exempt = self.exempt_by(case).is_some();
        let end = match exempt {
            true => Continue(()),
            false => self.header_from(case, claim, &mut walk),
        };
        walk.judgement(end)
    }

    pub(super) fn header_from(
        &self,
        case: &Case<'_>,
        claim: Option<&Claim>,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        let Some(Claim {
            domain,
            standing,
            why,
        }) = claim
        else {
            return Continue(());
        };
        let rule = self.forgery.header_from;
        let domain = domain.clone();
        let forged = Reason::HeaderFromForged {
            domain: domain.clone(),
        };
        let (verdict, rule, reason) = match standing {
            Standing::Vouched(entry) => {
                walk.vouch(entry.clone());
                walk.note(CHECK, finding(domain.as_ref(), "it may", why));
                return Continue(());
            }
            Standing::Open => {
                let verdict = "its content will show whether it may";
                walk.note(CHECK, finding(domain.as_ref(), verdict, why));
                return Continue(());
            }
            Standing::Doubtful => (
                "what vouches for it may be a copy",
                Softened::from(tagging(rule)),
                Reason::HeaderFromDoubtful {
                    domain: domain.clone(),
                },
            ),
            Standing::Unanswered(outside) => (
                "nothing vouches for it so far",
                softened(rule, Some(*outside), case.siege.is_some()),
                forged,
            ),
            Standing::Forged => ("nothing vouches for it", Softened::from(rule), forged),
        };
        let by = domain.as_ref().and_then(|domain| self.claimed(domain));
        let finding = finding(domain.as_ref(), verdict, why);
        walk.apply_by(CHECK, finding, rule, reason, by)
    }
}

/// The rule where something vouches that may be a copy: honest mail is not lost, and is marked.
fn tagging(rule: Rule) -> Rule {
    let action = match rule.action.acts() {
        true => Action::Tag,
        false => rule.action,
    };
    Rule { action, ..rule }
}

fn finding(domain: Option<&Domain>, verdict: &str, why: &[String]) -> String {
    let why = why.join("; ");
    match domain {
        Some(domain) => format!("From: claims {domain}, which is ours, and {verdict}: {why}"),
        None => {
            format!("From: claims more than is read, so it may claim ours, and {verdict}: {why}")
        }
    }
}

/// The vouchers where nothing is asked: no domain publishes anything for DMARC, and nothing but the envelope vouches.
#[derive(Debug)]
pub struct EnvelopeAlone<'a>(pub &'a Policy);

impl Vouchers for EnvelopeAlone<'_> {
    type Open = std::convert::Infallible;

    fn is_aligned(
        &self,
        author: &Domain,
        authenticated: &Domain,
        _method: Method,
    ) -> Result<Result<bool, Outside>, Self::Open> {
        Ok(Ok(self.0.is_aligned_by_name(author, authenticated)))
    }

    fn beside_envelope(&self, _author: &Mailbox) -> Result<Vec<Vouching>, Self::Open> {
        Ok(Vec::new())
    }
}

impl HeaderFacts {
    /// Whether From: has an address of ours.
    pub(in crate::core) fn claims_ours(&self, policy: &Policy) -> bool {
        policy.own_authors(&self.claims).next().is_some()
    }
}
