//! A file of tenants' rows as CSV (RFC 4180): a header line that names the columns, `domain` among them, then a line for each
//! domain.

use csv_core::{ReadRecordResult, Reader};
use memchr::memchr_iter;

use super::{TenantKey, file_row::FileRow, key::words, row::DOMAIN};
use crate::{core::printable::shortened, directory::cells::Cell};

/// How much of a name that is none is shown.
const SHOWN: usize = 60;

const NOT_UTF8: &str = "it is not UTF-8";

/// Reads the rows. The header line is the administrator's, and a mistake in it is the whole file's.
///
/// # Errors
/// Why it is no such file.
pub(super) fn rows(text: &[u8], allow: &[TenantKey]) -> Result<Vec<FileRow>, String> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    // The rest of the file would be one value, and its rows gone.
    if memchr_iter(b'"', text).count() % 2 == 1 {
        return Err(
            "a quotation mark is not closed; expected each `\"` in a value to be doubled"
                .to_owned(),
        );
    }
    let mut records = Records::of(text);
    let Some((_, header)) = records.next() else {
        return Err(
            "the file says nothing; expected a header line, such as domain,mode,unproven"
                .to_owned(),
        );
    };
    let columns = columns(&header, allow)?;
    Ok(records
        .map(|(line, values)| row(line, &values, &columns))
        .collect())
}

fn columns(header: &[Vec<u8>], allow: &[TenantKey]) -> Result<Vec<String>, String> {
    let mut columns: Vec<String> = Vec::new();
    for name in header {
        let text = String::from_utf8_lossy(name);
        let shown = shortened(name, SHOWN);
        let expected = || format!("expected domain and some of {}", words(allow));
        let name = match TenantKey::of_column(&text) {
            _ if text.eq_ignore_ascii_case(DOMAIN) => DOMAIN,
            Some(key) if allow.contains(&key) => key.as_str(),
            Some(_) => {
                let expected = expected();
                return Err(format!(
                    "line 1: tenants.allow does not name `{shown}`; {expected}"
                ));
            }
            // Spreadsheets write them, where a comma stands in numbers.
            None if header.len() == 1 && text.contains([';', '\t']) => {
                return Err(format!(
                    "line 1: `{shown}` is no key; expected commas between the columns (RFC 4180)"
                ));
            }
            None => return Err(format!("line 1: `{shown}` is no key; {}", expected())),
        };
        if columns.iter().any(|column| column == name) {
            return Err(format!("line 1: the column `{shown}` stands there twice"));
        }
        columns.push(name.to_owned());
    }
    if !columns.iter().any(|name| name == DOMAIN) {
        return Err(
            "line 1: there is no column `domain`; expected e.g. domain,mode,unproven".to_owned(),
        );
    }
    Ok(columns)
}

fn row(line: usize, values: &[Vec<u8>], columns: &[String]) -> FileRow {
    let mut row = FileRow::new(String::new(), line);
    if values.len() != columns.len() {
        row.mistake = Some((
            "it has more or fewer values than the header line",
            "one value for each column, those with a comma in \"quotation marks\"",
        ));
    }
    for (value, column) in values.iter().zip(columns) {
        match std::str::from_utf8(value) {
            Ok(text) if column == DOMAIN => text.clone_into(&mut row.domain),
            Ok("") => row.cells.push((column.clone(), Cell::Empty)),
            Ok(text) => row
                .cells
                .push((column.clone(), Cell::Text(text.to_owned()))),
            Err(_) => {
                row.mistake.get_or_insert((NOT_UTF8, "UTF-8"));
                if column == DOMAIN {
                    row.domain = String::from_utf8_lossy(value).into_owned();
                }
            }
        }
    }
    row
}

/// The records of a text, each with the line where it begins, and its values without the blanks around them.
struct Records<'a> {
    reader: Reader,
    rest: &'a [u8],
    line: usize,
    output: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> Records<'a> {
    fn of(text: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(),
            rest: text,
            line: 1,
            output: vec![0; 1 << 10],
            ends: vec![0; 16],
        }
    }

    /// Goes on by so many octets.
    fn skip(&mut self, octets: usize) {
        let (read, rest) = self
            .rest
            .split_at_checked(octets)
            .unwrap_or((self.rest, &[]));
        self.line += memchr_iter(b'\n', read).count();
        self.rest = rest;
    }
}

