//! `backstop setup` for well-known mail systems: what it shows, what it writes, and that all of it can be taken back.

mod servers;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use regex::Regex;
use tempfile::TempDir;

use crate::package::path;

const FIXTURES: &str = "tests/fixtures/setup";

/// A copy of a fixture: a folder with the files of a host.
struct Host {
    folder: TempDir,
}

impl Host {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&path(FIXTURES).join(name), folder.path());
        let database = folder.path().join("users.sql");
        if database.exists() {
            let file = folder.path().join("root/home/user-data/mail/users.sqlite");
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            let made = Command::new("sqlite3")
                .arg(&file)
                .arg(format!(".read {}", database.display()))
                .status();
            assert!(made.unwrap().success());
        }
        Self { folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn setup(&self, more: &[&str]) -> Output {
        let arguments = fs::read_to_string(self.folder.path().join("args")).unwrap_or_default();
        Command::new(env!("CARGO_BIN_EXE_backstop"))
            .args(["setup", "--root"])
            .arg(self.root())
            .args(arguments.split_whitespace())
            .args(more)
            .output()
            .unwrap()
    }

    fn shown(&self, more: &[&str]) -> String {
        let output = self.setup(more);
        let text =
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        text.replace(&self.root().display().to_string(), "")
    }

    /// Each file with its permissions and content.
    fn files(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.root()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::metadata(&path).unwrap();
                if metadata.is_dir() {
                    folders.push(path);
                } else {
                    let content = (metadata.mode(), fs::read(&path).unwrap());
                    found.insert(path, content);
                }
            }
        }
        found
    }

    /// `backstop check --offline` of the file that was written, with the paths of this copy in it.
    fn check(&self) -> Output {
        let file = self.root().join("etc/backstop/milter.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let paths = Regex::new("(postfix_map: |password_file: |sqlite:)/").unwrap();
        let root = self.root();
        let text = paths.replace_all(&text, format!("${{1}}{}/", root.display()));
        // This machine need not have the groups of that one.
        let text = text.replace("group: postfix", "group: root");
        let copy = self.folder.path().join("milter.yaml");
        fs::write(&copy, text).unwrap();
        Command::new(env!("CARGO_BIN_EXE_backstop"))
            .args(["check", "--offline", "--config"])
            .arg(copy)
            .output()
            .unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, name) = {
            let entry = entry.unwrap();
            (entry.path(), entry.file_name())
        };
        if from.is_dir() {
            copy(&from, &to.join(name));
        } else {
            fs::copy(from, to.join(name)).unwrap();
        }
    }
}

