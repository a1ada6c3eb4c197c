//! `backstop report`, about an attack that a store remembers.

mod command;
mod exported;
mod letter;
mod long;
mod origins;
mod page;

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Output},
    time::{Duration, Instant},
};

use backstop::{
    core::attack::{AttackCount, AttackKind, Fate, HOUR, Octets, Sample, hour, network},
    store::{Lost, Store, open},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    bounce::now,
    store::{attack::count, place::KEEP},
};

/// What a stranger may write into an address: it is stored so, by `core::printable`.
const HOSTILE: &str = "<script>alert(1)</script>&amp;%s%n\\x0d\\x0aX:\\x1b[31m\\xff@example.org";

/// A configuration with a store, and what has been counted in it.
pub struct Site {
    folder: TempDir,
}

impl Site {
    pub fn new(more: &str) -> Self {
        Self::new_with("example.org, example.net", more)
    }

    /// One with these domains.
    pub fn new_with(domains: &str, more: &str) -> Self {
        let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
        let yaml = format!("local: {{domains: [{domains}]}}\n{more}");
        Self::asking(nobody, &yaml)
    }

    /// One that asks this name server.
    pub fn asking(dns: SocketAddr, yaml: &str) -> Self {
        let folder = lab::mta::folder_in_memory().unwrap();
        let yaml = format!(
            "{yaml}\nstore: sqlite:{}\ndns: {{nameservers: ['{dns}'], timeout: 200ms, budget: 400ms}}\n",
            folder.path().join("state.db").display()
        );
        fs::write(folder.path().join("milter.yaml"), yaml).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts something into the store.
    pub fn store(&self, put: impl Fn(&dyn Store)) {
        let url = format!("sqlite:{}", self.path("state.db").display());
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let store = open(&url.parse().unwrap(), KEEP);
            put(&*store);
            // Batches are bounded, so one that is written does not show that all are.
            let end = Instant::now() + Duration::from_secs(60);
            while store.health().waiting > 0 || store.attack(0..=0).await.is_err() {
                assert!(
                    Instant::now() < end,
                    "it was not written: {:?}",
                    store.health()
                );
                store.flush().await;
            }
            assert_eq!(store.health().lost, Lost::default());
            store.close().await;
        });
    }

    pub fn report(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstop"));
        command.arg("--config").arg(self.path("milter.yaml"));
        command.arg("report").args(arguments);
        command.current_dir(self.folder.path()).output().unwrap()
    }

    pub fn text(&self, arguments: &[&str]) -> String {
        let output = self.report(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.text(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap()
    }
}

/// What is counted of one bounce.
pub fn bounce(fate: Fate, why: &str, proof: &str, host: &str, rcpt: &str) -> Vec<AttackCount> {
    let domain = rcpt.rsplit('@').next().unwrap();
    let texts = [
        (AttackKind::Reason, why.to_owned()),
        (AttackKind::Proof, proof.to_owned()),
        (AttackKind::Host, host.to_owned()),
        (AttackKind::Network, network(host.parse().unwrap())),
        (AttackKind::Recipient, rcpt.to_owned()),
    ];
    let kept = if fate.is_suspect() { 5 } else { 2 };
    let counts = texts
        .into_iter()
        .take(kept)
        .map(|(kind, text)| AttackCount {
            domain: domain.to_owned(),
            ..count(kind, fate, &text)
        });
    counts.collect()
}

/// A bounce of an account of ours that proves to be ours.
fn account(networks: u64) -> Vec<AttackCount> {
    let text = |network| format!("joe@example.org 198.18.{network}.0/24");
    let counts =
        (0..networks).map(|network| count(AttackKind::Account, Fate::Proven, &text(network)));
    counts.collect()
}

/// A joe job of some days: it swells, ebbs and comes again, beside the bounces of every day.
fn attacked() -> Site {
    let site = Site::new("report: {keep_samples: true}\n");
    let end = hour(now());
    site.store(|store| {
        for back in 0..160_u64 {
            let at = end - back;
            let wave = match back {
                30..=54 => 14 - (back.abs_diff(42)),
                70..=100 => (31 - back.abs_diff(85)) / 4,
                _ => 0,
            };
            for number in 0..wave {
                let host = format!("198.51.{}.{}", number % 7, 10 + (number * back) % 40);
                let joe = ["joe@example.org", "info@example.org", HOSTILE][number as usize % 3];
                let (fate, why) = match number % 5 {
                    0 => (Fate::RefusedByMta, "reject refused_by_mta"),
                    1 => (Fate::Accepted, "tag unproven"),
                    2 if back > 60 => (Fate::WouldRefuse, "reject unproven"),
                    _ => (Fate::Refused, "reject unproven"),
                };
                store.count_attack(at, bounce(fate, why, "unproven", &host, joe));
            }
            if back % 20 == 5 {
                let (why, host) = ("tempfail unproven", "192.0.2.26");
                let joe = "joe@example.org";
                store.count_attack(at, bounce(Fate::Deferred, why, "unproven", host, joe));
            }
            if back % 3 == 0 {
                let accepted = bounce(
                    Fate::Proven,
                    "accept batv",
                    "batv",
                    "192.0.2.25",
                    "jane@example.net",
                );
                store.count_attack(at, accepted);
            }
        }
        store.keep_sample(sample(now() - 40 * HOUR));
    });
    site
}

pub fn sample(at: u64) -> Sample {
    Sample {
        at,
        id: "1a".to_owned(),
        client: "198.51.0.10".parse().unwrap(),
        name: None,
        helo: Octets(b"mx.far.example".to_vec()),
        mail_from: Octets::default(),
        recipients: vec![Octets(b"Joe@example.org".to_vec())],
        action: "reject".to_owned(),
        reason: "unproven".to_owned(),
        done: true,
        proof: "unproven".to_owned(),
        headers: Octets(
            b"From: MAILER-DAEMON@mx.far.example\r\nTo: <joe@example.org>\r\nSubject: =?utf-8?B?am9lQGV4YW1wbGUub3Jn?=\r\n\
              MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"b\"\r\n\
              X-Raw: caf\xe9 \x1b[31m\r\n"
                .to_vec(),
        ),
        body: Octets(
            b"--b\r\nContent-Type: text/plain\r\n\r\nYour mail to victim@far.example failed, joe@example.org\r\n\
              --b\r\nContent-Type: message/rfc822\r\n\r\nReceived: from evil.example (evil.example [203.0.113.9])\r\n\
              \tby mx.far.example for <victim@far.example>; Sat, 28 Nov 2026 08:00:00 +0000\r\n\
              Received: from forged.example.org by <joe@example.org>\x07\r\n\
              From: joe@example.org\r\nSubject: Buy\r\n\r\nbody\r\n--b--\r\n"
                .to_vec(),
        ),
        cut: false,
    }
}
