//! What nobody's MTA writes.

use proptest::{collection::vec, prelude::*};

use super::{block::work, *};

/// An eighth of what the daemon reads of a body by default: enough to see work that grows with the square.
const BOUND: usize = 8 * 1024;
/// How often each octet of it can be read as a field: once a level of nesting, in each returned message.
const MAX_READINGS: usize = 24;

fn filled(piece: &str) -> Vec<u8> {
    piece.bytes().cycle().take(BOUND).collect()
}

fn read_body(content_type: &str, body: &[u8]) -> NotificationReport {
    let mut headers = Headers::new();
    // In a notification headers can begin at any line.
    headers.push(b"From", b"MAILER-DAEMON@example.net");
    headers.push(b"Content-Type", content_type.as_bytes());
    read(&headers, body, true)
}

const PIECES: &[&str] = &[
    "--b\r\n",
    "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n",
    "--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: a\r\n\r\n",
    "Content-Type: message/rfc822\r\n\r\n",
    "--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nRnJvbTogYQ0KDQo=\r\n",
    "--b\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; a@b\r\n",
    "Final-Recipient: rfc822; a@b\r\n\r\n",
    "   ----- Original message follows -----\r\n",
    "   ----- Original message follows -----\r\n\r\nFrom: a\r\n",
    "--- Below this line is a copy of the message.\r\n\r\nX: a\r\n ",
    "Your message follows:\r\n   \r\n",
    "a:\r\nReceived: b\r\n",
    "\r\n",
    "> ",
    "<",
    "&lt",
    "=\r\n",
    "\r",
    "a@b\r\n#\r\n",
    "Hi. This is the\r\n<a@b>:\r\n",
    "Received: b\r\nno field\r\n",
    "> Received: b\r\nno field\r\n",
    "Received: b\r\n\r\n",
    "Received: b\r\n",
    "a: b\r\n",
    "a:\r\n",
    "a:\r\n  b: c\r\n",
    "----\r\na: b\r\n",
    "----\r\n",
    "From a\r\nb: c\r\n",
    "Forwarded message:\r\n\r\nReceived: b\r\n",
    "--b\r\nReceived: c\r\nFrom: d\r\n",
    " a: b\r\n\tc\r\n",
    "  a: b\r\n c\r\n",
    "a: b\r\n> c: d\r\n",
    "*****\r\na: b\r\nc\r\n",
    "--b\r\nContent-Type: message/rfc822\r\n\r\n a: b\r\n",
    "(",
    ":",
];

/// Whatever a stranger repeats, what is kept stays small, and so does the work: that is counted in octets that were read as
/// fields, because time is no measure on a busy machine.
#[test]
fn repetition_is_bounded() {
    let multipart = "multipart/report; boundary=b";
    for piece in PIECES {
        let body = filled(piece);
        for content_type in [multipart, "text/plain", "text/html", "message/rfc822"] {
            let mut whole = body.clone();
            for front in [
                "",
                "--b\r\n",
                "--b\r\n\r\n--- Below this line is a copy of the message.\r\n",
            ] {
                whole.splice(0..0, front.bytes());
                work::take();
                let report = read_body(content_type, &whole);
                let most = whole.len() * MAX_READINGS;
                let read = work::take();
                assert!(read <= most, "{piece:?} {content_type}: {read}");
                assert!(report.recipients.len() <= MAX_RECIPIENTS);
                assert!(report.returned.len() <= MAX_RETURNED);
                assert!(report.answers.len() <= MAX_ANSWERS);
            }
        }
    }
}

#[test]
fn many_are_not_kept() {
    let recipients: String = (0..1000)
        .map(|number| format!("Final-Recipient: rfc822; a{number}@b\r\n\r\n"))
        .collect();
    let messages = "--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: a\r\n\r\n".repeat(10);
    let body = format!(
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n{recipients}{messages}--b--\r\n"
    );
    let mut headers = Headers::new();
    headers.push(b"Content-Type", b"multipart/report; boundary=b");
    let ids: String = (0..1000)
        .map(|number| format!("<{number}@b>\r\n "))
        .collect();
    headers.push(b"References", ids.as_bytes());
    let report = read(&headers, body.as_bytes(), false);
    assert_eq!(report.recipients.len(), MAX_RECIPIENTS);
    assert_eq!(report.returned.len(), MAX_RETURNED);
    assert_eq!(report.answers.len(), MAX_ANSWERS);
    // The nearest of the thread.
    assert_eq!(report.answers[0], b"<999@b>");
}

