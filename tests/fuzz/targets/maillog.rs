//! Logs of an MTA: whatever the lines are, only what shows where it began is outgoing, and all of it is within bounds.

use backstop::{
    core::local::Local,
    maillog::{Joiner, Line, OutgoingMessage},
};

use super::input::Input;

/// What a log must have somewhere if anything in it is outgoing; strangers' lines below have none of it.
const SIGNS: [&[u8]; 9] = [
    b"sasl_",
    b"uid=",
    b"[10.",
    b"[127.",
    b"[::1]",
    b"@localhost",
    b"AUTH=",
    b"auth=",
    b"proto=",
];
const SERVICES: [&str; 8] = [
    "postfix/smtpd[1]: ",
    "postfix/cleanup[2]: ",
    "postfix/qmgr[3]: ",
    "postfix/smtp[4]: ",
    "postfix-out/smtpd[5]: ",
    "postfix/pickup[6]: ",
    "sm-mta[7]: ",
    "MailScanner[8]: ",
];
const IDS: [&str; 5] = [
    "4A1B2C3D01: ",
    "4A1B2C3D02: ",
    "NOQUEUE: ",
    "proxy-accept: ",
    "",
];
const TEXTS: [&str; 16] = [
    "client=a[192.0.2.1]",
    "client=a[10.0.0.1]",
    "client=a[192.0.2.1], sasl_method=PLAIN, sasl_username=joe",
    "client=localhost[127.0.0.1], orig_queue_id=4A1B2C3D01, orig_client=a[192.0.2.1]",
    "uid=0 from=<root>",
    "message-id=<1@example.org>",
    "message-id=<2@example.org>",
    "from=<joe@example.org>, size=1, nrcpt=1 (queue active)",
    "from=<joe@example.org>, size=1, class=0, nrcpts=1, msgid=<1@example.org>, proto=ESMTP, relay=a [192.0.2.1]",
    "from=<joe@example.org>, size=1, class=0, nrcpts=1, msgid=<1@example.org>, relay=joe@localhost",
    "to=<b@far.example>, relay=b[192.0.2.7]:25, dsn=2.0.0, status=sent (250 Ok: queued as 4A1B2C3D02)",
    "to=<b@far.example>, relay=b[127.0.0.1]:25, dsn=2.0.0, status=sent (250 Ok: queued as 4A1B2C3D02)",
    "to=<b@far.example>, relay=b. [192.0.2.7], dsn=2.0.0, stat=Sent (ok)",
    "removed",
    "END-OF-MESSAGE: 250 2.0.0 Ok: queued as 4A1B2C3D02; from=<a> to=<b>",
    "Requeue: 4A1B2C3D01.A1B2C to 4A1B2C3D02",
];

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut lines = Vec::new();
    match input.below(2) {
        0 => lines.extend(
            input
                .rest()
                .split(|&byte| byte == b'\n')
                .map(|line| (line.to_vec(), 0)),
        ),
        _ => {
            while !input.is_empty() {
                let pause = u64::from(input.byte() % 8).pow(6);
                let parts = [
                    input.one_of(&SERVICES),
                    input.one_of(&IDS),
                    input.one_of(&TEXTS),
                ];
                let mut line = b"2026-11-28T12:00:00Z mx ".to_vec();
                line.extend(parts.concat().bytes());
                if input.one_in(8) {
                    line.extend_from_slice(input.text(20));
                }
                lines.push((line, pause));
            }
        }
    }
    let found = joined(&lines);
    assert!(found.len() <= lines.len());
    let has_sign = |line: &[u8]| {
        SIGNS
            .iter()
            .any(|sign| line.windows(sign.len()).any(|part| part == *sign))
    };
    let is_any = lines.iter().any(|(line, _)| has_sign(line));
    assert!(is_any || found.is_empty(), "{}", found.len());
    for message in found {
        assert!(message.recipients.len() <= 100);
        assert_eq!(
            message.sender.domain().map(|domain| domain.as_str()),
            Some("example.org")
        );
    }
}

fn joined(lines: &[(Vec<u8>, u64)]) -> Vec<OutgoingMessage> {
    let networks = ["127.0.0.0/8", "::1", "10.0.0.0/8"];
    let local = Local {
        domains: vec!["example.org".parse().unwrap()].into(),
        networks: networks
            .iter()
            .map(|network| network.parse().unwrap())
            .collect(),
        ..Local::default()
    };
    let mut joiner = Joiner::new(local);
    let mut time = 1_795_867_200;
    for (line, pause) in lines {
        time += pause;
        if let Some(line) = Line::read(line) {
            joiner.line(&line, time);
        }
    }
    joiner.end();
    std::iter::from_fn(|| joiner.next_message()).collect()
}
