//! DNS that is slow, dead or wrong: the table of failures.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use lab::{
    backstop::Backstop,
    dns::{Fault, Scope, Server},
    milter::Reply,
    process::free_port,
};

use super::{
    DNS, ENFORCE, SENDER, STRANGER, Stage, asking, assert_refused, binary, field, headers, zone,
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
    // A port that no outgoing question takes meanwhile.
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().unwrap()));
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

/// What would excuse it can't be asked: neither refused for good, nor thrown away, nor held.
#[test]
fn what_a_forwarder_or_a_list_would_excuse_comes_again_while_dns_does_not_answer() {
    for action in ["reject", "discard", "quarantine"] {
        let dns = ["forwarder.example", "lists.example", "own.example"]
            .iter()
            .fold(zone(), |zone, name| {
                zone.fault(name, Scope::Every, Fault::Servfail)
            });
        let dns = super::dns(dns);
        let more = format!(
            "mode: enforce\n\
             local: {{domains: [example.org, own.example]}}\n\
             spf:\n\
             \x20 mail_from: {{fail: {action}, temperror: accept}}\n\
             \x20 trusted_forwarders: [forwarder.example]\n\
             forgery: {{mail_from: {action}, header_from: {action}, mailing_lists: [lists.example]}}\n"
        );
        let backstop = Backstop::start(binary(), &asking(dns.addr(), &more)).unwrap();
        let stage = Stage { backstop, dns };
        let mut client = stage.session(STRANGER);
        for (from, refused) in [
            // SPF fails, and a forwarder may be why.
            ("a@fail.example", "451 4.7.23 "),
            // One of us, whose SPF did not answer.
            ("ann@own.example", "451 4.7.24 "),
        ] {
            client.mail(from, &[]).unwrap();
            assert_refused(client.rcpt("joe@example.org", &[]), refused);
            client.abort().unwrap();
        }
        let line = stage.decision("joe@example.org");
        assert_eq!(field(&line, "verdict"), "tempfail", "{line}");
        for from in ["bounces@lists.example", "bob@soft.example"] {
            client.mail(from, &[]).unwrap();
            let accepted = client.rcpt("joe@example.org", &[]).unwrap();
            assert_eq!(accepted, Reply::Continue, "{from}");
            let reply = headers(&mut client, "From: Ann <ann@example.org>\nSubject: Lunch");
            assert_refused(reply, "450 4.7.1 ");
            client.abort().unwrap();
        }
    }
}

/// SPF had nothing against it, so only From: asks whether a forwarder brings it.
#[test]
fn a_trusted_forwarder_may_bring_our_own_from() {
    for (forwarder, accepted) in [("pass.example", true), ("fail.example", false)] {
        let stage = Stage::set(&format!(
            "{ENFORCE}spf: {{trusted_forwarders: [{forwarder}]}}\nforgery: {{header_from: reject}}\n"
        ));
        let mut client = stage.session(SENDER);
        client.mail("bob@unpublished.example", &[]).unwrap();
        assert_eq!(
            client.rcpt("joe@example.org", &[]).unwrap(),
            Reply::Continue
        );
        let reply = headers(&mut client, "From: Ann <ann@example.org>\nSubject: Lunch");
        match accepted {
            true => assert_eq!(reply.unwrap(), Reply::Continue),
            false => assert_refused(reply, "550 5.7.1 "),
        }
    }
}
