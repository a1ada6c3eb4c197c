//! Each fixture is a file: what a host has, what is found there, and the lines after which nothing is.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use super::{
    super::{gather, machine::Machine},
    *,
};

const FIXTURES: &str = "tests/fixtures/backscatter";
/// A host on which nothing is found.
const BASE: [(&str, &str); 4] = [
    (
        "etc/postfix/main.cf",
        "compatibility_level = 3.6\nmyhostname = mx.example.org\nmydestination = example.org, localhost\n",
    ),
    ("etc/postfix/master.cf", "smtp inet n - y - - smtpd\n"),
    (
        "etc/passwd",
        "root:x:0:0::/root:/bin/sh\njoe:x:1000:1000::/home/joe:/bin/sh\n",
    ),
    ("etc/aliases", "postmaster: root\nroot: joe\n"),
];
const SENDMAIL: [(&str, &str); 6] = [
    (
        "etc/mail/sendmail.mc",
        "define(`confTO_QUEUEWARN', `0')dnl\nFEATURE(`use_cw_file')dnl\nFEATURE(`virtusertable')dnl\nFEATURE(`mailertable')dnl\nFEATURE(`access_db')dnl\n",
    ),
    ("etc/mail/local-host-names", "example.org\n"),
    ("etc/mail/access", ""),
    ("etc/mail/mailertable", ""),
    ("etc/passwd", BASE[2].1),
    ("etc/mail/aliases", BASE[3].1),
];

/// The parts of a fixture: names and texts.
fn parts(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("--- ") {
            found.push((name.to_owned(), String::new()));
        } else if let Some((_, text)) = found.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    found
}

/// A file is added to; `=` in front of its name replaces it, or removes it where there is no text.
fn write(root: &Path, name: &str, text: &str) {
    let (name, adds) = match name.strip_prefix('=') {
        Some(name) => (name, false),
        None => (name, true),
    };
    let path = root.join(name);
    if !adds && text.is_empty() {
        let _ = fs::remove_file(path);
        return;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let before = if adds {
        fs::read_to_string(&path).unwrap_or_default()
    } else {
        String::new()
    };
    fs::write(path, before + text).unwrap();
}

async fn shown(root: &Path) -> String {
    let machine = Machine {
        root: Some(root.to_owned()),
        postfix: None,
    };
    let facts = gather::facts(&machine, &[], &Default::default())
        .await
        .unwrap();
    let mut text = String::new();
    for Finding {
        file,
        line,
        message,
        mend,
    } in findings(&facts, &BTreeSet::new())
    {
        let line = line.map_or(String::new(), |line| format!(":{line}"));
        let _ = writeln!(text, "{}{line}: {message}\n  use {mend}", file.display());
    }
    text
}

fn fixtures() -> Vec<PathBuf> {
    let entries = fs::read_dir(FIXTURES).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn what_is_found_and_what_mends_it() {
    let mut wrong = String::new();
    for file in fixtures() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let is_sendmail = file
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("sendmail");
        let base = if is_sendmail { &SENDMAIL[..] } else { &BASE };
        for (name, text) in base {
            write(root, name, text);
        }
        let (mut expected, mut is_mended) = (String::new(), false);
        for (name, text) in parts(&fs::read_to_string(&file).unwrap()) {
            if name == "expected" {
                expected = text;
                let found = shown(root).await;
                if found != expected {
                    let _ = writeln!(wrong, "{}:\n{found}", file.display());
                }
                continue;
            }
            is_mended |= !expected.is_empty();
            write(root, &name, &text);
        }
        let left = shown(root).await;
        // A fixture without findings shows what is fine.
        assert!(
            is_mended || expected.is_empty(),
            "{}: nothing mends it",
            file.display()
        );
        if !left.is_empty() && is_mended {
            let _ = writeln!(wrong, "{}: mended, and still\n{left}", file.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// All that the manual says is found has a fixture.
#[test]
fn there_are_fixtures() {
    assert!(fixtures().len() > 40, "{}", fixtures().len());
}
