//! Every header that isn't ours passes as it would without us.

use std::thread;

use lab::{mta::Running, postfix::Postfix, smtp::Client};

use super::{names, split};
use crate::site::{Letter, Mta, Site, arrived, codes, through_both};

through_both! {
    odd_headers_pass_as_without_us
}

const SENDER: &str = "bob@friend.example";
const RECIPIENT: &str = "joe@example.org";

/// The last one, for Sendmail hangs up on it.
const BARE_CR: &str = "bare CR";

/// What there is of oddity, each told what the message is to be known by. Some are without Date: and Message-ID:, which
/// the MTAs then add.
fn letters() -> Vec<(&'static str, Letter)> {
    const COMMON: &str = "From: bob@friend.example\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n";
    let headed = |headers: &[u8]| {
        let headers = headers.to_vec();
        Letter::written(|id| {
            let rest = format!("{COMMON}Message-ID: {id}\r\n\r\nHello.\r\n");
            [headers, rest.into_bytes()].concat()
        })
    };
    let bare = |headers: &str| {
        Letter::written(|id| format!("{headers}\r\n{id}\r\n..dots\r\n.\u{fc}\r\n").into_bytes())
    };
    let folds = format!(
        "References: {}\r\n",
        "\r\n\t<a.message@id.example>".repeat(800)
    );
    let reference = "<a.message@id.example>".repeat(2);
    let sixty = format!(
        "X-Sixty: {}\r\n",
        format!("{reference}\r\n ").repeat(60_000 / 46)
    );
    vec![
        ("folded", headed(b"Subject: one\r\n two\r\n\tthree\r\n  four \r\nX-Empty-Fold: a\r\n \r\n b\r\n")),
        ("folded often", headed(folds.as_bytes())),
        (
            "duplicated",
            headed(
                b"Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n\
                  Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n\
                  Subject: a\r\nX-Note: 1\r\nsubject: b\r\nX-NOTE: 1\r\nTo: a@example.org\r\nTo: b@example.org\r\n\
                  From: c@friend.example\r\n",
            ),
        ),
        ("Latin-1", headed(b"Subject: Gr\xfc\xdfe\r\nX-N\xf6te: \xff\xfe\x80\r\n")),
        ("UTF-8", headed("Subject: Gr\u{fc}\u{df}e \u{2014} \u{1f600}\r\nTo: J\u{fc}rgen <joe@example.org>\r\n".as_bytes())),
        ("encoded", headed(b"Subject: =?utf-8?b?w7w=?= =?x-none?q?=00?=\r\n =?utf-8?q?=0D=0A=FF?=\r\n")),
        ("60 KB, folded", headed(sixty.as_bytes())),
        (
            // Postfix cuts a line at 60000 octets wherever it has a milter, whatever that one says.
            "60 KB, in one line",
            headed(format!("X-Sixty: {}\r\n", "x".repeat(59_900)).as_bytes()),
        ),
        ("a thousand", headed("X-Many: of them\r\n".repeat(1000).as_bytes())),
        ("oddly spaced", headed(b"Subject:none\r\nX-Two:  two\r\nX-Tab:\ttab\r\nX-End: end  \r\nX-Empty:\r\nX-Blank: \r\n")),
        ("controls", headed(b"X-Ctrl: \x01\x07\x1b[31m\x7f\r\nX-Percent: %s%n$j${x}\r\n")),
        ("without Date and Message-ID", bare("From: bob@friend.example\r\nSubject: x\r\n")),
        ("without From", bare("Subject: x\r\n")),
        ("without headers", bare("")),
        (BARE_CR, headed(b"X-Bare: a\rb\r c\r\n\rd: e\r\n")),
    ]
}

