//! What a reload does to sockets: the new ones are there first, and the old ones are left in peace until they end.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    time::Duration,
};

use lab::{
    backstop::Backstop,
    milter::{Client, Reply},
    mta,
    process::{free_port, wait_until},
};

use super::{
    ENFORCE, SENDER, STRANGER, Stage, asking, assert_refused, binary, dns, introduce, zone,
};

const SOON: Duration = Duration::from_secs(20);

impl Stage {
    /// Listens at the place of `listen: inet:0@127.0.0.1`.
    fn at(listen: &str, more: &str) -> Self {
        let dns = dns(zone());
        let yaml = listening(&dns.addr(), listen, more);
        let backstop = Backstop::start(binary(), &yaml).unwrap();
        Self { backstop, dns }
    }

    fn listen(&self, listen: &str, more: &str) {
        let yaml = listening(&self.dns.addr(), listen, more);
        self.backstop.configure(&yaml).unwrap();
        self.backstop.reload().unwrap();
    }
}

fn listening(dns: &SocketAddr, listen: &str, more: &str) -> String {
    asking(*dns, more).replace("inet:0@127.0.0.1", listen)
}

/// Whether the daemon takes the mail of a stranger here, in mode enforce.
fn assert_serves(mut client: Client) {
    introduce(&mut client, STRANGER);
    client.mail("a@fail.example", &[]).unwrap();
    assert_refused(client.rcpt("joe@example.org", &[]), "550 5.7.23 ");
    client.quit().unwrap();
}

fn at_port(port: u16) -> Client {
    Client::tcp(SocketAddr::from(([127, 0, 0, 1], port))).unwrap()
}

fn is_closed(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_err()
}

