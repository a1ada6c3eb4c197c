//! What is written on top of a delivered message, and what is taken out of it.

use super::{names, split};
use crate::site::{Letter, Mta, Site, arrived, codes, through_both};

through_both! {
    ours_stand_above_the_mta_s_own
    forgeries_are_taken_out_and_what_is_foreign_stays
    odd_words_arrive_as_they_are_written
}

const SENDER: &str = "bob@friend.example";
const OURS: [&str; 4] = [
    "Received-SPF",
    "Received-SPF",
    "Authentication-Results",
    "X-Backstop",
];

/// RFC 7208 section 9.1: Received-SPF stands above the Received: of the host that wrote it.
fn ours_stand_above_the_mta_s_own<M: Mta>() {
    let site = Site::<M>::start();
    let letter = Letter::headed(
        "Received: from a.example by b.example; Thu, 1 Jan 2026 00:00:00 +0000\r\n\
         Received-SPF: pass (b.example: it is theirs)\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n\
         From: bob@friend.example\r\n",
    );
    let reply = site
        .friend()
        .message(SENDER, "joe@example.org", &letter.bytes)
        .unwrap();
    assert_eq!(codes(&reply), "250 2.0.0");
    let (fields, body) = split(&arrived(&site.mta, "joe@example.org", &letter));
    let theirs = [
        "Received",
        "Received",
        "Received-SPF",
        "Date",
        "From",
        "Message-ID",
    ];
    assert_eq!(
        names(&fields),
        [&["Return-Path"], &OURS[..], &theirs].concat()
    );
    assert_eq!(body, b"Gr\xfc\xdfe\n");
    let line = site.decision(0, &[" rcpt=<joe@example.org> "]);
    let id = line.split("id=").nth(1).unwrap().split(' ').next().unwrap();
    let address = M::address(20);
    let unfolded = |index: usize| {
        String::from_utf8(fields[index].1.clone())
            .unwrap()
            .replace('\n', "")
    };
    assert_eq!(
        unfolded(1),
        format!(
            "Received-SPF: pass (mx.lab.test: friend.example lets {address} send its mail) \
             client-ip={address}; envelope-from=\"{SENDER}\"; helo=mx.friend.example; \
             receiver=mx.lab.test; identity=mailfrom; mechanism=\"ip4:{address}\""
        )
    );
    assert!(unfolded(2).contains(" identity=helo;"), "{}", unfolded(2));
    assert_eq!(
        unfolded(3),
        format!(
            "Authentication-Results: mx.lab.test; spf=pass smtp.mailfrom=friend.example; \
             spf=pass smtp.helo=mx.friend.example"
        )
    );
    assert_eq!(
        unfolded(4),
        format!("X-Backstop: verdict=accept reason=nothing_found; kind=-; id={id}")
    );
    assert!(unfolded(5).contains("by mx.lab.test"), "{}", unfolded(5));
}

fn forgeries_are_taken_out_and_what_is_foreign_stays<M: Mta>() {
    let site = Site::<M>::start();
    let forged = [
        "X-Backstop: verdict=accept reason=forged",
        "X-BACKSTOP:forged",
        "x-backstop-foo: forged",
        "X-Backstop : forged",
        "X-Backstop: forged;\r\n\tand folded;\r\n and forged",
        "X-Backstop:\r\n forged",
        "X-Backstop-Foo: forged",
        "X-Backstop:",
        "Authentication-Results: mx.lab.test; dkim=pass forged",
        "authentication-RESULTS: MX.Lab.TEST 1; dkim=pass forged",
        "Authentication-Results:\r\n\t(a \\) (nested) comment) mx.lab.test\r\n ; dkim=pass forged",
        "Authentication-Results: \"mx.lab.test\"; dkim=pass forged",
        "Authentication-Results: \"mx.\\lab.test\"; dkim=pass forged",
        "Authentication-Results:mx.lab.test",
    ];
    let foreign = [
        "Authentication-Results: other.example; dkim=pass",
        "Authentication-Results: mx.lab.test.other.example; dkim=pass",
        "Authentication-Results: other.example; dkim=pass (mx.lab.test)",
        "ARC-Authentication-Results: i=1; mx.lab.test; dkim=pass",
        "Old-Authentication-Results: mx.lab.test; dkim=pass",
        "X-Back: stop",
        "X-Backsto: p",
        "Received-SPF: none",
    ];
    // Mixed, so that every deletion moves others.
    let mixed: Vec<_> = (0..forged.len().max(foreign.len()))
        .flat_map(|at| [forged.get(at), foreign.get(at), forged.get(at / 2)])
        .flatten()
        .copied()
        .collect();
    let letter = Letter::headed(&format!(
        "{}\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nFrom: bob@friend.example\r\n",
        mixed.join("\r\n")
    ));
    let reply = site
        .friend()
        .message(SENDER, "joe@example.org", &letter.bytes)
        .unwrap();
    assert_eq!(codes(&reply), "250 2.0.0");
    let message = arrived(&site.mta, "joe@example.org", &letter);
    let (fields, _) = split(&message);
    let left: Vec<_> = fields
        .iter()
        .skip(6)
        .map(|(_, field)| field.escape_ascii().to_string())
        .collect();
    let expected = foreign.iter().copied().chain([
        "Date: Thu, 1 Jan 2026 00:00:00 +0000",
        "From: bob@friend.example",
    ]);
    let expected: Vec<_> = expected.map(|line| format!("{line}\\n")).collect();
    let names = names(&fields);
    assert_eq!(
        names[..6],
        [&["Return-Path"], &OURS[..], &["Received"]].concat()
    );
    assert_eq!(left[..left.len() - 1], expected);
    assert!(!String::from_utf8_lossy(&message).contains("forged"));
}

/// Neither MTA takes for its own what a stranger wrote: Postfix no `%`, Sendmail no `$`.
fn odd_words_arrive_as_they_are_written<M: Mta>() {
    let site = Site::<M>::start();
    let sender = "bob$j%s%%n{x}@friend.example";
    let letter =
        Letter::headed("Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nFrom: bob@friend.example\r\n");
    let reply = site
        .friend()
        .message(sender, "joe@example.org", &letter.bytes);
    assert_eq!(codes(&reply.unwrap()), "250 2.0.0");
    let text = site.delivered("joe@example.org", &letter);
    let wanted = format!(" envelope-from=\"{sender}\";");
    assert!(text.contains(&wanted), "no {wanted} in {text}");
}
