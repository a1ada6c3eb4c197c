//! BATV by another's hand.

use std::{fs, process::Command};

use backstop::{
    config::key_file,
    core::{
        address::Mailbox,
        proof::{
            self, Keys,
            batv::{self, Layout, Proof, Tagged},
        },
    },
};

const KEY: &str = "0 2026-01-01 MDEyMzQ1Njc4OWFiY2RlZg\n";

/// Exim makes the tags that we make, and takes them for its own. We write addresses in lower case, and Exim as they are.
#[test]
fn exim_agrees_in_both_directions() {
    const SECRET: &str = "0123456789abcdef";
    let keys = Keys::parse(KEY).unwrap();
    for address in [
        "user@example.com",
        "First.Last+ext@example.org",
        "a=b@example.net",
    ] {
        let mailbox = Mailbox::from_bytes(address.as_bytes());
        let now = || {
            let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
            proof::today(since.as_secs())
        };
        let sign = |today| {
            let tagged = batv::sign(&mailbox, &keys, today, 7, Layout::Prvs, "+");
            String::from_utf8(tagged.unwrap()).unwrap()
        };
        let (before, ours) = (now(), sign(now()));
        let lower = address.to_ascii_lowercase();
        let expanded = lab::exim::expand(&[
            &format!("${{prvs{{{lower}}}{{{SECRET}}}{{0}}}}"),
            &format!("${{prvs{{{address}}}{{{SECRET}}}{{0}}}}"),
            &format!(
                "${{prvscheck{{{ours}}}{{{SECRET}}}{{$prvscheck_result $prvscheck_address}}}}"
            ),
            &format!("${{prvscheck{{{ours}}}{{another}}{{no $prvscheck_result}}}}"),
        ])
        .unwrap();
        let [same, theirs, checked, refused] = expanded.as_slice() else {
            panic!("{expanded:?}")
        };
        // Midnight may have come between.
        assert!([before, now()].map(sign).contains(same), "{same}");
        assert_eq!(*checked, format!("1 {lower}"));
        assert_eq!(refused.trim(), "no");
        let Some(Tagged::Ours(tag)) = batv::read(&Mailbox::from_bytes(theirs.as_bytes()), "+")
        else {
            panic!("{theirs}")
        };
        assert_eq!(batv::verify(&tag, &keys, now(), 7), Proof::Valid { key: 0 });
    }
}

/// Exim signs as its administrator set it up; here its secret is imported, and knows what it signed.
#[test]
fn what_exim_signed_is_known_by_its_imported_secret() {
    const SECRET: &str = "PRVS secret, with a blank";
    let folder = tempfile::tempdir().unwrap();
    let (secret, file) = (folder.path().join("secret"), folder.path().join("keys"));
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let keygen = Command::new(env!("CARGO_BIN_EXE_backstop"))
        .args(["keygen", "--import", "exim", "--id", "4", "--from"])
        .arg(&secret)
        .arg("--file")
        .arg(&file)
        .status()
        .unwrap();
    assert!(keygen.success());
    let keys = key_file::read(&file).unwrap();
    assert_eq!(keys.signing(), None);
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let today = proof::today(since.as_secs());
    let addresses = ["user@example.com", "First.Last+ext@example.org"];
    let sign = |key: &str| {
        let strings =
            addresses.map(|address| format!("${{prvs{{{address}}}{{{SECRET}}}{{{key}}}}}"));
        lab::exim::expand(&strings.each_ref().map(String::as_str)).unwrap()
    };
    for (key, expected) in [("4", Proof::Valid { key: 4 }), ("5", Proof::Wrong)] {
        for theirs in sign(key) {
            let read = batv::read(&Mailbox::from_bytes(theirs.as_bytes()), "+");
            let Some(Tagged::Ours(tag)) = read else {
                panic!("{theirs}")
            };
            assert_eq!(batv::verify(&tag, &keys, today, 7), expected, "{theirs}");
            // Seven days are Exim's own limit, and the key ends a day later.
            let later = batv::verify(&tag, &keys, today + 9, 7);
            assert_eq!(later, Proof::Wrong, "{theirs}");
        }
    }
}
