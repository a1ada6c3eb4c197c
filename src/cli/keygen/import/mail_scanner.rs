//! `MailScanner.conf`, with the files that it includes and its variables.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{Found, MAX_LIFETIME, Marks, lines};
use crate::core::proof::{DAY, imported::is_header_name};

/// How many files are read in all.
const MAX_FILES: usize = 100;
/// How many octets a value with its variables can have: those can hold each other.
const MAX_VALUE: usize = 4096;
/// `Watermark Lifetime` where nothing is said, in seconds.
const LIFETIME: u64 = 7 * DAY;

pub(super) fn read(path: &Path) -> Result<Found, String> {
    let mut settings = Settings::default();
    settings.read(path)?;
    let file = path.display();
    let missing = |name: &str| {
        format!("{file} has no `{name}`; expected MailScanner.conf, where Use Watermarking is yes")
    };
    let secret = settings
        .value("watermarksecret")?
        .ok_or_else(|| missing("Watermark Secret"))?;
    let header = settings
        .value("watermarkheader")?
        .ok_or_else(|| missing("Watermark Header"))?;
    let header = header.trim_end_matches(':');
    if !is_header_name(header) {
        return Err(format!(
            "{file}: Watermark Header is `{header}`, which is not the name of a header"
        ));
    }
    let lifetime = match settings.value("watermarklifetime")? {
        None => LIFETIME,
        Some(seconds) => seconds
            .parse()
            .ok()
            .filter(|seconds| (1..=MAX_LIFETIME * DAY).contains(seconds))
            .ok_or_else(|| {
                format!("{file}: Watermark Lifetime is `{seconds}`; expected a number of seconds")
            })?,
    };
    let marks = Marks::MailScanner {
        header: header.to_owned(),
    };
    Ok(Found {
        keys: vec![(marks, secret.into_bytes())],
        lifetime: lifetime.div_ceil(DAY),
        delimiter: None,
    })
}

/// A value, and the line where it stands.
struct Value {
    text: String,
    place: String,
}

#[derive(Default)]
struct Settings {
    /// `%name%`, in lower case.
    variables: BTreeMap<String, String>,
    /// By name, of which letters and digits count, in lower case.
    values: BTreeMap<String, Value>,
    read: Vec<PathBuf>,
}

impl Settings {
    fn read(&mut self, path: &Path) -> Result<(), String> {
        if self.read.iter().any(|read| read == path) {
            return Ok(());
        }
        if self.read.len() >= MAX_FILES {
            let file = path.display();
            return Err(format!("{file}: more than {MAX_FILES} files are included"));
        }
        self.read.push(path.to_owned());
        for (number, line) in lines(path)? {
            let line = line.split('#').next().unwrap_or_default().trim();
            if let Some(pattern) = included(line) {
                for file in matching(Path::new(pattern)) {
                    self.read(&file)?;
                }
                continue;
            }
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            let place = format!("{}, line {number}", path.display());
            let text = self.with_variables(value.trim(), &place)?;
            let name = name.trim().to_ascii_lowercase();
            let variable = name
                .strip_prefix('%')
                .and_then(|name| name.strip_suffix('%'));
            match variable {
                Some(variable) => {
                    self.variables.insert(variable.to_owned(), text);
                }
                None => {
                    let is_kept = |letter: &char| letter.is_ascii_alphanumeric();
                    let name = name.chars().filter(is_kept).collect();
                    self.values.insert(name, Value { text, place });
                }
            }
        }
        Ok(())
    }

    /// The value with each `%name%` as it was set before; what was not is empty.
    fn with_variables(&self, value: &str, place: &str) -> Result<String, String> {
        let mut text = String::new();
        let mut rest = value;
        while let Some((before, behind)) = rest.split_once('%') {
            text.push_str(before);
            match behind.split_once('%').filter(|(name, _)| !name.is_empty()) {
                Some((name, behind)) => {
                    let set = self.variables.get(&name.to_ascii_lowercase());
                    text.push_str(set.map_or("", String::as_str));
                    rest = behind;
                }
                None => {
                    text.push('%');
                    rest = behind;
                }
            }
            if text.len() > MAX_VALUE {
                return Err(format!(
                    "{place}: the value is longer than {MAX_VALUE} octets"
                ));
            }
        }
        text.push_str(rest);
        Ok(text)
    }

    /// A value that stands for itself.
    fn value(&self, name: &str) -> Result<Option<String>, String> {
        let Some(Value { text, place }) = self.values.get(name) else {
            return Ok(None);
        };
        let wrong = |what: &str| {
            Err(format!(
                "{place}: {what}; write a file with `Watermark Secret = ...` and `Watermark Header = ...` as MailScanner \
                 used them, and import from that"
            ))
        };
        if text.starts_with('/') {
            return wrong("the value is a file with rules");
        }
        if text.contains('$') {
            return wrong("the value has a variable of MailScanner's environment");
        }
        if text.contains("\\n") {
            return wrong("the value has a line break");
        }
        Ok(Some(text.clone()).filter(|text| !text.is_empty()))
    }
}

/// What a line includes, which may be a pattern.
fn included(line: &str) -> Option<&str> {
    let (word, pattern) = line.split_once(char::is_whitespace)?;
    let includes = word.eq_ignore_ascii_case("include") && !pattern.contains('=');
    includes.then(|| pattern.trim())
}

/// The files of a pattern whose last part may have `*`, in the order of their names.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let Some(name) = pattern.file_name().and_then(|name| name.to_str()) else {
        return Vec::new();
    };
    if !name.contains('*') {
        return vec![pattern.to_owned()];
    }
    let folder = pattern.parent().unwrap_or(Path::new("."));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .filter(|entry| {
            let file = entry.file_name();
            let file = file.to_string_lossy();
            !file.starts_with('.') && matches(name, &file)
        })
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

/// Whether a name is the pattern's, in which `*` is any text.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some((_, behind)) = rest.split_once(part) else {
            return false;
        };
        rest = behind;
    }
    rest.ends_with(last)
}
