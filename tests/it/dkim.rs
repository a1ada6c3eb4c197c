//! Mail that OpenDKIM has signed, with the key in a DNS that answers over the wire.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use backstop::{
    core::{
        address::Domain,
        proof::dkim::{SignatureResult, Signed},
    },
    dkim::{DkimKeys, verify},
    dns::{DnsSettings, Resolver},
};
use lab::{
    dns::{Fault, RecordType, Scope, Server, Zone},
    mta::unpacked,
    process::run,
};
use tokio::time::Instant;

use crate::package;

const NAME: &str = "s1._domainkey.example.org";
const BUDGET: Duration = Duration::from_secs(20);
const LIFETIME: u64 = 14 * 24 * 3600;

const HEADERS: &str = "From: Jane Doe <jane@example.org>\r\n\
    To: John <john@example.net>,\r\n \"Doe, Joan\" <joan@example.com>\r\n\
    Subject: A long  subject\r\n\tof two lines\r\n\
    Date: Sat, 21 Nov 2026 22:00:00 +0000\r\n\
    Message-ID: <1234@pc.example.org>\r\n";
const BODY: &str = "Hello  John,\r\n\r\nsee you \r\n-- \r\nJane\r\n\r\n";

#[tokio::test]
async fn opendkim_signs_and_we_verify() {
    let server = Server::start(Zone::new().txt(NAME, record())).await;
    let body = Some(BODY);
    for canonicalization in [
        "relaxed/relaxed",
        "relaxed/simple",
        "simple/relaxed",
        "simple/simple",
    ] {
        let signature = signature(canonicalization, "SignHeaders *,+Message-ID");
        let headers = format!("{signature}{HEADERS}");
        let changed = headers.replace("joan@example.com", "john@example.com");
        let oversigned = format!("From: m@example.com\r\n{headers}");
        for (headers, body, expected) in [
            (&headers, body, "whole"),
            (&headers, None, "headers_only"),
            (&headers, Some("Hello  John,\r\n"), "headers_only(altered)"),
            (&changed, body, "failed"),
            (&oversigned, body, "failed"),
        ] {
            let signed = verified(headers, body, &server).await;
            let outcomes: Vec<_> = signed.iter().map(|one| one.outcome.as_str()).collect();
            assert_eq!(outcomes, [expected], "{canonicalization}: {headers}");
        }
        let signed = verified(&headers, body, &server).await;
        let id = signed[0].message.message_id.as_deref();
        assert_eq!(id, Some(b"<1234@pc.example.org>".as_slice()));
        assert_eq!(signed[0].message.recipients.len(), 2);
    }
}

/// As OpenDKIM comes it does not sign the Message-ID: RFC 6376 section 5.4.1 does not name it among the fields to sign.
#[tokio::test]
async fn opendkim_as_it_comes_says_too_little() {
    let server = Server::start(Zone::new().txt(NAME, record())).await;
    let headers = format!("{}{HEADERS}", signature("relaxed/simple", ""));
    let signed = verified(&headers, Some(BODY), &server).await;
    assert_eq!(signed[0].outcome, SignatureResult::Weak, "{headers}");
}

/// The unit tests use messages that are kept in the repository: dkimpy still signs them so.
#[test]
fn dkimpy_signed_what_is_kept() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dkim/tests");
    let kept = fs::read_dir(folder.join("signed")).unwrap();
    let kept: Vec<PathBuf> = kept.map(|entry| entry.unwrap().path()).collect();
    assert!(kept.len() > 50, "{kept:?}");
    // Debian's own, where python3-dkim is.
    let mut signer = Command::new("/usr/bin/python3");
    run(signer.arg(folder.join("sign.py")).args(kept)).unwrap();
}

/// What is wrong with the answer, and not with the mail, is neither a proof nor a forgery.
#[tokio::test]
async fn dns_over_the_wire() {
    let headers = format!(
        "{}{HEADERS}",
        signature("relaxed/simple", "SignHeaders *,+Message-ID")
    );
    let fault = |fault| {
        Zone::new()
            .txt(NAME, record())
            .fault(NAME, Scope::Every, fault)
    };
    let strings: Vec<Vec<u8>> = record()
        .as_bytes()
        .chunks(100)
        .map(<[u8]>::to_vec)
        .collect();
    for (zone, expected) in [
        (Zone::new().txt_strings(NAME, &strings), "whole"),
        (
            Zone::new()
                .cname(NAME, "key.example.net")
                .txt("key.example.net", record()),
            "whole",
        ),
        (fault(Fault::Truncate), "whole"),
        (Zone::new(), "no_key"),
        (Zone::new().txt(NAME, "v=DKIM1; p="), "no_key"),
        (fault(Fault::Servfail), "unanswered"),
        (fault(Fault::Refused), "unanswered"),
        (fault(Fault::Garbage), "unanswered"),
    ] {
        let server = Server::start(zone).await;
        let signed = verified(&headers, Some(BODY), &server).await;
        let outcomes: Vec<_> = signed.iter().map(|one| one.outcome.as_str()).collect();
        assert_eq!(outcomes, [expected], "{signed:?}");
        assert!(server.count(NAME, RecordType::TXT) > 0);
    }
}

async fn verified(headers: &str, body: Option<&str>, server: &Server) -> Vec<Signed> {
    let settings = DnsSettings {
        nameservers: vec![server.addr().into()],
        ..DnsSettings::default()
    };
    let lookup = Resolver::new(&settings)
        .unwrap()
        .budgeted(Instant::now() + BUDGET);
    let ours: Domain = "example.org".parse().unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    verify(
        headers.as_bytes(),
        body.map(str::as_bytes),
        |domain| *domain == ours,
        &DkimKeys::default(),
        &lookup,
        now,
        LIFETIME,
    )
    .await
}

/// The header that OpenDKIM puts on top of the message, as Postfix writes it: CRLF at the folds too.
fn signature(canonicalization: &str, more: &str) -> String {
    let message = format!("{HEADERS}\r\n{BODY}");
    signature_of(&message, "example.org", canonicalization, more)
}

/// The same for another message and domain.
pub fn signature_of(message: &str, domain: &str, canonicalization: &str, more: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let key = keys().join("rsa2048.pem");
    let config = format!(
        "Mode s\nDomain {domain}\nSelector s1\nKeyFile {}\nCanonicalization {canonicalization}\n\
         InternalHosts 0.0.0.0/0\nOversignHeaders From\nRequireSafeKeys no\n{more}\n",
        key.display()
    );
    fs::write(path("opendkim.conf"), config).unwrap();
    fs::write(path("message"), message).unwrap();
    let mut opendkim = Command::new(unpacked("opendkim").unwrap().join("usr/sbin/opendkim"));
    opendkim
        .arg("-x")
        .arg(path("opendkim.conf"))
        .arg("-t")
        .arg(path("message"));
    let output = run(&mut opendkim).unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8(told).unwrap();
    let start = told
        .find("DKIM-Signature:")
        .unwrap_or_else(|| panic!("{told}"));
    let mut lines = told[start..].lines();
    let first = lines.next().unwrap();
    let folded = lines.take_while(|line| line.starts_with(['\t', ' ']));
    [first]
        .into_iter()
        .chain(folded)
        .map(|line| format!("{line}\r\n"))
        .collect()
}

fn keys() -> PathBuf {
    package::path("src/dkim/tests/keys")
}

pub fn record() -> String {
    let path: &Path = &keys().join("rsa2048.txt");
    fs::read_to_string(path).unwrap().trim().to_owned()
}
