//! What would stop the daemon as its own user, found by root's `backstop check`; and whose the keys are that root makes.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use nix::unistd::{Uid, User};
use serde_json::Value;
use tempfile::TempDir;

/// Somebody whom nothing is given to.
const USER: &str = "nobody";

/// A site where that user can read all, and write what the daemon writes.
struct Site {
    folder: TempDir,
    user: User,
}

impl Site {
    fn new() -> Self {
        assert!(Uid::effective().is_root(), "these tests need root");
        let user = User::from_name(USER).unwrap().unwrap();
        let folder = lab::mta::folder_in_memory().unwrap();
        let site = Self { folder, user };
        site.mode("", 0o755);
        for folder in ["state", "run"] {
            fs::create_dir(site.path(folder)).unwrap();
            site.give(folder);
        }
        for (file, mode) in [
            ("list", 0o644),
            ("notify", 0o755),
            ("password", 0o640),
            ("ca", 0o644),
        ] {
            fs::write(site.path(file), "joe@example.org\n").unwrap();
            site.mode(file, mode);
        }
        site.give("password");
        fs::write(site.path("notify"), "#!/bin/sh\n").unwrap();
        let made = site.backstop(&["keygen", "--user", USER, "--file", &site.name("keys")]);
        assert!(made.status.success(), "{made:?}");
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn give(&self, name: &str) {
        let (uid, gid) = (self.user.uid.as_raw(), self.user.gid.as_raw());
        chown(self.path(name), Some(uid), Some(gid)).unwrap();
    }

    fn take(&self, name: &str, mode: u32) {
        chown(self.path(name), Some(0), Some(0)).unwrap();
        self.mode(name, mode);
    }

    fn backstop(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_backstop"))
            .args(arguments)
            .output()
            .unwrap()
    }

    /// What `check` says of a file with these lines as well.
    fn check(&self, more: &str, mode: u32, user: &str) -> (i32, Value) {
        let yaml = format!(
            "local: {{domains: [example.org]}}\nstore: sqlite:{}\nproof: {{key_file: {}}}\n{}",
            self.name("state/state.db"),
            self.name("keys"),
            more.replace("FOLDER", &self.folder.path().display().to_string()),
        );
        fs::write(self.path("milter.yaml"), yaml).unwrap();
        self.mode("milter.yaml", mode);
        let file = self.name("milter.yaml");
        let output = self.backstop(&["check", "--offline", "--json", "--user", user, "-c", &file]);
        let json = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"));
        (output.status.code().unwrap(), json)
    }
}

const LIST: &str = "recipients: [{domain: example.org, known: [{file: FOLDER/list}]}]\n";
const SQL: &str = "recipients: [{domain: example.org, known: [{sql: {url: 'postgres://u@127.0.0.1:1/x', password_file: FOLDER/password, \
    tls: verify, ca: FOLDER/ca, query: 'SELECT 1 FROM m WHERE a = :address'}}]}]\n";
const SOCKET: &str = "listen: unix:FOLDER/run/backstop.sock\n";
const NOTIFY: &str = "siege: {notify: [FOLDER/notify]}\n";

#[test]
fn what_would_stop_the_daemon_is_found_by_its_user() {
    type Spoil = fn(&Site);
    let nothing: Spoil = |_| {};
    let denied = "Permission denied";
    for (more, mode, spoil, found) in [
        // All is well.
        ([LIST, SOCKET, NOTIFY].concat(), 0o644, nothing, None),
        (SQL.to_owned(), 0o644, nothing, None),
        (
            "socket: {mode: 0660, group: nogroup}\n".to_owned() + SOCKET,
            0o644,
            nothing,
            None,
        ),
        // Files that it may not read.
        (String::new(), 0o600, nothing, Some(("milter.yaml", denied))),
        (
            String::new(),
            0o644,
            |site| site.take("keys", 0o600),
            Some(("milter.yaml", denied)),
        ),
        (
            LIST.to_owned(),
            0o644,
            |site| site.take("list", 0o600),
            Some(("milter.yaml", denied)),
        ),
        (
            SQL.to_owned(),
            0o644,
            |site| site.take("password", 0o640),
            Some(("milter.yaml", denied)),
        ),
        (
            SQL.to_owned(),
            0o644,
            |site| site.take("ca", 0o640),
            Some(("", denied)),
        ),
        // A folder on the way is closed.
        (
            String::new(),
            0o644,
            |site| site.mode("", 0o700),
            Some(("milter.yaml", denied)),
        ),
        // What it can't write.
        (
            String::new(),
            0o644,
            |site| site.take("state", 0o755),
            Some(("state", "no file can be made in it")),
        ),
        (
            String::new(),
            0o644,
            |site| {
                fs::write(site.path("state/state.db"), "").unwrap();
                site.take("state/state.db", 0o644);
            },
            Some(("state/state.db", "it can't be written")),
        ),
        (
            String::new(),
            0o644,
            |site| {
                fs::write(site.path("state/state.db-wal"), "").unwrap();
                site.take("state/state.db-wal", 0o644);
            },
            Some(("state/state.db-wal", "it can't be written")),
        ),
        (
            SOCKET.to_owned(),
            0o644,
            |site| site.take("run", 0o755),
            Some(("", "make a socket in /")),
        ),
        // Owners that it can't give the socket to, or that don't exist.
        (
            "socket: {group: root}\n".to_owned() + SOCKET,
            0o644,
            nothing,
            Some(("", "give the socket to its user and group")),
        ),
        (
            "socket: {user: root}\n".to_owned() + SOCKET,
            0o644,
            nothing,
            Some(("", "give the socket to its user and group")),
        ),
        (
            "socket: {user: no-such-user}\n".to_owned() + SOCKET,
            0o644,
            nothing,
            Some(("", "no-such-user")),
        ),
        (
            "socket: {group: no-such-group}\n".to_owned() + SOCKET,
            0o644,
            nothing,
            Some(("", "no-such-group")),
        ),
        // Commands that it can't run.
        (
            NOTIFY.to_owned(),
            0o644,
            |site| site.mode("notify", 0o644),
            Some(("", "siege.notify")),
        ),
        (
            NOTIFY.to_owned(),
            0o644,
            |site| site.take("notify", 0o700),
            Some(("", "siege.notify")),
        ),
        (
            NOTIFY.to_owned(),
            0o644,
            |site| fs::remove_file(site.path("notify")).unwrap(),
            Some(("", "siege.notify")),
        ),
        (
            "siege: {notify: [/usr/bin/no-such-command]}\n".to_owned(),
            0o644,
            nothing,
            Some(("", "No such file")),
        ),
        (
            "siege: {notify: [/usr/bin/true]}\n".to_owned(),
            0o644,
            nothing,
            None,
        ),
    ] {
        let site = Site::new();
        spoil(&site);
        let (code, json) = site.check(&more, mode, USER);
        let problems = json["problems"].as_array().unwrap();
        let Some((file, part)) = found else {
            assert_eq!((code, problems.len()), (0, 0), "{more}: {json}");
            continue;
        };
        assert_eq!(code, 1, "{more}: {json}");
        let is_it = |problem: &&Value| {
            let named = problem["file"]
                .as_str()
                .is_some_and(|named| named.ends_with(file));
            (file.is_empty() || named) && problem["message"].as_str().unwrap().contains(part)
        };
        assert!(
            problems.iter().any(|problem| is_it(&problem)),
            "{more} {file} {part}: {json}"
        );
        // Nothing is left behind, and nothing of the daemon's is root's now.
        for folder in ["state", "run"] {
            for entry in fs::read_dir(site.path(folder)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(name.starts_with("state.db"), "{more}: {name}");
            }
        }
    }
    let site = Site::new();
    let (code, json) = site.check("", 0o644, "no-such-user");
    assert_eq!(code, 1);
    assert!(
        json["problems"]
            .to_string()
            .contains("there is no user no-such-user"),
        "{json}"
    );
}

#[test]
fn keys_that_root_makes_are_the_daemons() {
    let site = Site::new();
    let owner = |file: &Path| {
        let file = fs::metadata(file).unwrap();
        (file.uid(), file.gid(), file.mode() & 0o7777)
    };
    let nobodys = (site.user.uid.as_raw(), site.user.gid.as_raw(), 0o600);
    let keys = site.path("keys");
    assert_eq!(owner(&keys), nobodys);
    // One that root made before is given away; one of somebody else stays.
    let keygen = |arguments: &[&str]| {
        let file = site.name("keys");
        let made = site.backstop(&[&["keygen", "--file", &file], arguments].concat());
        assert!(made.status.success(), "{made:?}");
    };
    chown(&keys, Some(0), Some(0)).unwrap();
    keygen(&["--user", USER]);
    assert_eq!(owner(&keys), nobodys);
    chown(&keys, Some(1), Some(1)).unwrap();
    keygen(&["--user", USER]);
    assert_eq!(owner(&keys), (1, 1, 0o600));
    let file = site.name("other");
    let none = site.backstop(&["keygen", "--file", &file, "--user", "no-such-user"]);
    assert_eq!(none.status.code(), Some(64), "{none:?}");
    assert!(!Path::new(&file).exists());
}
