//! `backstop advise` and `backstop check` with real DNS, and a store that has counted.

use std::{fs, net::IpAddr, process::Output};

use backstop::{
    core::{
        aggregate::{AggregateReport, Checked, ReportKey, Row},
        proof::coverage::CoverageCount,
    },
    store::open,
};
use lab::dns::{Server, Zone};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::store::{
    place::{KEEP, now},
    would::would,
};

const ZONE: &str = r#"
example.org:
  - MX: [10, mx.example.org]
  - TXT: "v=spf1 mx ?all"
mx.example.org:
  - A: 192.0.2.25
25.2.0.192.in-addr.arpa:
  - PTR: mx.example.org
_dmarc.example.org:
  - TXT: "v=DMARC1; p=none; rua=mailto:dmarc@example.org"
_spf.service.example:
  - TXT: "v=spf1 ip4:198.51.100.0/28 -all"
s2026._domainkey.example.org:
  - TXT: "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
"#;

struct Desk {
    folder: TempDir,
    dns: Server,
}

impl Desk {
    async fn new() -> Self {
        let folder = lab::mta::folder_in_memory().unwrap();
        let dns = Server::start(Zone::from_yaml(ZONE).unwrap()).await;
        let yaml = format!(
            "mode: monitor\nlocal: {{domains: [example.org]}}\nstore: sqlite:{}/state.db\n\
             dns: {{nameservers: ['{}'], timeout: 500ms, budget: 2s}}\nforgery: {{header_from: reject}}\n",
            folder.path().display(),
            dns.addr(),
        );
        fs::write(folder.path().join("milter.yaml"), yaml).unwrap();
        Self { folder, dns }
    }

    /// What a day of mail left in the store.
    async fn count(&self) {
        let url = format!("sqlite:{}", self.folder.path().join("state.db").display());
        let store = open(&url.parse().unwrap(), KEEP);
        let today = now() / 86_400;
        for outcome in [CoverageCount::MESSAGE, CoverageCount::MESSAGE, "dkim"] {
            store.count(
                today,
                CoverageCount::Outgoing {
                    domain: "example.org".to_owned(),
                    outcome: outcome.to_owned(),
                },
            );
        }
        let signed = CoverageCount::Signed {
            domain: "example.org".to_owned(),
            selector: "s2026".to_owned(),
        };
        store.count(today, signed);
        let forged = would("mail_from_forged", "example.org", "203.0.113.9", now());
        store.count_would(today, vec![forged], None);
        store.flush().await;
        let reports = ["a.example", "b.example", "c.example"].map(report);
        store.import_reports(reports.to_vec()).await.unwrap();
        store.close().await;
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstop"));
        command.args(arguments).arg("--config=milter.yaml");
        command.current_dir(self.folder.path());
        command.output().await.unwrap()
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }
}

/// Ten messages of a host that is nobody's.
fn report(reporter: &str) -> AggregateReport {
    let domain = || "example.org".parse().unwrap();
    let end = now() - 86_400;
    let key = ReportKey {
        reporter: reporter.parse().unwrap(),
        domain: domain(),
        id: "1".to_owned(),
        begin: end - 86_399,
        end,
    };
    let row = Row {
        source: IpAddr::from([203, 0, 113, 66]),
        header_from: domain(),
        spf_aligned: false,
        dkim_aligned: false,
        spf: vec![Checked {
            domain: domain(),
            selector: String::new(),
            passes: false,
        }],
        dkim: Vec::new(),
        messages: 10,
    };
    AggregateReport::new(key, reporter.to_owned(), [row])
}

