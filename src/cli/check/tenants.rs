//! What `check` says of tenants' rows: each mistake with its line, and what a server answers with.

use super::{CheckReport, problem::Problem};
use crate::{
    config::Config,
    core::printable::counted,
    directory::tenants::{Probed, RowMistake, TenantState},
    engine::Engine,
};

/// How many mistakes are shown one by one.
const SHOWN: usize = 100;
/// How many domains are named that are not ours.
const NAMED: usize = 5;

/// Looks at the rows of a file.
pub(super) fn rows(engine: &Engine, report: &mut CheckReport) {
    let Some(state) = engine.tenants.state().filter(|state| state.is_file) else {
        return;
    };
    let TenantState {
        name,
        mistaken,
        mistakes,
        ..
    } = state;
    let left = mistakes.len().saturating_sub(SHOWN);
    let shown = mistakes.iter().take(SHOWN);
    report
        .warnings
        .extend(shown.map(|mistake| problem(&name, mistake)));
    if left > 0 {
        let text = format!("{name}: and {left} more mistakes in {mistaken} rows");
        report.warnings.push(text.into());
    }
}

/// Tells which rows of a file are for no domain of ours: one may be misspelt, and its tenant believes that it counts. Nobody
/// knows as long as a list was never read.
pub(super) fn strangers(config: &Config, engine: &Engine, report: &mut CheckReport) {
    let lists = config.lists.states();
    let file = engine.tenants.state().filter(|state| state.is_file);
    let Some(file) = file.filter(|_| lists.iter().all(|list| list.domains.is_some())) else {
        return;
    };
    let rows = engine.tenants.rows().into_iter();
    let strangers = rows.filter(|(domain, _)| !config.policy.local.is_ours(domain));
    let mut names = Vec::from_iter(strangers.map(|(domain, _)| domain.to_string()));
    names.sort_unstable();
    let count = names.len();
    names.truncate(NAMED);
    if count > 0 {
        let more = if count > NAMED { ", ..." } else { "" };
        report.on.push(format!(
            "{}: {} for domains that are not in local.domains: {}{more}",
            file.name,
            counted(u64::try_from(count).unwrap_or(u64::MAX), "row"),
            names.join(", ")
        ));
    }
}

/// Asks the server.
pub(super) async fn server(engine: &Engine, report: &mut CheckReport) {
    let Some(probed) = engine.tenants.probe().await else {
        return;
    };
    let Probed {
        name,
        answer,
        columns,
        wrong_columns,
    } = probed;
    match answer {
        Ok(time) => {
            let with = columns.map(|columns| format!(" with the columns {}", columns.join(", ")));
            report.on.push(format!(
                "tenants {name}: answers in {} ms{}",
                time.as_millis(),
                with.unwrap_or_default()
            ));
        }
        Err(why) => report
            .problems
            .push(format!("tenants {name}: {why}").into()),
    }
    let wrong = wrong_columns.into_iter().map(|wrong| {
        let message = format!("tenants {name}: {wrong}, so every row is wrong");
        let help =
            "name the columns in the query as keys that `tenants.allow` has: SELECT x AS mode";
        Problem {
            help: Some(help.to_owned()),
            ..Problem::from(message)
        }
    });
    report.problems.extend(wrong);
}

fn problem(file: &str, mistake: &RowMistake) -> Problem {
    let message = RowMistake {
        line: None,
        expected: String::new(),
        ..mistake.clone()
    };
    let message = message.to_string();
    let message = message.strip_suffix("; expected ").unwrap_or(&message);
    Problem {
        file: Some(file.to_owned()),
        line: mistake.line,
        help: Some(format!("expected {}", mistake.expected)),
        ..Problem::from(message.to_owned())
    }
}
