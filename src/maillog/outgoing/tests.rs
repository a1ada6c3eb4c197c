//! The logs of `tests/fixtures/ledger`: what is outgoing in them, and which forgeries are not. Each names what it shows, and
//! with `# +` the messages that were outgoing.

use std::{fs, path::Path};

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::{core::moment::rfc3339, maillog::Calendar};

/// 2027-01-02T06:25:00Z.
const WRITTEN: u64 = 1_798_871_100;

fn local() -> Local {
    Local {
        domains: vec!["example.org".parse().unwrap()].into(),
        networks: ["127.0.0.0/8", "::1", "10.0.0.0/8", "2001:db8:1::/48"]
            .map(|network| network.parse().unwrap())
            .to_vec(),
        ..Local::default()
    }
}

fn joined<'a>(
    joiner: &mut Joiner,
    lines: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<OutgoingMessage> {
    let mut calendar = Calendar::new(WRITTEN, TimeZone::UTC);
    let mut messages = Vec::new();
    for line in lines {
        let read = Line::read(line);
        if let Some((line, time)) = read.and_then(|line| Some((line, calendar.time(line.stamp)?))) {
            joiner.line(&line, time);
        }
        messages.extend(std::iter::from_fn(|| joiner.next_message()));
    }
    joiner.end();
    messages.extend(std::iter::from_fn(|| joiner.next_message()));
    messages
}

fn shown(message: &OutgoingMessage) -> String {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    let mut recipients: Vec<_> = message
        .recipients
        .iter()
        .map(|to| text(&to.to_bytes()))
        .collect();
    recipients.sort();
    format!(
        "{} {} {} {} n={} at={}",
        match message.why {
            Outgoing::Authenticated => "login",
            Outgoing::Network => "network",
            Outgoing::Local => "user",
            Outgoing::Daemon => "daemon",
        },
        message.message_id.as_deref().map_or("-".to_owned(), text),
        text(&message.sender.to_bytes()),
        recipients.join(","),
        message.recipient_count,
        rfc3339(message.at),
    )
}

#[test]
fn only_what_began_here_is_outgoing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ledger");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let log = fs::read_to_string(&path).unwrap();
        let mut expected: Vec<&str> = log
            .lines()
            .filter_map(|line| line.strip_prefix("# + "))
            .collect();
        expected.sort_unstable();
        let lines = log.lines().filter(|line| !line.starts_with('#'));
        let mut joiner = Joiner::new(local());
        let mut found: Vec<_> = joined(&mut joiner, lines.map(str::as_bytes))
            .iter()
            .map(shown)
            .collect();
        found.sort();
        if found != expected {
            wrong.push(format!(
                "{}:\n expected {expected:#?}\n found {found:#?}\n {:?}",
                path.display(),
                joiner.seen()
            ));
        }
        assert_eq!(
            (joiner.weight, joiner.queued.len(), joiner.messages.len()),
            (0, 0, 0),
            "{}",
            path.display()
        );
        count += 1;
    }
    assert!(count >= 30);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn who_does_not_believe_logins_imports_none() {
    let log = include_bytes!("../../../tests/fixtures/ledger/login.log");
    let local = Local {
        authenticated: crate::core::local::Authenticated::Judged,
        ..local()
    };
    let lines = log.split(|byte| *byte == b'\n');
    assert_eq!(joined(&mut Joiner::new(local), lines), []);
}

/// Through a filter, at once and one by one: the message is there once, and has all its recipients.
#[test]
fn a_message_to_many_is_handed_on_in_any_way() {
    for one_by_one in [false, true] {
        let line = |text: String| format!("2026-11-28T12:00:00Z mx postfix/{text}");
        let handed_on = |id: &str| {
            let lines = [
                format!("smtpd[4]: {id}: client=localhost[127.0.0.1]"),
                format!("cleanup[2]: {id}: message-id=<1@example.org>"),
                format!("qmgr[3]: {id}: from=<joe@example.org>, size=9, nrcpt=1 (queue active)"),
                format!("qmgr[3]: {id}: removed"),
            ];
            lines.map(line)
        };
        let mut log = vec![
            line("smtpd[1]: 4A1B2C3D01: client=pc[203.0.113.9], sasl_method=PLAIN, sasl_username=joe".to_owned()),
            line("cleanup[2]: 4A1B2C3D01: message-id=<1@example.org>".to_owned()),
            line("qmgr[3]: 4A1B2C3D01: from=<joe@example.org>, size=9, nrcpt=300 (queue active)".to_owned()),
        ];
        log.extend(handed_on("4B0000"));
        for number in 0..300 {
            let id = if one_by_one {
                format!("4B{number:04}")
            } else {
                "4B0000".to_owned()
            };
            if one_by_one && number > 0 {
                log.extend(handed_on(&id));
            }
            log.push(line(format!(
                "smtp[5]: 4A1B2C3D01: to=<r{number}@far.example>, relay=127.0.0.1[127.0.0.1]:10024, status=sent (250 2.0.0 Ok: queued as {id})"
            )));
        }
        log.push(line("qmgr[3]: 4A1B2C3D01: removed".to_owned()));
        let lines = log.iter().map(|line| line.as_bytes());
        let found = joined(&mut Joiner::new(local()), lines);
        let counts = found
            .iter()
            .map(|message| (message.recipient_count, message.recipients.len()));
        assert_eq!(counts.collect::<Vec<_>>(), [(300, 100)], "{one_by_one}");
    }
}

