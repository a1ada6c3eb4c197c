//! Signatures that dkimpy makes, so that another's reading of RFC 6376 meets ours; OpenDKIM's are in `tests/it/dkim.rs`.

mod age;
mod author;
mod chain;
mod genuine;
mod hostile;
mod keys;
mod tampered;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    process::{Command, Stdio},
    sync::Mutex,
};

use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    core::{
        address::Domain,
        outside::Unanswered,
        proof::dkim::{SignatureResult, Signed},
    },
    dkim::{DkimKeys, verify},
    spf::{Lookup, Mx},
};

/// The Date of [`MESSAGE`], and the `t=` of its signatures.
const SIGNED_AT: u64 = 1_795_298_400;
const NOW: u64 = SIGNED_AT + 3600;
const LIFETIME: u64 = 14 * 24 * 3600;

const MESSAGE: &str = "Received: from pc.example.org by mail.example.org; Sat, 21 Nov 2026 22:00:00 +0000\r\n\
    From: Jane Doe <jane@example.org>\r\n\
    To: John <john@example.net>,\r\n \"Doe, Joan\" <joan@example.com>\r\n\
    Cc: lists@example.net\r\n\
    Subject: A long  subject\r\n\tof two lines\r\n\
    Date: Sat, 21 Nov 2026 22:00:00 +0000\r\n\
    Message-ID: <1234@pc.example.org>\r\n\
    X-Unsigned: yes\r\n\
    \r\n\
    Hello  John,\r\n\r\nsee you \r\n-- \r\nJane\r\n\r\n\r\n";

const HEADERS: &str = "from:to:cc:subject:date:message-id";

/// A signature that dkimpy is to make.
#[derive(Clone)]
struct Wish {
    key: &'static str,
    algorithm: &'static str,
    canonicalization: &'static str,
    domain: &'static str,
    selector: &'static str,
    headers: &'static str,
    length: bool,
    tags: Map<String, Value>,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            key: "rsa2048",
            algorithm: "rsa-sha256",
            canonicalization: "relaxed/relaxed",
            domain: "example.org",
            selector: "s1",
            headers: HEADERS,
            length: false,
            tags: Map::from_iter([("t".to_owned(), json!(SIGNED_AT.to_string()))]),
        }
    }
}

impl Wish {
    fn ed25519() -> Self {
        Self {
            key: "ed25519",
            algorithm: "ed25519-sha256",
            selector: "ed",
            ..Self::default()
        }
    }

    /// Sets a tag, or leaves it out.
    fn tag(mut self, name: &str, value: Option<&str>) -> Self {
        self.tags.insert(name.to_owned(), json!(value));
        self
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/dkim/tests")
}

/// The message as dkimpy signs it; the last signature stands topmost. What dkimpy made is kept in `signed`, so that neither
/// Python nor dkimpy is needed until a test wants another message; `tests/it/dkim.rs` checks what is kept.
fn sign(message: &str, wishes: &[Wish]) -> String {
    let signatures: Vec<Value> = wishes
        .iter()
        .map(|wish| {
            let file = match wish.key {
                "ed25519" => "ed25519.b64".to_owned(),
                rsa => format!("{rsa}.pem"),
            };
            json!({
                "key": file, "a": wish.algorithm, "c": wish.canonicalization, "d": wish.domain,
                "s": wish.selector, "h": wish.headers, "l": wish.length, "tags": wish.tags,
            })
        })
        .collect();
    let asked = json!({"message": message, "signatures": signatures});
    let name = HEXLOWER.encode(&Sha256::digest(asked.to_string())[..8]);
    let kept = folder().join(format!("signed/{name}.json"));
    if let Ok(kept) = fs::read_to_string(&kept) {
        let kept: Value = serde_json::from_str(&kept).unwrap();
        return kept["signed"].as_str().unwrap().to_owned();
    }
    // Debian's own, where python3-dkim is.
    let mut signer = Command::new("/usr/bin/python3");
    let signed = piped(signer.arg(folder().join("sign.py")), &asked.to_string());
    let text = serde_json::to_string_pretty(&json!({"asked": asked, "signed": signed})).unwrap();
    fs::write(&kept, text + "\n").unwrap();
    signed
}

fn piped(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; a message that is not in src/dkim/tests/signed needs python3-dkim"));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The TXT record of a key.
fn record(key: &str) -> String {
    let path = folder().join(format!("keys/{key}.txt"));
    std::fs::read_to_string(path).unwrap().trim().to_owned()
}

/// A DNS that has TXT records, and keeps what it was asked.
#[derive(Default)]
struct Zone {
    txt: BTreeMap<String, Vec<Vec<u8>>>,
    dead: BTreeSet<String>,
    asked: Mutex<Vec<String>>,
}

impl Zone {
    /// `s1`, `s1024` and `ed` of example.org.
    fn usual() -> Self {
        Self::default()
            .with("s1._domainkey.example.org", &record("rsa2048"))
            .with("s1024._domainkey.example.org", &record("rsa1024"))
            .with("ed._domainkey.example.org", &record("ed25519"))
    }

    fn with(mut self, name: &str, record: &str) -> Self {
        let records = self.txt.entry(name.to_owned()).or_default();
        records.push(record.as_bytes().to_vec());
        self
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Lookup for Zone {
    async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, Unanswered> {
        self.asked.lock().unwrap().push(name.to_owned());
        if self.dead.contains(name) {
            return Err(Unanswered::dns(format!("TXT {name}: SERVFAIL")));
        }
        Ok(self.txt.get(name).cloned().unwrap_or_default())
    }

    async fn a(&self, name: &str) -> Result<Vec<Ipv4Addr>, Unanswered> {
        panic!("DKIM asks for TXT only, not for A {name}")
    }

    async fn aaaa(&self, name: &str) -> Result<Vec<Ipv6Addr>, Unanswered> {
        panic!("DKIM asks for TXT only, not for AAAA {name}")
    }

    async fn mx(&self, name: &str) -> Result<Vec<Mx>, Unanswered> {
        panic!("DKIM asks for TXT only, not for MX {name}")
    }

    async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, Unanswered> {
        panic!("DKIM asks for TXT only, not for PTR {address}")
    }
}

/// The header fields and the body.
fn split(message: &str) -> (&str, &str) {
    let (headers, body) = message.split_once("\r\n\r\n").unwrap();
    (message.get(..headers.len() + 2).unwrap(), body)
}

fn is_ours(domain: &Domain) -> bool {
    domain.is_at_or_below(&"example.org".parse().unwrap())
}

async fn verified(headers: &str, body: Option<&str>, zone: &Zone) -> Vec<Signed> {
    verified_at(headers, body, zone, NOW).await
}

async fn verified_at(headers: &str, body: Option<&str>, zone: &Zone, now: u64) -> Vec<Signed> {
    let keys = DkimKeys::default();
    let body = body.map(str::as_bytes);
    verify(
        headers.as_bytes(),
        body,
        is_ours,
        &keys,
        zone,
        now,
        LIFETIME,
    )
    .await
}

/// The one signature's outcome.
async fn outcome(message: &str, zone: &Zone) -> SignatureResult {
    let (headers, body) = split(message);
    match verified(headers, Some(body), zone).await.as_slice() {
        [one] => one.outcome.clone(),
        other => panic!("{other:?}"),
    }
}
