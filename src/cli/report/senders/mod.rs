//! `backstop report senders`: who sends with your domains in From:, as the DMARC reports of others say.

mod days;
mod html;
mod known;
mod text;
mod view;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time};

use clap::Args;
use futures_util::{StreamExt, stream};

use self::{known::Known, view::View};
use super::attack::origins_of;
use crate::{
    cli::{USAGE, open_store_to_ask_always, page, print_json, today, unavailable},
    config::Config,
    core::{
        address::Domain,
        aggregate::{KEEP_DAYS, Senders},
        attack::Origins,
        duration::Duration,
        proof::DAY,
    },
    store::{Store, Unavailable},
};

/// The default period, in days.
const DEFAULT: u64 = 30;

#[derive(Debug, Args)]
pub(super) struct SendersArguments {
    /// The period until now, in whole days (UTC): 14d, for example; at most 90d [default: 30d]
    #[arg(long, value_name = "DURATION")]
    since: Option<Duration>,
    /// Report only mail with this domain in From:
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<Domain>,
    /// Ask no name server: then what the reporters saw of SPF says which hosts are yours
    #[arg(long)]
    no_dns: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Write an HTML page with a chart to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(super) async fn senders(config: &Config, arguments: &SendersArguments) -> ExitCode {
    let local = &config.policy.local;
    if let Some(domain) = &arguments.domain
        && !local.is_ours(domain)
    {
        eprintln!("backstop: {domain} is not in `local.domains`");
        return ExitCode::from(USAGE);
    }
    let Some(store) = open_store_to_ask_always(config) else {
        return unavailable(&format!(
            "{} does not exist yet; `backstop reports import` makes it",
            config.store
        ));
    };
    let days = arguments.since.map_or(DEFAULT, |since| {
        time::Duration::from(since).as_secs().div_ceil(DAY).max(1)
    });
    let kept = days.min(KEEP_DAYS);
    let period = (today().saturating_sub(kept - 1), today());
    let read = async {
        let senders = summed(&store, period, arguments.domain.as_ref()).await?;
        let hours = period.0.saturating_mul(24)..=period.1.saturating_mul(24).saturating_add(23);
        let origins = origins_of(&store, hours).await?;
        Ok::<_, Unavailable>((senders, origins))
    };
    let (senders, origins): (Senders, Origins) = match read.await {
        Ok(read) => read,
        Err(why) => return unavailable(&format!("{}: {why}", config.store)),
    };
    let known = Known::of(config, &senders, &origins, arguments.no_dns).await;
    let view = View::of(&senders, &known, period, arguments.domain.as_ref());
    if let Some(file) = &arguments.html {
        if let Err(why) = page::write(&html::render(&view), file) {
            return unavailable(&why);
        }
        eprintln!("{}: the report as an HTML page", file.display());
    }
    if arguments.json {
        print_json(&view);
    } else {
        view.print();
    }
    if days > kept {
        eprintln!("only the last {KEEP_DAYS} days are kept, so the report begins there");
    }
    ExitCode::SUCCESS
}

/// Day by day: each question has its own time limit, and a day may have 16 MiB. While one is added up, the next is read.
async fn summed(
    store: &Arc<dyn Store>,
    (first, last): (u64, u64),
    domain: Option<&Domain>,
) -> Result<Senders, Unavailable> {
    let mut senders = Senders::default();
    let days = stream::iter(first..=last).map(|day| store.reports(day..=day));
    let mut days = std::pin::pin!(days.buffered(2));
    while let Some(reports) = days.next().await {
        for report in reports? {
            if domain.is_none_or(|domain| *domain == report.key.domain) {
                senders.add(&report);
            }
        }
    }
    Ok(senders)
}
