//! What systemd does for a service, and wants to be told.

use std::{
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use lab::{
    backstop::Backstop,
    milter::{Client, Reply},
    mta,
};

use super::{ENFORCE, STRANGER, Stage, asking, binary, dns, introduce, zone};

/// A start with a socket passed as by systemd; `pid`, for the shell, is who is to take it. sd_listen_fds(3): the sockets
/// begin with descriptor 3, and LISTEN_PID is the daemon's own.
fn passing(socket: TcpListener, pid: &str) -> Command {
    let script = format!("exec 3<&1 1>&2; LISTEN_PID={pid} LISTEN_FDS=1 exec \"$0\" \"$@\"");
    let mut launcher = Command::new("sh");
    launcher
        .args(["-c", &script])
        .arg(binary())
        .env_remove("JOURNAL_STREAM")
        .stdout(Stdio::from(OwnedFd::from(socket)));
    launcher
}

#[test]
fn a_socket_that_systemd_passed_is_taken_instead_of_an_own_one() {
    let passed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = passed.local_addr().unwrap();
    let server = dns(zone());
    let launcher = passing(passed, "$$");
    let yaml = asking(server.addr(), ENFORCE).replace("inet:0@127.0.0.1", "inet:1@192.0.2.1");
    let backstop = Backstop::start_by(launcher, &yaml, mta::folder_in_memory().unwrap()).unwrap();
    assert_eq!(backstop.addr(), address);
    let mut client = Client::tcp(address).unwrap();
    introduce(&mut client, STRANGER);
    client.mail("", &[]).unwrap();
    assert_eq!(
        client.rcpt("joe@example.org", &[]).unwrap(),
        Reply::Continue
    );
}

#[test]
fn sockets_passed_to_another_process_are_not_taken() {
    let passed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = passed.local_addr().unwrap();
    let server = dns(zone());
    let launcher = passing(passed, "1");
    let yaml = asking(server.addr(), ENFORCE);
    let backstop = Backstop::start_by(launcher, &yaml, mta::folder_in_memory().unwrap()).unwrap();
    assert_ne!(backstop.addr(), address);
}

/// systemd's end of NOTIFY_SOCKET.
struct Manager(UnixDatagram);

impl Manager {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        Self(socket)
    }

    /// The next message, as its assignments.
    fn told(&self) -> Vec<(String, String)> {
        let mut buffer = [0; 4096];
        let length = self.0.recv(&mut buffer).unwrap();
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        text.lines()
            .map(|line| {
                let (name, value) = line.split_once('=').unwrap();
                (name.to_owned(), value.to_owned())
            })
            .collect()
    }
}

fn value<'a>(told: &'a [(String, String)], name: &str) -> &'a str {
    let found = told.iter().find(|(found, _)| found == name);
    &found.unwrap_or_else(|| panic!("no {name} in {told:?}")).1
}

#[test]
fn systemd_is_told_of_start_reload_and_end() {
    let folder = mta::folder_in_memory().unwrap();
    let path = folder.path().join("notify");
    let manager = Manager::at(&path);
    let dns = dns(zone());
    let mut launcher = Command::new(binary());
    launcher
        .env("NOTIFY_SOCKET", &path)
        .env_remove("JOURNAL_STREAM");
    let yaml = asking(dns.addr(), ENFORCE);
    let backstop = Backstop::start_by(launcher, &yaml, folder).unwrap();
    let mut stage = Stage { backstop, dns };
    let told = manager.told();
    assert_eq!(value(&told, "READY"), "1");
    let address = stage.backstop.addr().to_string();
    assert!(value(&told, "STATUS").contains(&address), "{told:?}");

    stage.backstop.reload().unwrap();
    let told = manager.told();
    assert_eq!(value(&told, "RELOADING"), "1");
    assert!(value(&told, "MONOTONIC_USEC").parse::<u64>().unwrap() > 0);
    assert_eq!(value(&manager.told(), "READY"), "1");

    std::fs::write(stage.backstop.config(), "mode: sleep\n").unwrap();
    stage.backstop.reload().unwrap();
    assert_eq!(value(&manager.told(), "RELOADING"), "1");
    let told = manager.told();
    assert_eq!(value(&told, "READY"), "1");
    assert!(value(&told, "STATUS").contains("reload failed"), "{told:?}");

    stage.backstop.terminate().unwrap();
    assert_eq!(value(&manager.told(), "STOPPING"), "1");
    let status = stage.backstop.ended(Duration::from_secs(3)).unwrap();
    assert_eq!(status.code(), Some(0));
}
