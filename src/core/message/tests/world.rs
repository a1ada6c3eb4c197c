//! Messages of all kinds, and somebody who answers what is asked about them.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher},
    net::Ipv4Addr,
    path::Path,
    sync::Arc,
};

use proptest::prelude::*;

use super::decided;
use crate::{
    config,
    core::{
        address::{Domain, Mailbox, ReversePath},
        dmarc::{Alignment, Published},
        dnsbl::Listing,
        envelope::{Client, Envelope, Recipient},
        header::Headers,
        learned::Learned,
        message::{Answer, Effects, Message, Negotiated, Part, Question, RcptTo},
        policy::Policy,
        proof::{
            DAY, Keys,
            batv::{self, Layout},
            dkim::{Chain, SignatureResult, Signed, SignedFields},
            ledger::{Hashed, Remembered, hash},
            uses::Use,
            watermark,
        },
        recipients::Known,
        siege::State,
        spf::{SpfCheck, SpfResult},
        tenant::TenantAnswers,
        verdict::{Action, Mode, Rule},
    },
};

pub(super) const TODAY: u64 = 20_700;
pub(super) const NOW: u64 = TODAY * DAY + 3_600;
const KEY: &str = "0 2024-01-01 MDEyMzQ1Njc4OWFiY2RlZg\n";

pub(super) const ACTIONS: [&str; 6] = [
    "accept",
    "tag",
    "tempfail",
    "reject",
    "quarantine",
    "discard",
];
const CLIENTS: [&str; 4] = ["192.0.2.1", "10.1.2.3", "203.0.113.9", "192.0.2.99"];
const SENDERS: [&str; 8] = [
    "",
    "",
    "bob@friend.example",
    "mailer-daemon@friend.example",
    "jane@example.org",
    "news@list.example",
    "postmaster@friend.example",
    "bob@",
];
const RECIPIENTS: [&str; 9] = [
    "jane@example.org",
    "any@example.org",
    "shop-1@example.org",
    "old@example.org",
    "noreply@example.org",
    "postmaster@example.org",
    "abuse@example.org",
    "srs0=hhh=tt=friend.example=bob@srs.example.org",
    "x@elsewhere.example",
];
const HEADERS: [&str; 10] = [
    "From: Jane <jane@example.org>\nTo: jane@example.org\nSubject: hello\nMessage-ID: <1@example.org>\n\
     DKIM-Signature: v=1; d=example.org; s=s; h=from:to:message-id; c=relaxed/relaxed\n\
     DKIM-Signature: v=1; d=srs.example.org; s=s; h=from\n",
    "From: Jane <jane@example.org>, a@srs.example.org\nTo: bob@friend.example\nMessage-ID: <1@example.org>\n\
     DKIM-Signature: v=1; d=example.org; s=s; h=from:to\n",
    "From: Bob <bob@friend.example>\nSubject: hello\nMessage-ID: <m@friend.example>\n",
    "From: Jane <jane@example.org>\nSubject: spam\n",
    "From: MAILER-DAEMON@mx.friend.example\nSubject: Undelivered Mail Returned to Sender\nMessage-ID: <d@friend.example>\n\
     Content-Type: multipart/report; report-type=delivery-status; boundary=b\n",
    "From: MAILER-DAEMON@mx.friend.example\nSubject: failure notice\n",
    "From: bob@friend.example\nSubject: Re: hello\nAuto-Submitted: auto-replied\nIn-Reply-To: <1@example.org>\n",
    "From: bob@friend.example\nSubject: Read: hello\nIn-Reply-To: <1@example.org>\n\
     Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n",
    "From: bob@friend.example\nSubject: complaint\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n",
    "From: news@list.example\nSubject: spam\nPrecedence: bulk\nX-Auto-Response-Suppress: All\n",
];

/// A site and a message, but for what is answered.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) policy: Arc<Policy>,
    client: &'static str,
    sender: &'static str,
    pub(super) recipients: Vec<Vec<u8>>,
    headers: &'static str,
    body: String,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fate {
    /// What each recipient, or the message for it, is answered in the end.
    pub(super) actions: Vec<Action>,
    /// All that was decided, in words.
    pub(super) all: String,
}

pub(super) fn keys() -> Keys {
    Keys::parse(KEY).unwrap()
}

pub(super) fn policy(yaml: &str) -> Policy {
    let mut config = config::parse(Path::new("world.yaml"), yaml)
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}\n{yaml}"));
    if yaml.contains("/etc/backstop/keys") {
        config.policy.proof.keys = keys();
    }
    config.policy
}

