//! What becomes of a message after its headers.

use lab::smtp::Reply;

use crate::{
    bounce::{record, signature},
    site::{Letter, Mta, Site, codes, through_both},
};

through_both! {
    notifications_are_recognised
    a_null_sender_needs_a_notification
    a_forged_from_is_refused
    header_rules_answer
    nobody_loses_mail_that_only_others_would_be_refused
}

const RULES: &[(&str, &str)] = &[
    (
        "never_send: [noreply@example.org]",
        "never_send: [noreply@example.org], not_a_notification: reject",
    ),
    (
        "log: {level: debug}",
        "log: {level: debug}\n\
         forgery: {header_from: reject, mailing_lists: [friend.example]}\n\
         headers:\n\
         - {header: Subject, match: '^gr\u{fc}ner casino$', action: reject, text: 'We are 100% sure: no games'}\n\
         - {header: Subject, match: later, action: tempfail}\n\
         - {header: Subject, match: vanish, action: discard}\n\
         - {header: X-Mailer, match: bulk, when: mail, domains: [example.net], action: reject}\n",
    ),
];

/// The host `bystander` with the null sender.
fn notify<M: Mta>(site: &Site<M>, letter: &Letter) -> Reply {
    let mut client = site.session(7, "mx.bystander.example");
    client
        .message("", "joe@example.org", &letter.bytes)
        .unwrap()
}

fn notifications_are_recognised<M: Mta>() {
    let site = Site::<M>::start_with(RULES);
    for (headers, kind) in [
        (
            "From: MAILER-DAEMON@mx.bystander.example (Mail Delivery System)\r\n\
             Subject: Undelivered Mail Returned to Sender\r\n\
             Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"b\"\r\n",
            "dsn",
        ),
        (
            "From: ann@bystander.example\r\nSubject: Read: Lunch\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report;\r\n report-type=disposition-notification; boundary=b\r\n",
            "mdn",
        ),
        (
            "From: ann@bystander.example\r\nSubject: away\r\nAuto-Submitted: auto-replied (vacation)\r\n",
            "auto_reply",
        ),
        (
            "From: MAILER-DAEMON@mx.bystander.example\r\nSubject: failure notice\r\n",
            "bounce",
        ),
    ] {
        let letter = Letter::headed(headers);
        let since = site.backstop.log().len();
        let reply = notify(&site, &letter);
        assert_eq!(codes(&reply), "250 2.0.0", "{kind}: {reply:?}");
        let text = site.delivered("joe@example.org", &letter);
        let told = format!("\nX-Backstop: verdict=accept reason=nothing_found; kind={kind}\n");
        assert!(text.contains(&told), "{text}");
        site.decision(since, &[" verdict=accept ", &format!(" kind={kind} ")]);
    }
}

fn a_null_sender_needs_a_notification<M: Mta>() {
    let site = Site::<M>::start_with(RULES);
    let letter = Letter::new();
    let reply = notify(&site, &letter);
    assert_eq!(codes(&reply), "550 5.7.1");
    assert!(
        reply
            .text()
            .contains("The null sender is for notifications"),
        "{reply:?}"
    );
    // The queue id is known by then, and both logs have it.
    let line = site.decision(0, &[" verdict=reject reason=not_a_notification "]);
    assert!(!line.contains(" queue_id=- "), "{line}");
    let id = line
        .split(" queue_id=")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    let said = site
        .mta
        .wait_for_log("The null sender is for notifications")
        .unwrap();
    assert!(said.contains(id), "{said}");
    assert!(site.copies("joe@example.org", &letter).is_empty());
    assert_eq!(codes(&notify(&site, &Letter::bounce())), "250 2.0.0");
}

fn a_forged_from_is_refused<M: Mta>() {
    let dkim = format!(
        "proof: {{dkim: {{keys: [{{domain: example.org, selector: s2026, record: '{}'}}]}}}}",
        record()
    );
    let keys = ("proof: {dkim: {verify: false}}", &*dkim);
    let site = Site::<M>::start_with(&[RULES, &[keys]].concat());
    let forged = "From: x@news.example,\r\n\t=?utf-8?q?The_B=C3=B6ss?=\r\n <boss@example.org>\r\n";
    let refused = Letter::headed(forged);
    let mut stranger = site.session(66, "pc.spam.example");
    let reply = stranger
        .message("x@news.example", "joe@example.org", &refused.bytes)
        .unwrap();
    assert_eq!(codes(&reply), "550 5.7.1");
    let says = format!(
        "From: names example.org, a domain of ours, and {} may not",
        M::address(66)
    );
    assert!(reply.text().contains(&says), "{reply:?}");
    // The session goes on, with a message that has nothing of it; and a list may.
    let honest = Letter::new();
    let reply = stranger
        .message("x@news.example", "joe@example.org", &honest.bytes)
        .unwrap();
    assert_eq!(codes(&reply), "250 2.0.0");
    site.delivered("joe@example.org", &honest);
    let post = Letter::headed(forged);
    let reply = site
        .friend()
        .message("list@friend.example", "joe@example.org", &post.bytes);
    assert_eq!(codes(&reply.unwrap()), "250 2.0.0");
    site.delivered("joe@example.org", &post);
    assert!(site.copies("joe@example.org", &refused).is_empty());
    a_signature_vouches(&site);
}

