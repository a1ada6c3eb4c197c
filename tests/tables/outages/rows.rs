//! For each rule: a message that it answers, what of it an outage leaves open, and what it doesn't.

use backstop::core::{
    dnsbl::Listing,
    outside::{
        Outside::{self, Directory, Dns, Store},
        Unanswered,
    },
    policy::{Otherwise, Tag, Vouched, WasLearned},
    proof::{
        ProofKind, Weak,
        evidence::{Evidence, ProofResult},
    },
    recipients::Known,
    spf::SpfResult::{self, Fail, None as Without, Pass, Permerror, Softfail, Temperror},
};

use crate::scenario::{self, Scenario, keys};

const DSN: &str = "From: MAILER-DAEMON@mx.friend.example\nSubject: Undelivered Mail Returned to Sender\n\
    Content-Type: multipart/report; report-type=delivery-status; boundary=x\n";
const RECEIPT: &str = "From: bob@friend.example\nSubject: Read: hello\n\
    Content-Type: multipart/report; report-type=disposition-notification; boundary=x\n";
const ANSWER: &str = "From: bob@friend.example\nSubject: Re: hello\nAuto-Submitted: auto-replied\n\
    In-Reply-To: <1@example.net>\n";
const REPORT: &str = "From: bob@friend.example\nSubject: complaint\n\
    Content-Type: multipart/report; report-type=feedback-report; boundary=x\n";
const FORGED: &str = "From: Jane <jane@example.org>\nSubject: hello\n";

/// Mail of a stranger against whom nothing speaks.
fn mail() -> Scenario {
    scenario::mail()
        .from("bob@friend.example")
        .to("jane@example.org")
        .helo("mx.friend.example")
        .helo_spf(Pass)
        .listings(&[Listing::Unanswered(Unanswered::dns("timed out"))])
        .headers("From: Bob <bob@friend.example>\nSubject: hello\n")
        .findings(&[(ProofKind::Dkim, ProofResult::Absent)])
        .evidence(remembered())
}

/// A bounce that nothing proves.
fn bounce() -> Scenario {
    mail().from("").headers(DSN)
}

fn remembered() -> Evidence {
    Evidence {
        remembered: vec!["example.net".parse().unwrap()],
        ..Evidence::default()
    }
}

/// The same while nothing outside answers that this rule does not ask.
fn all_out(sent: Scenario) -> Scenario {
    weak_out(content_out(sent))
        .forwarder(Vouched::Unanswered)
        .known(unreadable())
        .learned(WasLearned::Unanswered)
        .sent_lately(Err(Store))
        .author(Vouched::Unanswered)
}

fn content_out(sent: Scenario) -> Scenario {
    sent.findings(&[
        (ProofKind::Ledger, ProofResult::Unanswered(Store)),
        (ProofKind::Dkim, ProofResult::Unanswered(Dns)),
    ])
}

/// DNS does not say what else could speak for it.
fn weak_out(sent: Scenario) -> Scenario {
    sent.evidence(Evidence {
        weak_unanswered: Some(Dns),
        ..remembered()
    })
}

/// It says that it is a trusted forwarder, and DNS does not say whether it may.
fn maybe_forwarder_by_name(sent: Scenario) -> Scenario {
    sent.helo("mx.forwarder.example").helo_spf(Temperror)
}

/// What one rule answers.
#[derive(Debug, Default)]
pub struct Row {
    /// Everything answers.
    pub answered: Option<Scenario>,
    /// This does not, and could have changed the verdict.
    pub outages: Vec<(Vec<Outside>, Scenario)>,
    /// Something does not, and could have changed nothing.
    pub stands: Vec<Scenario>,
}

fn unreadable() -> Known {
    Known::Unanswered(Unanswered::directory("no such file"))
}

