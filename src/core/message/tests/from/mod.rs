//! An address of ours in From: of a stranger's message: what vouches for it, chain by chain, and what is asked for that.

mod aligned;
mod asked;
mod copies;
mod many;
mod outages;
mod signature;
mod ways;

use std::sync::Arc;

use super::{
    decided,
    world::{NOW, keys, message_of, policy, rcpt},
};
use crate::core::{
    address::{Domain, Mailbox},
    dmarc::{Record, names, published},
    header::Headers,
    message::{Answer, Message, Negotiated, Part, Question},
    outside::{Outside, Unanswered},
    policy::Policy,
    proof::{
        coverage::CoverageCount,
        dkim::{SignatureResult, Signed, SignedFields},
        ledger::{Hashed, Remembered, hashes},
        today,
        uses::Use,
    },
    siege::State,
    spf::{
        SpfCheck,
        SpfResult::{self, Fail, None as Without, Pass, Softfail, Temperror},
    },
};

const SITE: &str = "
mode: enforce
local: {domains: [example.org, own.test, .below.test], networks: [10.0.0.0/8]}
spf: {helo: {fail: accept}, mail_from: {fail: accept, temperror: accept}}
forgery: {mail_from: accept, header_from: reject, mailing_lists: [listed.example], mailbox_providers: [isp.example]}
exempt: {recipients: [abuse@example.org]}
proof:
  key_file: /etc/backstop/keys
  ledger: {remember: true}
";

const SERVICE: &str = "bounce@service.example";
const LIST: &str = "dev-bounces@lists.friend.example";
const JOE: &str = "joe@example.org";
/// The post of one of us to a list.
const POST: &str =
    "From: Jane <jane@example.org>\nTo: dev@lists.friend.example\nMessage-ID: <1@example.org>\n";
/// A signature that covers all.
const SIGNED: &str =
    "DKIM-Signature: v=1; d=example.org; s=s1; c=relaxed/relaxed; h=from:to:message-id\n";
const RELAXED: &[(&str, &str)] = &[("example.org", "v=DMARC1; p=reject")];