/// What a flood of strangers can make grow: messages that begin and don't end, names, sessions, links.
#[test]
fn a_flood_is_bounded() {
    let mut joiner = Joiner::new(local());
    let mut feed = |text: String| {
        let line = format!("2026-11-28T12:00:00Z mx {text}");
        joiner.line(&Line::read(line.as_bytes()).unwrap(), 1_795_867_200);
    };
    let long = "x".repeat(400);
    for number in 0..150_000 {
        feed(format!(
            "postfix/smtpd[{number}]: 4A{number:08}: client=a[10.0.0.1]"
        ));
        feed(format!(
            "postfix/cleanup[1]: 4A{number:08}: message-id=<{number}@a.example>"
        ));
        if number % 10 == 0 {
            feed(format!(
                "postfix/smtp[1]: 4A{number:08}: to=<{long}@a.example>, relay=a[10.0.0.1]:25, status=sent (250 queued as 4B{number:08})"
            ));
            feed(format!(
                "postfix/smtpd[{number}]: NOQUEUE: client=a[10.0.0.1]"
            ));
        }
    }
    assert!(joiner.messages.len() <= MAX_MESSAGES && joiner.weight <= MAX_WEIGHT + 10_000);
    assert!(joiner.queued.len() <= MAX_MESSAGES);
    assert!(joiner.seen.dropped >= 50_000);
}

/// The longest queue: an id that is there for long makes room, and its late lines start nothing.
#[test]
fn what_is_too_long_in_the_queue_is_over() {
    let mut joiner = Joiner::new(local());
    let log = include_bytes!("../../../tests/fixtures/ledger/login.log");
    let lines: Vec<_> = log
        .split(|byte| *byte == b'\n')
        .filter_map(Line::read)
        .collect();
    for (number, line) in lines.iter().take(3).enumerate() {
        joiner.line(line, 1_000_000 + number as u64);
    }
    assert!(joiner.next_message().is_none());
    let other = "2026-11-28T12:00:00Z mx postfix/smtpd[1]: 4B000001: client=a[192.0.2.1]";
    joiner.line(
        &Line::read(other.as_bytes()).unwrap(),
        1_000_000 + 6 * 86_400 + 1,
    );
    assert_eq!(joiner.next_message().unwrap().recipient_count, 1);
    joiner.line(&lines[3], 1_000_000 + 7 * 86_400);
    joiner.end();
    assert!(joiner.next_message().is_none());
}

proptest! {
    #[test]
    fn no_octets_make_it_panic(
        lines in prop::collection::vec(
            (
                prop::sample::select(vec![
                    "postfix/smtpd[1]: ", "postfix/cleanup[1]: ", "postfix/qmgr[1]: ", "postfix/smtp[1]: ", "sm-mta[1]: ",
                    "postfix/pickup: ", "MailScanner[1]: ", "x/y[: ", "",
                ]),
                prop::sample::select(vec!["4A1B2C3D01: ", "4A1B2C3D02: ", "NOQUEUE: ", "proxy-accept: ", "Requeue: ", ""]),
                prop::collection::vec(
                    prop_oneof![
                        prop::sample::select(vec![
                            "client=", "a[10.0.0.1]", "[", "]", "<", ">", "\"", "\\", ", sasl_method=", ", sasl_username=", "uid=",
                            "message-id=", "<1@x>", "from=<a@example.org>", ", size=1", ", nrcpt=", ", nrcpts=1", "7", "to=<b@x>",
                            ", relay=", "127.0.0.1[127.0.0.1]:1", ", status=sent (", "queued as ", "4A1B2C3D02", "removed", ", stat=Sent (",
                            ", msgid=", ", proto=ESMTPA", "reject: RCPT from ", "AUTH=server, relay=", ", authid=", ",", ", ", " to ", ".",
                            ", orig_queue_id=", ", orig_client=", " Message accepted for delivery",
                        ]).prop_map(|text| text.as_bytes().to_vec()),
                        prop::collection::vec(any::<u8>(), 0..3),
                    ],
                    0..12,
                ),
                0_u64..10,
            ),
            0..30,
        ),
    ) {
        let mut joiner = Joiner::new(local());
        let mut time = 1_795_867_200;
        for (program, id, parts, pause) in &lines {
            time += pause * pause * pause;
            let line = [b"2026-11-28T12:00:00Z mx ", program.as_bytes(), id.as_bytes(), &parts.concat()].concat();
            if let Some(line) = Line::read(&line) {
                joiner.line(&line, time);
            }
        }
        joiner.end();
        prop_assert_eq!((joiner.weight, joiner.queued.len(), joiner.messages.len()), (0, 0, 0));
        while let Some(message) = joiner.next_message() {
            prop_assert!(message.recipients.len() <= 100);
        }
    }

    #[test]
    fn any_octets_are_a_line_or_none(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Line::read(&octets).as_ref().map(Event::read);
        let _ = crate::maillog::queue_id(&octets);
    }
}
