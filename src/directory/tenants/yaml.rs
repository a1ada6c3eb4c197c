//! A file of tenants' rows in YAML: a map of domains, each a map of keys. It is read row by row, so that one tenant's
//! mistake is that row's alone; only what is no YAML is the whole file's.

use std::mem;

use saphyr_parser::{Event, Marker, Parser, Span};

use super::file_row::FileRow;
use crate::directory::cells::Cell;

const NO_ROW: &str = "keys with values, such as {mode: enforce}";

/// Reads the rows.
///
/// # Errors
/// Why it is no such file.
pub(super) fn rows(text: &str) -> Result<Vec<FileRow>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        text,
        lines: line_starts(text),
        rows: Vec::new(),
        at: At::Begin,
        depth: 0,
    };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            format!("line {}: not YAML: {}", error.marker().line(), error.info())
        })?;
        reader.take(event, span)?;
    }
    match reader.at {
        At::Begin => {
            Err("the file says nothing; expected `{}` if no tenant has answers".to_owned())
        }
        _ => Ok(reader.rows),
    }
}

/// Where each line begins, in octets.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends = bytes.iter().enumerate().filter(|&(at, &byte)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    std::iter::once(0)
        .chain(ends.map(|(at, _)| at + 1))
        .collect()
}

/// What comes next.
enum At {
    /// The map of domains.
    Begin,
    /// A domain.
    Domain,
    /// The row of the last domain.
    Row,
    /// A key of it.
    Key,
    /// The value of a key in this line, which begins at this octet where it is a list or a map.
    Value(String, usize, Option<usize>),
    /// The end of something that has no place here.
    Skipped(Box<At>),
    /// The end of the file.
    End,
}

struct Reader<'a> {
    text: &'a str,
    lines: Vec<usize>,
    rows: Vec<FileRow>,
    at: At,
    /// How many lists and maps are open below the value or what is skipped.
    depth: usize,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), String> {
        let line = span.start.line();
        if matches!(
            event,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd
        ) {
            return Ok(());
        }
        if let Event::DocumentStart(_) = event {
            return match self.at {
                At::Begin => Ok(()),
                _ => Err(format!("line {line}: a second document begins here")),
            };
        }
        if is_decorated(&event) {
            self.mistake("it has an anchor, an alias or a tag", "plain values");
        }
        self.at = match (mem::replace(&mut self.at, At::End), event) {
            (At::Begin, Event::MappingStart(..)) => At::Domain,
            (At::Begin, Event::Scalar(text, ..)) if ["", "~", "null"].contains(&&*text) => {
                At::Begin
            }
            (At::Begin, _) => {
                return Err(format!(
                    "line {line}: expected domains with keys below, such as `example.org: {{mode: enforce}}`"
                ));
            }
            (At::Domain, Event::Scalar(text, ..)) => {
                self.rows.push(FileRow::new(text.into_owned(), line));
                At::Row
            }
            (At::Domain, Event::MappingEnd) => At::End,
            (At::Domain, _) => return Err(format!("line {line}: expected a domain")),
            (At::Row, Event::MappingStart(..)) => At::Key,
            (At::Row, Event::Scalar(text, ..)) if ["", "~", "null"].contains(&&*text) => At::Domain,
            (At::Row, Event::SequenceStart(..)) => {
                self.mistake("it is a list", NO_ROW);
                self.depth = 1;
                At::Skipped(Box::new(At::Domain))
            }
            (At::Row, _) => {
                self.mistake("it is one value", NO_ROW);
                At::Domain
            }
            (At::Key, Event::Scalar(key, ..)) => At::Value(key.into_owned(), span.end.line(), None),
            (At::Key, Event::MappingEnd) => At::Domain,
            // A key that is a list or a map: its value is a column without a name.
            (At::Key, Event::MappingStart(..) | Event::SequenceStart(..)) => {
                self.depth = 1;
                At::Skipped(Box::new(At::Value(String::new(), line, None)))
            }
            (At::Key, _) => At::Value(String::new(), line, None),
            (At::Value(key, _, None), Event::Scalar(text, style, ..)) => {
                let plain_nothing = ["", "~", "null"].contains(&&*text)
                    && style == saphyr_parser::ScalarStyle::Plain;
                let cell = match plain_nothing {
                    true => Cell::Empty,
                    false => Cell::Text(self.source(span.start, span.end)),
                };
                self.cell(key, cell);
                At::Key
            }
            (At::Value(key, above, None), Event::MappingStart(..) | Event::SequenceStart(..)) => {
                self.depth = 1;
                let start = self.start(above, span.start);
                At::Value(key, above, Some(start))
            }
            (At::Value(key, ..), _) if self.depth == 0 => {
                self.cell(key, Cell::Empty);
                At::Key
            }
            (At::Value(key, above, start), event) => {
                if self.is_open_after(&event) {
                    At::Value(key, above, start)
                } else {
                    let range = start.unwrap_or_default()..self.offset(span.end);
                    let text = self.text.get(range).unwrap_or_default().to_owned();
                    self.cell(key, Cell::Text(text));
                    At::Key
                }
            }
            (At::Skipped(next), event) => match self.is_open_after(&event) {
                true => At::Skipped(next),
                false => *next,
            },
            (At::End, _) => At::End,
        };
        Ok(())
    }

    fn is_open_after(&mut self, event: &Event<'_>) -> bool {
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => self.depth += 1,
            Event::MappingEnd | Event::SequenceEnd => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.depth > 0
    }

    fn cell(&mut self, key: String, cell: Cell) {
        if let Some(row) = self.rows.last_mut() {
            row.cells.push((key, cell));
        }
    }

    fn mistake(&mut self, why: &'static str, expected: &'static str) {
        if let Some(row) = self.rows.last_mut() {
            row.mistake.get_or_insert((why, expected));
        }
    }

    /// Where a list or a map begins whose key is in the line `above`: in the same line at its bracket, else with the line
    /// below, so that its lines keep their indentation.
    fn start(&self, above: usize, begins: Marker) -> usize {
        match begins.line() == above {
            true => self.offset(begins),
            false => self.lines.get(above).copied().unwrap_or(self.text.len()),
        }
    }

    /// The text of a single value. The blanks before it in its line come along, so that the lines below it keep their
    /// indentation.
    fn source(&self, start: Marker, end: Marker) -> String {
        let range = self.offset(start)..self.offset(end);
        let text = self.text.get(range).unwrap_or_default();
        match text.contains('\n') {
            true => " ".repeat(start.col()) + text,
            false => text.to_owned(),
        }
    }

    fn offset(&self, at: Marker) -> usize {
        let start = at
            .line()
            .checked_sub(1)
            .and_then(|line| self.lines.get(line));
        let start = start.copied().unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or_default();
        let column = rest.char_indices().nth(at.col());
        start + column.map_or(rest.len(), |(octets, _)| octets)
    }
}

