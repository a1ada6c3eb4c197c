//! The status page of `observe.http`, over HTTP and in a real browser.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    thread,
    time::Duration,
};

use lab::{mta, process::wait_until};

use super::{SENDER, STRANGER, Stage, asking, headers, metrics::ask};
use crate::browser::{Scheme, console, looked_at, open, picture};

pub(super) const RULES: &str = "\
local: {domains: [example.org]}
null_sender: {never_send: [noreply@example.org]}
recipients: [{domain: example.org, known: [{addresses: [joe, well]}], catch_all: {mail: accept, bounces: reject}}]
proof: {unproven: reject}
";

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// What the page says once all mail of [`busy`] is counted: of the 46, one was tagged and one let in.
const ALL_COUNTED: &str = "Of 46 recipients in the last hour, 43 were refused, and 1 deferred.";

/// A daemon in this mode, with some mail behind it.
fn busy(mode: &str, observe: &str) -> Stage {
    busy_with(mode, observe, RULES)
}

/// The same with these rules.
pub(super) fn busy_with(mode: &str, observe: &str, rules: &str) -> Stage {
    let stage = Stage::set(&format!("mode: {mode}\n{rules}observe: {{{observe}}}\n"));
    stage.serves();
    for number in 0..40 {
        let mut client = stage.session(STRANGER);
        client.mail("", &[]).unwrap();
        let _ = client.rcpt(&format!("x{number}@example.org"), &[]);
    }
    for (from, rcpt) in [
        ("a@fail.example", "joe@example.org"),
        ("a@silent.example", "joe@example.org"),
        ("a@soft.example", "joe@example.org"),
        ("", "noreply@example.org"),
    ] {
        let mut client = stage.session(STRANGER);
        client.mail(from, &[]).unwrap();
        let _ = client.rcpt(rcpt, &[]);
    }
    let mut client = stage.session(SENDER);
    client.mail("", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();
    headers(
        &mut client,
        "From: MAILER-DAEMON@mx.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=x",
    )
    .unwrap();
    client.body(b"--x\r\n\r\nIt failed.\r\n--x--\r\n").unwrap();
    client.eom().unwrap();
    stage
}

/// The page once it has these words: what is counted at the end of a message comes a little after it.
fn page_with(stage: &Stage, words: &str) -> String {
    for _ in 0..200 {
        let (head, page) = ask(stage.http(), GET);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        if page.contains(words) {
            return page;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("no `{words}` in: {}", ask(stage.http(), GET).1);
}

#[test]
fn it_says_what_happened_and_shows_no_address() {
    let stage = busy("enforce", "http: 127.0.0.1:0");
    // The next round of the sieges tells of it.
    page_with(&stage, "More backscatter than usual");
    let page = page_with(&stage, ALL_COUNTED);
    for words in [
        "More backscatter than usual",
        "A bounce to an address that only the catch-all has",
        "A bounce to an address that never sends",
        "No proof that it returns mail of yours",
        "SPF: the sender’s domain does not allow this host",
        "a bounce to x…@example.org, by 198.51.100.1",
        "a…@soft.example to j…@example.org",
        "× 40",
        // Within a millisecond, or in some.
        " answers ",
        "listens on inet:",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(
        !page.contains("joe@") && !page.contains("noreply@"),
        "{page}"
    );
    // One row for all of the flood.
    assert_eq!(page.matches("<li><time").count(), 7, "{page}");
}

#[test]
fn whole_addresses_are_shown_where_the_file_says_so() {
    let stage = busy("enforce", "http: 127.0.0.1:0, show_addresses: true");
    let page = page_with(&stage, ALL_COUNTED);
    for words in [
        "a@soft.example to joe@example.org",
        "null_sender.never_send:noreply@example.org",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[test]
fn monitoring_shows_what_enforcing_would_refuse() {
    let stage = busy("monitor", "http: 127.0.0.1:0");
    let page = page_with(&stage, "enforcing would have refused 44.");
    for words in [
        "Monitoring: mail is judged, and nothing is refused.",
        "What enforcing would refuse",
        "would be refused",
        "would be deferred",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[test]
fn its_headers_let_nobody_do_anything_with_it() {
    let stage = Stage::set("observe: {http: 127.0.0.1:0}\n");
    let (head, page) = ask(stage.http(), GET);
    let head = head.to_lowercase();
    for line in [
        "content-type: text/html; charset=utf-8",
        "content-security-policy: default-src 'none'; style-src 'sha256-",
        "frame-ancestors 'none'\r\n",
        "cross-origin-resource-policy: same-origin",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
        "refresh: 10\r\n",
    ] {
        assert!(head.contains(line), "{line}: {head}");
    }
    assert!(page.contains("None came in the last hour."), "{page}");
    let status = |request: &str| ask(stage.http(), request).0;
    let foreign = status("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    assert!(foreign.starts_with("HTTP/1.1 421 "), "{foreign}");
    let posted = status("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(posted.starts_with("HTTP/1.1 405 "), "{posted}");
}

/// What Prometheus reads may be open to others; who said what to whom is not.
#[test]
fn it_is_shown_on_loopback_alone() {
    let stage = Stage::set("observe: {http: 0.0.0.0:0}\n");
    let port = stage.http().port();
    let near = format!("127.0.0.1:{port}").parse().unwrap();
    assert!(ask(near, GET).0.starts_with("HTTP/1.1 200 "));
    let Some(address) = own_address() else {
        return;
    };
    let far = (address, port).into();
    let (head, text) = ask(far, GET);
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    assert!(text.contains("on loopback alone"), "{text}");
    let metrics = ask(far, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(metrics.0.starts_with("HTTP/1.1 200 "), "{}", metrics.0);
}

#[test]
fn a_socket_file_is_for_the_daemons_user_and_group() {
    let folder = mta::folder_in_memory().unwrap();
    let file = folder.path().join("http.sock");
    let yaml = format!("observe: {{http: unix:{}}}\n", file.display());
    let mut stage = Stage::set(&yaml);
    let line = stage.backstop.wait_for_log("metrics are at ").unwrap();
    let says = format!(
        "unix:{0} (curl --unix-socket {0} http://localhost/metrics)",
        file.display()
    );
    assert!(line.ends_with(&says), "{line}");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let get = |request: &str| {
        let mut stream = UnixStream::connect(&file).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let page = get(GET);
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("What it needs"), "{page}");
    // Who may use the file is asked for the name all the same: a web server before it hands it on.
    let foreign = get("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    assert!(foreign.starts_with("HTTP/1.1 421 "), "{foreign}");
    let metrics = get("GET /metrics HTTP/1.0\r\n\r\n");
    assert!(metrics.contains("backstop_build_info"), "{metrics}");
    // A port instead, by a reload: the file goes.
    let on_a_port = asking(stage.dns.addr(), "observe: {http: 127.0.0.1:0}\n");
    stage.backstop.configure(&on_a_port).unwrap();
    stage.backstop.reload().unwrap();
    stage
        .backstop
        .wait_for_log("metrics are at http://127.0.0.1:")
        .unwrap();
    wait_until(lab::mta::PATIENCE, || Ok(!file.exists())).unwrap();
    // And back; it is gone with the daemon.
    let on_a_file = asking(stage.dns.addr(), &yaml);
    stage.backstop.configure(&on_a_file).unwrap();
    stage.backstop.reload().unwrap();
    wait_until(lab::mta::PATIENCE, || Ok(file.exists())).unwrap();
    assert!(get(GET).starts_with("HTTP/1.1 200 OK\r\n"));
    stage.backstop.terminate().unwrap();
    assert!(
        stage
            .backstop
            .ended(Duration::from_secs(10))
            .unwrap()
            .success()
    );
    assert!(!file.exists());
}

/// An address of this host that is not loopback, if it has a network: that of a socket on its way out. Nothing is sent.
fn own_address() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

/// What there is to see in the page.
const LOOK: &str = r#"
  const rows = [...page.querySelectorAll("ol.log li")];
  const dot = look.getComputedStyle(page.querySelector("h1"), "::before").backgroundColor;
  return {
    rows: rows.length,
    inside: rows.every(row => row.getBoundingClientRect().right <= page.documentElement.clientWidth),
    kinds: [...page.querySelectorAll("svg.swatch rect")].map(swatch => contrast(style(swatch, "fill"), card)),
    first: page.querySelector("h1").getBoundingClientRect().bottom,
    dot: contrast(dot, style(page.body, "backgroundColor")),
    links: [...page.querySelectorAll("a")].map(a => a.getAttribute("href")),
  };
"#;

#[test]
fn it_is_legible_on_a_screen_and_on_a_phone() {
    let stage = busy("enforce", "http: 127.0.0.1:0");
    let page = page_with(&stage, ALL_COUNTED);
    let folder = mta::folder_in_memory().unwrap();
    let elsewhere = ["http:", "https:", "src=", "url(", "@import", "javascript"];
    assert!(!elsewhere.iter().any(|word| page.contains(word)), "{page}");
    let mut pictures = Vec::new();
    for (name, width, scheme) in [
        ("status-light.png", 1100, Scheme::Light),
        ("status-dark.png", 1100, Scheme::Dark),
        ("status-phone.png", 390, Scheme::Light),
        ("status-phone-dark.png", 390, Scheme::Dark),
    ] {
        let found = looked_at(&page, width, scheme, LOOK);
        assert_eq!(found["rows"], 7, "{found}");
        assert_eq!(found["inside"], true, "{found}");
        // What matters most is seen without a scroll.
        assert!(found["first"].as_f64().unwrap() < 250.0, "{found}");
        assert!(found["dot"].as_f64().unwrap() >= 3.0, "{found}");
        // WCAG 2.1, 1.4.11.
        for kind in found["kinds"].as_array().unwrap() {
            assert!(kind.as_f64().unwrap() >= 3.0, "{scheme:?}: {found}");
        }
        assert_eq!(found["links"], serde_json::json!(["metrics", "readyz"]));
        let path = folder.path().join(name);
        let complaints = picture(&page, (width, 2200), scheme, &path);
        assert_eq!(complaints, Vec::<String>::new());
        pictures.push(fs::read(path).unwrap());
    }
    assert!(pictures.iter().all(|one| one.len() > 20_000));
    // As it is served, with its headers.
    let url = format!("http://{}/", stage.http());
    let output = open(&url, Scheme::Light, &["--dump-dom"]);
    assert_eq!(console(&output), Vec::<String>::new());
    assert!(String::from_utf8_lossy(&output.stdout).contains("43 were refused"));
}