#[test]
fn nesting_ends() {
    let mut body =
        b"Content-Type: message/rfc822\r\n\r\nMessage-ID: <1@example.org>\r\n\r\n".to_vec();
    let mut reached = Vec::new();
    for depth in 1..12 {
        body = [
            format!("Content-Type: multipart/mixed; boundary=b{depth}\r\n\r\n--b{depth}\r\n")
                .as_bytes(),
            &body,
            format!("\r\n--b{depth}--\r\n").as_bytes(),
        ]
        .concat();
        reached.push(read_message(&body).returned.len());
    }
    assert_eq!(reached, [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0]);
}

/// Pieces from which a notification is made.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "\r\n",
        "\n",
        "\r",
        "\r\n\r\n",
        " ",
        "\t",
        "> ",
        "--b",
        "--b\r\n",
        "--b--\r\n",
        "--b1\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n",
        "Content-Type: multipart/digest; boundary=b1\r\n",
        "Content-Type: message/rfc822\r\n",
        "Content-Type: text/rfc822-headers\r\n",
        "Content-Type: text/html\r\n",
        "Content-Type: message/delivery-status\r\n",
        "Content-Type: message/disposition-notification\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "Content-Transfer-Encoding: quoted-printable\r\n",
        "RnJvbTogYQ0KDQo=",
        "=3D",
        "=",
        "From: a@b\r\n",
        "From a b\r\n",
        "Message-ID: <1@b>\r\n",
        "Subject: x\r\n",
        "Final-Recipient: rfc822; a@b\r\n",
        "Original-Recipient: utf-8; \\x{e9}@b\r\n",
        "Original-Message-ID: <2@b>",
        "Hi. This is the qmail-send program\r\n",
        "<a@b>:\r\n",
        "  a@b\r\n",
        "a@b\r\n#550\r\n",
        "550 a@b... no\r\n",
        "--- Below this line is a copy of the message.\r\n",
        "   ----- Original message follows -----\r\n",
        "------ This is a copy of the message, including all the headers. ------\r\n",
        "------ The body\r\n",
        "Original message headers:\r\n",
        "x:\r\nReceived: y\r\n",
        "<pre>",
        "</p>",
        "<br>",
        "&lt;",
        "&#65;",
        "&#10;",
        "&#13;",
        "&",
        "<",
    ]);
    let piece = prop_oneof![
        8 => known.prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..12),
    ];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// What is given is one section of headers, and reads as it was read.
fn is_one_section(message: &[u8], cut: bool) {
    let (headers, body) = Headers::parse(message);
    let report = read(&headers, &message[body..], cut);
    for returned in &report.returned {
        let (headers, end) = Headers::parse(&returned.raw);
        assert_eq!(headers, returned.headers);
        assert_eq!(end, returned.raw.len());
        assert!(!headers.is_empty());
    }
}

#[test]
fn broken_line_ends_are_none() {
    for message in [
        &b"Content-Type: message/rfc822\r\n\r\nFrom: a@b\r\n\r\r"[..],
        b"Content-Type: message/rfc822\r\n\r\nFrom: a@b\r\nOriginal-Message-ID: <2@b>\r\r",
        b"Content-Type: text/html\r\n\r\n   ----- Original message follows -----<br>From: a@b&#10;Subject: x&#13;",
    ] {
        is_one_section(message, false);
        is_one_section(message, true);
    }
}

proptest! {
    #[test]
    fn no_input_panics(message in soup(), cut in any::<bool>()) {
        is_one_section(&message, cut);
    }

    #[test]
    fn no_octets_panic(body in vec(any::<u8>(), 0..2000), cut in any::<bool>()) {
        for content_type in ["multipart/report; boundary=\"-\"", "text/plain", "text/html", "message/rfc822"] {
            let mut headers = Headers::new();
            headers.push(b"Content-Type", content_type.as_bytes());
            read(&headers, &body, cut);
        }
    }
}
