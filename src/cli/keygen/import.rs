//! `backstop keygen --import`: reads what another program signed its mail with.

mod batv_milter;
mod haraka;
mod mail_scanner;

use std::{fs, fs::File, io::Read, path::Path};

use crate::core::proof::{
    DAYS_AHEAD, ImportedKey,
    imported::{Marks, Program},
};

/// The largest file that is read, in octets.
const MAX_FILE: u64 = 1 << 20;
/// How long tags of Exim count, in days.
const EXIM_LIFETIME: u64 = 7;
/// The longest lifetime that is read, in days; a program that says more is misread.
const MAX_LIFETIME: u64 = 999;

/// What a configuration says of its program's marks.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    keys: Vec<(Marks, Vec<u8>)>,
    /// How long the marks count, in days.
    lifetime: u64,
    /// What `local.recipient_delimiter` must have.
    delimiter: Option<char>,
}

/// The keys that a program has, and the last day for them.
#[derive(Debug)]
pub(super) struct Imported {
    pub(super) keys: Vec<ImportedKey>,
    pub(super) delimiter: Option<char>,
}

/// Reads the keys of a program from its own file. `digit` is that of Exim's key. They verify until the last mark that is
/// made today has ended, or until a later day.
///
/// # Errors
/// For people: a file that can't be read or has no key; arguments that do not fit.
pub(super) fn read(
    program: Program,
    from: &Path,
    digit: Option<u8>,
    until: Option<u64>,
    today: u64,
) -> Result<Imported, String> {
    if let Some(digit) = digit.filter(|_| program != Program::Exim) {
        return Err(format!(
            "--id {digit} is the key number of Exim's prvs; {program} has none"
        ));
    }
    let Found {
        keys,
        lifetime,
        delimiter,
    } = match program {
        Program::BatvMilter => batv_milter::read(from)?,
        Program::Exim => exim(from, digit.unwrap_or_default())?,
        Program::MailScanner => mail_scanner::read(from)?,
        Program::Haraka => haraka::read(from)?,
    };
    let earliest = today + lifetime + DAYS_AHEAD;
    let ends = match until {
        None => earliest,
        Some(day) if day < earliest => {
            let earliest = crate::core::proof::date(earliest);
            return Err(format!(
                "--until is before {earliest}, when the last mark of today ends; use {earliest} or a later day"
            ));
        }
        Some(day) => day,
    };
    let keys = keys.into_iter().map(|(marks, secret)| {
        ImportedKey::new(marks, today, ends, &secret)
            .map_err(|why| format!("{}: {why}", from.display()))
    });
    Ok(Imported {
        keys: keys.collect::<Result<_, _>>()?,
        delimiter,
    })
}

/// Exim has its secret anywhere in its configuration: the file is the secret alone.
fn exim(path: &Path, digit: u8) -> Result<Found, String> {
    let bytes = octets(path)?;
    let secret = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
    if secret.is_empty() || secret.iter().any(|byte| b"\r\n\0".contains(byte)) {
        return Err(format!(
            "{}: expected one line, the secret of `${{prvs{{ADDRESS}}{{SECRET}}{{NUMBER}}}}` as Exim expands it",
            path.display()
        ));
    }
    Ok(Found {
        keys: vec![(Marks::Exim { digit }, secret.to_vec())],
        lifetime: EXIM_LIFETIME,
        delimiter: None,
    })
}

/// The octets of a file, which may be `/dev/null`.
fn octets(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let unreadable = |error| format!("{shown} can't be read: {error}");
    // To open a pipe waits for its writer.
    let kind = fs::metadata(path).map_err(unreadable)?.file_type();
    if !kind.is_file() && path != Path::new("/dev/null") {
        return Err(format!("{shown} can't be read: it is not a regular file"));
    }
    let mut octets = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    let read = file.take(MAX_FILE + 1).read_to_end(&mut octets);
    read.map_err(unreadable)?;
    if octets.len() as u64 > MAX_FILE {
        return Err(format!(
            "{shown} is larger than a megabyte: it is no such file"
        ));
    }
    Ok(octets)
}

/// A text file's lines with their numbers, without blanks at their ends.
fn lines(path: &Path) -> Result<Vec<(usize, String)>, String> {
    let text = String::from_utf8(octets(path)?)
        .map_err(|_| format!("{} is not UTF-8 text", path.display()))?;
    let lines = text.lines().enumerate();
    let lines = lines.map(|(at, line)| (at + 1, line.trim().to_owned()));
    Ok(lines.collect())
}

/// A lifetime in days.
fn days(text: &str) -> Option<u64> {
    let days = text.parse().ok()?;
    (1..=MAX_LIFETIME).contains(&days).then_some(days)
}

#[cfg(test)]
mod tests;
