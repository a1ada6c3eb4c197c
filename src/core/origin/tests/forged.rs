//! Nothing that a bot wrote below the honest lines, or said in HELO, puts the blame on a host that it chose, or takes it
//! away from the bot.

use super::*;

/// What hosts wrote on top, each as its own make and layout does; the bot said {HELO}.
const HONEST: &[(&str, &str)] = &[
    (
        "Postfix",
        "Received: from {HELO} (unknown [203.0.113.9]) by mx1.friend.example (Postfix) with ESMTP id 1; x\r\n",
    ),
    (
        "Postfix with amavis",
        "Received: from localhost (localhost [127.0.0.1]) by mx1.friend.example (Postfix) with ESMTP id 3; x\r\n\
         Received: from mx1.friend.example ([127.0.0.1]) by localhost (mx1.friend.example [127.0.0.1]) (amavis, port 10024) with ESMTP id 2; x\r\n\
         Received: from {HELO} (unknown [203.0.113.9]) by mx1.friend.example (Postfix) with ESMTP id 1; x\r\n",
    ),
    (
        "Exim behind an edge MX",
        "Received: from edge.friend.example ([198.18.0.1]) by mx1.friend.example with esmtp (Exim 4.96) id 2; x\r\n\
         Received: from {HELO} (unknown [203.0.113.9]) by edge.friend.example (Postfix) with ESMTP id 1; x\r\n",
    ),
    (
        "Sendmail",
        "Received: from {HELO} ([203.0.113.9]) by mx1.friend.example (8.17.1/8.17.1) with ESMTP id 1; x\r\n",
    ),
    (
        "Sendmail, a name that leads elsewhere",
        "Received: from {HELO} (mx3.friend.example [203.0.113.9] (may be forged)) by mx1.friend.example (8.17.1/8.17.1) with ESMTP id 1; x\r\n",
    ),
    (
        "Exim",
        "Received: from [203.0.113.9] (helo={HELO}) by mx1.friend.example with esmtp (Exim 4.96) id 1; x\r\n",
    ),
    (
        "OpenSMTPD, a name that nobody checked",
        "Received: from {HELO} (mx3.friend.example [203.0.113.9]) by mx1.friend.example (OpenSMTPD) with ESMTP id 1; x\r\n",
    ),
    (
        "Haraka, a name that nobody checked",
        "Received: from {HELO} (mx3.friend.example [203.0.113.9]) by mx1.friend.example (Haraka/3.0.3) with ESMTP id 1; x\r\n",
    ),
    (
        "qmail, a name that nobody checked",
        "Received: (qmail 4711 invoked from network); x\r\n\
         Received: from mx3.friend.example (HELO {HELO}) (203.0.113.9) by mx1.friend.example with SMTP; x\r\n",
    ),
    (
        "IronPort before Exchange",
        "Received: from esa1.friend.example (10.0.0.5) by EX01.corp.local (10.0.0.6) with Microsoft SMTP Server id 15.2; x\r\n\
         Received: from unknown (HELO {HELO}) ([203.0.113.9]) by esa1.friend.example with ESMTP; x\r\n",
    ),
    (
        "Exchange behind its edge",
        "Received: from EX01.friend.example ([fe80::1%12]) by EX01.friend.example ([fe80::1%12]) with mapi id 15.2; x\r\n\
         Received: from EDGE01.friend.example (10.0.0.5) by EX01.friend.example (10.0.0.6) with Microsoft SMTP Server id 15.2; x\r\n\
         Received: from {HELO} (203.0.113.9) by EDGE01.friend.example (192.0.2.77) with Microsoft SMTP Server id 15.2; x\r\n",
    ),
    (
        "a customer's line of the reporter's own provider",
        "Received: from {HELO} (ip-9-113.friend.example [203.0.113.9]) by mx1.friend.example (Postfix) with ESMTP id 1; x\r\n",
    ),
];

