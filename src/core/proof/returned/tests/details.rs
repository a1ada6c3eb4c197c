//! Small things, each in a table.

use super::*;

fn status(fields: &str) -> Vec<String> {
    let mut report = NotificationReport::default();
    fields::read(&mut report, fields.as_bytes());
    strings(report.recipients.iter().map(Mailbox::to_bytes))
}

#[test]
fn recipients_are_mail_addresses() {
    for (fields, expected) in [
        ("Final-Recipient: rfc822; a@b.example", vec!["a@b.example"]),
        (
            "final-recipient: RFC822 ;\r\n <A@B.example>",
            vec!["A@b.example"],
        ),
        ("Final-Recipient: a@b", vec!["a@b"]),
        ("Final-Recipient: rfc822; @relay.example:a@b", vec!["a@b"]),
        ("Final-Recipient: x400; a@b", vec![]),
        ("Final-Recipient: rfc822; a", vec![]),
        ("x\nFinal-Recipient: a@b\n", vec!["a@b"]),
        ("Final-Recipient: rfc822; a b@c", vec![]),
        ("Final-Recipient: rfc822; @b", vec![]),
        ("Final-Recipient: utf-8; \\x{e9}\\x{1F4E7}@b", vec!["é📧@b"]),
        (
            "Final-Recipient: utf-8; \\x{110000}\\x{@b",
            vec!["\\x{110000}\\x{@b"],
        ),
        ("Final-Recipient: rfc822; \\x{e9}@b", vec!["\\x{e9}@b"]),
        (
            "no field\r\n\r\n\r\nFinal-Recipient: a@b\r\n\r\nOriginal-Recipient: rfc822;c@d\r\n",
            vec!["a@b", "c@d"],
        ),
        (
            "Final-Recipient: a@b\r\nOriginal-Recipient: a@B\r\n",
            vec!["a@b"],
        ),
        ("Final-Recipient: rfc822 (mail); <a@b> (gone)", vec!["a@b"]),
        // Decoded or not: both are possible.
        (
            "Original-Recipient: rfc822;a+2Bnews+3Dx@b",
            vec!["a+2Bnews+3Dx@b", "a+news=x@b"],
        ),
        ("Original-Recipient: rfc822;a+news@b", vec!["a+news@b"]),
        ("Original-Recipient: rfc822;a+2b@b", vec!["a+2b@b"]),
        ("Original-Recipient: rfc822;a+2", vec![]),
        ("Original-Recipient: rfc822;a+40b", vec!["a@b"]),
    ] {
        assert_eq!(status(fields), expected, "{fields:?}");
    }
    let long = format!("Final-Recipient: {}@b", "a".repeat(319));
    assert!(status(&long).is_empty());
}

#[test]
fn message_ids_have_their_brackets() {
    for (line, expected) in [
        ("<a@b>", vec!["<a@b>"]),
        ("<a@b> (joe) <c@d><e@f>", vec!["<a@b>", "<c@d>", "<e@f>"]),
        (
            "Your mail of <date> <a b> <<c@d> <>",
            vec!["<date>", "<c@d>"],
        ),
        ("a@b", vec![]),
        ("<a@b", vec![]),
    ] {
        assert_eq!(
            strings(fields::message_ids(line.as_bytes())),
            expected,
            "{line}"
        );
    }
}

#[test]
fn delimiters_are_whole_lines() {
    let parts = |octets: &'static [u8], open| mime::parts(mime::Part { octets, open }, b"b");
    let part = |octets, open| mime::Part { octets, open };
    let body =
        b"preamble --b\r\n--b \t\r\none --b\r\n--b1\r\n\r\n--b\r\n\r\n--b--\r\n--b\r\nepilogue";
    let expected = [part(b"one --b\r\n--b1\r\n", false), part(b"", false)];
    assert_eq!(parts(body, false), expected);
    assert_eq!(parts(b"--b\r\none", false), [part(b"one", true)]);
    assert_eq!(parts(b"--b\r\none\r\n--b--", false), [part(b"one", false)]);
    // It could become `--b--x`.
    assert_eq!(
        parts(b"--b\r\none\r\n--b--", true),
        [part(b"one\r\n--b--", true)]
    );
    assert!(parts(b"one", false).is_empty());
}

