//! The chart of hours, or of days.

use super::{
    period::Period,
    view::{View, short},
};
use crate::{
    cli::page::chart::{Chart, Column},
    core::{
        attack::{AttackTally, Fate},
        proof::date,
    },
};

/// The maximum number of columns: each is visible on a common screen.
const COLUMNS: u64 = 112;
/// The maximum number of columns with a time below.
const LABELS: usize = 10;

/// Bounces over time, in columns of as many hours each.
pub(in crate::cli::report) struct Series {
    pub width: u64,
    pub columns: Vec<(u64, AttackTally)>,
    /// Whether each is a day.
    pub by_day: bool,
}

impl Series {
    /// By hour, in at most so many columns.
    pub fn by_hour(view: &View) -> Self {
        let (width, columns) = view.columns(COLUMNS);
        Self {
            width,
            columns,
            by_day: false,
        }
    }

    /// By day; the period begins with one.
    pub fn by_day(view: &View) -> Self {
        let Period { first, last } = view.period;
        Self {
            width: 24,
            columns: view.summary.series(first, last, 24),
            by_day: true,
        }
    }

    /// When a column begins.
    pub fn time(&self, hour: u64) -> String {
        match self.by_day {
            true => date(hour / 24),
            false => short(hour),
        }
    }

    /// The width of a column in words.
    pub fn span(&self) -> String {
        match self.by_day {
            true => "a day".to_owned(),
            false => span(self.width),
        }
    }

    /// The columns, stacked by fate.
    pub fn chart(&self) -> Chart {
        let columns = self.columns.iter().map(|(hour, tally)| Column {
            title: tooltip(&self.time(*hour), tally),
            parts: parts(tally, |_| true),
        });
        let columns: Vec<_> = columns.collect();
        Chart {
            name: "hours",
            title: match self.by_day {
                true => "Bounces by day",
                false => "Bounces by hour",
            },
            text: format!(
                "Each column is {}. The highest has {} bounces. The table below has the same numbers.",
                self.span(),
                Chart::most(&columns)
            ),
            columns,
            labels: labels(&self.columns),
        }
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
fn span(width: u64) -> String {
    match width {
        1 => "an hour".to_owned(),
        width => format!("{width} hours"),
    }
}

fn tooltip(time: &str, tally: &AttackTally) -> String {
    let fates = Fate::ALL.into_iter().filter(|fate| tally.of(*fate) > 0);
    let fates = fates.map(|fate| format!("{} {}", tally.of(fate), fate.words()));
    let fates: Vec<_> = fates.collect();
    format!("{time} UTC: {}", fates.join(", "))
}
