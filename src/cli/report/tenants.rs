//! `backstop report tenants`: what was counted of each domain, those first that hurt most; also its JSON object.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{NO_STORE, ask, attack::Numbers, coverage::percent, gather};
use crate::{
    cli::{now, print_json, unavailable},
    config::Config,
    core::{
        attack::{Fate, KEEP_DAYS},
        by_domain::{DomainSum, DomainSums},
        duration::Duration,
        proof::{DAY, date, today},
        siege::Span,
    },
    store::Unavailable,
};

#[derive(Debug, Args)]
pub(super) struct TenantsArguments {
    /// The number of days (UTC), including today
    #[arg(long, value_name = "NUMBER", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=KEEP_DAYS))]
    days: u64,
    /// The maximum number of domains in the text; JSON has all
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    limit: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The report. What it lists is what has something: of thousands of domains, most are quiet.
#[derive(Serialize)]
struct TenantsReport {
    first_day: String,
    last_day: String,
    /// How many entries `local.domains` has.
    domains_of_yours: usize,
    /// How many domains are besieged now.
    besieged_domains: usize,
    /// When all domains together were besieged.
    together: Besieged,
    total: Tenant,
    tenants: Vec<Tenant>,
}

#[derive(Serialize)]
struct Tenant {
    /// None for all.
    domain: Option<String>,
    bounces: Numbers,
    besieged: Besieged,
    messages: u64,
    provable: u64,
    /// None where no mail was sent.
    #[serde(skip)]
    coverage: Option<u64>,
}

#[derive(Serialize)]
struct Besieged {
    times: u64,
    seconds: u64,
    now: bool,
}

pub(super) async fn tenants(config: &Config, arguments: &TenantsArguments) -> ExitCode {
    let local = &config.policy.local;
    if config.has_no_domain() {
        return unavailable(
            "nothing is counted, because `local.domains` is empty; list your domains there",
        );
    }
    let store = match ask(config, NO_STORE) {
        Ok(store) => store,
        Err(code) => return code,
    };
    let now = now();
    let days = today(now).saturating_sub(arguments.days - 1)..=today(now);
    let period = (days.start().saturating_mul(DAY), now);
    let read = async {
        let bounces = gather::bounces(&*store, days.clone()).await?;
        let coverage = gather::provable(&*store, days.clone()).await?;
        let spans = gather::sieges(config, &*store, period).await?;
        Ok::<_, Unavailable>(DomainSums::of(local, bounces, &coverage, spans, period))
    };
    let sums = match read.await {
        Ok(sums) => sums,
        Err(why) => return unavailable(&why.to_string()),
    };
    let report = TenantsReport {
        first_day: date(*days.start()),
        last_day: date(*days.end()),
        domains_of_yours: local.domains.len(),
        besieged_domains: sums.besieged_now(),
        together: Besieged::of(&sums.together, period),
        total: Tenant::of(None, &sums.total),
        tenants: sums
            .worst_first()
            .into_iter()
            .map(|(domain, sum)| Tenant::of(Some(domain), sum))
            .collect(),
    };
    match arguments.json {
        true => print_json(&report),
        false => report.print(arguments.limit),
    }
    ExitCode::SUCCESS
}

impl Besieged {
    fn of(spans: &[Span], (first, last): (u64, u64)) -> Self {
        Self {
            times: spans.len() as u64,
            seconds: spans.iter().map(|span| span.within(first, last)).sum(),
            now: spans.iter().any(|span| span.goes_on),
        }
    }

    /// `2 x, 3h 20m, now`.
    fn words(&self) -> String {
        if self.times == 0 {
            return "-".to_owned();
        }
        let mut words = format!("{} x, {}", self.times, lasted(self.seconds));
        if self.now {
            words.push_str(", now");
        }
        words
    }
}

/// A time in minutes at least: nobody asks for the seconds of a siege.
pub(super) fn lasted(seconds: u64) -> String {
    Duration::from_secs(seconds.div_ceil(60).max(1).saturating_mul(60)).to_string()
}

impl Tenant {
    fn of(domain: Option<&str>, sum: &DomainSum) -> Self {
        let outgoing = &sum.outgoing;
        Self {
            domain: domain.map(str::to_owned),
            bounces: Numbers(sum.bounces),
            besieged: Besieged {
                times: sum.sieges,
                seconds: sum.besieged,
                now: sum.is_besieged,
            },
            messages: outgoing.messages,
            provable: outgoing.provable,
            coverage: (outgoing.messages > 0).then(|| outgoing.share(outgoing.provable)),
        }
    }

    fn print(&self, name: &str) {
        let tally = self.bounces.0;
        let coverage = self.coverage.map_or_else(|| "-".to_owned(), percent);
        println!(
            "  {:>9} {:>9} {:>9} {:>9} {:>9}  {:<20} {coverage:>8}  {name}",
            tally.all(),
            tally.kept_out(),
            tally.of(Fate::WouldRefuse),
            tally.of(Fate::Accepted),
            tally.of(Fate::Proven),
            self.besieged.words(),
        );
    }
}

impl TenantsReport {
    fn print(&self, limit: usize) {
        println!(
            "bounces, sieges and coverage of your domains from {} to {} (UTC)",
            self.first_day, self.last_day
        );
        println!(
            "first what is besieged now, then where most bounces without proof were accepted, then where most came\n"
        );
        println!(
            "  {:>9} {:>9} {:>9} {:>9} {:>9}  {:<20} {:>8}  domain",
            "bounces", "refused", "would be", "accepted", "yours", "besieged", "coverage"
        );
        for tenant in self.tenants.iter().take(limit) {
            tenant.print(tenant.domain.as_deref().unwrap_or_default());
        }
        let left = self.tenants.len().saturating_sub(limit);
        if left > 0 {
            println!("  and {left} more domains; use --limit or --json to see more");
        }
        self.total.print("all of these");
        println!(
            "\n{} of your {} domains had bounces, sieges or outgoing mail; {} besieged now",
            self.tenants.len(),
            self.domains_of_yours,
            self.besieged_domains
        );
        if self.together.times > 0 {
            println!(
                "all domains together were besieged: {}",
                self.together.words()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_siege_is_told_in_a_few_words() {
        let besieged = |times, seconds, now| Besieged {
            times,
            seconds,
            now,
        };
        for (besieged, words) in [
            (besieged(0, 0, false), "-"),
            (besieged(1, 0, false), "1 x, 1m"),
            (besieged(2, 12_000, true), "2 x, 3h 20m, now"),
            (besieged(1, 7_200, false), "1 x, 2h"),
        ] {
            assert_eq!(besieged.words(), words);
        }
    }
}
