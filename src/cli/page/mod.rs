//! What all HTML pages share. They load nothing, run no script, and escape all text from outside.

pub(super) mod chart;

use std::{fs, io::Write, path::Path};

use data_encoding::BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

const STYLE: &str = include_str!("style.css");

/// What a page may do, as its Content-Security-Policy says: load nothing except its own style.
pub(super) fn policy() -> String {
    let style = BASE64.encode(&Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'")
}

/// A page with this title and content.
pub(super) fn page(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="generator" content={ "Backstop " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (content) } }
        }
    }
}

/// Writes the page to a temporary file, which then replaces the old one: a reader sees either of them complete.
///
/// # Errors
/// A file that can't be replaced, and errors of the system.
pub(super) fn write(page: &Markup, file: &Path) -> Result<(), String> {
    let failed =
        |error: &dyn std::fmt::Display| format!("{} can't be written: {error}", file.display());
    if let Ok(there) = fs::symlink_metadata(file)
        && !there.is_file()
    {
        return Err(failed(&"it is not a regular file; use another name"));
    }
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let written =
        NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).and_then(|mut written| {
            written.write_all(page.0.as_bytes())?;
            written.as_file().sync_all()?;
            Ok(written.persist(file)?)
        });
    written.map(drop).map_err(|error| failed(&error))
}

/// Words as the beginning of a sentence.
pub(super) fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// A number with commas between thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 3 == first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (12_345, "12,345"),
            (123_456, "123,456"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
