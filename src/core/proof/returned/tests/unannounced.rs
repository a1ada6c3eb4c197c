//! What returns headers without a known marker, and what only looks so.

use super::*;

const FIELDS: &str = "Received: from a by b; Thu, 19 Nov 2026 10:00:00 +0000\r\n\
    From: joe@example.org\r\nMessage-ID: <1@example.org>\r\nSubject: x\r\n";
const NOTIFICATION: &str = "From: MAILER-DAEMON@example.net\r\n";
const PERSON: &str = "From: someone@example.net\r\nSubject: Re: headers\r\n";

/// The Message-IDs that a text returns, below these headers.
fn returned(headers: &str, text: &[u8]) -> Vec<String> {
    let message = [headers.as_bytes(), b"\r\n", text].concat();
    let report = read_message(&message);
    report.returned.iter().map(message_id).collect()
}

#[test]
fn a_section_needs_no_marker() {
    let quoted = FIELDS.replace("\r\n", "\r\n> ");
    let indented = FIELDS.replace("\r\n", "\r\n    ");
    for text in [
        FIELDS.to_owned(),
        format!("\r\n{FIELDS}"),
        format!("No.\r\n\r\n{FIELDS}\r\nhello"),
        // A trace field begins nowhere else.
        format!("No.\r\n{FIELDS}"),
        format!("No.\r\n----\r\n{FIELDS}"),
        format!("==========\r\n\r\n\r\n{FIELDS}"),
        format!("------- message\r\n{FIELDS}"),
        format!("Headers:\r\n{FIELDS}"),
        format!(
            "The headers are as follows:\r\n\r\nFrom joe@example.org Thu Nov 19 2026\r\n{FIELDS}"
        ),
        format!("No.\r\n\r\nFrom joe@example.org Thu Nov 19 2026\r\n{FIELDS}"),
        format!("No.\r\n\r\nMIME-Version: 1.0\r\n{FIELDS}"),
        format!("No.\r\n\r\nDelivered-To: a@b\r\n{FIELDS}"),
        format!("No.\r\n\r\nX-Anything: a\r\n{FIELDS}"),
        format!("No.\r\n\r\n    {indented}"),
        format!("Headers:\r\n\r\n    {indented}"),
        format!("Headers:\r\n> {quoted}"),
        format!("Headers:> Received: from b\r\n> by c\r\n> {quoted}"),
        format!("> {quoted}"),
        format!(
            "No.\r\n\r\n{}",
            format!("\r\n{FIELDS}").replace("\r\n", "\r\n| ")
        ),
        "No.\r\n\r\n> From: joe@example.org\r\n> Message-ID: <1@example.org>\r\n".to_owned(),
        "Headers:> Received: from b\r\n> Message-ID: <1@example.org>\r\n> From: a\r\n".to_owned(),
        // Any line that says nothing parts paragraphs, and a notification needs none.
        "No.\r\n*****\r\nFrom: joe@example.org\r\nMessage-ID: <1@example.org>\r\n".to_owned(),
        "No.\r\n_____\r\nFrom: joe@example.org\r\nMessage-ID: <1@example.org>\r\n".to_owned(),
        "No.\r\nFrom: joe@example.org\r\nMessage-ID: <1@example.org>\r\n".to_owned(),
        // Folds that are indented otherwise than the fields.
        "No.\r\n\r\n  Received: a\r\n\tby b\r\n by c\r\n  Message-ID: <1@example.org>\r\n"
            .to_owned(),
        // Of what the first paragraph has too little, the second has enough.
        format!("Original message follows.\r\n\r\nIt is over 5K.\r\n\r\n{FIELDS}"),
        format!("To: a\r\nReason: b\r\n\r\n{FIELDS}"),
        // A message is known by its Message-ID or by the hosts it passed.
        "Message-ID: <1@example.org>\r\nSubject: x\r\n".to_owned(),
        "----\r\n\r\nMessage-ID:<1@example.org>\r\nFrom:joe@example.org\r\n".to_owned(),
    ] {
        assert_eq!(
            returned(NOTIFICATION, text.as_bytes()),
            ["<1@example.org>"],
            "{text}"
        );
    }
}

