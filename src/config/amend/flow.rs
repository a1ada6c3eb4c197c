//! Changes one line of a YAML text, or adds one.

use super::Amendment;
use crate::config::diagnostic::Place;

/// A word as YAML needs it, in brackets too: in quotes where it could be read as something else.
pub(super) fn quoted(word: &str) -> String {
    let first = word.chars().next();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
    let is_plain = first.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.')
        && word.contains('.')
        && word.chars().all(plain)
        && word.parse::<f64>().is_err();
    let is_key = !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    match is_plain || is_key {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "''")),
    }
}

/// Whether a bracket stands there.
pub(super) fn opens(text: &str, place: Place) -> bool {
    offset(text, place).is_some_and(|at| {
        let rest = text.get(at..).unwrap_or_default();
        rest.starts_with(['[', '{'])
    })
}

/// Adds something behind the bracket that stands there, before all else.
pub(super) fn inside(text: &str, place: Place, new: &str) -> Option<Amendment> {
    let at = offset(text, place)? + 1;
    let (before, rest) = text.split_at_checked(at)?;
    let is_empty = rest.trim_start().starts_with([']', '}']);
    let between = if is_empty { "" } else { ", " };
    let rest = if is_empty { rest.trim_start() } else { rest };
    Some(changed(format!("{before}{new}{between}{rest}"), place.line))
}

/// Gives the key that stands there another value, which has to be on the same line.
pub(super) fn with_value(text: &str, key: Place, value: &str) -> Option<Amendment> {
    let at = offset(text, key)?;
    let rest = text.get(at..)?;
    let line = rest.get(..rest.find('\n').unwrap_or(rest.len()))?;
    let colon = at + line.find(':')? + 1;
    let (before, rest) = text.split_at_checked(colon)?;
    let end = rest.find([',', '}', '\n', '#']).unwrap_or(rest.len());
    let (former, rest) = rest.split_at_checked(end)?;
    if former.contains(['[', '{', '"', '\'', '&', '*', '|', '>']) {
        return None;
    }
    let blank = if rest.starts_with('#') { " " } else { "" };
    Some(changed(format!("{before} {value}{blank}{rest}"), key.line))
}

/// Adds a line before the thing that stands there, with its indentation; none where something stands before it.
pub(super) fn line_before(text: &str, place: Place, new: &str) -> Option<Amendment> {
    let at = offset(text, place)?;
    let begin = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let (before, rest) = text.split_at_checked(begin)?;
    let indent = text.get(begin..at)?;
    // A list that is not indented below its key begins behind its first dash.
    let indent = match new.starts_with("- ") {
        true => indent
            .trim_end_matches(' ')
            .strip_suffix('-')
            .unwrap_or(indent),
        false => indent,
    };
    if !indent.trim_matches(' ').is_empty() {
        return None;
    }
    Some(changed(
        format!("{before}{indent}{new}\n{rest}"),
        place.line,
    ))
}

/// Adds a line at the end.
pub(super) fn at_the_end(text: &str, new: &str) -> Amendment {
    let text = match text.is_empty() || text.ends_with('\n') {
        true => format!("{text}{new}\n"),
        false => format!("{text}\n{new}\n"),
    };
    let line = text.lines().count();
    changed(text, line)
}

fn changed(text: String, line: usize) -> Amendment {
    let written = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    Amendment {
        line,
        written: written.trim().to_owned(),
        text,
    }
}

/// The place in octets. Columns are counted in characters.
fn offset(text: &str, place: Place) -> Option<usize> {
    let mut begin = 0;
    for _ in 1..place.line {
        begin += text.get(begin..)?.find('\n')? + 1;
    }
    let line = text.get(begin..)?;
    let column = place.column.checked_sub(1)?;
    let within = line
        .char_indices()
        .map(|(at, _)| at)
        .chain([line.len()])
        .nth(column)?;
    Some(begin + within)
}
