//! What is wrong with the file, where, and how to fix it: `file:line:column: error: ...`.

use std::{error, fmt};

use super::shown_line::{last_line, shown_line};

/// The longest text in characters. A value can be a megabyte long.
const MAX_TEXT: usize = 400;
/// How much of a line is shown around the mistake, in characters.
const WINDOW: usize = 100;

/// Whether the file can still be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It can't be used.
    Error,
    /// It can, but its author probably wants something else.
    Warning,
}

/// A place in the file: line and column count from 1, width and column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The first column.
    pub column: usize,
    /// How many columns it covers, at least 1.
    pub width: usize,
}

impl Place {
    /// This place, or the end of the last line if the file has no such line: what is missing there, the parser misses in a
    /// line behind it.
    pub(super) fn within(self, text: &str) -> Self {
        match last_line(text) {
            Some((number, last)) if number < self.line => Self {
                line: number,
                column: last.trim_end().chars().count() + 1,
                width: 1,
            },
            _ => self,
        }
    }
}

/// One mistake, without the name and the text of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub severity: Severity,
    pub place: Option<Place>,
    pub message: String,
    pub help: String,
}

impl Mistake {
    pub fn error(place: Place, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            place: Some(place),
            message: message.into(),
            help: help.into(),
        }
    }

    pub fn warning(place: Place, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(place, message, help)
        }
    }

    /// Adds the file that contains the mistake.
    pub fn found_in(self, file: &str, text: &str) -> Diagnostic {
        let place = self.place.map(|place| place.within(text));
        let line = place
            .map(|place| shown_line(text, place.line))
            .unwrap_or_default();
        Diagnostic {
            severity: self.severity,
            file: printable(file),
            place,
            line,
            message: printable(&self.message),
            help: printable(&self.help),
        }
    }
}

/// One mistake in the file. Its text has the place, the line with a mark under it, and the fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the file can still be used.
    pub severity: Severity,
    /// The file, as the caller named it.
    pub file: String,
    /// Where in it; none for the whole file.
    pub place: Option<Place>,
    line: String,
    /// What is wrong.
    pub message: String,
    /// What was expected, or what to use.
    pub help: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        match self.place {
            None => writeln!(f, "{}: {severity}: {}", self.file, self.message)?,
            Some(place) => {
                let Place { line, column, .. } = place;
                writeln!(
                    f,
                    "{}:{line}:{column}: {severity}: {}",
                    self.file, self.message
                )?;
                let (shown, indent, width) = window(&self.line, place);
                let gutter = line.to_string().len();
                writeln!(f, " {line} | {shown}")?;
                writeln!(f, " {:gutter$} | {:indent$}{}", "", "", "^".repeat(width),)?;
            }
        }
        write!(f, "help: {}", self.help)
    }
}

/// Everything that is wrong with the file, in the order of its lines; at least one error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, diagnostic) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl Diagnostics {
    /// The first error with its place and its fix, and how many more there are, for a log that is read line by line.
    pub fn in_one_line(&self) -> String {
        let mut errors = self.0.iter().filter(|one| one.severity == Severity::Error);
        let Some(first) = errors.next() else {
            return String::new();
        };
        let place = first
            .place
            .map_or_else(String::new, |at| format!("{}:{}:", at.line, at.column));
        let Diagnostic {
            file,
            message,
            help,
            ..
        } = first;
        let more = match errors.count() {
            0 => String::new(),
            1 => "; there is another mistake (`backstop check` shows all)".to_owned(),
            more => format!("; there are {more} other mistakes (`backstop check` shows all)"),
        };
        format!("{file}:{place} {message}; {help}{more}")
    }
}

impl error::Error for Diagnostics {}

/// The shown part of a line, and the column and width of the mark under it.
fn window(line: &str, place: Place) -> (String, usize, usize) {
    let first = place.column.saturating_sub(1);
    let skipped = if first < WINDOW {
        0
    } else {
        first - WINDOW / 2
    };
    let shown: String = line
        .chars()
        .skip(skipped)
        .take(WINDOW)
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() => '?',
            c => c,
        })
        .collect();
    let indent = first - skipped;
    let room = shown.chars().count().saturating_sub(indent).max(1);
    (shown, indent, place.width.clamp(1, room))
}

fn printable(text: &str) -> String {
    let mut shown = String::new();
    for (number, c) in text.chars().enumerate() {
        if number == MAX_TEXT {
            shown.push_str("...");
            break;
        }
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, line: usize, column: usize, width: usize) -> String {
        let place = Place {
            line,
            column,
            width,
        };
        Mistake::error(place, "wrong", "use x")
            .found_in("m.yaml", text)
            .to_string()
    }

    #[test]
    fn the_mark_stands_under_the_mistake() {
        assert_eq!(
            shown("a: 1\r\nmode: off\r\n", 2, 7, 3),
            "m.yaml:2:7: error: wrong\n 2 | mode: off\n   |       ^^^\nhelp: use x"
        );
    }

    #[test]
    fn long_lines_are_shown_in_part() {
        let long = format!("{}x{}", " ".repeat(500), "y".repeat(5000));
        let text = shown(&long, 1, 501, 9000);
        assert!(text.lines().all(|line| line.len() < 120), "{text}");
        assert!(text.contains(" | ") && text.contains('^'));
    }

    #[test]
    fn what_is_missing_behind_the_file_is_shown_at_its_end() {
        for (text, line, expected) in [
            ("", 1, "1:1"),
            ("", 7, "1:1"),
            ("?  ", 2, "1:2"),
            ("a: 1\n?\n", 2, "2:1"),
            ("a: 1\n?\n", 3, "2:2"),
            ("a: 1\r\n? \r\n", 3, "2:2"),
            ("a: 1\r?", 2, "2:1"),
            ("a: 1\r?", 3, "2:2"),
            ("a: 1\n\n", 3, "2:1"),
        ] {
            let shown = shown(text, line, 1, 1);
            let place = format!("m.yaml:{expected}: error");
            assert!(shown.starts_with(&place), "{text:?} {line}: {shown}");
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let text = shown("\u{1b}[31mred\u{7}", 1, 1, 1);
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{7}'),
            "{text:?}"
        );
    }
}