/// What comes behind a section is read on, whether that was a message's or not.
#[test]
fn a_section_is_not_the_last() {
    let other = FIELDS.replace("<1@", "<2@");
    let words = "No. ".repeat(50);
    let both: &[&str] = &["<2@example.org>", "<1@example.org>"];
    let one = &both[1..];
    for (text, found) in [
        (
            format!("Headers:\r\n{other}\r\nhello\r\n\r\nHeaders:\r\n{FIELDS}"),
            both,
        ),
        (
            format!("{words}\r\nHeaders:\r\nX-Any: a\r\n\r\nHeaders:\r\n{FIELDS}"),
            one,
        ),
        (
            format!("Original message follows\r\n\r\n\r\n\r\n\r\nX-Any: {words}\r\n\r\n{FIELDS}"),
            one,
        ),
        // What a person sends on ends with its fields, or with the first line that is none.
        (
            format!("{words}\r\nForwarded message:\r\n\r\n{other}\r\nNo.\r\n\r\n{FIELDS}"),
            one,
        ),
        (format!("Forwarded message:\r\n\r\nNo.\r\n{FIELDS}"), one),
        // Not even a part of it is read twice.
        (
            format!("{words}:\r\n\r\nMessage-ID: <1@example.org>\r\nSubject: x\r\n\r\nhello"),
            one,
        ),
        // Behind a rule a person, too, returns what is quoted.
        (
            format!(
                "No.\r\n---- headers\r\n> {}",
                FIELDS.replace("\r\n", "\r\n> ")
            ),
            one,
        ),
    ] {
        assert_eq!(returned(PERSON, text.as_bytes()), found, "{text}");
    }
}

/// What begins a part is its text, also where that has no headers of a part before it.
#[test]
fn a_text_that_is_headers_is_read_as_a_text() {
    let headers = format!("{PERSON}Content-Type: multipart/mixed; boundary=b\r\n");
    for (start, form) in [("", Form::Rfc822), ("\r\n", Form::Text(Marker::Bare))] {
        let message = format!("{headers}\r\n--b\r\n{start}{FIELDS}\r\nhello\r\n--b--\r\n");
        let report = read_message(message.as_bytes());
        let forms: Vec<_> = report.returned.iter().map(|one| one.form).collect();
        assert_eq!(forms, [form], "{message}");
    }
}

/// What stands behind a quote is no part of it, even if it looks like a field.
#[test]
fn a_quote_ends_with_its_last_line() {
    for quote in ["> ", "| ", "    "] {
        for after in [
            "X-After: a\r\n",
            "X-After: a\r\n by b\r\n",
            "  X-After: a\r\n",
            "words\r\n    X-Backstop-Watermark: a\r\n",
        ] {
            let text = format!(
                "No.\r\n\r\n{quote}From: joe@example.org\r\n{quote}Message-ID: <1@example.org>\r\n{after}"
            );
            let message = [NOTIFICATION.as_bytes(), b"\r\n", text.as_bytes()].concat();
            let report = read_message(&message);
            let found = report.returned.first().unwrap();
            assert_eq!(message_id(found), "<1@example.org>", "{text}");
            for after in ["X-After", "X-Backstop-Watermark"] {
                assert!(!found.headers.has(after), "{text}");
            }
        }
    }
}

#[test]
fn what_only_has_colons_is_none() {
    let quoted = FIELDS.replace("\r\n", "\r\n> ");
    for text in [
        "From: joe@example.org\r\nDate: x\r\nSubject: y\r\nTo: z\r\n".to_owned(),
        "-----Original Message-----\r\nFrom: joe@example.org\r\nSent: x\r\nTo: y\r\nSubject: z\r\n"
            .to_owned(),
        "Message-ID: <1@example.org>\r\n".to_owned(),
        "Received: yes\r\n".to_owned(),
        "It reads Message-ID: <1@example.org> and Subject: x\r\n".to_owned(),
        format!("------- Forwarded Message\r\n\r\n{FIELDS}\r\nhello"),
        format!("---------- Forwarded message ---------\r\n{FIELDS}\r\nhello"),
        format!("Begin forwarded message:\r\n\r\n{FIELDS}\r\nhello"),
        // What is indented below a line is a list of its own.
        "No.\r\n  From: joe@example.org\r\n  Message-ID: <1@example.org>\r\n".to_owned(),
    ] {
        assert!(returned(NOTIFICATION, text.as_bytes()).is_empty(), "{text}");
    }
    // People quote headers in discussions, and write of them.
    for text in [
        "*****\r\n> From: a\r\n> Message-ID: <1@example.org>\r\n".to_owned(),
        "It reads\r\nFrom: a\r\nMessage-ID: <1@example.org>\r\n".to_owned(),
        format!("Joe wrote:\r\n> {quoted}"),
        format!("> {quoted}"),
        format!("Joe wrote:\r\n>> {}", quoted.replace("\r\n", "\r\n>")),
    ] {
        assert!(returned(PERSON, text.as_bytes()).is_empty(), "{text}");
    }
}

