//! The lists of `local.domains`: how many domains each has, and how long it takes to answer.

use std::time::Duration;

use super::CheckReport;
use crate::{
    cli::domains::{age, lists, trouble},
    config::Config,
    directory::domains::ListState,
};

/// Reads all lists, and asks their servers unless `offline`. Makes those domains ours that they have.
pub(super) async fn look(config: &mut Config, offline: bool, report: &mut CheckReport) {
    let lists = lists(config);
    lists.read().await;
    let answers = if offline {
        let states = lists.states().into_iter();
        states.map(|state| (state, None)).collect()
    } else {
        let answers = lists.ask_all().await.into_iter();
        answers
            .map(|(state, time)| (state, Some(time)))
            .collect::<Vec<_>>()
    };
    for (state, time) in &answers {
        tell(state, *time, report);
    }
    config.know(lists);
    let at_odds = config.against_lists().into_iter();
    report.warnings.extend(at_odds.map(Into::into));
}

fn tell(state: &ListState, time: Option<Duration>, report: &mut CheckReport) {
    let name = &state.name;
    let skipped = &state.skipped;
    if skipped.count > 0 {
        report.warnings.push(
            format!(
                "local.domains: {name}: {} entries skipped: {}",
                skipped.count,
                skipped.first.join("; ")
            )
            .into(),
        );
    }
    if let Some(why) = trouble(state) {
        report.problems.push(format!("local.domains: {why}").into());
        return;
    }
    match (state.domains, time) {
        (Some(domains), Some(time)) => report.on.push(format!(
            "domains of {name}: {domains}, read in {} ms",
            time.as_millis()
        )),
        (Some(domains), None) => report.on.push(format!(
            "domains of {name}: {domains}, as of {} s ago",
            age(state).unwrap_or_default()
        )),
        (None, _) => report.warnings.push(
            format!(
                "local.domains: {name}: not asked (--offline), and no answer of it is kept here, so its domains are not known to \
                 this check"
            )
            .into(),
        ),
    }
}
