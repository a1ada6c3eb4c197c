//! Translates syntax errors of YAML into an administrator's words.

use super::diagnostic::{Mistake, Place, Severity};

/// Rejects invisible characters: the two YAML parsers read some of them differently.
pub(super) fn invisible(text: &str) -> Option<Mistake> {
    for (number, line) in text.split('\n').enumerate() {
        let mut indenting = true;
        for (column, c) in line.chars().enumerate() {
            indenting &= c.is_whitespace();
            let hidden = match c {
                '\t' | '\r' => false,
                '\u{a0}' => indenting,
                '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => true,
                c => c.is_control(),
            };
            if hidden {
                let place = Place {
                    line: number + 1,
                    column: column + 1,
                    width: 1,
                };
                return Some(Mistake::error(
                    place,
                    format!(
                        "there is an invisible character (U+{:04X}) here",
                        u32::from(c)
                    ),
                    "type the line again; such characters come with pasted text",
                ));
            }
        }
    }
    None
}

/// Whether there is nothing but white space; a crash of the host can leave zeros in place of a text.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c == '\0')
}

/// The mistake of a file that says nothing. All defaults in its place would move the daemon to another port and stop it from
/// enforcing, because somebody's editor had not finished.
pub(super) fn nothing() -> Mistake {
    Mistake {
        severity: Severity::Error,
        place: None,
        message: "the file says nothing: it is empty, or has only comments".to_owned(),
        help: "if it was being written, try again when that is done; the smallest file is one line, `mode: monitor`, which \
               leaves every other key at its default"
            .to_owned(),
    }
}

/// Translates an error of the parser.
pub(super) fn mistake(text: &str, place: Place, complaint: &str) -> Mistake {
    if let Some(tab) = tab_in_indentation(text, place.line) {
        return Mistake::error(
            tab,
            "there is a tab in the indentation",
            "use spaces, two for each level",
        );
    }
    if complaint.contains("anchor") {
        return alias(place);
    }
    let within = place.within(text);
    let help = match within == place {
        false if complaint.contains(CONTENT) => "add the closing `]` or `}`",
        _ => HELP
            .iter()
            .find(|(part, _)| complaint.contains(part))
            .map_or(
                "check the indentation above: lines of one level begin in the same column",
                |(_, help)| help,
            ),
    };
    Mistake::error(within, format!("not YAML: {complaint}"), help)
}

/// An alias in such a file is probably a name with a star.
pub(super) fn alias(place: Place) -> Mistake {
    Mistake::error(
        place,
        "YAML reads a word that begins with `*` as an alias, and aliases are not supported",
        "use `.example.org` for all names below a domain; put a text that begins with `*` in 'quotes'",
    )
}

/// A part of the error where a value should be.
const CONTENT: &str = "node content";

/// A part of the error, and the fix. The first that matches is used.
const HELP: &[(&str, &str)] = &[
    (
        "escape",
        "use 'single quotes' for patterns; in \"double quotes\" a backslash begins an escape",
    ),
    (
        "unexpected character: `@'",
        "put a text that begins with @ in quotes: '@example.org'",
    ),
    (
        "unexpected character",
        "put a text that begins with this character in 'quotes'",
    ),
    (
        "quoted scalar, found unexpected end",
        "add the closing quote",
    ),
    (
        "invalid indentation in quoted scalar",
        "add the closing quote",
    ),
    (
        CONTENT,
        "put a text that begins with a colon, such as an IPv6 address, in quotes: \"::1\"",
    ),
    (
        "after double-quoted scalar",
        "remove the text after the closing quote; inside the text, write a quote as \\\"",
    ),
    (
        "mapping values are not allowed",
        "put a text with a colon before a space, or at its end, in 'quotes'",
    ),
    (
        "illegal placement of ':'",
        "close the bracket above; inside brackets, put a text with colons in quotes: \"::1\"",
    ),
    (
        "flow sequence",
        "use commas between the items of a list, and a closing `]`",
    ),
    (
        "flow mapping",
        "use commas between the keys of a map, and a closing `}`",
    ),
    (
        "tab",
        "use spaces, not tabs, before the first word of a line",
    ),
    (
        "simple key expect",
        "use a colon and a space after a key: `key: value`",
    ),
    (
        "block sequence entries",
        "put each list item on its own line below the key, after `- `",
    ),
];

fn tab_in_indentation(text: &str, line: usize) -> Option<Place> {
    let indentation = text
        .split('\n')
        .nth(line.checked_sub(1)?)?
        .chars()
        .take_while(|c| matches!(c, ' ' | '\t'))
        .collect::<Vec<_>>();
    let at = indentation.iter().position(|&c| c == '\t')?;
    Some(Place {
        line,
        column: at + 1,
        width: 1,
    })
}
