//! The table of dialogues that both MTAs run: who says what, what is answered, and what is delivered.

use std::time::{Duration, Instant};

use lab::{postfix::Postfix, sendmail::Sendmail};

use crate::site::{Letter, Mta, Site, codes};

struct Dialogue {
    about: &'static str,
    /// The last number of the client's address.
    host: u8,
    helo: &'static str,
    /// MAIL FROM; empty for the null sender.
    from: &'static str,
    /// Each RCPT TO, with the codes of its reply, the verdict and the reason.
    recipients: &'static [(&'static str, &'static str, &'static str, &'static str)],
    /// What the first refusal says, among other things.
    says: &'static str,
}

const OK: &str = "250 2.1.5";

const SPAMMER: u8 = 66;
const BYSTANDER: u8 = 7;
const FRIEND: u8 = 20;

const TABLE: &[Dialogue] = &[
    Dialogue {
        about: "a forged sender, and the domain's own words with their one `%`",
        host: SPAMMER,
        helo: "pc.spam.example",
        from: "alice@bank.example",
        recipients: &[("joe@example.org", "550 5.7.23", "reject", "spf_fail")],
        says: ".66 is none of ours, we are 100% sure",
    },
    Dialogue {
        about: "the true sender",
        host: 10,
        helo: "out.bank.example",
        from: "alice@bank.example",
        recipients: &[("joe@example.org", OK, "accept", "nothing_found")],
        says: "",
    },
    Dialogue {
        about: "a domain that is not sure",
        host: SPAMMER,
        helo: "bulk.example",
        from: "letter@news.example",
        recipients: &[("joe@example.org", OK, "tag", "spf_softfail")],
        says: "",
    },
    Dialogue {
        about: "a broken record",
        host: SPAMMER,
        helo: "bulk.example",
        from: "a@broken.example",
        recipients: &[("joe@example.org", OK, "tag", "spf_permerror")],
        says: "",
    },
    Dialogue {
        about: "a broken record, of a domain that has an answer of its own",
        host: SPAMMER,
        helo: "bulk.example",
        from: "a@strict.example",
        recipients: &[("joe@example.org", "550 5.7.24", "reject", "spf_permerror")],
        says: "the record of strict.example is broken",
    },
    Dialogue {
        about: "name servers that fail",
        host: SPAMMER,
        helo: "bulk.example",
        from: "a@failing.example",
        recipients: &[("joe@example.org", "451 4.7.24", "tempfail", "spf_temperror")],
        says: "please try again later",
    },
    Dialogue {
        about: "a HELO name that sends no mail, whoever the sender is",
        host: FRIEND,
        helo: "elsewhere.example",
        from: "bob@friend.example",
        recipients: &[("joe@example.org", "550 5.7.23", "reject", "spf_helo_fail")],
        says: "the HELO name elsewhere.example",
    },
    Dialogue {
        about: "a bounce from a name that sends no mail",
        host: BYSTANDER,
        helo: "elsewhere.example",
        from: "",
        recipients: &[("joe@example.org", "550 5.7.23", "reject", "spf_helo_fail")],
        says: "the HELO name elsewhere.example",
    },
    Dialogue {
        about: "a stranger as one of us",
        host: SPAMMER,
        helo: "pc.spam.example",
        from: "boss@example.org",
        recipients: &[("joe@example.org", "550 5.7.1", "reject", "mail_from_forged")],
        says: "example.org is a domain of ours",
    },
    Dialogue {
        about: "one of us, from where our record says",
        host: 25,
        helo: "out.example.org",
        from: "boss@example.org",
        recipients: &[("joe@example.org", OK, "accept", "nothing_found")],
        says: "",
    },
    Dialogue {
        about: "a forwarder that is trusted",
        host: 40,
        helo: "mx.forwarder.example",
        from: "alice@bank.example",
        recipients: &[("joe@example.org", OK, "accept", "nothing_found")],
        says: "",
    },
    Dialogue {
        about: "a bounce",
        host: BYSTANDER,
        helo: "mx.bystander.example",
        from: "",
        recipients: &[("joe@example.org", OK, "accept", "nothing_found")],
        says: "",
    },
    Dialogue {
        about: "a bounce to two",
        host: BYSTANDER,
        helo: "mx.bystander.example",
        from: "",
        recipients: &[
            ("joe@example.org", OK, "accept", "nothing_found"),
            (
                "sales@example.org",
                "452 4.5.3",
                "tempfail",
                "null_sender_extra_recipient",
            ),
        ],
        says: "goes to one recipient",
    },
    Dialogue {
        about: "a bounce to an address that never sends",
        host: BYSTANDER,
        helo: "mx.bystander.example",
        from: "",
        recipients: &[("noreply@example.org", "550 5.7.1", "reject", "never_sends")],
        says: "This address never sends mail",
    },
    Dialogue {
        about: "mail to an address that never sends",
        host: FRIEND,
        helo: "mx.friend.example",
        from: "bob@friend.example",
        recipients: &[("noreply@example.org", OK, "accept", "nothing_found")],
        says: "",
    },
    Dialogue {
        about: "a bounce to a name of the catch-all",
        host: BYSTANDER,
        helo: "mx.bystander.example",
        from: "",
        recipients: &[(
            "xk27qz@example.org",
            "550 5.7.1",
            "reject",
            "catch_all_bounce",
        )],
        says: "No mail is ever sent from this address",
    },
    Dialogue {
        about: "mail to a name of the catch-all",
        host: FRIEND,
        helo: "mx.friend.example",
        from: "bob@friend.example",
        recipients: &[("xk27qz@example.org", OK, "accept", "nothing_found")],
        says: "",
    },
    Dialogue {
        about: "a bounce to where a rule takes none",
        host: BYSTANDER,
        helo: "mx.bystander.example",
        from: "",
        recipients: &[(
            "shop-acme@example.org",
            "550 5.7.1",
            "reject",
            "rule_bounce",
        )],
        says: "No mail is ever sent from this address",
    },
    Dialogue {
        about: "rules of every kind, in one message",
        host: FRIEND,
        helo: "mx.friend.example",
        from: "bob@friend.example",
        recipients: &[
            ("old-acme@example.org", "550 5.7.1", "reject", "rule_mail"),
            ("shop-acme@example.org", OK, "accept", "nothing_found"),
            (
                "busy-acme@example.org",
                "450 4.7.1",
                "tempfail",
                "rule_mail",
            ),
            ("tagged-acme@example.org", OK, "tag", "rule_mail"),
            ("watched-acme@example.org", OK, "tag", "rule_mail"),
        ],
        says: "Mail to this address is not accepted here",
    },
    Dialogue {
        about: "postmaster, for whoever writes",
        host: SPAMMER,
        helo: "elsewhere.example",
        from: "alice@bank.example",
        recipients: &[("postmaster@example.org", OK, "accept", "exempt_postmaster")],
        says: "",
    },
    Dialogue {
        about: "a recipient who wants everything",
        host: SPAMMER,
        helo: "elsewhere.example",
        from: "boss@example.org",
        recipients: &[("abuse@example.org", OK, "accept", "exempt_recipient")],
        says: "",
    },
    Dialogue {
        about: "a domain without an entry in `recipients`",
        host: FRIEND,
        helo: "mx.friend.example",
        from: "bob@friend.example",
        recipients: &[("known@example.net", OK, "accept", "nothing_found")],
        says: "",
    },
    Dialogue {
        about: "somebody whom the MTA doesn't know, among others",
        host: FRIEND,
        helo: "mx.friend.example",
        from: "bob@friend.example",
        recipients: &[
            (
                "nobody@example.net",
                "550 5.1.1",
                "accept",
                "refused_by_mta",
            ),
            ("known@example.net", OK, "accept", "nothing_found"),
        ],
        says: "",
    },
];

