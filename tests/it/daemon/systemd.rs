//! What systemd does for a service, and wants to be told.

use std::{
    io::ErrorKind,
    net::TcpListener,
    os::{
        fd::OwnedFd,
        unix::net::{UnixDatagram, UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
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
fn passing(socket: impl Into<OwnedFd>, pid: &str) -> Command {
    let script = format!("exec 3<&1 1>&2; LISTEN_PID={pid} LISTEN_FDS=1 exec \"$0\" \"$@\"");
    let mut launcher = Command::new("sh");
    launcher
        .args(["-c", &script])
        .arg(binary())
        .env_remove("JOURNAL_STREAM")
        .stdout(Stdio::from(socket.into()));
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

/// The unit says who can open the file that systemd made, so there is nothing to warn of.
#[test]
fn a_socket_file_that_systemd_made_has_the_permission_of_its_unit() {
    for is_passed in [true, false] {
        let folder = mta::folder_in_memory().unwrap();
        let path = folder.path().join("s");
        let launcher = match is_passed {
            true => passing(UnixListener::bind(&path).unwrap(), "$$"),
            false => {
                let mut plain = Command::new(binary());
                plain.env_remove("JOURNAL_STREAM").stdout(Stdio::null());
                plain
            }
        };
        let server = dns(zone());
        let listen = format!("unix:{}", path.display());
        let yaml = asking(server.addr(), ENFORCE).replace("inet:0@127.0.0.1", &listen);
        let backstop = Backstop::start_by(launcher, &yaml, folder).unwrap();
        let warns = |log: &str| {
            log.matches("only our own user may open the socket file")
                .count()
        };
        assert_eq!(warns(&backstop.log()), usize::from(!is_passed));
        // It stays, and so does the word about it, whatever the file says.
        backstop
            .configure(&yaml.replace(&listen, "unix:/nonexistent/s"))
            .unwrap();
        backstop.reload().unwrap();
        let says = if is_passed {
            " reloaded "
        } else {
            "reload failed"
        };
        backstop.wait_for_log(says).unwrap();
        assert_eq!(warns(&backstop.log()), usize::from(!is_passed));
        Client::unix(&path).unwrap();
    }
}

/// systemd's end of NOTIFY_SOCKET.
struct Manager(UnixDatagram);

impl Manager {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(lab::mta::PATIENCE)).unwrap();
        Self(socket)
    }

    /// The next message, as its assignments.
    fn told(&self) -> Vec<(String, String)> {
        let mut buffer = [0; 4096];
        let length = loop {
            match self.0.recv(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                received => break received.unwrap(),
            }
        };
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        text.lines()
            .map(|line| {
                let (name, value) = line.split_once('=').unwrap();
                (name.to_owned(), value.to_owned())
            })
            .collect()
    }

    /// The next message that has this one, whatever comes before.
    fn told_of(&self, name: &str) -> Vec<(String, String)> {
        loop {
            let told = self.told();
            if told.iter().any(|(told, _)| told == name) {
                return told;
            }
        }
    }

    /// The next message about a state, not about the line of `systemctl status` alone.
    fn told_state(&self) -> Vec<(String, String)> {
        loop {
            let told = self.told();
            if told.iter().any(|(told, _)| told != "STATUS") {
                return told;
            }
        }
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
    let told = manager.told_state();
    assert_eq!(value(&told, "READY"), "1");
    let address = stage.backstop.addr().to_string();
    assert!(value(&told, "STATUS").contains(&address), "{told:?}");

    stage.backstop.reload().unwrap();
    let told = manager.told_state();
    assert_eq!(value(&told, "RELOADING"), "1");
    assert!(value(&told, "MONOTONIC_USEC").parse::<u64>().unwrap() > 0);
    assert_eq!(value(&manager.told_state(), "READY"), "1");

    std::fs::write(stage.backstop.config(), "mode: sleep\n").unwrap();
    stage.backstop.reload().unwrap();
    assert_eq!(value(&manager.told_state(), "RELOADING"), "1");
    let told = manager.told_state();
    assert_eq!(value(&told, "READY"), "1");
    let status = value(&told, "STATUS");
    assert!(status.contains("the last reload failed"), "{told:?}");
    assert!(
        status.contains(&address) && status.contains(":1:7: "),
        "{told:?}"
    );

    stage.backstop.terminate().unwrap();
    assert_eq!(value(&manager.told_state(), "STOPPING"), "1");
    let status = stage.backstop.ended(Duration::from_secs(3)).unwrap();
    assert_eq!(status.code(), Some(0));
}

/// A daemon that systemd watches, on a socket file, with descriptors for 32 connections. It ends a second after it is told to.
fn watched() -> (Stage, Manager, PathBuf) {
    let folder = mta::folder_in_memory().unwrap();
    let [notify, path] = ["notify", "s"].map(|name| folder.path().join(name));
    let manager = Manager::at(&notify);
    let dns = dns(zone());
    let mut launcher = Command::new("sh");
    let script = "ulimit -n 64; WATCHDOG_PID=$$ WATCHDOG_USEC=1000000 exec \"$0\" \"$@\"";
    launcher
        .args(["-c", script])
        .arg(binary())
        .env("NOTIFY_SOCKET", &notify)
        .env_remove("JOURNAL_STREAM")
        .stdout(Stdio::null());
    let listen = format!("unix:{}", path.display());
    let yaml = asking(dns.addr(), ENFORCE).replace("inet:0@127.0.0.1", &listen)
        + "observe: {http: 127.0.0.1:0}\ndrain: {limit: 1s}\n";
    let backstop = Backstop::start_by(launcher, &yaml, folder).unwrap();
    (Stage { backstop, dns }, manager, path)
}

#[test]
fn the_watchdog_is_fed_while_the_listener_answers_and_only_then() {
    let (stage, manager, path) = watched();
    for _ in 0..3 {
        manager.told_of("WATCHDOG");
    }
    let storm: Vec<_> = (0..60)
        .map(|_| UnixStream::connect(&path).unwrap())
        .collect();
    let full = "closed at once: 32 are open, which is the maximum";
    stage.backstop.wait_for_log(full).unwrap();
    let before = stage.numbers();
    for _ in 0..3 {
        manager.told_of("WATCHDOG");
    }
    let after = stage.numbers();
    for name in [
        "backstop_connections_accepted_total",
        "backstop_connections_refused_total",
    ] {
        assert_eq!(before[name], after[name], "{name}");
    }
    drop(storm);

    std::fs::remove_file(&path).unwrap();
    stage
        .backstop
        .wait_for_log("the listener does not answer itself")
        .unwrap();
    // What was said before.
    manager.0.set_nonblocking(true).unwrap();
    while manager.0.recv(&mut [0; 4096]).is_ok() {}
    manager.0.set_nonblocking(false).unwrap();
    stage
        .backstop
        .configure(&asking(stage.dns.addr(), ENFORCE))
        .unwrap();
    stage.backstop.reload().unwrap();
    let mut told = manager.told_state();
    assert_eq!(value(&told, "RELOADING"), "1");
    while !told.iter().any(|(name, _)| name == "READY") {
        told = manager.told_state();
        assert!(!told.iter().any(|(name, _)| name == "WATCHDOG"), "{told:?}");
    }
    manager.told_of("WATCHDOG");
    stage
        .backstop
        .wait_for_log("the listener answers itself again")
        .unwrap();
}

/// A listener that is being closed answers nobody, and that is no fault: four looks fall into the second.
#[test]
fn a_listener_that_ends_is_not_told_to_be_dead() {
    let (mut stage, manager, path) = watched();
    let yaml = std::fs::read_to_string(stage.backstop.config()).unwrap();
    for number in 0..8 {
        let next = yaml.replace(
            &path.display().to_string(),
            &format!("{}{number}", path.display()),
        );
        manager.told_of("WATCHDOG");
        std::fs::write(stage.backstop.config(), next).unwrap();
        stage.backstop.reload().unwrap();
        // All before it is read with it, or the daemon waits for room.
        manager.told_of("READY");
    }
    let last = PathBuf::from(format!("{}7", path.display()));
    let mut client = Client::unix(&last).unwrap();
    introduce(&mut client, STRANGER);
    client.mail("a@pass.example", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();
    stage.backstop.terminate().unwrap();
    let ended = stage.backstop.ended(lab::mta::PATIENCE).unwrap();
    assert_eq!(ended.code(), Some(0));
    let log = stage.backstop.log();
    assert!(
        log.contains("stopping with 1 messages in progress"),
        "{log}"
    );
    assert!(!log.contains("does not answer itself"), "{log}");
}

#[test]
fn the_line_of_systemctl_status_has_what_goes_on() {
    let (stage, manager, path) = watched();
    let status = |holds: &str| loop {
        let told = manager.told_of("STATUS");
        if value(&told, "STATUS").contains(holds) {
            return value(&told, "STATUS").to_owned();
        }
    };
    let line = status("last minute: 0 messages, 0 recipients refused");
    let shown = format!("listening on unix:{}, mode enforce", path.display());
    assert!(line.starts_with(&shown), "{line}");
    let mut client = Client::unix(&path).unwrap();
    introduce(&mut client, STRANGER);
    for (sender, rcpt) in [
        ("a@fail.example", "joe@example.org"),
        ("a@pass.example", "ann@example.org"),
    ] {
        client.mail(sender, &[]).unwrap();
        let _ = client.rcpt(rcpt, &[]).unwrap();
        client.abort().unwrap();
    }
    status("last minute: 2 messages, 2 recipients refused");
    let besiege = Command::new(binary())
        .args(["siege", "on", "example.org", "--config"])
        .arg(stage.backstop.config())
        .output()
        .unwrap();
    assert!(besiege.status.success(), "{besiege:?}");
    status("; besieged: example.org");
}