/// What a bot writes below.
const FORGED: &[(&str, &str)] = &[
    ("nothing", ""),
    (
        "a stranger",
        "Received: from innocent.example (innocent.example [192.0.2.200]) by mx.innocent.example (Postfix); x\r\n",
    ),
    (
        "a line of the reporter's own",
        "Received: from innocent.example (innocent.example [192.0.2.200]) by mx1.friend.example (Postfix) with ESMTP id 1; x\r\n",
    ),
    (
        "a line of the reporter's edge",
        "Received: from innocent.example ([192.0.2.200]) by edge.friend.example with esmtp (Exim 4.96) id 1; x\r\n",
    ),
    (
        "our own host, by the reporter",
        "Received: from mail.example.org (mail.example.org [192.0.2.3]) by mx1.friend.example (Postfix) with ESMTP id 1; x\r\n",
    ),
    (
        "our own host, by itself",
        "Received: from joe (joe [192.0.2.4]) by mail.example.org (Postfix) with ESMTPSA id 1; x\r\n",
    ),
    (
        "hosts inside",
        "Received: from localhost (localhost [127.0.0.1]) by mx1.friend.example (Postfix) with ESMTP id 3; x\r\n\
         Received: from edge ([10.0.0.5]) by mx1.friend.example (Postfix) with ESMTP id 2; x\r\n\
         Received: from innocent.example ([192.0.2.200]) by mx1.friend.example (Postfix) with ESMTP id 1; x\r\n",
    ),
    (
        "the reporter itself as a client",
        "Received: from mx1.friend.example (mx1.friend.example [198.51.100.7]) by mx1.friend.example (Postfix) with ESMTP id 2; x\r\n\
         Received: from innocent.example ([192.0.2.200]) by mx1.friend.example (Postfix) with ESMTP id 1; x\r\n",
    ),
    (
        "a user of the reporter",
        "Received: by mx1.friend.example (Postfix, from userid 1000) id 1; x\r\n",
    ),
    (
        "qmail's line without an address",
        "Received: (qmail 17 invoked from network); x\r\n\
         Received: from unknown (HELO innocent.example) (192.0.2.200) by mx1.friend.example with SMTP; x\r\n",
    ),
    (
        "nonsense",
        "Received: ((((( [192.0.2.200]\r\nReceived: \r\nReceived: from\r\n",
    ),
];

/// What it says in HELO, and whether that is a name of the reporter's owner.
const HELO: &[(&str, bool)] = &[
    ("pc.bot.example", false),
    ("localhost", false),
    ("unknown", false),
    ("by", false),
    ("from", false),
    ("[192.0.2.200]", false),
    ("[127.0.0.1]", false),
    ("192.0.2.3", false),
    ("mail.example.org", false),
    ("mx1.friend.example", true),
    ("MX3.Friend.Example", true),
];

#[test]
fn nothing_a_bot_writes_puts_the_blame_on_others() {
    for (layout, honest) in HONEST {
        for (shape, forged) in FORGED {
            for (helo, is_of_owner) in HELO {
                let lines = honest.replace("{HELO}", helo) + forged;
                let found = origin(&lines, NAME, REPORTER);
                let expected = match is_of_owner {
                    true => Standing::Claimed,
                    false => Standing::Reported,
                };
                let found = found.map(|origin| (origin.address.to_string(), origin.standing));
                let told = format!("{layout}; HELO {helo}; below: {shape}");
                assert_eq!(found, Some((BOT.to_owned(), expected)), "{told}");
            }
        }
    }
}

/// Where the honest lines do not say who the client was, or it may be a host of the same owner, nobody is accused for sure.
#[test]
fn where_the_client_is_not_told_nobody_is_accused_for_sure() {
    for (layout, honest, is_found) in [
        (
            "OpenSMTPD, mask-src",
            "Received: by mx1.friend.example (OpenSMTPD) with ESMTP id 1; x\r\n",
            false,
        ),
        (
            "MDaemon of old",
            "Received: from pc.bot.example by mx1.friend.example (MDaemon.PRO.v9.5.6.R) with ESMTP id md1; x\r\n",
            false,
        ),
        (
            "a program there",
            "Received: from joe (uid 1000) id 1 by mx1.friend.example (DragonFly Mail Agent v0.13); x\r\n",
            false,
        ),
        (
            "MDaemon of old, and it calls itself a host of theirs",
            "Received: from mx3.friend.example by mx1.friend.example (MDaemon.PRO.v9.5.6.R) with ESMTP id md1; x\r\n",
            true,
        ),
        (
            "a neighbour without a name",
            "Received: from pc (unknown [198.51.100.99]) by mx1.friend.example (Postfix) with ESMTP id 1; x\r\n",
            true,
        ),
        (
            "a neighbour with a name of another owner",
            "Received: from pc (www.shop.example [198.51.100.99]) by mx1.friend.example (Postfix) with ESMTP id 1; x\r\n",
            true,
        ),
        (
            "mail fetched from elsewhere",
            "Received: from pop.provider.example ([198.18.9.9]) by mx1.friend.example with POP3 (fetchmail-6.4.37); x\r\n",
            true,
        ),
    ] {
        for (shape, forged) in FORGED {
            let found = origin(&format!("{honest}{forged}"), NAME, REPORTER);
            let standing = found.map(|origin| origin.standing);
            let told = format!("{layout}; below: {shape}");
            match is_found {
                false => assert_eq!(standing, None, "{told}"),
                true => assert_ne!(standing, Some(Standing::Reported), "{told}"),
            }
        }
    }
}
