//! The charts of the page, in SVG. The style of the page colours them, so they are dark on a dark page.

use maud::{Markup, html};

use super::view::{View, short};
use crate::core::attack::{AttackTally, Fate};

/// The maximum number of columns: each is visible on a common screen.
const COLUMNS: u64 = 112;
/// The size of the drawing, in its own units.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 300.0;
/// The area of the columns. The space on the left fits 8 characters.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 995.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 262.0;
/// The maximum number of columns with a time below.
const LABELS: usize = 10;

/// Bounces by hour, stacked by fate.
pub(super) fn hours(view: &View) -> Markup {
    let (width, columns) = view.columns(COLUMNS);
    let most = columns.iter().map(|(_, tally)| tally.all()).max();
    let scale = Scale::of(most.unwrap_or_default());
    let step = (RIGHT - LEFT) / float(columns.len().max(1) as u64);
    let placed = || {
        let columns = columns.iter().enumerate();
        columns.map(|(at, column)| (LEFT + step * float(at as u64), column))
    };
    html! {
        svg.hours viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-labelledby="hours-title hours-text" {
            title id="hours-title" { "Bounces by hour" }
            desc id="hours-text" {
                "Each column is " (span(width)) ". The highest has " (most.unwrap_or_default()) " bounces."
                " The table below has the same numbers."
            }
            @for level in scale.levels() {
                line.grid x1=(LEFT) x2=(RIGHT) y1=(round(scale.y(level))) y2=(round(scale.y(level))) {}
                text x=(LEFT - 8.0) y=(round(scale.y(level) + 4.5)) text-anchor="end" { (brief(level)) }
            }
            @for (x, (hour, tally)) in placed() {
                @if tally.all() > 0 {
                    g {
                        title { (tooltip(*hour, tally)) }
                        @for (fate, below, above) in stacked(tally) {
                            rect class=(fate.as_str()) x=(round(x + step * 0.08)) width=(round(step * 0.84))
                                y=(round(scale.y(above))) height=(round((scale.y(below) - scale.y(above)).max(1.0))) {}
                        }
                    }
                }
            }
            @for (at, label) in labels(&columns) {
                @let x = round(LEFT + step * float(at as u64));
                line.grid x1=(x) x2=(x) y1=(BOTTOM) y2=(BOTTOM + 5.0) {}
                // A label here would not fit into the drawing.
                @if x < RIGHT - 40.0 { text x=(x) y=(BOTTOM + 22.0) text-anchor="middle" { (label) } }
            }
        }
    }
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
            (
                *at,
                short(*hour)
                    .get(part.clone())
                    .unwrap_or_default()
                    .to_owned(),
            )
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

/// A bar beside a number, scaled to the largest number.
pub(super) fn bar(tally: &AttackTally, most: u64) -> Markup {
    let part = |number: u64| round(100.0 * float(number) / float(most.max(1)));
    html! {
        svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            @for (fate, below, above) in stacked(tally).filter(|(fate, _, _)| fate.is_suspect()) {
                rect class=(fate.as_str()) x=(part(below)) width=(part(above.saturating_sub(below))) y="0" height="10" {}
            }
        }
    }
}

/// The colour of a fate.
pub(super) fn swatch(fate: Fate) -> Markup {
    html! {
        svg viewBox="0 0 10 10" aria-hidden="true" {
            rect class=(fate.as_str()) width="10" height="10" rx="2" {}
        }
    }
}

/// Each fate that occurs, with its lower and upper bound.
fn stacked(tally: &AttackTally) -> impl Iterator<Item = (Fate, u64, u64)> {
    let mut below = 0_u64;
    Fate::ALL.into_iter().filter_map(move |fate| {
        let from = below;
        below = below.saturating_add(tally.of(fate));
        (below > from).then_some((fate, from, below))
    })
}

fn tooltip(hour: u64, tally: &AttackTally) -> String {
    let fates = Fate::ALL.into_iter().filter(|fate| tally.of(*fate) > 0);
    let fates = fates.map(|fate| format!("{} {}", tally.of(fate), fate.words()));
    let fates: Vec<_> = fates.collect();
    format!("{} UTC: {}", short(hour), fates.join(", "))
}

/// The vertical scale.
struct Scale {
    step: u64,
    steps: u64,
}

impl Scale {
    /// 2 to 5 round steps that reach this number.
    fn of(most: u64) -> Self {
        let most = most.max(1);
        let mut unit = 1_u64;
        loop {
            for factor in [1, 2, 5] {
                let step = unit.saturating_mul(factor);
                if most.div_ceil(step) <= 5 {
                    let steps = most.div_ceil(step);
                    return Self { step, steps };
                }
            }
            unit = unit.saturating_mul(10);
        }
    }

    fn levels(&self) -> impl Iterator<Item = u64> {
        let step = self.step;
        (0..=self.steps).map(move |number| number.saturating_mul(step))
    }

    fn y(&self, number: u64) -> f64 {
        let top = float(self.step.saturating_mul(self.steps).max(1));
        BOTTOM - (BOTTOM - TOP) * float(number) / top
    }
}

/// A level of the scale in at most 7 characters: `500000`, `1.5 M`.
fn brief(number: u64) -> String {
    const UNITS: [(u32, &str); 5] = [(18, "E"), (15, "P"), (12, "T"), (9, "G"), (6, "M")];
    for (power, sign) in UNITS {
        let unit = 10_u64.pow(power);
        let (whole, tenths) = (number / unit, number % unit / (unit / 10));
        match (whole, tenths) {
            (0, _) => {}
            (whole, 0) => return format!("{whole} {sign}"),
            (whole, tenths) => return format!("{whole}.{tenths} {sign}"),
        }
    }
    number.to_string()
}

/// A drawing need not be exact.
#[allow(clippy::cast_precision_loss)]
fn float(number: u64) -> f64 {
    number as f64
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_reach_the_top() {
        for (most, step, steps) in [
            (0, 1, 1),
            (1, 1, 1),
            (5, 1, 5),
            (6, 2, 3),
            (11, 5, 3),
            (1234, 500, 3),
            (5001, 2000, 3),
        ] {
            let scale = Scale::of(most);
            assert_eq!((scale.step, scale.steps), (step, steps), "{most}");
        }
        for (number, text) in [
            (0, "0"),
            (500_000, "500000"),
            (1_500_000, "1.5 M"),
            (300_000_000, "300 M"),
            (25_000_000_000, "25 G"),
            (u64::MAX, "18.4 E"),
        ] {
            assert_eq!(brief(number), text);
        }
        // All labels differ: a step is 1, 2 or 5 and zeros.
        for most in (0..19).map(|power| 7 * 10_u64.pow(power) / 2) {
            let levels: Vec<_> = Scale::of(most).levels().map(brief).collect();
            let different: std::collections::BTreeSet<_> = levels.iter().collect();
            assert_eq!(different.len(), levels.len(), "{levels:?}");
            assert!(levels.iter().all(|level| level.len() <= 7), "{levels:?}");
        }
        let huge = Scale::of(u64::MAX);
        assert!(huge.y(u64::MAX) >= TOP - 1.0 && huge.y(0) == BOTTOM);
    }
}
