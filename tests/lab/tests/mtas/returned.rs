//! What the strangers' MTAs return of a message, byte for byte: the proofs rely on it.

use lab::bouncer::{Bouncer, Kind, Setting};
use lab::sink::Sink;

const ORIGINAL: &[u8] = include_bytes!("../../../fixtures/returned/real/original.eml");

const SENDER: &str = "joe@home.example";

/// What of the message came back, and as what.
#[derive(Debug, PartialEq, Eq)]
enum Returned {
    /// message/rfc822, with the body.
    Message,
    /// text/rfc822-headers, and no more than that.
    Headers,
    /// text/rfc822-headers, and the body all the same.
    MessageAsHeaders,
    /// No MIME: the message stands behind a line of dashes.
    MessageInText,
}

/// A bounce taken apart.
struct Report {
    returned: Returned,
    /// The names of the header fields above the first one of the message that was sent.
    added: Vec<String>,
    /// The header that was sent, as it came back.
    header: Vec<u8>,
    /// Behind the header's empty line, or nothing.
    body: Vec<u8>,
}

#[test]
fn postfix_returns_what_was_asked_for() {
    use Returned::{Headers, Message};
    let cases = [
        (Setting::Default, "", Message),
        (Setting::Default, "RET=FULL", Message),
        (Setting::Default, "RET=HDRS", Headers),
        (Setting::HeadersOnly, "", Headers),
        (Setting::HeadersOnly, "RET=FULL", Headers),
    ];
    for report in asked_for(Kind::Postfix, cases) {
        assert_eq!(report.added, ["Return-Path", "Received"]);
        assert_same(&report.header, header(ORIGINAL));
    }
}

/// It unfolds no header, but it writes those that hold addresses anew: a tab that folds them becomes eight blanks.
#[test]
fn sendmail_returns_what_was_asked_for_but_for_a_tab() {
    use Returned::{Headers, Message, MessageInText};
    let sent = String::from_utf8(header(ORIGINAL).to_vec()).unwrap();
    let expected = sent.replace(",\r\n\tOther", ",\r\n        Other");
    assert_ne!(sent, expected);
    let cases = [
        (Setting::Default, "", Message),
        (Setting::Default, "RET=FULL", Message),
        (Setting::Default, "RET=HDRS", Headers),
        (Setting::HeadersOnly, "", Headers),
        (Setting::NoMime, "", MessageInText),
    ];
    for report in asked_for(Kind::Sendmail, cases) {
        assert_eq!(report.added, ["Return-Path", "Received"]);
        assert_same(&report.header, expected.as_bytes());
    }
}

/// What it was asked for and may not send, it tells of in the header that it returns.
#[test]
fn exim_returns_what_was_asked_for() {
    use Returned::{Headers, Message};
    const LIMITED: &[u8] =
        b"X-Exim-DSN-Information: Due to administrative limits only headers are returned\r\n";
    let cases = [
        (Setting::Default, "", Message),
        (Setting::Default, "RET=FULL", Message),
        (Setting::Default, "RET=HDRS", Headers),
        (Setting::HeadersOnly, "", Headers),
        (Setting::HeadersOnly, "RET=FULL", Headers),
    ];
    let below: [&[u8]; 5] = [b"", b"", b"", b"", LIMITED];
    for (report, below) in asked_for(Kind::Exim, cases).zip(below) {
        assert_eq!(report.added, ["Return-path", "Received"]);
        assert_same(&report.header, &[header(ORIGINAL), below].concat());
    }
}

/// It takes RET, and returns the whole message under the name of its headers whatever it was told.
#[test]
fn opensmtpd_returns_all_and_calls_it_headers() {
    for parameters in ["", "RET=FULL", "RET=HDRS"] {
        let report = report(Kind::OpenSmtpd, Setting::Default, parameters, ORIGINAL);
        assert_eq!(report.returned, Returned::MessageAsHeaders, "{parameters}");
        assert_eq!(report.added, ["Received"]);
        assert_same(&report.header, header(ORIGINAL));
    }
}

/// A body hash holds where the body came back as it was sent. OpenSMTPD loses the first dot of a line; Sendmail keeps a line
/// from being taken for the first of a message in a mailbox.
#[test]
fn bodies_come_back_but_for_dots_and_from() {
    let body = b"From me to you\r\n.\r\n..\r\n.x \r\n\xff\xc3\xb6\r\n\r\nend\r\n";
    let mut message = header(ORIGINAL).to_vec();
    message.extend_from_slice(b"\r\n");
    message.extend_from_slice(body);
    for kind in Kind::ALL {
        let report = report(kind, Setting::Default, "RET=FULL", &message);
        let expected: &[u8] = match kind {
            Kind::Sendmail => &[b">", &body[..]].concat(),
            Kind::OpenSmtpd => b"From me to you\r\n.\r\n.\r\nx \r\n\xff\xc3\xb6\r\n\r\nend\r\n",
            _ => body,
        };
        assert_same(&report.body, expected);
    }
}