#[test]
fn a_heading_ends_in_a_colon_of_any_charset() {
    for colon in [
        b":".as_slice(),
        b" : ",
        "：".as_bytes(),
        "﹕".as_bytes(),
        "︰".as_bytes(),
        b"\x1b$B$H$*$j!'\x1b(B",
        b"\x1b$B$H$*$j!'\x1b(J",
        b"\x82\xc6\x81\x46",
        b"\xa4\xc8\xa1\xa7",
        b"\xc8\xe7\xcf\xc2\xa3\xba",
        b"~{HgOB#:~}",
        b"\xa6\x70\xa4\x55\xa1\x47",
    ] {
        // Indented, so that nothing but the heading announces it.
        let fields = FIELDS.replace("\r\n", "\r\n  ");
        let text = [b"x", colon, b"\r\n  ", fields.as_bytes()].concat();
        assert_eq!(
            returned(PERSON, &text),
            ["<1@example.org>"],
            "{}",
            colon.escape_ascii()
        );
    }
}

#[test]
fn parts_are_messages_by_many_names() {
    let fields = FIELDS.to_owned();
    let base64 = data_encoding::BASE64_MIME.encode(fields.as_bytes());
    let quoted = fields.replace(';', "=3B");
    for (head, part, found) in [
        ("Content-Type: message/rfc822", fields.as_str(), true),
        ("Content-Type: text/rfc822", &fields, true),
        ("Content-Type: message/x-rfc822", &fields, true),
        ("Content-Type: application/rfc822-headers", &fields, true),
        ("Content-Type: text/x-rfc822-headers", &fields, true),
        ("Content-Type: message/global", &fields, true),
        (
            "Content-Type: message/partial; number=1; id=x",
            &fields,
            true,
        ),
        (
            "Content-Type: message/partial; number=2; id=x",
            "hello\r\n",
            false,
        ),
        ("Content-Type: application/octet-stream", &fields, true),
        (
            "Content-Type: application/octet-stream",
            "Subject: x\r\nFrom: y\r\n",
            false,
        ),
        ("Content-Type: text/plain; name=headers.txt", &fields, true),
        (
            "Content-Type: (a) message (b) / (c) rfc822 (d)",
            &fields,
            true,
        ),
        (
            "Content-Type: message/rfc822 (a (b) \\) c); x=y",
            &fields,
            true,
        ),
        (
            "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64 (as is)",
            &base64,
            true,
        ),
        (
            "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: (as is)\r\n base64",
            &base64,
            true,
        ),
        (
            "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: BASE64;",
            &base64,
            true,
        ),
        (
            "Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: \"base64\"",
            &base64,
            true,
        ),
        (
            "Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable (x)",
            &quoted,
            true,
        ),
    ] {
        let text =
            format!("--b (x)\r\n\r\nNo.\r\n--b (x)\r\n{head}\r\n\r\n{part}\r\n--b (x)--\r\n");
        let headers = format!(
            "{PERSON}Content-Type: (a) multipart/(b)mixed; (c) boundary = \"b (x)\" (d)\r\n"
        );
        let ids = returned(&headers, text.as_bytes());
        assert_eq!(ids.len(), usize::from(found), "{head}");
        assert!(ids.iter().all(|id| id == "<1@example.org>"), "{head}");
    }
}

/// What stands in a part that says it is a message or its headers, however it stands there.
#[test]
fn a_part_that_says_it_is_a_message_is_read_on() {
    let folded = "Received: from a by b;\r\n\tThu, 19 Nov 2026 10:00:00 +0000\r\n\
        Message-ID: <1@example.org>\r\nSubject: x\r\n y\r\n";
    let with = |prefix: &str| {
        let lines = folded.split_inclusive('\n');
        lines
            .map(|line| format!("{prefix}{line}"))
            .collect::<String>()
    };
    for part in [
        folded.to_owned(),
        with(" "),
        with("    "),
        with("\t"),
        with("> "),
        with("| "),
        // The folds as they were.
        with(" ").replace("\r\n \t", "\r\n\t"),
        with("    ").replace("\r\n     y", "\r\n y"),
        format!("\r\n\r\n{}", with(" ")),
        format!("The headers:\r\n\r\n{folded}"),
        format!("The headers are below\r\n{}", with("> ")),
    ] {
        for kind in [
            "message/rfc822",
            "text/rfc822",
            "text/rfc822-headers",
            "message/global-headers",
        ] {
            let head = format!("--b\r\n\r\nNo.\r\n--b\r\nContent-Type: {kind}\r\n");
            let headers = format!("{PERSON}Content-Type: multipart/report; boundary=b\r\n");
            let text = format!("{head}\r\n{part}\r\n--b--\r\n");
            let ids = returned(&headers, text.as_bytes());
            assert_eq!(ids, ["<1@example.org>"], "{kind} {part}");
            let encoded = data_encoding::BASE64_MIME.encode(part.as_bytes());
            let encoding = "Content-Transfer-Encoding: base64";
            let text = format!("{head}{encoding}\r\n\r\n{encoded}\r\n--b--\r\n");
            let ids = returned(&headers, text.as_bytes());
            assert_eq!(ids, ["<1@example.org>"], "{kind} {part} in base64");
        }
    }
    // CommuniGate Pro 4 leaves out the empty line between the part's own headers and the message.
    let headers = format!("{NOTIFICATION}Content-Type: multipart/report; boundary=b\r\n");
    for kind in ["message/rfc822", "text/rfc822-headers"] {
        let text = format!("--b\r\nContent-Type: {kind}\r\n{folded}\r\nhello\r\n--b--\r\n");
        let ids = returned(&headers, text.as_bytes());
        assert_eq!(ids, ["<1@example.org>"], "{kind}");
    }
}

