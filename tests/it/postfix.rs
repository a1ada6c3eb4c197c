//! What only Postfix has: pretended clients, logins, mail of its own, a hold queue, SMTPUTF8, a socket file.

use std::{
    fs::{self, Permissions},
    net::IpAddr,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use lab::{
    mta,
    postfix::{self, Postfix},
    process::{free_port, wait_until},
    sasl::PASSWORD,
    smtp::Client,
};

use crate::site::{Letter, Mta, Site, codes, connect_as, start_postfix};

const OK: &str = "250 2.1.5";
const SENDER: &str = "bob@friend.example";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The site, its Postfix having more lines.
fn site_with(lines: &str) -> Site<Postfix> {
    let port = free_port().unwrap();
    Site::start_around(port, &[], || {
        start_postfix(&[
            ("inet:127.0.0.1:8894", &format!("inet:127.0.0.1:{port}")),
            (
                "milter_protocol = 6",
                &format!("milter_protocol = 6\n{lines}"),
            ),
        ])
    })
}

#[test]
fn ipv6_clients() {
    let site = Site::<Postfix>::start();
    for (address, expected) in [("2001:db8::20", OK), ("2001:db8::66", "550 5.7.23")] {
        let mut client = connect_as(&site.mta, ip(address), None);
        client.ehlo("v6.example").unwrap();
        client.mail(SENDER).unwrap();
        let reply = client.rcpt("joe@example.org").unwrap();
        assert_eq!(codes(&reply), expected, "{reply:?}");
        drop(client);
        site.decision(0, &[&format!(" client={address} ")]);
    }
}

/// From an address that nothing speaks for, as one of us, to everything that is refused otherwise.
#[test]
fn whoever_logged_in_is_not_judged() {
    let site = Site::<Postfix>::start();
    let anywhere = ip("192.0.2.66");
    let mut by_auth = connect_as(&site.mta, anywhere, None);
    by_auth.ehlo("elsewhere.example").unwrap();
    assert_eq!(by_auth.auth_plain("joe", "wrong").unwrap().code, 535);
    by_auth.mail("joe@example.org").unwrap();
    let reply = by_auth.rcpt("sales@example.org").unwrap();
    assert_eq!(codes(&reply), "550 5.7.23", "{reply:?}");
    by_auth.rset().unwrap();
    assert_eq!(by_auth.auth_plain("joe", PASSWORD).unwrap().code, 235);
    let mut by_xclient = connect_as(&site.mta, anywhere, Some("joe"));
    by_xclient.ehlo("elsewhere.example").unwrap();
    let since = site.backstop.log().len();
    for client in [&mut by_auth, &mut by_xclient] {
        for sender in ["joe@example.org", ""] {
            let letter = Letter::new();
            client.mail(sender).unwrap();
            let recipients = [
                "far@friend.example",
                "noreply@example.org",
                "old-acme@example.org",
                "sink-acme@example.org",
            ];
            for recipient in recipients {
                assert_eq!(codes(&client.rcpt(recipient).unwrap()), OK);
            }
            assert_eq!(client.data(&letter.bytes).unwrap().code, 250);
            for recipient in recipients {
                let text = site.delivered(recipient, &letter);
                assert!(!text.contains("X-Backstop"), "{text}");
            }
        }
    }
    site.decision(since, &[" reason=outgoing_authenticated "]);
    assert!(!site.backstop.log()[since..].contains("reason=spf"));
}

/// Postfix has no address of a client that sent its session at once and is gone, nor of one whose proxy hides it.
#[test]
fn a_client_that_postfix_lost_sight_of_is_a_stranger() {
    let forbids = (
        "smtpd_forbid_unauth_pipelining = yes",
        "smtpd_forbid_unauth_pipelining = no",
    );
    let port = free_port().unwrap();
    let start = |changes: &[(&str, &str)]| {
        let milter = format!("inet:127.0.0.1:{port}");
        let milter = ("inet:127.0.0.1:8894", &*milter);
        start_postfix(&[&[milter][..], changes].concat())
    };
    // By the line that we ship, such a client gets nowhere.
    let site = Site::start_around(port, &[], || start(&[]));
    reset_after_a_session(&site);
    site.mta
        .wait_for_log("improper command pipelining")
        .unwrap();
    drop(site);

    let site = Site::start_around(port, &[], || start(&[forbids]));
    reset_after_a_session(&site);
    let line = site.decision(0, &[" client=- ", " reason=client_unknown "]);
    assert!(line.contains(" verdict=tempfail "), "{line}");
    let mut client = Client::connect(site.mta.smtp_addr()).unwrap();
    client.command(b"XCLIENT ADDR=[UNAVAILABLE]").unwrap();
    client.ehlo("x.example").unwrap();
    client.mail("boss@example.org").unwrap();
    assert_eq!(codes(&client.rcpt("joe@example.org").unwrap()), "451 4.7.1");
}

fn reset_after_a_session(site: &Site<Postfix>) {
    let letter = Letter::new();
    let session = [
        b"EHLO x\r\nMAIL FROM:<boss@example.org>\r\nRCPT TO:<joe@example.org>\r\nDATA\r\n",
        &letter.bytes[..],
        b"\r\n.\r\nQUIT\r\n",
    ]
    .concat();
    for _ in 0..5 {
        Client::send_and_reset(site.mta.smtp_addr(), &session).unwrap();
    }
}

/// `sendmail -bs` of mail_owner speaks to smtpd itself, and so to smtpd_milters; anybody else's goes by maildrop.
#[test]
fn a_session_on_standard_input_is_never_refused() {
    let site = Site::<Postfix>::start();
    for as_owner in [true, false] {
        let letter = Letter::new();
        let message = [&letter.bytes[..], b"\r\n."].concat();
        let commands: [&[u8]; 6] = [
            b"EHLO x",
            b"MAIL FROM:<boss@example.org>",
            b"RCPT TO:<noreply@example.org>",
            b"DATA",
            &message,
            b"QUIT",
        ];
        let replies = site.mta.session_on_stdin(as_owner, &commands).unwrap();
        assert!(replies[5].starts_with("250 "), "{replies:?}");
        site.delivered("noreply@example.org", &letter);
    }
    site.decision(0, &[" helo=x ", " reason=outgoing_local "]);
    site.decision(0, &[" helo=localhost ", " reason=outgoing_local "]);
}

/// A refusal would leave such mail in the queue.
#[test]
fn local_submissions_are_never_refused() {
    let site = Site::<Postfix>::start();
    for sender in ["a@elsewhere.example", "boss@example.org", "<>"] {
        let letter = Letter::new();
        let recipients = [
            "noreply@example.org",
            "old-acme@example.org",
            "busy-acme@example.org",
            "sink-acme@example.org",
            "held-acme@example.org",
            "xk27qz@example.org",
            "far@friend.example",
        ];
        let arguments = [&["-f", sender], &recipients[..]].concat();
        let output = site.mta.sendmail(&arguments, &letter.bytes).unwrap();
        assert!(output.status.success(), "{output:?}");
        for recipient in recipients {
            site.delivered(recipient, &letter);
        }
    }
    site.decision(0, &[" client=- ", " reason=outgoing_local "]);
}

/// Postfix says them where its internal_mail_filter_classes has `bounce`; to whom they go, nobody's bounces may.
#[test]
fn bounces_of_postfix_itself_are_never_refused() {
    let site = site_with(
        "internal_mail_filter_classes = bounce\n\
         transport_maps = inline:{ { gone@friend.example = error:5.1.1 gone } }",
    );
    let letter = Letter::new();
    let arguments = ["-f", "noreply@example.org", "gone@friend.example"];
    let output = site.mta.sendmail(&arguments, &letter.bytes).unwrap();
    assert!(output.status.success(), "{output:?}");
    // The bounce returns the letter, and with it what it is known by.
    let bounce = site.delivered("noreply@example.org", &letter);
    assert!(bounce.starts_with("Return-Path: <>\n"), "{bounce}");
    site.decision(
        0,
        &[
            " mail_from=<> rcpt=<noreply@example.org> ",
            " reason=outgoing_local ",
        ],
    );
}

#[test]
fn a_quarantined_message_is_held() {
    let site = Site::<Postfix>::start();
    let mut client = site.friend();
    let letter = Letter::new();
    client.mail(SENDER).unwrap();
    for recipient in ["held-acme@example.org", "joe@example.org"] {
        assert_eq!(codes(&client.rcpt(recipient).unwrap()), OK);
    }
    assert_eq!(client.data(&letter.bytes).unwrap().code, 250);
    let queue = site.mta.queue().unwrap();
    assert_eq!(queue.len(), 1, "{queue:?}");
    assert_eq!(queue[0].queue_name, "hold");
    assert_eq!(queue[0].recipients.len(), 2);
    assert!(site.copies("joe@example.org", &letter).is_empty());
}

/// RFC 6531: addresses in UTF-8, their domains looked up as A-labels.
#[test]
fn addresses_beyond_ascii() {
    let site = Site::<Postfix>::start();
    let utf8 = |client: &mut Client, sender: &str| {
        let command = format!("MAIL FROM:<{sender}> SMTPUTF8");
        assert_eq!(client.command(command.as_bytes()).unwrap().code, 250);
    };
    let mut client = site.friend();
    let letter = Letter::new();
    utf8(&mut client, "jürgen@friend.example");
    assert_eq!(codes(&client.rcpt("jörg@example.org").unwrap()), OK);
    assert_eq!(client.data(&letter.bytes).unwrap().code, 250);
    site.delivered("jörg@example.org", &letter);

    for (sender, expected) in [
        ("bob@bücher.example", "550 5.7.23"),
        ("jürgen@bank.example", "550 5.7.23"),
        // The null sender to a local part that a list knows, and to one that none does.
        ("", OK),
    ] {
        utf8(&mut client, sender);
        let reply = client.rcpt("jörg@example.org").unwrap();
        assert_eq!(codes(&reply), expected, "{sender}: {reply:?}");
        client.rset().unwrap();
    }
    utf8(&mut client, "");
    assert_eq!(
        codes(&client.rcpt("jürgen@example.org").unwrap()),
        "550 5.7.1"
    );
}

/// Latin-1, which is no address at all; a Postfix without SMTPUTF8 lets it through to us.
#[test]
fn addresses_that_are_no_utf8() {
    let site = site_with("smtputf8_enable = no");
    let mut client = site.friend();
    let reply = client.command(b"MAIL FROM:<b\xfcb@bank.example>").unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
    let reply = client.rcpt("joe@example.org").unwrap();
    assert_eq!(codes(&reply), "550 5.7.23");
    site.decision(0, &[" mail_from=<b\\xfcb@bank.example> "]);
}

/// The bare name of RFC 5321 section 4.5.1, too.
#[test]
fn postmaster_without_a_domain() {
    let site =
        site_with("mydestination = mx.lab.test\nmyorigin = example.org\nlocal_recipient_maps =");
    let mut client = site.session(66, "elsewhere.example");
    client.mail("alice@bank.example").unwrap();
    assert_eq!(codes(&client.rcpt("postmaster").unwrap()), OK);
    drop(client);
    site.decision(0, &[" reason=exempt_postmaster "]);
}

/// Postfix makes addresses of ours of them (append_at_myorigin, allow_percent_hack, swap_bangpath), and delivers those.
#[test]
fn addresses_that_postfix_completes_are_judged_as_it_delivers_them() {
    let site =
        site_with("mydestination = mx.lab.test\nmyorigin = example.org\nlocal_recipient_maps =");
    let mut client = site.friend();
    for (local, from, expected) in [
        ("noreply", "", "550 5.7.1"),
        ("old-acme", "", "550 5.7.1"),
        ("joe", "", OK),
        ("joe", "boss", "550 5.7.1"),
    ] {
        for form in ["{}", "{}%example.org", "example.org!{}"] {
            let complete = |local: &str| match local {
                "" => String::new(),
                local => form.replace("{}", local),
            };
            client.mail(&complete(from)).unwrap();
            let reply = client.rcpt(&complete(local)).unwrap();
            assert_eq!(codes(&reply), expected, "{form}, <{from}>: {reply:?}");
            client.rset().unwrap();
        }
    }
    site.decision(0, &[" rcpt=<noreply@example.org> ", " reason=never_sends "]);
    site.decision(
        0,
        &[
            " mail_from=<boss@example.org> ",
            " reason=mail_from_forged ",
        ],
    );
    client.mail("joe%elsewhere.example").unwrap();
    assert_eq!(codes(&client.rcpt("joe").unwrap()), "550 5.7.23");
}

/// `daemon` is who Postfix runs as here.
#[test]
fn a_socket_file_that_postfix_may_open() {
    let folder = mta::folder_in_memory().unwrap();
    let path = folder.path().join("backstop.sock");
    let socket = format!("unix:{}", path.display());
    let port = free_port().unwrap();
    let changes = [(
        format!("listen: inet:{port}@127.0.0.1"),
        format!(
            "listen: {socket}\nsocket: {{mode: \"0660\", group: {}}}",
            postfix::MAIL_OWNER
        ),
    )];
    let changes = changes.each_ref().map(|(from, to)| (&**from, &**to));
    let site = Site::start_around(port, &changes, || {
        start_postfix(&[("inet:127.0.0.1:8894", &socket)])
    });
    let mut client = site.session(66, "pc.spam.example");
    client.mail("alice@bank.example").unwrap();
    assert_eq!(
        codes(&client.rcpt("joe@example.org").unwrap()),
        "550 5.7.23"
    );
    client.quit().unwrap();

    // Were Postfix root, the right to open it would not have been what let it in.
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let mut client = Client::connect(site.mta.smtp_addr()).unwrap();
    client.ehlo("pc.spam.example").unwrap();
    assert_eq!(client.mail("").unwrap().code, 451);
    site.mta.wait_for_log("Permission denied").unwrap();
}

/// Without TCP_NODELAY and TCP_QUICKACK every message with a header of ours waits 40 ms and more for a delayed ACK. The
/// fastest is compared, of as many as it takes on a machine that is busy: with that wait, none is fast.
#[test]
fn a_header_costs_no_delayed_ack() {
    let site = Site::<Postfix>::start();
    let plain = Postfix::start(&postfix::Options::default()).unwrap();
    let [mut with, mut without] = [site.mta.connect(20), plain.connect(20)];
    for client in [&mut with, &mut without] {
        client.ehlo("mx.friend.example").unwrap();
    }
    let time = |client: &mut Client| {
        let letter = Letter::new();
        let begun = Instant::now();
        let reply = client.message(SENDER, "tagged-acme@example.org", &letter.bytes);
        assert_eq!(reply.unwrap().code, 250);
        begun.elapsed()
    };
    let mut fastest = [Duration::MAX; 2];
    let as_fast = wait_until(Duration::from_secs(120), || {
        for (client, fastest) in [&mut with, &mut without].into_iter().zip(&mut fastest) {
            *fastest = time(client).min(*fastest);
        }
        Ok(fastest[0] < fastest[1] + Duration::from_millis(35))
    });
    assert!(as_fast.is_ok(), "with Backstop, and without: {fastest:?}");
}
