//! The report of `report coverage`; also its JSON object.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::Serialize;

use crate::core::{
    printable::printable,
    proof::{
        ProofKind, ProofSettings,
        coverage::{CoverageSummary, OutgoingCoverage},
        date,
    },
};

/// The maximum number of addresses in the text.
const MAX_NAMED: usize = 20;
/// The maximum length of an address, in octets.
const MAX_ADDRESS: usize = 256;

#[derive(Serialize)]
pub(super) struct CoverageReport {
    first_day: String,
    last_day: String,
    outgoing: BTreeMap<String, Mail>,
    bounces: BTreeMap<String, u64>,
    /// Addresses that have sent mail through us, with the number of their unproven bounces.
    would_have_been_refused: BTreeMap<String, u64>,
    safe_to_refuse: bool,
    doubts: Vec<String>,
    #[serde(skip)]
    ours: OutgoingCoverage,
}

#[derive(Serialize)]
struct Mail {
    messages: u64,
    provable: u64,
    by: BTreeMap<&'static str, u64>,
    without: BTreeMap<&'static str, BTreeMap<String, u64>>,
    #[serde(skip)]
    outgoing: OutgoingCoverage,
}

impl From<&OutgoingCoverage> for Mail {
    fn from(outgoing: &OutgoingCoverage) -> Self {
        let mut without: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for ((way, why), times) in &outgoing.without {
            let reasons = without.entry(way.as_str()).or_default();
            reasons.insert(why.clone(), *times);
        }
        let by = outgoing.by.iter();
        Self {
            messages: outgoing.messages,
            provable: outgoing.provable,
            by: by.map(|(way, times)| (way.as_str(), *times)).collect(),
            without,
            outgoing: outgoing.clone(),
        }
    }
}

impl CoverageReport {
    /// The report for the days from `first` to `today`, in days since 1970-01-01.
    pub(super) fn of(
        summary: &CoverageSummary,
        first: u64,
        today: u64,
        proof: &ProofSettings,
    ) -> Self {
        let doubts = summary.doubts(today, proof);
        let domains = summary.domains.iter();
        let recipients = summary.would_refuse.iter();
        Self {
            first_day: date(first),
            last_day: date(today),
            outgoing: domains
                .map(|(domain, outgoing)| (domain.clone(), outgoing.into()))
                .collect(),
            bounces: summary.bounces.clone(),
            would_have_been_refused: recipients
                .map(|(address, times)| (printable(address.as_bytes(), MAX_ADDRESS), *times))
                .collect(),
            safe_to_refuse: doubts.is_empty(),
            doubts: doubts.iter().map(ToString::to_string).collect(),
            ours: summary.ours(),
        }
    }

    pub(super) fn print(&self, limit: usize) {
        println!(
            "coverage from {} to {} (UTC)",
            self.first_day, self.last_day
        );
        self.print_outgoing(limit);
        self.print_bounces();
        if self.safe_to_refuse {
            println!("\nyou can refuse unproven bounces: `proof: {{unproven: reject}}`");
            return;
        }
        println!("\ndo not refuse unproven bounces yet (proof.unproven)");
        for doubt in self.doubts.iter().take(limit) {
            println!("  {doubt}");
        }
        print_left(self.doubts.len(), limit, "reasons");
    }

    fn print_outgoing(&self, limit: usize) {
        println!("\noutgoing mail, and what can prove its bounces");
        let ways = ProofKind::OUTGOING.map(|way| format!(" {:>10}", way.as_str()));
        println!(
            "  {:>9} {:>10}{}  sender's domain",
            "messages",
            "any",
            ways.concat()
        );
        let ours = self.outgoing.iter().filter(|(domain, _)| *domain != "-");
        let mut ours: Vec<_> = ours
            .map(|(domain, mail)| (domain, &mail.outgoing))
            .collect();
        // The worst first, and of like shares those with most mail; what sent none has none to lose.
        ours.sort_by_key(|(_, outgoing)| {
            (
                outgoing.messages == 0,
                outgoing.share(outgoing.provable),
                Reverse(outgoing.messages),
            )
        });
        for (domain, outgoing) in ours.iter().take(limit) {
            print_row(outgoing, domain);
        }
        print_left(ours.len(), limit, "domains");
        if ours.len() != 1 {
            print_row(&self.ours, "all of yours");
        }
        if let Some(others) = self.outgoing.get("-") {
            println!(
                "  {:>9} with other senders, whose bounces don't come here",
                others.messages
            );
        }
        if self.ours.messages > 0 && !self.ours.by.contains_key(&ProofKind::Dkim) {
            println!(
                "  no DKIM signature of yours was seen yet; signatures of milters that run after Backstop are not seen"
            );
        }
        for (way, reasons) in Mail::from(&self.ours).without {
            let mut reasons: Vec<_> = reasons.into_iter().collect();
            reasons.sort_by_key(|(_, times)| Reverse(*times));
            let reasons = reasons.iter().map(|(why, times)| format!("{why} {times}"));
            println!(
                "  without {way}: {}",
                reasons.collect::<Vec<_>>().join(", ")
            );
        }
    }

    fn print_bounces(&self) {
        println!("\nbounces that came, by proof");
        if self.bounces.is_empty() {
            println!("  none");
        }
        for (outcome, times) in &self.bounces {
            println!("  {times:>9}  {outcome}");
        }
        let mut refused: Vec<_> = self.would_have_been_refused.iter().collect();
        if refused.is_empty() {
            return;
        }
        refused.sort_by_key(|(_, times)| Reverse(**times));
        println!("\nunproven bounces to addresses that send mail: these would have been refused");
        for (address, times) in refused.iter().take(MAX_NAMED) {
            println!("  {times:>9}  {address}");
        }
        if let Some(more) = refused
            .len()
            .checked_sub(MAX_NAMED)
            .filter(|more| *more > 0)
        {
            println!("  and {more} more addresses; use --json to see all");
        }
    }
}

/// How many are not shown.
fn print_left(all: usize, limit: usize, what: &str) {
    let left = all.saturating_sub(limit);
    if left > 0 {
        println!("  and {left} more {what}; use --limit or --json to see more");
    }
}

/// A share in thousandths.
pub(super) fn percent(share: u64) -> String {
    format!("{}.{} %", share / 10, share % 10)
}

fn print_row(outgoing: &OutgoingCoverage, name: &str) {
    let ways = ProofKind::OUTGOING
        .iter()
        .map(|way| outgoing.by.get(way).copied().unwrap_or_default());
    let shares = std::iter::once(outgoing.provable)
        .chain(ways)
        .map(|count| format!(" {:>10}", percent(outgoing.share(count))));
    println!(
        "  {:>9}{}  {name}",
        outgoing.messages,
        shares.collect::<String>()
    );
}
