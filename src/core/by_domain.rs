//! What `backstop report tenants` says: bounces, sieges and outgoing mail by domain of ours, those first that hurt most.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use super::{
    address::Domain,
    attack::{AttackTally, Fate},
    local::Local,
    proof::coverage::{CoverageCount, CoverageSummary, OutgoingCoverage},
    siege::{Span, joined},
};

/// When domains were besieged, each by its name, and all together (`None`).
pub type Spans = BTreeMap<Option<Domain>, Vec<Span>>;

/// What was counted of one domain, or of some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DomainSum {
    /// What became of its bounces.
    pub bounces: AttackTally,
    /// How often it was besieged.
    pub sieges: u64,
    /// For how many seconds in all.
    pub besieged: u64,
    /// Whether it still is.
    pub is_besieged: bool,
    /// Its outgoing mail, and how much of that can prove its bounces.
    pub outgoing: OutgoingCoverage,
}

impl DomainSum {
    /// The bounces without proof that reached a mailbox of its users.
    pub fn reached(&self) -> u64 {
        let Self { bounces, .. } = self;
        bounces
            .of(Fate::Accepted)
            .saturating_add(bounces.of(Fate::WouldRefuse))
    }
}

/// What was counted, by domain of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DomainSums {
    /// The domains with something, as `local.domains` has them.
    domains: HashMap<String, DomainSum>,
    /// All of them together.
    pub total: DomainSum,
    /// When all domains together were besieged.
    pub together: Vec<Span>,
}

impl DomainSums {
    /// Of a period between these seconds: what became of bounces, the outgoing mail, and the sieges.
    pub fn of(
        local: &Local,
        bounces: impl IntoIterator<Item = (String, AttackTally)>,
        coverage: &CoverageSummary,
        spans: Spans,
        (first, last): (u64, u64),
    ) -> Self {
        let mut sums = Self::default();
        for (domain, tally) in bounces {
            sums.total.bounces.join(&tally);
            sums.domain(&domain).bounces.join(&tally);
        }
        let ours = coverage.domains.iter();
        for (domain, outgoing) in ours.filter(|(domain, _)| *domain != CoverageCount::NOT_OURS) {
            sums.domain(domain).outgoing = outgoing.clone();
        }
        sums.total.outgoing = coverage.ours();
        let (by_domain, together) = by_entry(local, spans);
        sums.together = together;
        for (domain, spans) in by_domain {
            let sum = sums.domain(&domain);
            sum.sieges = spans.len() as u64;
            sum.besieged = spans.iter().map(|span| span.within(first, last)).sum();
            sum.is_besieged = spans.iter().any(|span| span.goes_on);
            let (sieges, besieged, is_besieged) = (sum.sieges, sum.besieged, sum.is_besieged);
            let total = &mut sums.total;
            total.sieges = total.sieges.saturating_add(sieges);
            total.besieged = total.besieged.saturating_add(besieged);
            total.is_besieged |= is_besieged;
        }
        sums
    }

    /// How many domains have something.
    pub fn len(&self) -> usize {
        self.domains.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.domains.is_empty()
    }

    /// How many are besieged now.
    pub fn besieged_now(&self) -> usize {
        let sums = self.domains.values();
        sums.filter(|sum| sum.is_besieged).count()
    }

    /// Those that are besieged first; then those of which most bounces without proof reached a mailbox; then those with most
    /// bounces without proof; then by name.
    pub fn worst_first(&self) -> Vec<(&str, &DomainSum)> {
        let mut all: Vec<_> = self
            .domains
            .iter()
            .map(|(domain, sum)| (domain.as_str(), sum))
            .collect();
        all.sort_unstable_by_key(|(domain, sum)| {
            (
                Reverse(sum.is_besieged),
                Reverse(sum.reached()),
                Reverse(sum.bounces.suspect()),
                *domain,
            )
        });
        all
    }

    fn domain(&mut self, domain: &str) -> &mut DomainSum {
        self.domains.entry(domain.to_owned()).or_default()
    }
}