#[test]
fn what_is_not_encoded_as_it_says_is_read_as_it_stands() {
    for (encoding, part, expected) in [
        ("base64", "Message-ID: <1@b>\r\n\r\nbody", "<1@b>"),
        ("base64", "TWVzc2FnZS1JRDog\r\n!PDFAYj4NCg0K", "<1@b>"),
        ("base64", "TWVzc2FnZS1JRDogPDFAYj4NCg0KYQ", "<1@b>"),
        (
            "quoted-printable",
            "Message-ID: <1=3D@b>\r\nX: =zz\r\n\r\n",
            "<1=@b>",
        ),
        (
            "quoted-printable",
            "Message-ID: <1=\r\n@b>  \r\n\r\n",
            "<1@b>",
        ),
        ("x-unknown", "Message-ID: <1=3D@b>\r\n\r\n", "<1=3D@b>"),
    ] {
        let message = format!(
            "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{part}"
        );
        let report = read_message(message.as_bytes());
        assert_eq!(message_id(&report.returned[0]), expected, "{part:?}");
    }
}

#[test]
fn a_block_is_mail_by_one_of_its_fields() {
    for (block, found) in [
        ("Subject: x\r\n", true),
        ("dkim-signature: x\r\n", true),
        ("To: x\r\nX-Spam: no\r\n", false),
        ("No header here.\r\nSubject: x\r\n", false),
        ("", false),
    ] {
        let message = format!("Content-Type: text/rfc822-headers\r\n\r\n{block}");
        assert_eq!(
            !read_message(message.as_bytes()).returned.is_empty(),
            found,
            "{block}"
        );
    }
}

#[test]
fn a_section_is_what_was_seen_of_it() {
    for (block, open, raw) in [
        (
            "Subject: x\r\nTo: y\r\n\r\nbody",
            true,
            "Subject: x\r\nTo: y\r\n",
        ),
        (
            "\r\n\r\nFrom a b\r\n>From a b\r\nSubject: x",
            false,
            "Subject: x\r\n",
        ),
        ("Subject: x\r\n\r", false, "Subject: x\r\n"),
        (
            "Subject: x\r\n y\r\nTo: z\r\n",
            true,
            "Subject: x\r\n y\r\n",
        ),
        ("Subject: x\r\nTo: y\r\nno fie", true, "Subject: x\r\n"),
        (
            "Subject: x\r\nTo: y\r\nno field\r\n",
            true,
            "Subject: x\r\nTo: y\r\n",
        ),
        ("Subject: x", true, ""),
    ] {
        let found = block::Block::read(block.as_bytes(), open);
        assert_eq!(strings([&found.raw]), [raw], "{block:?}");
        assert_eq!(found.headers, Headers::parse(raw.as_bytes()).0, "{block:?}");
    }
}

/// And how much of a text was looked at for it: lines at the margin can be what folds have left.
#[test]
fn a_section_of_a_text_is_what_was_seen_of_it() {
    for (text, open, raw, looked_at) in [
        (
            "Message-ID: <1@b>\r\nSubject: x\r\n\r\nbody",
            true,
            "Message-ID: <1@b>\r\nSubject: x\r\n",
            33,
        ),
        (
            "Message-ID: <1@b>\r\nSubject: x\r\nTo: y\r\n",
            true,
            "Message-ID: <1@b>\r\nSubject: x\r\n",
            38,
        ),
        (
            "Received: from a (via\r\nHTTP); x\r\nMessage-ID: <1@b>\r\n\r\nhello",
            false,
            "Received: from a (via\r\n HTTP); x\r\nMessage-ID: <1@b>\r\n",
            54,
        ),
        ("No.\r\nMessage-ID: <1@b>\r\n", false, "", 0),
    ] {
        let (found, length) = block::Block::read_from_text(text.as_bytes(), open);
        assert_eq!(strings([&found.raw]), [raw], "{text:?}");
        assert_eq!((found.body_at, length), (looked_at, looked_at), "{text:?}");
    }
}

