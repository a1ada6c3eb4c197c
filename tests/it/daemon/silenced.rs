//! `outbound.forwarded.no_dsn` on the wire.

use lab::milter::{
    Change, Client, Reply,
    wire::{ALL_ACTIONS, step},
};

use super::{SENDER, Stage, field, introduce};

const DELETE_RECIPIENT: u32 = 0x8;
const ADD_RECIPIENT_WITH_PARAMETERS: u32 = 0x80;
const LISTED: &str = "mode: monitor\nlocal: {domains: [example.org]}\n\
    outbound: {forwarded: {no_dsn: [joe@example.org]}}\nobserve: {http: 127.0.0.1:0}\n";

fn changes(stage: &Stage, sender: &str, rcpt: &str, actions: u32) -> Vec<Change> {
    let mut client = Client::silent(stage.backstop.addr()).unwrap();
    client.negotiate(6, actions, step::ALL).unwrap();
    introduce(&mut client, SENDER);
    client.mail(sender, &[]).unwrap();
    let parameters = ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;joe@example.org"];
    assert_eq!(client.rcpt(rcpt, &parameters).unwrap(), Reply::Continue);
    client.eoh().unwrap();
    let outcome = client.eom().unwrap();
    assert_eq!(outcome.reply, Reply::Continue);
    let changes = outcome.changes.into_iter();
    changes
        .filter(|change| matches!(change, Change::AddRcpt { .. } | Change::DeleteRcpt(_)))
        .collect()
}

#[test]
fn a_forged_sender_gets_no_notice() {
    let stage = Stage::set(LISTED);
    let never = [
        Change::DeleteRcpt(b"<Joe@example.org>".to_vec()),
        Change::AddRcpt {
            recipient: b"<Joe@example.org>".to_vec(),
            esmtp: b"NOTIFY=NEVER ORCPT=rfc822;joe@example.org".to_vec(),
        },
    ];
    for (sender, rcpt, expected, told) in [
        ("a@fail.example", "Joe@example.org", &never[..], "spf"),
        ("b@fail.example", "jane@example.org", &[], "-"),
        ("a@soft.example", "joe@example.org", &[], "-"),
        ("a@none.example", "joe@example.org", &[], "-"),
        ("", "joe@example.org", &[], "-"),
    ] {
        let found = changes(&stage, sender, rcpt, ALL_ACTIONS);
        assert_eq!(found, expected, "{sender} {rcpt}");
        let from = format!(" mail_from=<{sender}> ");
        let line = stage.backstop.wait_for_log(&from).unwrap();
        assert_eq!(field(&line, "no_dsn"), told, "{line}");
    }
    let numbers = stage.numbers_with("backstop_no_dsn_total{failed=\"spf\"}", 1.0);
    assert_eq!(numbers["backstop_no_dsn_total{failed=\"dmarc\"}"], 0.0);
}

/// An MTA that can't do it is told of once, and the mail is delivered.
#[test]
fn an_mta_without_parameters_changes_nothing() {
    let stage = Stage::set(LISTED);
    for actions in [
        ALL_ACTIONS & !ADD_RECIPIENT_WITH_PARAMETERS,
        ALL_ACTIONS & !DELETE_RECIPIENT,
    ] {
        let found = changes(&stage, "a@fail.example", "joe@example.org", actions);
        assert_eq!(found, [], "{actions:x}");
    }
    assert_eq!(field(&stage.decision("joe@example.org"), "no_dsn"), "-");
    let warned = "outbound.forwarded.no_dsn: this MTA takes no NOTIFY=NEVER from a milter";
    stage.backstop.wait_for_log(warned).unwrap();
    assert_eq!(stage.backstop.log().matches(warned).count(), 1);
}
