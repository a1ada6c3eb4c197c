//! The chart of hours.

use super::view::{View, short};
use crate::{
    cli::page::chart::{Chart, Column},
    core::attack::{AttackTally, Fate},
};

/// The maximum number of columns: each is visible on a common screen.
const COLUMNS: u64 = 112;
/// The maximum number of columns with a time below.
const LABELS: usize = 10;

/// Bounces by hour, stacked by fate.
pub(super) fn hours(view: &View) -> Chart {
    let (width, hours) = view.columns(COLUMNS);
    let columns = hours.iter().map(|(hour, tally)| Column {
        title: tooltip(*hour, tally),
        parts: parts(tally, |_| true),
    });
    let columns: Vec<_> = columns.collect();
    Chart {
        name: "hours",
        title: "Bounces by hour",
        text: format!(
            "Each column is {}. The highest has {} bounces. The table below has the same numbers.",
            span(width),
            Chart::most(&columns)
        ),
        columns,
        labels: labels(&hours),
    }
}

/// How many became what, as parts of a chart.
pub(super) fn parts(tally: &AttackTally, is_shown: fn(Fate) -> bool) -> Vec<(&'static str, u64)> {
    let fates = Fate::ALL.into_iter().filter(|fate| is_shown(*fate));
    fates.map(|fate| (fate.as_str(), tally.of(fate))).collect()
}

/// The columns with a label, and the label: the beginnings of days, or hours if there are few days.
fn labels(columns: &[(u64, AttackTally)]) -> Vec<(usize, String)> {
    let day = |hour: u64| hour / 24;
    let pairs = columns.iter().zip(columns.iter().skip(1));
    let days = pairs
        .enumerate()
        .filter(|(_, ((before, _), (hour, _)))| day(*before) != day(*hour));
    let days: Vec<_> = days.map(|(at, (_, (hour, _)))| (at + 1, *hour)).collect();
    let (marks, part) = if days.len() > 2 {
        (days, "2026-".len().."2026-11-28".len())
    } else {
        let all = columns.iter().enumerate();
        (
            all.map(|(at, (hour, _))| (at, *hour)).collect(),
            "2026-11-28 ".len().."2026-11-28 13:00".len(),
        )
    };
    let every = marks.len().div_ceil(LABELS).max(1);
    let marks = marks.iter().step_by(every);
    marks
        .map(|(at, hour)| {
            let time = short(*hour);
            let label = time.get(part.clone()).unwrap_or_default();
            (*at, label.to_owned())
        })
        .collect()
}

/// The width of a column in words.
pub(super) fn span(width: u64) -> String {
    match width {
        1 => "an hour".to_owned(),
        width => format!("{width} hours"),
    }
}

fn tooltip(hour: u64, tally: &AttackTally) -> String {
    let fates = Fate::ALL.into_iter().filter(|fate| tally.of(*fate) > 0);
    let fates = fates.map(|fate| format!("{} {}", tally.of(fate), fate.words()));
    let fates: Vec<_> = fates.collect();
    format!("{} UTC: {}", short(hour), fates.join(", "))
}