#[test]
fn through_postfix() {
    play_all(&Site::<Postfix>::start(), false);
}

#[test]
fn through_sendmail() {
    play_all(&Site::<Sendmail>::start(), false);
}

#[test]
fn monitoring_refuses_nothing_through_postfix() {
    let monitor = [("mode: enforce", "mode: monitor")];
    play_all(&Site::<Postfix>::start_with(&monitor), true);
}

#[test]
fn monitoring_refuses_nothing_through_sendmail() {
    let monitor = [("mode: enforce", "mode: monitor")];
    play_all(&Site::<Sendmail>::start_with(&monitor), true);
}

/// A dead DNS server costs no more than `dns.budget`, which is 2 s here.
#[test]
fn silence_is_answered_in_time() {
    let site = Site::<Postfix>::start();
    let mut client = site.session(SPAMMER, "bulk.example");
    client.mail("a@dead.example").unwrap();
    let asked = Instant::now();
    assert_eq!(
        codes(&client.rcpt("joe@example.org").unwrap()),
        "451 4.7.24"
    );
    assert!(
        asked.elapsed() < Duration::from_secs(6),
        "{:?}",
        asked.elapsed()
    );
}

fn play_all<M: Mta>(site: &Site<M>, monitor: bool) {
    for dialogue in TABLE {
        println!("{}", dialogue.about);
        play(site, dialogue, monitor);
    }
}