/// Sites whose rules answer anything.
fn policies() -> impl Strategy<Value = Arc<Policy>> {
    let action = || prop::sample::select(&ACTIONS[..]);
    let rules = prop::collection::vec(action(), 24);
    (rules, any::<[bool; 7]>()).prop_map(|(rules, switches)| {
        let mut rules = rules.into_iter();
        let mut rule = || rules.next().unwrap();
        let [required, weak, forwarders, guesses, dkim2, catch, has_tenants] = switches;
        let catch_all = if catch { "catch_all" } else { "unknown" };
        let yaml = format!(
            "mode: enforce
local: {{domains: [example.org, srs.example.org], networks: [10.0.0.0/8]}}
spf:
  helo: {{fail: {}, temperror: {}}}
  mail_from: {{fail: {}, softfail: {}, temperror: {}}}
  trusted_forwarders: [{}]
exempt: {{clients: [192.0.2.99], recipients: [abuse]}}
forgery: {{mail_from: {}, header_from: {}}}
null_sender:
  extra_recipients: tempfail
  never_send: {{addresses: [noreply@example.org], action: {}}}
  not_a_notification: {}
  unauthenticated_reports: {}
  srs: [srs.example.org]
recipients:
  - domain: example.org
    known: [{{addresses: [jane]}}]
    rules: [{{match: 'shop-[0-9]+', mail: accept, bounces: {}}}, {{match: old, mail: {}, bounces: accept}}]
    {catch_all}: {{mail: {}, bounces: {}}}
dnsbl: [{{zone: bl.example, action: {}}}]
outbound: {{forwarded: {{no_dsn: ['@example.org']}}}}
headers: [{{header: Subject, match: spam, when: always, action: {}}}]
proof:
  key_file: /etc/backstop/keys
  batv: {{sign: true, required: {required}, guess_limit: {}}}
  watermark: {{sign: true}}
  ledger: {{remember: true}}
  dkim: {{verify: true, dkim2: {dkim2}}}
  unproven: {}
  unproven_replies: {}
  unproven_replies_with_sender: {}
  forged: {}
  weak_evidence: {}
siege:
  watch: true
  unproven: {}
  catch_all: {{mail: {}, bounces: {}}}
",
            rule(), rule(), rule(), rule(), rule(),
            if forwarders { "forwarder.example, second.example, 203.0.113.0/24" } else { "" },
            rule(), rule(), rule(), rule(), rule(), rule(), rule(), rule(), rule(), rule(), rule(),
            if guesses { 2 } else { 0 },
            rule(), rule(), rule(), rule(),
            if weak { "accept" } else { "ignore" },
            rule(), rule(), rule(),
        );
        Arc::new(Policy {
            has_tenants,
            ..policy(&yaml)
        })
    })
}

impl World {
    /// Any site, and any message.
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let recipient = (prop::sample::select(&RECIPIENTS[..]), 0..6_u8);
        (
            policies(),
            prop::sample::select(&CLIENTS[..]),
            prop::sample::select(&SENDERS[..]),
            prop::collection::vec(recipient, 1..4),
            prop::sample::select(&HEADERS[..]),
            0..6_u8,
        )
            .prop_map(|(policy, client, sender, recipients, headers, body)| Self {
                recipients: recipients.iter().map(|of| address(*of)).collect(),
                body: content(body, &policy),
                policy,
                client,
                sender,
                headers,
            })
    }

    pub(super) fn message(&self) -> Message {
        message_of(Arc::clone(&self.policy), self.client, self.sender)
    }

    /// Takes the message through all stages.
    pub(super) fn fate(
        &self,
        answer: impl FnMut(&Message, Vec<Question>) -> Vec<(Question, Answer)>,
    ) -> Fate {
        self.fate_of(self.message(), answer)
    }

    pub(super) fn fate_of(
        &self,
        mut message: Message,
        mut answer: impl FnMut(&Message, Vec<Question>) -> Vec<(Question, Answer)>,
    ) -> Fate {
        let answer = &mut answer;
        let mut all = String::new();
        let mut note = |what: String| {
            all.push_str(&what);
            all.push('\n');
        };
        let mut kept = Vec::new();
        let mut actions = Vec::new();
        for recipient in &self.recipients {
            let rcpt = rcpt(recipient);
            let judged = decided(&mut message, answer, |message| message.rcpt(&rcpt, NOW));
            actions.push(judged.judgement.verdict.action);
            if judged.is_kept {
                kept.push(actions.len() - 1);
            }
            note(format!("{judged:?}"));
        }
        let mut effects = Effects::default();
        if !message.accepted().is_empty() {
            let judged = decided(&mut message, answer, |message| message.data(NOW));
            note(format!("{judged:?}"));
            if message.refusal().is_none() {
                let (headers, _) = Headers::parse(self.headers.replace('\n', "\r\n").as_bytes());
                for header in headers.iter() {
                    message.header(header.name(), header.value());
                }
                let stage = |message: &mut Message| message.end_of_headers(true, NOW);
                let judged = decided(&mut message, answer, stage);
                note(format!("{judged:?}"));
                message.body(self.body.replace('\n', "\r\n").as_bytes());
            }
            if message.refusal().is_none() {
                let judged = decided(&mut message, answer, |message| message.end_of_content(NOW));
                note(format!("{judged:?}"));
            }
            if message.refusal().is_none() {
                let stage = |message: &mut Message| message.end(Negotiated::ALL, NOW);
                let end = decided(&mut message, answer, stage);
                note(format!("{:?} {:?}", end.ending, end.signed));
                effects = end.effects;
            } else {
                effects = message.broken_off(NOW);
            }
        }
        note(format!("{effects:?}"));
        let refused = message.refusal().map(|verdict| verdict.action);
        for (place, accepted) in kept.into_iter().zip(message.accepted()) {
            actions[place] = refused.unwrap_or(accepted.verdict.action);
        }
        Fate { actions, all }
    }
}

