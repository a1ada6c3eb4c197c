//! One line of each make and product, for one client: what each of them says of it.

use super::{Delivery, Hop, Smtp, Submission};

/// Each with what it says; the file explains itself.
const MAKES: &str = include_str!("makes.txt");

#[test]
fn each_make_is_read_as_it_writes() {
    let lines = MAKES
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let lines: Vec<&str> = lines.collect();
    let rows = lines.chunks_exact(2);
    assert!(
        rows.remainder().is_empty() && rows.len() > 80,
        "{}",
        rows.len()
    );
    for row in rows {
        let (says, line) = (row[0], row[1].trim_start());
        let (make, expected) = says.split_once(" | ").unwrap();
        let hop = Hop::read(line.as_bytes());
        let through = match hop.through {
            Smtp => "smtp",
            Submission => "submission",
            Delivery => "delivery",
        };
        let text = |octets: Option<Vec<u8>>| {
            octets.map_or("-".to_owned(), |octets| String::from_utf8(octets).unwrap())
        };
        let address = hop
            .address
            .map_or("-".to_owned(), |address| address.to_string());
        let found = [
            through.to_owned(),
            address,
            text(hop.helo),
            text(hop.name),
            text(hop.by),
        ];
        assert_eq!(found.join(" | "), expected, "{make}: {line}");
    }
}

/// What a client can choose in each place of a line is not taken for what the host says.
#[test]
fn what_the_client_chose_is_no_word_of_the_host() {
    for (shape, line) in [
        (
            "HELO is an address",
            "from [192.0.2.200] (unknown [203.0.113.9]) by mx.friend.example (Postfix) with ESMTP id 1",
        ),
        (
            "HELO is a keyword",
            "from by (unknown [203.0.113.9]) by mx.friend.example (Postfix) with ESMTP id 1",
        ),
        (
            "HELO is an address, Exim",
            "from [203.0.113.9] (helo=[192.0.2.200]) by mx.friend.example with esmtp (Exim 4.96) id 1",
        ),
        (
            "HELO is an address, qmail",
            "from unknown (HELO [192.0.2.200]) (203.0.113.9) by mx.friend.example with SMTP",
        ),
        (
            "HELO is an address, Exchange",
            "from 192.0.2.200 (203.0.113.9) by mx.friend.example (192.0.2.77) with Microsoft SMTP Server id 15.2",
        ),
        (
            "HELO is an address, Yahoo",
            "from 203.0.113.9 (EHLO 192.0.2.200) (203.0.113.9) by mx.friend.example with SMTPs",
        ),
        (
            "the name has an address",
            "from x ([192.0.2.200].bot.example [203.0.113.9]) by mx.friend.example (Postfix) with ESMTP id 1",
        ),
        (
            "the name is a make, and HELO `by`",
            "from by (Postfix.mx3.friend.example [203.0.113.9]) by mx.friend.example (OpenSMTPD) with ESMTP id 1",
        ),
        (
            "the name is Sendmail's version",
            "from by (8.17.1/8.17.1.mx3.friend.example [203.0.113.9]) by mx.friend.example with ESMTP id 1",
        ),
        (
            "ident is an address, Sendmail",
            "from x ([192.0.2.200]@[203.0.113.9]) by mx.friend.example (8.17.1/8.17.1) with ESMTP id 1",
        ),
        (
            "a certificate names an address",
            "from x (unknown [203.0.113.9]) (Client CN \"[192.0.2.200]\", Issuer \"y\" (not verified)) by mx.friend.example (Postfix) with ESMTPS id 1",
        ),
        (
            "a certificate names a user",
            "from x (unknown [203.0.113.9]) (Client CN \"a, from userid 0\", Issuer \"y\" (not verified)) by mx.friend.example (Postfix) with ESMTPS id 1",
        ),
        (
            "the recipient has a keyword",
            "from x (unknown [203.0.113.9]) by mx.friend.example (Postfix) with ESMTP id 1 for <\"x with local by mx.evil.example\"@friend.example>",
        ),
    ] {
        let hop = Hop::read(line.as_bytes());
        let name = hop.name.as_deref().map(String::from_utf8_lossy);
        let by = hop.by.as_deref().map(String::from_utf8_lossy);
        assert_eq!(hop.address, "203.0.113.9".parse().ok(), "{shape}: {line}");
        assert_eq!(by.as_deref(), Some("mx.friend.example"), "{shape}: {line}");
        assert!(
            name.is_none_or(|name| !name.contains("friend")),
            "{shape}: {line}"
        );
        assert_eq!(hop.through, Smtp, "{shape}: {line}");
    }
}
