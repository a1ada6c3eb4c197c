//! `backstop keygen`: no key is ever lost, whatever is asked for and whatever stands in the way.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::UNIX_EPOCH,
};

use backstop::{
    config::key_file,
    core::{
        address::Mailbox,
        proof::{
            self, Key, Keys,
            batv::{self, Layout, Proof, Tagged},
        },
    },
};
use tempfile::TempDir;

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("keys")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstop"));
        command.arg("keygen").args(arguments);
        command.arg("--file").arg(self.file());
        command
    }

    fn keygen(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn ids(&self) -> Vec<(u8, bool)> {
        let keys = key_file::read(&self.file()).unwrap();
        keys.iter()
            .map(|key| (key.id(), key.retired().is_some()))
            .collect()
    }

    fn signs(&self) -> Option<u8> {
        let keys = key_file::read(&self.file()).unwrap();
        keys.signing().map(Key::id)
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8(bytes.clone()).unwrap())
        .concat()
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_roll_over_from_first_key_to_last() {
    let desk = Desk::new();
    let first = desk.keygen(&[]);
    assert_eq!(code(&first), 0, "{}", said(&first));
    assert!(said(&first).contains("made key 0"), "{}", said(&first));
    assert_eq!(mode(&desk.file()), 0o600);
    let line = fs::read_to_string(desk.file()).unwrap();
    let secret = line.split_whitespace().last().unwrap().to_owned();
    assert!(!said(&first).contains(&secret));

    assert_eq!(code(&desk.keygen(&[])), 0);
    assert_eq!(
        (desk.ids(), desk.signs()),
        (vec![(0, false), (1, false)], Some(1))
    );
    assert!(fs::read_to_string(desk.file()).unwrap().contains(&secret));
    assert_eq!(code(&desk.keygen(&["--retire", "0"])), 0);
    assert_eq!(code(&desk.keygen(&["--id", "9"])), 0);
    // After 9 comes 0, and its retired namesake stays.
    assert_eq!(code(&desk.keygen(&[])), 0);
    assert_eq!(desk.ids(), [(0, true), (1, false), (9, false), (0, false)]);
    assert_eq!(desk.signs(), Some(0));
    assert_eq!(mode(&desk.file()), 0o600);

    let text = fs::read_to_string(desk.file()).unwrap();
    assert!(text.contains(&secret));
    let secrets: std::collections::BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(' ').nth(2))
        .collect();
    assert_eq!(secrets.len(), 4);
    assert_eq!(fs::read_dir(desk.0.path()).unwrap().count(), 1);
}

/// No MX host signs with a key that another doesn't know, in whatever order they get the file and are reloaded.
#[test]
fn a_roll_over_of_several_hosts_has_no_gap() {
    let desk = Desk::new();
    let sender = Mailbox::from_bytes(b"joe@example.org");
    let today = proof::today(UNIX_EPOCH.elapsed().unwrap().as_secs());
    let mut before: Option<Keys> = None;
    for (arguments, signs) in [
        // With no other key there is nothing to wait for.
        (&["--standby"][..], 0),
        (&["--standby"], 0),
        (&["--retire", "0"], 1),
        (&["--standby", "--id", "7"], 1),
        (&["--retire", "1"], 7),
    ] {
        let output = desk.keygen(arguments);
        assert_eq!(code(&output), 0, "{}", said(&output));
        assert_eq!(desk.signs(), Some(signs), "{arguments:?}");
        let keys = key_file::read(&desk.file()).unwrap();
        if let Some(before) = before {
            for (signer, verifier) in [(&before, &keys), (&keys, &before)] {
                let tagged = batv::sign(&sender, signer, today, 7, Layout::Prvs, "+").unwrap();
                let Some(Tagged::Ours(tag)) = batv::read(&Mailbox::from_bytes(&tagged), "+") else {
                    panic!("{tagged:?}")
                };
                let found = batv::verify(&tag, verifier, today, 7);
                assert!(
                    matches!(found, Proof::Valid { .. }),
                    "{arguments:?}: {found:?}"
                );
            }
        }
        before = Some(keys);
    }
    let output = desk.keygen(&["--standby"]);
    let told = "made key 8; it verifies after the next reload, and signs when key 7 is retired";
    assert!(said(&output).contains(told), "{}", said(&output));
    let both = desk.keygen(&["--standby", "--retire", "7"]);
    assert_eq!(code(&both), 64);
}

