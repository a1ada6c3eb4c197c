//! Clients with answers of their own, in one daemon: what one of them monitors, another refuses.

use std::fs;

use lab::{
    milter::{Client, Reply},
    mta,
};
use tempfile::TempDir;

use super::{SENDER, Stage, assert_refused, field, headers};
use crate::bounce::BOUNCE;

const MONITOR: &str = "example.org";
const ENFORCE: &str = "example.net";

/// A client in monitor, and one that enforces. Nothing is signed that could prove a bounce but DKIM.
fn host() -> (Stage, TempDir) {
    let folder = mta::folder_in_memory().unwrap();
    let rows = folder.path().join("tenants.yaml");
    fs::write(
        &rows,
        "example.org: {mode: monitor}\nexample.net: {mode: enforce, unproven: reject}\n",
    )
    .unwrap();
    let stage = Stage::set(&format!(
        "mode: monitor\nlog: {{level: debug}}\nlocal: {{domains: [example.org, example.net], networks: [10.0.0.0/8]}}\n\
         proof: {{unproven: reject}}\ntenants: {{allow: [mode, unproven], file: {}}}\nobserve: {{http: 127.0.0.1:0}}\n",
        rows.display()
    ));
    (stage, folder)
}

fn bounce(client: &mut Client) -> Reply {
    match headers(client, BOUNCE).unwrap() {
        Reply::Continue => {}
        refused => return refused,
    }
    let read = client.body(b"nothing of ours\r\n").unwrap();
    assert!(matches!(read, Reply::Continue | Reply::Skip), "{read:?}");
    client.eom().unwrap().reply
}

/// The first is answered as if alone, the second is asked to come alone; and then it gets what its client answers.
#[test]
fn a_bounce_to_two_clients_comes_to_each_alone() {
    let (stage, _folder) = host();
    let found = |rcpt: &str| {
        let line = stage.decision(rcpt);
        ["verdict", "reason", "would"].map(|name| field(&line, name).to_owned())
    };
    let came = |client: &mut Client, rcpt: &str| {
        let reply = bounce(client);
        match rcpt.ends_with(ENFORCE) {
            true => {
                assert_refused(Ok(reply), "550 5.7.1 ");
                assert_eq!(found(rcpt), ["reject", "unproven", "-"], "{rcpt}");
            }
            false => {
                assert_eq!(reply, Reply::Continue, "{rcpt}");
                assert_eq!(found(rcpt), ["tag", "unproven", "reject"], "{rcpt}");
            }
        }
    };
    for (order, domains) in [[MONITOR, ENFORCE], [ENFORCE, MONITOR]]
        .into_iter()
        .enumerate()
    {
        let [first, second] = domains.map(|domain| format!("together{order}@{domain}"));
        let mut client = stage.session(SENDER);
        client.mail("", &[]).unwrap();
        assert_eq!(
            client.rcpt(&first, &[]).unwrap(),
            Reply::Continue,
            "{first}"
        );
        assert_refused(client.rcpt(&second, &[]), "452 4.5.3 ");
        let reason = match domains[1] {
            // The rule that each bounce goes to one recipient acts first.
            ENFORCE => "null_sender_extra_recipient",
            _ => "other_answers",
        };
        assert_eq!(found(&second), ["tempfail", reason, "-"], "{second}");
        came(&mut client, &first);
        let alone = format!("alone{order}@{}", domains[1]);
        client.mail("", &[]).unwrap();
        assert_eq!(
            client.rcpt(&alone, &[]).unwrap(),
            Reply::Continue,
            "{alone}"
        );
        came(&mut client, &alone);
    }
    let numbers = stage.numbers();
    let parted = |name: &str| {
        name.starts_with("backstop_verdicts_total") && name.contains("reason=\"other_answers\"")
    };
    let mut counted = numbers.iter().filter(|(name, _)| parted(name));
    let (name, times) = counted.next().unwrap();
    assert!(name.contains("verdict=\"tempfail\""), "{name}");
    assert!((times - 1.0).abs() < f64::EPSILON, "{name} {times}");
    assert_eq!(counted.next(), None);
}

/// Mail by a good sender is taken for both, as ever.
#[test]
fn good_mail_to_two_clients_is_not_parted() {
    let (stage, _folder) = host();
    let both = [MONITOR, ENFORCE].map(|domain| format!("joe@{domain}"));
    let mut client = stage.session(SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    for rcpt in &both {
        assert_eq!(client.rcpt(rcpt, &[]).unwrap(), Reply::Continue, "{rcpt}");
    }
    let lines = "From: a@pass.example\nSubject: hello";
    assert_eq!(headers(&mut client, lines).unwrap(), Reply::Continue);
    assert_eq!(client.eom().unwrap().reply, Reply::Continue);
    for rcpt in &both {
        assert_eq!(field(&stage.decision(rcpt), "verdict"), "accept", "{rcpt}");
    }
}
