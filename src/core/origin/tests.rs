//! What hosts of each make return of a message that one bot sent, with lines below that the bot wrote itself.

use super::*;

mod forged;

/// The bot, and what it wrote below: a host that has nothing to do with it.
const BOT: &str = "203.0.113.9";
const BELOW: &str = "Received: from innocent.example (innocent.example [192.0.2.200]) by mx.innocent.example (Postfix)\r\n";

/// The host that bounced, unless a row names another: mx1.friend.example.
const REPORTER: &str = "198.51.100.7";
const NAME: Option<&str> = Some("mx1.friend.example");

fn headers(lines: &str) -> Headers {
    Headers::parse(format!("{lines}{BELOW}Subject: x\r\n\r\n").as_bytes()).0
}

fn origin(lines: &str, name: Option<&str>, address: &str) -> Option<Origin> {
    let name = name.map(|name| name.parse::<Domain>().unwrap());
    let reporter = Reporter {
        address: address.parse().unwrap(),
        name: name.as_ref(),
    };
    let ours: Network = "192.0.2.0/28".parse().unwrap();
    reporter.origin(&headers(lines), |address| ours.contains(address))
}

#[test]
fn the_first_client_outside_is_the_origin() {
    use Standing::{Claimed, Reported};
    for (shape, lines, name, expected) in [
        (
            "Postfix",
            "Received: from pc.bot.example (unknown [203.0.113.9]) by mx1.friend.example (Postfix) with ESMTP id 1;\r\n\tx\r\n",
            NAME,
            Some((BOT, Reported)),
        ),
        (
            "another host of the same owner bounces",
            "Received: from pc (unknown [203.0.113.9]) by mx9.in.friend.example (Postfix)\r\n",
            NAME,
            Some((BOT, Reported)),
        ),
        (
            "an edge MX, by its confirmed name",
            "Received: from edge (edge.friend.example [198.18.0.1]) by inner.friend.example (Postfix)\r\n\
             Received: from pc (bot.example [203.0.113.9]) by edge.friend.example (Postfix)\r\n",
            NAME,
            Some((BOT, Reported)),
        ),
        (
            "an edge MX beside it, without a name",
            "Received: from edge (unknown [198.51.100.99]) by mx1.friend.example (Postfix)\r\n\
             Received: from pc (bot.example [203.0.113.9]) by edge (Postfix)\r\n",
            NAME,
            // So can a neighbour be that its provider gave another customer.
            Some((BOT, Claimed)),
        ),
        (
            "Postfix with amavis",
            "Received: from localhost (localhost [127.0.0.1]) by mx1.friend.example (Postfix)\r\n\
             Received: from mx1.friend.example ([127.0.0.1]) by localhost (mx1.friend.example [127.0.0.1]) (amavisd-new, port 10024) with ESMTP id x\r\n\
             Received: from pc (unknown [203.0.113.9]) by mx1.friend.example (Postfix) with ESMTP\r\n",
            NAME,
            Some((BOT, Reported)),
        ),
        (
            "Exchange behind its edge",
            "Received: from EDGE01.friend.example (10.0.0.5) by EX01.friend.example (10.0.0.6) with Microsoft SMTP Server (TLS) id 15.1; x\r\n\
             Received: from pc.bot.example (203.0.113.9) by EDGE01.friend.example (192.0.2.77) with Microsoft SMTP Server id 15.1; x\r\n",
            NAME,
            Some((BOT, Reported)),
        ),
        (
            "Exim",
            "Received: from bot.example ([203.0.113.9] helo=pc) by mx1.friend.example with esmtp (Exim 4.96) (envelope-from <joe@example.org>) id 1\r\n",
            NAME,
            Some((BOT, Reported)),
        ),
        (
            "Sendmail",
            "Received: from pc (bot.example [203.0.113.9] (may be forged)) by mx1.friend.example (8.17.1/8.17.1) with ESMTP id 1\r\n",
            NAME,
            Some((BOT, Reported)),
        ),
        (
            "OpenSMTPD",
            "Received: from pc (<unknown> [203.0.113.9]) by mx1.friend.example (OpenSMTPD) with ESMTP id 1\r\n",
            NAME,
            Some((BOT, Reported)),
        ),
        (
            "qmail",
            "Received: (qmail 4711 invoked from network); 1 Jan 2026 00:00:00 -0000\r\n\
             Received: from unknown (HELO pc) (203.0.113.9) by mx1.friend.example with SMTP; 1 Jan 2026 00:00:00 -0000\r\n",
            NAME,
            Some((BOT, Reported)),
        ),
        (
            "qmail, with a name that the bot gave its own address",
            "Received: from mx3.friend.example (HELO pc) (203.0.113.9) by mx1.friend.example with SMTP\r\n",
            NAME,
            Some((BOT, Reported)),
        ),
        (
            "a name that Sendmail saw lead nowhere",
            "Received: from pc (mx3.friend.example [203.0.113.9] (may be forged)) by mx1.friend.example (8.17.1/8.17.1)\r\n",
            NAME,
            Some((BOT, Reported)),
        ),
        (
            "Sendmail, of a bot without a name that calls itself a host of theirs",
            "Received: from mx3.friend.example ([203.0.113.9]) by mx1.friend.example (8.17.1/8.17.1) with ESMTP id 1\r\n",
            NAME,
            Some((BOT, Claimed)),
        ),
        (
            "a bot that calls itself a host of theirs",
            "Received: from mx3.friend.example (unknown [203.0.113.9]) by mx1.friend.example (Postfix)\r\n",
            NAME,
            Some((BOT, Claimed)),
        ),
        (
            "a host without a name",
            "Received: from pc (unknown [203.0.113.9]) by mx1.friend.example (Postfix)\r\n",
            None,
            Some((BOT, Claimed)),
        ),
        (
            "lines of another than who bounces",
            "Received: from pc (unknown [203.0.113.9]) by mx1.friend.example (Postfix)\r\n",
            Some("mail.stranger.example"),
            Some((BOT, Claimed)),
        ),
        (
            "names that registries give to many",
            "Received: from pc (unknown [203.0.113.9]) by mx.other.co.uk (Postfix)\r\n",
            Some("mx.friend.co.uk"),
            Some((BOT, Claimed)),
        ),
        (
            "a neighbour in a cloud",
            "Received: from pc (b.eu-west-1.compute.amazonaws.com [203.0.113.9]) by mx1.friend.example (Postfix)\r\n",
            Some("a.eu-west-1.compute.amazonaws.com"),
            Some((BOT, Claimed)),
        ),
        (
            "a customer of the same provider, by a name of its pool",
            "Received: from pc (host-9-113.dsl.provider.example [203.0.113.9]) by home.provider.example (Postfix)\r\n",
            Some("home.provider.example"),
            Some((BOT, Reported)),
        ),
        (
            "a neighbour of the reporter, by a name of the provider's pool",
            "Received: from pc (static.99.100.51.198.provider.example [198.51.100.99]) by mx1.friend.example (Postfix)\r\n",
            NAME,
            Some(("198.51.100.99", Reported)),
        ),
        (
            "a host that somebody else has rented from the same hoster, by a number",
            "Received: from pc (vmi1234567.hoster.example [203.0.113.9]) by vmi7654321.hoster.example (Postfix)\r\n",
            Some("vmi7654321.hoster.example"),
            Some((BOT, Claimed)),
        ),
        (
            "the same by a hash",
            "Received: from pc (vps-1a2b3c4d.vps.hoster.example [203.0.113.9]) by vps-5e6f7a8b.vps.hoster.example (Postfix)\r\n",
            Some("vps-5e6f7a8b.vps.hoster.example"),
            Some((BOT, Claimed)),
        ),
        (
            "an edge MX, by its confirmed name with a number",
            "Received: from edge (mx-in-103.friend.example [198.18.0.1]) by inner.friend.example (Postfix)\r\n\
             Received: from pc (bot.example [203.0.113.9]) by mx-in-103.friend.example (Postfix)\r\n",
            NAME,
            Some((BOT, Reported)),
        ),
        (
            "a neighbour of IPv6, by such a name",
            "Received: from pc (2001-db8-0-0-0-0-abcd-9.provider.example [IPv6:2001:db8::abcd:9]) by v6.provider.example (Postfix)\r\n",
            Some("v6.provider.example"),
            Some(("2001:db8::abcd:9", Reported)),
        ),
        (
            "Google: a step inside that an address wrote",
            "Received: by 2002:a05:6214:1:b0:6:7:8 with SMTP id a1; x\r\n\
             Received: from pc (a.dsl.example. [203.0.113.9]) by mx.friend.example with ESMTPS id a1; x\r\n",
            NAME,
            Some((BOT, Reported)),
        ),
        (
            "Exchange inside, by a name of no registry",
            "Received: from EX01.corp.local (10.0.0.5) by EX02.corp.local (10.0.0.6) with Microsoft SMTP Server id 15.2; x\r\n\
             Received: from pc (203.0.113.9) by mx1.friend.example (192.0.2.77) with Microsoft SMTP Server id 15.2; x\r\n",
            NAME,
            Some((BOT, Reported)),
        ),
        (
            "Exchange Online, with public addresses inside",
            "Received: from AS8PR04MB8372.eurprd04.prod.outlook.com (2603:10a6:20b:3b1::12) by DB9PR04MB8107.eurprd04.prod.outlook.com with HTTPS; x\r\n\
             Received: from DU2PR04CA0001.eurprd04.prod.outlook.com (2603:10a6:10:3b::6) by AS8PR04MB8372.eurprd04.prod.outlook.com (2603:10a6:20b:3b1::12) with Microsoft SMTP Server (version=TLS1_2, cipher=x) id 15.20.8182.18; x\r\n\
             Received: from DB5EUR03FT012.eop-EUR03.prod.protection.outlook.com (2603:10a6:10:3b:cafe::9d) by DU2PR04CA0001.outlook.office365.com (2603:10a6:10:3b::6) with Microsoft SMTP Server (version=TLS1_3, cipher=x) id 15.20.8182.18 via Frontend Transport; x\r\n\
             Received: from pc (203.0.113.9) by DB5EUR03FT012.mail.protection.outlook.com (10.152.20.99) with Microsoft SMTP Server id 15.20.8182.14 via Frontend Transport; x\r\n",
            Some("mail-db5eur03on2060.outbound.protection.outlook.com"),
            Some((BOT, Claimed)),
        ),
        (
            "a bot that calls itself a host of Exchange Online, and is not near",
            "Received: from AS8PR04MB8372.eurprd04.prod.outlook.com (203.0.113.9) by DB5EUR03FT012.mail.protection.outlook.com (10.152.20.99) with Microsoft SMTP Server id 15.20.8182.14 via Frontend Transport; x\r\n",
            Some("mail-db5eur03on2060.outbound.protection.outlook.com"),
            Some((BOT, Claimed)),
        ),
        (
            "Exchange on a campus with public addresses",
            "Received: from ex1.friend.example (198.51.9.5) by ex2.friend.example (198.51.100.9) with Microsoft SMTP Server id 15.2; x\r\n\
             Received: from pc (203.0.113.9) by ex1.friend.example (198.51.9.5) with Microsoft SMTP Server id 15.2; x\r\n",
            NAME,
            Some((BOT, Claimed)),
        ),
        (
            "a provider's filter before it: its lines have another owner",
            "Received: from in.filter.example (in.filter.example [198.51.100.80]) by mx1.friend.example (Postfix)\r\n\
             Received: from pc (unknown [203.0.113.9]) by in.filter.example (Postfix)\r\n",
            NAME,
            Some((BOT, Claimed)),
        ),
        (
            "an edge MX that its make does not know for sure",
            "Received: from edge.friend.example (edge.friend.example [198.18.0.1]) by mx1.friend.example (OpenSMTPD) with ESMTP id 1\r\n\
             Received: from pc (unknown [203.0.113.9]) by edge.friend.example (Postfix)\r\n",
            NAME,
            Some(("198.18.0.1", Claimed)),
        ),
        (
            "the reporter itself, by its public address",
            "Received: from mx1.friend.example (unknown [198.51.100.7]) by mx1.friend.example (Postfix)\r\n\
             Received: from pc (unknown [203.0.113.9]) by mx1.friend.example (Postfix)\r\n",
            NAME,
            Some((BOT, Reported)),
        ),
        (
            "Dovecot at the end",
            "Received: from mx1.friend.example ([198.51.100.7]) by imap.friend.example with LMTP id 1; x\r\n\
             Received: from pc (unknown [203.0.113.9]) by mx1.friend.example (Postfix)\r\n",
            NAME,
            Some((BOT, Reported)),
        ),
        (
            "the same in hexadecimal digits",
            "Received: from pc (CB007109.dsl.provider.example [203.0.113.9]) by home.provider.example (Postfix)\r\n",
            Some("home.provider.example"),
            Some((BOT, Reported)),
        ),
        (
            "a host of ours",
            "Received: from mail.example.org (mail.example.org [192.0.2.3]) by mx1.friend.example (Postfix)\r\n",
            NAME,
            Some(("192.0.2.3", Reported)),
        ),
        (
            "a program of a user there",
            "Received: by mx1.friend.example (Postfix, from userid 1000) id 1; x\r\n",
            NAME,
            None,
        ),
    ] {
        let found = origin(lines, name, REPORTER);
        let found = found.map(|origin| (origin.address.to_string(), origin.standing));
        let expected = expected.map(|(address, standing)| (address.to_owned(), standing));
        assert_eq!(found, expected, "{shape}");
    }
}

