//! Which keys the file has, and where. No list is kept of them: serde is asked, with a key that nobody knows.

use serde::Deserialize;

use super::{file::File, wording};

/// The keys that may stand below a path, such as `["spf", "helo"]`; `[]` steps into a list. None where there are no
/// keys.
pub(super) fn keys_at(path: &[&str]) -> Vec<String> {
    let probe = path
        .iter()
        .rev()
        .fold("{'?': 0}".to_owned(), |inner, step| match *step {
            "[]" => format!("[{inner}]"),
            key => format!("{{'{key}': {inner}}}"),
        });
    match File::deserialize(serde_yaml::Deserializer::from_str(&probe)) {
        Ok(_) => Vec::new(),
        Err(error) => {
            let text = error.to_string();
            if text.contains("unknown field `?`") {
                wording::expected_words(&text)
                    .into_iter()
                    .map(str::to_owned)
                    .collect()
            } else {
                Vec::new()
            }
        }
    }
}

/// The section that has this key, if just one has; and whether its entries have it, because it is a list.
pub(super) fn sections_with(key: &str) -> Option<(String, bool)> {
    let has = |place: &[&str]| keys_at(place).iter().any(|known| known == key);
    let mut sections = keys_at(&[]).into_iter().filter_map(|section| {
        if has(&[&section]) {
            Some((section, false))
        } else {
            has(&[&section, "[]"]).then_some((section, true))
        }
    });
    let only = sections.next()?;
    sections.next().is_none().then_some(only)
}
