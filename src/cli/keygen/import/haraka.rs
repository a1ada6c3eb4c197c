//! `bounce.ini` of Haraka's plugin `bounce`.

use std::path::Path;

use super::{Found, Marks, days, lines};
use crate::core::proof::imported::Algorithm;

/// Haraka signs with no shorter one, in characters.
const MIN_SECRET: usize = 32;
/// `max_hash_age_days` where nothing is said.
const LIFETIME: u64 = 6;

pub(super) fn read(path: &Path) -> Result<Found, String> {
    let (mut section, mut secret) = (String::new(), None);
    let (mut algorithm, mut lifetime) = (Algorithm::Sha256, LIFETIME);
    for (number, line) in lines(path)? {
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'))
        {
            name.trim().clone_into(&mut section);
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| section == "validation") else {
            continue;
        };
        let value = value.trim();
        let wrong = |expected: &str| {
            let key = key.trim();
            let file = path.display();
            format!("{file}, line {number}: `{key}` can't be imported; expected {expected}")
        };
        match key.trim() {
            "secret" => {
                let long = value.chars().count() >= MIN_SECRET;
                secret = Some(long.then(|| value.to_owned()).ok_or_else(|| {
                    wrong("a secret of 32 characters or more: Haraka signs with no shorter one")
                })?);
            }
            "hash_algorithm" => {
                algorithm = value
                    .parse()
                    .map_err(|_| wrong("sha1, sha256, sha384 or sha512"))?;
            }
            "max_hash_age_days" => {
                lifetime = days(value).ok_or_else(|| wrong("1 to 999 days"))?;
            }
            _ => {}
        }
    }
    let secret = secret.ok_or_else(|| {
        format!(
            "{} has no secret; expected config/bounce.ini of Haraka, with `secret=` in [validation]",
            path.display()
        )
    })?;
    Ok(Found {
        keys: vec![(Marks::Haraka { algorithm }, secret.into_bytes())],
        lifetime,
        delimiter: None,
    })
}