/// Compared byte by byte with what the same MTA makes of it without a milter, apart from our headers on top, and what it
/// never writes twice the same.
fn odd_headers_pass_as_without_us<M: Mta>() {
    let (site, plain) = thread::scope(|scope| {
        let plain = scope.spawn(M::plain);
        (Site::<M>::start(), plain.join().unwrap())
    });
    let mut through_us = site.friend();
    let mut directly = plain.connect(20);
    directly.ehlo("mx.friend.example").unwrap();
    for (about, letter) in letters() {
        println!("{about}");
        let sent = [&mut through_us, &mut directly].map(|client| send(client, SENDER, &letter));
        if about == BARE_CR && sent == ["421 4.5.0", "421 4.5.0"] {
            continue;
        }
        assert_eq!(sent, ["250 2.0.0", "250 2.0.0"], "{about}");
        let ours = unlike_each_time(&site.mta, &letter);
        let theirs = unlike_each_time(&plain, &letter);
        let (mut fields, body) = ours;
        let written: Vec<_> = fields.drain(1..5).collect();
        assert_eq!(
            names(&written),
            [
                "Received-SPF",
                "Received-SPF",
                "Authentication-Results",
                "X-Backstop"
            ]
        );
        assert_eq!(names(&fields), names(&theirs.0), "{about}");
        for (mine, plain) in fields.iter().zip(&theirs.0) {
            assert_eq!(
                mine.1.escape_ascii().to_string(),
                plain.1.escape_ascii().to_string(),
                "{about}"
            );
        }
        assert_eq!(body, theirs.1, "{about}");
    }
}

/// RFC 6531, which Postfix has and this Sendmail has not.
#[test]
fn utf8_headers_pass_as_without_us() {
    let (site, plain) = (Site::<Postfix>::start(), Postfix::plain());
    let mut clients = [site.mta.connect(20), plain.connect(20)];
    let letter = Letter::headed(
        "From: J\u{fc}rgen <j\u{fc}rgen@friend.example>\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nSubject: \u{1f600}\r\n",
    );
    for client in &mut clients {
        client.ehlo("mx.friend.example").unwrap();
        let mail = "MAIL FROM:<j\u{fc}rgen@friend.example> SMTPUTF8";
        assert_eq!(client.command(mail.as_bytes()).unwrap().code, 250);
        assert_eq!(client.rcpt(RECIPIENT).unwrap().code, 250);
        assert_eq!(codes(&client.data(&letter.bytes).unwrap()), "250 2.0.0");
    }
    let (mut ours, body) = unlike_each_time(&site.mta, &letter);
    let written: Vec<_> = ours.drain(1..5).collect();
    assert_eq!((ours, body), unlike_each_time(&plain, &letter));
    // Received-SPF has the sender as it is (RFC 8616, RFC 6532); nothing else that we write needs UTF-8.
    let sender = "envelope-from=\"j\u{fc}rgen@friend.example\"";
    let named = |field: &[u8]| {
        String::from_utf8(field.to_vec())
            .unwrap()
            .replacen(sender, "", 1)
    };
    let with_sender = written
        .iter()
        .filter(|(_, field)| named(field).len() < field.len());
    let names: Vec<&str> = with_sender.map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Received-SPF"]);
    for (name, field) in &written {
        assert!(named(field).is_ascii(), "{name}: {}", field.escape_ascii());
    }
}

fn send(client: &mut Client, sender: &str, letter: &Letter) -> String {
    codes(&client.message(sender, RECIPIENT, &letter.bytes).unwrap())
}

/// The delivered message without what an MTA writes anew each time: the topmost Received:, and a Date: or Message-ID: that
/// were not sent.
fn unlike_each_time(mta: &Running, letter: &Letter) -> (Vec<(String, Vec<u8>)>, Vec<u8>) {
    let (mut fields, body) = split(&arrived(mta, RECIPIENT, letter));
    let received = fields
        .iter()
        .position(|(name, _)| name == "Received")
        .unwrap();
    let (_, received) = fields.remove(received);
    assert!(String::from_utf8_lossy(&received).contains("mx.lab.test"));
    fields.retain(|(name, field)| {
        let field = field.trim_ascii_end();
        let sent = || letter.bytes.windows(field.len()).any(|at| at == field);
        !matches!(name.to_lowercase().as_str(), "date" | "message-id") || sent()
    });
    (fields, body)
}
