//! SIGTERM: what is in progress is told to come again, and nothing delays the end.

use std::{
    io::ErrorKind,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use lab::{
    dns::{Fault, Scope},
    milter::{Client, Reply, wire::command},
    process::wait_until,
};

use super::{
    ENFORCE, SENDER, Stage, assert_refused, field, headers,
    proofs::{Desk, rcpt},
};
use crate::bounce::{BOUNCE, Ours, SELECTOR, SIGNED, body};

const SOON: Duration = Duration::from_secs(15);

impl Stage {
    /// SIGTERM, and the wait until nobody gets in any more.
    fn terminate(&self) {
        let address = self.backstop.addr();
        self.backstop.terminate().unwrap();
        wait_until(SOON, || Ok(TcpStream::connect(address).is_err())).unwrap();
    }

    /// A message whose recipient waits for a DNS that does not answer.
    fn message_under_way(&self) -> Client {
        let mut client = self.session(SENDER);
        client.mail("a@silent.example", &[]).unwrap();
        client
            .send_packet(command::RCPT, b"<joe@example.org>\0")
            .unwrap();
        // Until it has read them there is no message in progress.
        wait_until(SOON, || Ok(!self.dns.queries().is_empty())).unwrap();
        client
    }
}

/// What the log says of a recipient when the daemon ended before the message did.
#[track_caller]
fn assert_stopped(stage: &Stage, rcpt: &str) {
    let line = stage.decision(rcpt);
    assert_eq!(
        (field(&line, "verdict"), field(&line, "reason")),
        ("tempfail", "stopping")
    );
}

#[test]
fn the_next_command_of_a_message_in_progress_is_told_to_come_again() {
    let next_commands: [fn(&mut Client) -> Reply; 2] = [
        // Headers get no reply, their end does.
        |client| headers(client, "Subject: x\n").unwrap(),
        |client| client.eom().unwrap().reply,
    ];
    for next_command in next_commands {
        let mut stage = Stage::set(ENFORCE);
        let mut client = stage.session(SENDER);
        client.mail("a@soft.example", &[]).unwrap();
        client.rcpt("first@example.org", &[]).unwrap();
        stage.terminate();
        assert_refused(Ok(next_command(&mut client)), "451 4.3.2 ");
        assert_eq!(stage.backstop.ended(SOON).unwrap().code(), Some(0));
        assert_stopped(&stage, "first@example.org");
    }
}

/// The MTA goes on with the first recipient, so the daemon does, too.
#[test]
fn after_a_further_recipient_the_message_is_told_to_come_again() {
    let mut stage = Stage::set(ENFORCE);
    let mut client = stage.session(SENDER);
    client.mail("a@soft.example", &[]).unwrap();
    client.rcpt("first@example.org", &[]).unwrap();
    stage.terminate();
    assert_refused(client.rcpt("second@example.org", &[]), "451 4.3.2 ");
    assert!(stage.backstop.is_running().unwrap());
    let outcome = client.eom().unwrap();
    assert_eq!(outcome.changes, []);
    assert_refused(Ok(outcome.reply), "451 4.3.2 ");
    assert_eq!(stage.backstop.ended(SOON).unwrap().code(), Some(0));
    for rcpt in ["first@example.org", "second@example.org"] {
        assert_stopped(&stage, rcpt);
    }
}

#[test]
fn a_message_that_begins_meanwhile_is_told_to_come_again_and_not_waited_for() {
    let mut stage = Stage::set(ENFORCE);
    let mut held_open = stage.session(SENDER);
    held_open.mail("a@pass.example", &[]).unwrap();
    held_open.rcpt("held@example.org", &[]).unwrap();
    let mut idle = stage.session(SENDER);
    stage.terminate();
    idle.mail("a@pass.example", &[]).unwrap();
    let reply = idle.rcpt("new@example.org", &[]);
    assert_refused(reply, "451 4.3.2 ");
    assert_refused(Ok(held_open.eom().unwrap().reply), "451 4.3.2 ");
    assert_eq!(stage.backstop.ended(SOON).unwrap().code(), Some(0));
    for rcpt in ["held@example.org", "new@example.org"] {
        assert_stopped(&stage, rcpt);
    }
}

#[test]
fn whom_nobody_accepted_is_not_waited_for() {
    let mut stage = Stage::set(&format!("{ENFORCE}drain: {{limit: 30s}}\n"));
    let mut client = stage.message_under_way();
    let begun = Instant::now();
    stage.terminate();
    assert_refused(client.reply(), "451 4.7.24 ");
    assert_refused(client.rcpt("ann@example.org", &[]), "451 4.3.2 ");
    assert_eq!(stage.backstop.ended(SOON).unwrap().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn what_is_silent_is_closed_after_the_limit() {
    let mut stage = Stage::set(&format!("{ENFORCE}drain: {{limit: 1s}}\n"));
    let mut client = stage.session(SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();
    let begun = Instant::now();
    stage.terminate();
    assert_eq!(stage.backstop.ended(SOON).unwrap().code(), Some(0));
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(1), "{took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    let kind = client.reply().unwrap_err().kind();
    assert!(
        matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
        "{kind}"
    );
    stage
        .backstop
        .wait_for_log("stopping with 1 messages in progress")
        .unwrap();
    stage.decision("joe@example.org");
}

#[test]
fn an_answer_that_is_under_way_is_given() {
    let mut stage = Stage::set(&format!("{ENFORCE}drain: {{limit: 0s}}\n"));
    let mut client = stage.message_under_way();
    stage.terminate();
    assert_refused(client.reply(), "451 4.7.24 ");
    assert_eq!(stage.backstop.ended(SOON).unwrap().code(), Some(0));
}

/// At the end of a message all of its recipients have been accepted: what it gets is what was judged, not that the daemon
/// stops.
#[test]
fn an_answer_that_is_under_way_at_the_end_of_a_message_is_given() {
    let zone = super::zone().fault(SELECTOR, Scope::Every, Fault::Silence);
    let desk = Desk::with("unproven: reject", "drain: {limit: 0s}\n", zone);
    let Desk { mut stage, .. } = desk;
    let rcpt = rcpt();
    let mut client = stage.session(SENDER);
    client.mail("", &[]).unwrap();
    client.rcpt(&rcpt, &[]).unwrap();
    headers(&mut client, BOUNCE).unwrap();
    let far = "far@friend.example";
    let returned = body(far, &Ours::new("signed", far).signed(SIGNED));
    client.body(returned.as_bytes()).unwrap();
    let outcome = thread::scope(|scope| {
        let outcome = scope.spawn(|| client.eom());
        let is_asked = || stage.dns.queries().iter().any(|query| query.0 == SELECTOR);
        wait_until(SOON, || Ok(is_asked())).unwrap();
        stage.terminate();
        outcome.join().unwrap()
    });
    assert_refused(outcome.map(|outcome| outcome.reply), "451 4.7.1 ");
    assert_eq!(stage.backstop.ended(SOON).unwrap().code(), Some(0));
    let line = stage.decision(&rcpt);
    assert_eq!(field(&line, "reason"), "unproven", "{line}");
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
