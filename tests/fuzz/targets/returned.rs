//! What a notification returns.

use backstop::core::{
    address::Mailbox,
    header::Headers,
    proof::returned::{Form, NotificationReport, read},
};

use super::input::Input;

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let (form, cut) = (input.below(4), input.one_in(2));
    let text = input.rest();
    match form {
        0 => {
            let (headers, body) = Headers::parse(text);
            is_bounded(&read(&headers, &text[body..], cut), text);
        }
        1 => report(text, cut, "message/rfc822", false),
        2 => report(text, cut, "text/rfc822-headers", true),
        _ => plain(text, cut),
    }
}

/// A report (RFC 3464) that returns the text.
fn report(text: &[u8], cut: bool, kind: &str, headers_only: bool) {
    const BOUNDARY: &[u8] = b"=_fuzz_0123456789";
    let headers =
        headers("multipart/report; report-type=delivery-status; boundary=\"=_fuzz_0123456789\"");
    let own = "Message-ID: <1@own.example>\r\nFrom: kim@own.example\r\n";
    let whole = !headers_only && !cut;
    let body = [
        b"--=_fuzz_0123456789\r\n\r\nNot delivered.\r\n--=_fuzz_0123456789\r\n\
          Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; far.example\r\n\r\n\
          Final-Recipient: rfc822; joe@far.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
          --=_fuzz_0123456789\r\nContent-Type: "
            .as_slice(),
        kind.as_bytes(),
        b"\r\n\r\n",
        own.as_bytes(),
        b"\r\n",
        text,
        b"\r\n--=_fuzz_0123456789--\r\n",
    ]
    .concat();
    let found = read(&headers, &body, cut);
    is_bounded(&found, &body);
    let joe = Mailbox::from_bytes(b"joe@far.example");
    assert!(found.status && found.delivery && found.recipients.contains(&joe));
    let first = found.returned.first().unwrap();
    assert_eq!(first.raw, own.as_bytes());
    let expected = if headers_only {
        Form::Headers
    } else {
        Form::Rfc822
    };
    assert_eq!(first.form, expected);
    // What is within the text can only come after.
    if text.windows(BOUNDARY.len()).any(|place| place == BOUNDARY) {
        return;
    }
    if whole {
        let found = first
            .body
            .as_deref()
            .map(|body| body.escape_ascii().to_string());
        assert_eq!(found, Some(crlf(text).escape_ascii().to_string()));
    }
}

/// As qmail does it.
fn plain(text: &[u8], cut: bool) {
    let body = [
        b"Hi. This is the qmail-send program.\r\n\r\n<joe@far.example>:\r\nNo.\r\n\r\n".as_slice(),
        text,
    ]
    .concat();
    let headers = headers("text/plain");
    is_bounded(&read(&headers, &body, cut), &body);
}

fn headers(content_type: &str) -> Headers {
    let mut headers = Headers::new();
    headers.push(b"From", b"MAILER-DAEMON@far.example");
    headers.push(b"MIME-Version", b"1.0");
    headers.push(b"Content-Type", content_type.as_bytes());
    headers
}

fn crlf(text: &[u8]) -> Vec<u8> {
    let mut before = 0;
    let mut lines = Vec::new();
    for &byte in text {
        if byte == b'\n' && before != b'\r' {
            lines.push(b'\r');
        }
        lines.push(byte);
        before = byte;
    }
    lines
}

fn is_bounded(report: &NotificationReport, text: &[u8]) {
    assert!(report.recipients.len() <= 100 && report.named.len() <= 100);
    assert!(report.returned.len() <= 4 && report.answers.len() <= 20);
    for id in &report.answers {
        assert!(
            id.starts_with(b"<") && id.ends_with(b">"),
            "{}",
            id.escape_ascii()
        );
    }
    for message in &report.returned {
        assert!(message.raw.is_empty() || message.raw.ends_with(b"\r\n"));
        // Line ends can double, no more.
        assert!(message.raw.len() <= 2 * text.len() + 2);
        assert!(
            message
                .body
                .as_ref()
                .is_none_or(|body| body.len() <= 2 * text.len() + 2)
        );
        let (again, end) = Headers::parse(&message.raw);
        assert_eq!(end, message.raw.len(), "{}", message.raw.escape_ascii());
        assert_eq!(again, message.headers);
    }
}