fn fixtures() -> Vec<String> {
    let folder = fs::read_dir(path(FIXTURES)).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn it_shows_what_it_would_write_and_why() {
    let mut wrong = Vec::new();
    for name in fixtures() {
        let host = Host::new(&name);
        let before = host.files();
        let shown = host.shown(&[]);
        assert_eq!(host.files(), before, "{name}");
        let file = path(FIXTURES).join(&name).join("expected");
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if shown != expected {
            wrong.push(format!("{name}: expected\n{expected}\nand found\n{shown}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_it_writes_is_right_and_can_be_taken_back() {
    for name in fixtures() {
        let host = Host::new(&name);
        let main = [
            "etc/postfix/main.cf",
            "opt/postfix/conf/main.cf",
            "etc/mail/sendmail.mc",
        ];
        let main = main.map(|file| host.root().join(file));
        let main = main.iter().find(|file| file.exists()).unwrap();
        fs::set_permissions(main, PermissionsExt::from_mode(0o640)).unwrap();
        let before = host.files();
        let applied = host.setup(&["--apply"]);
        if name == "socket-outside" {
            assert!(!applied.status.success());
            assert_eq!(host.files(), before);
            continue;
        }
        assert!(applied.status.success(), "{name}: {applied:?}");
        assert_eq!(
            host.shown(&["--apply"])
                .matches("nothing was written")
                .count(),
            1,
            "{name}"
        );
        assert_eq!(fs::metadata(main).unwrap().mode() & 0o7777, 0o640);

        let checked = host.check();
        assert!(checked.status.success(), "{name}: {checked:?}");

        let undone = host.setup(&["--undo"]);
        assert!(undone.status.success(), "{name}: {undone:?}");
        let after = host.files();
        assert_eq!(
            after.keys().collect::<Vec<_>>(),
            before.keys().collect::<Vec<_>>(),
            "{name}"
        );
        for (file, content) in before {
            assert_eq!(
                after.get(&file),
                Some(&content),
                "{name}: {}",
                file.display()
            );
        }
    }
}

#[test]
fn passwords_are_for_the_daemon_alone() {
    for (name, secret) in [
        ("postfixadmin", "s3cret!word"),
        ("iredmail", "7hJk2mmQ"),
        ("iredmail-ldap", "Xq5pmvIW"),
        ("mailcow", "Zh8gQ2mailcow"),
    ] {
        let host = Host::new(name);
        let before = host.files();
        let applied = host.setup(&["--apply"]);
        for output in [
            &applied,
            &host.setup(&[]),
            &host.setup(&["--json"]),
            &host.setup(&["--apply", "--json"]),
        ] {
            assert!(output.status.success(), "{output:?}");
            let text = [&output.stdout[..], &output.stderr].concat();
            assert!(!String::from_utf8(text).unwrap().contains(secret), "{name}");
        }
        let holders: Vec<_> = (host.files().into_iter())
            .filter(|(file, _)| !before.contains_key(file))
            .filter(|(_, (_, content))| String::from_utf8_lossy(content).contains(secret))
            .collect();
        let [(file, (mode, content))] = holders.as_slice() else {
            panic!("{name}: {holders:?}");
        };
        assert_eq!(
            (mode & 0o7777, content.as_slice()),
            (0o600, format!("{secret}\n").as_bytes()),
            "{file:?}"
        );
    }
}

#[test]
fn others_changes_stay_where_ours_are_taken_out() {
    let host = Host::new("postfixadmin");
    let before = host.files();
    assert!(host.setup(&["--apply"]).status.success());
    let main = host.root().join("etc/postfix/main.cf");
    let master = host.root().join("etc/postfix/master.cf");
    let yaml = host.root().join("etc/backstop/milter.yaml");
    let change = |file: &Path, from: &str, to: &str| {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(file, text.replace(from, to)).unwrap();
    };
    change(&main, "recipient_delimiter = +", "recipient_delimiter = -");
    change(&yaml, "mode: monitor", "mode: enforce");

    // Ours in another form: it stops, and says where.
    change(
        &main,
        "smtpd_milters = $backstop_milter, inet:localhost:8891",
        "smtpd_milters = inet:localhost:8891 $backstop_milter",
    );
    let shown = host.shown(&["--undo"]);
    assert!(
        shown.contains("- smtpd_milters = $backstop_milter, inet:localhost:8891"),
        "{shown}"
    );
    assert!(
        shown.contains(": smtpd_milters = inet:localhost:8891 $backstop_milter"),
        "{shown}"
    );
    assert!(
        fs::read_to_string(&master)
            .unwrap()
            .contains("backstop_milter")
    );

    change(
        &main,
        "smtpd_milters = inet:localhost:8891 $backstop_milter",
        "smtpd_milters = $backstop_milter, inet:localhost:8891",
    );
    let undone = host.setup(&["--undo"]);
    assert!(undone.status.success(), "{undone:?}");
    let main_before = String::from_utf8(before[&main].1.clone()).unwrap();
    let expected = main_before.replace("recipient_delimiter = +", "recipient_delimiter = -");
    assert_eq!(fs::read_to_string(&main).unwrap(), expected);
    assert_eq!(fs::read(&master).unwrap(), before[&master].1);
    assert!(fs::read_to_string(&yaml).unwrap().contains("mode: enforce"));
    assert!(!host.root().join("etc/backstop/setup").exists());
}

#[test]
fn a_file_that_somebody_made_is_never_overwritten() {
    let host = Host::new("debian");
    let yaml = host.root().join("etc/backstop/milter.yaml");
    fs::create_dir_all(yaml.parent().unwrap()).unwrap();
    let shipped = fs::read(path("milter.yaml")).unwrap();
    for (text, is_kept) in [
        (&shipped[..], false),
        (b"mode: monitor\n", true),
        (b"", false),
        (b"\n", false),
    ] {
        fs::write(&yaml, text).unwrap();
        assert!(host.setup(&["--apply"]).status.success());
        assert_eq!(fs::read(&yaml).unwrap() == text, is_kept);
        assert!(host.setup(&["--undo"]).status.success());
        assert_eq!(fs::read(&yaml).unwrap(), text);
    }
    fs::write(&yaml, "mode: wrong\n").unwrap();
    let output = host.setup(&["--apply"]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    // What an earlier set-up wrote, and nobody changed, follows the MTA.
    fs::remove_file(&yaml).unwrap();
    assert!(host.setup(&["--apply"]).status.success());
    let main = host.root().join("etc/postfix/main.cf");
    let text = fs::read_to_string(&main).unwrap();
    fs::write(
        &main,
        text.replace(
            "mydestination = $myhostname,",
            "mydestination = $myhostname, example.net,",
        ),
    )
    .unwrap();
    assert!(host.setup(&["--apply"]).status.success());
    assert!(fs::read_to_string(&yaml).unwrap().contains("- example.net"));
    assert!(host.setup(&["--undo"]).status.success());
    assert!(!yaml.exists());
}

/// `check` reads no file of more than a megabyte.
#[test]
fn a_host_of_very_many_domains_gets_a_file_that_can_be_read() {
    let host = Host::new("postfixadmin");
    let domains: Vec<String> = (0..700)
        .map(|number| format!("--domain=d{number}.example"))
        .collect();
    let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
    let shown = host.shown(&domains);
    assert!(
        shown.contains("with all 702 domains the file would be too large"),
        "{shown}"
    );
    assert!(shown.contains("- d699.example ") && shown.len() < 1_000_000);
}
