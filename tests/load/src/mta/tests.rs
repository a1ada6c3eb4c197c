use std::{io::Read, os::unix::net::UnixListener, thread, time::Duration};

use lab::milter::wire::{command, read_packet, split_strings, step, write_packet};
use milter::EitherListener;
use tempfile::TempDir;

use super::*;
use crate::floor::{Agreed, Floor};

fn mail() -> Mail {
    Mail::ordinary(
        "192.0.2.1",
        "mx.example.com",
        "serial0000@example.com",
        "info@example.org",
    )
}

fn load<'a>(target: &'a Target, mails: &'a [Mail]) -> Load<'a> {
    Load {
        target,
        mails,
        connections: 3,
        messages: 2,
        rate: None,
    }
}

/// A floor that runs as long as the folder is there.
fn floor(floor: Floor) -> (TempDir, Target) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::UnixListener::from_std(listener).unwrap();
            let _ = floor.serve(EitherListener::Unix(listener)).await;
        });
    });
    (folder, Target::Unix(path))
}

fn quiet() -> Agreed {
    Agreed {
        steps: step::NR_CONNECT
            | step::NR_HELO
            | step::NR_MAIL
            | step::NR_HEADER
            | step::NO_DATA
            | step::SKIP,
        actions: 0x1ff,
        macros: vec![(2, "i {mail_addr}".to_owned())],
    }
}

#[test]
fn floors_accept_and_change_what_they_are_told() {
    let headers = vec![
        ("X-A".to_owned(), "1".to_owned()),
        ("X-B".to_owned(), "2".to_owned()),
    ];
    for (agreed, headers, changes) in [
        (None, Vec::new(), 0),
        (Some(quiet()), Vec::new(), 0),
        (Some(quiet()), headers, 2),
    ] {
        let (_folder, target) = floor(Floor { agreed, headers });
        let mails = [mail()];
        let outcome = load(&target, &mails)
            .run(Duration::from_millis(100))
            .unwrap();
        assert!(outcome.accepted >= 3, "{outcome:?}");
        assert_eq!(outcome.changes, outcome.accepted * changes);
        assert_eq!((outcome.refused, outcome.deferred), (0, 0));
        assert_eq!(outcome.latencies.len() as u64, outcome.accepted);
        assert!(outcome.rate() > 0.0);
        assert!(outcome.latency(0.5) <= outcome.latency(0.99));
    }
}

#[test]
fn a_rate_is_kept_to() {
    let (_folder, target) = floor(Floor::default());
    let mails = [mail()];
    let load = Load {
        rate: Some(100.0),
        ..load(&target, &mails)
    };
    let outcome = load.run(Duration::from_millis(300)).unwrap();
    // The first is due at once. On a busy machine there can be fewer, but never more.
    assert!((1..=31).contains(&outcome.accepted), "{outcome:?}");
}

/// What one session with one message says to a filter that negotiates these steps, and answers RCPT and the end of the
/// message with this packet.
fn said(steps: u32, answer: u8, data: &'static [u8], mail: &Mail) -> (Outcome, Vec<(u8, Vec<u8>)>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let filter = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut packets = Vec::new();
        while let Ok((kind, said)) = read_packet(&mut stream) {
            let (kind_of_answer, data) = match kind {
                command::NEGOTIATE => {
                    let agreed = [6, 0x1ff, steps].map(u32::to_be_bytes).concat();
                    write_packet(&mut stream, kind, &agreed).unwrap();
                    (b'-', &b""[..])
                }
                command::CONNECT if steps & step::NR_CONNECT != 0 => (b'-', &b""[..]),
                command::HEADER if steps & step::NR_HEADER != 0 => (b'-', &b""[..]),
                command::MACROS | command::ABORT | command::QUIT => (b'-', &b""[..]),
                command::BODY if steps & step::SKIP != 0 => (b's', &b""[..]),
                command::END_OF_MESSAGE => {
                    write_packet(&mut stream, b'p', b"").unwrap();
                    write_packet(&mut stream, b'h', b"X\0y\0").unwrap();
                    (answer, data)
                }
                command::RCPT => (answer, data),
                _ => (b'c', &b""[..]),
            };
            packets.push((kind, said));
            if kind_of_answer != b'-' {
                write_packet(&mut stream, kind_of_answer, data).unwrap();
            }
        }
        packets
    });
    let target = Target::Unix(path);
    let load = Load {
        connections: 1,
        ..load(&target, std::slice::from_ref(mail))
    };
    // No time at all is enough for the message that each session begins with.
    let outcome = load.run(Duration::ZERO).unwrap();
    (outcome, filter.join().unwrap())
}

