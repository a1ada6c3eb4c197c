//! What the records of a selector are worth, for `backstop advise`.

use super::key::{PublicKey, Unusable, name};
use crate::{
    core::{
        address::Domain,
        advise::facts::{Answer, KeyState, UsableKey},
        proof::dkim::tags::Tags,
    },
    spf::Lookup,
};

/// What is published for a selector of a domain. A selector that can't be in a name has no key.
pub async fn published_key(
    selector: &str,
    domain: &Domain,
    lookup: &impl Lookup,
) -> Answer<KeyState> {
    match name(selector, domain) {
        Some(name) => Ok(key_state(&lookup.txt(name.as_str()).await?)),
        None => Ok(KeyState::Missing),
    }
}

/// What the TXT records of a selector are worth: the first that is a key counts.
pub fn key_state(records: &[Vec<u8>]) -> KeyState {
    let mut not_a_key = KeyState::Missing;
    for record in records {
        match PublicKey::parse(record) {
            Err(Unusable::NotAKey) => not_a_key = KeyState::Unusable(Unusable::NotAKey.why()),
            Err(Unusable::Revoked) => return KeyState::Revoked,
            Err(why) => return KeyState::Unusable(why.why()),
            Ok(key) => {
                let bits = key.public.p.public_key_bits();
                return KeyState::Usable(UsableKey {
                    rsa_bits: (!key.is_ed25519).then_some(bits),
                    testing: tests(record),
                    records: records.len(),
                    untested: untested(record),
                });
            }
        }
    }
    not_a_key
}

/// `t=y`, which is one of the flags there.
fn tests(record: &[u8]) -> bool {
    Tags::parse(record).is_some_and(|tags| tags.value("t").is_some() && tags.allows("t", &["y"]))
}

/// The record without `t=y`, which is a key still; none where it has no such flag.
fn untested(record: &[u8]) -> Option<String> {
    if !tests(record) {
        return None;
    }
    let mut left: Vec<String> = Vec::new();
    for tag in std::str::from_utf8(record).ok()?.split(';') {
        let (name, value) = tag.split_once('=').unwrap_or((tag, ""));
        if name.trim() != "t" {
            left.push(tag.trim().to_owned());
            continue;
        }
        let flags = value.split(':').map(str::trim);
        let flags: Vec<&str> = flags
            .filter(|flag| !flag.eq_ignore_ascii_case("y"))
            .collect();
        if !flags.is_empty() {
            left.push(format!("t={}", flags.join(":")));
        }
    }
    left.retain(|tag| !tag.is_empty());
    let text = left.join("; ");
    let is_plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let is_key = PublicKey::parse(text.as_bytes()).is_ok() && !tests(text.as_bytes());
    (is_plain && is_key).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    #[test]
    fn records_are_worth_what_a_verifier_makes_of_them() {
        let usable = |testing, records, untested: Option<&str>| {
            KeyState::Usable(UsableKey {
                rsa_bits: None,
                testing,
                records,
                untested: untested.map(|start| format!("{start}{KEY}")),
            })
        };
        let key = |start: &str| format!("{start}{KEY}");
        for (records, state) in [
            (vec![], KeyState::Missing),
            (vec!["v=DKIM1; p=".to_owned()], KeyState::Revoked),
            (
                vec!["hello".to_owned()],
                KeyState::Unusable("what is published is not a key"),
            ),
            (vec![key("v=DKIM1; k=ed25519; ")], usable(false, 1, None)),
            (
                vec!["hello".to_owned(), key("v=DKIM1; k=ed25519; ")],
                usable(false, 2, None),
            ),
            (
                vec![key("v=DKIM1; t=y; k=ed25519; ")],
                usable(true, 1, Some("v=DKIM1; k=ed25519; ")),
            ),
            (
                vec![key("v=DKIM1;k=ed25519;t=Y:s;")],
                usable(true, 1, Some("v=DKIM1; k=ed25519; t=s; ")),
            ),
            (
                vec![key("v=DKIM1; k=ed25519; t=s; ")],
                usable(false, 1, None),
            ),
        ] {
            let bytes: Vec<_> = records
                .iter()
                .map(|text| text.as_bytes().to_vec())
                .collect();
            assert_eq!(key_state(&bytes), state, "{records:?}");
        }
    }

    /// What is printed for names that never sign.
    #[test]
    fn the_record_that_revokes_all_keys_is_one() {
        assert_eq!(key_state(&[b"v=DKIM1; p=".to_vec()]), KeyState::Revoked);
    }
}