fn play<M: Mta>(site: &Site<M>, dialogue: &Dialogue, monitor: bool) {
    let since = site.backstop.log().len();
    let mut client = site.session(dialogue.host, dialogue.helo);
    assert_eq!(client.mail(dialogue.from).unwrap().code, 250);
    let mut let_in = Vec::new();
    let mut said = String::new();
    let mut tags = Vec::new();
    let mut accepted = Vec::new();
    for &(recipient, expected, verdict, reason) in dialogue.recipients {
        let softened = monitor && matches!(verdict, "reject" | "tempfail");
        let expected = if softened { OK } else { expected };
        let reply = client.rcpt(recipient).unwrap();
        assert_eq!(codes(&reply), expected, "{recipient}: {reply:?}");
        if reply.is_positive() {
            let_in.push(recipient);
        } else if said.is_empty() {
            said = reply.lines.join(" ");
        }
        if softened {
            tags.push(format!("verdict=tag reason={reason} would={verdict}"));
        } else if verdict == "tag" {
            tags.push(format!("verdict=tag reason={reason}"));
        } else if reply.is_positive() {
            accepted.push(format!("verdict=accept reason={reason}"));
        }
    }
    if !monitor {
        assert!(said.contains(dialogue.says), "{said}");
    }
    if !let_in.is_empty() {
        let letter = match dialogue.from {
            "" => Letter::bounce(),
            _ => Letter::new(),
        };
        let reply = client.data(&letter.bytes).unwrap();
        assert_eq!(codes(&reply), "250 2.0.0", "{reply:?}");
        for recipient in let_in {
            let text = site.delivered(recipient, &letter);
            assert_eq!(text.matches("\nX-Backstop: ").count(), 1, "{text}");
            // What was noticed is told, or else why it is accepted.
            let told = if tags.is_empty() { &accepted } else { &tags };
            assert_eq!(text.contains(" verdict=accept"), tags.is_empty(), "{text}");
            for tag in told {
                assert!(text.contains(tag), "no {tag} in\n{text}");
            }
        }
    }
    client.quit().unwrap();
    for &(recipient, _, verdict, reason) in dialogue.recipients {
        let softened = monitor && matches!(verdict, "reject" | "tempfail");
        let verdict = if softened { "tag" } else { verdict };
        site.decision(
            since,
            &[
                &format!(" client={} ", M::address(dialogue.host)),
                &format!(" helo={} ", dialogue.helo),
                &format!(" mail_from=<{}> ", dialogue.from),
                &format!(" rcpt=<{recipient}> "),
                &format!(" verdict={verdict} reason={reason} "),
            ],
        );
    }
}