fn kinds(packets: &[(u8, Vec<u8>)]) -> String {
    packets.iter().map(|(kind, _)| char::from(*kind)).collect()
}

#[test]
fn a_session_goes_as_postfix_leads_it() {
    let headers = "DL".repeat(10);
    let all = format!("ODCDHDMDRDT{headers}DNDBDEAAQ");
    let refused = "ODCDHDMDRAAQ";
    for (steps, answer, data, expected, counts) in [
        (0, b'c', &b""[..], &*all, (1, 0, 0, 1)),
        (
            step::NR_CONNECT | step::NR_HEADER,
            b'c',
            b"",
            &*all,
            (1, 0, 0, 1),
        ),
        (step::SKIP, b'c', b"", &*all, (1, 0, 0, 1)),
        (
            step::NO_DATA | step::NO_BODY | step::NO_HEADERS | step::NO_END_OF_HEADERS,
            b'c',
            b"",
            "ODCDHDMDRDDEAAQ",
            (1, 0, 0, 1),
        ),
        (0, b'a', b"", refused, (1, 0, 0, 0)),
        (0, b'r', b"", refused, (0, 1, 0, 0)),
        (0, b't', b"", refused, (0, 0, 1, 0)),
        (0, b'y', b"550 5.7.1 no\0", refused, (0, 1, 0, 0)),
        (0, b'y', b"450 4.7.1 later\0", refused, (0, 0, 1, 0)),
    ] {
        let (outcome, packets) = said(steps, answer, data, &mail());
        assert_eq!(
            kinds(&packets),
            expected,
            "{steps:#x} {}",
            char::from(answer)
        );
        let seen = (
            outcome.accepted,
            outcome.refused,
            outcome.deferred,
            outcome.changes,
        );
        assert_eq!(seen, counts, "{steps:#x} {}", char::from(answer));
    }
}

#[test]
fn each_message_has_a_serial_number_wherever_there_is_a_place() {
    let (_, first) = said(0, b'c', b"", &mail());
    let (_, second) = said(0, b'c', b"", &mail());
    let sender = |packets: &[(u8, Vec<u8>)]| {
        let (_, data) = packets
            .iter()
            .find(|(kind, _)| *kind == command::MAIL)
            .unwrap();
        String::from_utf8(data.clone()).unwrap()
    };
    assert_ne!(sender(&first), sender(&second));
    let digits = &sender(&first)[1..11];
    assert!(
        digits.bytes().all(|octet| octet.is_ascii_digit()),
        "{digits}"
    );
    let queue_id = first.iter().any(|(kind, data)| {
        *kind == command::MACROS && split_strings(&data[1..]) == [b"i", digits.as_bytes()]
    });
    assert!(queue_id, "{first:?}");
    let left = first
        .iter()
        .any(|(_, data)| data.windows(10).any(|part| part == SERIAL.as_bytes()));
    assert!(!left, "{first:?}");
}

#[test]
fn a_filter_that_hangs_up_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 17]);
    });
    let target = Target::Unix(path);
    let mails = [mail()];
    let load = Load {
        connections: 1,
        ..load(&target, &mails)
    };
    let error = load.run(Duration::from_secs(1)).unwrap_err();
    assert!(
        error.to_string().contains("hangs up at Negotiation"),
        "{error}"
    );
}

/// Else what it takes to make them ready would be the latency of the first.
#[test]
fn the_time_begins_when_all_messages_are_ready() {
    let (_folder, target) = floor(Floor::default());
    let mails = vec![mail(); 2_000];
    let all = Load {
        rate: Some(100.0),
        ..load(&target, &mails)
    };
    // They take longer than this.
    let outcome = all.run(Duration::from_millis(50)).unwrap();
    assert!(outcome.accepted >= 1, "{outcome:?}");
}
