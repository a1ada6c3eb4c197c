//! The results as a picture, readable on light and dark ground.

use std::fmt::Write as _;

use super::{flood::NETWORKS, results::Results};

/// The left, top, width and height of the chart of floods, and of that of sites.
const FLOODS: [f64; 4] = [60.0, 60.0, 400.0, 240.0];
const SITES: [f64; 4] = [570.0, 60.0, 220.0, 240.0];
/// The seconds that the chart of floods shows, on a logarithmic scale.
const SECONDS: (f64, f64) = (10.0, 2000.0);

impl Results {
    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = String::from(HEAD);
        self.draw_floods(&mut svg);
        self.draw_sites(&mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    fn draw_floods(&self, svg: &mut String) {
        let [left, top, width, height] = FLOODS;
        let y = |seconds: f64| {
            let part = (seconds / SECONDS.0).ln() / (SECONDS.1 / SECONDS.0).ln();
            top + height * (1.0 - part.clamp(0.0, 1.0))
        };
        let x = |fold: f64| left + width * (fold / 2.0).ln() / 500.0_f64.ln();
        text(
            svg,
            left,
            top - 26.0,
            "",
            "Seconds from the flood's begin to the siege's (longest of all)",
        );
        for seconds in [10.0, 60.0, 600.0] {
            let class = if seconds == 60.0 { "wanted" } else { "grid" };
            line(svg, class, (left, y(seconds)), (left + width, y(seconds)));
            text(
                svg,
                left - 6.0,
                y(seconds) + 4.0,
                "end",
                &seconds.to_string(),
            );
        }
        line(svg, "grid", (left, top), (left + width, top));
        text(svg, left - 6.0, top + 4.0, "end", "none");
        for fold in self.folds() {
            text(
                svg,
                x(fold),
                top + height + 18.0,
                "middle",
                &format!("{fold}×"),
            );
        }
        text(
            svg,
            left + width / 2.0,
            top + height + 38.0,
            "middle",
            "times the usual, or 2.5 a minute where that is less",
        );
        for (number, networks) in NETWORKS.into_iter().enumerate() {
            let mut points = String::new();
            for fold in self.folds() {
                let cell = self.cell(fold, networks);
                // Where some began no siege, that is the longest time of all.
                let entry = cell.entry.filter(|_| cell.sieges == cell.floods);
                // Lines that lie upon each other are set apart.
                let aside = number as f64 * 1.5 - 3.0;
                let at = entry.map_or(top, |(_, most)| y(most as f64)) + aside;
                let _ = write!(points, "{:.1},{at:.1} ", x(fold));
            }
            let points = points.trim_end();
            let _ = writeln!(svg, r#"<polyline class="n{number}" points="{points}"/>"#);
            let legend = top + height + 62.0;
            let from = left + 74.0 * number as f64 - 20.0;
            line(
                svg,
                &format!("n{number}"),
                (from, legend - 4.0),
                (from + 16.0, legend - 4.0),
            );
            text(svg, from + 20.0, legend, "", &networks.to_string());
        }
        text(svg, left + 366.0, top + height + 62.0, "", "networks");
    }

    fn draw_sites(&self, svg: &mut String) {
        let [left, top, width, height] = SITES;
        let sizes = self.sizes();
        let most = sizes.iter().map(|size| size.3 as f64 / size.1 as f64);
        let most = most.fold(1.0, f64::max);
        text(svg, left, top - 26.0, "", "A year without a flood: alerts");
        line(
            svg,
            "grid",
            (left, top + height),
            (left + width, top + height),
        );
        for (number, (messages, sites, sieges, alerts, _)) in sizes.iter().enumerate() {
            let slot = width / sizes.len() as f64;
            let (x, alerts) = (left + slot * number as f64, *alerts as f64 / *sites as f64);
            let tall = height * 0.85 * alerts / most;
            let (y, broad) = (top + height - tall, slot * 0.6);
            let _ = writeln!(
                svg,
                r#"<rect class="bar" x="{x:.1}" y="{y:.1}" width="{broad:.1}" height="{tall:.1}"/>"#
            );
            let middle = x + broad / 2.0;
            text(svg, middle, y - 5.0, "middle", &format!("{alerts:.0}"));
            text(
                svg,
                middle,
                top + height + 18.0,
                "middle",
                &short(*messages),
            );
            text(
                svg,
                middle,
                top + height + 56.0,
                "middle",
                &sieges.to_string(),
            );
        }
        text(
            svg,
            left + width / 2.0,
            top + height + 36.0,
            "middle",
            "messages a day",
        );
        text(svg, left - 8.0, top + height + 56.0, "end", "false sieges:");
    }
}

const HEAD: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 380" role="img" aria-label="The siege's sensor, simulated">
<style>
text { font: 12px sans-serif; fill: #333 }
line, polyline { fill: none; stroke-width: 2 }
.grid { stroke: #ccc; stroke-width: 1 }
.wanted { stroke: #888; stroke-width: 1; stroke-dasharray: 4 3 }
.n0 { stroke: #c0392b } .n1 { stroke: #d68910 } .n2 { stroke: #2471a3 } .n3 { stroke: #1e8449 } .n4 { stroke: #7d3c98 }
.bar { fill: #2471a3 }
@media (prefers-color-scheme: dark) {
text { fill: #ddd }
.grid { stroke: #555 }
.n0 { stroke: #ec7063 } .n1 { stroke: #f5b041 } .n2 { stroke: #5dade2 } .n3 { stroke: #58d68d } .n4 { stroke: #bb8fce }
.bar { fill: #5dade2 }
}
</style>
"##;

fn line(svg: &mut String, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let _ = writeln!(
        svg,
        r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let anchor = if anchor.is_empty() { "start" } else { anchor };
    let _ = writeln!(
        svg,
        r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
    );
}

fn short(messages: f64) -> String {
    match messages {
        1e6.. => format!("{}m", messages / 1e6),
        1e3.. => format!("{}k", messages / 1e3),
        _ => messages.to_string(),
    }
}