/// A rule says nothing, and a note that the body was cut.
#[test]
fn a_note_before_a_copy_says_that_it_is_not_whole() {
    for (between, body) in [
        ("", Some("hello")),
        ("\r\n--------\r\n\r\n", Some("hello")),
        ("\r\n------ The body is long; only the first\r\n", None),
    ] {
        let message = format!(
            "Subject: x\r\n\r\n--- Below this line is a copy of the message.\r\n{between}\
             Message-ID: <1@b>\r\nSubject: y\r\n\r\nhello"
        );
        let report = read_message(message.as_bytes());
        let found = report.returned.first().and_then(|one| one.body.as_deref());
        assert_eq!(found, body.map(str::as_bytes), "{between:?}");
    }
}

/// What a returned notification reports is not what the one that returns it does.
#[test]
fn a_report_is_one_by_a_part_of_its_own() {
    let report = |kind: &str, fields: &str| {
        format!(
            "Message-ID: <1@b>\r\nContent-Type: multipart/report; boundary=b\r\n\r\n\
             --b\r\nContent-Type: message/{kind}\r\n\r\n{fields}\r\n\r\n--b--\r\n"
        )
    };
    let failed = report("delivery-status", "Action: failed");
    for (message, expected) in [
        (failed.clone(), (true, true)),
        (report("delivery-status", "Status: 5.1.1"), (true, false)),
        (
            report("disposition-notification", "Disposition: x"),
            (true, false),
        ),
        (
            format!("Content-Type: message/rfc822\r\n\r\n{failed}"),
            (false, false),
        ),
        ("Subject: x\r\n\r\nNo.\r\n".to_owned(), (false, false)),
    ] {
        let report = read_message(message.as_bytes());
        assert_eq!((report.status, report.delivery), expected, "{message}");
    }
}

/// A signature is over one message's fields: neither what stands around a block nor another block belongs to it.
#[test]
fn blocks_stay_apart() {
    let message = b"\r\n----- Original message follows -----\r\nFrom: a@b\r\nSubject: 1\r\n\r\nSubject: no\r\n\r\n\
        ----- Unsent message follows -----\r\n\r\n\r\nFrom: c@d\r\nnot a field\r\nSubject: no\r\n";
    let report = read_message(message);
    let raw = strings(report.returned.iter().map(|one| &one.raw));
    assert_eq!(raw, ["From: a@b\r\nSubject: 1\r\n", "From: c@d\r\n"]);
    assert!(report.returned.iter().all(|one| one.body.is_none()));
}

#[test]
fn html_is_read_as_far_as_headers_go() {
    for (html, text) in [
        (
            "<p>a:</p>\r\n<pre>\r\nb: &lt;c&gt;\r\n\td</pre>",
            "a:\r\nb: <c>\r\n\td\r\n",
        ),
        ("a<br>\r\nb<BR/>&nbsp;c", "a\r\nb\r\n c"),
        ("a\r\n   b <b>c</b>", "a b c"),
        (
            "&amp;&quot;&#39;&#x40;&#233;&unknown;&",
            "&\"'@&#233;&unknown;&",
        ),
        ("a<b", "a"),
    ] {
        assert_eq!(strings([markup::text(html.as_bytes())]), [text], "{html}");
    }
}

#[test]
fn markers_are_known_by_their_words() {
    for (line, marker) in [
        (
            "--- Below this line is a copy of the message.",
            Some(Marker::Qmail),
        ),
        (
            "------ This is a copy of the message's headers. ------",
            Some(Marker::Exim),
        ),
        (
            "   ----- ORIGINAL MESSAGE FOLLOWS -----",
            Some(Marker::Sendmail),
        ),
        (
            "  --- The unsent message follows ---",
            Some(Marker::Sendmail),
        ),
        (
            "|--------- Message text follows: ----------|",
            Some(Marker::Smail),
        ),
        ("Original Message Headers:", Some(Marker::Exchange)),
        ("    Your message follows:", Some(Marker::Mmdf)),
        ("-----Original Message-----", None),
        (
            "Below this line is a copy of the message that you sent",
            None,
        ),
        ("", None),
    ] {
        let words = markers::Line::of(line.as_bytes());
        let found = markers::marker(words).map(|(marker, _)| marker);
        assert_eq!(found, marker, "{line}");
    }
}