/// A message of this client, whose HELO is mx.friend.example.
pub(super) fn message_of(policy: Arc<Policy>, client: &str, sender: &str) -> Message {
    let envelope = Envelope {
        client: Client {
            address: client.parse().ok(),
            helo: Some(b"mx.friend.example".to_vec()),
            ..Client::default()
        },
        reverse_path: ReversePath::from_bytes(sender.as_bytes()),
    };
    let (id, host) = ("1a".to_owned(), "mx.example.org".to_owned());
    Message::new(id, policy, envelope, host)
}

pub(super) fn rcpt(recipient: &[u8]) -> RcptTo {
    RcptTo {
        recipient: Recipient {
            mailbox: Mailbox::from_bytes(recipient),
            refused: None,
        },
        path: [b"<", recipient, b">"].concat(),
        parameters: Vec::new(),
    }
}

/// Without a tag, or with one that is valid, old, wrong or another signer's.
pub(super) fn address((address, tag): (&str, u8)) -> Vec<u8> {
    let mailbox = Mailbox::from_bytes(address.as_bytes());
    let signed = |today| batv::sign(&mailbox, &keys(), today, 7, Layout::default(), "+");
    match tag {
        0 => signed(TODAY).unwrap_or_else(|_| address.into()),
        1 => signed(TODAY - 30).unwrap_or_else(|_| address.into()),
        2 => format!("prvs=0123abcdef={address}").into_bytes(),
        3 => format!("btv1==0123abcdef=={address}").into_bytes(),
        _ => address.into(),
    }
}

pub(super) fn content(kind: u8, policy: &Policy) -> String {
    let original = "From: Jane <jane@example.org>\nTo: bob@friend.example\nDate: Sat, 5 Sep 2026 10:00:00 +0000\n\
        Message-ID: <1@example.org>\nSubject: hello\n";
    let status = "--b\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822; bob@friend.example\nAction: failed\n\n";
    let marked = |today| {
        let (headers, _) = Headers::parse(original.replace('\n', "\r\n").as_bytes());
        let value = watermark::write(&headers, &keys(), today, policy.proof.lifetime_days());
        format!("{}: {}\n{original}", watermark::HEADER, value.unwrap())
    };
    let returned = match kind {
        0 => return "hello\n".to_owned(),
        1 => marked(TODAY),
        2 => marked(TODAY - 100),
        // It says that it counts for one day more than it was made for.
        3 => {
            let expires = |day| format!("x={}", day + policy.proof.lifetime_days());
            marked(TODAY).replace(&expires(TODAY), &expires(TODAY + 1))
        }
        4 => format!(
            "Received: from mx.example.org (mx.example.org [10.1.1.1]) by mx.friend.example\n\
             Received: from a (a [192.0.2.7]) by b\n{original}"
        ),
        _ => "From: x@y.example\nMessage-ID: <2@y.example>\n".to_owned(),
    };
    format!(
        "--b\n\nSorry.\n{status}--b\nContent-Type: message/rfc822\n\n{returned}\nhello\n\n--b--\n"
    )
}

