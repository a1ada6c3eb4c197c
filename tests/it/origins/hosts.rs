//! Who takes part: the bots, the hosts that bounce what they send, and we.

use std::net::Ipv4Addr;

use lab::{bouncer::Host, dns::Zone, internet, smtp::Client};

/// Whom the bots claim to be.
pub const VICTIM: &str = "joe@example.org";
/// Our MX.
pub const HOME: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 25);
pub const HOME_NAME: &str = "mx.example.org";
/// A host that the bots blame: it has sent nothing.
pub const INNOCENT: Ipv4Addr = Ipv4Addr::new(198, 19, 200, 1);

/// Where a bot sends what it sends in our name.
pub struct Target {
    /// The host that it connects to.
    pub takes: (&'static str, Ipv4Addr),
    /// The host that bounces, if it is another one.
    pub bounces: Option<(&'static str, Ipv4Addr)>,
    pub domain: &'static str,
}

const fn at(third: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, third, 10)
}

/// Postfix with amavis.
pub const ALPHA: Target = Target {
    takes: ("mx1.alpha.example", at(1)),
    bounces: None,
    domain: "alpha.example",
};
/// Exim behind an edge MX of another network.
pub const BETA: Target = Target {
    takes: ("edge.beta.example", at(2)),
    bounces: Some(("inner.beta.example", at(3))),
    domain: "beta.example",
};
/// Sendmail.
pub const GAMMA: Target = Target {
    takes: ("mx1.gamma.example", at(4)),
    bounces: None,
    domain: "gamma.example",
};
/// OpenSMTPD.
pub const DELTA: Target = Target {
    takes: ("mx1.delta.example", at(5)),
    bounces: None,
    domain: "delta.example",
};
/// Shaped like Exchange behind its edge.
pub const EPSILON: Target = Target {
    takes: ("edge01.epsilon.example", at(6)),
    bounces: None,
    domain: "epsilon.example",
};
/// Shaped like qmail.
pub const ZETA: Target = Target {
    takes: ("mx.zeta.example", at(7)),
    bounces: None,
    domain: "zeta.example",
};

pub const TARGETS: [&Target; 6] = [&ALPHA, &BETA, &GAMMA, &DELTA, &EPSILON, &ZETA];

impl Target {
    /// Who bounces.
    pub fn bouncer(&self) -> Host {
        let (name, address) = self.bounces.unwrap_or(self.takes);
        Host {
            name: name.to_owned(),
            domain: self.domain.to_owned(),
            address,
            is_public: true,
        }
    }

