//! What `check` says of tenants' rows: each mistake with its line, and what a server answers with.

use super::{CheckReport, problem::Problem};
use crate::{
    directory::tenants::{Probed, RowMistake, TenantState},
    engine::Engine,
};

/// How many mistakes are shown one by one.
const SHOWN: usize = 100;

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
