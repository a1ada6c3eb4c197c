//! `observe.http`: the numbers, and that nobody can do harm by asking for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use lab::{
    backstop::Backstop,
    milter::Client,
    mta,
    process::{free_port, wait_until},
};

use super::{ENFORCE, SENDER, STRANGER, Stage, asking, assert_refused, binary, introduce};
use crate::package::text;

const OBSERVED: &str =
    "mode: enforce\nlocal: {domains: [example.org]}\nobserve: {http: 127.0.0.1:0}\n";

/// The most that a test waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

impl Stage {
    /// Where the metrics are, as the daemon told.
    pub(super) fn http(&self) -> SocketAddr {
        let line = self.backstop.wait_for_log("metrics are at ").unwrap();
        let (_, rest) = line.split_once("http://").unwrap();
        rest.strip_suffix("/metrics").unwrap().parse().unwrap()
    }

    pub(super) fn numbers(&self) -> Numbers {
        numbers(self.http())
    }

    /// The numbers once one of them has this value: what is counted at the end of a message comes a little after it.
    pub(super) fn numbers_with(&self, name: &str, value: f64) -> Numbers {
        let begun = Instant::now();
        loop {
            let numbers = self.numbers();
            if numbers.get(name) == Some(&value) {
                return numbers;
            }
            assert!(begun.elapsed() < PATIENCE, "{name} {value}: {numbers:#?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Each series, as it is written, and its value.
pub(super) type Numbers = BTreeMap<String, f64>;

fn numbers(http: SocketAddr) -> Numbers {
    let (head, page) = ask(http, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// Says something, and reads all that comes until the daemon hangs up: head and body.
pub(super) fn ask(http: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(http).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (format!("{head}\r\n"), body.to_owned())
}

/// Waits until the daemon hangs up.
fn hung_up(mut stream: TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    match stream.read_to_end(&mut Vec::new()) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}"),
    }
}

fn verdicts(action: &str, reason: &str, would: &str) -> String {
    format!("backstop_verdicts_total{{verdict=\"{action}\",reason=\"{reason}\",would=\"{would}\"}}")
}

#[test]
fn messages_are_counted_by_what_became_of_them() {
    let more = format!(
        "{OBSERVED}recipients:\n  - domain: example.org\n    known: [{{addresses: [joe, well]}}]\n    catch_all: {{bounces: {{action: reject, monitor: true}}}}\n"
    );
    let stage = Stage::set(&more);
    let before = stage.numbers();
    assert_eq!(before["backstop_messages_in_progress"], 0.0);
    assert_eq!(before["backstop_connections_accepted_total"], 0.0);
    let pass = "backstop_spf_total{identity=\"mailfrom\",result=\"pass\"}";
    let fail = "backstop_spf_total{identity=\"mailfrom\",result=\"fail\"}";
    assert_eq!((before[pass], before[fail]), (0.0, 0.0));
    assert!(!before.keys().any(|name| name.contains("verdicts")));

    stage.serves();
    stage.serves();
    let mut client = stage.session(STRANGER);
    client.mail("a@fail.example", &[]).unwrap();
    for rcpt in ["joe@example.org", "well@example.org", "x@example.org"] {
        super::assert_refused(client.rcpt(rcpt, &[]), "550 ");
    }
    // The two that just quit may be there for a moment yet.
    let during = stage.numbers_with("backstop_connections_open", 1.0);
    assert_eq!(during["backstop_messages_in_progress"], 1.0);
    client.abort().unwrap();
    client.mail("", &[]).unwrap();
    client.rcpt("nobody@example.org", &[]).unwrap();
    client.abort().unwrap();
    client.mail("a@pass.example", &[]).unwrap();
    // Refused by the MTA itself.
    let refused = [("{rcpt_mailer}", "error"), ("{rcpt_host}", "5.1.1")];
    client.macros(b'R', &refused).unwrap();
    client.rcpt("guess@example.org", &[]).unwrap();
    client.quit().unwrap();

    let after = stage.numbers_with("backstop_connections_open", 0.0);
    assert_eq!(after[&verdicts("reject", "spf_fail", "none")], 3.0);
    assert_eq!(after[&verdicts("accept", "nothing_found", "none")], 2.0);
    assert_eq!(after[&verdicts("tag", "catch_all_bounce", "reject")], 1.0);
    assert_eq!(after[&verdicts("accept", "refused_by_mta", "none")], 1.0);
    // Of each message once, whatever the number of its recipients.
    assert_eq!((after[pass], after[fail]), (2.0, 1.0));
    assert_eq!(after["backstop_messages_in_progress"], 0.0);
    assert_eq!(after["backstop_connections_accepted_total"], 3.0);
    let violations = after.iter().filter(|(name, _)| name.contains("violation"));
    assert_eq!(violations.map(|(_, count)| count).sum::<f64>(), 0.0);
}

#[test]
fn proofs_and_the_store_are_counted() {
    let stage = Stage::set(&format!("{OBSERVED}proof: {{unproven: reject}}\n"));
    let mut client = stage.session(SENDER);
    client.mail("", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();
    super::headers(
        &mut client,
        "From: MAILER-DAEMON@mx.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=x",
    )
    .unwrap();
    client.body(b"--x\r\n\r\nIt failed.\r\n--x--\r\n").unwrap();
    super::assert_refused(client.eom().map(|outcome| outcome.reply), "550 ");
    let numbers = stage.numbers_with("backstop_proofs_total{outcome=\"unproven\"}", 1.0);
    assert_eq!(numbers[&verdicts("reject", "unproven", "none")], 1.0);
    assert_eq!(numbers["backstop_store_up"], 1.0);
    assert_eq!(numbers["backstop_store_lost_messages"], 0.0);
    assert_eq!(numbers["backstop_store_lost_counts_total"], 0.0);
    assert_eq!(numbers["backstop_store_failures_total"], 0.0);
}

#[test]
fn a_store_that_is_down_and_a_list_that_is_gone_are_told() {
    let folder = mta::folder_in_memory().unwrap();
    let list = folder.path().join("list");
    fs::write(&list, "joe\n").unwrap();
    let rows = folder.path().join("rows.yaml");
    fs::write(
        &rows,
        "example.org: {mode: enforce}\nexample.net: {mode: x}\n",
    )
    .unwrap();
    // A port where nobody listens.
    let port = free_port().unwrap();
    let more = format!(
        "{OBSERVED}store: redis://127.0.0.1:{port}/0\nrecipients:\n  - domain: example.org\n    known: [{{file: {}}}]\n\
         tenants: {{allow: [mode], file: {}}}\n",
        list.display(),
        rows.display()
    );
    let stage = Stage::set(&more);
    let numbers = stage.numbers_with("backstop_store_up", 0.0);
    assert_eq!(numbers["backstop_recipient_lists_unreadable"], 0.0);
    assert_eq!(numbers["backstop_tenants_up"], 1.0);
    assert_eq!(numbers["backstop_tenants_silent_seconds"], 0.0);
    assert_eq!(numbers["backstop_tenant_rows"], 2.0);
    assert_eq!(numbers["backstop_tenant_rows_wrong"], 1.0);
    fs::write(
        &rows,
        "example.org: {mode: enforce}\nexample.net: {}\na.example: {}\n",
    )
    .unwrap();
    let numbers = stage.numbers_with("backstop_tenant_rows", 3.0);
    assert_eq!(numbers["backstop_tenant_rows_wrong"], 0.0);
    fs::remove_file(&rows).unwrap();
    let numbers = stage.numbers_with("backstop_tenants_up", 0.0);
    assert_eq!(numbers["backstop_tenant_rows"], 3.0);
    fs::remove_file(&list).unwrap();
    stage.numbers_with("backstop_recipient_lists_unreadable", 1.0);
    fs::write(&list, "ann\n").unwrap();
    stage.numbers_with("backstop_recipient_lists_unreadable", 0.0);
}

#[test]
fn no_stranger_makes_a_series() {
    let stage = Stage::set(OBSERVED);
    let talk = |round: usize| {
        for number in 0..30 {
            let mark = format!("evil{round}x{number}");
            let mut client = stage.client();
            client
                .connect(&mark, lab::milter::Peer::at("192.0.2.1".parse().unwrap()))
                .unwrap();
            client.helo(&format!("{mark}\"}} 1\n{mark}")).unwrap();
            client.mail(&format!("{mark}@{mark}.example"), &[]).unwrap();
            client.rcpt(&format!("{mark}@example.org"), &[]).unwrap();
            let _ = super::headers(&mut client, &format!("Subject: {mark}\nX-{mark}: {mark}"));
            let _ = client.eom();
            let mut stream = TcpStream::connect(stage.http()).unwrap();
            let request = format!("GET /{mark} HTTP/1.1\r\nHost: {mark}\r\nX: {mark}\r\n\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            hung_up(stream);
        }
        let (_, page) = ask(stage.http(), "GET /metrics HTTP/1.0\r\n\r\n");
        assert!(!page.contains("evil"), "{page}");
        let series = numbers(stage.http());
        series.into_keys().collect::<BTreeSet<_>>()
    };
    let first = talk(1);
    assert!(first.len() > 20, "{first:?}");
    assert_eq!(talk(2), first);
}

#[test]
fn four_pages_can_be_read_and_nothing_be_done() {
    let stage = Stage::set(OBSERVED);
    let http = stage.http();
    let status = |request: &str| {
        let (head, body) = ask(http, &format!("{request}\r\nHost: localhost\r\n\r\n"));
        let status = head.split(' ').nth(1).unwrap().to_owned();
        (status, head, body)
    };
    let (code, head, body) = status("GET /healthz HTTP/1.1");
    assert_eq!((code.as_str(), body.as_str()), ("200", "ok\n"));
    assert!(
        head.to_lowercase().contains("connection: close\r\n"),
        "{head}"
    );
    let (code, head, body) = status("HEAD /metrics HTTP/1.1");
    assert_eq!((code.as_str(), body.as_str()), ("200", ""));
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    for path in [
        "/status",
        "/metrics/",
        "/metrics/x",
        "/../etc/passwd",
        "//metrics",
        "*",
    ] {
        assert_eq!(status(&format!("GET {path} HTTP/1.1")).0, "404", "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let (code, head, _) = status(&format!("{method} /metrics HTTP/1.1"));
        assert_eq!(code, "405", "{method}");
        assert!(head.contains("allow: GET, HEAD\r\n"), "{head}");
    }
    assert_eq!(status("GET /metrics HTTP/1.1\r\nno header").0, "400");
    let large = format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(20_000));
    assert_eq!(status(&large).0, "431");
    let many = "GET /metrics HTTP/1.1".to_owned() + &"\r\nX: y".repeat(100);
    assert_eq!(status(&many).0, "431");
    stage.serves();
}

#[test]
fn a_web_page_cannot_read_them_by_its_own_name() {
    let stage = Stage::set(OBSERVED);
    let http = stage.http();
    let status = |request: &str| {
        let (head, body) = ask(http, &format!("{request}\r\n\r\n"));
        (head.split(' ').nth(1).unwrap().to_owned(), body)
    };
    for page in ["/metrics", "/healthz", "/readyz", "/"] {
        let (code, body) = status(&format!("GET {page} HTTP/1.1\r\nHost: evil.example"));
        assert_eq!(code, "421", "{page}");
        assert!(
            body.contains("observe.hosts of milter.yaml"),
            "{page}: {body}"
        );
    }
    let port = http.port();
    for (request, expected) in [
        (format!("GET /metrics HTTP/1.1\r\nHost: {http}"), "200"),
        (
            format!("GET /metrics HTTP/1.1\r\nHost: LOCALHOST.:{port}"),
            "200",
        ),
        ("GET /metrics HTTP/1.0".to_owned(), "200"),
        ("GET /metrics HTTP/1.1".to_owned(), "400"),
        (
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example".to_owned(),
            "400",
        ),
        (
            "GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost".to_owned(),
            "421",
        ),
        (
            "GET /metrics HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost".to_owned(),
            "421",
        ),
    ] {
        assert_eq!(status(&request).0, expected, "{request}");
    }
    let asked = "GET /metrics HTTP/1.1\r\nHost: mx.example.org";
    assert_eq!(status(asked).0, "421");
    let line = stage.backstop.wait_for_log("observe.hosts: ").unwrap();
    assert!(line.contains("`evil.example`"), "{line}");
    let more = OBSERVED.replace("127.0.0.1:0", "127.0.0.1:0, hosts: [mx.example.org]");
    stage
        .backstop
        .configure(&asking(stage.dns.addr(), &more))
        .unwrap();
    stage.backstop.reload().unwrap();
    stage.numbers_with("backstop_reloads_total{result=\"done\"}", 1.0);
    assert_eq!(status(asked).0, "200");
    let log = stage.backstop.log();
    assert_eq!(log.matches("observe.hosts: ").count(), 1, "{log}");
}

#[test]
fn a_hundred_slow_clients_hurt_neither_mail_nor_memory_and_are_gone_soon() {
    let stage = Stage::set(OBSERVED);
    let http = stage.http();
    let begun = Instant::now();
    let mut slow: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(http).unwrap();
            // All but the first are closed at once.
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nX: ");
            stream
        })
        .collect();
    stage.serves();
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    let warning = stage
        .backstop
        .wait_for_log("observe.http: a connection was closed")
        .unwrap();
    assert!(warning.contains("16 are open"), "{warning}");
    // A drop now and then does not make it last.
    wait_until(PATIENCE, || {
        slow.retain_mut(|stream| stream.write_all(b"x").is_ok());
        Ok(slow.is_empty())
    })
    .unwrap();
    assert_eq!(numbers(http)["backstop_messages_in_progress"], 0.0);
    let log = stage.backstop.log();
    assert!(log.matches("closed at once").count() <= 2, "{log}");
    stage.serves();
}

#[test]
fn a_reload_keeps_the_counts_and_is_counted() {
    let stage = Stage::set(OBSERVED);
    stage.serves();
    let accepted = verdicts("accept", "nothing_found", "none");
    let before = stage.numbers_with(&accepted, 1.0);
    let rewrite = |more: &str| {
        let yaml = asking(stage.dns.addr(), more);
        stage.backstop.configure(&yaml).unwrap();
        stage.backstop.reload().unwrap();
    };
    rewrite(&OBSERVED.replace("enforce", "monitor"));
    let after = stage.numbers_with("backstop_reloads_total{result=\"done\"}", 1.0);
    assert_eq!(after[&accepted], 1.0);
    let started = "backstop_start_time_seconds";
    assert_eq!(after[started], before[started]);
    rewrite("mode: enfroce\n");
    stage.numbers_with("backstop_reloads_total{result=\"failed\"}", 1.0);
    stage.serves();
    stage.numbers_with(&accepted, 2.0);
}

#[test]
fn whoever_asks_does_not_hold_up_the_end() {
    let mut stage = Stage::set(OBSERVED);
    let http = stage.http();
    let mut mail = stage.session(SENDER);
    mail.mail("a@pass.example", &[]).unwrap();
    let mut slow = TcpStream::connect(http).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\n").unwrap();
    stage.numbers_with("backstop_messages_in_progress", 1.0);
    stage.backstop.terminate().unwrap();
    stage
        .backstop
        .wait_for_log("stopping; messages in progress: 1")
        .unwrap();
    // The next daemon can have the port while this one ends.
    let begun = Instant::now();
    while TcpStream::connect(http).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(5));
        thread::sleep(Duration::from_millis(10));
    }
    assert_refused(mail.rcpt("joe@example.org", &[]), "451 4.3.2 ");
    drop(mail);
    assert!(
        stage
            .backstop
            .ended(Duration::from_secs(5))
            .unwrap()
            .success()
    );
    hung_up(slow);
}

#[test]
fn a_port_that_is_taken_is_said_to_be() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = mta::folder_in_memory().unwrap();
    let config = folder.path().join("milter.yaml");
    let yaml = format!("listen: inet:0@127.0.0.1\nobserve: {{http: \"{address}\"}}\n");
    fs::write(&config, yaml).unwrap();
    let output = Command::new(binary())
        .arg("--config")
        .arg(&config)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    let says = format!(
        "backstop: observe.http: another process listens on {address}; stop it, or listen elsewhere"
    );
    assert!(said.contains(&says), "{said}");
}

#[test]
fn without_the_key_there_is_no_port() {
    let stage = Stage::set(ENFORCE);
    stage.serves();
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let descriptors = fs::read_dir(format!("/proc/{}/fd", stage.backstop.id())).unwrap();
    let own: BTreeSet<String> = descriptors
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter_map(|link| {
            let link = link
                .to_str()?
                .strip_prefix("socket:[")?
                .strip_suffix(']')?
                .to_owned();
            Some(link)
        })
        .collect();
    let listening = sockets.lines().filter(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(3) == Some(&"0A") && words.get(9).is_some_and(|inode| own.contains(*inode))
    });
    assert_eq!(listening.count(), 1, "{sockets}");
    assert!(!stage.backstop.log().contains("metrics"));
}

