//! What the letter says: only what was counted, and only what speaks in the period.

use super::{super::view::View, templates::section};
use crate::{
    cli::{
        report::attack::{complaints::MIN_NETWORKS, origins::Origin, view::short, whose::Whose},
        suspected::SuspectedAccount,
    },
    core::{attack::Fate, moment::rfc3339, proof::coverage::CoverageSummary},
};

/// The maximum number of hosts that are named.
const MAX_ORIGINS: usize = 30;
/// The maximum number of lines with hours.
const MAX_HOURS: u64 = 24;
/// The maximum number of our domains that are named.
const MAX_DOMAINS: usize = 3;

/// What the letter is made of.
pub(super) struct Letter<'a> {
    pub view: &'a View,
    /// Outgoing mail in the days of the period.
    pub coverage: &'a CoverageSummary,
    /// Whether floods of proven bounces are watched for.
    pub watches: bool,
    /// In seconds since 1970.
    pub now: u64,
}

impl Letter<'_> {
    /// The text.
    pub fn text(&self) -> String {
        let domains = self.domains();
        let parts = [
            self.opening(&domains),
            self.numbers(),
            self.hours(),
            self.origins(),
            self.why(&domains),
            self.refused(),
            section(
                "closing",
                &[
                    ("domains", &domains),
                    ("version", &env!("CARGO_PKG_VERSION")),
                    ("now", &rfc3339(self.now)),
                ],
            ),
        ];
        let said = parts.into_iter().filter(|part| !part.is_empty());
        let mut text = said.collect::<Vec<_>>().join("\n\n");
        text.push('\n');
        text
    }

    /// Our domains that bounces came to.
    fn domains(&self) -> String {
        if let Some(domain) = &self.view.domain {
            return domain.clone();
        }
        let mut domains: Vec<_> = self.view.domains.iter().collect();
        domains.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.0.suspect()));
        let named = domains.iter().take(MAX_DOMAINS);
        let named: Vec<&str> = named.map(|(domain, _)| domain.as_str()).collect();
        let named = named.join(", ");
        match domains.len().saturating_sub(MAX_DOMAINS) {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    }

    fn opening(&self, domains: &str) -> String {
        let period = self.view.period;
        let covered = match self.view.summary.hours.keys().next() {
            Some(first) if *first > period.first => {
                format!(
                    "of which the first bounce came in the hour from {}",
                    short(*first)
                )
            }
            _ => "hour by hour".to_owned(),
        };
        section(
            "opening",
            &[
                ("domains", &domains),
                ("from", &short(period.first)),
                ("to", &short(period.last + 1)),
                ("covered", &covered),
            ],
        )
    }

    fn numbers(&self) -> String {
        let all = self.view.bounces.0;
        let mut text = section(
            "numbers",
            &[
                ("all", &all.all()),
                ("suspect", &all.suspect()),
                (
                    "hosts",
                    &at_least(
                        self.view.hosts.different,
                        self.view.hosts.others.0.suspect(),
                    ),
                ),
                (
                    "networks",
                    &at_least(
                        self.view.networks.different,
                        self.view.networks.others.0.suspect(),
                    ),
                ),
                (
                    "recipients",
                    &at_least(
                        self.view.recipients.different,
                        self.view.recipients.others.0.suspect(),
                    ),
                ),
            ],
        );
        text.push('\n');
        for fate in self.view.fates() {
            text.push_str(&format!("\n{:>10}  {}", all.of(fate), fate.words()));
        }
        if let Some((hour, bounces)) = self.view.summary.worst_hour() {
            let worst = section("worst", &[("hour", &short(hour)), ("bounces", &bounces)]);
            text.push_str(&format!("\n\n{worst}"));
        }
        text
    }

    fn hours(&self) -> String {
        let (width, columns) = self.view.columns(MAX_HOURS);
        let width = match width {
            1 => "hour".to_owned(),
            width => format!("{width} hours"),
        };
        let mut text = section("hours", &[("width", &width)]);
        text.push('\n');
        for (hour, tally) in columns {
            text.push_str(&format!("\n  {}  {:>10}", short(hour), tally.suspect()));
        }
        text
    }

    fn origins(&self) -> String {
        let is_named = |origin: &&Origin| {
            origin.whose == Whose::Stranger && origin.reporting_networks >= MIN_NETWORKS
        };
        let all = &self.view.origins.top;
        let named: Vec<&Origin> = all.iter().filter(is_named).collect();
        let ours = all.iter().filter(|origin| origin.ours).count();
        let further = all.len() - named.len() - ours;
        let mut text = match named.is_empty() {
            true => section("no_origins", &[]),
            false => section("origins", &[]),
        };
        for origin in named.iter().take(MAX_ORIGINS) {
            let claimed = match origin.reported {
                0 => "  (claimed)",
                _ => "",
            };
            text.push_str(&format!(
                "\n{:>10} {:>10}  {}{claimed}",
                origin.reporting_networks, origin.bounces, origin.address
            ));
        }
        let more = named.len().saturating_sub(MAX_ORIGINS);
        if more > 0 {
            text.push_str(&format!("\n{:>21}  and {more} more", ""));
        }
        if further > 0 {
            let further = section("further_origins", &[("hosts", &further)]);
            text.push_str(&format!("\n\n{further}"));
        }
        if ours > 0 {
            let ours = || all.iter().filter(|origin| origin.ours);
            let bounces: u64 = ours().map(|origin| origin.bounces).sum();
            let hosts: Vec<String> = ours()
                .take(MAX_DOMAINS)
                .map(|origin| origin.address.to_string())
                .collect();
            let own = section(
                "own_hosts",
                &[("bounces", &bounces), ("hosts", &hosts.join(", "))],
            );
            text.push_str(&format!("\n\n{own}"));
        }
        text
    }

    fn why(&self, domains: &str) -> String {
        let mut reasons = vec![section("why", &[]), self.marks(domains)];
        let proven = self.view.bounces.0.of(Fate::Proven);
        if proven > 0 {
            reasons.push(section("genuine", &[("proven", &proven)]));
        }
        if !self.view.origins.top.is_empty() && !self.view.origins.top.iter().any(|one| one.ours) {
            reasons.push(section("no_own_hosts", &[]));
        }
        let accounts = &self.view.accounts;
        if accounts.is_empty() && self.watches {
            reasons.push(section("accounts", &[]));
        }
        for (name, is_on) in [("suspected", true), ("past_accounts", false)] {
            let told = accounts.iter().filter(|one| one.suspected == is_on);
            let told: Vec<String> = told.map(SuspectedAccount::line).collect();
            if !told.is_empty() {
                reasons.push(format!("{}\n  {}", section(name, &[]), told.join("\n  ")));
            }
        }
        reasons.join("\n\n")
    }

    fn marks(&self, domains: &str) -> String {
        let of_ours = self.coverage.domains.iter().filter(|(domain, _)| {
            let only = self.view.domain.as_deref();
            *domain != "-" && only.is_none_or(|only| only == domain.as_str())
        });
        let (messages, provable) =
            of_ours.fold((0_u64, 0_u64), |(messages, provable), (_, one)| {
                (
                    messages.saturating_add(one.messages),
                    provable.saturating_add(one.provable),
                )
            });
        if messages == 0 {
            return section("no_marks", &[]);
        }
        // Rounded down: it never looks better than it is.
        let share = provable.saturating_mul(1000) / messages;
        section(
            "marks",
            &[
                ("messages", &messages),
                ("domains", &domains),
                ("share", &format!("{}.{}", share / 10, share % 10)),
                (
                    "unproven",
                    &self
                        .view
                        .proofs
                        .get("unproven")
                        .copied()
                        .unwrap_or_default(),
                ),
            ],
        )
    }

    fn refused(&self) -> String {
        match self.view.bounces.0.kept_out() {
            0 => String::new(),
            refused => section("refused", &[("refused", &refused)]),
        }
    }
}

/// How many there are; some may have been counted without their names.
fn at_least(different: usize, others: u64) -> String {
    match others {
        0 => different.to_string(),
        _ => format!("at least {different}"),
    }
}
