//! What `explain` and `replay` say where clients have answers of their own.

use std::fs;

use serde_json::Value;

use crate::stored::{FROM_RECEIVED, Lab, message, said};

/// The file's mode, and the row of example.org.
fn host(mode: &str, row: &str) -> Lab {
    let lab = Lab::new(mode);
    let rows = lab.file("tenants.yaml", format!("example.org: {row}\n"));
    let file = lab.path("milter.yaml");
    let config = fs::read_to_string(&file).unwrap();
    let tenants = format!(
        "tenants: {{allow: [mode, never_send], file: {}}}\n",
        rows.display()
    );
    fs::write(&file, config + &tenants).unwrap();
    lab
}

/// The answers of the row, with its place; the mode of each recipient is its domain's.
#[test]
fn explain_shows_the_row_that_answers() {
    let eml = |lab: &Lab| {
        let text = message(
            "192.0.2.20",
            "bob@friend.example",
            "joe@example.org",
            "Subject: cheap watches\n",
        );
        lab.file("x.eml", text)
    };
    for (mode, row, verdict, shown) in [
        ("enforce", "{mode: monitor}", "tag", "monitor"),
        ("monitor", "{mode: enforce}", "reject", "enforce"),
        ("monitor", "{never_send: [sales]}", "tag", "monitor"),
    ] {
        let lab = host(mode, row);
        let file = eml(&lab);
        let (_, report) = lab.json("explain", &file, &[FROM_RECEIVED]);
        let recipient = &report["recipients"][0];
        assert_eq!(recipient["after_headers"]["verdict"], verdict, "{report:#}");
        assert_eq!(report["mode"], mode);
        assert_eq!(recipient["mode"], shown, "{report:#}");
        let from = format!("{}:1", lab.path("tenants.yaml").display());
        assert_eq!(recipient["tenant"]["from"], from, "{report:#}");
        let answers = recipient["tenant"]["answers"].as_object().unwrap();
        let (key, value) = answers.iter().next().unwrap();
        let says = format!("{from}: {key} {}", value.as_str().unwrap());
        let path = file.to_str().unwrap();
        let text = said(&lab.run(&["explain", "--eml", path, FROM_RECEIVED]));
        assert!(text.contains(&says), "{says}: {text}");
        assert!(text.contains(&format!("; mode {shown}")), "{text}");
    }
}

/// As configured the client's mode counts, and enforcing is shown for all.
#[test]
fn replay_counts_a_client_in_monitor_once_in_its_mode_and_once_in_enforce() {
    for (mode, row, configured) in [
        ("enforce", "{mode: monitor}", "tag"),
        ("monitor", "{mode: enforce}", "reject"),
    ] {
        let lab = host(mode, row);
        let text = message(
            "192.0.2.20",
            "bob@friend.example",
            "joe@example.org",
            "Subject: cheap watches\n",
        );
        let eml = lab.file("x.eml", text);
        let (code, report) = lab.json("replay", &eml, &[FROM_RECEIVED]);
        assert_eq!(code, 0, "{report:#}");
        let only = |counts: &Value| counts[0]["verdict"].as_str().unwrap().to_owned();
        assert_eq!(only(&report["as_configured"]), configured, "{report:#}");
        assert_eq!(only(&report["enforced"]), "reject", "{report:#}");
        let path = eml.to_str().unwrap();
        let text = said(&lab.run(&["replay", path, FROM_RECEIVED]));
        for title in [
            "or that of the domain's row, as configured",
            "in mode enforce for all domains",
        ] {
            assert!(text.contains(title), "{title}: {text}");
        }
    }
}
