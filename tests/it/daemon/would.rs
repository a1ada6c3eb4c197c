//! From monitor to enforce: `backstop report would` names what would be refused, and its lines of the file spare it.

use std::{fs, path::Path, process::Command};

use lab::{
    backstop::Backstop,
    milter::{Reply, wire::command},
    mta,
};
use serde_json::Value;

use super::{SENDER, STRANGER, Stage, asking, binary, dns, zone};

fn stage(yaml: &str, folder: tempfile::TempDir) -> Stage {
    let dns = dns(zone());
    let yaml = asking(dns.addr(), yaml);
    let backstop = Backstop::start_in(binary(), &yaml, folder).unwrap();
    Stage { backstop, dns }
}

/// Whether a message is accepted to its end.
fn comes(stage: &Stage, client: &str, sender: &str, queue_id: &str) -> bool {
    let mut client = stage.session(client);
    client.mail(sender, &[]).unwrap();
    client.macros(command::RCPT, &[("i", queue_id)]).unwrap();
    if client.rcpt("joe@example.org", &[]).unwrap() != Reply::Continue {
        return false;
    }
    client.data().unwrap();
    super::headers(&mut client, "From: x@y.example\nSubject: hello\n").unwrap();
    client
        .macros(command::END_OF_MESSAGE, &[("i", queue_id)])
        .unwrap();
    let reply = client.eom().unwrap().reply;
    client.quit().unwrap();
    reply == Reply::Continue
}

fn report(config: &Path, arguments: &[&str]) -> String {
    let output = Command::new(binary())
        .args(["report", "would", "--config"])
        .arg(config)
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn its_lines_lead_from_monitor_to_enforce() {
    let folder = mta::folder_in_memory().unwrap();
    let store = folder.path().join("state.db");
    let yaml = format!(
        "mode: monitor\nlocal: {{domains: [example.org]}}\nspf:\n  trusted_forwarders: []\nstore: sqlite:{}\n",
        store.display()
    );
    let mut stage = stage(&yaml, folder);
    for number in 0..3 {
        assert!(comes(
            &stage,
            STRANGER,
            "news@pass.example",
            &format!("4dY{number}")
        ));
    }
    assert!(comes(&stage, SENDER, "bob@pass.example", "4dZ1"));
    assert!(comes(&stage, STRANGER, "joe@fail.example", "4dZ2"));
    stage.backstop.stop().unwrap();

    let config = stage.backstop.config().to_owned();
    let json: Value = serde_json::from_str(&report(&config, &["--json"])).unwrap();
    let groups = json["groups"].as_array().unwrap();
    let of = |group: &Value| {
        let words = ["action", "reason", "sender", "client"];
        words
            .map(|word| group[word].as_str().unwrap().to_owned())
            .join(" ")
    };
    // The one who writes otherwise comes first.
    assert_eq!(
        of(&groups[0]),
        format!("reject spf_fail pass.example {STRANGER}")
    );
    assert_eq!(
        of(&groups[1]),
        format!("reject spf_fail fail.example {STRANGER}")
    );
    assert_eq!(groups.len(), 2);
    assert_eq!(
        (&groups[0]["recipients"], &json["recipients"]),
        (&3.into(), &4.into())
    );
    assert_eq!(groups[0]["accepted_otherwise"], 1);
    let example = &groups[0]["example"];
    assert_eq!(example["queue_id"], "4dY2");
    assert_eq!(example["recipient"], "joe@example.org");
    assert_eq!(
        (&example["spf"], &example["spf_helo"]),
        (&"fail".into(), &"none".into())
    );
    assert!(humantime::parse_rfc3339(example["time"].as_str().unwrap()).is_ok());
    for time in ["from", "to"] {
        assert!(humantime::parse_rfc3339(json[time].as_str().unwrap()).is_ok());
    }
    let text = report(&config, &["--since", "2d"]);
    for part in [
        "mail that `mode: enforce` would have refused",
        "other mail of this sender was accepted: 1",
        "queue id 4dY2, to joe@example.org",
        &format!("milter.yaml:6: trusted_forwarders: [{STRANGER}]"),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }

    // The line goes into the file, and the mode becomes enforce.
    let line = groups[0]["spare"]["line"].as_u64().unwrap();
    let written = groups[0]["spare"]["text"].as_str().unwrap();
    let former = fs::read_to_string(&config).unwrap();
    let lines = former
        .lines()
        .enumerate()
        .map(|(at, old)| match at as u64 + 1 == line {
            true => format!("  {written}\n"),
            false => format!("{}\n", old.replace("monitor", "enforce")),
        });
    let yaml: String = lines.collect();
    let rest: String = yaml
        .lines()
        .skip(2)
        .map(|line| format!("{line}\n"))
        .collect();
    let sources = mta::folder_in_memory().unwrap();
    let stage = self::stage(&rest, sources);
    assert!(comes(&stage, STRANGER, "news@pass.example", "4dY9"));
    let config = stage.backstop.config().to_owned();
    assert!(report(&config, &[]).contains("spares it by now (spf.trusted_forwarders)"));
}

#[test]
fn a_site_that_only_enforces_counts_nothing() {
    let folder = mta::folder_in_memory().unwrap();
    let store = folder.path().join("state.db");
    let yaml = format!(
        "mode: enforce\nlocal: {{domains: [example.org]}}\nstore: sqlite:{}\n",
        store.display()
    );
    let mut stage = stage(&yaml, folder);
    assert!(!comes(&stage, STRANGER, "joe@fail.example", "4dZ2"));
    assert!(comes(&stage, SENDER, "bob@pass.example", "4dZ1"));
    stage.backstop.stop().unwrap();
    let text = report(&stage.backstop.config(), &["--since", "30d"]);
    assert!(text.contains("\nnone\n"), "{text}");
}
