//! "Sent in your name by": the part of the report that answers the first question of a victim.

use std::net::IpAddr;

use maud::{Markup, html};
use serde::Serialize;

use super::{
    html, text,
    whose::{Owners, Whose},
};
use crate::core::{
    attack::{AttackSummary, OriginTally, network},
    origin::Standing,
};

/// Who sent in our name: first our own hosts, then those of which most networks say so.
#[derive(Serialize)]
pub(in crate::cli::report) struct Origins {
    pub top: Vec<Origin>,
    /// The bounces whose origins were too many to be named.
    pub others: u64,
}

#[derive(Serialize)]
pub(in crate::cli::report) struct Origin {
    pub address: IpAddr,
    pub network: String,
    /// Whether it is in `local.networks`, or SPF of a domain of ours names it.
    pub ours: bool,
    /// Whose it is, as far as that is known.
    pub whose: Whose,
    /// How many networks have hosts that bounced what it sent.
    pub reporting_networks: usize,
    pub bounces: u64,
    /// How many of these are the word of the host that bounced, and not of anybody.
    pub reported: u64,
    /// What it said in HELO most often.
    pub helo: Option<String>,
    /// How many different subjects it used.
    pub campaigns: usize,
}

impl Origin {
    /// What else is known of it, for people: ` (through your own hosts; HELO pc.example)`.
    pub fn particulars(&self) -> String {
        let whose = self.whose.words();
        let claimed = (self.reported == 0).then(|| "claimed only".to_owned());
        let helo = self.helo.as_ref().map(|helo| format!("HELO {helo}"));
        let subjects = (self.campaigns > 1).then(|| format!("{} subjects", self.campaigns));
        let all: Vec<_> = [whose, claimed, helo, subjects]
            .into_iter()
            .flatten()
            .collect();
        match all.is_empty() {
            true => String::new(),
            false => format!(" ({})", all.join("; ")),
        }
    }
}

impl Origins {
    /// Those of a summary.
    pub fn of(summary: &AttackSummary, owners: &Owners) -> Self {
        let top = summary.origins.top().into_iter();
        let origin = |(address, tally): (IpAddr, &OriginTally)| Origin {
            address,
            network: network(address),
            ours: owners.whose(address).is_ours(),
            whose: owners.whose(address),
            reporting_networks: tally.reporters(),
            bounces: tally.bounces(),
            reported: tally.of(Standing::Reported),
            helo: tally.helo().map(str::to_owned),
            campaigns: tally.campaigns(),
        };
        let mut top: Vec<_> = top.map(origin).collect();
        // Stable: the order within each half stays.
        top.sort_by_key(|origin| !origin.ours);
        Self {
            top,
            others: summary.origins.others,
        }
    }

    /// Prints them.
    pub fn print(&self) {
        if self.top.is_empty() {
            return;
        }
        println!(
            "\nsent in your name by, as the returned headers say: {}",
            self.top.len()
        );
        println!("{:>10} {:>10}", "networks", "bounces");
        for origin in self.top.iter().take(text::MAX_NAMED) {
            println!(
                "{:>10} {:>10}  {}{}",
                origin.reporting_networks,
                origin.bounces,
                origin.address,
                origin.particulars()
            );
        }
        let left = self.top.len().saturating_sub(text::MAX_NAMED);
        if left > 0 {
            println!(
                "{:>22} and {left} more; use --html or --json to see more",
                ""
            );
        }
        if self.others > 0 {
            println!(
                "{:>10} {:>10}  from others, which were counted together",
                "", self.others
            );
        }
        println!("networks: how many bounced it, each by itself; one alone may have made it up");
    }

    /// The same for the page.
    pub fn markup(&self) -> Markup {
        let shown = self.top.get(..html::MAX_NAMED).unwrap_or(&self.top);
        let left = self.top.len() - shown.len();
        html! {
            @if !shown.is_empty() {
                section aria-labelledby="origins" {
                    h2 id="origins" { "Sent in your name by: " (self.top.len()) }
                    p.soft {
                        "As the headers say that bounces returned. Networks: how many bounced it, each by itself; one alone may"
                        " have made it up."
                    }
                    table.list {
                        thead { tr {
                            th.number scope="col" { "Networks" }
                            th.number scope="col" { "Bounces" }
                            th scope="col" { "Host" }
                        } }
                        tbody { @for origin in shown { tr {
                            td.number { (origin.reporting_networks) }
                            td.number { (origin.bounces) }
                            th scope="row" { code { (origin.address) } (origin.particulars()) }
                        } } }
                    }
                    @if left > 0 { p.soft { "And " (left) " more; " code { "--json" } " shows all." } }
                    @if self.others > 0 {
                        p.soft { "And " (self.others) " bounces of others, which were counted together." }
                    }
                }
            }
        }
    }
}
