//! For each rule: a message that it answers, what of it an outage leaves open, and what it doesn't.

use backstop::core::{
    address::{Mailbox, ReversePath},
    dnsbl::Listing,
    envelope::{Client, Envelope, Recipient},
    outside::{
        Outside::{self, Directory, Dns, Store},
        Unanswered,
    },
    policy::{Otherwise, Siege, SpfAnswers, Tag, Vouched, WasLearned},
    proof::{
        Keys, ProofKind, Weak,
        evidence::{Evidence, ProofFinding, ProofResult},
    },
    recipients::Known,
    spf::{
        Identity, SpfCheck,
        SpfResult::{self, Fail, None as Without, Pass, Permerror, Softfail, Temperror},
    },
};

const DSN: &str = "From: MAILER-DAEMON@mx.friend.example\nSubject: Undelivered Mail Returned to Sender\n\
    Content-Type: multipart/report; report-type=delivery-status; boundary=x\n";
const RECEIPT: &str = "From: bob@friend.example\nSubject: Read: hello\n\
    Content-Type: multipart/report; report-type=disposition-notification; boundary=x\n";
const ANSWER: &str = "From: bob@friend.example\nSubject: Re: hello\nAuto-Submitted: auto-replied\n\
    In-Reply-To: <1@example.net>\n";
const REPORT: &str = "From: bob@friend.example\nSubject: complaint\n\
    Content-Type: multipart/report; report-type=feedback-report; boundary=x\n";
const FORGED: &str = "From: Jane <jane@example.org>\nSubject: hello\n";

/// All that is known of one message to one recipient.
#[derive(Clone, Debug)]
pub struct World {
    pub from: &'static str,
    pub rcpt: &'static str,
    pub helo_name: &'static str,
    pub helo: SpfResult,
    pub mail_from: SpfResult,
    pub forwarder: Vouched<String>,
    pub tag: Option<Tag>,
    pub earlier: usize,
    pub known: Known,
    pub is_listed: bool,
    pub besieged: bool,
    pub learned: WasLearned,
    pub headers: &'static str,
    pub found: Vec<(ProofKind, ProofResult)>,
    pub weak: Weak,
    pub weak_unanswered: Option<Outside>,
    pub sent_lately: Result<bool, Outside>,
    pub tag_required: bool,
    pub reads_content: bool,
    pub signed: Vouched<String>,
    pub ledger: bool,
}

impl World {
    /// Mail of a stranger against whom nothing speaks.
    fn mail() -> Self {
        Self {
            from: "bob@friend.example",
            rcpt: "jane@example.org",
            helo_name: "mx.friend.example",
            helo: Pass,
            mail_from: Pass,
            forwarder: Vouched::No,
            tag: None,
            earlier: 0,
            known: Known::NotListed,
            is_listed: false,
            besieged: false,
            learned: WasLearned::No,
            headers: "From: Bob <bob@friend.example>\nSubject: hello\n",
            found: vec![(ProofKind::Dkim, ProofResult::Absent)],
            weak: Weak::Ignore,
            weak_unanswered: None,
            sent_lately: Ok(false),
            tag_required: false,
            reads_content: true,
            signed: Vouched::No,
            ledger: false,
        }
    }

    /// A bounce that nothing proves.
    fn bounce() -> Self {
        Self {
            from: "",
            headers: DSN,
            ..Self::mail()
        }
    }

    /// The same while nothing outside answers that this rule does not ask.
    fn all_out(self) -> Self {
        Self {
            forwarder: Vouched::Unanswered,
            known: unreadable(),
            learned: WasLearned::Unanswered,
            sent_lately: Err(Store),
            weak_unanswered: Some(Dns),
            signed: Vouched::Unanswered,
            ..self.content_out()
        }
    }

    fn content_out(self) -> Self {
        self.found(&[
            (ProofKind::Ledger, ProofResult::Unanswered(Store)),
            (ProofKind::Dkim, ProofResult::Unanswered(Dns)),
        ])
    }

    fn found(self, found: &[(ProofKind, ProofResult)]) -> Self {
        Self {
            found: found.to_vec(),
            ..self
        }
    }

    fn known(self, known: Known) -> Self {
        Self { known, ..self }
    }

    fn forwarder(self, forwarder: Vouched<String>) -> Self {
        Self { forwarder, ..self }
    }

    /// It says that it is a trusted forwarder, and DNS does not say whether it may.
    fn maybe_forwarder_by_name(self) -> Self {
        Self {
            helo_name: "mx.forwarder.example",
            helo: Temperror,
            ..self
        }
    }

    pub fn envelope(&self) -> Envelope {
        Envelope {
            client: Client {
                address: "192.0.2.1".parse().ok(),
                helo: Some(self.helo_name.as_bytes().to_vec()),
                ..Client::default()
            },
            reverse_path: ReversePath::from_bytes(self.from.as_bytes()),
        }
    }

