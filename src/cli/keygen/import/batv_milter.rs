//! The configuration of batv-milter (batv-tools): it names maps, and those name the files of the keys.

use std::path::{Path, PathBuf};

use super::{Found, Marks, days, lines, octets};
use crate::core::pattern::AddressPattern;

/// How deep files include others, and how many there are in all: a loop must end.
const MAX_FILES: usize = 100;
/// The lifetime of a tag, in days, where nothing is said.
const LIFETIME: u64 = 7;

#[derive(Default)]
struct Settings {
    maps: Vec<PathBuf>,
    lifetime: Option<u64>,
    delimiter: Option<char>,
    files: usize,
}

pub(super) fn read(path: &Path) -> Result<Found, String> {
    let mut settings = Settings::default();
    settings.read(path)?;
    if settings.maps.is_empty() {
        return Err(format!(
            "{} names no key map; expected batv-milter.conf, with a line such as `key-map /etc/batv-keys.conf`",
            path.display()
        ));
    }
    let mut keys: Vec<(Marks, Vec<u8>)> = Vec::new();
    for map in &settings.maps {
        for (number, line) in lines(map)? {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: &str| format!("{}, line {number}: {what}", map.display());
            let (address, file) = line
                .split_once(char::is_whitespace)
                .ok_or_else(|| wrong("expected an address or @domain, and the path of its key"))?;
            let signs = signs(address).ok_or_else(|| {
                wrong(&format!(
                    "`{address}` is not an address such as joe@example.org or @example.org"
                ))
            })?;
            let secret = octets(Path::new(file.trim_start()))?;
            let marks = Marks::BatvMilter { signs };
            // The last line of an address counts; an empty key signs nothing.
            keys.retain(|(other, _)| *other != marks);
            if !secret.is_empty() {
                keys.push((marks, secret));
            }
        }
    }
    if keys.is_empty() {
        return Err(format!("{} has no key", path.display()));
    }
    Ok(Found {
        keys,
        lifetime: settings.lifetime.unwrap_or(LIFETIME),
        delimiter: settings.delimiter,
    })
}

fn signs(address: &str) -> Option<AddressPattern> {
    let pattern = address.parse().ok()?;
    let is_whole = matches!(
        pattern,
        AddressPattern::Mailbox(..) | AddressPattern::Domain(_)
    );
    (is_whole && address.is_ascii()).then_some(pattern)
}

impl Settings {
    fn read(&mut self, path: &Path) -> Result<(), String> {
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(format!("{} includes itself", path.display()));
        }
        for (number, line) in lines(path)? {
            let (option, value) = line
                .split_once(char::is_whitespace)
                .unwrap_or((line.as_str(), ""));
            let value = value.trim_start();
            match option {
                "config" => self.read(Path::new(value))?,
                "key-map" => self.maps.push(value.into()),
                "lifetime" => {
                    let days = days(value).ok_or_else(|| {
                        format!(
                            "{}, line {number}: `{value}` is not a lifetime; expected 1 to 999 days",
                            path.display()
                        )
                    })?;
                    self.lifetime = Some(days);
                }
                "sub-address-delimiter" => self.delimiter = value.chars().next(),
                _ => {}
            }
        }
        Ok(())
    }
}
