//! Each fixture is what the program itself wrote, with a key that was made for it.

mod watermarks;

use super::*;
use crate::core::{
    header::Headers,
    proof::{
        Key, Keys,
        batv::{self, Proof, Tagged},
        watermark::{self, Signer, WatermarkResult},
    },
};

const SCANNER: &str = "X-Example-MailScanner-Watermark";
/// 2026-11-30, when the fixtures were made.
const TODAY: u64 = 20_787;

fn keys(marks: Marks, secret: &[u8]) -> Keys {
    let mut keys = Keys::default();
    keys.import(ImportedKey::new(marks, TODAY, TODAY + 8, secret).unwrap());
    keys
}

fn verified(keys: &Keys, address: &str, today: u64) -> Proof {
    let read = batv::read(&Mailbox::from_bytes(address.as_bytes()), "+");
    let Some(Tagged::Ours(tag)) = read else {
        panic!("{address}")
    };
    batv::verify(&tag, keys, today, 7)
}

/// prvs.cpp of batv-tools (github.com/AGWA/batv-tools, commit 0ff86fe4), compiled with OpenSSL 3.0, made these on 2026-11-30
/// with keys as its key files have them.
#[test]
fn tags_of_batv_milter_are_verified() {
    let key: Vec<u8> = (0..64_u16).map(|at| ((at * 37 + 11) % 256) as u8).collect();
    let line: &[u8] = b"a short one\n";
    let whose = |text: &str| Marks::BatvMilter {
        signs: text.parse().unwrap(),
    };
    let valid = Proof::Valid { key: 0 };
    for (secret, signs, address, today, expected) in [
        (
            &*key,
            "@example.org",
            "prvs=0794742c89=user@example.org",
            TODAY,
            valid,
        ),
        (
            &key,
            "@example.org",
            "prvs=0794C16A41=a=b@example.org",
            TODAY,
            valid,
        ),
        (
            &key,
            "user@example.org",
            "prvs=0794742c89=user@Example.Org",
            TODAY,
            valid,
        ),
        (
            &key,
            "@example.org",
            "user+prvs=0794742c89@example.org",
            TODAY,
            valid,
        ),
        (
            &key,
            "@example.org",
            "prvs=0794742c89=user@example.org",
            TODAY + 7,
            valid,
        ),
        // Its last day is over, though the key verifies a day longer: clocks differ.
        (
            &key,
            "@example.org",
            "prvs=0794742c89=user@example.org",
            TODAY + 8,
            Proof::Expired,
        ),
        (
            &key,
            "@example.org",
            "prvs=0794742c89=user@example.org",
            TODAY + 9,
            Proof::Wrong,
        ),
        // A key of its own is nobody else's.
        (
            &key,
            "joe@example.org",
            "prvs=0794742c89=user@example.org",
            TODAY,
            Proof::Wrong,
        ),
        (
            &key,
            "@example.net",
            "prvs=0794742c89=user@example.org",
            TODAY,
            Proof::Wrong,
        ),
        (
            &key,
            "@example.org",
            "prvs=0794742c88=user@example.org",
            TODAY,
            Proof::Wrong,
        ),
        (
            &key,
            "@example.org",
            "prvs=0794742c89=usir@example.org",
            TODAY,
            Proof::Wrong,
        ),
        (
            &key,
            "@example.org",
            "prvs=1794742c89=user@example.org",
            TODAY,
            Proof::Wrong,
        ),
        // A key file with text has its line end in the key.
        (
            line,
            "@example.org",
            "prvs=079459a987=user@example.org",
            TODAY,
            valid,
        ),
        (
            b"a short one",
            "@example.org",
            "prvs=079459a987=user@example.org",
            TODAY,
            Proof::Wrong,
        ),
    ] {
        let found = verified(&keys(whose(signs), secret), address, today);
        assert_eq!(found, expected, "{signs} {address} {today}");
    }
    // With `lifetime 30`: what the key was imported for decides.
    let mut long = Keys::default();
    long.import(ImportedKey::new(whose("@example.org"), TODAY, TODAY + 31, &key).unwrap());
    assert_eq!(
        verified(&long, "prvs=0817650aca=user@example.org", TODAY + 30),
        valid
    );
}

/// An imported key verifies beside our own, and does nothing else.
#[test]
fn an_imported_key_never_signs() {
    let mut keys = keys(Marks::Exim { digit: 3 }, b"secret");
    let sender = Mailbox::from_bytes(b"joe@example.org");
    let sign = |keys: &Keys| batv::sign(&sender, keys, TODAY, 7, batv::Layout::Prvs, "+");
    assert_eq!(sign(&keys), Err(batv::Unsigned::NoKey));
    assert!(keys.signing().is_none() && keys.in_use(3).is_none() && !keys.is_empty());
    let own = Key::new(3, TODAY, b"0123456789abcdef", None).unwrap();
    keys.add(own.clone()).unwrap();
    let mut alone = Keys::default();
    alone.add(own).unwrap();
    assert_eq!(sign(&keys), sign(&alone));
}