/// What Prometheus' own library for another language makes of the page.
#[test]
fn others_can_parse_it() {
    let stage = Stage::set(OBSERVED);
    stage.serves();
    let accepted = verdicts("accept", "nothing_found", "none");
    stage.numbers_with(&accepted, 1.0);
    let (_, page) = ask(stage.http(), "GET /metrics HTTP/1.0\r\n\r\n");
    let script = "import sys\n\
        from prometheus_client.parser import text_string_to_metric_families as parse\n\
        for family in parse(sys.stdin.read()):\n\
        \x20   assert family.documentation.endswith('.'), family\n\
        \x20   assert family.type in ('counter', 'gauge', 'histogram'), family\n\
        \x20   for name, labels, value, *_ in family.samples:\n\
        \x20       print(name, sorted(labels.items()), value)\n";
    let mut parser = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    parser
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let output = parser.wait_with_output().unwrap();
    assert!(output.status.success(), "{page}");
    let read = String::from_utf8(output.stdout).unwrap();
    let samples = page.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(read.lines().count(), samples, "{read}\n{page}");
    let verdict = "backstop_verdicts_total [('reason', 'nothing_found'), ('verdict', 'accept'), ('would', 'none')] 1.0";
    assert!(read.lines().any(|line| line == verdict), "{read}");
}

