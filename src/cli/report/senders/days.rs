//! The chart of days.

use std::collections::BTreeMap;

use super::view::{View, date};
use crate::{
    cli::page::chart::{Chart, Column},
    core::aggregate::Class,
};

/// The maximum number of columns with a day below.
const LABELS: u64 = 8;

/// Messages by day, stacked by class.
pub(super) fn days(view: &View) -> Chart {
    let (first, last) = view.period;
    let found: BTreeMap<u64, &BTreeMap<Class, u64>> = view
        .days
        .iter()
        .map(|day| (day.number, &day.messages_by_class))
        .collect();
    let none = BTreeMap::new();
    let columns = (first..=last).map(|day| {
        let of_day = found.get(&day).copied().unwrap_or(&none);
        let times = |class: Class| of_day.get(&class).copied().unwrap_or_default();
        let there = Class::ALL.into_iter().filter(|class| times(*class) > 0);
        let words: Vec<_> = there
            .map(|class| format!("{} {}", times(class), class.words()))
            .collect();
        Column {
            title: format!("{} UTC: {}", date(day), words.join(", ")),
            parts: Class::ALL
                .map(|class| (class.as_str(), times(class)))
                .into(),
        }
    });
    let columns: Vec<_> = columns.collect();
    let every = (last - first + 1).div_ceil(LABELS).max(1);
    let marks = (first..=last)
        .enumerate()
        .step_by(usize::try_from(every).unwrap_or(1));
    let labels = marks.map(|(at, day)| (at, date(day).split_off("2026-".len())));
    Chart {
        name: "days",
        title: "Messages by day",
        text: format!(
            "Each column is a day. The highest has {} messages. The table below has the same numbers.",
            Chart::most(&columns)
        ),
        labels: labels.collect(),
        columns,
    }
}