/// A message, and all answers about it.
#[derive(Clone, Debug)]
struct Chain {
    site: (&'static str, &'static str),
    mail_from: &'static str,
    spf: SpfResult,
    rcpts: &'static [&'static str],
    headers: String,
    content_comes: bool,
    /// What is published, by the domain below `_dmarc`.
    records: &'static [(&'static str, &'static str)],
    /// `d=`, what the signature is worth, and the signed To:.
    signatures: Vec<(&'static str, SignatureResult, &'static str)>,
    /// Who sent 1@example.org, and to whom.
    sent: Option<(&'static str, &'static [&'static str])>,
    used: Answer,
    /// What does not answer, by its word.
    down: &'static str,
}

fn chain(mail_from: &'static str, headers: &[&str]) -> Chain {
    Chain {
        site: ("", ""),
        mail_from,
        spf: Pass,
        rcpts: &[JOE],
        headers: headers.concat(),
        content_comes: true,
        records: RELAXED,
        signatures: Vec::new(),
        sent: None,
        used: Answer::Use(Use::Counted { times: 1, limit: 3 }),
        down: "",
    }
}

impl Chain {
    fn spf(self, spf: SpfResult) -> Self {
        Self { spf, ..self }
    }

    fn to(self, rcpts: &'static [&'static str]) -> Self {
        Self { rcpts, ..self }
    }

    fn site(self, part: &'static str, other: &'static str) -> Self {
        let site = (part, other);
        Self { site, ..self }
    }

    fn records(self, records: &'static [(&'static str, &'static str)]) -> Self {
        Self { records, ..self }
    }

    fn signed(mut self, d: &'static str, worth: SignatureResult, to: &'static str) -> Self {
        self.signatures.push((d, worth, to));
        self
    }

    fn sent(self, from: &'static str, to: &'static [&'static str]) -> Self {
        let sent = Some((from, to));
        Self { sent, ..self }
    }

    fn used(self, used: Answer) -> Self {
        Self { used, ..self }
    }

    fn down(self, down: &'static str) -> Self {
        Self { down, ..self }
    }

    fn answer(&self, policy: &Policy, question: &Question) -> (&'static str, Answer) {
        match question {
            Question::Spf(identity) => {
                let domain = match self.mail_from.split_once('@') {
                    Some((_, domain)) => domain,
                    None => "mx.friend.example",
                };
                let check = SpfCheck::new(*identity, domain.to_owned(), self.spf);
                ("spf", Answer::Spf(check.into()))
            }
            Question::Dmarc(domain) => {
                let names = names(domain);
                let record = |name: &Domain| {
                    let mut all = self.records.iter();
                    let (_, text) = all.find(|(of, _)| *of == name.as_str())?;
                    Record::read(&[text.as_bytes().to_vec()])
                };
                let records: Vec<_> = names.iter().map(record).collect();
                ("dmarc", Answer::Dmarc(published(&names, &records)))
            }
            Question::Sent(asked) => {
                let (today, keep) = (today(NOW), policy.proof.ledger.keep_days());
                let id = hashes(&keys(), Hashed::MessageId, b"1@example.org", today, keep);
                let sent = self.sent.filter(|_| *asked == id);
                let sent = sent.map(|(from, to)| {
                    let mailbox = |address: &&str| Mailbox::from_bytes(address.as_bytes());
                    let to: Vec<_> = to.iter().map(mailbox).collect();
                    let id = Some(b"1@example.org".as_slice());
                    let sent = policy.sent(&mailbox(&from), &to, 1, id, NOW - 600);
                    Remembered::from(&sent.unwrap())
                });
                ("ledger", Answer::Sent(sent))
            }
            Question::Signatures(Part::Own(domains)) => {
                let signed = self.signatures.iter().map(|(d, worth, to)| {
                    let domain: Domain = d.parse().unwrap();
                    assert!(domains.contains(&domain), "{domains:?}");
                    Signed {
                        domain,
                        selector: "s1".to_owned(),
                        outcome: worth.clone(),
                        signed_at: None,
                        message: SignedFields {
                            recipients: vec![Mailbox::from_bytes(to.as_bytes())],
                            ..SignedFields::default()
                        },
                    }
                });
                ("signatures", Answer::Signatures(signed.collect()))
            }
            Question::Use { .. } => ("use", self.used.clone()),
            Question::Siege(_) => ("siege", Answer::Siege(State::Calm)),
            Question::WrongTags(_) => ("tags", Answer::WrongTags(0)),
            other => panic!("{other:?}"),
        }
    }

    /// The message after its headers; `note` gets each question.
    fn up_to_headers(&self, mut note: impl FnMut(&Question)) -> Message {
        let policy = Arc::new(policy(SITE));
        let mut message = message_of(Arc::clone(&policy), "192.0.2.1", self.mail_from);
        let answer = &mut |_: &Message, questions: Vec<Question>| {
            let answered = questions.into_iter().map(|question| {
                note(&question);
                let (_, answer) = self.answer(&policy, &question);
                (question, answer)
            });
            answered.collect()
        };
        for address in self.rcpts {
            let rcpt = rcpt(address.as_bytes());
            let _ = decided(&mut message, answer, |message| message.rcpt(&rcpt, NOW));
        }
        let (headers, _) = Headers::parse(self.headers.as_bytes());
        for header in headers.iter() {
            message.header(header.name(), header.value());
        }
        let stage = |message: &mut Message| message.end_of_headers(true, NOW);
        let _ = decided(&mut message, answer, stage);
        message
    }

    /// The verdict and reason for each recipient, what was asked behind RCPT, and the result of DMARC.
    fn fate(&self) -> (String, String, String) {
        let yaml = SITE.replace(self.site.0, self.site.1);
        let policy = Arc::new(policy(&yaml));
        let mut message = message_of(Arc::clone(&policy), "192.0.2.1", self.mail_from);
        let mut asked: Vec<&str> = Vec::new();
        let answer = &mut |_: &Message, questions: Vec<Question>| {
            let answered = questions.into_iter().map(|question| {
                let (word, answer) = self.answer(&policy, &question);
                if !asked.contains(&word) {
                    asked.push(word);
                }
                match question.outside().filter(|_| word == self.down) {
                    Some(outside) => (question, Answer::Unanswered(outside)),
                    None => (question, answer),
                }
            });
            answered.collect()
        };
        for address in self.rcpts {
            let rcpt = rcpt(address.as_bytes());
            let judged = decided(&mut message, answer, |message| message.rcpt(&rcpt, NOW));
            assert!(judged.is_kept, "{judged:?}");
        }
        let _ = decided(&mut message, answer, |message| message.data(NOW));
        let (headers, _) = Headers::parse(self.headers.replace('\n', "\r\n").as_bytes());
        for header in headers.iter() {
            message.header(header.name(), header.value());
        }
        let stage = |message: &mut Message| message.end_of_headers(self.content_comes, NOW);
        let _ = decided(&mut message, answer, stage);
        let mut read = "";
        if message.refusal().is_none() {
            read = if message.reads_content() { "read " } else { "" };
            assert_eq!(message.body(b"Hello.\r\n"), !read.is_empty());
            let stage = |message: &mut Message| message.end_of_content(NOW);
            let _ = decided(&mut message, answer, stage);
        }
        let results = message.trace().authentication_results();
        let result = results.split("dmarc=").nth(1).unwrap_or("-");
        let result = result.split_whitespace().next().unwrap_or("-").to_owned();
        let verdicts = message.accepted().iter().map(|accepted| {
            let verdict = &accepted.verdict;
            format!("{} {}", verdict.action, verdict.reason.code())
        });
        let verdicts: Vec<_> = verdicts.collect();
        if message.refusal().is_none() {
            let stage = |message: &mut Message| message.end(Negotiated::ALL, NOW);
            let end = decided(&mut message, answer, stage);
            let counts = end.effects.counts.into_iter();
            let posts: Vec<_> = counts.filter(|count| count.kind() == "post").collect();
            // Copies are counted of what the ledger vouches for, and so is the post.
            let by_ledger = asked.contains(&"use").then(|| CoverageCount::Post {
                domain: "example.org".to_owned(),
                list: self.mail_from.rsplit('@').next().unwrap().to_owned(),
            });
            assert_eq!(posts, Vec::from_iter(by_ledger), "{self:?}");
        }
        let asked: Vec<_> = asked
            .into_iter()
            .filter(|word| !["spf", "siege", "tags"].contains(word))
            .collect();
        (
            verdicts.join(", "),
            format!("{read}{}", asked.join(" ")),
            result,
        )
    }
}

const FORGED: &str = "reject header_from_forged";
const DOUBTFUL: &str = "tag header_from_doubtful";
const ACCEPTED: &str = "accept nothing_found";

fn holds(
    table: impl IntoIterator<
        Item = (
            &'static str,
            Chain,
            &'static str,
            &'static str,
            &'static str,
        ),
    >,
) {
    for (what, chain, verdict, asked, result) in table {
        let (found, questions, dmarc) = chain.fate();
        assert_eq!(found, verdict, "{what}");
        assert_eq!(sorted(&questions), sorted(asked), "{what}");
        assert_eq!(dmarc, result, "{what}");
    }
}

/// Which of the questions of a round is first does not matter.
fn sorted(words: &str) -> Vec<&str> {
    let mut words: Vec<_> = words.split(' ').collect();
    words.sort_unstable();
    words
}

fn failed() -> SignatureResult {
    SignatureResult::Failed("the body is not what was signed")
}

fn unanswered() -> SignatureResult {
    SignatureResult::Unanswered(Unanswered::dns("TXT s1._domainkey.example.org: SERVFAIL"))
}
