//! `backstop report --html-dir`: a page for each domain of ours, fit to be shown to the client whose domain it is, and an index for
//! the host. A page has what was counted of its own domain, and nothing of any other.

mod client;
mod folder;
mod index;
mod names;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    process::ExitCode,
};

use self::{client::Client, folder::Folder};
use super::{
    NO_STORE, ask,
    attack::{Owners, Period, PeriodArguments, View},
    gather,
};
use crate::{
    cli::{
        USAGE, now,
        suspected::{SuspectedAccount, suspected},
        unavailable,
    },
    config::Config,
    core::{
        address::Domain,
        attack::{AttackKind, AttackRow, AttackSummary, HOUR, hour},
        by_domain::{DomainSums, by_entry},
        pattern::DomainPattern,
        policy::Modes,
        proof::coverage::CoverageSummary,
        siege::Span,
        verdict::Mode,
    },
    directory::tenants::Tenants,
    store::{Store, Unavailable},
};

/// What was counted, by domain.
struct Facts {
    summaries: HashMap<String, AttackSummary>,
    coverage: HashMap<String, CoverageSummary>,
    spans: BTreeMap<String, Vec<Span>>,
    accounts: HashMap<String, Vec<SuspectedAccount>>,
    sums: DomainSums,
}

pub(super) async fn write(config: &Config, period: &PeriodArguments, target: &Path) -> ExitCode {
    let now = now();
    let Some(Period { first, last }) = period.period(now) else {
        eprintln!(
            "backstop: this period is empty: it ends before it begins, or is not in the 90 days that are kept"
        );
        return ExitCode::from(USAGE);
    };
    // Whole days: what thousands of domains have by hour would be too much.
    let period = Period {
        first: first / 24 * 24,
        last,
    };
    if config.has_no_domain() {
        return unavailable(
            "nothing is counted, because `local.domains` is empty; list your domains there",
        );
    }
    let mut lists = config.lists.states().into_iter();
    if let Some(list) = lists.find(|list| list.domains.is_none()) {
        let name = list.name;
        return unavailable(&format!(
            "{name}: its domains are not known now, so nothing is written: without them, their pages would be lost"
        ));
    }
    let store = match ask(config, NO_STORE) {
        Ok(store) => store,
        Err(code) => return code,
    };
    let folder = match Folder::begin(target) {
        Ok(folder) => folder,
        Err(why) => return unavailable(&why),
    };
    let facts = match Facts::read(config, &*store, period, now).await {
        Ok(facts) => facts,
        Err(why) => return unavailable(&why.to_string()),
    };
    match written(config, facts, period, now, folder).await {
        Ok((pages, note)) => {
            let target = target.display();
            println!("{target}: the pages of {pages} domains, and index.html, which is for you");
            if let Some(note) = note {
                eprintln!("backstop: {note}");
            }
            ExitCode::SUCCESS
        }
        Err(why) => unavailable(&why),
    }
}

/// Writes all pages, and gives how many there are.
async fn written(
    config: &Config,
    mut facts: Facts,
    period: Period,
    now: u64,
    folder: Folder,
) -> Result<(usize, Option<String>), String> {
    let names = config.policy.local.domains.iter();
    let names = names.map(|(DomainPattern::Itself(domain) | DomainPattern::Below(domain))| domain);
    let by_name: BTreeMap<&str, &Domain> = names.map(|domain| (domain.as_str(), domain)).collect();
    let tenants = Tenants::new(&config.tenants);
    tenants.refresh();
    for (domain, name) in &by_name {
        let view = View::of(
            facts.summaries.remove(*domain).unwrap_or_default(),
            facts.accounts.remove(*domain).unwrap_or_default(),
            period,
            Some(*domain),
            &Owners::default(),
        );
        let client = Client {
            domain,
            mode: mode_of(config, &tenants, name).await,
            view: &view,
            spans: facts.spans.get(*domain).map_or(&[][..], Vec::as_slice),
            together: &facts.sums.together,
            coverage: facts.coverage.get(*domain),
            proof: &config.policy.proof,
            now,
        };
        folder.write(&names::of_domain(domain), client.page().0.as_bytes())?;
    }
    let domains: BTreeSet<&str> = by_name.keys().copied().collect();
    let index = index::page_of(&domains, &facts.sums, period, now);
    folder.write(names::INDEX, index.0.as_bytes())?;
    Ok((domains.len(), folder.finish()?))
}

/// Whether verdicts act for this domain; none where its row can't be had.
async fn mode_of(config: &Config, tenants: &Tenants, domain: &Domain) -> Option<Mode> {
    let policy = &config.policy;
    match policy.modes() {
        Modes::One(mode) => Some(mode),
        Modes::OfEach(_) => {
            let row = tenants.of(domain, &policy.local).await.ok()?;
            Some(policy.answers_of(Some(&row)).mode())
        }
    }
}

impl Facts {
    async fn read(
        config: &Config,
        store: &dyn Store,
        period: Period,
        now: u64,
    ) -> Result<Self, Unavailable> {
        let local = &config.policy.local;
        let Period { first, last } = period;
        let days = first / 24..=last / 24;
        let mut summaries = HashMap::new();
        for day in days.clone() {
            add(&mut summaries, store.attack_days(day..=day).await?);
            // What is counted by name has room for few in an hour, whosever they are.
            let hours = day.saturating_mul(24)..=day.saturating_mul(24).saturating_add(23);
            for kind in [AttackKind::Host, AttackKind::Recipient] {
                add(&mut summaries, store.attack_of(kind, hours.clone()).await?);
            }
        }
        let coverage = gather::coverage(store, days).await?;
        let seconds = (first.saturating_mul(HOUR), now);
        let spans = gather::sieges(config, store, seconds).await?;
        let bounces = summaries.iter();
        let bounces = bounces.map(|(domain, summary)| (domain.clone(), summary.all));
        let sums = DomainSums::of(local, bounces, &coverage, spans.clone(), seconds);
        let (spans, _) = by_entry(local, spans);
        let mut accounts: HashMap<String, Vec<SuspectedAccount>> = HashMap::new();
        for account in suspected(config, store, first..=last, hour(now)).await? {
            let of = accounts.entry(account.domain.clone()).or_default();
            of.push(account);
        }
        Ok(Self {
            summaries,
            coverage: coverage.by_domain(local),
            spans,
            accounts,
            sums,
        })
    }
}

fn add(summaries: &mut HashMap<String, AttackSummary>, rows: Vec<AttackRow>) {
    for row in rows {
        let summary = match summaries.get_mut(&row.count.domain) {
            Some(summary) => summary,
            None => summaries.entry(row.count.domain.clone()).or_default(),
        };
        summary.add([row], None);
    }
}
