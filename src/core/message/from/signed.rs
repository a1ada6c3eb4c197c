//! An aligned DKIM signature vouches for an address of ours in From:, if it covers all of From: and all of the body, and the
//! message is addressed to somebody here. One to others may have been copied and sent on by anybody.

use super::Authors;
use crate::core::{
    address::{Domain, Mailbox},
    dmarc::{self, Method},
    message::{Open, Part},
    policy::{HeaderFacts, Policy, Standing, Vouchers, Vouching},
    printable::printable,
    proof::dkim::{SignatureResult, Signed, body::Canonical, tags::Tags},
};

/// The most signatures that are looked at, from the bottom up, as those of returned messages are.
const MAX_SIGNATURES: usize = 4;
/// A selector for people, in octets: a label of DNS (RFC 1035 section 2.3.4).
const MAX_SELECTOR: usize = 63;

/// The signatures that may speak for an author of ours, the lowest first.
pub(super) struct Candidates(Vec<Candidate>);

/// What a DKIM-Signature shows before its key is there.
struct Candidate {
    domain: Domain,
    selector: String,
    /// How the body is hashed; or why it can't vouch.
    canonical: Result<Canonical, &'static str>,
}

impl Candidates {
    fn of(facts: &HeaderFacts, policy: &Policy) -> Self {
        let mut candidates = Vec::new();
        let signatures: Vec<_> = facts.headers.all("DKIM-Signature").collect();
        for header in signatures.into_iter().rev() {
            let value = header.unfolded();
            let Some(tags) = Tags::parse(&value) else {
                continue;
            };
            let Some(domain) = tags.value("d").and_then(Domain::from_bytes) else {
                continue;
            };
            let mut authors = policy.own_authors(&facts.claims).flatten();
            let is_related = authors.any(|author| {
                author
                    .domain()
                    .is_some_and(|author| dmarc::may_align(author, &domain))
            });
            if is_related && candidates.len() < MAX_SIGNATURES {
                candidates.push(Candidate {
                    selector: printable(tags.value("s").unwrap_or_default(), MAX_SELECTOR),
                    canonical: canonical(&tags, facts),
                    domain,
                });
            }
        }
        Self(candidates)
    }

    /// How bodies are hashed for those that may vouch.
    fn canonicals(&self) -> impl Iterator<Item = Canonical> {
        self.0.iter().filter_map(|one| one.canonical.ok())
    }

    /// The domains of those that may vouch, each once.
    fn domains(&self) -> Vec<Domain> {
        let mut domains: Vec<Domain> = Vec::new();
        for one in self.0.iter().filter(|one| one.canonical.is_ok()) {
            if !domains.contains(&one.domain) {
                domains.push(one.domain.clone());
            }
        }
        domains
    }
}

/// Which hashes of the body the signatures need that may vouch for an author of ours.
pub(in crate::core::message) fn canonicals(facts: &HeaderFacts, policy: &Policy) -> Vec<Canonical> {
    Candidates::of(facts, policy).canonicals().collect()
}