/// A message that went in a loop, returned with its folds at the margin: Lotus Domino does so.
#[test]
fn fifty_hops_may_have_lost_their_folds() {
    let hop = "Received: from a (b [192.0.2.1])\r\nby c (Postfix) with SMTP\r\nid 3B2AD23B4D\r\nfor <d@e>;\r\n\
        Thu, 19 Nov 2026 10:00:00 +0000\r\n";
    let hops = hop.repeat(50);
    let message = format!(
        "{NOTIFICATION}\r\n------- Returned Message --------\r\n{hops}Message-ID: <1@example.org>\r\nSubject: x\r\n"
    );
    let report = read_message(message.as_bytes());
    assert_eq!(report.returned.len(), 1);
    assert_eq!(message_id(&report.returned[0]), "<1@example.org>");
    let hops = report.returned[0].headers.all("Received").count();
    assert_eq!(hops, 50);
}

/// The body of the notification itself, where that is a fragment.
#[test]
fn a_fragment_is_read_as_the_message_it_begins() {
    let headers =
        format!("{NOTIFICATION}Content-Type: message/partial; number=1; total=2; id=x\r\n");
    let text = format!(
        "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{FIELDS}\r\nx"
    );
    let message = [headers.as_bytes(), b"\r\n", text.as_bytes()].concat();
    let report = read_message(&message);
    assert_eq!(
        report.returned.iter().map(message_id).collect::<Vec<_>>(),
        ["<1@example.org>"]
    );
    assert!(report.returned[0].body.is_none());
    // A fragment in it is one of a message that is returned.
    let inner =
        format!("Content-Type: message/partial; number=1; total=2; id=y\r\n\r\n{FIELDS}\r\nx");
    let message = [headers.as_bytes(), b"\r\n", inner.as_bytes()].concat();
    let report = read_message(&message);
    assert_eq!(
        report.returned.iter().map(message_id).collect::<Vec<_>>(),
        ["<1@example.org>"]
    );
}

#[test]
fn folds_that_were_lost_are_made_again_only_for_what_proves() {
    for (text, raw) in [
        (
            "Received: from a (via\r\nHTTP); x\r\nX-Y: z\r\nMessage-ID: <1@example.org>\r\n\r\nhello",
            "Received: from a (via\r\n HTTP); x\r\nX-Y: z\r\nMessage-ID: <1@example.org>\r\n",
        ),
        (
            "Message-ID: <1@example.org>\r\nX-Y: a\r\nb\r\nX-Backstop-Watermark: c\r\n",
            "Message-ID: <1@example.org>\r\nX-Y: a\r\n b\r\nX-Backstop-Watermark: c\r\n",
        ),
        // Nothing is gained.
        (
            "Message-ID: <1@example.org>\r\nX-Y: a\r\nb\r\nX-Z: c\r\n",
            "Message-ID: <1@example.org>\r\nX-Y: a\r\n",
        ),
        // Something else begins.
        (
            "Received: a\r\nFrom: b\r\n---- c\r\nMessage-ID: <1@example.org>\r\n",
            "Received: a\r\nFrom: b\r\n",
        ),
    ] {
        let message = format!("{NOTIFICATION}\r\n----- Original message follows -----\r\n{text}");
        let report = read_message(message.as_bytes());
        assert_eq!(strings([&report.returned[0].raw]), [raw], "{text}");
    }
}

#[test]
fn carriage_returns_end_lines_where_nothing_else_does() {
    let text = format!("----- Original message follows -----\r\n{FIELDS}\r\nhello\r\n")
        .replace("\r\n", "\r");
    assert_eq!(returned(NOTIFICATION, text.as_bytes()), ["<1@example.org>"]);
}
