//! DNS that is slow, dead or wrong: the table of failures.

use std::time::{Duration, Instant};

use lab::{backstop::Backstop, dns::Server, milter::Reply};

use super::{
    DNS, ENFORCE, SENDER, STRANGER, Stage, asking, assert_refused, binary, dns, field, zone,
};

/// `dns.budget` of the tests' configuration.
const BUDGET: Duration = Duration::from_secs(3);
/// What a busy machine may add to it; less than a second `BUDGET` would.
const SLACK: Duration = Duration::from_millis(2_500);

#[test]
fn a_silent_dns_is_a_temporary_refusal_within_the_budget() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(STRANGER);
    client.mail("a@silent.example", &[]).unwrap();
    let begun = Instant::now();
    assert_refused(client.rcpt("joe@example.org", &[]), "451 4.7.24 ");
    let took = begun.elapsed();
    assert!(took < BUDGET + SLACK, "{took:?}");
    // The others of the message don't wait again.
    let begun = Instant::now();
    for _ in 0..10 {
        assert_refused(client.rcpt("ann@example.org", &[]), "451 4.7.24 ");
    }
    assert!(begun.elapsed() < SLACK, "{:?}", begun.elapsed());
}

#[test]
fn waiting_sessions_do_not_wait_for_each_other() {
    let stage = Stage::set(ENFORCE);
    let begun = Instant::now();
    let sessions: Vec<_> = (0..50)
        .map(|_| {
            let mut client = stage.session(STRANGER);
            client.mail("a@silent.example", &[]).unwrap();
            client.send_packet(b'R', b"<joe@example.org>\0").unwrap();
            client
        })
        .collect();
    for mut client in sessions {
        assert_refused(client.reply(), "451 4.7.24 ");
    }
    assert!(begun.elapsed() < 4 * BUDGET, "{:?}", begun.elapsed());
}

#[test]
fn a_dns_that_says_servfail_is_a_temporary_refusal() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(STRANGER);
    client.mail("a@broken.example", &[]).unwrap();
    assert_refused(client.rcpt("joe@example.org", &[]), "451 4.7.24 ");
    let line = stage.decision("joe@example.org");
    assert_eq!(field(&line, "spf"), "temperror");
}

#[test]
fn without_any_dns_mail_is_asked_to_come_again_and_dns_is_asked_again_too() {
    let server = dns(zone());
    let address = server.addr();
    drop(server);
    let more = format!("{ENFORCE}null_sender: {{never_send: [noreply@example.org]}}\n");
    let backstop = Backstop::start(binary(), &asking(address, &more)).unwrap();
    let mut client = lab::milter::Client::tcp(backstop.addr()).unwrap();
    super::introduce(&mut client, SENDER);
    let ask = |client: &mut lab::milter::Client, from: &str, rcpt: &str| {
        client.mail(from, &[]).unwrap();
        let begun = Instant::now();
        let reply = client.rcpt(rcpt, &[]);
        assert!(begun.elapsed() < BUDGET + SLACK, "{from} {rcpt}");
        client.abort().unwrap();
        reply
    };
    assert_refused(
        ask(&mut client, "a@pass.example", "joe@example.org"),
        "451 4.7.24 ",
    );
    // Our own failure is no reason to refuse a forgery of ours for good.
    assert_refused(
        ask(&mut client, "ann@example.org", "joe@example.org"),
        "451 4.7.24 ",
    );
    let postmaster = ask(&mut client, "a@pass.example", "postmaster@example.org");
    assert_eq!(postmaster.unwrap(), Reply::Continue);
    // What needs no DNS is decided without.
    client.macros(b'M', &[("{auth_authen}", "joe")]).unwrap();
    let outgoing = ask(&mut client, "joe@example.org", "far@elsewhere.example");
    assert_eq!(outgoing.unwrap(), Reply::Continue);
    client.macros(b'M', &[]).unwrap();

    let server = DNS.block_on(Server::start_on(address, zone())).unwrap();
    let back = ask(&mut client, "a@pass.example", "joe@example.org");
    assert_eq!(back.unwrap(), Reply::Continue);
    drop(server);
}