fn canonical(tags: &Tags<'_>, facts: &HeaderFacts) -> Result<Canonical, &'static str> {
    // Anybody can append to what `l=` covers (RFC 6376 section 8.2).
    if tags.value("l").is_some() {
        return Err("leaves a part of the body unsigned (l=)");
    }
    let names = tags.value("h").unwrap_or_default();
    let names = names.split(|&byte| byte == b':').map(<[u8]>::trim_ascii);
    let signed = names.filter(|name| name.eq_ignore_ascii_case(b"From"));
    // Of several fields the lowest are signed (section 5.4.2), and readers show the topmost.
    if signed.count() < facts.claims.from_headers.max(1) {
        return Err("does not cover every From:");
    }
    // What was cut off may be signed.
    if facts.headers.is_cut() {
        return Err("can't be verified, because only a part of the headers is read");
    }
    Ok(Canonical::of_tag(tags.value("c")))
}

impl Authors<'_> {
    pub(super) fn candidates(&self) -> &Candidates {
        self.candidates
            .get_or_init(|| Candidates::of(self.facts, self.policy()))
    }

    /// Those that are aligned with an author: each, or what did not say whether it is.
    fn aligned(&self, author: &Domain) -> Result<Vec<(&Candidate, Option<Vouching>)>, Open> {
        let candidates = self.candidates().0.iter();
        let asked: Vec<_> = candidates
            .map(|one| (one, self.is_aligned(author, &one.domain, Method::Dkim)))
            .collect();
        let mut aligned = Vec::new();
        for (one, is_aligned) in asked {
            match is_aligned? {
                Ok(true) => aligned.push((one, None)),
                Ok(false) => {}
                Err(outside) => {
                    let why = format!(
                        "{outside} did not say whether the DKIM signature of {} is aligned with it",
                        one.domain
                    );
                    aligned.push((one, Some((Standing::Unanswered(outside), why))));
                }
            }
        }
        Ok(aligned)
    }

    /// What the signatures say for an author.
    pub(super) fn signed(&self, author: &Mailbox) -> Result<Vouching, Open> {
        let none = (
            Standing::Forged,
            "no DKIM signature is aligned with it".to_owned(),
        );
        let Some(domain) = author.domain() else {
            return Ok(none);
        };
        let aligned = self.aligned(domain)?;
        let mut found = Vec::new();
        let mut usable: Vec<&Domain> = Vec::new();
        for (one, unanswered) in aligned {
            match (unanswered, one.canonical) {
                (Some(unanswered), _) => found.push(unanswered),
                (None, Ok(_)) => usable.push(&one.domain),
                (None, Err(why)) => {
                    let why = format!(
                        "the DKIM signature of {} ({}) {why}",
                        one.domain, one.selector
                    );
                    found.push((Standing::Forged, why));
                }
            }
        }
        if !usable.is_empty() {
            found.extend(self.verified(&usable)?);
        }
        // One for all that it says: the best, with what was found about each.
        let texts: Vec<&str> = found.iter().map(|(_, why)| why.as_str()).collect();
        let text = texts.join("; ");
        let best = found
            .into_iter()
            .max_by_key(|(standing, _)| standing.worth());
        Ok(best.map_or(none, |(standing, _)| (standing, text)))
    }

    /// What those that may vouch are worth, once the body was read.
    fn verified(&self, domains: &[&Domain]) -> Result<Vec<Vouching>, Open> {
        if self.message.body_hashes().is_none() {
            let named: Vec<&str> = domains.iter().map(|domain| domain.as_str()).collect();
            let signed = format!("it has a DKIM signature of {}", named.join(" and "));
            return Ok(vec![match self.facts.content_comes {
                true => (Standing::Open, signed),
                false => {
                    let why = format!("{signed}, but the MTA does not hand over the content");
                    (Standing::Doubtful, why)
                }
            }]);
        }
        let signed = self
            .asker
            .signatures(Part::Own(self.candidates().domains()))?;
        Ok(match signed {
            Ok(signed) => {
                let aligned = signed.iter().filter(|one| domains.contains(&&one.domain));
                aligned.map(|one| self.worth(one)).collect()
            }
            Err(outside) => {
                let why =
                    format!("no DKIM signature was verified: {outside} did not answer in time");
                vec![(Standing::Unanswered(outside), why)]
            }
        })
    }

    fn worth(&self, signed: &Signed) -> Vouching {
        let named = format!(
            "the DKIM signature of {} ({})",
            signed.domain, signed.selector
        );
        match &signed.outcome {
            SignatureResult::Whole if self.is_addressed_here(&signed.message.recipients) => {
                let why = format!("{named} verifies, and its To: or Cc: names somebody here");
                (Standing::Vouched(None), why)
            }
            SignatureResult::Whole => {
                let why = format!("{named} verifies, but its signed To: and Cc: name nobody here");
                (Standing::Doubtful, why)
            }
            SignatureResult::Unanswered(unanswered) => {
                let why = format!("{named} can't be verified: {unanswered}");
                (Standing::Unanswered(unanswered.outside), why)
            }
            SignatureResult::Failed(why) => {
                (Standing::Forged, format!("{named} does not verify: {why}"))
            }
            SignatureResult::NoKey(why) => (Standing::Forged, format!("{named} has no key: {why}")),
            SignatureResult::Expired => (Standing::Forged, format!("{named} has expired")),
            SignatureResult::HeadersOnly
            | SignatureResult::HeadersOnlyAltered
            | SignatureResult::Weak => (
                Standing::Forged,
                format!("{named} does not cover all of it"),
            ),
        }
    }

    /// Whether it was written to one of us, or to a recipient of this message.
    fn is_addressed_here(&self, addressed: &[Mailbox]) -> bool {
        let local = &self.policy().local;
        let is_recipient = |mailbox: &Mailbox| {
            self.message.accepted.iter().any(|accepted| {
                let addressed = &accepted.addressed;
                let names = [&addressed.recipient.mailbox, &addressed.sent.mailbox];
                names.into_iter().any(|name| name.is_same(mailbox))
            })
        };
        addressed.iter().any(|mailbox| {
            mailbox.domain().is_some_and(|domain| local.is_ours(domain)) || is_recipient(mailbox)
        })
    }

    /// What the aligned signatures make of DMARC: whether one passes; none where one was not looked at.
    pub(super) fn passes_dkim(&self, author: &Domain) -> Result<Option<Passes>, Open> {
        let mut is_unanswered = false;
        let mut usable = Vec::new();
        for (one, unanswered) in self.aligned(author)? {
            match (unanswered, one.canonical) {
                (Some(_), _) => is_unanswered = true,
                (None, Ok(_)) => usable.push(&one.domain),
                // It may pass for others, who are less strict.
                (None, Err(_)) => return Ok(None),
            }
        }
        if !usable.is_empty() && self.message.body_hashes().is_none() {
            return Ok(None);
        }
        if !usable.is_empty() {
            match self
                .asker
                .signatures(Part::Own(self.candidates().domains()))?
            {
                Err(_) => is_unanswered = true,
                Ok(signed) => {
                    for one in signed.iter().filter(|one| usable.contains(&&one.domain)) {
                        match one.outcome {
                            SignatureResult::Whole => return Ok(Some(Passes::Yes)),
                            SignatureResult::Unanswered(_) => is_unanswered = true,
                            _ => {}
                        }
                    }
                }
            }
        }
        Ok(Some(match is_unanswered {
            true => Passes::Unanswered,
            false => Passes::No,
        }))
    }
}

