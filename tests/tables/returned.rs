//! What real MTAs returned of a message is read, and proves what it should: fixtures/returned/real tells how they were made.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use backstop::{
    core::{
        header::Headers,
        outside::Unanswered,
        proof::{
            DAY,
            dkim::{DkimSettings, KeyRecord, SignatureResult, Signed},
            returned::{self, NotificationReport},
        },
    },
    dkim,
    spf::{Lookup, Mx},
};

const FOLDER: &str = "tests/fixtures/returned/real";
/// When the message was signed, in seconds since 1970.
const SIGNED: u64 = 1_795_299_686;

/// Each bounce, whether all of the message came back, and whether the signatures in simple and in relaxed canonicalisation
/// survived, as python's dkim library finds them too.
const BOUNCES: &[(&str, bool, SignatureResult, SignatureResult)] = &[
    (
        "exim-full",
        true,
        SignatureResult::Whole,
        SignatureResult::Whole,
    ),
    (
        "exim-headers",
        false,
        SignatureResult::HeadersOnly,
        SignatureResult::HeadersOnly,
    ),
    (
        "opensmtpd-full",
        true,
        SignatureResult::Whole,
        SignatureResult::Whole,
    ),
    (
        "opensmtpd-headers",
        true,
        SignatureResult::Whole,
        SignatureResult::Whole,
    ),
    ("postfix-7bit", true, BROKEN, BROKEN),
    (
        "postfix-full",
        true,
        SignatureResult::Whole,
        SignatureResult::Whole,
    ),
    (
        "postfix-headers",
        false,
        SignatureResult::HeadersOnly,
        SignatureResult::HeadersOnly,
    ),
    // A tab that folds an address header comes back as eight blanks.
    ("sendmail-full", true, BROKEN, SignatureResult::Whole),
    (
        "sendmail-headers",
        false,
        BROKEN,
        SignatureResult::HeadersOnly,
    ),
    (
        "sendmail-no-mime",
        false,
        BROKEN,
        SignatureResult::HeadersOnly,
    ),
];
const BROKEN: SignatureResult = SignatureResult::Failed("");

fn octets(name: &str) -> Vec<u8> {
    fs::read(crate::files::path(FOLDER).join(name)).unwrap()
}

fn report(name: &str) -> NotificationReport {
    let bounce = octets(&format!("{name}.eml"));
    let (headers, body) = Headers::parse(&bounce);
    returned::read(&headers, &bounce[body..], false)
}

#[test]
fn every_bounce_in_the_folder_is_read() {
    let files = fs::read_dir(crate::files::path(FOLDER)).unwrap();
    let mut names: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| Some(name.strip_suffix(".eml")?.to_owned()))
        .filter(|name| name != "original")
        .collect();
    names.sort();
    assert!(
        names.iter().eq(BOUNCES.iter().map(|bounce| bounce.0)),
        "{names:?}"
    );

    let original = octets("original.eml");
    let (sent, _) = Headers::parse(&original);
    for (name, has_body, ..) in BOUNCES {
        let report = report(name);
        let about: Vec<_> = report.recipients.iter().map(|one| one.to_bytes()).collect();
        assert_eq!(about, [b"nobody@far.example".to_vec()], "{name}");
        let [returned] = report.returned.as_slice() else {
            panic!("{name}: {} returned", report.returned.len());
        };
        for field in ["From", "Date", "Message-ID", "X-Backstop-Watermark"] {
            let value = |headers: &Headers| headers.first(field).unwrap().value().to_vec();
            assert_eq!(value(&returned.headers), value(&sent), "{name}: {field}");
        }
        assert_eq!(returned.body.is_some(), *has_body, "{name}");
    }
}

#[tokio::test]
async fn its_signatures_prove_what_survived() {
    for (name, _, simple, relaxed) in BOUNCES {
        let NotificationReport { returned, .. } = report(name);
        let returned = &returned[0];
        let signed = verified(&returned.raw, returned.body.as_deref()).await;
        for (selector, expected) in [("simple", simple), ("relaxed", relaxed)] {
            let found = signed.iter().find(|one| one.selector == selector).unwrap();
            match expected {
                SignatureResult::Failed(_) => {
                    assert!(!found.outcome.is_genuine(), "{name}: {found:?}")
                }
                _ => assert_eq!(found.outcome, *expected, "{name}: {selector}"),
            }
            if found.outcome.is_genuine() {
                let to = found.message.recipients.first().unwrap().to_bytes();
                assert_eq!(to, b"nobody@far.example", "{name}");
            }
        }
    }
}

#[tokio::test]
async fn one_octet_less_proves_nothing() {
    for (name, _, _, relaxed) in BOUNCES.iter().filter(|bounce| bounce.3.is_genuine()) {
        let NotificationReport { returned, .. } = report(name);
        let raw = &returned[0].raw;
        for field in [
            "\r\nMessage-ID: <",
            "\r\nDate: ",
            "\r\nFrom: ",
            "\r\nX-Backstop-Watermark: ",
        ] {
            let at = raw
                .windows(field.len())
                .position(|octets| octets == field.as_bytes());
            let at = at.unwrap_or_else(|| panic!("{name}: {field:?}")) + field.len();
            let mut changed = raw.clone();
            changed[at] ^= 1;
            let signed = verified(&changed, returned[0].body.as_deref()).await;
            assert!(
                signed.iter().all(|one| !one.outcome.is_genuine()),
                "{name}: {field:?}"
            );
        }
        assert!(relaxed.is_genuine());
    }
}

async fn verified(raw: &[u8], body: Option<&[u8]>) -> Vec<Signed> {
    let record = String::from_utf8(octets("key.txt")).unwrap();
    let key = |selector: &str| KeyRecord {
        domain: "home.example".parse().unwrap(),
        selector: selector.to_owned(),
        record: record.trim().to_owned(),
    };
    let settings = DkimSettings {
        keys: vec![key("simple"), key("relaxed")],
        ..DkimSettings::default()
    };
    let keys = dkim::DkimKeys::new(&settings).unwrap();
    let ours = |domain: &backstop::core::address::Domain| domain.as_str() == "home.example";
    dkim::verify(raw, body, ours, &keys, &Silence, SIGNED + DAY, 7 * DAY).await
}

/// A DNS that nobody shall ask: the keys are in the file.
struct Silence;

impl Lookup for Silence {
    async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, Unanswered> {
        panic!("asked for {name}");
    }

    async fn a(&self, name: &str) -> Result<Vec<Ipv4Addr>, Unanswered> {
        panic!("asked for {name}");
    }

    async fn aaaa(&self, name: &str) -> Result<Vec<Ipv6Addr>, Unanswered> {
        panic!("asked for {name}");
    }

    async fn mx(&self, name: &str) -> Result<Vec<Mx>, Unanswered> {
        panic!("asked for {name}");
    }

    async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, Unanswered> {
        panic!("asked for {address}");
    }
}
