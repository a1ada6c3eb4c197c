//! Sieges over the milter protocol: three MX hosts that share a Redis, and one alone with SQLite.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use lab::{
    backstop::Backstop,
    dns::Server,
    milter::{Client, Reply},
    mta,
    process::wait_until,
    redis::{Options, Redis},
};
use tempfile::TempDir;

use super::{SENDER, asking, assert_refused, binary, dns, headers, introduce, zone};
use crate::batv::key_file;

const RECIPIENTS: &str = "\
null_sender: {never_send: [noreply@example.org]}
recipients: [{domain: example.org, known: [{addresses: [jane]}], catch_all: {mail: accept, bounces: accept}}]
";
/// A flood of this test's makes some hundred hits a minute.
const SIEGE: &str = "siege: {floor: 30, learn: {days: 1}";
/// How long it takes at most until each host has made a round.
const ROUND: Duration = Duration::from_secs(2);
/// A flood must last for half a minute, and be noticed within a minute.
const NOTICED: Duration = Duration::from_secs(60);

/// One MX host.
struct Host {
    backstop: Backstop,
    _dns: Server,
    folder: PathBuf,
}

impl Host {
    fn set(store: &str, siege: &str) -> Self {
        let folder = mta::folder_in_memory().unwrap();
        Self::set_in(store, siege, folder)
    }

    fn set_in(store: &str, siege: &str, folder: TempDir) -> Self {
        let keys = key_file(folder.path());
        let dns = dns(zone());
        let yaml = format!(
            "{}local: {{domains: [example.org, example.net], networks: [10.0.0.0/8]}}\n{RECIPIENTS}{siege}\n\
             proof: {{key_file: {}}}\n{store}",
            asking(dns.addr(), "mode: enforce\n"),
            keys.display()
        );
        let path = folder.path().to_owned();
        let backstop = Backstop::start_in(binary(), &yaml, folder).unwrap();
        Self {
            backstop,
            _dns: dns,
            folder: path,
        }
    }

    fn session(&self, address: &str) -> Client {
        let mut client = Client::tcp(self.backstop.addr()).unwrap();
        introduce(&mut client, address);
        client
    }

    fn ask(&self, from: &str, rcpt: &str) -> Reply {
        self.ask_by(SENDER, from, rcpt)
    }

    fn ask_by(&self, client: &str, from: &str, rcpt: &str) -> Reply {
        let mut client = self.session(client);
        client.mail(from, &[]).unwrap();
        client.rcpt(rcpt, &[]).unwrap()
    }

    /// Whether mail to an address that nobody knows is let in. It is no bounce, and so no part of a flood itself.
    fn is_open(&self) -> bool {
        self.ask("b@pass.example", "nobody@example.org") == Reply::Continue
    }

