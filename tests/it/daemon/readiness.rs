//! `/readyz`: whether mail can be sent to this host, and why not.

use std::fs;

use lab::{
    backstop::Backstop,
    mta::{self, PATIENCE},
    process::{free_port, wait_until},
};

use super::{Stage, asking, binary, dns, metrics::ask, zone};

const OBSERVED: &str = "observe: {http: 127.0.0.1:0}\n";

impl Stage {
    fn readiness(&self) -> (String, String) {
        let (head, text) = ask(
            self.http(),
            "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        );
        (head.split(' ').nth(1).unwrap().to_owned(), text)
    }

    /// Waits for this status, and for a text that has all of these.
    #[track_caller]
    fn becomes(&self, status: &str, words: &[&str]) {
        let mut last = None;
        let waited = wait_until(PATIENCE, || {
            let (found, text) = self.readiness();
            let is_it = found == status && words.iter().all(|word| text.contains(word));
            last = Some((found, text));
            Ok(is_it)
        });
        assert!(waited.is_ok(), "no {status} {words:?}: {last:?}");
    }
}

#[test]
fn who_defers_nothing_is_ready() {
    let stage = Stage::set(OBSERVED);
    assert_eq!(stage.readiness(), ("200".to_owned(), "ready\n".to_owned()));
    // The running configuration stays, and is as good as before.
    stage.backstop.configure("mode: enfroce\n").unwrap();
    let _ = stage.backstop.reload();
    stage.numbers_with("backstop_reloads_total{result=\"failed\"}", 1.0);
    assert_eq!(stage.readiness().0, "200");
    let (_, page) = ask(stage.http(), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(page.contains("could not be read again"), "{page}");
}

#[test]
fn without_dns_it_is_not_ready() {
    let port = free_port().unwrap();
    let yaml = format!(
        "listen: inet:0@127.0.0.1\ndns: {{nameservers: [\"127.0.0.1:{port}\"], timeout: 100ms, budget: 1s}}\n{OBSERVED}"
    );
    let stage = Stage {
        backstop: Backstop::start(binary(), &yaml).unwrap(),
        dns: dns(zone()),
    };
    stage.becomes(
        "503",
        &["not ready\nDNS: 127.0.0.1", "no answer within 100ms"],
    );
    let (_, page) = ask(stage.http(), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(page.contains("Mail is deferred: DNS fails"), "{page}");
    // One of two is enough.
    let both = yaml.replace(
        &format!("\"127.0.0.1:{port}\""),
        &format!("\"127.0.0.1:{port}\", \"{}\"", stage.dns.addr()),
    );
    stage.backstop.configure(&both).unwrap();
    stage.backstop.reload().unwrap();
    stage.becomes(
        "200",
        &["ready\nDNS: ", "no answer within 100ms; ", "answers "],
    );
}

#[test]
fn a_list_that_was_never_read_makes_it_not_ready_and_an_older_copy_does() {
    let folder = mta::folder_in_memory().unwrap();
    let list = folder.path().join("list");
    // Whatever was to write it has failed, or has not finished.
    fs::write(&list, "").unwrap();
    let more = format!(
        "{OBSERVED}local: {{domains: [example.org]}}\nrecipients:\n  - domain: example.org\n    known: [{{file: {}}}]\n",
        list.display()
    );
    let stage = Stage::set(&more);
    stage.becomes("503", &["not ready\nList of recipients: ", "never was"]);
    fs::write(&list, "joe\nann\n").unwrap();
    stage.becomes("200", &["ready\n"]);
    fs::remove_file(&list).unwrap();
    stage.becomes(
        "200",
        &[
            "ready\nList of recipients: ",
            "the 2 addresses read before count",
        ],
    );
}

#[test]
fn mail_is_judged_without_a_store_so_it_is_ready() {
    let port = free_port().unwrap();
    let more =
        format!("{OBSERVED}local: {{domains: [example.org]}}\nstore: redis://127.0.0.1:{port}/0\n");
    let stage = Stage::set(&more);
    stage.becomes(
        "200",
        &["ready\nStore: is down, and mail is judged without it"],
    );
}

#[test]
fn a_directory_that_does_not_answer_makes_it_not_ready() {
    let port = free_port().unwrap();
    let more = format!(
        "{OBSERVED}local: {{domains: [example.org]}}\nrecipients:\n  - domain: example.org\n    known: [{{sql: {{url: 'postgres://b@127.0.0.1:{port}/m', query: 'SELECT 1 FROM m WHERE a = :address', timeout: 1s}}}}]\n"
    );
    let stage = Stage::set(&more);
    stage.becomes("503", &["not ready\nDirectory: postgres://"]);
    // Without it, nothing is missing.
    let yaml = asking(stage.dns.addr(), OBSERVED);
    stage.backstop.configure(&yaml).unwrap();
    stage.backstop.reload().unwrap();
    stage.becomes("200", &["ready\n"]);
}