    /// Who takes the mail from outside.
    pub fn edge(&self) -> Host {
        let (name, address) = self.takes;
        Host {
            name: name.to_owned(),
            address,
            ..self.bouncer()
        }
    }
}

/// What a bot says in HELO that would rather write the line of the host itself.
const HOSTILE: &str = "pc (mail.innocent.example [198.19.200.1]) by mx1.alpha.example (Postfix)";

/// Who sends in our name.
pub struct Bot {
    pub address: Ipv4Addr,
    /// What DNS calls it, and whether that leads back.
    pub name: Option<(&'static str, bool)>,
    pub helo: &'static str,
    /// How often it sends to each of [`TARGETS`].
    pub times: [u64; 6],
}

pub const BOTS: [Bot; 3] = [
    Bot {
        address: Ipv4Addr::new(203, 0, 113, 9),
        name: None,
        helo: "pc.bot.example",
        times: [3, 2, 2, 2, 1, 2],
    },
    // A customer's line.
    Bot {
        address: Ipv4Addr::new(198, 51, 100, 130),
        name: Some(("host-100-130.dsl.provider.example", true)),
        helo: "[198.51.100.130]",
        times: [1, 2, 1, 1, 0, 1],
    },
    // It calls itself a host of those that it sends to, in DNS as well.
    Bot {
        address: Ipv4Addr::new(198, 19, 66, 6),
        name: Some(("mx3.delta.example", false)),
        helo: "mx3.delta.example",
        times: [1, 1, 1, 1, 1, 0],
    },
];

impl Bot {
    /// What it sends, with lines below that it wrote itself: the innocent host's, lines of the host that it sends to, with
    /// private addresses and with ours, and such as name nobody.
    pub fn message(&self, target: &Target, number: u64) -> String {
        let ((by, _), domain) = (target.takes, target.domain);
        let (bounces, own) = target.bounces.unwrap_or(target.takes);
        let date = "Mon, 30 Nov 2026 15:00:00 +0000";
        format!(
            "Received: (qmail 17 invoked from network); 30 Nov 2026 15:00:00 -0000
Received: from localhost (localhost [127.0.0.1]) by {by} (Postfix) with ESMTP id 4cXk1; {date}
Received: from {bounces} ({bounces} [{own}]) by {by} (Postfix) with ESMTP id 4cXk2; {date}
Received: from mail.innocent.example (mail.innocent.example [{INNOCENT}])\r
\tby {by} (Postfix) with ESMTPS id 4cXk3 for <nobody@{domain}>; {date}
Received: from {HOME_NAME} ({HOME_NAME} [{HOME}]) by {bounces} (Postfix) with ESMTPS id 4cXk4; {date}
Received: from pc ([{INNOCENT}]) by mail.innocent.example with esmtp (Exim 4.96) id 1t; {date}
From: Joe <{VICTIM}>
To: nobody@{domain}
Subject: Invoice {number}
Date: {date}
Message-ID: <{number}.{}@{domain}>

Pay at once.
",
            self.address
        )
        .replace('\r', "")
        .replace('\n', "\r\n")
    }

    /// Sends it to a real MTA. The bot without a name tries a hostile HELO the second time; whether that was taken.
    pub fn send(&self, target: &Target, number: u64) -> bool {
        let mut client = internet::connect(target.takes.1, self.address).unwrap();
        let is_hostile = self.name.is_none() && number == 1;
        let taken = is_hostile && client.ehlo(HOSTILE).unwrap().is_positive();
        if !taken {
            assert_eq!(client.ehlo(self.helo).unwrap().code, 250);
        }
        let message = self.message(target, number);
        deliver(
            &mut client,
            VICTIM,
            &format!("nobody@{}", target.domain),
            &message,
        );
        taken
    }

    /// Has a host bounce it that is shaped like another make, with the HELO that the bot has.
    pub fn bounced(&self, target: &Target, shape: &str, number: u64) -> bool {
        let bounce = shape
            .replace('\n', "\r\n")
            .replace("{HELO}", self.helo)
            .replace("{BOT}", &self.address.to_string())
            .replace("{MESSAGE}\r\n", &self.message(target, number));
        let (name, address) = target.takes;
        let mut client = internet::connect(HOME, address).unwrap();
        assert_eq!(client.ehlo(name).unwrap().code, 250);
        deliver(&mut client, "", VICTIM, &bounce);
        false
    }

    /// How many networks have hosts that bounce what it sends.
    pub fn reporters(&self) -> u64 {
        self.times.iter().map(|times| (*times).min(1)).sum()
    }
}

fn deliver(client: &mut Client, sender: &str, recipient: &str, message: &str) {
    let reply = client
        .message(sender, recipient, message.as_bytes())
        .unwrap();
    assert_eq!(reply.code, 250, "{recipient}: {reply:?}");
}

/// What DNS says of all of them.
pub fn zone() -> Zone {
    let takes = TARGETS.map(|target| target.takes);
    let inside = TARGETS.iter().filter_map(|target| target.bounces);
    let others = [(HOME_NAME, HOME), ("mail.innocent.example", INNOCENT)];
    let honest: Vec<_> = takes.into_iter().chain(inside).chain(others).collect();
    let mut zone = internet::zone(&honest);
    for bot in &BOTS {
        if let Some((name, leads_back)) = bot.name {
            zone = zone.ptr(&internet::reversed(bot.address), name);
            if leads_back {
                zone = zone.a(name, bot.address);
            }
        }
    }
    zone
}
