//! What is remembered of outgoing mail, and what the coverage report counts of it.

use backstop::core::{
    address::Mailbox,
    envelope::Envelope,
    header::Headers,
    policy::Policy,
    proof::{
        DAY, ProofKind,
        coverage::{CoverageRow, CoverageSummary},
        ledger::{self, Hashed},
    },
};

use crate::scenario::{TODAY, mail, policy_with_keys};

const SITE: &str = "
local: {domains: [example.org, example.net], networks: [10.0.0.0/8]}
proof:
  key_file: /etc/backstop/keys
  batv: {sign: true, except: {recipients: [lists.example]}}
  watermark: {sign: true}
  ledger: {remember: true}
";
const NOW: u64 = TODAY * DAY + 7;
const WHOLE: &str = "From: jane@example.org\r\nDate: now\r\nMessage-ID: <1@example.org>\r\n";

fn policy(changes: &[(&str, &str)]) -> Policy {
    policy_with_keys(SITE, changes)
}

fn envelope(client: &str, from: &str) -> Envelope {
    mail().client(client).from(from).envelope()
}

fn headers(text: &str) -> Headers {
    Headers::parse(format!("{text}\r\n").as_bytes()).0
}

fn mailboxes(addresses: &[String]) -> Vec<Mailbox> {
    addresses
        .iter()
        .map(|address| Mailbox::from_bytes(address.as_bytes()))
        .collect()
}

#[test]
fn the_ledger_gets_hashes_of_what_will_be_asked() {
    let policy = policy(&[]);
    let keys = &policy.proof.keys;
    let recipients: Vec<String> = (0..150).map(|n| format!("R{n}@far.example")).collect();
    let recipients = mailboxes(&recipients);
    let sender = envelope("10.0.0.1", "Jane+x@Example.org");
    let sent = policy
        .departure(&sender, &recipients, &headers(WHOLE), NOW)
        .ledger
        .unwrap();
    let hash = |what, text: &[u8]| ledger::hash(keys, what, text);
    assert_eq!(sent.message, hash(Hashed::MessageId, b"1@example.org"));
    assert_eq!(sent.sender, hash(Hashed::Sender, b"jane+x@example.org"));
    assert_eq!(
        sent.recipients.first().copied(),
        hash(Hashed::Recipient, b"r0@far.example")
    );
    assert_eq!(
        (sent.recipients.len(), sent.recipient_count, sent.at),
        (100, 150, NOW)
    );

    let unnamed = policy.departure(&sender, &recipients, &headers("From: a@b.example\r\n"), NOW);
    let unnamed = unnamed.ledger.unwrap();
    assert_eq!((unnamed.message, unnamed.sender), (None, sent.sender));
    for stranger in [
        envelope("192.0.2.1", "jane@example.org"),
        envelope("10.0.0.1", ""),
    ] {
        assert!(
            policy
                .departure(&stranger, &recipients, &headers(WHOLE), NOW)
                .ledger
                .is_err()
        );
    }
}

/// One message: client, sender, recipient, headers; what is counted of it.
#[test]
fn every_outgoing_message_is_counted_with_what_it_lacks() {
    let signed = format!(
        "DKIM-Signature: v=1; a=rsa-sha256; d = example.net ; s=x;\r\n h=from : Date:message-ID\r\n{WHOLE}"
    );
    let hasty = signed.replace(":message-ID", "");
    let foreign = format!("DKIM-Signature: v=1; d=example.com; s=x\r\n{WHOLE}");
    let unnamed = "From: jane@example.org\r\nDate: now\r\n";
    for (client, from, rcpt, head, made, without) in [
        (
            "10.0.0.1",
            "jane@example.org",
            "a@b.example",
            WHOLE,
            &["batv", "watermark", "ledger"][..],
            &[][..],
        ),
        (
            "10.0.0.1",
            "jane@example.org",
            "a@b.example",
            &*signed,
            &["batv", "watermark", "ledger", "dkim"],
            &[],
        ),
        (
            "10.0.0.1",
            "jane@example.org",
            "a@b.example",
            &hasty,
            &["batv", "watermark", "ledger"],
            &["dkim:too_little"],
        ),
        (
            "10.0.0.1",
            "jane@example.org",
            "a@b.example",
            &foreign,
            &["batv", "watermark", "ledger"],
            &[],
        ),
        (
            "10.0.0.1",
            "jane@example.org",
            "a@lists.example",
            unnamed,
            &[],
            &[
                "batv:except_recipient",
                "watermark:no_message_id",
                "ledger:no_message_id",
            ],
        ),
        // Signed when it came by the first time.
        (
            "10.0.0.1",
            "prvs=0123cfcd40=jane@example.org",
            "a@b.example",
            WHOLE,
            &["batv", "watermark", "ledger"],
            &[],
        ),
    ] {
        let (rows, summary) = counted(&policy(&[]), client, from, rcpt, head);
        let outgoing = &summary.domains["example.org"];
        let provable = u64::from(!made.is_empty());
        assert_eq!(
            (outgoing.messages, outgoing.provable),
            (1, provable),
            "{rows:?}"
        );
        let by: Vec<_> = outgoing.by.keys().map(|way| way.as_str()).collect();
        assert_eq!(by, made, "{head}");
        let lacks: Vec<_> = outgoing
            .without
            .keys()
            .map(|(way, why)| format!("{}:{why}", way.as_str()))
            .collect();
        assert_eq!(lacks, without, "{head}");
    }
    let off = policy(&[("batv: {sign: true,", "batv: {sign: false,")]);
    let (_, summary) = counted(&off, "10.0.0.1", "jane@example.org", "a@b.example", WHOLE);
    let outgoing = &summary.domains["example.org"];
    assert!(!outgoing.by.contains_key(&ProofKind::Batv) && outgoing.without.is_empty());
    for (client, from, messages) in [
        ("10.0.0.1", "jane@elsewhere.example", Some(1)),
        ("10.0.0.1", "", Some(1)),
        ("192.0.2.1", "jane@example.org", None),
    ] {
        let (rows, summary) = counted(&policy(&[]), client, from, "a@b.example", WHOLE);
        let others = summary.domains.get("-").map(|outgoing| outgoing.messages);
        assert_eq!((others, summary.ours().messages), (messages, 0), "{rows:?}");
    }
}

#[test]
fn what_the_mta_does_not_offer_is_not_counted_as_made() {
    let policy = policy(&[]);
    let sender = envelope("10.0.0.1", "jane@example.org");
    let departure = policy
        .departure(&sender, &[], &headers(WHOLE), NOW)
        .within(false, true);
    let counts = policy.coverage(&sender, &headers(WHOLE), &departure);
    let summary = CoverageSummary::of(counts.into_iter().map(|count| CoverageRow {
        day: 1,
        count,
        times: 1,
    }));
    let lacks = &summary.domains["example.org"].without;
    assert_eq!(
        lacks.get(&(ProofKind::Batv, "not_offered".to_owned())),
        Some(&1)
    );
}

fn counted(
    policy: &Policy,
    client: &str,
    from: &str,
    rcpt: &str,
    head: &str,
) -> (Vec<CoverageRow>, CoverageSummary) {
    let sender = envelope(client, from);
    let headers = headers(head);
    let recipients = mailboxes(&[rcpt.to_owned()]);
    let departure = policy.departure(&sender, &recipients, &headers, NOW);
    let counts = policy.coverage(&sender, &headers, &departure);
    let rows: Vec<_> = counts
        .into_iter()
        .map(|count| CoverageRow {
            day: 1,
            count,
            times: 1,
        })
        .collect();
    (rows.clone(), CoverageSummary::of(rows))
}
