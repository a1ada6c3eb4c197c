//! An address of ours in From: of a stranger's message: what vouches for it, chain by chain, and what is asked for that.

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

#[test]
fn each_way_that_our_mail_comes_back_by() {
    use SignatureResult::Whole;
    let news = "From: news@example.org\nTo: joe@example.org\nMessage-ID: <n@service.example>\n";
    let to_list: &[&str] = &["dev@lists.friend.example"];
    let service = || chain(SERVICE, &[news, SIGNED]);
    let list = || chain(LIST, &[POST, SIGNED]);
    let forger = |headers: &[&str]| chain("x@evil.example", headers);
    holds([
        (
            "a service that signs as we do",
            service().signed("example.org", Whole, JOE),
            ACCEPTED,
            "read dmarc ledger signatures",
            "pass",
        ),
        (
            "a service that does not sign",
            chain(SERVICE, &[news]),
            FORGED,
            "dmarc ledger",
            "fail",
        ),
        (
            "a list that keeps the signature",
            list().sent("jane@example.org", to_list),
            ACCEPTED,
            "dmarc ledger use",
            "-",
        ),
        (
            "one whose post we do not remember",
            list().signed("example.org", Whole, "dev@lists.friend.example"),
            DOUBTFUL,
            "read dmarc ledger signatures",
            "pass",
        ),
        (
            "a list that breaks it",
            list()
                .sent("jane@example.org", to_list)
                .signed("example.org", failed(), ""),
            ACCEPTED,
            "dmarc ledger use",
            "-",
        ),
        (
            "one whose post we do not remember",
            list().signed("example.org", failed(), ""),
            FORGED,
            "read dmarc ledger signatures",
            "fail",
        ),
        (
            "a list that takes it off",
            chain(LIST, &[POST]).sent("jane@example.org", to_list),
            ACCEPTED,
            "dmarc ledger use",
            "fail",
        ),
        (
            "a list above the host of its address",
            chain("bounces@friend.example", &[POST]).sent("jane@example.org", to_list),
            ACCEPTED,
            "dmarc ledger use",
            "fail",
        ),
        (
            "a list that the file names",
            chain("a@listed.example", &[POST, SIGNED]),
            ACCEPTED,
            "dmarc",
            "-",
        ),
        (
            "a forwarder",
            chain("bob@relay.example", &[POST, SIGNED])
                .signed("example.org", Whole, "bob@friend.example"),
            DOUBTFUL,
            "read dmarc ledger signatures",
            "pass",
        ),
        (
            "who sends it again (RFC 5322 section 3.6.6)",
            chain(
                "bob@relay.example",
                &["Resent-From: bob@relay.example\nResent-To: joe@example.org\n", POST, SIGNED],
            )
            .signed("example.org", Whole, "bob@friend.example"),
            DOUBTFUL,
            "read dmarc ledger signatures",
            "pass",
        ),
        ("a forger", forger(&[POST]), FORGED, "dmarc ledger", "fail"),
        (
            "one without SPF",
            forger(&[POST]).spf(Without),
            FORGED,
            "dmarc",
            "fail",
        ),
        (
            "one who copies a signature",
            forger(&[POST, SIGNED]).signed("example.org", failed(), ""),
            FORGED,
            "read dmarc ledger signatures",
            "fail",
        ),
        (
            "one who sends signed mail to others on",
            forger(&[POST, SIGNED]).signed("example.org", Whole, "victim@friend.example"),
            DOUBTFUL,
            "read dmarc ledger signatures",
            "pass",
        ),
        (
            "one who takes a Message-ID from an archive before the post of the list comes",
            forger(&[POST]).sent("jane@example.org", to_list),
            FORGED,
            "dmarc ledger",
            "fail",
        ),
        (
            "one who forges the list, too",
            list()
                .sent("jane@example.org", to_list)
                .signed("example.org", failed(), "")
                .spf(Softfail),
            FORGED,
            "read dmarc signatures",
            "fail",
        ),
        (
            "one with an address at the provider of a recipient",
            chain("x@gmail.com", &[POST]).sent("jane@example.org", &["bob@gmail.com"]),
            FORGED,
            "dmarc",
            "fail",
        ),
        (
            "at one that the file names",
            chain("x@isp.example", &[POST]).sent("jane@example.org", &["bob@isp.example"]),
            FORGED,
            "dmarc",
            "fail",
        ),
        (
            "the Message-ID is of another of us",
            list()
                .sent("kim@example.org", to_list)
                .signed("example.org", failed(), ""),
            FORGED,
            "read dmarc ledger signatures",
            "fail",
        ),
        (
            "a host below that of the list",
            chain("x@sub.lists.friend.example", &[POST]).sent("jane@example.org", to_list),
            FORGED,
            "dmarc ledger",
            "fail",
        ),
        (
            "two Message-IDs",
            chain(LIST, &[POST, "Message-ID: <2@example.org>\n"])
                .sent("jane@example.org", to_list),
            FORGED,
            "dmarc",
            "fail",
        ),
        (
            "a notification without a sender, signed",
            chain("", &["From: MAILER-DAEMON@example.org\nTo: joe@example.org\nSubject: Undelivered mail\n\
                         Content-Type: multipart/report; report-type=delivery-status; boundary=b\n", SIGNED])
                .site("ledger: {remember: true}", "dkim: {verify: false}")
                .signed("example.org", Whole, JOE),
            ACCEPTED,
            "read dmarc signatures",
            "pass",
        ),
    ]);
}

