//! Tags on the wire: what is asked of the MTA at the end of a message.

use std::process::Command;

use backstop::core::proof::batv::Layout;
use lab::{
    milter::{
        Change, Client, Reply,
        wire::{ALL_ACTIONS, step},
    },
    mta,
};
use tempfile::TempDir;

use super::{SENDER, Stage, assert_refused, binary, field, introduce};
use crate::batv::{key_file, tagged};

const ADD_RECIPIENT: u32 = 0x4;
const DELETE_RECIPIENT: u32 = 0x8;
const CHANGE_SENDER: u32 = 0x40;
const ADD_RECIPIENT_WITH_PARAMETERS: u32 = 0x80;

/// A daemon that signs what 10.0.0.0/8 sends, and the folder of its keys.
fn signing(mode: &str) -> (Stage, TempDir) {
    let folder = mta::folder_in_memory().unwrap();
    let keys = key_file(folder.path());
    let stage = Stage::set(&format!(
        "mode: {mode}\nlocal: {{domains: [example.org], networks: [10.0.0.0/8]}}\n\
         proof: {{key_file: {}, batv: {{sign: true}}}}\n",
        keys.display()
    ));
    (stage, folder)
}

fn session(stage: &Stage, address: &str, actions: u32) -> Client {
    let mut client = Client::silent(stage.backstop.addr()).unwrap();
    client.negotiate(6, actions, step::ALL).unwrap();
    introduce(&mut client, address);
    client
}

/// What is changed of the envelope.
fn envelope(client: &mut Client) -> Vec<Change> {
    client.eoh().unwrap();
    let outcome = client.eom().unwrap();
    assert_eq!(outcome.reply, Reply::Continue);
    let changes = outcome.changes.into_iter();
    changes
        .filter(|change| !matches!(change, Change::InsertHeader { .. }))
        .collect()
}

#[test]
fn a_sender_gets_a_tag_where_the_mta_lets_it() {
    let (stage, _folder) = signing("enforce");
    let sender = tagged("joe@example.org", 0, Layout::Prvs);
    let signed = Change::ChangeFrom {
        sender: format!("<{sender}>").into_bytes(),
        esmtp: Vec::new(),
    };
    for (actions, changes, told) in [
        (ALL_ACTIONS, vec![signed], "batv"),
        (ALL_ACTIONS & !CHANGE_SENDER, vec![], "-"),
    ] {
        let mut client = session(&stage, "10.0.0.1", actions);
        client.mail("joe@example.org", &["SIZE=9"]).unwrap();
        let rcpt = format!("{actions:x}@friend.example");
        assert_eq!(client.rcpt(&rcpt, &[]).unwrap(), Reply::Continue);
        assert_eq!(envelope(&mut client), changes);
        assert_eq!(field(&stage.decision(&rcpt), "signed"), told);
    }
}

#[test]
fn a_tag_is_taken_off_before_the_recipient_is_put_back() {
    let (stage, _folder) = signing("enforce");
    let rcpt = tagged("joe@example.org", 0, Layout::SubAddress);
    let path = format!("<{rcpt}>").into_bytes();
    let added = |esmtp: &[u8]| {
        vec![
            Change::DeleteRcpt(path.clone()),
            Change::AddRcpt {
                recipient: b"<joe@example.org>".to_vec(),
                esmtp: esmtp.to_vec(),
            },
        ]
    };
    for (actions, changes) in [
        (ALL_ACTIONS, added(b"NOTIFY=NEVER ORCPT=rfc822;x@y.example")),
        (ALL_ACTIONS & !ADD_RECIPIENT_WITH_PARAMETERS, added(b"")),
        (ALL_ACTIONS & !DELETE_RECIPIENT, vec![]),
        (
            ALL_ACTIONS & !ADD_RECIPIENT_WITH_PARAMETERS & !ADD_RECIPIENT,
            vec![],
        ),
    ] {
        let mut client = session(&stage, SENDER, actions);
        client.mail("", &[]).unwrap();
        let parameters = ["NOTIFY=NEVER", "ORCPT=rfc822;x@y.example"];
        assert_eq!(client.rcpt(&rcpt, &parameters).unwrap(), Reply::Continue);
        assert_eq!(envelope(&mut client), changes, "{actions:x}");
    }
}

/// Monitoring lets a forged bounce in, to the mailbox that it would have gone to.
#[test]
fn what_monitoring_lets_in_is_untagged_too() {
    let rcpt = tagged("joe@example.org", 50, Layout::Prvs);
    let (stage, _folder) = signing("enforce");
    let mut client = session(&stage, SENDER, ALL_ACTIONS);
    client.mail("", &[]).unwrap();
    assert_refused(
        client.rcpt(&rcpt, &[]),
        "550 5.7.1 This return address has expired",
    );
    let (stage, _folder) = signing("monitor");
    let mut client = session(&stage, SENDER, ALL_ACTIONS);
    client.mail("", &[]).unwrap();
    assert_eq!(client.rcpt(&rcpt, &[]).unwrap(), Reply::Continue);
    assert_eq!(envelope(&mut client).len(), 2);
    let line = stage.decision(&rcpt);
    assert_eq!(
        ["batv", "reason", "would"].map(|name| field(&line, name)),
        ["expired", "batv_expired", "reject"]
    );
}

#[test]
fn explain_tells_of_the_tag() {
    let (stage, _folder) = signing("enforce");
    for (days_ago, says) in [
        (
            0,
            "the tag in the address is ours: it answers a message of ours",
        ),
        (
            9,
            "the tag in the address is ours, but its lifetime is over",
        ),
    ] {
        let output = Command::new(binary())
            .arg("--config")
            .arg(stage.backstop.config())
            .args([
                "explain",
                "--no-dns",
                "--client-ip",
                SENDER,
                "--mail-from",
                "",
            ])
            .args(["--rcpt", &tagged("joe@example.org", days_ago, Layout::Prvs)])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("proof.batv") && text.contains(says), "{text}");
    }
}
