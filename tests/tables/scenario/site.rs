//! The policies of tables, their keys, and the tags that these make.

use std::path::Path;

use backstop::{
    config,
    core::{
        address::Mailbox,
        policy::Policy,
        proof::{
            Keys,
            batv::{self, Layout},
        },
    },
};

use super::TODAY;

/// The policy of a file with these changes, each of which must change something.
pub fn policy(yaml: &str, changes: &[(&str, &str)]) -> Policy {
    let yaml = changes.iter().fold(yaml.to_owned(), |yaml, (from, to)| {
        assert!(yaml.contains(from), "`{from}` is not in\n{yaml}");
        yaml.replace(from, to)
    });
    let config = config::parse(Path::new("milter.yaml"), &yaml);
    config.unwrap_or_else(|wrong| panic!("{wrong}")).policy
}

/// The same with the keys of [`KEY`].
pub fn policy_with_keys(yaml: &str, changes: &[(&str, &str)]) -> Policy {
    let mut policy = policy(yaml, changes);
    policy.proof.keys = keys();
    policy
}

/// A line of a key file.
const KEY: &str = "0 2026-01-01 MDEyMzQ1Njc4OWFiY2RlZg\n";

pub fn keys() -> Keys {
    Keys::parse(KEY).unwrap()
}

/// The address with a tag that was made so many days ago.
pub fn tagged(address: &str, days_ago: u64, layout: Layout) -> String {
    let sender = Mailbox::from_bytes(address.as_bytes());
    let tagged = batv::sign(&sender, &keys(), TODAY - days_ago, 7, layout, "+");
    String::from_utf8(tagged.unwrap()).unwrap()
}

/// With the last digit of the tag changed.
pub fn wrong(tagged: &str) -> String {
    let at = tagged.find("prvs=").unwrap() + "prvs=".len() + 9;
    let digit = if &tagged[at..=at] == "0" { "1" } else { "0" };
    [&tagged[..at], digit, &tagged[at + 1..]].concat()
}