#[test]
fn copies_of_a_post_are_counted_for_each_recipient() {
    let to_list: &[&str] = &["dev@lists.friend.example"];
    let list = || chain(LIST, &[POST]).sent("jane@example.org", to_list);
    let over = || Answer::Use(Use::TooOften { limit: 3 });
    holds([
        (
            "too many",
            list().used(over()),
            DOUBTFUL,
            "dmarc ledger use",
            "fail",
        ),
        (
            "the same again",
            list().used(Answer::Use(Use::Again { times: 2 })),
            ACCEPTED,
            "dmarc ledger use",
            "fail",
        ),
        (
            "nobody can count",
            list().used(Answer::Unanswered(Outside::Store)),
            ACCEPTED,
            "dmarc ledger use",
            "fail",
        ),
        (
            "it is not counted, in explain",
            list().used(Answer::NotAsked),
            ACCEPTED,
            "dmarc ledger use",
            "fail",
        ),
        (
            "too many, where such mail is only tagged",
            list()
                .used(over())
                .site("header_from: reject", "header_from: tag"),
            DOUBTFUL,
            "dmarc ledger use",
            "fail",
        ),
        (
            "to several",
            list().used(over()).to(&[JOE, "ann@example.org"]),
            "tag header_from_doubtful, tag header_from_doubtful",
            "dmarc ledger use",
            "fail",
        ),
    ]);
    // Each recipient and each list has its own count, and what comes again is the same copy.
    let uses = |chain: &Chain| {
        let mut uses = Vec::new();
        let _ = chain.up_to_headers(|question| {
            if let Question::Use {
                message, attempt, ..
            } = question
            {
                uses.push((*message, attempt.notification, attempt.limit));
            }
        });
        uses
    };
    let two = uses(&list().to(&[JOE, "ann@example.org"]));
    assert_eq!(two.len(), 2);
    assert_ne!(two[0].0, two[1].0);
    assert_eq!((two[0].1, two[0].2), (two[1].1, 3));
    assert_eq!(uses(&list()), uses(&list()));
    let other_list = Chain {
        mail_from: "bounces@friend.example",
        ..list()
    };
    assert_ne!(uses(&list())[0].0, uses(&other_list)[0].0);
    let other_copy =
        chain(LIST, &["Received: from a by b\n", POST]).sent("jane@example.org", to_list);
    assert_eq!(uses(&list())[0].0, uses(&other_copy)[0].0);
    assert_ne!(uses(&list())[0].1, uses(&other_copy)[0].1);
}

