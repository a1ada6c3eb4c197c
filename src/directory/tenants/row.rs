//! A tenant's row: what it answers, or what is wrong with it.

use std::{fmt, sync::Arc};

use super::{TenantKey, key::words, value};
use crate::{
    core::{address::Domain, printable::shortened, tenant::TenantAnswers, verdict::Mode},
    directory::cells::{Cell, Cells},
};

/// How much of a value and of a reason a message has, in characters.
const SHOWN: usize = 60;
const LONGEST_REASON: usize = 200;

/// What is wrong with a row, fit for a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowMistake {
    /// The domain, as it stands there.
    pub domain: String,
    /// The line, where it stands in a file.
    pub line: Option<usize>,
    /// The column, key or attribute; none for the whole row.
    pub column: Option<String>,
    /// What stands there.
    pub value: Option<String>,
    /// Why it can't be used.
    pub why: String,
    /// What was expected.
    pub expected: String,
}

impl fmt::Display for RowMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}: ", self.domain)?;
        if let Some(column) = &self.column {
            write!(f, "{column}")?;
            match &self.value {
                Some(value) => write!(f, " is `{value}`: ")?,
                None => f.write_str(": ")?,
            }
        }
        write!(f, "{}; expected {}", self.why, self.expected)
    }
}

impl RowMistake {
    /// One of the whole row.
    pub fn of_row(domain: &str, line: Option<usize>, why: &str, expected: &str) -> Self {
        Self {
            domain: shortened(domain.as_bytes(), SHOWN),
            line,
            column: None,
            value: None,
            why: plain(why),
            expected: expected.to_owned(),
        }
    }
}

/// The column whose value is the row's domain.
pub(super) const DOMAIN: &str = "domain";

/// How a source names the keys.
pub(super) trait Names {
    /// The key that such a column is for.
    fn key(&self, column: &str) -> Option<TenantKey>;

    /// Whether such a column says whose row it is.
    fn is_domain(&self, _column: &str) -> bool {
        false
    }
}

/// Reads a row.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn answers(
    domain: &Domain,
    from: Arc<str>,
    line: Option<usize>,
    cells: &Cells,
    names: &impl Names,
    allow: &[TenantKey],
) -> Result<TenantAnswers, Vec<RowMistake>> {
    let mut answers = TenantAnswers {
        from,
        ..TenantAnswers::default()
    };
    let mut mistakes = Vec::new();
    let mut seen: Vec<TenantKey> = Vec::new();
    for (column, cell) in cells {
        let mut wrong = |why: String, expected: String| {
            mistakes.push(RowMistake {
                domain: domain.to_string(),
                line,
                column: Some(shortened(column.as_bytes(), SHOWN)),
                value: shown(cell),
                why: plain(&why),
                expected,
            });
        };
        if names.is_domain(column) {
            if !is_of(cell, domain) {
                let why = "the row is not that of the domain that was asked for";
                wrong(why.to_owned(), domain.to_string());
            }
            continue;
        }
        let Some(key) = names.key(column) else {
            wrong(
                "it is no key".to_owned(),
                format!("one of {}", words(allow)),
            );
            continue;
        };
        if !allow.contains(&key) {
            let why = "tenants.allow does not name it".to_owned();
            wrong(why, format!("one of {}", words(allow)));
            continue;
        }
        if seen.contains(&key) {
            wrong("it stands there twice".to_owned(), "it once".to_owned());
            continue;
        }
        seen.push(key);
        if let Err(why) = value::set(&mut answers, key, cell, domain) {
            wrong(why, key.expected().to_owned());
        }
    }
    if answers.catch_all.is_some() && answers.unknown.is_some() {
        mistakes.push(RowMistake {
            column: Some("catch_all".to_owned()),
            ..RowMistake::of_row(
                domain.as_str(),
                line,
                "it and unknown exclude each other: both are for addresses that no list and no rule has",
                "one of the two",
            )
        });
    }
    match mistakes.is_empty() {
        true => Ok(answers),
        false => Err(mistakes),
    }
}

fn is_of(cell: &Cell, domain: &Domain) -> bool {
    match cell {
        Cell::Text(text) => text.trim().parse::<Domain>().is_ok_and(|of| of == *domain),
        Cell::Empty | Cell::Values(_) | Cell::Other(_) => false,
    }
}

/// What counts while a row is wrong: the last that was right, or monitor.
pub(super) fn instead(from: &str, good: Option<&TenantAnswers>) -> TenantAnswers {
    match good {
        Some(good) => TenantAnswers {
            from: format!("{from}, as it last was right").into(),
            ..good.clone()
        },
        None => TenantAnswers {
            from: format!("{from}, which is wrong, and so monitor").into(),
            mode: Some(Mode::Monitor),
            ..TenantAnswers::default()
        },
    }
}

fn shown(cell: &Cell) -> Option<String> {
    let text = match cell {
        Cell::Empty | Cell::Other(_) => return None,
        Cell::Text(text) => text.clone(),
        Cell::Values(values) => values.join(", "),
    };
    Some(plain_to(&text, SHOWN))
}

/// One line that a log can take.
fn plain(text: &str) -> String {
    plain_to(text, LONGEST_REASON)
}

fn plain_to(text: &str, most: usize) -> String {
    // Those that only move others about would have the rest of the line read backwards.
    let moves = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let one_line = |c: char| if c.is_control() || moves(c) { '?' } else { c };
    let mut shown: String = text.trim().chars().map(one_line).take(most).collect();
    if text.trim().chars().nth(most).is_some() {
        shown.push_str("...");
    }
    shown
}