/// The rows of a rule, by its place in the file.
pub fn of(rule: &str) -> Vec<Row> {
    let (section, last) = rule.rsplit_once('.').unwrap();
    match section {
        "spf.helo" => {
            return spf(last, |helo| mail().helo_spf(helo), false);
        }
        "spf.mail_from" => {
            return spf(last, |mail_from| mail().spf(mail_from), true);
        }
        "spf.domains.picky.example" => {
            let from = "bob@picky.example";
            return spf(last, |mail_from| mail().from(from).spf(mail_from), true);
        }
        _ => {}
    }
    let row = match rule {
        "forgery.mail_from" => {
            let ours = |mail_from| mail().from("jane@example.org").spf(mail_from);
            Row {
                answered: Some(ours(Fail)),
                outages: vec![
                    (vec![Dns], ours(Temperror)),
                    (vec![Dns], ours(Fail).forwarder(Vouched::Unanswered)),
                    (vec![Dns], maybe_forwarder_by_name(ours(Softfail))),
                    (vec![Dns], all_out(ours(Temperror))),
                ],
                stands: vec![
                    ours(Fail).helo_spf(Temperror),
                    all_out(ours(Fail)).forwarder(Vouched::No),
                ],
            }
        }
        "forgery.header_from" => {
            let by = |from, mail_from| mail().from(from).spf(mail_from).headers(FORGED);
            let stranger = || by("bob@friend.example", Pass);
            let list = "post-bounces@lists.example.net";
            Row {
                answered: Some(stranger()),
                outages: vec![
                    (vec![Dns], by(list, Temperror)),
                    (vec![Dns], by("jane@example.org", Temperror)),
                    (vec![Dns], stranger().forwarder(Vouched::Unanswered)),
                    (vec![Dns], maybe_forwarder_by_name(stranger())),
                    (vec![Dns], by(list, Fail).forwarder(Vouched::Unanswered)),
                    (vec![Dns], all_out(by(list, Temperror))),
                ],
                // Whatever DNS says of friend.example, its mail() may not claim to be ours.
                stands: vec![
                    by("bob@friend.example", Temperror),
                    by(list, Fail).helo_spf(Temperror),
                    all_out(by(list, Fail)).forwarder(Vouched::No),
                ],
            }
        }
        "null_sender.extra_recipients" | "siege.extra_recipients" => {
            asks_nothing(bounce().earlier(1))
        }
        "null_sender.never_send.action" => asks_nothing(bounce().to("noreply@example.org")),
        "null_sender.not_a_notification" => {
            let letter = bounce().headers("From: bob@friend.example\nSubject: hello\n");
            let unread = letter
                .clone()
                .with_policy(|policy| policy.proof.dkim.verify = false);
            return vec![read_first(letter), asks_nothing(unread)];
        }
        "null_sender.unauthenticated_reports" => {
            let report = bounce().headers(REPORT).helo_spf(Without);
            let mut row = read_first(report.clone());
            row.outages.extend([
                (vec![Dns], report.clone().author(Vouched::Unanswered)),
                (vec![Dns], report.clone().helo_spf(Temperror)),
            ]);
            // Whatever DNS says of that name, it does not speak for who is in From:.
            row.stands
                .push(report.helo("mx.other.example").helo_spf(Temperror));
            return vec![row];
        }
        "dnsbl[0].action" => asks_nothing(bounce().blocklisted()),
        "headers[0].action" => asks_nothing(mail().headers("Subject: casino\n")),
        "recipients[0].rules[0].mail" => class(mail().to("shop-1@example.org")),
        "recipients[0].rules[0].bounces" => class(bounce().to("shop-1@example.org")),
        "recipients[0].catch_all.mail" => class(mail().to("any@example.org")),
        "recipients[0].catch_all.bounces" => {
            let any = bounce().to("any@example.org");
            // A bounce() with a sender is known by its headers.
            return vec![class(any.clone()), class(any.from("bob@friend.example"))];
        }
        "recipients[1].unknown.mail" => class(mail().to("any@example.net")),
        "recipients[1].unknown.bounces" => class(bounce().to("any@example.net")),
        "siege.catch_all.mail" => caught(mail().to("any@example.org")),
        "siege.catch_all.bounces" => caught(bounce().to("any@example.org")),
        "proof.unproven" | "siege.unproven" => {
            let without_tag = bounce().with_policy(|policy| {
                policy.proof.batv.required = true;
                policy.proof.keys = keys();
            });
            return vec![content(bounce()), asks_nothing(without_tag)];
        }
        "proof.unproven_replies" => content(bounce().headers(RECEIPT)),
        "proof.unproven_replies_with_sender" => {
            let reply = mail()
                .from("bob@friend.example")
                .to("jane@example.net")
                .headers(ANSWER)
                .sent_lately(Ok(true))
                .with_policy(|policy| policy.proof.ledger.remember = true);
            let dns = (ProofKind::Dkim, ProofResult::Unanswered(Dns));
            Row {
                outages: vec![(vec![Dns], reply.clone().findings(&[dns]))],
                stands: vec![reply.clone().forwarder(Vouched::Unanswered)],
                answered: Some(reply),
            }
        }
        "proof.forged" => {
            let at_rcpt = bounce().tag(Tag::Wrong(Otherwise::Nothing));
            let forged = (ProofKind::Watermark, ProofResult::Wrong);
            let with = |found: &[(ProofKind, ProofResult)]| {
                bounce().findings(&[&[forged], found].concat())
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
                stands: vec![
                    with(&[])
                        .sent_lately(Err(Store))
                        .with_policy(|policy| policy.proof.weak_evidence = Weak::Accept),
                ],
            };
            let waits = |otherwise| bounce().tag(Tag::Wrong(otherwise));
            let by_tag = Row {
                answered: Some(waits(Otherwise::Content)),
                outages: vec![(vec![Store], waits(Otherwise::Unanswered(Store)))],
                stands: Vec::new(),
            };
            return vec![row, by_tag, asks_nothing(at_rcpt)];
        }
        "siege.listed" => {
            let listed = bounce().blocklisted();
            // Nothing in it could prove it, so nothing is asked.
            let unread = listed
                .clone()
                .with_policy(|policy| policy.proof.dkim.verify = false);
            return vec![content(listed), asks_nothing(unread)];
        }
        _ => panic!("{rule} has no row here: which outage could change what it answers?"),
    };
    vec![row]
}