/// The spans of each of `local.domains`, without overlaps, and of all together: names below one are that one.
pub fn by_entry(local: &Local, spans: Spans) -> (BTreeMap<String, Vec<Span>>, Vec<Span>) {
    let mut together = Vec::new();
    let mut all: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for (name, spans) in spans {
        match name {
            None => together = joined(spans),
            Some(name) => {
                let entry = local.ours(&name).unwrap_or(&name).to_string();
                all.entry(entry).or_default().extend(spans);
            }
        }
    }
    let all = all.into_iter();
    let all = all.map(|(domain, spans)| (domain, joined(spans)));
    (all.collect(), together)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::proof::{ProofKind, coverage::CoverageRow};

    const PERIOD: (u64, u64) = (1_000, 9_999);

    fn local(entries: &[&str]) -> Local {
        let domains = entries.iter().map(|entry| entry.parse().unwrap());
        Local {
            domains: domains.collect(),
            ..Local::default()
        }
    }

    fn tally(counted: &[(Fate, u64)]) -> AttackTally {
        let mut tally = AttackTally::default();
        counted
            .iter()
            .for_each(|(fate, times)| tally.add(*fate, *times));
        tally
    }

    fn span(from: u64, to: u64, goes_on: bool) -> Span {
        Span { from, to, goes_on }
    }

    fn sent(domain: &str, made: &[ProofKind], times: u64) -> Vec<CoverageRow> {
        let counts = CoverageCount::of_outgoing(domain, made, &[]).into_iter();
        let rows = counts.map(|count| CoverageRow {
            day: 1,
            count,
            times,
        });
        rows.collect()
    }

    #[test]
    fn what_hurts_most_is_first() {
        use Fate::{Accepted, Deferred, Proven, Refused, RefusedByMta, WouldRefuse};
        let bounces = [
            ("quiet.example", tally(&[(Proven, 900), (Deferred, 50)])),
            (
                "refused.example",
                tally(&[(Refused, 400), (RefusedByMta, 100)]),
            ),
            ("less.example", tally(&[(Refused, 499)])),
            ("accepted.example", tally(&[(Accepted, 3), (Refused, 1)])),
            ("watched.example", tally(&[(WouldRefuse, 2), (Accepted, 2)])),
            ("also.example", tally(&[(Refused, 499)])),
            ("besieged.example", tally(&[(Refused, 1)])),
        ];
        let bounces = bounces.map(|(domain, tally)| (domain.to_owned(), tally));
        let spans = Spans::from([
            (
                "besieged.example".parse().ok(),
                vec![span(9_000, 9_500, true)],
            ),
            (
                "quiet.example".parse().ok(),
                vec![span(500, 1_500, false), span(2_000, 2_001, false)],
            ),
            (None, vec![span(3_000, 4_000, false)]),
        ]);
        let mut coverage = CoverageSummary::of(sent("quiet.example", &[ProofKind::Ledger], 8));
        coverage.add(sent("-", &[], 70));
        coverage.add(sent("sends.example", &[], 2));
        let sums = DomainSums::of(&local(&[]), bounces, &coverage, spans, PERIOD);
        let worst = sums.worst_first();
        let names: Vec<_> = worst.iter().map(|(domain, _)| *domain).collect();
        let expected = [
            "besieged.example",
            "watched.example",
            "accepted.example",
            "refused.example",
            "also.example",
            "less.example",
            "quiet.example",
            "sends.example",
        ];
        assert_eq!(names, expected);
        let quiet = worst[6].1;
        assert_eq!(
            (quiet.sieges, quiet.besieged, quiet.is_besieged),
            (2, 501, false)
        );
        assert_eq!((quiet.outgoing.messages, quiet.outgoing.provable), (8, 8));
        let total = &sums.total;
        assert_eq!(
            (total.bounces.all(), total.bounces.suspect()),
            (2_457, 1_507)
        );
        assert_eq!(
            (total.sieges, total.besieged, total.is_besieged),
            (3, 1_001, true)
        );
        assert_eq!((total.outgoing.messages, total.outgoing.provable), (10, 8));
        assert_eq!((sums.len(), sums.besieged_now()), (8, 1));
        assert_eq!(sums.together, [span(3_000, 4_000, false)]);
    }

    #[test]
    fn names_below_a_domain_are_that_domain() {
        let local = local(&[".example.org", "own.example.org", "example.net"]);
        let spans = Spans::from([
            (
                "a.example.org".parse().ok(),
                vec![span(2_000, 3_000, false)],
            ),
            (
                "b.example.org".parse().ok(),
                vec![span(2_500, 3_500, false), span(5_000, 6_000, false)],
            ),
            (
                "own.example.org".parse().ok(),
                vec![span(2_000, 2_100, false)],
            ),
            ("gone.example".parse().ok(), vec![span(2_000, 2_200, false)]),
        ]);
        let sums = DomainSums::of(&local, [], &CoverageSummary::default(), spans, PERIOD);
        let of = |domain: &str| {
            let all = sums.worst_first().into_iter();
            let mut found = all.filter(|(of, _)| *of == domain);
            found.next().map(|(_, sum)| (sum.sieges, sum.besieged))
        };
        assert_eq!(of("example.org"), Some((2, 2_500)));
        assert_eq!(of("own.example.org"), Some((1, 100)));
        assert_eq!(of("gone.example"), Some((1, 200)));
        assert_eq!(sums.len(), 3);
    }
}
