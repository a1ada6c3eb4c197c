//! Turns what serde says about a value into an administrator's words, with the place of that value.

use serde_path_to_error::{Error, Segment};

use super::{
    diagnostic::{Mistake, Place},
    keys,
    outline::Outline,
    path::{Path, Step},
    syntax,
};

/// How the errors of our own types begin their advice.
const ADVICE: [&str; 2] = ["; expected ", "; use "];
/// `dnsbl[].codes` are the only single IPv4 addresses in the file.
const CODE: &str = "a code that the list answers with, such as 127.0.0.2";

/// Turns the error with which serde stopped into a mistake at its place.
pub(super) fn mistake(error: &Error<serde_yaml::Error>, text: &str, outline: &Outline) -> Mistake {
    let path = error
        .path()
        .iter()
        .fold(Path::default(), |path, segment| match segment {
            Segment::Seq { index } => path.index(*index),
            Segment::Map { key } => path.key(key),
            Segment::Enum { .. } | Segment::Unknown => path,
        });
    let message = without_position(error.inner(), &path);
    if message.starts_with("unknown field ") {
        return unknown_key(&path, outline.key(&path), &message);
    }
    if let Some((complaint, place)) = syntax_error(&message) {
        return syntax::mistake(text, place, complaint);
    }
    let place = outline.value(&path);
    let name = name(&path);
    if let Some((pattern_error, offset)) = pattern_error(&message) {
        return in_pattern(place, &path, outline.scalar(&path), &pattern_error, offset);
    }
    let (message, help) = worded(&path, &name, outline.scalar(&path), &message);
    Mistake::error(place, message, help)
}

/// Removes what serde_yaml puts around a message: the path to the innermost list or map, and its position, which is not
/// precise enough.
fn without_position(error: &serde_yaml::Error, path: &Path) -> String {
    let mut text = error.to_string();
    if let Some(location) = error.location() {
        let position = format!(" at line {} column {}", location.line(), location.column());
        if let Some(rest) = text.strip_suffix(&position) {
            text.truncate(rest.len());
        }
    }
    let mut above = Some(path.clone());
    while let Some(path) = above {
        if let Some(rest) = text.strip_prefix(&format!("{path}: ")) {
            return rest.to_owned();
        }
        above = path.parent();
    }
    text
}

/// A mistake that libyaml finds and the parser of [`Outline`] does not. They differ about `[::1]`, for example.
fn syntax_error(message: &str) -> Option<(&str, Place)> {
    // A message that quotes a value is about that value.
    if message.contains(['`', '"']) {
        return None;
    }
    let (complaint, position) = message.split_once(" at line ")?;
    let (line, rest) = position.split_once(" column ")?;
    let column = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    let place = Place {
        line: line.parse().ok()?,
        column: column.parse().ok()?,
        width: 1,
    };
    Some((complaint, place))
}

fn unknown_key(path: &Path, place: Place, message: &str) -> Mistake {
    let key = path.last_key().unwrap_or_default();
    let parent = path.parent().unwrap_or_default();
    let of = if parent == Path::default() {
        String::new()
    } else {
        format!(" in `{parent}`")
    };
    let known = expected_words(message);
    let help = match (nearest(key, &known), keys::sections_with(key)) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, Some((section, false))) => {
            format!("use `{key}` in `{section}:`, indented below it")
        }
        (None, Some((section, true))) => {
            format!("use `{key}` in an entry of `{section}:`; each entry begins with `- `")
        }
        (None, None) => format!("expected one of {}", known.join(", ")),
    };
    Mistake::error(place, format!("unknown key `{key}`{of}"), help)
}

fn name(path: &Path) -> String {
    match path.to_string() {
        top if top.is_empty() => "the whole file".to_owned(),
        path => format!("`{path}`"),
    }
}

fn worded(path: &Path, name: &str, scalar: Option<&str>, message: &str) -> (String, String) {
    let advice = ADVICE.iter().filter_map(|begin| message.find(begin)).min();
    if let Some((wrong, advice)) = advice.and_then(|at| message.split_at_checked(at)) {
        let advice = advice.trim_start_matches("; ");
        return (format!("{name}: {wrong}"), advice.to_owned());
    }
    if message.starts_with("unknown variant ") {
        let word = scalar.unwrap_or_default();
        let known = expected_words(message);
        let help = match nearest(word, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.len() == 1 => {
                format!("expected {}, and nothing else", known.join(""))
            }
            None => format!("expected one of {}", known.join(", ")),
        };
        let wrong = if word.is_empty() {
            format!("{name} is empty")
        } else {
            format!("{name} can't be `{word}`")
        };
        return (wrong, help);
    }
    if let Some(key) = message
        .strip_prefix("missing field ")
        .map(|rest| rest.trim_matches('`'))
    {
        return (
            format!("{name} has no `{key}`"),
            format!("add `{key}: ...`"),
        );
    }
    if message == "invalid IPv4 address syntax" {
        return (
            format!("{name} can't be `{}`", scalar.unwrap_or_default()),
            format!("expected {CODE}"),
        );
    }
    let problem = message
        .strip_prefix("invalid type: ")
        .or(message.strip_prefix("invalid value: "));
    if let Some((found, expected)) = problem.and_then(|rest| rest.rsplit_once(", expected ")) {
        return (
            format!("{name} is {}", found_words(found)),
            format!("expected {}", expected_text(path, expected)),
        );
    }
    (
        format!("{name}: {message}"),
        "see this key in milter.yaml(5)".to_owned(),
    )
}