/// An answer to each question, the same whenever it is asked; `seed` chooses.
pub(super) fn answer(message: &Message, question: &Question, seed: u64) -> Answer {
    let mut hasher = DefaultHasher::new();
    (seed, question).hash(&mut hasher);
    let number = hasher.finish();
    let of = |most: u64| usize::try_from(number % most).unwrap();
    let spf = SpfResult::ALL[of(7)];
    match question {
        Question::Spf(identity) => {
            let domain = message.envelope().reverse_path.domain();
            let domain = domain.map_or("mx.friend.example".to_owned(), ToString::to_string);
            Answer::Spf(SpfCheck::new(*identity, domain, spf).into())
        }
        Question::Forwarder(_) | Question::SpfOfReturned { .. } => Answer::SpfResult(spf),
        Question::Listings => Answer::Listings(vec![match of(2) {
            0 => Listing::NotListed,
            _ => Listing::Listed(Ipv4Addr::new(127, 0, 0, 2)),
        }]),
        Question::Known { .. } => Answer::Known(match of(2) {
            0 => Known::NotListed,
            _ => Known::Listed("inline".to_owned()),
        }),
        Question::Tenant(_) => Answer::Tenant(Arc::new(TenantAnswers {
            mode: (of(4) == 0).then_some(Mode::Monitor),
            unproven: (of(3) == 0).then(|| Rule::new(Action::ALL[of(6)])),
            ..TenantAnswers::default()
        })),
        Question::Siege(_) => Answer::Siege(match of(2) {
            0 => State::Calm,
            _ => State::Siege,
        }),
        Question::WrongTags(_) | Question::WrongTag(_) => {
            Answer::WrongTags(u32::try_from(of(4)).unwrap())
        }
        Question::Learned(_) => Answer::Learned((of(2) == 0).then_some(Learned {
            days: 9,
            last_accepted: Some(TODAY),
            last_sent: None,
        })),
        Question::LastSent(_) => Answer::LastSent((of(2) == 0).then_some(NOW - 10)),
        Question::SignaturesLeft { .. } | Question::RemembersAll { .. } | Question::Forged(_) => {
            Answer::Holds(of(2) == 0)
        }
        Question::Sent(_) => Answer::Sent((of(2) == 0).then(|| {
            Remembered {
                at: NOW - 100,
                recipient_count: u32::try_from(of(3)).unwrap(),
                sender: hash(&keys(), Hashed::Sender, b"jane@example.org").filter(|_| of(5) > 1),
                recipients: Vec::new(),
                hosts: hash(&keys(), Hashed::Host, b"list.example")
                    .into_iter()
                    .collect(),
            }
        })),
        Question::Signatures(part) => Answer::Signatures(vec![Signed {
            domain: match part {
                Part::Own(domains) => domains[of(u64::try_from(domains.len()).unwrap())].clone(),
                _ => "friend.example".parse().unwrap(),
            },
            selector: "s".to_owned(),
            outcome: [
                SignatureResult::Whole,
                SignatureResult::HeadersOnly,
                SignatureResult::HeadersOnlyAltered,
                SignatureResult::Weak,
                SignatureResult::Expired,
                SignatureResult::Failed("bad"),
                SignatureResult::NoKey("none"),
            ][of(7)]
            .clone(),
            signed_at: None,
            message: SignedFields {
                message_id: Some(b"<1@example.org>".to_vec()),
                date: Some(NOW),
                recipients: match of(3) {
                    0 => vec![Mailbox::from_bytes(b"bob@friend.example")],
                    1 => vec![Mailbox::from_bytes(b"jane@example.org")],
                    _ => vec![Mailbox::from_bytes(b"carl@friend.example")],
                },
            },
        }]),
        Question::Dmarc(domain) => Answer::Dmarc((of(3) > 0).then(|| Published {
            organization: domain.clone(),
            enforces: of(3) == 1,
            adkim: [Alignment::Relaxed, Alignment::Strict][of(2)],
            aspf: Alignment::Relaxed,
        })),
        Question::Chain => Answer::Chain(match of(3) {
            0 => Chain::Unsigned,
            1 => Chain::Failed("bad"),
            _ => Chain::Genuine("example.org".parse::<Domain>().unwrap()),
        }),
        Question::Use { .. } => Answer::Use(match of(4) {
            0 => Use::Counted { times: 1, limit: 5 },
            1 => Use::Again { times: 1 },
            2 => Use::TooSoon,
            _ => Use::TooOften { limit: 5 },
        }),
    }
}
