//! A report on a terminal.

use super::view::{List, View, short};
use crate::core::attack::AttackTally;

/// The most hosts, networks and addresses that are named.
const MOST_NAMED: usize = 10;
/// How many columns the plot has at most: with its numbers it fits into 80.
const COLUMNS: u64 = 64;
/// How many lines high it is.
const HEIGHT: u64 = 8;
/// Parts of a line, from the smallest on.
const PARTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

impl View {
    pub(super) fn print(&self) {
        let about = self.domain.as_ref();
        println!(
            "bounces{} from {} to {} (UTC)",
            about.map_or_else(String::new, |domain| format!(" to {domain}")),
            short(self.period.first),
            short(self.period.last + 1),
        );
        let all = self.bounces.0;
        if all.all() == 0 {
            println!("\nnone came");
            return;
        }
        println!(
            "\n{:>10}  came, {} of them without proof that they answer mail of yours",
            all.all(),
            all.suspect()
        );
        for fate in self.fates() {
            println!("{:>10}  {}", all.of(fate), fate.words());
        }
        self.print_hours();
        println!("\nwhat was done, and why");
        for reason in &self.reasons {
            println!("{:>10}  {} ({})", reason.bounces, reason.why, reason.words);
        }
        println!("\nwhat they proved");
        for (proof, bounces) in &self.proofs {
            println!("{bounces:>10}  {}", proof.replace('_', " "));
        }
        print_list(
            "hosts they came from, those of your own mail's bounces aside",
            &self.hosts,
        );
        print_list("networks of these", &self.networks);
        print_list("forged addresses, to which they came", &self.recipients);
    }

    fn print_hours(&self) {
        let (width, columns) = self.columns(COLUMNS);
        let each = match width {
            1 => "each column is an hour".to_owned(),
            width => format!("each column is {width} hours"),
        };
        println!("\nby hour, those without proof; {each}");
        let numbers: Vec<u64> = columns.iter().map(|(_, tally)| tally.suspect()).collect();
        for line in plot(&numbers) {
            println!("{line}");
        }
        println!("{:>10}  {}", "", axis(&columns));
        if let Some((hour, bounces)) = self.summary.worst_hour() {
            println!("{:>10}  in the worst hour, from {}", bounces, short(hour));
        }
    }
}

/// Columns of these heights, a line after the other from the top.
fn plot(numbers: &[u64]) -> Vec<String> {
    let most = numbers.iter().copied().max().unwrap_or_default().max(1);
    let parts = PARTS.len() as u64;
    let line = |level: u64| {
        let column = |number: &u64| {
            // In eighths of a line, rounded up: what came once is seen.
            let full = u128::from(*number) * u128::from(HEIGHT * parts);
            let height = u64::try_from(full.div_ceil(u128::from(most))).unwrap_or_default();
            let part = height.saturating_sub(level * parts).min(parts);
            let at = usize::try_from(part).unwrap_or_default().checked_sub(1);
            at.and_then(|at| PARTS.get(at)).copied().unwrap_or(' ')
        };
        let label = match level {
            level if level == HEIGHT - 1 => most.to_string(),
            0 => "0".to_owned(),
            _ => String::new(),
        };
        let columns: String = numbers.iter().map(column).collect();
        format!("{label:>10} |{}", columns.trim_end())
    };
    (0..HEIGHT).rev().map(line).collect()
}

/// When the first and the last column begin.
fn axis(columns: &[(u64, AttackTally)]) -> String {
    let (Some((first, _)), Some((last, _))) = (columns.first(), columns.last()) else {
        return String::new();
    };
    let (first, last) = (short(*first), short(*last));
    match columns.len().checked_sub(first.len() + last.len() + 1) {
        Some(room) => format!("{first}{}{last}", " ".repeat(room + 1)),
        None => format!("from {first}"),
    }
}

fn print_list(title: &str, list: &List) {
    if list.top.is_empty() {
        return;
    }
    println!("\n{title}: {}", list.different);
    println!("{:>10} {:>10}", "bounces", "kept out");
    let (shown, left) = list.first(MOST_NAMED);
    for entry in shown {
        let tally = entry.bounces.0;
        println!(
            "{:>10} {:>10}  {}",
            tally.suspect(),
            tally.kept_out(),
            entry.name
        );
    }
    if left > 0 {
        println!(
            "{:>22} and {left} more; --json and --html have more of them",
            ""
        );
    }
    if list.others.0.suspect() > 0 {
        println!(
            "{:>10} {:>10}  from others: too many to be told apart",
            list.others.0.suspect(),
            list.others.0.kept_out()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_column_is_as_high_as_the_plot() {
        let lines = plot(&[0, 1, 50, 100]);
        assert_eq!(lines.len(), 8);
        assert_eq!(lines[0], "       100 |   █");
        assert_eq!(lines[4], "           |  ██");
        assert_eq!(lines[7], "         0 | ▁██");
        assert!(plot(&[]).iter().all(|line| line.ends_with('|')));
        assert!(plot(&[u64::MAX, 0])[0].ends_with("|█"));
    }
}
