//! SIGTERM: what is in progress is finished, and nothing else delays the end.

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use lab::{
    milter::{Reply, wire::command},
    process::wait_until,
};

use super::{ENFORCE, SENDER, Stage, assert_refused, field};

const SOON: Duration = Duration::from_secs(15);

impl Stage {
    /// SIGTERM, and the wait until nobody gets in any more.
    fn terminate(&self) {
        let address = self.backstop.addr();
        self.backstop.terminate().unwrap();
        wait_until(SOON, || Ok(TcpStream::connect(address).is_err())).unwrap();
    }
}

#[test]
fn a_message_in_progress_is_finished_with_its_verdict_and_then_it_ends() {
    let mut stage = Stage::set(ENFORCE);
    let mut client = stage.session(SENDER);
    client.mail("a@soft.example", &[]).unwrap();
    client.rcpt("first@example.org", &[]).unwrap();
    let _idle = stage.session(SENDER);
    stage.terminate();
    client.rcpt("second@example.org", &[]).unwrap();
    client
        .macros(command::END_OF_MESSAGE, &[("i", "4ABC")])
        .unwrap();
    assert!(stage.backstop.is_running().unwrap());
    let outcome = client.eom().unwrap();
    assert_eq!(outcome.reply, Reply::Continue);
    assert_eq!(outcome.added("X-Backstop").len(), 1);
    assert_eq!(stage.backstop.ended(SOON).unwrap().code(), Some(0));
    for rcpt in ["first@example.org", "second@example.org"] {
        assert_eq!(field(&stage.decision(rcpt), "queue_id"), "4ABC");
    }
}

#[test]
fn a_message_that_waits_for_dns_gets_its_answer() {
    let mut stage = Stage::set(ENFORCE);
    let mut client = stage.session(SENDER);
    client.mail("a@silent.example", &[]).unwrap();
    client
        .send_packet(command::RCPT, b"<joe@example.org>\0")
        .unwrap();
    // Until it has read them there is no message in progress.
    wait_until(SOON, || Ok(!stage.dns.queries().is_empty())).unwrap();
    stage.terminate();
    assert_refused(client.reply(), "451 4.7.24 ");
    client.quit().unwrap();
    assert_eq!(stage.backstop.ended(SOON).unwrap().code(), Some(0));
}

#[test]
fn idle_sessions_do_not_delay_the_end() {
    let mut stage = Stage::set(ENFORCE);
    let _negotiated = stage.client();
    let _greeted = stage.session(SENDER);
    let mut finished = stage.session(SENDER);
    finished.mail("a@pass.example", &[]).unwrap();
    finished.rcpt("joe@example.org", &[]).unwrap();
    finished.eom().unwrap();
    let mut aborted = stage.session(SENDER);
    aborted.mail("a@pass.example", &[]).unwrap();
    aborted.rcpt("joe@example.org", &[]).unwrap();
    aborted.abort().unwrap();
    // The abortion has no answer to wait for.
    stage
        .backstop
        .wait_for_log("rcpt=<joe@example.org>")
        .unwrap();
    wait_until(SOON, || Ok(stage.decisions().len() == 2)).unwrap();
    let begun = Instant::now();
    stage.terminate();
    assert_eq!(stage.backstop.ended(SOON).unwrap().code(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_client_that_goes_away_does_not_delay_the_end() {
    let mut stage = Stage::set(ENFORCE);
    let mut client = stage.session(SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();
    stage.terminate();
    drop(client);
    assert_eq!(stage.backstop.ended(SOON).unwrap().code(), Some(0));
    stage.decision("joe@example.org");
}
