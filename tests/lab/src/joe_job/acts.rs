//! Who sends what, and what must be answered.

/// One stranger's session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Act {
    /// What it is.
    pub(super) title: &'static str,
    /// The client's address.
    pub(super) client: &'static str,
    /// What it says in EHLO.
    pub(super) helo: &'static str,
    /// Its login.
    pub(super) login: Option<&'static str>,
    /// MAIL FROM; empty for the null sender.
    pub(super) from: &'static str,
    /// Each RCPT TO, and what must come of it.
    pub(super) recipients: &'static [(&'static str, Answer)],
    /// What follows the recipients.
    pub(super) ends: Ends,
}

/// What must come of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The SMTP code and the enhanced code, as Postfix says them.
    pub(super) code: &'static str,
    /// The verdict in backstop's log.
    pub(super) verdict: &'static str,
    /// The reason there.
    pub(super) reason: &'static str,
}

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// With a message, to whom it is let in for.
    Mail,
    /// With a bounce of a message that this host sent, by what it calls itself.
    Bounce(&'static str),
    /// With QUIT right after the recipients: somebody only asks whether an address exists.
    Quit,
}

/// Who sends in joe's name: what each calls itself, and its address, which the headers that a bounce returns show.
pub(super) const BOTS: [(&str, &str); 3] = [
    (PC, "203.0.113.66"),
    ("camera.spam.example", "198.51.100.130"),
    ("router.spam.example", "192.0.2.177"),
];
const PC: &str = "pc.spam.example";
/// Who sent what is returned: a spammer in joe's name, or joe himself.
pub(super) const FORGED: Ends = Ends::Bounce(PC);
const GENUINE: Ends = Ends::Bounce(LAPTOP);
const GENUINE_TOO: Ends = Ends::Bounce(PHONE);
const LAPTOP: &str = "laptop";
const PHONE: &str = "phone";

const SPAMMER: &str = "203.0.113.66";
const BYSTANDER: &str = "198.51.100.7";
const FRIEND: &str = "198.51.100.20";

const OK: &str = "250 2.1.5";

const fn let_in(reason: &'static str) -> Answer {
    Answer {
        code: OK,
        verdict: "accept",
        reason,
    }
}

const fn refused(code: &'static str, reason: &'static str) -> Answer {
    Answer {
        code,
        verdict: "reject",
        reason,
    }
}

const fn put_off(code: &'static str, reason: &'static str) -> Answer {
    Answer {
        code,
        verdict: "tempfail",
        reason,
    }
}

const fn tagged(reason: &'static str) -> Answer {
    Answer {
        code: OK,
        verdict: "tag",
        reason,
    }
}

/// An ordinary day. Addresses of joe@example.org, sales@ and info@ are known, `shop-...` has a rule, and the rest of the domain
/// is a catch-all that takes mail and no bounces.
pub(super) const DAY: &[Act] = &[
    Act {
        title: "joe's own mail from a hotel, logged in",
        client: "203.0.113.99",
        helo: LAPTOP,
        login: Some("joe"),
        from: "joe@example.org",
        recipients: &[("bob@friend.example", let_in("outgoing_authenticated"))],
        ends: Ends::Mail,
    },
    Act {
        title: "and another, from his phone",
        client: "203.0.113.99",
        helo: PHONE,
        login: Some("joe"),
        from: "joe@example.org",
        recipients: &[("bob@friend.example", let_in("outgoing_authenticated"))],
        ends: Ends::Mail,
    },
    Act {
        title: "good mail",
        client: FRIEND,
        helo: "mx.friend.example",
        login: None,
        from: "bob@friend.example",
        recipients: &[("joe@example.org", let_in("nothing_found"))],
        ends: Ends::Mail,
    },
    Act {
        title: "a good bounce, of mail that joe sent",
        client: FRIEND,
        helo: "mx.friend.example",
        login: None,
        from: "",
        recipients: &[("joe@example.org", let_in("ledger"))],
        ends: GENUINE,
    },
    Act {
        title: "spam that forges a bank",
        client: SPAMMER,
        helo: "pc.spam.example",
        login: None,
        from: "alice@bank.example",
        recipients: &[("joe@example.org", refused("550 5.7.23", "spf_fail"))],
        ends: Ends::Mail,
    },
    Act {
        title: "spam that forges our own domain",
        client: SPAMMER,
        helo: "pc.spam.example",
        login: None,
        from: "boss@example.org",
        recipients: &[("joe@example.org", refused("550 5.7.1", "mail_from_forged"))],
        ends: Ends::Mail,
    },
    Act {
        title: "a bounce of a spammer's message, to joe",
        client: BYSTANDER,
        helo: "mx.bystander.example",
        login: None,
        from: "",
        recipients: &[("joe@example.org", tagged("unproven"))],
        ends: FORGED,
    },
];

