//! The lines of the tables: a message to one recipient on a site that has everything, and answers that say nothing.

use std::sync::Arc;

use super::world::{message_of, policy};
use crate::core::{
    dnsbl::Listing,
    message::{Answer, Message, Part, Question},
    proof::dkim::Chain,
    recipients::Known,
    siege::State,
    spf::{SpfCheck, SpfResult},
};

pub(super) const SITE: &str = "
mode: enforce
local: {domains: [example.org], networks: [10.0.0.0/8]}
exempt: {clients: [192.0.2.99], recipients: [abuse@example.org]}
spf:
  mail_from: {fail: reject}
  trusted_forwarders: [one.example, two.example]
forgery: {header_from: accept}
recipients:
  - domain: example.org
    known: [{addresses: [jane]}]
    catch_all: {mail: accept, bounces: accept}
dnsbl: [{zone: bl.example}]
null_sender: {unauthenticated_reports: reject}
proof:
  key_file: /etc/backstop/keys
  batv: {sign: true, guess_limit: 3}
  watermark: {sign: true}
  ledger: {remember: true}
  dkim: {verify: true, dkim2: true}
  unproven_replies_with_sender: reject
siege: {watch: true, catch_all: {mail: reject, bounces: reject}}
report: {keep_samples: true}
";

/// Headers of a bounce by RFC 3464.
pub(super) const DSN: &str = "From: MAILER-DAEMON@mx.friend.example\nSubject: Undelivered Mail Returned to Sender\n\
    Content-Type: multipart/report; report-type=delivery-status; boundary=b\n";

/// What the lines of a table change.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    pub(super) site: (&'static str, &'static str),
    pub(super) client: &'static str,
    pub(super) from: &'static str,
    pub(super) rcpt: &'static str,
    pub(super) refused: bool,
    pub(super) spf: SpfResult,
    pub(super) siege: State,
    pub(super) headers: &'static str,
    pub(super) body: &'static str,
    /// This one does not answer.
    pub(super) missing: &'static str,
}

pub(super) const MAIL: Sent = Sent {
    site: ("", ""),
    client: "192.0.2.1",
    from: "bob@friend.example",
    rcpt: "any@example.org",
    refused: false,
    spf: SpfResult::None,
    siege: State::Calm,
    headers: "",
    body: "",
    missing: "",
};
pub(super) const BOUNCE: Sent = Sent { from: "", ..MAIL };

/// The message of a line, on its site.
pub(super) fn message(sent: Sent) -> Message {
    let (part, other) = sent.site;
    let policy = policy(&SITE.replace(part, other));
    message_of(Arc::new(policy), sent.client, sent.from)
}

/// A question in a few words.
pub(super) fn word(question: &Question) -> String {
    match question {
        Question::Spf(identity) => format!("spf {identity}"),
        Question::Forwarder(domain) => format!("forwarder {domain}"),
        Question::Listings => "lists".to_owned(),
        Question::Known { .. } => "known".to_owned(),
        Question::Tenant(domain) => format!("tenant {domain}"),
        Question::Siege(_) => "siege".to_owned(),
        Question::Forged(_) => "forged".to_owned(),
        Question::WrongTags(_) => "wrong tags".to_owned(),
        Question::WrongTag(_) => "one more".to_owned(),
        Question::Learned(_) => "learned".to_owned(),
        Question::LastSent(_) => "last sent".to_owned(),
        Question::SignaturesLeft { .. } => "signatures left".to_owned(),
        Question::Sent(_) => "ledger".to_owned(),
        Question::Signatures(Part::Itself) => "author's signature".to_owned(),
        Question::Signatures(Part::Author(domain)) => format!("signatures of {domain}"),
        Question::Signatures(Part::Own(_)) => "own signatures".to_owned(),
        Question::Dmarc(domain) => format!("dmarc {domain}"),
        Question::Signatures(Part::Returned(place)) => format!("signatures {place}"),
        Question::Chain => "chain".to_owned(),
        Question::SpfOfReturned { client, .. } => format!("spf of {client}"),
        Question::Use { .. } => "use".to_owned(),
        Question::RemembersAll { .. } => "remembers all".to_owned(),
    }
}

/// The answer that says nothing, unless the line does.
pub(super) fn answer(question: &Question, sent: Sent) -> Answer {
    if word(question) == sent.missing {
        return question
            .outside()
            .map_or(Answer::NotAsked, Answer::Unanswered);
    }
    match question {
        Question::Spf(identity) => {
            let domain = "friend.example".to_owned();
            Answer::Spf(SpfCheck::new(*identity, domain, sent.spf).into())
        }
        Question::Forwarder(_) | Question::SpfOfReturned { .. } => {
            Answer::SpfResult(SpfResult::Fail)
        }
        Question::Listings => Answer::Listings(vec![Listing::NotListed]),
        Question::Known { .. } => Answer::Known(Known::NotListed),
        Question::Tenant(_) => Answer::Tenant(Arc::default()),
        Question::Siege(_) => Answer::Siege(sent.siege),
        Question::WrongTags(_) | Question::WrongTag(_) => Answer::WrongTags(0),
        Question::Learned(_) => Answer::Learned(None),
        Question::LastSent(_) => Answer::LastSent(None),
        Question::SignaturesLeft { .. } | Question::RemembersAll { .. } | Question::Forged(_) => {
            Answer::Holds(false)
        }
        Question::Sent(_) => Answer::Sent(None),
        Question::Signatures(_) => Answer::Signatures(Vec::new()),
        Question::Dmarc(_) => Answer::Dmarc(None),
        Question::Chain => Answer::Chain(Chain::Unsigned),
        Question::Use { .. } => Answer::NotAsked,
    }
}