#[test]
fn alignment_is_as_the_domain_in_from_says() {
    use SignatureResult::Whole;
    const NONE: &[(&str, &str)] = &[];
    const ADKIM: &[(&str, &str)] = &[("example.org", "v=DMARC1; p=none; adkim=s")];
    const ASPF: &[(&str, &str)] = &[("example.org", "v=DMARC1; p=none; aspf=s")];
    const APART: &[(&str, &str)] = &[
        ("example.org", "v=DMARC1; p=none"),
        ("news.example.org", "v=DMARC1; p=none; psd=n"),
    ];
    const BELOW: &[(&str, &str)] = &[("below.test", "v=DMARC1; p=none")];
    let from = "From: jane@example.org\nTo: joe@example.org\n";
    let by_spf = |domain| chain(domain, &[from]).site("ledger: {remember: true}", "");
    let by_dkim = |d: &'static str| {
        let signature = format!("DKIM-Signature: v=1; d={d}; s=s1; h=from:to\n");
        chain(SERVICE, &[from, &signature])
            .site("ledger: {remember: true}", "")
            .signed(d, Whole, JOE)
    };
    let below = |d: &'static str| {
        let signature = format!("DKIM-Signature: v=1; d={d}; s=s1; h=from:to\n");
        let from = "From: jane@a.below.test\nTo: joe@example.org\n";
        chain(SERVICE, &[from, &signature])
            .site("ledger: {remember: true}", "")
            .signed(d, Whole, JOE)
    };
    let (spf, dkim) = ("dmarc", "read dmarc signatures");
    holds([
        ("itself", by_spf("a@example.org"), ACCEPTED, spf, "pass"),
        ("below", by_spf("a@news.example.org"), ACCEPTED, spf, "pass"),
        (
            "below, no record",
            by_spf("a@news.example.org").records(NONE),
            ACCEPTED,
            spf,
            "none",
        ),
        (
            "below, strict",
            by_spf("a@news.example.org").records(ASPF),
            FORGED,
            spf,
            "fail",
        ),
        (
            "itself, strict",
            by_spf("a@example.org").records(ASPF),
            ACCEPTED,
            spf,
            "pass",
        ),
        (
            "below, strict for DKIM",
            by_spf("a@news.example.org").records(ADKIM),
            ACCEPTED,
            spf,
            "pass",
        ),
        (
            "below, an organization of its own",
            by_spf("a@news.example.org").records(APART),
            FORGED,
            spf,
            "fail",
        ),
        (
            "a name that ends alike",
            by_spf("a@xexample.org"),
            FORGED,
            spf,
            "fail",
        ),
        ("another of ours", by_spf("a@own.test"), FORGED, spf, "fail"),
        (
            "SPF fails",
            by_spf("a@news.example.org").spf(Fail),
            FORGED,
            spf,
            "fail",
        ),
        (
            "DKIM itself",
            by_dkim("example.org"),
            ACCEPTED,
            dkim,
            "pass",
        ),
        (
            "DKIM below",
            by_dkim("news.example.org"),
            ACCEPTED,
            dkim,
            "pass",
        ),
        (
            "DKIM below, no record",
            by_dkim("news.example.org").records(NONE),
            ACCEPTED,
            dkim,
            "none",
        ),
        (
            "DKIM below, strict",
            by_dkim("news.example.org").records(ADKIM),
            FORGED,
            spf,
            "fail",
        ),
        (
            "DKIM itself, strict",
            by_dkim("example.org").records(ADKIM),
            ACCEPTED,
            dkim,
            "pass",
        ),
        (
            "DKIM below, strict for SPF",
            by_dkim("news.example.org").records(ASPF),
            ACCEPTED,
            dkim,
            "pass",
        ),
        (
            "DKIM below, apart",
            by_dkim("news.example.org").records(APART),
            FORGED,
            spf,
            "fail",
        ),
        (
            "DKIM beside",
            below("b.below.test").records(BELOW),
            ACCEPTED,
            dkim,
            "pass",
        ),
        (
            "DKIM beside, no record",
            below("b.below.test").records(NONE),
            FORGED,
            spf,
            "none",
        ),
        (
            "DKIM above",
            below("below.test").records(BELOW),
            ACCEPTED,
            dkim,
            "pass",
        ),
        (
            "DKIM above, which is not ours, no record",
            below("below.test").records(NONE),
            FORGED,
            spf,
            "none",
        ),
        (
            "DKIM of a top-level domain",
            by_dkim("org"),
            FORGED,
            spf,
            "fail",
        ),
        (
            "DKIM of a stranger",
            by_dkim("evil.example"),
            FORGED,
            spf,
            "fail",
        ),
    ]);
}