    pub fn spf(&self) -> SpfAnswers {
        let domain = self
            .from
            .split_once('@')
            .map_or(self.helo_name, |(_, domain)| domain);
        let check = |identity, domain: &str, result| {
            Some(SpfCheck::new(identity, domain.to_owned(), result))
        };
        SpfAnswers {
            helo: check(Identity::Helo, self.helo_name, self.helo),
            mail_from: check(Identity::MailFrom, domain, self.mail_from),
            forwarder: self.forwarder.clone(),
        }
    }

    pub fn recipient(&self) -> Recipient {
        Recipient {
            mailbox: Mailbox::from_bytes(self.rcpt.as_bytes()),
            refused: None,
        }
    }

    pub fn listing(&self) -> Listing {
        match self.is_listed {
            true => Listing::Listed("127.0.0.2".parse().unwrap()),
            false => Listing::Unanswered(Unanswered::dns("timed out")),
        }
    }

    pub fn siege(&self) -> Option<Siege> {
        let learned = self.learned;
        self.besieged.then_some(Siege { learned })
    }

    pub fn evidence(&self) -> Evidence {
        let findings = self.found.iter().map(|&(kind, result)| ProofFinding {
            kind,
            result,
            text: String::new(),
        });
        Evidence {
            findings: findings.collect(),
            remembered: vec!["example.net".parse().unwrap()],
            weak_unanswered: self.weak_unanswered,
            ..Evidence::default()
        }
    }
}

/// What one rule answers.
#[derive(Debug, Default)]
pub struct Row {
    /// Everything answers.
    pub answered: Option<World>,
    /// This does not, and could have changed the verdict.
    pub outages: Vec<(Vec<Outside>, World)>,
    /// Something does not, and could have changed nothing.
    pub stands: Vec<World>,
}

pub fn keys() -> Keys {
    Keys::parse("0 2026-01-01 MDEyMzQ1Njc4OWFiY2RlZg\n").unwrap()
}

fn unreadable() -> Known {
    Known::Unanswered(Unanswered::directory("no such file"))
}

