//! Debian's Chromium, without a window, and a web server on loopback for it.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

/// What people may have set in their system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Dark,
    Light,
}

/// Opens a page with what it takes beside; ends by itself.
pub fn open(url: &str, scheme: Scheme, arguments: &[&str]) -> Output {
    let profile = lab::mta::folder_in_memory().unwrap();
    let scheme = match scheme {
        Scheme::Dark => 0,
        Scheme::Light => 1,
    };
    let output = Command::new("timeout")
        .args(["120", "chromium"])
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            "--virtual-time-budget=5000",
        ])
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .expect("chromium is there: tests/run installs it");
    assert!(output.status.success(), "{output:?}");
    output
}

/// What the browser wrote to its console.
pub fn console(output: &Output) -> Vec<String> {
    let log = String::from_utf8_lossy(&output.stderr);
    let lines = log.lines().filter(|line| line.contains("CONSOLE"));
    lines.map(str::to_owned).collect()
}

/// A page's address.
pub fn file(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// Serves these pages, by their path, as long as the tests run.
pub fn serve(pages: &'static [(&'static str, String)]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let connection = connection.unwrap();
            // A browser may open some before it asks on one of them.
            thread::spawn(move || answer(connection, pages));
        }
    });
    address
}

fn answer(mut connection: TcpStream, pages: &[(&str, String)]) {
    let mut request = String::new();
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    while reader
        .read_line(&mut request)
        .is_ok_and(|length| length > 2)
    {}
    let path = request.split(' ').nth(1).unwrap_or_default();
    let page = pages.iter().find(|(name, _)| *name == path);
    let (status, body) = page.map_or(("404 Not Found", ""), |(_, body)| ("200 OK", body));
    // A browser that went away reads no more.
    let _ = write!(
        connection,
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}