#[test]
fn lines_are_read_as_they_were_written() {
    let text = "3 2026-11-01 MDEyMzQ1Njc4OWFiY2RlZg\n\
        batv-milter 2026-11-30 c2VjcmV0 2026-12-08 @example.org\n\
        batv-milter 2026-11-30 c2VjcmV0 2026-12-08 joe@example.org\n\
        exim 2026-11-30 c2VjcmV0 2026-12-08 0\n\
        mailscanner 2026-11-30 c2VjcmV0 2026-12-08 X-Example-MailScanner-Watermark\n\
        haraka 2026-11-30 c2VjcmV0 2026-12-07 sha256\n";
    let mut keys = Keys::parse(text).unwrap();
    assert_eq!((keys.len(), keys.imported().count()), (1, 5));
    let written = keys.to_text();
    assert_eq!(Keys::parse(&written).unwrap(), keys);
    let bare: String = written
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(bare, text);
    assert!(!format!("{keys:?}").contains("secret"));
    // The same key, until later.
    let longer = ImportedKey::new(Marks::Exim { digit: 0 }, TODAY, TODAY + 30, b"secret").unwrap();
    keys.import(longer);
    assert_eq!(keys.imported().count(), 5);
    assert_eq!(keys.imported_live(TODAY + 9).count(), 1);
    assert_eq!(keys.remove_ended(TODAY + 9), 4);
    assert_eq!((keys.len(), keys.imported().count()), (1, 1));
}

#[test]
fn a_damaged_line_is_told() {
    for (line, what) in [
        ("exim", "the second word"),
        ("exim 2026-11-31 c2VjcmV0 2026-12-08 0", "the second word"),
        ("exim 2026-11-30 c2VjcmV0= 2026-12-08 0", "the third word"),
        ("exim 2026-11-30 c2VjcmV0 0", "the fourth word"),
        ("exim 2026-11-30 c2VjcmV0 2026-12-08", "five words"),
        (
            "exim 2026-11-30 c2VjcmV0 2026-12-08 10",
            "the fifth word is the digit",
        ),
        (
            "exim 2026-11-30 c2VjcmV0 2026-12-08 0 x",
            "no more than five",
        ),
        ("exim 2026-11-30 c2VjcmV0 2026-11-29 0", "ends before"),
        (
            "batv-milter 2026-11-30 c2VjcmV0 2026-12-08 @",
            "the fifth word is whose",
        ),
        (
            "mailscanner 2026-11-30 c2VjcmV0 2026-12-08 X:",
            "the fifth word is the name",
        ),
        (
            "haraka 2026-11-30 c2VjcmV0 2026-12-08 md5",
            "the fifth word is sha1",
        ),
        (
            "postfix 2026-11-30 c2VjcmV0 2026-12-08 0",
            "a key begins with its id",
        ),
    ] {
        let error = Keys::parse(&format!("# keys\n{line}\n")).unwrap_err();
        assert_eq!(error.line, 2);
        assert!(error.what.contains(what), "{line}: {error}");
    }
    let long = |marks, octets| ImportedKey::new(marks, TODAY, TODAY, &vec![1; octets]).is_ok();
    let header = || SCANNER.to_owned();
    for (octets, exim, scanner) in [
        (0, false, false),
        (1, true, true),
        (64, true, true),
        (65, false, true),
        (1024, false, true),
        (1025, false, false),
    ] {
        assert_eq!(long(Marks::Exim { digit: 0 }, octets), exim, "{octets}");
        let marks = Marks::MailScanner { header: header() };
        assert_eq!(long(marks, octets), scanner, "{octets}");
    }
}

#[test]
fn an_algorithm_has_the_spellings_of_node_js() {
    for (text, algorithm) in [
        ("sha256", Ok(Algorithm::Sha256)),
        ("SHA256", Ok(Algorithm::Sha256)),
        ("RSA-SHA512", Ok(Algorithm::Sha512)),
        ("sha1WithRSAEncryption", Ok(Algorithm::Sha1)),
        ("sha384", Ok(Algorithm::Sha384)),
        ("sha3-256", Err(UnknownAlgorithm)),
        ("md5", Err(UnknownAlgorithm)),
        ("", Err(UnknownAlgorithm)),
    ] {
        assert_eq!(text.parse(), algorithm, "{text}");
    }
}