/// To a server without 8BITMIME, and with it the header that says how the body is encoded: a signature over that field breaks.
#[test]
fn postfix_encodes_the_body_for_a_7bit_server() {
    let sink = Sink::start_7bit().unwrap();
    let bouncer = Bouncer::start(Kind::Postfix, sink.addr()).unwrap();
    bouncer.send(SENDER, "RET=FULL", ORIGINAL).unwrap();
    let report = take_apart(&sink.wait_for_mail(SENDER).unwrap().message);
    let sent = String::from_utf8(header(ORIGINAL).to_vec()).unwrap();
    let mut expected = sent.replace("Content-Transfer-Encoding: 8bit\r\n", "");
    expected.push_str("Content-Transfer-Encoding: quoted-printable\r\n");
    assert_same(&report.header, expected.as_bytes());
    assert_same(first_line(&report.body), b"Sch=C3=B6ne Gr=C3=BC=C3=9Fe,");
}

/// By default Postfix returns no body above 50 000 bytes, and Exim none above 100 KiB. OpenSMTPD ends the report after 64 KiB,
/// and begins a new part with what is left, as often as it takes.
#[test]
fn large_messages_come_back_as_headers_or_in_pieces() {
    let mut message = ORIGINAL.to_vec();
    while message.len() < 150_000 {
        message.extend_from_slice(b"one of the many lines of a large message\r\n");
    }
    let body = split(&message).1;
    for kind in Kind::ALL {
        let report = report(kind, Setting::Default, "RET=FULL", &message);
        match kind {
            Kind::Postfix | Kind::Exim => assert_eq!(report.returned, Returned::Headers),
            Kind::Sendmail => assert_same(&report.body, body),
            Kind::OpenSmtpd => {
                let piece = find(&report.body, b"\r\n\r\n--").unwrap() + 2;
                assert!((50_000..66_000).contains(&piece), "{piece}");
                assert_same(&report.body[..piece], &body[..piece]);
                let rest = &report.body[piece..];
                assert!(find(rest, b"--\r\n--").is_some());
                assert!(find(rest, b"Content-Type: text/rfc822-headers\r\n\r\n").is_some());
            }
        }
    }
}

/// The bounces of one MTA, each made by its setting and the parameters of MAIL; each has returned what it should.
fn asked_for(
    kind: Kind,
    cases: [(Setting, &'static str, Returned); 5],
) -> impl Iterator<Item = Report> {
    cases
        .into_iter()
        .map(move |(setting, parameters, returned)| {
            let report = report(kind, setting, parameters, ORIGINAL);
            assert_eq!(report.returned, returned, "{setting:?} {parameters}");
            report
        })
}

fn report(kind: Kind, setting: Setting, parameters: &str, message: &[u8]) -> Report {
    let sink = Sink::start().unwrap();
    let bouncer = Bouncer::start_set(kind, sink.addr(), setting).unwrap();
    bouncer.send(SENDER, parameters, message).unwrap();
    let bounce = sink
        .wait_for_mail(SENDER)
        .unwrap_or_else(|error| panic!("{error}\n{}", bouncer.log()));
    take_apart(&bounce.message)
}

/// All of them put what they return last.
fn take_apart(bounce: &[u8]) -> Report {
    let text = |name: &str| find(bounce, name.as_bytes());
    let kind = ["message/rfc822", "text/rfc822-headers"].map(|kind| {
        text(&format!("Content-Type: {kind}\r\n"))
            .or_else(|| text(&format!("Content-type: {kind}\r\n")))
    });
    let (returned, start) = match kind {
        [Some(start), None] => (Returned::Message, start),
        [None, Some(start)] => (Returned::Headers, start),
        [None, None] => (
            Returned::MessageInText,
            text("----- Original message follows -----").unwrap(),
        ),
        [Some(_), Some(_)] => panic!("{}", bounce.escape_ascii()),
    };
    let (_, part) = split(&bounce[start..]);
    let end = match returned {
        // The report's own last line, which is empty.
        Returned::MessageInText => part.len() - 2,
        _ => rfind(part, b"\r\n--").unwrap(),
    };
    let (all, body) = split(&part[..end]);
    let ours = find(all, first_line(ORIGINAL)).unwrap();
    Report {
        returned: match returned {
            Returned::Headers if !body.is_empty() => Returned::MessageAsHeaders,
            other => other,
        },
        added: names(&all[..ours]),
        header: all[ours..].to_vec(),
        body: body.to_vec(),
    }
}

/// With the line end of its last line.
fn header(message: &[u8]) -> &[u8] {
    split(message).0
}

/// The header with the line end of its last line, and what is behind the empty line.
fn split(part: &[u8]) -> (&[u8], &[u8]) {
    match find(part, b"\r\n\r\n") {
        Some(at) => (&part[..at + 2], &part[at + 4..]),
        None => (part, b""),
    }
}

fn first_line(text: &[u8]) -> &[u8] {
    &text[..find(text, b"\r\n").unwrap()]
}

fn names(header: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(header)
        .lines()
        .filter(|line| !line.starts_with([' ', '\t']))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|w| w == wanted)
}

fn rfind(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).rposition(|w| w == wanted)
}

fn assert_same(came: &[u8], expected: &[u8]) {
    assert!(
        came == expected,
        "came back:\n{}\nexpected:\n{}",
        String::from_utf8_lossy(came),
        String::from_utf8_lossy(expected)
    );
}
