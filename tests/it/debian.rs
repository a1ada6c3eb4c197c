//! The package in a clean Debian: built, installed, used, upgraded over, removed, purged. `tests/boot` boots it, with a real
//! systemd, and `tests/vm` with Debian's own kernel; `tests/debian` has what is done and looked at inside.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
};

use crate::package::path;

/// The package, of the program that is tested.
static PACKAGE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian");
    let built = Command::new(path("packaging/deb"))
        .args(["--binary", env!("CARGO_BIN_EXE_backstop"), "--output"])
        .arg(&folder)
        // Nobody downloads it.
        .envs([
            ("DPKG_DEB_COMPRESSOR_TYPE", "gzip"),
            ("DPKG_DEB_COMPRESSOR_LEVEL", "1"),
        ])
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", said(&built));
    let package = folder.join("backstop.deb");
    fs::rename(String::from_utf8(built.stdout).unwrap().trim(), &package).unwrap();
    package
});

fn said(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    texts.concat()
}

/// Where the package is tried.
const CONTAINER: [&str; 2] = ["tests/boot", "container"];
const MACHINE: [&str; 2] = ["tests/vm", "machine"];

fn boot([program, action]: [&str; 2], suite: &str, script: &Path) -> Output {
    let mut boot = Command::new(path(program));
    boot.args([action, suite]).arg(script).arg(&*PACKAGE);
    boot.output().unwrap()
}

/// What a script of `tests/debian` expects, it finds.
fn holds(place: [&str; 2], suite: &str, script: &str) {
    let script = path("tests/debian").join(script);
    let output = boot(place, suite, &script);
    assert!(output.status.success(), "{suite}: {}", said(&output));
}

/// First, because it takes longest.
#[test]
fn confined_by_apparmor_on_debians_own_kernel() {
    holds(MACHINE, "bookworm", "machine.sh");
}

#[test]
fn lintian_finds_no_error() {
    let output = Command::new("lintian")
        .args(["--fail-on", "error", "--allow-root"])
        .arg(&*PACKAGE)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn installed_upgraded_over_removed_and_purged() {
    holds(CONTAINER, "bookworm", "lifecycle.sh");
}

#[test]
fn installed_upgraded_over_removed_and_purged_on_trixie() {
    holds(CONTAINER, "trixie", "lifecycle.sh");
}

#[test]
fn set_up_over_the_file_that_it_brings() {
    holds(CONTAINER, "bookworm", "setup.sh");
}

#[test]
fn pages_hold_word_for_word() {
    holds(CONTAINER, "bookworm", "pages.sh");
}

#[test]
fn a_socket_file_in_the_chroot_of_postfix() {
    holds(CONTAINER, "bookworm", "chroot.sh");
}

#[test]
fn reload_answers_what_became_of_it() {
    holds(CONTAINER, "bookworm", "reload.sh");
}

#[test]
fn reload_answers_what_became_of_it_on_trixie() {
    holds(CONTAINER, "trixie", "reload.sh");
}

#[test]
fn the_socket_unit_keeps_the_socket() {
    holds(CONTAINER, "bookworm", "socket.sh");
}

#[test]
fn the_socket_unit_keeps_the_socket_on_trixie() {
    holds(CONTAINER, "trixie", "socket.sh");
}

#[test]
fn readers_of_the_log_and_of_headers() {
    holds(CONTAINER, "bookworm", "readers.sh");
}

/// Otherwise none of the above could fail.
#[test]
fn a_script_that_fails_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.sh");
    fs::copy(path("tests/debian/lib.sh"), folder.path().join("lib.sh")).unwrap();
    for text in [". /root/lib.sh; is 1 2; true", "kill -9 $PPID"] {
        fs::write(&script, text).unwrap();
        let output = boot(CONTAINER, "trixie", &script);
        assert!(!output.status.success(), "{text}: {}", said(&output));
    }
}