impl Iterator for Records<'_> {
    type Item = (usize, Vec<Vec<u8>>);

    fn next(&mut self) -> Option<Self::Item> {
        // Empty lines are none.
        let empty = self.rest.iter().take_while(|byte| b"\r\n".contains(byte));
        self.skip(empty.count());
        let line = self.line;
        let (mut written, mut fields) = (0, 0);
        loop {
            let output = self.output.get_mut(written..).unwrap_or_default();
            let ends = self.ends.get_mut(fields..).unwrap_or_default();
            let (result, read, more, ended) = self.reader.read_record(self.rest, output, ends);
            self.skip(read);
            (written, fields) = (written + more, fields + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.output.resize(self.output.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return None,
            }
        }
        let mut begin = 0;
        let ends = self.ends.iter().take(fields);
        let values = ends.map(|&end| {
            let value = self.output.get(begin..end).unwrap_or_default();
            begin = end;
            value.trim_ascii().to_vec()
        });
        Some((line, values.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW: [TenantKey; 3] = [
        TenantKey::Mode,
        TenantKey::CatchAll,
        TenantKey::SiegeUnproven,
    ];

    #[test]
    fn each_row_has_its_line() {
        let text = b"domain,mode,catch_all,siege.unproven\r\n\
            example.org,enforce,\"{mail: accept,\n bounces: reject}\",\r\n\
            \r\n\
            example.net , monitor,,\" reject\"\r\n\
            a.example,monitor\r\n\
            b.example,\xff,,\r\n";
        let found = rows(text, &ALLOW).unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|row| {
                let cells = row.cells.iter().filter_map(|(key, cell)| match cell {
                    Cell::Text(text) => Some(format!(" {key}={text:?}")),
                    _ => None,
                });
                let mistake = row.mistake.map(|(why, _)| why).unwrap_or_default();
                let cells: String = cells.collect();
                format!("{}:{}{cells} {mistake}", row.line, row.domain)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "2:example.org mode=\"enforce\" catch_all=\"{mail: accept,\\n bounces: reject}\" ",
                "5:example.net mode=\"monitor\" siege.unproven=\"reject\" ",
                "6:a.example mode=\"monitor\" it has more or fewer values than the header line",
                "7:b.example it is not UTF-8",
            ]
        );
    }

    #[test]
    fn the_header_line_is_the_whole_files() {
        for (text, says) in [
            ("", "says nothing"),
            ("mode\nenforce\n", "no column `domain`"),
            (
                "domain,modus\n",
                "`modus` is no key; expected domain and some of mode, catch_all",
            ),
            ("domain,unproven\n", "does not name `unproven`"),
            ("domain,mode,mode\n", "twice"),
            ("domain,mode,MODE\n", "`MODE` stands there twice"),
            ("domain;mode\na.example;enforce\n", "expected commas"),
            ("domain\tmode\na.example\tenforce\n", "expected commas"),
            (
                "domain,mode\na.example,\"enforce\nb.example,monitor\n",
                "not closed",
            ),
            ("domain,\u{1b}[31m\n", "`\\x1b[31m` is no key"),
        ] {
            let wrong = rows(text.as_bytes(), &ALLOW).err().unwrap_or_default();
            assert!(wrong.contains(says), "{text:?}: {wrong}");
        }
        assert!(rows(b"domain,mode\n", &ALLOW).unwrap().is_empty());
        // As a database exports them.
        let exported = b"DOMAIN,siege_unproven\nexample.org,reject\n";
        let exported = rows(exported, &ALLOW).unwrap();
        assert_eq!(exported[0].domain, "example.org");
        assert_eq!(exported[0].cells[0].0, "siege.unproven");
        assert_eq!(
            rows("\u{feff}domain\nexample.org\n".as_bytes(), &ALLOW)
                .unwrap()
                .len(),
            1
        );
    }

    proptest::proptest! {
        /// No octets make it panic, and a row is never longer than its header line.
        #[test]
        fn no_text_makes_it_panic(
            text in proptest::collection::vec(
                proptest::sample::select(vec!["domain", "mode", ",", "\"", "\n", "\r\n", "\r", "a.example", " ", "\u{feff}", "é"]),
                0..40,
            ),
            tail in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..20),
        ) {
            let text = [text.concat().into_bytes(), tail].concat();
            let whole = [b"domain,mode\n".to_vec(), text.clone()].concat();
            let _ = rows(&text, &ALLOW);
            for row in rows(&whole, &ALLOW).unwrap_or_default() {
                proptest::prop_assert!(row.cells.len() <= 1 && row.line >= 2);
            }
        }
    }
}