/// Whatever is out, its verdict would have been the same.
fn asks_nothing(sent: Scenario) -> Row {
    Row {
        stands: vec![all_out(sent.clone())],
        answered: Some(sent),
        ..Row::default()
    }
}

fn spf(result: &str, of: impl Fn(SpfResult) -> Scenario, of_sender: bool) -> Vec<Row> {
    let result = match result {
        "none" => Without,
        "fail" => Fail,
        "softfail" => Softfail,
        "permerror" => Permerror,
        "temperror" => {
            let outages = vec![
                (vec![Dns], of(Temperror)),
                (vec![Dns], all_out(of(Temperror))),
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
        (vec![Dns], all_out(of(result))),
    ];
    if of_sender {
        outages.push((vec![Dns], maybe_forwarder_by_name(of(result))));
    }
    let other = match of_sender {
        true => of(result).helo_spf(Temperror),
        false => of(result).spf(Temperror),
    };
    let stands = vec![other, all_out(of(result)).forwarder(Vouched::No)];
    vec![Row {
        answered: Some(of(result)),
        outages,
        stands,
    }]
}

fn class(sent: Scenario) -> Row {
    Row {
        outages: vec![
            (vec![Directory], sent.clone().known(unreadable())),
            // What the siege asks the store does not matter to this rule.
            (vec![Directory], all_out(sent.clone())),
        ],
        stands: vec![all_out(sent.clone()).known(Known::NotListed)],
        answered: Some(sent),
    }
}

fn caught(sent: Scenario) -> Row {
    let store_out = sent.clone().learned(WasLearned::Unanswered);
    Row {
        outages: vec![
            (vec![Store], store_out.clone()),
            (vec![Directory], sent.clone().known(unreadable())),
            (vec![Directory, Store], store_out.known(unreadable())),
        ],
        stands: vec![content_out(sent.clone()).forwarder(Vouched::Unanswered)],
        answered: Some(sent),
    }
}

/// What is no notification has only the proofs that count by themselves.
fn read_first(sent: Scenario) -> Row {
    let row = content_alone(sent.clone());
    let weak = of_weak_evidence(&sent).map(|(_, sent)| sent);
    Row {
        stands: row.stands.into_iter().chain(weak).collect(),
        ..row
    }
}

fn content(sent: Scenario) -> Row {
    let row = content_alone(sent.clone());
    let weak = of_weak_evidence(&sent);
    Row {
        outages: row.outages.into_iter().chain(weak).collect(),
        ..row
    }
}

/// Where weak evidence is worth something, it matters that it was not there.
fn of_weak_evidence(sent: &Scenario) -> [(Vec<Outside>, Scenario); 2] {
    let accepted = || {
        let sent = sent.clone();
        sent.with_policy(|policy| policy.proof.weak_evidence = Weak::Accept)
    };
    [
        (vec![Store], accepted().sent_lately(Err(Store))),
        (vec![Dns], weak_out(accepted())),
    ]
}

fn content_alone(sent: Scenario) -> Row {
    let found = |found: &[(ProofKind, ProofResult)]| sent.clone().findings(found);
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
            (vec![Dns, Store], all_out(sent.clone())),
        ],
        stands: vec![
            sent.clone().sent_lately(Err(Store)),
            weak_out(sent.clone()),
            sent.clone()
                .known(unreadable())
                .forwarder(Vouched::Unanswered),
        ],
        answered: Some(sent),
    }
}
