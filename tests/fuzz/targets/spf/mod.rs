//! Checks over zones that a stranger wrote, against a naive evaluation of our own.

mod grammar;
mod oracle;
mod zone;

use std::{
    net::IpAddr,
    time::{Duration, UNIX_EPOCH},
};

use backstop::{
    core::address::ReversePath,
    spf::{SpfQuery, check_helo, check_mail_from},
};

use super::{input::Input, ready};
use oracle::Asked;
use zone::Zone;

const CLIENTS: [&str; 4] = [
    "192.0.2.1",
    "2001:db8::1",
    "::ffff:192.0.2.9",
    "198.51.100.77",
];
const DOMAIN: &str = "n0.example";
const RECEIVER: &str = "mx.example.org";
/// Ten terms of eleven questions each, and the client's own names.
const MOST_QUESTIONS: usize = 140;
const NOW: u64 = 1_700_000_000;

/// A record as it comes, in a zone where chance answers.
pub fn record(data: &[u8]) {
    let mut input = Input(data);
    let (client, seed) = (input.one_of(&CLIENTS), input.byte());
    let mut zone = Zone::of_chance(seed);
    let text = input.rest();
    let version: &[u8] = if text.starts_with(b"v=") {
        b""
    } else {
        b"v=spf1 "
    };
    zone.txt(DOMAIN, &[version, text].concat());
    compare(&zone, client, b"joe", b"mail.example.net");
}

/// A macro string, as what a record asks for and as its explanation.
pub fn macros(data: &[u8]) {
    let mut input = Input(data);
    let (client, seed) = (input.one_of(&CLIENTS), input.byte());
    let (local, helo) = (input.text(100), input.text(100));
    let text = input.rest();
    let mut zone = Zone::of_chance(seed);
    zone.txt(
        DOMAIN,
        &[b"v=spf1 exists:", text, b" -all exp=e.example"].concat(),
    );
    zone.txt("e.example", text);
    compare(&zone, client, local, helo);
}

/// A few names with records of all kinds, made of pieces.
pub fn zones(data: &[u8]) {
    let mut input = Input(data);
    let client = input.one_of(&CLIENTS);
    let local = input.one_of(&[b"joe".as_slice(), b"", b"a.b-c+d", b"j\xc3\xb6e", b"%{d} x"]);
    let zone = Zone::of_pieces(&mut input);
    compare(&zone, client, local, b"n1.example");
}

fn compare(zone: &Zone, client: &str, local: &[u8], helo: &[u8]) {
    let client: IpAddr = client.parse().unwrap();
    let mail_from = ReversePath::from_bytes(&[local, b"@", DOMAIN.as_bytes()].concat());
    let query = SpfQuery {
        client,
        helo,
        mail_from: &mail_from,
        now: UNIX_EPOCH + Duration::from_secs(NOW),
        receiver: RECEIVER,
        traced: true,
    };
    let ReversePath::Mailbox(mailbox) = &mail_from else {
        return;
    };
    // HELO in other scripts, and addresses that are not at the domain, have tables of their own.
    if helo.is_ascii()
        && mailbox
            .domain()
            .is_some_and(|domain| domain.as_str() == DOMAIN)
    {
        let found = ready(check_mail_from(zone, &query));
        assert!(zone.questions() <= MOST_QUESTIONS, "{}", zone.questions());
        let asked = Asked {
            zone,
            client: client.to_canonical(),
            local: match mailbox.local() {
                b"" => b"postmaster",
                local => local,
            },
            domain: DOMAIN,
            helo,
            receiver: RECEIVER,
            now: NOW,
        };
        let expected = oracle::check(&asked);
        let trace = || format!("{}\n{zone:?}", found.trace.join("\n"));
        assert_eq!(found.result.as_str(), expected.result, "{}", trace());
        assert_eq!(found.lookups, expected.terms, "{}", trace());
        assert_eq!(found.void_lookups, expected.voids, "{}", trace());
        assert_eq!(found.explanation, expected.explanation, "{}", trace());
        if let Some(term) = expected.term {
            assert_eq!(
                found.mechanism.as_deref(),
                Some(term.as_str()),
                "{}",
                trace()
            );
        }
    }
    let helo = ready(check_helo(zone, &query));
    for line in helo
        .trace
        .iter()
        .chain(&helo.problem)
        .chain(&helo.explanation)
    {
        assert!(
            line.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{line}"
        );
    }
}