/// A bounce that somebody made up, in the name of hosts inside, leads no further than to itself.
#[test]
fn without_a_client_outside_there_is_none() {
    let inside = "Received: from a (a [10.0.0.1]) by mx1.friend.example (Postfix)\r\n";
    let reporter = Reporter {
        address: REPORTER.parse().unwrap(),
        name: None,
    };
    let none = |address: IpAddr| address.is_loopback();
    for lines in ["Subject: x\r\n", inside, &inside.repeat(200)] {
        let (headers, _) = Headers::parse(format!("{lines}\r\n").as_bytes());
        assert_eq!(reporter.origin(&headers, none), None, "{lines}");
    }
}

#[test]
fn what_it_said_in_helo_is_kept() {
    let lines =
        "Received: from pc.bot.example (unknown [203.0.113.9]) by mx1.friend.example (Postfix)\r\n";
    let helo = origin(lines, NAME, REPORTER).unwrap().helo;
    assert_eq!(helo.as_deref(), Some(&b"pc.bot.example"[..]));
}

proptest::proptest! {
    #[test]
    fn no_lines_make_it_panic(lines in proptest::collection::vec("\\PC{0,80}", 0..5), name in "\\PC{0,20}") {
        let text: String = lines.iter().map(|line| format!("Received: {line}\r\n")).collect();
        let name: Option<Domain> = name.parse().ok();
        let reporter = Reporter { address: REPORTER.parse().unwrap(), name: name.as_ref() };
        let _ = reporter.origin(&Headers::parse(text.as_bytes()).0, |_| false);
    }
}