/// The rows of a rule, by its place in the file.
pub fn of(rule: &str) -> Vec<Row> {
    let mail = World::mail();
    let bounce = World::bounce();
    let (section, last) = rule.rsplit_once('.').unwrap();
    match section {
        "spf.helo" => {
            return spf(
                last,
                |helo| World {
                    helo,
                    ..World::mail()
                },
                false,
            );
        }
        "spf.mail_from" => {
            return spf(
                last,
                |mail_from| World {
                    mail_from,
                    ..World::mail()
                },
                true,
            );
        }
        "spf.domains.picky.example" => {
            let from = "bob@picky.example";
            return spf(
                last,
                |mail_from| World {
                    from,
                    mail_from,
                    ..World::mail()
                },
                true,
            );
        }
        _ => {}
    }
    let row = match rule {
        "forgery.mail_from" => {
            let ours = |mail_from| World {
                from: "jane@example.org",
                mail_from,
                ..World::mail()
            };
            Row {
                answered: Some(ours(Fail)),
                outages: vec![
                    (vec![Dns], ours(Temperror)),
                    (vec![Dns], ours(Fail).forwarder(Vouched::Unanswered)),
                    (vec![Dns], ours(Softfail).maybe_forwarder_by_name()),
                    (vec![Dns], ours(Temperror).all_out()),
                ],
                stands: vec![
                    World {
                        helo: Temperror,
                        ..ours(Fail)
                    },
                    World {
                        forwarder: Vouched::No,
                        ..ours(Fail).all_out()
                    },
                ],
            }
        }
        "forgery.header_from" => {
            let by = |from, mail_from| World {
                from,
                mail_from,
                headers: FORGED,
                ..World::mail()
            };
            let stranger = || by("bob@friend.example", Pass);
            let list = "post-bounces@lists.example.net";
            Row {
                answered: Some(stranger()),
                outages: vec![
                    (vec![Dns], by(list, Temperror)),
                    (vec![Dns], by("jane@example.org", Temperror)),
                    (vec![Dns], stranger().forwarder(Vouched::Unanswered)),
                    (vec![Dns], stranger().maybe_forwarder_by_name()),
                    (vec![Dns], by(list, Fail).forwarder(Vouched::Unanswered)),
                    (vec![Dns], by(list, Temperror).all_out()),
                ],
                // Whatever DNS says of friend.example, its mail may not claim to be ours.
                stands: vec![
                    by("bob@friend.example", Temperror),
                    World {
                        helo: Temperror,
                        ..by(list, Fail)
                    },
                    World {
                        forwarder: Vouched::No,
                        ..by(list, Fail).all_out()
                    },
                ],
            }
        }
        "null_sender.extra_recipients" | "siege.extra_recipients" => asks_nothing(World {
            earlier: 1,
            ..bounce
        }),
        "null_sender.never_send.action" => asks_nothing(World {
            rcpt: "noreply@example.org",
            ..bounce
        }),
        "null_sender.not_a_notification" => {
            let letter = World {
                headers: "From: bob@friend.example\nSubject: hello\n",
                ..bounce
            };
            let unread = World {
                reads_content: false,
                ..letter.clone()
            };
            return vec![read_first(letter), asks_nothing(unread)];
        }
        "null_sender.unauthenticated_reports" => {
            let report = World {
                headers: REPORT,
                helo: Without,
                ..bounce
            };
            let mut row = read_first(report.clone());
            row.outages.extend([
                (
                    vec![Dns],
                    World {
                        signed: Vouched::Unanswered,
                        ..report.clone()
                    },
                ),
                (
                    vec![Dns],
                    World {
                        helo: Temperror,
                        ..report.clone()
                    },
                ),
            ]);
            // Whatever DNS says of that name, it does not speak for who is in From:.
            row.stands.push(World {
                helo_name: "mx.other.example",
                helo: Temperror,
                ..report
            });
            return vec![row];
        }
        "dnsbl[0].action" => asks_nothing(World {
            is_listed: true,
            ..bounce
        }),
        "headers[0].action" => asks_nothing(World {
            headers: "Subject: casino\n",
            ..mail
        }),
        "recipients[0].rules[0].mail" => class(World {
            rcpt: "shop-1@example.org",
            ..mail
        }),
        "recipients[0].rules[0].bounces" => class(World {
            rcpt: "shop-1@example.org",
            ..bounce
        }),
        "recipients[0].catch_all.mail" => class(World {
            rcpt: "any@example.org",
            ..mail
        }),
        "recipients[0].catch_all.bounces" => {
            let any = World {
                rcpt: "any@example.org",
                ..bounce
            };
            // A bounce with a sender is known by its headers.
            return vec![
                class(any.clone()),
                class(World {
                    from: "bob@friend.example",
                    ..any
                }),
            ];
        }
        "recipients[1].unknown.mail" => class(World {
            rcpt: "any@example.net",
            ..mail
        }),
        "recipients[1].unknown.bounces" => class(World {
            rcpt: "any@example.net",
            ..bounce
        }),
        "siege.catch_all.mail" => caught(World {
            rcpt: "any@example.org",
            ..mail
        }),
        "siege.catch_all.bounces" => caught(World {
            rcpt: "any@example.org",
            ..bounce
        }),
        "proof.unproven" | "siege.unproven" => {
            let without_tag = World {
                tag_required: true,
                ..bounce.clone()
            };
            return vec![content(bounce), asks_nothing(without_tag)];
        }
        "proof.unproven_replies" => content(World {
            headers: RECEIPT,
            ..bounce
        }),
        "proof.unproven_replies_with_sender" => {
            let reply = World {
                from: "bob@friend.example",
                rcpt: "jane@example.net",
                headers: ANSWER,
                sent_lately: Ok(true),
                ledger: true,
                ..mail
            };
            let dns = (ProofKind::Dkim, ProofResult::Unanswered(Dns));
            Row {
                outages: vec![(vec![Dns], reply.clone().found(&[dns]))],
                stands: vec![reply.clone().forwarder(Vouched::Unanswered)],
                answered: Some(reply),
            }
        }
        "proof.forged" => {
            let at_rcpt = World {
                tag: Some(Tag::Wrong(Otherwise::Nothing)),
                ..bounce.clone()
            };
            let forged = (ProofKind::Watermark, ProofResult::Wrong);
            let with = |found: &[(ProofKind, ProofResult)]| {
                World::bounce().found(&[&[forged], found].concat())
            };
            let unanswered = |outside| (ProofKind::Dkim, ProofResult::Unanswered(outside));
            let row = Row {
                answered: Some(with(&[])),
                outages: vec![
                    (vec![Dns], with(&[unanswered(Dns)])),
                    (vec![Store], with(&[unanswered(Store)])),
                    (
                        vec![Dns, Store],
                        with(&[unanswered(Dns), unanswered(Store)]),
                    ),
                ],
                // A proof that is wrong outweighs what is weak.
                stands: vec![World {
                    weak: Weak::Accept,
                    sent_lately: Err(Store),
                    ..with(&[])
                }],
            };
            let waits = |otherwise| World {
                tag: Some(Tag::Wrong(otherwise)),
                ..World::bounce()
            };
            let by_tag = Row {
                answered: Some(waits(Otherwise::Content)),
                outages: vec![(vec![Store], waits(Otherwise::Unanswered(Store)))],
                stands: Vec::new(),
            };
            return vec![row, by_tag, asks_nothing(at_rcpt)];
        }
        "siege.listed" => {
            let listed = World {
                is_listed: true,
                ..bounce
            };
            // Nothing in it could prove it, so nothing is asked.
            let unread = World {
                reads_content: false,
                ..listed.clone()
            };
            return vec![content(listed), asks_nothing(unread)];
        }
        _ => panic!("{rule} has no row here: which outage could change what it answers?"),
    };
    vec![row]
}

