//! Each mistake has a file in `fixtures/config/bad`, and beside it the exact text that an administrator reads.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use backstop::{
    config::{self, Diagnostics, Severity},
    core::{address::Mailbox, recipients::Known, verdict::Mode},
    directory::{Directory, Weight},
};
use futures_util::FutureExt;

fn fixtures(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/config")
        .join(kind);
    set_modes_of_keys(&folder);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files
}

/// Git keeps no permissions. Key files must be private, except the one that tests a loose mode.
fn set_modes_of_keys(folder: &Path) {
    for file in fs::read_dir(folder.join("keys")).into_iter().flatten() {
        let file = file.unwrap().path();
        let mode = if file.ends_with("loose") {
            0o644
        } else {
            0o600
        };
        fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
    }
}

#[test]
fn every_mistake_is_reported_with_its_place_and_a_fix() {
    let files = fixtures("bad");
    assert!(files.len() >= 40, "only {} mistakes", files.len());
    compare(&files, |file| {
        let diagnostics = config::load(file).err()?;
        assert!(
            diagnostics
                .0
                .iter()
                .any(|one| one.severity == Severity::Error)
        );
        Some(diagnostics)
    });
}

#[test]
fn probable_mistakes_get_a_warning() {
    compare(&fixtures("doubtful"), |file| {
        let warnings = config::load(file).ok()?.warnings;
        assert!(warnings.iter().all(|one| one.severity == Severity::Warning));
        Some(Diagnostics(warnings))
    });
}

/// Compares the text about each file with the `.expected` beside it. With BLESS=1 in the environment it writes those
/// files; read the difference before you commit it.
fn compare(files: &[PathBuf], say: impl Fn(&Path) -> Option<Diagnostics>) {
    let mut wrong = Vec::new();
    for file in files {
        let Some(said) = say(file) else {
            wrong.push(format!(
                "{}: this file should be in the other folder",
                file.display()
            ));
            continue;
        };
        let folder = format!("{}/", file.parent().unwrap().display());
        let said = format!("{said}\n").replace(&folder, "");
        let expected = file.with_extension("expected");
        if std::env::var_os("BLESS").is_some() {
            fs::write(expected, said).unwrap();
        } else if fs::read_to_string(expected).unwrap_or_default() != said {
            wrong.push(said);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn correct_files_get_no_warning() {
    for file in fixtures("good") {
        let config = config::load(&file).unwrap_or_else(|wrong| panic!("{wrong}"));
        let unexpected: Vec<_> = config
            .warnings
            .iter()
            // A file that names no domain is correct, but gets a warning.
            .filter(|warning| !warning.message.starts_with("`local.domains` is empty"))
            .collect();
        assert!(unexpected.is_empty(), "{}: {unexpected:?}", file.display());
    }
}

#[test]
fn a_full_file_is_summed_up() {
    let file = fixtures("good")
        .into_iter()
        .find(|file| file.ends_with("everything.yaml"))
        .unwrap();
    let config = config::load(&file).unwrap();
    assert_eq!(config.policy.mode, Mode::Enforce);
    assert_eq!(
        config.listen.to_string(),
        "unix:/run/backstop/backstop.sock"
    );
    let directory = Directory::new(config.directories.clone());
    let events = directory.refresh();
    assert_eq!(events.len(), 2);
    assert!(
        events.iter().all(|event| event.weight() == Weight::News),
        "{events:?}"
    );
    let local = &config.policy.local;
    // Numbers and YAML's own words are local parts like others.
    for address in [
        "1000", "007", "no", "null", "hall-9", "joe+x", "ann", "support",
    ] {
        let mailbox = Mailbox::from_bytes(format!("{address}@example.org").as_bytes());
        let known = directory.known(0, &mailbox, local);
        let known = known.now_or_never().unwrap();
        assert!(matches!(known, Known::Listed(_)), "{address}: {known:?}");
    }
    assert_eq!(
        config.summary(),
        [
            "mode enforce: verdicts act",
            "listens on unix:/run/backstop/backstop.sock",
            "own domains: example.org, .example.org, xn--bcher-kva.example",
            "own networks, not judged: 127.0.0.0/8, ::1, 192.0.2.0/24",
            "Authentication-Results: in the name of mx.example.org",
            "SPF of HELO: none accept, fail reject (only monitored), softfail accept, temperror accept, \
             permerror accept",
            "SPF of MAIL FROM: none tag, fail reject, softfail quarantine, temperror tempfail, permerror tag",
            "forged own domain in MAIL FROM: tag",
            "forged own domain in the header From: reject; except mailing lists: lists.example.net, .groups.example",
            "second and later recipient of a bounce: reject",
            "bounces to addresses that never send (3 listed): reject",
            "null sender, but no notification: quarantine",
            "null sender, and an unauthenticated report: tempfail",
            "bounces from clients on ips.backscatterer.org: tag",
            "bounces from clients on bounces.example (127.0.0.2, 127.0.0.9): reject (only monitored)",
            "header rules: 2 reject, 1 tag, 1 tempfail (only monitored)",
            "BATV tags: verified with 2 keys, wrong and expired ones: reject (only monitored); outgoing mail is \
             signed with key 2 for 5 days; your MTA must accept mail to tagged addresses, which is not checked here: \
             see TAGS in milter.yaml(5)",
            "watermarks in returned messages: verified; outgoing mail gets one, made with key 2 for 5 days",
            "ledger: outgoing mail is remembered for 60 days",
            "DKIM signatures of own domains in returned messages: verified with the keys in DNS",
            "unproven bounces: reject; other unproven automatic replies: accept, with a sender: tag; weak evidence: accept",
            "siege: from 5 times the baseline and 50 bounces per minute; then unproven notifications: reject (only \
             monitored), catch-all recipients that are not learned: mail accept, bounces reject",
            "metrics: http://[::1]:8895/metrics",
            "example.org: 3 lists, 2 rules; all others (catch-all): mail accept, bounces reject",
            "xn--bcher-kva.example: 1 list, no rules; unknown recipients: mail reject, bounces reject",
        ]
    );
}

#[test]
fn a_file_that_can_not_be_read_is_named() {
    let wrong = config::load(Path::new("/nonexistent/milter.yaml")).unwrap_err();
    let text = wrong.to_string();
    assert!(
        text.starts_with("/nonexistent/milter.yaml: error: the file can't be read"),
        "{text}"
    );
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("milter.yaml");
    fs::write(&large, "#".repeat((1 << 20) + 1)).unwrap();
    assert!(
        config::load(&large)
            .unwrap_err()
            .to_string()
            .contains("megabyte")
    );
}