#[test]
fn it_listens_where_the_new_file_says_and_messages_in_progress_end_as_they_began() {
    let folder = mta::folder_in_memory().unwrap();
    let path = folder.path().join("s");
    let unix = format!("unix:{}", path.display());
    let stage = Stage::set(ENFORCE);
    let first = stage.backstop.addr().port();
    let mut client = stage.session(SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();

    let second = free_port().unwrap();
    stage.listen(&format!("inet:{second}@127.0.0.1"), ENFORCE);
    stage.backstop.wait_for_log("now listening on ").unwrap();
    assert_serves(at_port(second));
    wait_until(SOON, || Ok(is_closed(first))).unwrap();
    assert_eq!(client.eom().unwrap().reply, Reply::Continue);
    client.quit().unwrap();

    // A wider address on the same port, and back.
    for host in ["0.0.0.0", "127.0.0.1"] {
        stage.listen(&format!("inet:{second}@{host}"), ENFORCE);
        let says = format!("now listening on {host}:{second}");
        stage.backstop.wait_for_log(&says).unwrap();
        assert_serves(at_port(second));
    }

    stage.listen(&unix, &format!("{ENFORCE}socket: {{mode: 0660}}\n"));
    stage
        .backstop
        .wait_for_log(&format!("now listening on {unix}"))
        .unwrap();
    assert_serves(Client::unix(&path).unwrap());
    wait_until(SOON, || Ok(is_closed(second))).unwrap();

    stage.listen(&format!("inet:{first}@127.0.0.1"), ENFORCE);
    stage
        .backstop
        .wait_for_log(&format!("now listening on 127.0.0.1:{first}"))
        .unwrap();
    assert_serves(at_port(first));
    wait_until(SOON, || Ok(!path.exists())).unwrap();
    let log = stage.backstop.log();
    assert!(!log.contains("were closed"), "{log}");
}

#[test]
fn connections_that_stay_are_closed_after_the_limit() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(SENDER);
    let more = format!("{ENFORCE}drain: {{limit: 1s}}\n");
    stage.listen("inet:0@127.0.0.2", &more);
    stage.backstop.wait_for_log("were closed").unwrap();
    client.mail("a@pass.example", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap_err();
    let mut stage = stage;
    assert!(stage.backstop.is_running().unwrap());
}

#[test]
fn a_socket_file_gets_its_new_permission_and_group() {
    let folder = mta::folder_in_memory().unwrap();
    let path = folder.path().join("s");
    let unix = format!("unix:{}", path.display());
    let own = fs::metadata(folder.path()).unwrap();
    // Only root may give a file to a group that it is not in; 1 is `daemon` on every Debian.
    let group = if own.uid() == 0 { 1 } else { own.gid() };
    let stage = Stage::at(&unix, &format!("{ENFORCE}socket: {{mode: 0600}}\n"));
    let shown = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        (metadata.permissions().mode() & 0o7777, metadata.gid())
    };
    assert_eq!(shown(&path).0, 0o600);
    let mut before = Client::unix(&path).unwrap();
    introduce(&mut before, SENDER);
    for (options, expected) in [
        (format!("mode: 0666, group: {group}"), (0o666, group)),
        ("mode: 0620".to_owned(), (0o620, own.gid())),
        (format!("mode: 0660, group: {group}"), (0o660, group)),
    ] {
        stage.listen(&unix, &format!("{ENFORCE}socket: {{{options}}}\n"));
        wait_until(SOON, || Ok(shown(&path) == expected)).unwrap();
        assert_serves(Client::unix(&path).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
    before.mail("", &[]).unwrap();
    assert_eq!(
        before.rcpt("joe@example.org", &[]).unwrap(),
        Reply::Continue
    );
}

#[test]
fn what_can_not_be_opened_leaves_all_as_it_was() {
    let folder = mta::folder_in_memory().unwrap();
    let path = folder.path().join("s");
    let precious = folder.path().join("file");
    fs::write(&precious, "precious").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let unix = format!("unix:{}", path.display());
    let shared = format!("{ENFORCE}socket: {{mode: 0666}}\n");
    let stage = Stage::at(&unix, &shared);
    let inode = fs::metadata(&path).unwrap().ino();
    let tcp = format!("inet:{}@127.0.0.1", taken.port());
    let file = format!("unix:{}", precious.display());
    let http = format!("{shared}observe: {{http: \"{taken}\"}}\n");
    let group = format!("{ENFORCE}socket: {{mode: 0666, group: no-such-group}}\n");
    for (number, (listen, more, why)) in [
        (&*tcp, ENFORCE, "another process listens on inet:"),
        (&file, &*shared, "not a socket"),
        (
            "inet:0@192.0.2.1",
            ENFORCE,
            "no interface of this host has that address",
        ),
        (&unix, &http, "observe.http: another process listens on"),
        (&unix, &group, "there is no group `no-such-group`"),
        // One of the two could be had.
        (
            "inet:0@127.0.0.1",
            &http.replace("socket: {mode: 0666}\n", ""),
            "observe.http: ",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        // It would refuse nothing any more, were it taken.
        let more = more.replace("mode: enforce", "mode: monitor");
        stage.listen(listen, &more);
        let failed = || stage.backstop.log().matches("reload failed").count();
        wait_until(SOON, || Ok(failed() == number + 1)).unwrap();
        let log = stage.backstop.log();
        let line = log
            .lines()
            .rfind(|line| line.contains("reload failed"))
            .unwrap();
        assert!(line.contains(why), "{line}");
        assert_serves(Client::unix(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
    }
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    stage.listen(&unix, &shared);
    stage.backstop.wait_for_log(" reloaded ").unwrap();
}

#[test]
fn the_port_of_metrics_comes_moves_and_goes() {
    let stage = Stage::set(ENFORCE);
    let [first, second] = [free_port().unwrap(), free_port().unwrap()];
    let serves = |port: u16| {
        let mut answer = String::new();
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
            return false;
        };
        use std::io::{Read, Write};
        let _ = stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n");
        let _ = stream.read_to_string(&mut answer);
        answer.starts_with("HTTP/1.0 200 ")
    };
    let with = |http: &str| format!("{ENFORCE}observe: {{http: \"{http}\"}}\n");
    for (http, open, closed) in [
        (with(&format!("127.0.0.1:{first}")), Some(first), second),
        (with(&format!("127.0.0.1:{second}")), Some(second), first),
        (with(&format!("0.0.0.0:{second}")), Some(second), first),
        (with(&format!("127.0.0.1:{second}")), Some(second), first),
        (ENFORCE.to_owned(), None, second),
    ] {
        stage.listen("inet:0@127.0.0.1", &http);
        wait_until(SOON, || Ok(open.is_none_or(serves) && is_closed(closed))).unwrap();
    }
    stage.serves();
}
