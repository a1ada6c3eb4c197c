//! Warns of actions that lose mail, or that refuse mail for no fault of its sender. Which places take an action, serde says:
//! what is dangerous in one of them is dangerous in all, and a new key is one of them without a list.

use serde::{
    Deserialize,
    de::value::{Error, StrDeserializer},
};

use super::{diagnostic::Mistake, keys, outline::Outline, path::Path};
use crate::core::verdict::Action;

/// The warnings about the actions that the file writes. No default is one that it warns of.
pub(super) fn check(outline: &Outline) -> Vec<Mistake> {
    let warnings = outline.scalars().into_iter().filter_map(|(path, text)| {
        let action = Action::deserialize(StrDeserializer::<Error>::new(text)).ok()?;
        let path = short_form(path);
        let (message, help) = doubt(&path, action)?;
        let is_rule = keys::takes_action(&path);
        is_rule.then(|| Mistake::warning(outline.value(&path), message, help))
    });
    warnings.collect()
}

/// The key of a rule in its long form, `{action: ..., monitor: ...}`.
fn short_form(path: Path) -> Path {
    let rule = path.parent().filter(|_| path.last_key() == Some("action"));
    rule.filter(keys::takes_action).unwrap_or(path)
}

/// The warning about this action in this place.
fn doubt(path: &Path, action: Action) -> Option<(String, &'static str)> {
    let of_all_domains = ["helo", "mail_from"]
        .map(|identity| Path::of(&["spf", identity, "none"]))
        .contains(path);
    match action {
        Action::Reject | Action::Discard | Action::Quarantine
            if path.last_key() == Some("temperror") =>
        {
            Some((
                format!(
                    "`{path}` is `{action}`, but becomes `tempfail`: without an answer of DNS no mail is refused"
                ),
                "use `tempfail` to have the mail sent again later, or `tag` to accept it",
            ))
        }
        Action::Discard => Some((
            format!("`{path}` throws mail away without notice"),
            "use `reject` to notify honest senders, or `quarantine` to look at the mail first",
        )),
        Action::Reject if of_all_domains => Some((
            format!("`{path}` refuses the mail of every domain that publishes no SPF"),
            "use `accept` or `tag`; many honest domains publish none",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        file::File,
        keys::keys_at,
        parse,
        shipped::{PLACES, set},
    };

    /// The other keys that entries of lists need.
    const NEEDED: &str = "local: {domains: [example.org]}\n\
        null_sender: {never_send: {addresses: [noreply]}}\n\
        recipients: [{domain: example.org, known: [{addresses: [a]}], rules: [{match: x}]}]\n\
        dnsbl: [{zone: ips.backscatterer.org}]\n\
        headers: [{header: Subject, match: x, action: tag}]\n";

    /// Every key that takes an action, whatever its type: serde says so when it gets another word.
    fn places_of_rules() -> Vec<Vec<String>> {
        let mut found = Vec::new();
        for place in PLACES {
            for key in keys_at(place) {
                let at = [*place, &[key.as_str()]].concat();
                let probe =
                    at.iter()
                        .rev()
                        .fold("no_action".to_owned(), |inner, step| match *step {
                            "[]" => format!("[{inner}]"),
                            key => format!("{{'{key}': {inner}}}"),
                        });
                let wrong = File::deserialize(serde_yaml::Deserializer::from_str(&probe));
                let wrong = wrong.map_or_else(|wrong| wrong.to_string(), |_| String::new());
                if wrong.contains("expected one of `accept`, `tag`") {
                    found.push(at.into_iter().map(str::to_owned).collect());
                }
            }
        }
        found
    }

    /// The place in a file with one entry in each list, as a message writes it.
    fn written(place: &[String]) -> String {
        place.join(".").replace(".[]", "[0]")
    }

    fn warnings(place: &[String], answer: &str) -> Vec<String> {
        let mut file = serde_yaml::from_str(NEEDED).unwrap();
        set(&mut file, place, serde_yaml::from_str(answer).unwrap());
        let text = serde_yaml::to_string(&file).unwrap();
        let config = parse("m.yaml".as_ref(), &text).unwrap_or_else(|wrong| panic!("{wrong}"));
        let about = format!("`{}`", written(place));
        let messages = config.warnings.into_iter().map(|warning| warning.message);
        messages.filter(|text| text.starts_with(&about)).collect()
    }

    #[test]
    fn a_warning_says_where_mail_is_thrown_away() {
        let places = places_of_rules();
        assert!(places.len() > 30, "{places:?}");
        for place in &places {
            let of_entry = place.last().is_some_and(|key| key == "action");
            let long = (!of_entry).then_some("{action: discard, monitor: true}");
            for answer in ["discard"].into_iter().chain(long) {
                let says = match place.last().map(String::as_str) {
                    Some("temperror") => "is `discard`, but becomes",
                    _ => "throws mail away",
                };
                let warnings = warnings(place, answer);
                let shown = warnings.iter().filter(|text| text.contains(says));
                assert_eq!(shown.count(), 1, "{place:?}: {warnings:?}");
            }
            // Other warnings about a place are about something else.
            for action in Action::ALL
                .into_iter()
                .filter(|action| *action != Action::Discard)
            {
                let warnings = warnings(place, action.as_str());
                let shown = warnings
                    .iter()
                    .any(|text| text.contains("throws mail away"));
                assert!(!shown, "{place:?} {action}: {warnings:?}");
            }
        }
    }
}