fn texts(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_has_counted_is_in_the_advice() {
    let desk = Desk::new().await;
    desk.count().await;
    let json = desk
        .json(&["advise", "--sender=include:_spf.service.example"])
        .await;
    let domain = &json["domains"][0];
    let counted = domain["counted"].as_str().unwrap();
    for part in [
        "In 1 day, 2 messages of it left through this host, 1 of them with a DKIM signature",
        "1 message from 1 sender came",
        "3 reporters told of 30 messages with its From:, of which 30 fail DMARC",
    ] {
        assert!(counted.contains(part), "{counted}");
    }
    let questions = texts(&domain["questions"]);
    assert!(
        questions[0].starts_with("203.0.113.66 sent 30 messages"),
        "{questions:?}"
    );
    assert!(
        questions[1].starts_with("203.0.113.9 sent 1 message here"),
        "{questions:?}"
    );
    let published = domain["published"].as_array().unwrap();
    let key = published
        .iter()
        .find(|found| found["what"] == "DKIM")
        .unwrap();
    assert_eq!(key["record"], "s2026: Ed25519; 1 message signed");
    let steps = domain["steps"].as_array().unwrap();
    let spf = steps[0]["records"][0]["value"].as_str().unwrap();
    assert!(
        spf.starts_with("v=spf1 mx ") && spf.ends_with(" include:_spf.service.example ~all"),
        "{spf}"
    );
    assert_eq!(steps[0]["breaks_messages"], 1);
    assert_eq!(steps[3]["records"][0]["name"], "_dmarc.example.org");
    assert_eq!(steps[3]["breaks_messages"], 31);
    assert!(
        desk.dns
            .count("s2026._domainkey.example.org", lab::dns::RecordType::TXT)
            > 0
    );
}

/// Reports are imported by hand, also where the daemon keeps nothing.
#[tokio::test(flavor = "multi_thread")]
async fn reports_count_where_nothing_else_is_counted() {
    let desk = Desk::new().await;
    desk.count().await;
    let file = desk.folder.path().join("milter.yaml");
    let yaml = fs::read_to_string(&file)
        .unwrap()
        .replace("mode: monitor", "mode: enforce");
    let off = "siege: {watch: false}\nproof: {dkim: {verify: false}}\n";
    fs::write(file, format!("{yaml}{off}")).unwrap();
    let json = desk.json(&["advise"]).await;
    let counted = json["domains"][0]["counted"].as_str().unwrap();
    for part in [
        "Nothing is known of its mail: nothing is counted",
        "3 reporters told of 30 messages",
    ] {
        assert!(counted.contains(part), "{counted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_store_the_advice_says_what_is_not_known() {
    let desk = Desk::new().await;
    let output = desk.run(&["advise", "--never-sends", "example.org"]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for part in [
        "example.org (nothing is sent with it)\n",
        "the store does not exist yet",
        "example.org. IN TXT \"v=spf1 -all\"",
        "breaks: nobody, if nothing is sent with it",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_of_its_arguments_are_told() {
    let desk = Desk::new().await;
    for (arguments, told) in [
        (&["--never-sends"][..], "<DOMAIN>"),
        (
            &["--transactional", "--never-sends", "example.org"],
            "cannot be used with",
        ),
        (&["--sender=mailhost"], "names no sender"),
        (&["--sender=192.0.2.7/24"], "use 192.0.2.0/24"),
        (&["--sender=0.0.0.0/0"], "too large"),
        (&["--rua=dmarc"], "expected a mail address"),
        (
            &["--rua=a@example.org,b@example.org"],
            "expected a mail address",
        ),
        (&["--selector=a b"], "--selector"),
        (&["exa mple"], "DOMAIN"),
    ] {
        let output = desk.run(&[&["advise"], arguments].concat()).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {said}");
        assert!(said.contains(told), "{arguments:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_warns_where_the_file_contradicts_dns() {
    let desk = Desk::new().await;
    let json = desk.json(&["check"]).await;
    let warnings = json["warnings"].as_array().unwrap();
    let said: Vec<&str> = warnings
        .iter()
        .map(|warning| warning["message"].as_str().unwrap())
        .collect();
    let expected = "forgery.header_from is reject, but DMARC of example.org asks nobody else to act on a forged From:";
    assert!(
        said.iter().any(|message| message.starts_with(expected)),
        "{said:?}"
    );
    let offline = desk.json(&["check", "--offline"]).await.to_string();
    assert!(!offline.contains("DMARC"), "{offline}");
}
