//! What YAML itself trips over, in an administrator's words.

use super::diagnostic::{Mistake, Place};

/// Refuses characters that can't be seen: the two YAML parsers read some of them differently.
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
                        "an invisible character (U+{:04X}) stands here",
                        u32::from(c)
                    ),
                    "type the line again; such characters come with text pasted from elsewhere",
                ));
            }
        }
    }
    None
}

/// Translates the parser's complaint.
pub(super) fn mistake(text: &str, place: Place, complaint: &str) -> Mistake {
    if let Some(tab) = tab_in_indentation(text, place.line) {
        return Mistake::error(
            tab,
            "a tab stands in the indentation",
            "YAML wants blanks there; two for each level",
        );
    }
    if complaint.contains("anchor") {
        return alias(place);
    }
    let help = HELP
        .iter()
        .find(|(part, _)| complaint.contains(part))
        .map_or(
            "what stands before it is one level of keys; lines of one level begin in the same column",
            |(_, help)| help,
        );
    Mistake::error(place, format!("not YAML: {complaint}"), help)
}

/// The most likely alias in such a file is none: a name with a star.
pub(super) fn alias(place: Place) -> Mistake {
    Mistake::error(
        place,
        "YAML reads a word that begins with `*` as an alias, and aliases are not taken",
        "for all names below a domain write `.example.org`; a text that begins with `*` stands in 'quotes'",
    )
}

/// What the complaint says, and the mend; the first that fits.
const HELP: &[(&str, &str)] = &[
    (
        "escape",
        "in \"double quotes\" a backslash begins an escape; put patterns in 'single quotes'",
    ),
    (
        "unexpected character: `@'",
        "a text that begins with @ stands in quotes: '@example.org'",
    ),
    (
        "unexpected character",
        "a text that begins with this character stands in 'quotes'",
    ),
    (
        "quoted scalar, found unexpected end",
        "the closing quote is missing",
    ),
    (
        "invalid indentation in quoted scalar",
        "the closing quote is missing",
    ),
    (
        "node content",
        "a text that begins with a colon, such as an IPv6 address, stands in quotes within [brackets]: \"::1\"",
    ),
    (
        "after double-quoted scalar",
        "nothing may follow the closing quote; a quote within the text is written \\\"",
    ),
    (
        "mapping values are not allowed",
        "a text with a colon and a blank in it stands in 'quotes'; so does one with a colon at its end",
    ),
    (
        "illegal placement of ':'",
        "look for a bracket that is not closed above; within brackets, a text with colons in it stands in quotes: \"::1\"",
    ),
    (
        "flow sequence",
        "a list in brackets has commas between its items, and a closing `]`",
    ),
    (
        "flow mapping",
        "a map in braces has commas between its keys, and a closing `}`",
    ),
    (
        "tab",
        "YAML wants blanks, not tabs, before the first word of a line",
    ),
    (
        "simple key expect",
        "a key is followed by a colon and a blank: `key: value`",
    ),
    (
        "block sequence entries",
        "`- ` begins a list item on a line of its own, below its key",
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
