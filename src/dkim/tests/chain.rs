//! DKIM2, signed by mail-auth: nobody else who follows the draft is packaged yet.

use data_encoding::BASE64;
use mail_auth::{
    common::crypto::Ed25519Key,
    dkim2::{Dkim2Signer, Hop},
};

use super::*;
use crate::{
    core::{address::Mailbox, proof::dkim::Chain},
    dkim::verify_dsn,
};

const US: &str = "<jane@example.org>";
const THEM: &str = "<john@example.net>";

fn key() -> Ed25519Key {
    let read = |file: &str| std::fs::read_to_string(folder().join("keys").join(file)).unwrap();
    let decoded = |text: &str| BASE64.decode(text.trim().as_bytes()).unwrap();
    let public = record("ed25519");
    let public = public.rsplit_once("p=").unwrap().1;
    Ed25519Key::from_seed_and_public_key(&decoded(&read("ed25519.b64")), &decoded(public)).unwrap()
}

fn signed(message: &str, domain: &str, from: &str, to: &str) -> String {
    let signer = Dkim2Signer::from_key(key()).domain(domain).selector("ed");
    let signature = signer
        .sign(message.as_bytes(), Hop::real(from, [to]))
        .unwrap();
    format!("{}{message}", signature.to_header())
}

/// A notification about `returned`, signed by nobody.
fn notification(returned: &str, returned_type: &str) -> String {
    format!(
        "From: postmaster@example.net\r\nTo: jane@example.org\r\nSubject: Undelivered\r\n\
         Date: Sat, 21 Nov 2026 22:05:00 +0000\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n\
         Final-Recipient: rfc822; john@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n\
         --b\r\nContent-Type: {returned_type}\r\n\r\n{returned}\r\n--b--\r\n"
    )
}

/// The clock that mail-auth looks at.
pub(super) fn clock() -> u64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn zone() -> Zone {
    Zone::usual().with("ed._domainkey.example.net", &record("ed25519"))
}

async fn chain(notification: &str, zone: &Zone, now: u64) -> Chain {
    let recipients = [Mailbox::from_bytes(b"jane@example.org")];
    let keys = DkimKeys::default();
    verify_dsn(
        notification.as_bytes(),
        &recipients,
        is_ours,
        &keys,
        zone,
        now,
        LIFETIME,
    )
    .await
}

/// Such a notification, signed by the recipient of our message.
pub(super) fn genuine() -> String {
    let returned = signed(MESSAGE, "example.org", US, THEM);
    signed(
        &notification(&returned, "message/rfc822"),
        "example.net",
        "<>",
        US,
    )
}

#[tokio::test]
async fn a_notification_of_whom_we_sent_to() {
    let returned = signed(MESSAGE, "example.org", US, THEM);
    let (headers, _) = split(&returned);
    for (returned, kind) in [
        (returned.as_str(), "message/rfc822"),
        (headers, "text/rfc822-headers"),
    ] {
        let bounce = signed(&notification(returned, kind), "example.net", "<>", US);
        let zone = zone();
        let chain = chain(&bounce, &zone, clock()).await;
        assert_eq!(
            chain,
            Chain::Genuine("example.org".parse().unwrap()),
            "{kind}"
        );
        let names = ["ed._domainkey.example.net", "ed._domainkey.example.org"];
        assert_eq!(zone.asked(), names, "each once, and by nobody else");
    }
}

#[tokio::test]
async fn what_proves_nothing() {
    let ours = signed(MESSAGE, "example.org", US, THEM);
    let about = |returned: &str| notification(returned, "message/rfc822");
    let twice = signed(
        &signed(MESSAGE, "example.org", US, THEM),
        "example.net",
        THEM,
        "<x@example.com>",
    );
    let mut many = ours.clone();
    for _ in 0..8 {
        many = signed(&many, "example.org", US, US);
    }
    for (bounce, expected) in [
        (about(&ours), None),
        (signed(&about(MESSAGE), "example.net", "<>", US), None),
        ("From: a@b\r\n\r\n".to_owned(), None),
        (String::new(), None),
        (
            signed(&about(&ours), "example.com", "<>", US),
            Some("no key"),
        ),
        (
            signed(&about(&ours), "example.org", "<>", US),
            Some("is not the recipient"),
        ),
        (
            signed(&about(&ours), "example.net", "<>", "<joe@example.org>"),
            Some("the notification is not"),
        ),
        (
            signed(&about(&ours), "example.net", THEM, US),
            Some("the notification is not"),
        ),
        (
            signed(
                &about(&signed(MESSAGE, "example.net", THEM, US)),
                "example.net",
                "<>",
                US,
            ),
            Some("not ours"),
        ),
        (
            signed(&about(&twice), "example.net", "<>", US),
            Some("not ours"),
        ),
        (
            signed(&about(&many), "example.net", "<>", US),
            Some("too many"),
        ),
        (
            genuine().replace("Sorry.", "Sorry!"),
            Some("the notification is not"),
        ),
        (
            genuine().replace("Subject: Undelivered", "Subject: Buy"),
            Some("the notification is not"),
        ),
        (
            signed(
                &about(&ours.replace("Jane Doe", "Joan Doe")),
                "example.net",
                "<>",
                US,
            ),
            Some("the returned message is not"),
        ),
        (
            signed(
                &about(&ours.replace("see you", "see him")),
                "example.net",
                "<>",
                US,
            ),
            Some("the returned message is not"),
        ),
    ] {
        let zone = zone();
        match (chain(&bounce, &zone, clock()).await, expected) {
            (Chain::Unsigned, None) => assert_eq!(zone.asked(), [""; 0]),
            // A chain with a key that does not exist does not hold.
            (Chain::Failed(why), Some("no key")) => assert!(why.contains("not what was signed")),
            (Chain::Failed(why), Some(expected)) => {
                assert!(why.contains(expected), "{expected}: {why}");
            }
            (other, expected) => panic!("{expected:?}: {other:?}\n{bounce}"),
        }
    }
}

/// A recipe makes a message anew from pieces of it, as often as it says so.
#[tokio::test]
async fn a_message_that_was_changed_is_not_made_anew() {
    let recipe = data_encoding::BASE64.encode(br#"{"b":[{"c":[1,2]}]}"#);
    let ours = signed(MESSAGE, "example.org", US, THEM);
    let mut bounce = signed(
        &notification(&ours, "message/rfc822"),
        "example.net",
        "<>",
        US,
    );
    let instance = bounce.find("Message-Instance:").unwrap();
    bounce.insert_str(
        instance,
        &format!("Message-Instance: m=2; h=sha256:AAAA:AAAA; r={recipe}\r\n"),
    );
    let zone = zone();
    match chain(&bounce, &zone, clock()).await {
        Chain::Failed(why) => assert!(why.contains("changed"), "{why}"),
        other => panic!("{other:?}\n{bounce}"),
    }
    assert_eq!(zone.asked(), [""; 0]);
}

#[tokio::test]
async fn neither_too_old_nor_unanswered() {
    let bounce = genuine();
    for now in [clock() + LIFETIME + 60, clock() - 3600] {
        let chain = chain(&bounce, &zone(), now).await;
        assert!(
            matches!(chain, Chain::Failed(why) if why.contains("time")),
            "{chain:?}"
        );
    }
    let mut zone = zone();
    zone.dead.insert("ed._domainkey.example.net".to_owned());
    let chain = chain(&bounce, &zone, clock()).await;
    let expected = Unanswered::dns("TXT ed._domainkey.example.net: SERVFAIL");
    assert_eq!(chain, Chain::Unanswered(expected));
}