#[test]
fn what_makes_no_sense_changes_nothing() {
    let desk = Desk::new();
    assert_eq!(code(&desk.keygen(&["--retire", "3"])), 64);
    assert!(!desk.file().exists());
    for id in 0..10 {
        assert_eq!(code(&desk.keygen(&["--id", &id.to_string()])), 0);
    }
    let before = fs::read(desk.file()).unwrap();
    for (arguments, part) in [
        (["--id", "4"].as_slice(), "a key with id 4 is in use"),
        (&[], "all ten ids are in use"),
        (&["--id", "10"], "10 is not in 0..=9"),
        (&["--id", "1", "--retire", "2"], "cannot be used with"),
    ] {
        let output = desk.keygen(arguments);
        assert_eq!(code(&output), 64, "{arguments:?}");
        assert!(said(&output).contains(part), "{}", said(&output));
    }
    assert_eq!(fs::read(desk.file()).unwrap(), before);
    assert_eq!(fs::read_dir(desk.0.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_is_not_in_order_is_left_as_it_is() {
    let good = "1 2026-01-31 bm90IHNvIHNlY3JldCBhZnRlciBhbGw\n";
    for (text, permissions, part) in [
        (good, 0o640, "chmod 600"),
        (good, 0o602, "chmod 600"),
        ("not a key\n", 0o600, "line 1: a key begins with its id"),
        ("1 2026-01-31 bm90", 0o600, "line 1: the third word"),
    ] {
        let desk = Desk::new();
        fs::write(desk.file(), text).unwrap();
        fs::set_permissions(desk.file(), fs::Permissions::from_mode(permissions)).unwrap();
        let output = desk.keygen(&[]);
        assert_eq!(code(&output), 78);
        assert!(said(&output).contains(part), "{}", said(&output));
        assert!(!said(&output).contains("bm90"), "{}", said(&output));
        assert_eq!(fs::read_to_string(desk.file()).unwrap(), text);
        assert_eq!(mode(&desk.file()), permissions);
        assert_eq!(fs::read_dir(desk.0.path()).unwrap().count(), 1);
    }
}

#[test]
fn of_many_at_once_none_undoes_what_another_did() {
    let desk = Desk::new();
    let running: Vec<_> = (0..10)
        .map(|_| {
            let mut command = desk.command(&[]);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let mut done = 0;
    for one in running {
        let output = one.wait_with_output().unwrap();
        match code(&output) {
            0 => done += 1,
            78 => assert!(
                said(&output).contains("another `backstop keygen`"),
                "{}",
                said(&output)
            ),
            other => panic!("{other}: {}", said(&output)),
        }
    }
    assert!(done >= 1);
    assert_eq!(desk.ids().len(), done);
}

#[test]
fn an_interrupted_one_is_told_of() {
    let desk = Desk::new();
    let draft = desk.0.path().join("keys.new");
    fs::write(&draft, "").unwrap();
    let output = desk.keygen(&[]);
    assert_eq!(code(&output), 78);
    assert!(
        said(&output).contains(&format!("rm {}", draft.display())),
        "{}",
        said(&output)
    );
    assert!(!desk.file().exists() && draft.exists());
}

#[test]
fn a_link_stays_one() {
    let desk = Desk::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("real");
    fs::write(&target, "").unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&target, desk.file()).unwrap();
    assert_eq!(code(&desk.keygen(&[])), 0);
    assert!(fs::symlink_metadata(desk.file()).unwrap().is_symlink());
    let keys = Keys::parse(&fs::read_to_string(&target).unwrap()).unwrap();
    assert_eq!(keys.len(), 1);
}

#[test]
fn json_says_the_same() {
    let desk = Desk::new();
    let output = desk.keygen(&["--id", "5", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["made"], 5);
    assert_eq!(json["signs"], 5);
    let output = desk.keygen(&["--retire", "5", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["retired"], &json["keys"]), (&5.into(), &1.into()));
    assert!(json["signs"].is_null() && json["made"].is_null());
}

/// The keys of other programs: their own files, no doubles, and an end that `check` tells.
#[test]
fn keys_of_other_programs_come_and_go() {
    let desk = Desk::new();
    let folder = desk.0.path();
    let scanner = folder.join("MailScanner.conf");
    fs::write(
        &scanner,
        "%org-name% = Example\nWatermark Secret = %org-name%-hush\n\
         Watermark Header = X-%org-name%-MailScanner-Watermark:\n",
    )
    .unwrap();
    let haraka = folder.join("bounce.ini");
    fs::write(
        &haraka,
        "[validation]\nsecret=a secret of 32 characters or more\n",
    )
    .unwrap();
    let scanner = scanner.to_str().unwrap();
    assert_eq!(code(&desk.keygen(&[])), 0);
    for _ in 0..2 {
        let output = desk.keygen(&["--import", "mailscanner", "--from", scanner]);
        assert_eq!(code(&output), 0, "{}", said(&output));
        let words = "imported a key of mailscanner (X-Example-MailScanner-Watermark)";
        assert!(said(&output).contains(words), "{}", said(&output));
        assert!(said(&output).contains("others may find it out"));
        assert!(!said(&output).contains("hush"));
    }
    let import = [
        "--import",
        "haraka",
        "--json",
        "--from",
        haraka.to_str().unwrap(),
    ];
    let output = desk.keygen(&import);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["imported"][0]["program"], "haraka");
    assert_eq!(json["imported"][0]["marks"], "sha256");
    assert_eq!((&json["signs"], &json["keys"]), (&0.into(), &1.into()));

    let file = folder.join("milter.yaml");
    let yaml = format!(
        "local: {{domains: [example.org]}}\nproof: {{key_file: {}}}\nstore: sqlite:{}\n",
        desk.file().display(),
        folder.join("state.db").display()
    );
    fs::write(&file, yaml).unwrap();
    let check = || {
        let mut check = Command::new(env!("CARGO_BIN_EXE_backstop"));
        check.args(["check", "--offline", "--config"]).arg(&file);
        said(&check.output().unwrap())
    };
    let until = json["imported"][0]["until"].as_str().unwrap();
    let shown = check();
    let live = format!("the key of haraka (sha256) verifies until {until}");
    assert!(shown.contains(&live), "{shown}");
    assert!(!shown.contains("can be removed"), "{shown}");

    let text = fs::read_to_string(desk.file()).unwrap();
    let long_ago = text
        .lines()
        .map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
            ["haraka", _, secret, _, marks] => {
                format!("haraka 2026-01-01 {secret} 2026-01-08 {marks}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect::<String>();
    fs::write(desk.file(), long_ago).unwrap();
    let shown = check();
    let ended = format!(
        "the key of haraka (sha256) in {0} verified until 2026-01-08, and can be removed: use `backstop keygen --file {0} --remove-ended`",
        desk.file().display()
    );
    assert!(shown.contains(&ended), "{shown}");
    let output = desk.keygen(&["--remove-ended"]);
    assert!(
        said(&output).contains("removed 1 imported"),
        "{}",
        said(&output)
    );
    let keys = key_file::read(&desk.file()).unwrap();
    assert_eq!((keys.len(), keys.imported().count()), (1, 1));
    for (arguments, expected, part) in [
        (&["--import", "exim"][..], 64, "--from"),
        (&["--import", "postfix", "--from", "x"], 64, "postfix"),
        (&["--from", "x"], 64, "--import"),
        (
            &["--import", "exim", "--from", "/nonexistent"],
            78,
            "can't be read",
        ),
        (
            &["--import", "haraka", "--from", scanner],
            78,
            "has no secret",
        ),
        (
            &["--import", "mailscanner", "--id", "1", "--from", scanner],
            78,
            "--id 1",
        ),
        (
            &["--import", "mailscanner", "--until", "x", "--from", scanner],
            64,
            "expected a day",
        ),
        (
            &[
                "--import",
                "mailscanner",
                "--until",
                "2026-01-01",
                "--from",
                scanner,
            ],
            78,
            "a later day",
        ),
        (
            &["--remove-ended", "--retire", "0"],
            64,
            "cannot be used with",
        ),
    ] {
        let output = desk.keygen(arguments);
        assert_eq!(code(&output), expected, "{arguments:?} {}", said(&output));
        assert!(
            said(&output).contains(part),
            "{arguments:?} {}",
            said(&output)
        );
    }
}

/// A bounce that MailScanner's mark proves, from the import to the verdict.
#[test]
fn a_bounce_of_mail_that_mailscanner_marked_is_genuine() {
    let desk = Desk::new();
    let folder = desk.0.path();
    let scanner = folder.join("MailScanner.conf");
    fs::write(
        &scanner,
        "Watermark Secret = Example-WilliWonka\nWatermark Header = X-Example-MailScanner-Watermark:\n",
    )
    .unwrap();
    let bounce = folder.join("bounce.eml");
    // The mark is the one of core/proof/imported/tests.rs: MailScanner's own lines made it, and it ends on 2026-12-07.
    let marked = "X-Example-MailScanner-Watermark: 1796636483.77052@ahh3BLS8Qx68pTkF+AeS2w";
    let ends = UNIX_EPOCH + std::time::Duration::from_secs(1_796_636_483);
    let is_over = std::time::SystemTime::now() > ends;
    fs::write(
        &bounce,
        format!(
            "Return-Path: <>\nFrom: MAILER-DAEMON@friend.example\nTo: joe@example.org\n\
             Subject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
             --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; friend.example\n\n\
             Final-Recipient: rfc822; bob@friend.example\nAction: failed\nStatus: 5.1.1\n\n\
             --b\nContent-Type: text/rfc822-headers\n\nFrom: Joe <joe@example.org>\nTo: bob@friend.example\n\
             Subject: hi\nDate: Mon, 30 Nov 2026 09:00:00 +0100\nMessage-ID: <m1@example.org>\n{marked}\n\n--b--\n"
        ),
    )
    .unwrap();
    let explained = || {
        let file = folder.join("milter.yaml");
        let yaml = format!(
            "local: {{domains: [example.org]}}\nproof: {{key_file: {}, unproven: reject, dkim: {{verify: false}}}}\n",
            desk.file().display()
        );
        fs::write(&file, yaml).unwrap();
        let mut explain = Command::new(env!("CARGO_BIN_EXE_backstop"));
        explain.args([
            "explain",
            "--mail-from",
            "<>",
            "--rcpt",
            "joe@example.org",
            "--eml",
        ]);
        explain.arg(&bounce).arg("--config").arg(&file);
        said(&explain.output().unwrap())
    };
    assert_eq!(code(&desk.keygen(&[])), 0);
    let before = explained();
    assert!(before.contains("unproven"), "{before}");
    let import = [
        "--import",
        "mailscanner",
        "--from",
        scanner.to_str().unwrap(),
    ];
    assert_eq!(code(&desk.keygen(&import)), 0);
    let after = explained();
    let found = match is_over {
        false => "the mark of mailscanner on m1@example.org is by a key that was imported",
        true => "the watermark is ours, but its lifetime is over",
    };
    assert!(after.contains(found), "{after}");
}