/// Whatever is out, its verdict would have been the same.
fn asks_nothing(world: World) -> Row {
    Row {
        stands: vec![world.clone().all_out()],
        answered: Some(world),
        ..Row::default()
    }
}

fn spf(result: &str, of: impl Fn(SpfResult) -> World, of_sender: bool) -> Vec<Row> {
    let result = match result {
        "none" => Without,
        "fail" => Fail,
        "softfail" => Softfail,
        "permerror" => Permerror,
        "temperror" => {
            let outages = vec![
                (vec![Dns], of(Temperror)),
                (vec![Dns], of(Temperror).all_out()),
            ];
            return vec![Row {
                outages,
                ..Row::default()
            }];
        }
        other => panic!("no result of SPF: {other}"),
    };
    let mut outages = vec![
        (vec![Dns], of(result).forwarder(Vouched::Unanswered)),
        (vec![Dns], of(result).all_out()),
    ];
    if of_sender {
        outages.push((vec![Dns], of(result).maybe_forwarder_by_name()));
    }
    let other = match of_sender {
        true => World {
            helo: Temperror,
            ..of(result)
        },
        false => World {
            mail_from: Temperror,
            ..of(result)
        },
    };
    let stands = vec![
        other,
        World {
            forwarder: Vouched::No,
            ..of(result).all_out()
        },
    ];
    vec![Row {
        answered: Some(of(result)),
        outages,
        stands,
    }]
}

fn class(world: World) -> Row {
    Row {
        outages: vec![
            (vec![Directory], world.clone().known(unreadable())),
            // What the siege asks the store does not matter to this rule.
            (vec![Directory], world.clone().all_out()),
        ],
        stands: vec![world.clone().all_out().known(Known::NotListed)],
        answered: Some(world),
    }
}

fn caught(world: World) -> Row {
    let store_out = World {
        learned: WasLearned::Unanswered,
        ..world.clone()
    };
    Row {
        outages: vec![
            (vec![Store], store_out.clone()),
            (vec![Directory], world.clone().known(unreadable())),
            (vec![Directory, Store], store_out.known(unreadable())),
        ],
        stands: vec![world.clone().content_out().forwarder(Vouched::Unanswered)],
        answered: Some(world),
    }
}

/// What is no notification has only the proofs that count by themselves.
fn read_first(world: World) -> Row {
    let row = content(world);
    let (weak, outages) = row
        .outages
        .into_iter()
        .partition(|(_, world)| world.weak == Weak::Accept);
    let weak: Vec<_> = weak;
    let stands = weak.into_iter().map(|(_, world)| world);
    Row {
        outages,
        stands: row.stands.into_iter().chain(stands).collect(),
        ..row
    }
}

fn content(world: World) -> Row {
    let found = |found: &[(ProofKind, ProofResult)]| world.clone().found(found);
    let weak = |world| World {
        weak: Weak::Accept,
        ..world
    };
    let (store, dns) = (
        (ProofKind::Ledger, ProofResult::Unanswered(Store)),
        (ProofKind::Dkim, ProofResult::Unanswered(Dns)),
    );
    Row {
        outages: vec![
            (vec![Dns], found(&[dns])),
            (vec![Dns], found(&[(ProofKind::Dkim2, dns.1)])),
            (
                vec![Dns],
                found(&[(ProofKind::Ledger, ProofResult::Absent), dns]),
            ),
            (vec![Store], found(&[store])),
            (
                vec![Store],
                found(&[(ProofKind::Watermark, ProofResult::AboutAnother), store]),
            ),
            (vec![Dns, Store], found(&[store, dns])),
            (vec![Dns, Store], world.clone().all_out()),
            // Where weak evidence is worth something, it matters that it was not there.
            (
                vec![Store],
                weak(World {
                    sent_lately: Err(Store),
                    ..world.clone()
                }),
            ),
            (
                vec![Dns],
                weak(World {
                    weak_unanswered: Some(Dns),
                    ..world.clone()
                }),
            ),
        ],
        stands: vec![
            World {
                sent_lately: Err(Store),
                ..world.clone()
            },
            World {
                weak_unanswered: Some(Dns),
                ..world.clone()
            },
            world
                .clone()
                .known(unreadable())
                .forwarder(Vouched::Unanswered),
        ],
        answered: Some(world),
    }
}