#[test]
fn each_address_of_ours_needs_its_own_voucher() {
    use SignatureResult::Whole;
    const BOTH: &str = "DKIM-Signature: v=1; d=own.test; s=s1; h=from:to\n";
    let of = |from: &str, signatures: &[&str]| {
        let from = format!("From: {from}\nTo: joe@example.org\n");
        let headers: Vec<&str> = [from.as_str()]
            .into_iter()
            .chain(signatures.iter().copied())
            .collect();
        chain(SERVICE, &headers).site("ledger: {remember: true}", "")
    };
    let one = |from: &str| of(from, &[SIGNED]).signed("example.org", Whole, JOE);
    let both = |from: &str| {
        let signed = of(from, &[SIGNED, BOTH]);
        signed
            .signed("own.test", Whole, JOE)
            .signed("example.org", Whole, JOE)
    };
    let read = "read dmarc signatures";
    holds(
        [
            ("one", one("a@example.org"), ACCEPTED, read, "pass"),
            (
                "with a stranger",
                one("a@example.org, x@friend.example"),
                ACCEPTED,
                "read signatures",
                "-",
            ),
            (
                "two, one signs",
                one("a@example.org, b@own.test"),
                FORGED,
                "",
                "-",
            ),
            (
                "two, both sign",
                both("a@example.org, b@own.test"),
                ACCEPTED,
                "read signatures",
                "-",
            ),
            (
                "a group",
                one("All: a@example.org, b@own.test;"),
                FORGED,
                "",
                "-",
            ),
            (
                "a group, both sign",
                both("All: a@example.org, b@own.test;"),
                ACCEPTED,
                "read signatures",
                "-",
            ),
            (
                "a name",
                one("\"b@own.test\" <a@example.org>"),
                FORGED,
                "",
                "fail",
            ),
            (
                "a name, both sign",
                both("\"b@own.test\" <a@example.org>"),
                ACCEPTED,
                read,
                "pass",
            ),
            (
                "an encoded word",
                one("=?utf-8?Q?b=40own.test?= <a@example.org>"),
                FORGED,
                "",
                "fail",
            ),
            (
                "a name of ours at a stranger",
                one("\"a@example.org\" <x@evil.example>"),
                ACCEPTED,
                "read signatures",
                "-",
            ),
            (
                "two fields, one covered",
                one("a@example.org\nFrom: x@evil.example"),
                FORGED,
                "",
                "-",
            ),
            (
                "two fields, both covered",
                of(
                    "a@example.org\nFrom: x@evil.example",
                    &["DKIM-Signature: v=1; d=example.org; s=s1; h=from:from:to\n"],
                )
                .signed("example.org", Whole, JOE),
                ACCEPTED,
                "read signatures",
                "-",
            ),
        ]
        .map(|(what, chain, verdict, asked, result)| {
            // Those with one author ask for the record of its domain.
            let asked = match (asked, result) {
                ("", "fail") => "dmarc",
                (asked, _) => asked,
            };
            let result = match what {
                "a name" | "an encoded word" => "-",
                _ => result,
            };
            (what, chain, verdict, asked, result)
        }),
    );
}

#[test]
fn what_a_signature_must_be() {
    use SignatureResult::{Expired, HeadersOnlyAltered, NoKey, Whole};
    let from = "From: jane@example.org\nTo: joe@example.org\n";
    let service = |headers: &[&str]| {
        let headers: Vec<&str> = [from].into_iter().chain(headers.iter().copied()).collect();
        chain(SERVICE, &headers).site("ledger: {remember: true}", "")
    };
    let read = "read dmarc signatures";
    let short = "DKIM-Signature: v=1; d=example.org; s=s1; h=from:to; l=10\n";
    let bare = "DKIM-Signature: v=1; d=example.org; s=s1; h=to\n";
    holds([
        (
            "no key",
            service(&[SIGNED]).signed("example.org", NoKey("the key is for tests (t=y)"), JOE),
            FORGED,
            read,
            "fail",
        ),
        (
            "expired",
            service(&[SIGNED]).signed("example.org", Expired, JOE),
            FORGED,
            read,
            "fail",
        ),
        (
            "of less",
            service(&[SIGNED]).signed("example.org", HeadersOnlyAltered, JOE),
            FORGED,
            read,
            "fail",
        ),
        (
            "a part of the body",
            service(&[short]),
            FORGED,
            "dmarc",
            "-",
        ),
        ("without From:", service(&[bare]), FORGED, "dmarc", "-"),
        (
            "one of two is enough",
            service(&[short, SIGNED]).signed("example.org", Whole, JOE),
            ACCEPTED,
            read,
            "-",
        ),
        (
            "addressed to a recipient that is not in local.domains",
            service(&[SIGNED])
                .signed("example.org", Whole, "fwd@elsewhere.example")
                .to(&["fwd@elsewhere.example"]),
            ACCEPTED,
            read,
            "pass",
        ),
        (
            "the MTA keeps the content",
            Chain {
                content_comes: false,
                ..service(&[SIGNED])
            },
            DOUBTFUL,
            "dmarc",
            "-",
        ),
    ]);
}

