//! The outcomes for a terminal of 100 columns, row by row.

use super::stage::{Answered, Outcome};

/// Mark, what was sent, what was answered, why; two blanks between.
const WIDTHS: [usize; 4] = [2, 28, 37, 27];

/// What the columns are.
pub(super) fn heading() -> String {
    let heading = [
        "",
        "what was sent",
        "what Postfix answered",
        "why, by its word in the log",
    ];
    let titles = row(&heading.map(|title| vec![title.to_owned()]));
    titles + &row(&WIDTHS.map(|width| vec!["-".repeat(width)]))
}

/// The row of an act, with an empty line behind it.
pub(super) fn row_of(outcome: &Outcome) -> String {
    row(&cells(outcome)) + "\n"
}

fn cells(outcome: &Outcome) -> [Vec<String>; 4] {
    let act = outcome.act;
    let [_, sent_width, answered_width, why_width] = WIDTHS;
    let mut sent = wrapped(act.title, sent_width);
    sent.extend(wrapped(
        &format!("<{}> by {}", act.from, act.client),
        sent_width,
    ));
    let mut answered = Vec::new();
    let mut why = Vec::new();
    for recipient in &outcome.recipients {
        answered.extend(wrapped(&said(recipient), answered_width));
        why.extend(wrapped(&reason(recipient), why_width));
        let lines = answered.len().max(why.len());
        answered.resize(lines, String::new());
        why.resize(lines, String::new());
    }
    let mark = if outcome.is_right() { "ok" } else { "!!" };
    [vec![mark.to_owned()], sent, answered, why]
}

fn said(answered: &Answered) -> String {
    // Nearly all are at our own domain.
    let to = answered.recipient;
    let to = to.strip_suffix("@example.org").unwrap_or(to);
    let text = answered.reply.lines.join(" ");
    let trouble = answered.trouble.as_deref().unwrap_or_default();
    format!("{to}: {} {text} {trouble}", answered.code())
}

fn reason(answered: &Answered) -> String {
    if answered.is_right() {
        let tagged = if answered.verdict == "tag" {
            ", tagged"
        } else {
            ""
        };
        return format!("{}{tagged}", answered.reason);
    }
    let expected = answered.expected;
    format!(
        "{} ({}); expected {} and {} ({})",
        answered.reason, answered.verdict, expected.code, expected.reason, expected.verdict
    )
}

fn row(cells: &[Vec<String>; 4]) -> String {
    let height = cells.iter().map(Vec::len).max().unwrap_or_default();
    let mut text = String::new();
    for number in 0..height {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(WIDTHS) {
            let part = cell.get(number).map_or("", String::as_str);
            line.push_str(&format!("{part:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Breaks at blanks, and where a word is longer than the cell, within it.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut rest = word;
        loop {
            let line = lines.last_mut().expect("never empty");
            let gap = usize::from(!line.is_empty());
            if line.chars().count() + gap + rest.chars().count() <= width {
                line.push_str(&" ".repeat(gap));
                line.push_str(rest);
                break;
            }
            if line.is_empty() {
                let cut = rest
                    .char_indices()
                    .nth(width)
                    .map_or(rest.len(), |(at, _)| at);
                line.push_str(&rest[..cut]);
                rest = &rest[cut..];
            }
            lines.push(String::new());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        joe_job::acts::{Act, DAY},
        smtp::Reply,
    };

    fn outcome(code: u16) -> Outcome {
        let is_spam = |act: &&Act| act.title == "spam that forges a bank";
        let act = DAY.iter().find(is_spam).unwrap();
        let (recipient, expected) = act.recipients[0];
        let reply = Reply {
            code,
            enhanced: Some("5.7.23".to_owned()),
            lines: vec!["SPF: no ".repeat(20)],
        };
        Outcome {
            act,
            recipients: vec![Answered {
                recipient,
                expected,
                reply,
                verdict: "reject".to_owned(),
                reason: "spf_fail".to_owned(),
                trouble: None,
            }],
        }
    }

    #[test]
    fn rows_fit_and_tell() {
        let right = heading() + &row_of(&outcome(550));
        assert!(
            right.lines().all(|line| line.chars().count() <= 100),
            "{right}"
        );
        assert!(right.contains("\nok  spam that forges a bank"), "{right}");
        let wrong = heading() + &row_of(&outcome(450));
        assert!(wrong.contains("\n!!  spam that forges a bank"), "{wrong}");
        assert!(wrong.contains("; expected"), "{wrong}");
    }

    #[test]
    fn words_are_wrapped() {
        assert_eq!(wrapped("ab cd ef", 5), ["ab cd", "ef"]);
        assert_eq!(wrapped("a bcdefgh", 3), ["a", "bcd", "efg", "h"]);
        assert_eq!(wrapped("", 3), [""]);
    }
}
