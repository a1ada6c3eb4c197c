//! Charts of columns, in SVG. They are as wide as there is room, and their text keeps its size: widths are in percent, heights
//! in pixels. The style of the page colours them, so they are dark on a dark page.

use maud::{Markup, html};

/// The height of the drawing, and the part of it that columns take, in pixels.
const HEIGHT: f64 = 232.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 204.0;
/// The maximum width of a column, in percent: a few columns are no walls.
const WIDEST: f64 = 8.0;
/// Where a label below would not fit into the drawing any more, in percent.
const LAST_LABEL: f64 = 88.0;

/// Columns over time, the oldest first.
pub struct Chart {
    /// What its parts are called in the page: one word.
    pub name: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// The same in a sentence or two, for those who don't see it.
    pub text: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// Which columns have a time below, and which.
    pub labels: Vec<(usize, String)>,
}

/// A column.
pub struct Column {
    /// What it shows, in words.
    pub title: String,
    /// The kinds in it from below, as classes of the style, and how many of each.
    pub parts: Vec<(&'static str, u64)>,
}

impl Column {
    fn all(&self) -> u64 {
        let parts = self.parts.iter();
        parts.fold(0, |sum, (_, number)| sum.saturating_add(*number))
    }
}

impl Chart {
    /// The number in the highest column.
    pub fn most(columns: &[Column]) -> u64 {
        columns.iter().map(Column::all).max().unwrap_or_default()
    }

    /// Draws it.
    pub fn draw(&self) -> Markup {
        let scale = Scale::of(Self::most(&self.columns));
        let step = 100.0 / float(self.columns.len().max(1) as u64);
        let width = (step * 0.84).min(WIDEST);
        let left = |at: usize| step * float(at as u64);
        let (title, text) = (
            format!("{}-title", self.name),
            format!("{}-text", self.name),
        );
        html! {
            svg.chart height=(HEIGHT) role="img" aria-labelledby={ (title) " " (text) } {
                title id=(title) { (self.title) }
                desc id=(text) { (self.text) }
                @for level in scale.levels() {
                    @let y = round(scale.y(level));
                    line.grid x1="0" x2="100%" y1=(y) y2=(y) {}
                }
                @for (at, column) in self.columns.iter().enumerate().filter(|(_, column)| column.all() > 0) {
                    g {
                        title { (column.title) }
                        @for (class, below, above) in stacked(&column.parts) {
                            rect class=(class) x=(percent(left(at) + (step - width) / 2.0)) width=(percent(width))
                                y=(round(scale.y(above))) height=(round((scale.y(below) - scale.y(above)).max(1.0))) {}
                        }
                    }
                }
                // On top, for a column may reach them.
                @for level in scale.levels().skip(1) {
                    text x="0" y=(round(scale.y(level) - 4.0)) { (brief(level)) }
                    // Where only the end of a wide chart is seen.
                    text.end x="100%" y=(round(scale.y(level) - 4.0)) text-anchor="end" aria-hidden="true" { (brief(level)) }
                }
                @for (at, label) in self.labels.iter().filter(|(at, _)| left(*at) < LAST_LABEL) {
                    line.grid x1=(percent(left(*at))) x2=(percent(left(*at))) y1=(BOTTOM) y2=(BOTTOM + 6.0) {}
                    text x=(percent(left(*at))) y=(BOTTOM + 22.0) { (label) }
                }
            }
        }
    }
}

/// A bar beside a number, scaled to the largest number.
pub fn bar(parts: &[(&'static str, u64)], most: u64) -> Markup {
    let part = |number: u64| round(100.0 * float(number) / float(most.max(1)));
    html! {
        svg.bar viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            @for (class, below, above) in stacked(parts) {
                rect class=(class) x=(part(below)) width=(part(above.saturating_sub(below))) y="0" height="10" {}
            }
        }
    }
}

/// The colour of a kind.
pub fn swatch(class: &str) -> Markup {
    html! {
        svg.swatch viewBox="0 0 10 10" aria-hidden="true" {
            rect class=(class) width="10" height="10" rx="2" {}
        }
    }
}

/// Each kind that occurs, with its lower and upper bound.
fn stacked(parts: &[(&'static str, u64)]) -> impl Iterator<Item = (&'static str, u64, u64)> {
    let mut below = 0_u64;
    parts.iter().filter_map(move |(class, number)| {
        let from = below;
        below = below.saturating_add(*number);
        (below > from).then_some((*class, from, below))
    })
}

fn percent(number: f64) -> String {
    format!("{}%", round(number))
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