/// A service that signs as our domain: all of the body is hashed, as far as MTAs have it, in pieces and with dots and blanks.
fn a_signature_vouches<M: Mta>(site: &Site<M>) {
    let news = |changed: &str| {
        Letter::written(|id| {
            let headers = format!(
                "From: News <news@example.org>\r\nTo: joe@example.org\r\nSubject: News\r\n\
                 Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: {id}\r\n"
            );
            let lines = "News  of the day,\tand blanks \r\n.\r\n..a dot\r\n\r\n";
            let body = format!("{}The end.\r\n\r\n", lines.repeat(5_000));
            let message = format!("{headers}\r\n{body}");
            let names = &["From", "To", "Subject", "Date", "Message-ID"];
            let signature = signature("example.org", names, &message);
            let body = body.replace("The end.", changed);
            format!("{signature}{headers}\r\n{body}").into_bytes()
        })
    };
    let mut service = site.session(66, "mx.service.example");
    let (signed, changed) = (news("The end."), news("The ends."));
    for (letter, answer) in [(&signed, "250 2.0.0"), (&changed, "550 5.7.1")] {
        let reply = service.message("bounce@service.example", "joe@example.org", &letter.bytes);
        assert_eq!(codes(&reply.unwrap()), answer);
    }
    let text = site.delivered("joe@example.org", &signed);
    let result = text
        .split("dmarc=none")
        .nth(1)
        .unwrap_or_else(|| panic!("{}", text.split("\n\n").next().unwrap()));
    assert!(
        result.trim_start().starts_with("header.from=example.org"),
        "{}",
        &result[..60]
    );
    assert!(site.copies("joe@example.org", &changed).is_empty());
}

/// One `%` of the file is one for the sender, through MTAs that take a reply for a format.
fn header_rules_answer<M: Mta>() {
    let site = Site::<M>::start_with(RULES);
    let mut client = site.friend();
    for (subject, code, says) in [
        (
            "Subject: =?utf-8?q?gr=C3=BCner?=\r\n\t=?utf-8?q?_casino?=",
            "550 5.7.1",
            "We are 100% sure: no games",
        ),
        (
            "Subject: gr\u{fc}ner\r\n casino",
            "550 5.7.1",
            "We are 100% sure: no games",
        ),
        (
            "Subject: later",
            "450 4.7.1",
            "A header of this message is not accepted here",
        ),
    ] {
        let letter = Letter::headed(&format!("From: bob@friend.example\r\n{subject}\r\n"));
        let reply = client
            .message("bob@friend.example", "joe@example.org", &letter.bytes)
            .unwrap();
        assert_eq!(codes(&reply), code, "{subject}: {reply:?}");
        assert_eq!(reply.text(), says);
    }
    let vanished = Letter::headed("From: bob@friend.example\r\nSubject: vanish\r\n");
    let reply = client
        .message("bob@friend.example", "joe@example.org", &vanished.bytes)
        .unwrap();
    assert_eq!(codes(&reply), "250 2.0.0");
    let last = Letter::new();
    client
        .message("bob@friend.example", "joe@example.org", &last.bytes)
        .unwrap();
    site.delivered("joe@example.org", &last);
    assert!(site.copies("joe@example.org", &vanished).is_empty());
}

fn nobody_loses_mail_that_only_others_would_be_refused<M: Mta>() {
    let site = Site::<M>::start_with(RULES);
    let mut client = site.friend();
    let bulk = || Letter::headed("From: bob@friend.example\r\nX-Mailer: bulk\r\n");
    let alone = client.message("bob@friend.example", "known@example.net", &bulk().bytes);
    assert_eq!(codes(&alone.unwrap()), "550 5.7.1");
    let letter = bulk();
    client.mail("bob@friend.example").unwrap();
    for recipient in ["known@example.net", "joe@example.org"] {
        assert_eq!(codes(&client.rcpt(recipient).unwrap()), "250 2.1.5");
    }
    assert_eq!(codes(&client.data(&letter.bytes).unwrap()), "250 2.0.0");
    for recipient in ["known@example.net", "joe@example.org"] {
        let text = site.delivered(recipient, &letter);
        assert!(
            text.contains(
                "X-Backstop: verdict=tag reason=header_rule would=reject by=headers:4:X-Mailer;"
            ),
            "{text}"
        );
    }
    // What RCPT could not know: this bounce has a sender.
    let mut client = site.friend();
    let bounce = Letter::bounce();
    let sender = "mailer-daemon@friend.example";
    for recipient in ["xk27qz@example.org", "noreply@example.org"] {
        let reply = client.message(sender, recipient, &bounce.bytes).unwrap();
        assert_eq!(codes(&reply), "550 5.7.1", "{recipient}");
    }
    let reply = client
        .message(sender, "joe@example.org", &bounce.bytes)
        .unwrap();
    assert_eq!(codes(&reply), "250 2.0.0");
}