/// backstop(8) has each name, and no other.
#[test]
fn the_manual_page_lists_them() {
    let folder = mta::folder_in_memory().unwrap();
    let (rows, list) = (
        folder.path().join("rows.yaml"),
        folder.path().join("domains"),
    );
    fs::write(&rows, "{}\n").unwrap();
    fs::write(&list, "listed.example\n").unwrap();
    let domains = format!("domains: [example.org, {{file: {}}}]", list.display());
    let observed = OBSERVED.replace("domains: [example.org]", &domains);
    let stage = Stage::set(&format!(
        "{observed}proof: {{unproven: reject}}\ntenants: {{allow: [mode], file: {}}}\n",
        rows.display()
    ));
    let mut client = Client::tcp(stage.backstop.addr()).unwrap();
    introduce(&mut client, SENDER);
    client.mail("", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();
    super::headers(
        &mut client,
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x",
    )
    .unwrap();
    client.eom().unwrap();
    stage.numbers_with("backstop_proofs_total{outcome=\"unproven\"}", 1.0);
    // It is one hit, and the next round tells of it.
    let one_a_minute = "backstop_backscatter_per_minute{domain=\"example.org\"}";
    let numbers = stage.numbers_with(one_a_minute, 1.0);
    assert_eq!(numbers["backstop_siege_state{domain=\"example.org\"}"], 0.0);
    let served: BTreeSet<&str> = numbers
        .keys()
        .map(|series| series.split('{').next().unwrap())
        .map(|name| {
            let parts = ["_bucket", "_sum", "_count"];
            let histogram = parts.iter().find_map(|part| name.strip_suffix(part));
            histogram.unwrap_or(name)
        })
        .collect();
    let page = text("packaging/man/backstop.8");
    let listed = page
        .lines()
        .filter_map(|line| line.strip_prefix(".It Va backstop_"));
    let listed: Vec<String> = listed
        .flat_map(|names| {
            format!("backstop_{names}")
                .split(" , ")
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    let told: BTreeSet<&str> = listed.iter().map(String::as_str).collect();
    assert_eq!(told.len(), listed.len(), "told twice: {listed:?}");
    assert_eq!(told, served);
}

/// A daemon whose metrics port was never asked for anything else is left alone by `backstop status`.
#[test]
fn a_status_is_neither_a_violation_nor_a_line_in_the_log() {
    let folder = mta::folder_in_memory().unwrap();
    let socket = folder.path().join("s");
    let yaml = format!(
        "listen: unix:{}\nsocket: {{mode: 0666}}\nmode: monitor\nobserve: {{http: 127.0.0.1:0}}\n",
        socket.display()
    );
    let backstop = Backstop::start_in(binary(), &yaml, folder).unwrap();
    let line = backstop.wait_for_log("metrics are at ").unwrap();
    let http = line
        .split("http://")
        .nth(1)
        .unwrap()
        .strip_suffix("/metrics")
        .unwrap();
    let before = backstop.log();
    for _ in 0..5 {
        let status = Command::new(binary())
            .arg("--config")
            .arg(backstop.config())
            .arg("status")
            .output()
            .unwrap();
        assert!(status.status.success(), "{status:?}");
    }
    // What is one is told of when the daemon looks at its counts, with all others.
    let mut broken = UnixStream::connect(&socket).unwrap();
    broken.write_all(b"\0\0\0\0").unwrap();
    let told = backstop.wait_for_log(" connections closed: ").unwrap();
    assert!(told.contains(" 1 connections closed: "), "{told}");
    assert_eq!(backstop.log(), format!("{before}{told}\n"));
    let numbers = numbers(http.parse().unwrap());
    assert_eq!(numbers["backstop_connections_accepted_total"], 6.0);
    assert_eq!(numbers["backstop_connections_open"], 0.0);
    let violations = numbers
        .iter()
        .filter(|(name, _)| name.contains("violation"));
    assert_eq!(violations.map(|(_, count)| count).sum::<f64>(), 1.0);
}