/// An alias makes a small file large, and a tag is a type that we don't have.
fn is_decorated(event: &Event<'_>) -> bool {
    match event {
        Event::Alias(_) => true,
        Event::Scalar(_, _, anchor, tag) => *anchor != 0 || tag.is_some(),
        Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
            *anchor != 0 || tag.is_some()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_its_line_and_its_values_as_they_stand() {
        let text = "# answers\n\
            example.org:\n  mode: enforce # as agreed\n  catch_all:\n    mail: accept # all\n    bounces: reject\n\
            \x20 never_send:\n  - {match: 'n.*'}\n  - 'n ö'\n  unproven: ~\n\
            example.net: {mode: monitor, never_send: [a, b@example.net], unproven: {action: reject}}\n\
            'b.example': {}\nc.example:\nd.example: enforce\ne.example: [a, {b: c}]\n\
            example.org: {mode: &a enforce}\n";
        let found = rows(text).unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|row| {
                let cells = row.cells.iter().map(|(key, cell)| match cell {
                    Cell::Text(text) => {
                        let value: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
                        format!("{key}={}", serde_json::to_string(&value).unwrap())
                    }
                    other => format!("{key}={other:?}"),
                });
                let mistake = row.mistake.map(|(why, _)| why).unwrap_or_default();
                let cells = cells.collect::<Vec<_>>().join(" ");
                format!("{}:{} {cells}{mistake}", row.line, row.domain)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "2:example.org mode=\"enforce\" catch_all={\"mail\":\"accept\",\"bounces\":\"reject\"} \
                 never_send=[{\"match\":\"n.*\"},\"n ö\"] unproven=Empty",
                "11:example.net mode=\"monitor\" never_send=[\"a\",\"b@example.net\"] unproven={\"action\":\"reject\"}",
                "12:b.example ",
                "13:c.example ",
                "14:d.example it is one value",
                "15:e.example it is a list",
            ]
            .map(str::to_owned)
            .into_iter()
            .chain(["16:example.org mode=\"enforce\"it has an anchor, an alias or a tag".to_owned()])
            .collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_no_map_of_rows_is_no_file() {
        for (text, says) in [
            ("", "says nothing"),
            ("# nothing yet\n", "says nothing"),
            ("~\n", "says nothing"),
            ("- example.org\n", "line 1: expected domains"),
            ("example.org\n", "line 1: expected domains"),
            (
                "a.example: {mode: enforce}\nb.example: {mode: enforce\n",
                "not YAML",
            ),
            ("a.example: {}\n---\nb.example: {}\n", "second document"),
            ("? [a]\n: {}\n", "line 1: expected a domain"),
        ] {
            let wrong = rows(text).err().unwrap_or_default();
            assert!(wrong.contains(says), "{text:?}: {wrong}");
        }
        assert!(rows("{}\n").unwrap().is_empty());
    }

    proptest::proptest! {
        /// Each value of a row is a part of the text, and none makes it panic.
        #[test]
        fn no_text_makes_it_panic(
            text in "(a\\.example|: |:|\n|\r|\r\n|  |- |\\{|\\}|\\[|\\]|,|'|\"|mode|é|&a|\\*a|!t|\\||>-|\\? |#|~|---|\u{feff}|\u{85}){0,30}"
        ) {
            for row in rows(&text).unwrap_or_default() {
                for (_, cell) in row.cells {
                    if let Cell::Text(value) = cell {
                        proptest::prop_assert!(text.contains(value.trim_start()));
                    }
                }
            }
        }
    }
}
