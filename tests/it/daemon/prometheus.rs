//! What `packaging/` has for Prometheus and Grafana, with a real Prometheus that reads a real daemon under mail.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use lab::{
    mta,
    process::{Daemon, free_port, wait_until},
};
use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

use super::status_page::{RULES, busy_with};
use crate::package::{path, text};

const ALERTS: &str = "packaging/prometheus/backstop.rules.yml";
const DASHBOARD: &str = "packaging/grafana/backstop.json";

/// The most that a test waits for Prometheus.
const PATIENCE: Duration = Duration::from_secs(60);

fn promtool(arguments: &[&str], file: &Path) -> Output {
    let mut command = Command::new("promtool");
    let output = command.args(arguments).arg(file).output();
    output.expect("promtool is there: tests/run installs it")
}

#[track_caller]
fn accepted(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_alert_rules_are_rules_and_fire_when_they_should() {
    accepted(&promtool(
        &["check", "rules", "--lint-fatal"],
        &path(ALERTS),
    ));
    let tests = path("tests/fixtures/prometheus/rules.test.yml");
    accepted(&promtool(&["test", "rules"], &tests));
    // Each of them is shown to fire.
    let (rules, tests) = (text(ALERTS), fs::read_to_string(tests).unwrap());
    let names = Regex::new(r"- alert: (\w+)").unwrap();
    let names: Vec<&str> = names
        .captures_iter(&rules)
        .map(|name| name.get(1).unwrap().as_str())
        .collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let fires = format!("{{labels: '{{alertname=\"{name}\"}}', value: 1}}");
        assert!(tests.contains(&fires), "no test of {name}");
    }
}

/// All that the dashboard asks Prometheus.
fn questions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)).unwrap();
    let mut found = Vec::new();
    collect(&dashboard, &mut found);
    assert!(found.len() > 25, "{found:?}");
    found
}

fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            if let Some(Value::String(expression)) = entries.get("expr") {
                let range = expression.replace("$__rate_interval", "10s");
                into.push(range.replace("$instance", ".+"));
            }
            entries.values().for_each(|value| collect(value, into));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, into)),
        _ => {}
    }
}

/// The metrics of ours that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let names = Regex::new(r"\bbackstop_[a-z_]+").unwrap();
    let found = names.find_iter(text).map(|name| name.as_str().to_owned());
    found.collect()
}

#[test]
fn panels_do_not_overlap_and_say_what_they_show() {
    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)).unwrap();
    let mut taken = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(panel["description"].as_str().unwrap().len() > 9, "{panel}");
        let place = |of: &str| panel["gridPos"][of].as_u64().unwrap();
        for x in place("x")..place("x") + place("w") {
            assert!(x < 24, "{panel}");
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{panel}");
            }
        }
    }
}

/// A Prometheus of its own, which reads a daemon each second.
struct Prometheus {
    address: SocketAddr,
    _daemon: Daemon,
    _folder: TempDir,
}

impl Prometheus {
    fn reading(target: SocketAddr) -> Self {
        let folder = mta::folder_in_memory().unwrap();
        let config = folder.path().join("prometheus.yml");
        let yaml = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{}']\n\
             scrape_configs: [{{job_name: backstop, static_configs: [{{targets: ['{target}']}}]}}]\n",
            path(ALERTS).display()
        );
        fs::write(&config, yaml).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port().unwrap()));
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut launcher = Command::new("prometheus");
        launcher
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let daemon = Daemon::spawn(&mut launcher, folder.path()).unwrap();
        Self {
            address,
            _daemon: daemon,
            _folder: folder,
        }
    }

    /// What it answers; none while it starts.
    fn get(&self, path: &str, query: &str) -> Option<Value> {
        let query = percent(query);
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "GET /api/v1/{path}?query={query} HTTP/1.0\r\nHost: localhost\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        serde_json::from_str(body).ok()
    }

    fn result(&self, query: &str) -> Vec<Value> {
        let Some(answer) = self.get("query", query) else {
            return Vec::new();
        };
        match answer["status"].as_str() {
            Some("success") => answer["data"]["result"].as_array().unwrap().clone(),
            _ if answer["errorType"] == "unavailable" => Vec::new(),
            _ => panic!("{query}: {answer}"),
        }
    }
}

fn percent(text: &str) -> String {
    let bytes = text.bytes().map(|byte| format!("%{byte:02x}"));
    bytes.collect()
}

#[test]
fn all_that_is_asked_is_there_while_mail_comes() {
    // With lists of domains and rows of tenants, which have metrics of their own.
    let folder = mta::folder_in_memory().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let domains = format!("[{{file: {}}}]", file("domains", "example.org\n"));
    let rows = file("tenants.csv", "domain,mode\nexample.org,enforce\n");
    let rules = RULES.replace("[example.org]}", &format!("{domains}}}"));
    assert_ne!(rules, RULES);
    let rules = format!("{rules}tenants: {{file: {rows}, allow: [mode]}}\n");
    let stage = busy_with("enforce", "http: 127.0.0.1:0", &rules);
    let prometheus = Prometheus::reading(stage.http());
    // Rates need two readings with mail between them.
    let expected = "rate(backstop_verdicts_total{verdict=\"accept\"}[20s]) > 0";
    wait_until(PATIENCE, || {
        stage.serves();
        Ok(!prometheus.result(expected).is_empty())
    })
    .unwrap();

    let (questions, rules) = (questions(), text(ALERTS));
    let texts = questions.iter().chain([&rules]);
    let names: BTreeSet<String> = texts.flat_map(|text| named(text)).collect();
    assert!(names.len() > 20, "{names:?}");
    let missing: Vec<_> = names
        .iter()
        .filter(|name| prometheus.result(name).is_empty())
        .collect();
    assert!(missing.is_empty(), "the daemon does not have: {missing:?}");
    // Each can be asked, or it panics. While all is well, there is nothing that enforcing would refuse, no violation, and no
    // start in the middle.
    let silent: Vec<_> = questions
        .iter()
        .filter(|question| prometheus.result(question).is_empty())
        .collect();
    assert!(silent.len() <= 3, "{silent:#?}");
    let alerts = rules.matches("- alert: ").count();
    wait_until(PATIENCE, || {
        let read = prometheus.get("rules", "").unwrap_or_default().to_string();
        assert!(!read.contains("\"health\":\"err\""), "{read}");
        Ok(read.matches("\"health\":\"ok\"").count() == alerts)
    })
    .unwrap();
}