#[test]
fn no_outage_costs_our_mail() {
    use SignatureResult::Whole;
    let to_list: &[&str] = &["dev@lists.friend.example"];
    let from = "From: jane@example.org\nTo: joe@example.org\n";
    let below = "DKIM-Signature: v=1; d=news.example.org; s=s1; h=from:to\n";
    let (later, tagged) = ("tempfail header_from_forged", "tag header_from_forged");
    let off = |chain: Chain| chain.site("ledger: {remember: true}", "");
    holds([
        (
            "the key",
            off(chain(SERVICE, &[from, SIGNED])).signed("example.org", unanswered(), JOE),
            later,
            "read dmarc signatures",
            "temperror",
        ),
        (
            "one of two keys, and the other verifies",
            off(chain(SERVICE, &[from, SIGNED, SIGNED]))
                .signed("example.org", unanswered(), JOE)
                .signed("example.org", Whole, JOE),
            ACCEPTED,
            "read dmarc signatures",
            "pass",
        ),
        (
            "all signatures",
            off(chain(SERVICE, &[from, SIGNED])).down("signatures"),
            later,
            "read dmarc signatures",
            "temperror",
        ),
        (
            "the record, which would align a subdomain",
            off(chain(SERVICE, &[from, below])).down("dmarc"),
            later,
            "dmarc",
            "temperror",
        ),
        (
            "the record, which says nothing of the domain itself",
            off(chain(SERVICE, &[from, SIGNED]))
                .signed("example.org", Whole, JOE)
                .down("dmarc"),
            ACCEPTED,
            "read dmarc signatures",
            "temperror",
        ),
        (
            "the record, which would align SPF",
            off(chain("a@news.example.org", &[from])).down("dmarc"),
            later,
            "dmarc",
            "temperror",
        ),
        (
            "SPF of our own",
            off(chain("a@example.org", &[from])).spf(Temperror),
            later,
            "dmarc",
            "temperror",
        ),
        (
            "SPF of our own, and a signature verifies",
            off(chain("a@example.org", &[from, SIGNED]))
                .spf(Temperror)
                .signed("example.org", Whole, JOE),
            ACCEPTED,
            "read dmarc signatures",
            "pass",
        ),
        (
            "SPF of a stranger, who may not claim us anyway",
            off(chain("a@evil.example", &[from])).spf(Temperror),
            FORGED,
            "dmarc",
            "fail",
        ),
        (
            "SPF of a list that we sent to",
            chain(LIST, &[POST])
                .sent("jane@example.org", to_list)
                .spf(Temperror),
            later,
            "dmarc ledger",
            "fail",
        ),
        (
            "the ledger",
            chain(LIST, &[POST])
                .sent("jane@example.org", to_list)
                .down("ledger"),
            tagged,
            "dmarc ledger",
            "fail",
        ),
        (
            "the ledger, and a signature verifies",
            chain(LIST, &[POST, SIGNED])
                .signed("example.org", Whole, JOE)
                .down("ledger"),
            ACCEPTED,
            "read dmarc ledger signatures",
            "pass",
        ),
    ]);
}

#[test]
fn nothing_is_asked_of_other_mail() {
    let from = "From: bob@friend.example\nTo: joe@example.org\n";
    let ours = || chain(SERVICE, &[POST, SIGNED]);
    holds([
        (
            "a stranger's",
            chain(SERVICE, &[from, SIGNED]),
            ACCEPTED,
            "",
            "-",
        ),
        (
            "no From:",
            chain(SERVICE, &["Subject: hi\n", SIGNED]),
            ACCEPTED,
            "",
            "-",
        ),
        (
            "where it is accepted",
            ours().site("header_from: reject", "header_from: accept"),
            ACCEPTED,
            "",
            "-",
        ),
        (
            "to postmaster",
            ours().to(&["postmaster@example.org"]),
            "accept exempt_postmaster",
            "",
            "-",
        ),
        (
            "to who is exempt",
            ours().to(&["abuse@example.org"]),
            "accept exempt_recipient",
            "",
            "-",
        ),
        (
            "our own host",
            chain("jane@example.org", &[POST, SIGNED]),
            ACCEPTED,
            "dmarc",
            "pass",
        ),
    ]);
}

/// However many names of ours a stranger writes.
#[test]
fn records_of_few_domains_are_asked_for() {
    let authors: String = (0..60).map(|n| format!("x@d{n}.below.test, ")).collect();
    let chain = chain("x@y.below.test", &[&format!("From: {authors}\n")]);
    let mut asked = 0;
    let message = chain.up_to_headers(|question| {
        asked += usize::from(matches!(question, Question::Dmarc(_)));
    });
    assert!((1..=8).contains(&asked), "{asked}");
    assert!(message.refusal().is_some());
}
