//! The unix socket and its file.

use std::{
    fs,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use lab::{
    backstop::Backstop,
    milter::{Client, Reply},
    mta,
};
use tempfile::TempDir;

use super::{ENFORCE, SENDER, binary, introduce};

fn settings(socket: &Path, options: &str) -> String {
    format!(
        "listen: unix:{}\nsocket: {{{options}}}\n\
         dns: {{nameservers: [\"127.0.0.1:9\"], timeout: 300ms, budget: 1s}}\n{ENFORCE}",
        socket.display()
    )
}

fn serves(socket: &Path) {
    let mut client = Client::unix(socket).unwrap();
    introduce(&mut client, SENDER);
    client.mail("", &[]).unwrap();
    assert_eq!(
        client.rcpt("postmaster@example.org", &[]).unwrap(),
        Reply::Continue
    );
    client.quit().unwrap();
}

/// Runs a daemon that is not meant to start.
fn try_in(folder: &Path, yaml: &str) -> Output {
    let config = folder.join("second.yaml");
    fs::write(&config, yaml).unwrap();
    Command::new(binary())
        .arg("--config")
        .arg(config)
        .output()
        .unwrap()
}

fn folder() -> TempDir {
    mta::folder_in_memory().unwrap()
}

#[test]
fn it_has_the_permission_and_the_group_of_the_file() {
    let folder = folder();
    let socket = folder.path().join("s");
    // Only root may give a file to a group that it is not in; 1 is `daemon` on every Debian.
    let own = fs::metadata(folder.path()).unwrap();
    let group = if own.uid() == 0 { 1 } else { own.gid() };
    let yaml = settings(&socket, &format!("mode: \"0666\", group: {group}"));
    let mut backstop = Backstop::start_in(binary(), &yaml, folder).unwrap();
    let metadata = fs::metadata(&socket).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o666);
    assert_eq!(metadata.gid(), group);
    serves(&socket);
    backstop.terminate().unwrap();
    let status = backstop.ended(Duration::from_secs(3)).unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(!socket.exists());
}

#[test]
fn a_socket_left_by_a_crash_is_replaced() {
    let place = folder();
    let socket = place.path().join("s");
    let yaml = settings(&socket, "");
    let mut crashed = Backstop::start(binary(), &yaml).unwrap();
    crashed.kill().unwrap();
    assert_eq!(crashed.ended(Duration::from_secs(3)).unwrap().code(), None);
    assert!(socket.exists());
    let _next = Backstop::start(binary(), &yaml).unwrap();
    serves(&socket);
}

#[test]
fn a_second_instance_says_why_it_does_not_start_and_the_first_goes_on() {
    let folder = folder();
    let path = folder.path().to_owned();
    let socket = path.join("s");
    let yaml = settings(&socket, "");
    let _first = Backstop::start_in(binary(), &yaml, folder).unwrap();
    let second = try_in(&path, &yaml);
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(69), "{said}");
    let expected = format!("another process listens on unix:{}", socket.display());
    assert!(said.contains(&expected), "{said}");
    serves(&socket);
}

#[test]
fn a_second_instance_on_a_port_says_why_it_does_not_start() {
    let stage = super::Stage::set(ENFORCE);
    let port = stage.backstop.addr().port();
    let yaml =
        super::asking(stage.dns.addr(), ENFORCE).replace("inet:0@", &format!("inet:{port}@"));
    let second = try_in(stage.backstop.folder(), &yaml);
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(69), "{said}");
    assert!(said.contains("another process listens on inet:"), "{said}");
    stage.serves();
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let folder = folder();
    let precious = folder.path().join("s");
    fs::write(&precious, "precious").unwrap();
    let tried = try_in(folder.path(), &settings(&precious, ""));
    let said = String::from_utf8_lossy(&tried.stderr);
    assert_eq!(tried.status.code(), Some(69), "{said}");
    assert!(said.contains("not a socket"), "{said}");
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
}

#[test]
fn after_a_crash_the_next_instance_can_be_reached_at_once() {
    let place = folder();
    let socket = place.path().join("s");
    let yaml = settings(&socket, "");
    for _ in 0..3 {
        let mut backstop = Backstop::start(binary(), &yaml).unwrap();
        UnixStream::connect(&socket).unwrap();
        backstop.kill().unwrap();
        backstop.ended(Duration::from_secs(3)).unwrap();
        UnixStream::connect(&socket).unwrap_err();
    }
}
