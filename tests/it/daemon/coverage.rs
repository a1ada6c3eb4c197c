//! What the store tells before anything is refused: how much outgoing mail can prove its bounces, and whose would be lost.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use lab::{milter::Reply, mta, process::wait_until};
use serde_json::Value;
use tempfile::TempDir;

use super::{SENDER, Stage, binary, field, headers};
use crate::{
    batv::key_file,
    bounce::{BOUNCE, Ours, body},
};

const FAR: &str = "far@friend.example";
const JOE: &str = "joe@example.org";

/// A daemon that makes what proves bounces, and refuses nothing yet.
struct Office {
    stage: Stage,
    folder: TempDir,
    yaml: String,
}

impl Office {
    fn open(proof: &str) -> Self {
        let folder = mta::folder_in_memory().unwrap();
        let yaml = format!(
            "mode: enforce\nlocal: {{domains: [example.org], networks: [10.0.0.0/8]}}\n\
             proof: {{key_file: {}, dkim: {{verify: false}}, {proof}}}\nstore: sqlite:{}\n",
            key_file(folder.path()).display(),
            folder.path().join("state.db").display()
        );
        Self {
            stage: Stage::set(&yaml),
            folder,
            yaml,
        }
    }

    fn sends(&self, from: &str, lines: &str) {
        let mut client = self.stage.session("10.0.0.1");
        client.mail(from, &[]).unwrap();
        assert_eq!(client.rcpt(FAR, &[]).unwrap(), Reply::Continue);
        assert_eq!(headers(&mut client, lines).unwrap(), Reply::Continue);
        assert_eq!(client.eom().unwrap().reply, Reply::Continue);
    }

    fn gets(&self, rcpt: &str, content: &str) {
        let mut client = self.stage.session(SENDER);
        client.mail("", &[]).unwrap();
        assert_eq!(client.rcpt(rcpt, &[]).unwrap(), Reply::Continue);
        assert_eq!(headers(&mut client, BOUNCE).unwrap(), Reply::Continue);
        client.body(content.as_bytes()).unwrap();
        assert_eq!(client.eom().unwrap().reply, Reply::Continue);
    }

