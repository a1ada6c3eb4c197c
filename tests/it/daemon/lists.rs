//! Lists of recipients that change while the daemon runs.

use std::{
    fs, io,
    time::{Duration, Instant},
};

use lab::{backstop::Backstop, milter::Reply, mta, process::wait_until};

use super::{ENFORCE, SENDER, Stage, asking, assert_refused, binary, dns, zone};

const RECIPIENTS: &str = "recipients: [{domain: example.org, known: [{file: known}], unknown: {mail: reject, bounces: reject}}]\n";

fn stage(list: &str) -> Stage {
    stage_of(RECIPIENTS, &[("known", list)])
}

fn stage_of(recipients: &str, lists: &[(&str, &str)]) -> Stage {
    let dns = dns(zone());
    let folder = mta::folder_in_memory().unwrap();
    for (name, list) in lists {
        fs::write(folder.path().join(name), list).unwrap();
    }
    let yaml = asking(dns.addr(), &format!("{ENFORCE}{recipients}"));
    let backstop = Backstop::start_in(binary(), &yaml, folder).unwrap();
    Stage { backstop, dns }
}

fn ask(stage: &Stage, rcpt: &str) -> io::Result<Reply> {
    let mut client = stage.session(SENDER);
    client.mail("a@pass.example", &[])?;
    client.rcpt(rcpt, &[])
}

#[test]
fn a_list_that_changed_is_read_again_within_seconds() {
    let stage = stage("joe\n");
    assert_eq!(ask(&stage, "joe@example.org").unwrap(), Reply::Continue);
    assert_refused(ask(&stage, "ann@example.org"), "550 5.1.1 ");
    let begun = Instant::now();
    fs::write(stage.backstop.folder().join("known"), "joe\nann\n").unwrap();
    wait_until(Duration::from_secs(30), || {
        Ok(ask(&stage, "ann@example.org")? == Reply::Continue)
    })
    .unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    stage.backstop.wait_for_log("2 addresses read").unwrap();
}

#[test]
fn a_list_that_is_gone_keeps_its_last_copy_and_is_complained_of_once() {
    let both = RECIPIENTS.replace("{file: known}", "{file: known}, {file: other}");
    let stage = stage_of(&both, &[("known", "joe\n"), ("other", "eve\n")]);
    let list = stage.backstop.folder().join("known");
    fs::remove_file(&list).unwrap();
    stage.backstop.wait_for_log("stay in use").unwrap();
    assert_eq!(ask(&stage, "joe@example.org").unwrap(), Reply::Continue);
    assert_refused(ask(&stage, "ann@example.org"), "550 5.1.1 ");
    // All are looked at one after the other, and a change is read at the second look that sees it.
    fs::write(stage.backstop.folder().join("other"), "eve\nmary\n").unwrap();
    stage.backstop.wait_for_log("2 addresses read").unwrap();
    let log = stage.backstop.log();
    assert_eq!(log.matches("stay in use").count(), 1, "{log}");
    fs::write(&list, "ann\n").unwrap();
    wait_until(Duration::from_secs(30), || {
        Ok(ask(&stage, "ann@example.org")? == Reply::Continue)
    })
    .unwrap();
}

/// Whatever was to write it has failed, so nobody is refused for its sake.
#[test]
fn a_list_without_addresses_refuses_nobody() {
    let stage = stage("# nobody yet\n");
    assert_refused(ask(&stage, "joe@example.org"), "451 4.3.0 ");
    assert_eq!(
        ask(&stage, "postmaster@example.org").unwrap(),
        Reply::Continue
    );
}
