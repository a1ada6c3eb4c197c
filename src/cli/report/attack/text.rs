//! The report on a terminal.

use super::view::{List, View, short};
use crate::core::attack::AttackTally;

/// The maximum number of hosts, networks and addresses in the text.
pub(super) const MAX_NAMED: usize = 10;
/// The maximum number of columns of the plot. With its numbers it fits into 80 characters.
const COLUMNS: u64 = 64;
/// The height of the plot, in lines.
const HEIGHT: u64 = 8;
/// Parts of a line, the smallest first.
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
            println!("\nno bounces came");
            return;
        }
        println!(
            "\n{:>10}  came, {} of them without proof that they return mail of yours",
            all.all(),
            all.suspect()
        );
        for fate in self.fates() {
            println!("{:>10}  {}", all.of(fate), fate.words());
        }
        self.print_accounts();
        self.origins.print();
        self.print_hours();
        println!("\nanswers, with their reasons");
        for reason in &self.reasons {
            println!("{:>10}  {} ({})", reason.bounces, reason.why, reason.words);
        }
        println!("\nproofs");
        for (proof, bounces) in &self.proofs {
            println!("{bounces:>10}  {}", proof.replace('_', " "));
        }
        print_list("hosts that sent them, without proven bounces", &self.hosts);
        print_list("networks of these hosts", &self.networks);
        print_list("forged addresses (their recipients)", &self.recipients);
    }

    fn print_accounts(&self) {
        if self.accounts.is_empty() {
            return;
        }
        println!(
            "\naccount_suspected: somebody may send with the password of these, or through a script"
        );
        for account in self.accounts.iter().take(MAX_NAMED) {
            println!("{:>10}  {}", "", account.line());
        }
        let left = self.accounts.len().saturating_sub(MAX_NAMED);
        if left > 0 {
            println!(
                "{:>10}  and {left} more; use --html or --json to see more",
                ""
            );
        }
    }

    fn print_hours(&self) {
        let (width, columns) = self.columns(COLUMNS);
        let each = match width {
            1 => "each column is an hour".to_owned(),
            width => format!("each column is {width} hours"),
        };
        println!("\nbounces without proof by hour; {each}");
        let numbers: Vec<u64> = columns.iter().map(|(_, tally)| tally.suspect()).collect();
        for line in plot(&numbers) {
            println!("{line}");
        }
        println!("{:>10}  {}", "", axis(&columns));
        if let Some((hour, bounces)) = self.summary.worst_hour() {
            println!(
                "{:>10}  in the worst hour, which began at {}",
                bounces,
                short(hour)
            );
        }
    }
}

/// The lines of a plot with columns of these heights, from the top.
fn plot(numbers: &[u64]) -> Vec<String> {
    let most = numbers.iter().copied().max().unwrap_or_default().max(1);
    let parts = PARTS.len() as u64;
    let line = |level: u64| {
        let column = |number: &u64| {
            // In eighths of a line, rounded up, so that one bounce is visible.
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

/// The times when the first and the last column begin.
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
    println!("{:>10} {:>10}", "bounces", "refused");
    let (shown, left) = list.first(MAX_NAMED);
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
            "{:>22} and {left} more; use --html or --json to see more",
            ""
        );
    }
    if list.others.0.suspect() > 0 {
        println!(
            "{:>10} {:>10}  from others, which were counted together",
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
