//! What is read of a message's content, and when a bounce without proof is refused.

use std::fs;

use backstop::core::proof::batv::Layout;
use lab::{
    milter::{
        Client, Reply,
        wire::{ALL_ACTIONS, step},
    },
    mta,
};
use tempfile::TempDir;

use super::{SENDER, STRANGER, Stage, assert_refused, field, headers, introduce};
use crate::{
    batv::{key_file, tagged},
    bounce::{BOUNCE, Ours, body},
};

/// A daemon with keys, that refuses what proves nothing.
fn strict(proof: &str, more: &str) -> (Stage, TempDir) {
    let folder = mta::folder_in_memory().unwrap();
    let keys = key_file(folder.path());
    let stage = Stage::set(&format!(
        "mode: enforce\nlog: {{level: debug}}\nlocal: {{domains: [example.org], networks: [10.0.0.0/8]}}\n\
         proof: {{key_file: {}, unproven: reject, watermark: {{sign: true}}, dkim: {{verify: false}}{proof}}}\n{more}",
        keys.display()
    ));
    (stage, folder)
}

/// A message up to its first chunk, a kilobyte long: what is said of that.
fn first_chunk(
    stage: &Stage,
    address: &str,
    from: &str,
    rcpt: &str,
    lines: &str,
) -> (Client, Reply) {
    let mut client = stage.session(address);
    client.mail(from, &[]).unwrap();
    assert_eq!(
        client.rcpt(rcpt, &[]).unwrap(),
        Reply::Continue,
        "{from} {rcpt}"
    );
    assert_eq!(client.data().unwrap(), Reply::Continue);
    assert_eq!(headers(&mut client, lines).unwrap(), Reply::Continue);
    let reply = client.body(&[b'x'; 1024]).unwrap();
    (client, reply)
}

/// Nobody's mail is read but what may prove something, and that only while it is not proven yet.
#[test]
fn only_notifications_are_read() {
    let exempt = "null_sender: {exempt: {recipients: [lists@example.org]}}\n\
                  exempt: {recipients: [abuse@example.org]}\n";
    let (stage, _folder) = strict("", exempt);
    let valid = tagged("joe@example.org", 0, Layout::SubAddress);
    let mail = "From: a@pass.example\nSubject: Hello\n";
    let out_of_office =
        "From: a@pass.example\nSubject: Out of office\nAuto-Submitted: auto-replied\n";
    let dmarc = "From: dmarc@pass.example\nSubject: Report Domain: example.org Submitter: pass.example Report-ID: 1\n";
    for (address, from, rcpt, lines, read) in [
        (SENDER, "a@pass.example", "joe@example.org", mail, false),
        (
            SENDER,
            "a@pass.example",
            "joe@example.org",
            out_of_office,
            false,
        ),
        ("10.0.0.1", "joe@example.org", "a@pass.example", mail, false),
        ("10.0.0.1", "", "joe@example.org", BOUNCE, false),
        (SENDER, "", "joe@example.org", BOUNCE, true),
        (SENDER, "", "joe@example.org", out_of_office, true),
        (
            SENDER,
            "mailer-daemon@pass.example",
            "joe@example.org",
            BOUNCE,
            true,
        ),
        (SENDER, "", "joe@example.org", dmarc, true),
        (
            SENDER,
            "",
            "joe@example.org",
            "Subject: no notification\n",
            true,
        ),
        (SENDER, "", &valid, BOUNCE, false),
        (SENDER, "", "postmaster@example.org", BOUNCE, false),
        (SENDER, "", "abuse@example.org", BOUNCE, false),
        (SENDER, "", "lists@example.org", BOUNCE, false),
        // Nobody there has sent through us.
        (SENDER, "", "joe@elsewhere.example", BOUNCE, false),
    ] {
        let (mut client, reply) = first_chunk(&stage, address, from, rcpt, lines);
        let expected = if read { Reply::Continue } else { Reply::Skip };
        assert_eq!(reply, expected, "{from} to {rcpt}: {lines}");
        let reply = client.eom().unwrap().reply;
        let refused = matches!(&reply, Reply::ReplyCode(text) if text.starts_with("550 5.7.1 "));
        let judged = read && lines == BOUNCE;
        assert_eq!(refused, judged, "{from} to {rcpt}: {reply:?}");
    }
}