fn found_words(found: &str) -> String {
    match found {
        "unit value" | "string \"\"" => "empty".to_owned(),
        "sequence" => "a list".to_owned(),
        "map" => "a map of keys".to_owned(),
        other => match other.split_once(' ') {
            Some(("string", text)) => format!("the text {text}"),
            Some(("integer", number)) => format!("the number {number}"),
            Some(("boolean", word)) => word.to_owned(),
            Some(("floating", number)) => {
                format!("the number {}", number.trim_start_matches("point "))
            }
            _ => other.to_owned(),
        },
    }
}

fn expected_text<'a>(path: &Path, expected: &'a str) -> &'a str {
    match expected {
        "a sequence" => match path.last_key() {
            Some("dnsbl") => {
                "a list with one entry per line, each after `- `: {zone: ips.backscatterer.org, action: tag}"
            }
            Some("headers") => {
                "a list with one entry per line, each after `- `: {header: Subject, match: 'casino|lottery', action: tag}"
            }
            _ => "a list: [one, two], or one item per line, each after `- `",
        },
        "a boolean" => "true or false",
        "u64" | "u32" => "a whole number",
        "a string" | "path string" => "a single value",
        "IPv4 address" => CODE,
        "a YAML tag starting with '!'" => match path.last_key() {
            Some("action") => "a single word, with `monitor: true` beside it",
            _ => "a single word",
        },
        "a map" => keys_below(path),
        _ if expected.starts_with("struct ") => keys_below(path),
        other => other,
    }
}

fn keys_below(path: &Path) -> &'static str {
    let list = path.parent().unwrap_or_default();
    match (path.last_key(), list.last_key()) {
        (Some("catch_all" | "unknown"), _) => "{mail: accept, bounces: reject}",
        (None, Some("known")) => {
            "{addresses: [info, sales]}, {file: PATH}, {postfix_map: PATH}, {sql: {...}} or {ldap: {...}}"
        }
        (None, Some("domains")) => {
            "example.org, {file: PATH}, {postfix_map: PATH}, {sql: {...}} or {ldap: {...}}"
        }
        (Some("ldap"), _) if path.steps().first() == Some(&Step::Key("local".to_owned())) => {
            "{url: ..., base: ..., filter: ..., attribute: ...}"
        }
        (Some("sql"), _) => "{url: ..., query: ...}",
        (Some("ldap"), _) => "{url: ..., base: ..., filter: ...}",
        (None, Some("rules")) => "{match: 'shop-[a-z0-9]+', bounces: reject}",
        (None, Some("recipients")) => "{domain: example.org, ...}",
        (None, Some("dnsbl")) => "{zone: ips.backscatterer.org, action: tag}",
        (None, Some("headers")) => "{header: Subject, match: 'casino|lottery', action: tag}",
        _ => {
            "keys with values, one per line, indented below it: `key: value`, with a space after the colon"
        }
    }
}

/// The words in backticks after `expected`.
pub(super) fn expected_words(message: &str) -> Vec<&str> {
    let expected = message
        .rsplit_once(", expected ")
        .map_or("", |(_, expected)| expected);
    expected.split('`').skip(1).step_by(2).collect()
}

/// The known word that was probably intended.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace('-', "_");
    let word = plain(word);
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&word, &plain(known)), *known))
        .filter(|(distance, known)| *distance <= (known.len() / 3).max(1))
        .min()
        .map(|(_, known)| known)
}

/// What the regex crate says, and the offset in the pattern. It shows the pattern indented by four, then a mark.
fn pattern_error(message: &str) -> Option<(String, Option<usize>)> {
    if message.starts_with("Compiled regex exceeds size limit") {
        return Some(("it is too large".to_owned(), None));
    }
    let rest = message.strip_prefix("regex parse error:\n")?;
    let (shown, error) = rest.rsplit_once("error: ")?;
    let offset = shown
        .lines()
        .nth(1)
        .and_then(|marks| marks.find('^'))
        .and_then(|at| at.checked_sub(4));
    Some((error.trim().to_owned(), offset))
}

fn in_pattern(
    place: Place,
    path: &Path,
    pattern: Option<&str>,
    error: &str,
    offset: Option<usize>,
) -> Mistake {
    let length = pattern.map_or(0, |pattern| pattern.chars().count());
    // The place is as wide as the pattern, or two wider with quotes. Any wider, and it has escapes.
    let place = match (offset, place.width.checked_sub(length)) {
        (Some(offset), Some(quotes @ (0 | 2))) => Place {
            column: place.column + quotes / 2 + offset,
            width: 1,
            ..place
        },
        _ => place,
    };
    let expected = match path.steps().first() {
        Some(Step::Key(section)) if section == "headers" => {
            "a regular expression for any part of the header's value, such as 'casino|lottery'"
        }
        _ => "a regular expression for the whole local part, such as 'shop-[a-z0-9]+'",
    };
    Mistake::error(
        place,
        format!("the pattern `{path}` is not valid: {error}"),
        format!(
            "expected {expected}; put a backslash before a special character that stands for itself"
        ),
    )
}