/// While the domain is besieged.
pub(super) const MEANWHILE: &[Act] = &[
    Act {
        title: "one of the flood: it returns spam in joe's name",
        client: BYSTANDER,
        helo: "mx.bystander.example",
        login: None,
        from: "",
        recipients: &[("joe@example.org", refused("550 5.7.1", "siege_unproven"))],
        ends: FORGED,
    },
    Act {
        title: "a good bounce, of joe's other message",
        client: FRIEND,
        helo: "mx.friend.example",
        login: None,
        from: "",
        recipients: &[("joe@example.org", let_in("ledger"))],
        ends: GENUINE_TOO,
    },
    Act {
        title: "good mail, in the middle of it",
        client: FRIEND,
        helo: "mx.friend.example",
        login: None,
        from: "bob@friend.example",
        recipients: &[("joe@example.org", let_in("nothing_found"))],
        ends: Ends::Mail,
    },
    Act {
        title: "mail to a name that only the catch-all has",
        client: FRIEND,
        helo: "mx.friend.example",
        login: None,
        from: "bob@friend.example",
        recipients: &[(
            "anything@example.org",
            put_off("450 4.7.1", "siege_catch_all_mail"),
        )],
        ends: Ends::Mail,
    },
];

/// When the siege is over.
pub(super) const AFTER: &[Act] = &[Act {
    title: "a straggler of the flood",
    client: BYSTANDER,
    helo: "mx.bystander.example",
    login: None,
    from: "",
    recipients: &[("joe@example.org", tagged("unproven"))],
    ends: FORGED,
}];

/// What else comes in the name of a domain, or to it.
pub(super) const CASES: &[Act] = &[
    Act {
        title: "a bounce to an address that never sends",
        client: BYSTANDER,
        helo: "mx.bystander.example",
        login: None,
        from: "",
        recipients: &[("noreply@example.org", refused("550 5.7.1", "never_sends"))],
        ends: FORGED,
    },
    Act {
        title: "one bounce to three recipients",
        client: BYSTANDER,
        helo: "mx.bystander.example",
        login: None,
        from: "",
        recipients: &[
            ("joe@example.org", let_in("nothing_found")),
            (
                "sales@example.org",
                put_off("452 4.5.3", "null_sender_extra_recipient"),
            ),
            (
                "info@example.org",
                put_off("452 4.5.3", "null_sender_extra_recipient"),
            ),
        ],
        ends: Ends::Quit,
    },
    Act {
        title: "bounces to names that spammers made up",
        client: BYSTANDER,
        helo: "mx.bystander.example",
        login: None,
        from: "",
        recipients: &[
            (
                "xk27qz@example.org",
                refused("550 5.7.1", "catch_all_bounce"),
            ),
            (
                "gwendolyn84@example.org",
                refused("550 5.7.1", "catch_all_bounce"),
            ),
        ],
        ends: FORGED,
    },
    Act {
        title: "a bounce to an address given to a shop",
        client: BYSTANDER,
        helo: "mx.bystander.example",
        login: None,
        from: "",
        recipients: &[("shop-acme@example.org", refused("550 5.7.1", "rule_bounce"))],
        ends: FORGED,
    },
    Act {
        title: "mail to a name of the catch-all",
        client: FRIEND,
        helo: "mx.friend.example",
        login: None,
        from: "bob@friend.example",
        recipients: &[("anything@example.org", let_in("nothing_found"))],
        ends: Ends::Mail,
    },
    Act {
        title: "a newsletter by a host that its domain is not sure of",
        client: "203.0.113.30",
        helo: "bulk.example",
        login: None,
        from: "letter@news.example",
        recipients: &[("joe@example.org", tagged("spf_softfail"))],
        ends: Ends::Mail,
    },
    Act {
        title: "mail from a domain whose DNS is dead",
        client: "203.0.113.40",
        helo: "mx.dead.example",
        login: None,
        from: "carol@dead.example",
        recipients: &[("joe@example.org", put_off("451 4.7.24", "spf_temperror"))],
        ends: Ends::Mail,
    },
    Act {
        title: "a complaint to postmaster, from where SPF fails",
        client: SPAMMER,
        helo: "pc.spam.example",
        login: None,
        from: "alice@bank.example",
        recipients: &[("postmaster@example.org", let_in("exempt_postmaster"))],
        ends: Ends::Mail,
    },
    Act {
        title: "a callout: does joe exist? (RCPT, then QUIT)",
        client: FRIEND,
        helo: "mx.friend.example",
        login: None,
        from: "",
        recipients: &[("joe@example.org", let_in("nothing_found"))],
        ends: Ends::Quit,
    },
];