/// Whether something authenticates an author's domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passes {
    Yes,
    No,
    Unanswered,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::core::{address::ReversePath, header::Headers, trace_header::Forgeries};

    fn policy(yaml: &str) -> Policy {
        crate::config::parse(Path::new("m.yaml"), yaml)
            .unwrap()
            .policy
    }

    /// The domains of signatures that may vouch, and why others may not.
    #[test]
    fn a_signature_shows_by_itself_whether_it_may_vouch() {
        let policy = policy("local: {domains: [example.org, .below.test]}");
        let one = "From: jane@example.org\n";
        for (headers, signature, expected) in [
            (
                one,
                "d=example.org; h=from:to; c=relaxed/relaxed",
                "example.org Relaxed",
            ),
            (
                one,
                "d=example.org; h=from:to; c=relaxed",
                "example.org Simple",
            ),
            (one, "d=example.org; h=from:to", "example.org Simple"),
            (
                one,
                "d=EXAMPLE.org; h= To : FROM ; c=simple/relaxed",
                "example.org Relaxed",
            ),
            (one, "d=news.example.org; h=from", "news.example.org Simple"),
            (one, "d=org; h=from", ""),
            (one, "d=friend.example; h=from", ""),
            (one, "d=example.org; d=example.org; h=from", ""),
            (one, "h=from", ""),
            (
                one,
                "d=example.org; h=to",
                "example.org: does not cover every From:",
            ),
            (
                one,
                "d=example.org",
                "example.org: does not cover every From:",
            ),
            (
                one,
                "d=example.org; h=from; l=12",
                "example.org: leaves a part of the body unsigned (l=)",
            ),
            (
                "From: jane@example.org\nFrom: x@friend.example\n",
                "d=example.org; h=from",
                "example.org: does not cover every From:",
            ),
            (
                "From: jane@example.org\nFrom: x@friend.example\n",
                "d=example.org; h=from:from",
                "example.org Simple",
            ),
            // Oversigned: nobody can add one.
            (one, "d=example.org; h=from:from", "example.org Simple"),
        ] {
            let text = format!("{headers}DKIM-Signature: v=1; s=s1; {signature}\n\n");
            let (headers, _) = Headers::parse(text.as_bytes());
            let forgeries = Forgeries::new("mx.example.org");
            let facts = HeaderFacts::of(&ReversePath::Null, headers, forgeries);
            let Candidates(found) = Candidates::of(&facts, &policy);
            let found: Vec<_> = found
                .iter()
                .map(|one| match one.canonical {
                    Ok(canonical) => format!("{} {canonical:?}", one.domain),
                    Err(why) => format!("{}: {why}", one.domain),
                })
                .collect();
            assert_eq!(found.join(", "), expected, "{text}");
        }
    }

    #[test]
    fn no_more_signatures_are_looked_at_than_the_bound() {
        let policy = policy("local: {domains: [example.org]}");
        let line = "DKIM-Signature: v=1; s=s1; d=example.org; h=from\n";
        let text = format!("From: jane@example.org\n{}\n", line.repeat(500));
        let (headers, _) = Headers::parse(text.as_bytes());
        let facts = HeaderFacts::of(
            &ReversePath::Null,
            headers,
            Forgeries::new("mx.example.org"),
        );
        assert_eq!(Candidates::of(&facts, &policy).0.len(), MAX_SIGNATURES);
    }
}
