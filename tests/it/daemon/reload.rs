//! SIGHUP.

use std::fs;

use lab::milter::Reply;

use super::{ENFORCE, STRANGER, Stage, asking, assert_refused};

impl Stage {
    /// Writes another file, sends SIGHUP, and waits until the log says so.
    pub(super) fn reload(&self, more: &str, says: &str) -> String {
        fs::write(self.backstop.config(), asking(self.dns.addr(), more)).unwrap();
        self.backstop.reload().unwrap();
        self.backstop.wait_for_log(says).unwrap()
    }
}

#[test]
fn the_next_message_is_judged_by_the_new_file_and_the_one_in_progress_by_the_old() {
    let stage = Stage::set(ENFORCE);
    let mut in_progress = stage.session(STRANGER);
    in_progress.mail("a@fail.example", &[]).unwrap();
    assert_refused(in_progress.rcpt("a@example.org", &[]), "550 ");
    let mut idle = stage.session(STRANGER);
    stage.reload(
        "mode: monitor\nlocal: {domains: [example.org]}\n",
        "reloaded ",
    );
    assert_refused(in_progress.rcpt("b@example.org", &[]), "550 ");
    in_progress.abort().unwrap();
    for client in [&mut in_progress, &mut idle] {
        client.mail("a@fail.example", &[]).unwrap();
        assert_eq!(client.rcpt("c@example.org", &[]).unwrap(), Reply::Continue);
    }
}

#[test]
fn a_broken_file_changes_nothing_and_is_told_with_its_place() {
    let mut stage = Stage::set(ENFORCE);
    let line = stage.reload(
        "mode: enforce\nspf: {mail_form: {fail: tag}}\n",
        "reload failed",
    );
    let log = stage.backstop.log();
    let place = format!("{}:4:7", stage.backstop.config().display());
    assert!(log.contains(&place), "{place} is not in {log}");
    assert!(line.contains("the running configuration stays"), "{line}");
    let mut client = stage.session(STRANGER);
    client.mail("a@fail.example", &[]).unwrap();
    assert_refused(client.rcpt("joe@example.org", &[]), "550 5.7.23 ");
    fs::remove_file(stage.backstop.config()).unwrap();
    stage.backstop.reload().unwrap();
    stage.backstop.wait_for_log("can't be read").unwrap();
    assert!(stage.backstop.is_running().unwrap());
    stage.reload("mode: monitor\n", "reloaded ");
    client.mail("a@fail.example", &[]).unwrap();
    assert_eq!(
        client.rcpt("joe@example.org", &[]).unwrap(),
        Reply::Continue
    );
}

#[test]
fn a_storm_of_hangups_does_not_end_it() {
    let mut stage = Stage::set(ENFORCE);
    for _ in 0..200 {
        stage.backstop.reload().unwrap();
    }
    stage.serves();
    stage.backstop.wait_for_log("reloaded ").unwrap();
    assert!(stage.backstop.is_running().unwrap());
}

#[test]
fn the_level_of_the_log_follows_the_file() {
    let stage = Stage::set(ENFORCE);
    stage.reload(&format!("{ENFORCE}log: {{level: debug}}\n"), "reloaded ");
    stage.serves();
    stage.backstop.wait_for_log(" check=").unwrap();
}
