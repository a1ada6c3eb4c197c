//! What installs the tests' needs waits while another process holds apt's locks (`tests/apt.sh`).

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::package::path;

/// apt, with folders of its own below `folder` and no server to ask.
fn configuration(folder: &Path) -> String {
    let folder = folder.to_str().unwrap();
    format!(
        "Dir::State \"{folder}\"; Dir::State::lists \"lists/\"; Dir::State::status \"{folder}/status\";
         Dir::Cache \"{folder}\"; Dir::Etc \"{folder}\"; Dir::Log \"{folder}\";"
    )
}

/// Holds this lock until its standard input is closed; a record lock of fcntl(2), as apt's own.
fn hold(lock: &Path) -> Child {
    let mut holder = Command::new("/usr/bin/python3")
        .arg("-c")
        .arg("import fcntl, sys; lock = open(sys.argv[1], 'w'); fcntl.lockf(lock, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()")
        .arg(lock)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let held = holder.stdout.as_mut().unwrap().read(&mut [0]).unwrap();
    assert_eq!(held, 1, "the lock could not be taken");
    holder
}

fn script(folder: &Path, commands: &str) -> Command {
    let mut script = Command::new("sh");
    script
        .args(["-euc", &format!(". \"$1\"; {commands}"), "apt"])
        .arg(path("tests/apt.sh"))
        .env("APT_CONFIG", folder.join("apt.conf"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    script
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("lists/partial")).unwrap();
    fs::write(folder.path().join("status"), "").unwrap();
    fs::write(folder.path().join("apt.conf"), configuration(folder.path())).unwrap();
    folder
}

#[test]
fn who_holds_a_lock_is_waited_for_and_named() {
    let folder = folder();
    let lock = folder.path().join("lists/lock");
    let mut holder = hold(&lock);
    let mut update = script(folder.path(), "apt_get update; echo done")
        .spawn()
        .unwrap();
    let mut said = BufReader::new(update.stdout.take().unwrap()).lines();
    let waits = said.next().unwrap().unwrap();
    assert_eq!(
        waits,
        format!(
            "-- apt-get waits, at most 15 minutes: lock {}. It is held by process {} (python3)",
            lock.display(),
            holder.id()
        )
    );
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert_eq!(said.next().unwrap().unwrap(), "done");
    assert!(update.wait().unwrap().success());
}

#[test]
fn the_wait_for_a_lock_has_an_end() {
    let folder = folder();
    let mut holder = hold(&folder.path().join("lists/lock"));
    let update = script(folder.path(), "apt_patience=0; apt_get update")
        .output()
        .unwrap();
    drop(holder.stdin.take());
    holder.wait().unwrap();
    let said = String::from_utf8_lossy(&update.stderr);
    assert!(
        !update.status.success() && said.contains("E: Could not get lock"),
        "{said}"
    );
}

#[test]
fn another_error_ends_it_at_once() {
    let folder = folder();
    let install = script(folder.path(), "apt_get -y install nosuchpackage")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&install.stderr);
    assert!(
        !install.status.success() && said.contains("nosuchpackage"),
        "{said}"
    );
}