/// Whoever offers no SKIP writes it all; it is dropped all the same.
#[test]
fn an_mta_that_knows_no_skip_is_let_talk() {
    let (stage, _folder) = strict("", "");
    let mut client = Client::silent(stage.backstop.addr()).unwrap();
    client
        .negotiate(6, ALL_ACTIONS, step::ALL & !step::SKIP)
        .unwrap();
    introduce(&mut client, SENDER);
    client.mail("", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();
    headers(&mut client, BOUNCE).unwrap();
    assert_eq!(client.body(&vec![b'x'; 1 << 20]).unwrap(), Reply::Continue);
    assert_refused(Ok(client.eom().unwrap().reply), "550 5.7.1 ");
}

/// Keys alone put nothing into outgoing mail: its bounces prove nothing, and that is not their fault.
#[test]
fn where_nothing_is_made_nothing_is_missed() {
    let folder = mta::folder_in_memory().unwrap();
    let keys = key_file(folder.path());
    let stage = Stage::set(&format!(
        "mode: enforce\nlocal: {{domains: [example.org]}}\n\
         proof: {{key_file: {}, unproven: reject, dkim: {{verify: false}}}}\n",
        keys.display()
    ));
    let (mut client, reply) = first_chunk(&stage, SENDER, "", "joe@example.org", BOUNCE);
    assert_eq!(reply, Reply::Continue);
    assert_eq!(client.eom().unwrap().reply, Reply::Continue);
    let line = stage.decision("joe@example.org");
    assert_eq!(
        ["verdict", "reason", "proof"].map(|name| field(&line, name)),
        ["accept", "nothing_found", "-"]
    );
}

/// Ten megabytes cost what the bound says; what is found in the part that was read counts.
#[test]
fn a_large_bounce_costs_no_more_than_the_bound() {
    let (stage, folder) = strict(", body_limit: 128K, replay_limit: 100", "");
    let keys = fs::read_to_string(folder.path().join("batv.keys")).unwrap();
    let keys = backstop::core::proof::Keys::parse(&keys).unwrap();
    let ours = Ours::new("large", "far@friend.example").marked(&keys, 0);
    let front = body("far@friend.example", &ours);
    let large = vec![b'x'; 10 << 20];
    for (content, outcome, proof) in [
        ([front.as_bytes(), &large].concat(), "accept", "watermark"),
        ([&large, front.as_bytes()].concat(), "refused", "unproven"),
    ] {
        let before = resident(stage.backstop.id());
        let mut clients = Vec::new();
        for number in 0..8 {
            let mut client = stage.session(SENDER);
            client.mail("", &[]).unwrap();
            let rcpt = format!("{proof}{number}@example.org");
            client.rcpt(&rcpt, &[]).unwrap();
            assert_eq!(headers(&mut client, BOUNCE).unwrap(), Reply::Continue);
            // Two chunks of 64K, nearly, then some octets of the third.
            let mut sent = 0;
            let answered = content.chunks(65_535).find_map(|chunk| {
                sent += 1;
                match client.body(chunk).unwrap() {
                    Reply::Continue => None,
                    other => Some(other),
                }
            });
            assert_eq!((answered, sent), (Some(Reply::Skip), 3));
            clients.push((client, rcpt));
        }
        let grown = resident(stage.backstop.id()).saturating_sub(before);
        assert!(grown < 8 << 20, "8 bounces of 10 MB cost {grown} octets");
        for (mut client, rcpt) in clients {
            let reply = client.eom().unwrap().reply;
            assert_eq!(reply == Reply::Continue, outcome == "accept", "{reply:?}");
            assert_eq!(field(&stage.decision(&rcpt), "proof"), proof);
        }
    }
}

/// What the process holds in memory, in octets.
fn resident(id: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

/// Where every bounce must have a tag, one without is refused at DATA: a callout, which never gets there, learns that
/// the address exists.
#[test]
fn required_tags_are_asked_for_at_data() {
    let exempt = "null_sender: {exempt: {recipients: [lists@example.org]}}\n";
    let (stage, _folder) = strict(", batv: {sign: true, required: true}", exempt);
    let mut callout = stage.session(STRANGER);
    for _ in 0..2 {
        callout.mail("", &[]).unwrap();
        assert_eq!(
            callout.rcpt("joe@example.org", &[]).unwrap(),
            Reply::Continue
        );
        callout.abort().unwrap();
    }
    callout.quit().unwrap();
    let line = stage.decision("joe@example.org");
    assert_eq!(
        ["kind", "verdict", "reason", "proof"].map(|name| field(&line, name)),
        ["callout", "accept", "nothing_found", "-"]
    );
    let mut client = stage.session(STRANGER);
    let mut data = |from: &str, rcpt: &str| {
        client.mail(from, &[]).unwrap();
        assert_eq!(client.rcpt(rcpt, &[]).unwrap(), Reply::Continue, "{rcpt}");
        let reply = client.data().unwrap();
        client.abort().unwrap();
        reply
    };
    assert_refused(
        Ok(data("", "ann@example.org")),
        "550 5.7.1 No message from example.org bears this return address",
    );
    let line = stage.decision("ann@example.org");
    assert_eq!(
        ["kind", "verdict", "reason", "proof"].map(|name| field(&line, name)),
        ["-", "reject", "unproven", "unproven"]
    );
    let valid = tagged("joe@example.org", 0, Layout::SubAddress);
    for (from, rcpt) in [
        ("", valid.as_str()),
        ("", "postmaster@example.org"),
        ("", "lists@example.org"),
        ("", "joe@elsewhere.example"),
        ("a@soft.example", "joe@example.org"),
    ] {
        assert_eq!(data(from, rcpt), Reply::Continue, "{from} to {rcpt}");
    }
}

/// A bounce with several recipients is refused for all or for none, so those whose answers could differ come apart.
#[test]
fn several_recipients_share_the_answer() {
    let more = "null_sender: {extra_recipients: accept}\n";
    let (stage, _folder) = strict("", more);
    let valid = tagged("joe@example.org", 0, Layout::SubAddress);
    for (first, second) in [
        ("x1@example.org", "x2@example.org"),
        ("y1@example.org", valid.as_str()),
        ("z1@example.org", "postmaster@example.org"),
    ] {
        let mut client = stage.session(SENDER);
        client.mail("", &[]).unwrap();
        assert_eq!(client.rcpt(first, &[]).unwrap(), Reply::Continue, "{first}");
        let company = client.rcpt(second, &[]);
        let together = second == "x2@example.org";
        if together {
            assert_eq!(company.unwrap(), Reply::Continue);
        } else {
            assert_refused(company, "452 4.5.3 ");
        }
        assert_eq!(headers(&mut client, BOUNCE).unwrap(), Reply::Continue);
        assert_eq!(
            client.body(b"nothing of ours\r\n").unwrap(),
            Reply::Continue
        );
        let reply = client.eom().unwrap().reply;
        assert_ne!(reply, Reply::Continue, "{first} {second}");
        let expected = if together { "reject" } else { "tempfail" };
        for (rcpt, verdict) in [(first, "reject"), (second, expected)] {
            assert_eq!(field(&stage.decision(rcpt), "verdict"), verdict, "{rcpt}");
        }
    }
}
