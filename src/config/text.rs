//! Reads the text of the file, up to a maximum size.

use std::{fs::File, io::Read, path::Path};

use super::diagnostic::{Mistake, Place, Severity};

/// The file is read into memory. Nobody writes a larger one by hand, and lists of recipients are separate files.
const MAX_FILE: u64 = 1 << 20;

/// Reads the file. A mistake comes with the text that can be shown.
pub(super) fn of(path: &Path) -> Result<String, (Mistake, String)> {
    let whole_file = |message: String, help: &str| {
        let mistake = Mistake {
            severity: Severity::Error,
            place: None,
            message,
            help: help.to_owned(),
        };
        (mistake, String::new())
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            whole_file(
                format!("the file can't be read: {error}"),
                "use --config FILE for another file, or run this as a user who can read it",
            )
        })?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(whole_file(
            "the file is larger than a megabyte".to_owned(),
            "use separate files for long lists of recipients: known: [{file: PATH}]",
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        (not_utf8(&text), text)
    })
}

/// The first replacement character is the first wrong byte, unless the file itself has one before it.
fn not_utf8(text: &str) -> Mistake {
    let good = text
        .split(char::REPLACEMENT_CHARACTER)
        .next()
        .unwrap_or_default();
    let last_line = good.rsplit('\n').next().unwrap_or_default();
    let place = Place {
        line: good.matches('\n').count() + 1,
        column: last_line.chars().count() + 1,
        width: 1,
    };
    Mistake::error(
        place,
        "this byte is not UTF-8",
        "save the file as UTF-8, for example with `iconv -f latin1 -t utf-8 OLD > NEW`",
    )
}
