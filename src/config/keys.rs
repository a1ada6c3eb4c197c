//! Which keys the file has, and where. There is no list of them: we ask serde, with an unknown key.

use serde::{
    Deserialize,
    de::value::{Error, StrDeserializer},
};
use serde_yaml::{Mapping, Value};

use super::{
    file::File,
    path::{Path, Step},
    wording,
};
use crate::core::verdict::Action;

/// The keys that are allowed below a path, such as `["spf", "helo"]`; `[]` steps into a list. Empty where there are
/// none.
pub(crate) fn keys_at(path: &[&str]) -> Vec<String> {
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

/// The section with this key, if only one has it; and whether that is a list, whose entries have the key.
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

/// Whether an action can stand at this place: serde names the actions when it gets another word there.
pub(super) fn takes_action(path: &Path) -> bool {
    const NONE: &str = "no_action";
    let none = Value::from(NONE);
    let probe = path
        .steps()
        .iter()
        .rev()
        .fold(none, |inner, step| match step {
            Step::Index(_) => vec![inner].into(),
            Step::Key(key) => Mapping::from_iter([(key.as_str().into(), inner)]).into(),
        });
    let Err(no_action) = Action::deserialize(StrDeserializer::<Error>::new(NONE)) else {
        return false;
    };
    File::deserialize(probe).is_err_and(|wrong| wrong.to_string().contains(&no_action.to_string()))
}