    /// Hands over a message from its first header to its end.
    fn message(&self, client: &str, from: &str, rcpt: &str) {
        let mut client = self.session(client);
        client.mail(from, &[]).unwrap();
        assert_eq!(client.rcpt(rcpt, &[]).unwrap(), Reply::Continue);
        let lines = "From: a\nDate: now\nMessage-ID: <1@x.example>\nSubject: x";
        assert_eq!(headers(&mut client, lines).unwrap(), Reply::Continue);
        assert_eq!(client.eom().unwrap().reply, Reply::Continue);
        client.quit().unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Output {
        Command::new(binary())
            .arg("--config")
            .arg(self.backstop.config())
            .args(arguments)
            .output()
            .unwrap()
    }

    /// What `backstop explain` says of a bounce to an address that nobody knows.
    fn explained(&self) -> String {
        let rcpt = "nobody@example.org";
        let output = self.command(&[
            "explain",
            "--client-ip",
            SENDER,
            "--helo",
            "x.example",
            "--mail-from",
            "",
            "--rcpt",
            rcpt,
        ]);
        String::from_utf8(output.stdout).unwrap()
    }

    fn said(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Waits until all are open, or all closed.
#[track_caller]
fn all(hosts: &[Host], open: bool) {
    wait_until(Duration::from_secs(20), || {
        Ok(hosts.iter().all(|host| host.is_open() == open))
    })
    .unwrap();
}

/// A program that appends what it is told to a file.
fn notifier(folder: &Path) -> (String, PathBuf) {
    let (program, told) = (folder.join("notify"), folder.join("told"));
    fs::write(
        &program,
        format!(
            "#!/bin/sh\necho \"$1 $BACKSTOP_DOMAIN $BACKSTOP_FROM $BACKSTOP_TO $(cat)\" >>{}\n",
            told.display()
        ),
    )
    .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let siege = format!(
        "{SIEGE}, notify: [{}, \"a word; $(x)\"]}}",
        program.display()
    );
    (siege, told)
}

#[test]
fn three_hosts_are_besieged_as_one() {
    let mut redis = Redis::start(Options::default()).unwrap();
    let store = format!("store: redis://127.0.0.1:{}/0\n", redis.port());
    let folder = mta::folder_in_memory().unwrap();
    let (siege, told) = notifier(folder.path());
    let hosts: Vec<_> = (0..3).map(|_| Host::set(&store, &siege)).collect();
    assert!(hosts.iter().all(Host::is_open));
    // Who sent mail, or got some from a sender whose domain vouches for him, is learned; who got any from others is not.
    hosts[1].message("10.0.0.1", "sales@example.org", "bob@friend.example");
    hosts[2].message(SENDER, "bob@pass.example", "shop@example.org");
    hosts[2].message(SENDER, "bob@none.example", "spam@example.org");

    let over = AtomicBool::new(false);
    let flooded = &hosts[0];
    thread::scope(|scope| {
        scope.spawn(|| {
            // It comes from many networks: one alone begins no siege.
            for network in (0..=255).cycle() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let client = format!("198.18.{network}.1");
                let answer = flooded.ask_by(&client, "", "noreply@example.org");
                assert_refused(Ok(answer), "550 5.7.1 ");
                thread::sleep(Duration::from_millis(150));
            }
        });
        let besieged = |host: &Host| host.backstop.log().contains("-> siege");
        let begun = Instant::now();
        let noticed = wait_until(NOTICED + ROUND, || Ok(hosts.iter().any(besieged)));
        let first = Instant::now();
        let together = wait_until(ROUND, || Ok(hosts.iter().all(besieged)));
        over.store(true, Ordering::Relaxed);
        noticed.unwrap();
        together.unwrap();
        eprintln!(
            "noticed after {:?}, all {:?} later",
            first - begun,
            first.elapsed()
        );
    });

    all(&hosts, false);
    for host in &hosts {
        assert_refused(Ok(host.ask("", "nobody@example.org")), "550");
        assert_refused(Ok(host.ask("b@pass.example", "nobody@example.org")), "450");
        assert_refused(Ok(host.ask("", "spam@example.org")), "550");
        for rcpt in ["jane", "sales", "SALES+x", "shop", "postmaster"] {
            let rcpt = format!("{rcpt}@example.org");
            assert_eq!(host.ask("", &rcpt), Reply::Continue, "{rcpt}");
        }
        // The other domain is calm.
        assert_eq!(host.ask("", "nobody@example.net"), Reply::Continue);
        let line = host
            .backstop
            .wait_for_log("siege of example.org: ")
            .unwrap();
        assert!(
            line.contains(" per minute (baseline ") && line.contains(" networks"),
            "{line}"
        );
    }
    // One of them tells, once for each change: the others know that it was another.
    let found_it = |host: &&Host| {
        let log = host.backstop.log();
        let lines: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("siege of example.org: ") && line.contains("-> siege"))
            .collect();
        assert_eq!(lines.len(), 1, "{log}");
        !lines[0].contains("as another host has set it")
    };
    assert_eq!(hosts.iter().filter(found_it).count(), 1);
    let logs = || {
        hosts
            .iter()
            .map(|host| host.backstop.log())
            .collect::<String>()
    };
    let told_so_far = || fs::read_to_string(&told).unwrap_or_default();
    let besieged = " siege siege of example.org: ";
    let was_told = wait_until(Duration::from_secs(20), || {
        Ok(told_so_far().contains(besieged))
    });
    assert!(was_told.is_ok(), "{}", logs());
    let told_so_far = told_so_far();
    assert_eq!(told_so_far.matches(besieged).count(), 1, "{told_so_far}");
    assert!(
        told_so_far
            .lines()
            .all(|line| line.starts_with("a word; $(x) ")),
        "{told_so_far}"
    );

    // Without the store each goes on alone, and nobody is refused for want of an answer.
    redis.kill().unwrap();
    for host in &hosts {
        host.backstop.wait_for_log("store: ").unwrap();
        assert_refused(Ok(host.ask("", "noreply@example.org")), "550");
        assert_refused(Ok(host.ask("", "nobody@example.org")), "450 4.7.1");
        assert_refused(Ok(host.ask("", "sales@example.org")), "450 4.7.1");
        assert_eq!(host.ask("", "jane@example.org"), Reply::Continue);
    }

    // It comes back and has forgotten all; they have not, and agree.
    redis.start_again().unwrap();
    let agreed = wait_until(Duration::from_secs(20), || {
        let closed = |host: &Host| match host.ask("", "nobody@example.org") {
            Reply::ReplyCode(text) => text.starts_with("550"),
            _ => false,
        };
        thread::sleep(ROUND / 4);
        Ok(hosts.iter().all(closed))
    });
    assert!(agreed.is_ok(), "{}", logs());
    let said = hosts[1].said(&["siege", "off", "example.org", "--for", "1h"]);
    assert!(
        said.starts_with("example.org: calm, by hand, until "),
        "{said}"
    );
    let begun = Instant::now();
    let opened = wait_until(ROUND * 2, || Ok(hosts.iter().all(Host::is_open)));
    assert!(opened.is_ok(), "{}", logs());
    let _ = begun;
    let said = hosts[2].said(&["siege", "auto", "example.org"]);
    assert!(
        said.starts_with("example.org: siege, by the rate of bounces; "),
        "{said}"
    );
    all(&hosts, false);
}

#[test]
fn a_word_by_hand_outlives_a_restart_and_ends_by_another() {
    let mut host = Host::set("", &format!("{SIEGE}}}"));
    assert!(host.is_open());
    let said = host.said(&["siege", "on", "example.org", "--for", "2d", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["domain"], "example.org");
    assert_eq!(said["state"], "siege");
    wait_until(Duration::from_secs(20), || Ok(!host.is_open())).unwrap();
    let line = host
        .backstop
        .wait_for_log("siege of example.org: calm -> siege")
        .unwrap();
    assert!(
        line.contains("by hand") && line.contains("catch-all: mail tempfail, bounces reject"),
        "{line}"
    );
    let explained = host.explained();
    assert!(explained.contains("siege.catch_all"), "{explained}");
    assert!(
        explained.contains("example.org is besieged, and this address is not known"),
        "{explained}"
    );

    host.backstop.stop().unwrap();
    let state = host.folder.join("state.db");
    let again = Host::set(
        &format!("store: sqlite:{}\n", state.display()),
        &format!("{SIEGE}}}"),
    );
    wait_until(Duration::from_secs(20), || Ok(!again.is_open())).unwrap();
    again.said(&["siege", "auto", "example.org"]);
    wait_until(Duration::from_secs(20), || Ok(again.is_open())).unwrap();
    again
        .backstop
        .wait_for_log("siege of example.org: siege -> calm")
        .unwrap();
    // Its beginning, before the restart, and its end are kept for reports.
    wait_until(Duration::from_secs(20), || {
        let told = again.said(&["report", "tenants", "--json"]);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let siege = &told["tenants"][0];
        let besieged = &siege["besieged"];
        assert_eq!(siege["domain"], "example.org", "{told}");
        assert_eq!(besieged["times"], 1, "{told}");
        Ok(besieged["now"] == false && besieged["seconds"].as_u64() > Some(0))
    })
    .unwrap();

    // All domains at once.
    again.said(&["siege", "on", "all"]);
    wait_until(Duration::from_secs(20), || Ok(!again.is_open())).unwrap();
}

/// An administrator's word on one domain goes before any on all.
#[test]
fn no_siege_by_hand_is_none_while_all_are_besieged() {
    let host = Host::set("", &format!("{SIEGE}}}"));
    let status = || String::from_utf8(host.command(&["status"]).stdout).unwrap();
    host.said(&["siege", "on", "all"]);
    wait_until(Duration::from_secs(20), || Ok(!host.is_open())).unwrap();
    assert!(host.explained().contains("example.org is besieged"));
    let said = host.said(&["siege", "off", "example.org"]);
    assert!(said.starts_with("example.org: calm, by hand"), "{said}");
    wait_until(Duration::from_secs(20), || Ok(host.is_open())).unwrap();
    let explained = host.explained();
    assert!(!explained.contains("besieged"), "{explained}");
    let told = status();
    for says in [
        "siege of all: siege",
        "siege of example.org: calm",
        "by hand until",
    ] {
        assert!(told.contains(says), "{says}: {told}");
    }
    host.said(&["siege", "auto", "example.org"]);
    wait_until(Duration::from_secs(20), || Ok(!host.is_open())).unwrap();
}

#[test]
fn what_can_not_be_said_by_hand() {
    let host = Host::set("", &format!("{SIEGE}}}"));
    for (arguments, says) in [
        (
            &["siege", "on", "elsewhere.example"][..],
            "elsewhere.example is not in local.domains",
        ),
        (
            &["siege", "on", "example.org", "--for", "90d"],
            "--for is 90d; expected 1s to 30d",
        ),
        (&["siege", "on", "a b"], "a b"),
        (&["siege", "maybe", "example.org"], "maybe"),
    ] {
        let output = host.command(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains(says),
            "{arguments:?}: {output:?}"
        );
    }
    let off = Host::set("", "siege: {watch: false}");
    let output = off.command(&["siege", "on", "example.org"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("siege.watch is off"), "{output:?}");
    assert!(off.is_open());
}

#[test]
fn a_command_that_is_not_there_is_told_of_and_stops_nothing() {
    let host = Host::set("", &format!("{SIEGE}, notify: [/nowhere/notify]}}"));
    host.said(&["siege", "on", "example.org"]);
    let line = host
        .backstop
        .wait_for_log("siege.notify: /nowhere/notify: ")
        .unwrap();
    assert!(line.contains("No such file"), "{line}");
    wait_until(Duration::from_secs(20), || Ok(!host.is_open())).unwrap();
}

/// One that hangs is stopped after half a minute, with all that it started; the next change waits for that, and mail for
/// neither. One that ends leaves nothing behind.
#[test]
fn one_command_runs_at_a_time_and_not_for_ever() {
    let folder = mta::folder_in_memory().unwrap();
    let file = |name: &str| folder.path().join(name);
    let (program, told, started) = (file("notify"), file("told"), file("started"));
    let script = format!(
        "#!/bin/sh\nsleep 600 &\necho $! >>{}\necho $BACKSTOP_TO >>{}\n[ $BACKSTOP_TO = calm ] || wait\n",
        started.display(),
        told.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let host = Host::set("", &format!("{SIEGE}, notify: [{}]}}", program.display()));
    let told = || fs::read_to_string(&told).unwrap_or_default();
    // Those that it started and that run. One that ended may stand there until somebody asks how, but without a name.
    let sleeping = || {
        let started = fs::read_to_string(&started).unwrap_or_default();
        let sleeps = |pid: &&str| {
            let arguments = fs::read(format!("/proc/{pid}/cmdline"));
            arguments.is_ok_and(|arguments| arguments.starts_with(b"sleep"))
        };
        started.lines().filter(sleeps).count()
    };
    host.said(&["siege", "on", "example.org"]);
    wait_until(Duration::from_secs(20), || Ok(told() == "siege\n")).unwrap();
    // Told before it has become `sleep`.
    wait_until(Duration::from_secs(20), || Ok(sleeping() == 1)).unwrap();
    host.said(&["siege", "off", "example.org"]);
    wait_until(Duration::from_secs(20), || Ok(host.is_open())).unwrap();
    let stopped = " was stopped because it took longer than 30 s";
    assert!(!host.backstop.log().contains(stopped) && told() == "siege\n");
    wait_until(Duration::from_secs(50), || {
        Ok(host.backstop.log().contains(stopped))
    })
    .unwrap();
    wait_until(Duration::from_secs(20), || Ok(told() == "siege\ncalm\n")).unwrap();
    wait_until(Duration::from_secs(5), || Ok(sleeping() == 0)).unwrap();
    assert!(!host.backstop.log().contains("exit status"));
}