    /// What this command of `backstop` prints, with this change in the file.
    fn says(&self, arguments: &[&str], change: (&str, &str)) -> String {
        let config = self.folder.path().join("other.yaml");
        let yaml = self.yaml.replace(change.0, change.1);
        fs::write(&config, format!("listen: inet:0@127.0.0.1\n{yaml}")).unwrap();
        let output = Command::new(binary())
            .args(arguments)
            .arg("--config")
            .arg(config)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// The report, once it has counted so many messages and bounces.
    fn report(&self, messages: u64, bounces: u64) -> Value {
        let mut report = Value::Null;
        let waited = wait_until(Duration::from_secs(20), || {
            let text = self.says(&["report", "coverage", "--json"], ("", ""));
            report = serde_json::from_str(&text).unwrap_or_default();
            let sum = |of: &Value, count: fn(&Value) -> &Value| -> u64 {
                let all = of.as_object().into_iter().flatten();
                all.filter_map(|(_, value)| count(value).as_u64()).sum()
            };
            let sent = sum(&report["outgoing"], |domain| &domain["messages"]);
            let came = sum(&report["bounces"], |times| times);
            Ok((sent, came) == (messages, bounces))
        });
        assert!(waited.is_ok(), "{report:#}");
        report
    }
}

fn message(id: &str) -> String {
    format!("From: Joe <{JOE}>\nDate: Sat, 21 Nov 2026 12:00:00 +0000\nMessage-ID: <{id}@pc>\n")
}

#[test]
fn an_administrator_sees_whose_bounces_would_be_refused() {
    let office = Office::open("watermark: {sign: true}, ledger: {remember: true}");
    office.sends(JOE, &message("secret-one"));
    office.sends(JOE, &message("secret-two"));
    office.sends("jane@example.org", "From: jane@example.org\n");
    office.sends("friend@elsewhere.example", &message("secret-three"));
    let returned = Ours {
        headers: message("secret-one").replace('\n', "\r\n"),
        body: "",
    };
    office.gets(JOE, &body(FAR, &returned));
    let forged = body(FAR, &Ours::new("forged", FAR));
    office.gets(JOE, &forged);
    office.gets("made-up@example.org", &forged);

    let report = office.report(4, 3);
    let ours = &report["outgoing"]["example.org"];
    assert_eq!(
        (&ours["messages"], &ours["provable"], &ours["by"]),
        (
            &3.into(),
            &2.into(),
            &serde_json::json!({"ledger": 2, "watermark": 2})
        )
    );
    assert_eq!(
        ours["without"],
        serde_json::json!({"ledger": {"no_message_id": 1}, "watermark": {"no_message_id": 1}})
    );
    assert_eq!(
        report["bounces"],
        serde_json::json!({"ledger": 1, "unproven": 2})
    );
    // Who never sent has nothing to lose.
    assert_eq!(
        report["would_have_been_refused"],
        serde_json::json!({JOE: 1})
    );
    assert_eq!(report["safe_to_refuse"], false);
    let text = office.says(&["report", "coverage"], ("", ""));
    for told in [
        "without ledger: no_message_id 1\n",
        "no DKIM signature of yours was seen yet",
        "1  joe@example.org\n",
        "do not refuse unproven bounces yet (proof.unproven)\n",
        "only 66.6 % of the mail from example.org can prove its bounces\n",
        "1 bounces to 1 addresses that send mail were unproven",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }

    // `check` says the same, where the file would refuse.
    let doubt = "proof.unproven is reject and siege.unproven is reject, but only 66.6 % of the mail from example.org";
    let check = ["check", "--offline"];
    let refusing = ("proof: {", "proof: {unproven: reject, ");
    assert!(office.says(&check, refusing).contains(doubt));
    let accepting = ("proof: {", "siege: {unproven: tag}\nproof: {");
    assert!(!office.says(&check, accepting).contains("unproven is"));
    let monitored = (
        "proof: {",
        "proof: {unproven: {action: reject, monitor: true}, ",
    );
    let besieged = "\nsiege.unproven is reject, but only 66.6 %";
    assert!(office.says(&check, monitored).contains(besieged));

    holds_nothing_in_the_clear(office.folder.path());
}

/// But for the addresses that the reports have to name: senders of ours, and whom forged mail was returned to.
fn holds_nothing_in_the_clear(folder: &Path) {
    let files: Vec<PathBuf> = ["state.db", "state.db-wal"]
        .map(|name| folder.join(name))
        .into_iter()
        .filter(|file| file.exists())
        .collect();
    let octets = files.iter().flat_map(|file| fs::read(file).unwrap());
    let octets: Vec<u8> = octets.map(|octet| octet.to_ascii_lowercase()).collect();
    let holds = |text: &str| octets.windows(text.len()).any(|o| o == text.as_bytes());
    assert!(holds(JOE) && holds("watermark"), "{files:?}");
    for text in ["secret", "far", "friend", "elsewhere", "jane", "@pc"] {
        assert!(!holds(text), "{text} is in {files:?}");
    }
}

/// Where every bounce must have a tag, its content is not looked at; whose it was is told all the same.
#[test]
fn whose_bounces_would_be_refused_for_want_of_a_tag_is_told_too() {
    let required = "batv: {sign: true, required: true}, ledger: {remember: true}";
    for unproven in ["tag", "reject"] {
        let office = Office::open(&format!("{required}, unproven: {unproven}"));
        office.sends(JOE, &message("one"));
        for rcpt in [JOE, "made-up@example.org"] {
            let mut client = office.stage.session(SENDER);
            client.mail("", &[]).unwrap();
            assert_eq!(client.rcpt(rcpt, &[]).unwrap(), Reply::Continue);
            let refused = client.data().unwrap() != Reply::Continue;
            assert_eq!(refused, unproven == "reject");
            if !refused {
                headers(&mut client, BOUNCE).unwrap();
                assert_eq!(client.eom().unwrap().reply, Reply::Continue);
            }
        }
        let report = office.report(1, 2);
        assert_eq!(
            report["would_have_been_refused"],
            serde_json::json!({JOE: 1}),
            "{unproven}"
        );
        let line = office.stage.decision(JOE);
        assert_eq!(field(&line, "proof"), "weak:sender");
    }
}

/// Without the ledger nobody knows who sends, so nobody can say that none of it was genuine.
#[test]
fn without_a_ledger_the_report_does_not_say_that_it_is_safe() {
    let office = Office::open("watermark: {sign: true}");
    office.sends(JOE, &message("one"));
    office.gets(JOE, &body(FAR, &Ours::new("forged", FAR)));
    let report = office.report(1, 1);
    let doubts = report["doubts"].to_string();
    assert!(
        doubts.contains("1 bounces were unproven; use proof.ledger"),
        "{doubts}"
    );
}
