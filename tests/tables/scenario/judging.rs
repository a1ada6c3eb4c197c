//! How the core is asked about a scenario, stage by stage, and what it decides. No other file of the tables asks it.

use std::{collections::BTreeSet, sync::Arc};

use backstop::core::{
    address::{Mailbox, ReversePath},
    dnsbl::{self, Listing},
    envelope::{Client, Envelope, Recipient},
    header::Headers,
    header_rules::Matches,
    message::{Answer, Judged, Message, Question, RcptTo, Step},
    policy::{
        Addressed, Case, EnvelopeAlone, HeaderFacts, Judgement, Policy, Siege, SpfAnswers, Vouched,
    },
    proof::DAY,
    recipients::Known,
    siege::{Hit, State},
    spf::{Identity, SpfCheck, SpfResult},
    trace_header::Forgeries,
    verdict::Verdict,
};

use super::{Scenario, TODAY, YesOrNo};

/// What each stage decided; none where an earlier one refused, or where the content is not read.
pub struct Stages {
    pub rcpt: Judgement,
    pub data: Option<Judgement>,
    pub headers: Option<Judgement>,
    pub content: Option<Judgement>,
    /// Whether its tag counts as a guess.
    pub is_guess: bool,
}

impl Stages {
    /// What stands after the last stage.
    pub fn verdict(self) -> Verdict {
        let later = [self.data, self.headers, self.content];
        let later = later.into_iter().flatten();
        later.fold(self.rcpt.verdict, |verdict, later| {
            verdict.or_stronger(later.verdict)
        })
    }
}

/// How it is judged.
impl Scenario {
    pub fn envelope(&self) -> Envelope {
        let client = Client {
            address: self.client.parse().ok(),
            local: self.client == "this host",
            helo: Some(self.helo.as_bytes().to_vec()),
            login: self.has_login.then(|| b"jane".to_vec()),
            ..Client::default()
        };
        Envelope {
            client,
            reverse_path: ReversePath::from_bytes(self.from.as_bytes()),
        }
    }

    /// The recipient, and the tag that it was addressed by.
    pub fn addressed(&self, policy: &Policy) -> Addressed {
        let (judged, _) = self.rcpt(policy);
        Addressed {
            tag: self.tag.or(judged.addressed.tag),
            ..judged.addressed
        }
    }

    /// What is asked about this recipient before it is judged, as the daemon does.
    pub fn questions(&self, policy: &Policy) -> BTreeSet<&'static str> {
        let (_, asked) = self.rcpt(policy);
        asked
    }

    fn rcpt(&self, policy: &Policy) -> (Judged, BTreeSet<&'static str>) {
        let policy = Arc::new(policy.clone());
        let host = "mx.example.org".to_owned();
        let mut message = Message::new("1a".to_owned(), policy, self.envelope(), host);
        let rcpt = RcptTo {
            recipient: Recipient {
                mailbox: Mailbox::from_bytes(self.to.as_bytes()),
                refused: self.is_refused.then(|| "5.1.1".to_owned()),
            },
            path: format!("<{}>", self.to).into_bytes(),
            parameters: Vec::new(),
        };
        let mut asked = BTreeSet::new();
        loop {
            match message.rcpt(&rcpt, TODAY * DAY) {
                Step::Decided(judged) => return (judged, asked),
                Step::Ask(questions) => {
                    for question in questions {
                        let (word, answer) = self.answer(&message, &question);
                        asked.extend(word);
                        message.answer(question, answer);
                    }
                }
            }
        }
    }

    /// The answer at RCPT, and what it is called; what this host knows by itself has no name.
    fn answer(&self, message: &Message, question: &Question) -> (Option<&'static str>, Answer) {
        let holds = |answer: YesOrNo, yes: Answer, no: Answer| match answer {
            Ok(true) => yes,
            Ok(false) => no,
            Err(outside) => Answer::Unanswered(outside),
        };
        let spf = self.spf_answers(message.envelope());
        match question {
            Question::Spf(identity) => {
                let check = match identity {
                    Identity::Helo => spf.helo,
                    Identity::MailFrom => spf.mail_from,
                };
                (Some("spf"), check.map_or(Answer::NotAsked, Answer::Spf))
            }
            Question::Forwarder(domain) => {
                let result = match &self.forwarder {
                    Vouched::Yes(forwarder) if *forwarder == domain.as_str() => SpfResult::Pass,
                    Vouched::Unanswered => SpfResult::Temperror,
                    _ => SpfResult::Fail,
                };
                (Some("spf"), Answer::SpfResult(result))
            }
            Question::Listings => {
                let listings = self.said_by_lists(message.policy());
                (Some("dnsbl"), Answer::Listings(listings))
            }
            Question::Known { mailbox, .. } => {
                let known = self.known_recipient(mailbox);
                (Some("directory"), Answer::Known(known))
            }
            Question::Tenant(_) => {
                let row = self.tenant.clone().unwrap_or_default();
                (Some("tenants"), Answer::Tenant(row.into()))
            }
            Question::Siege(_) => {
                let state = match self.is_besieged {
                    true => State::Siege,
                    false => State::Calm,
                };
                (None, Answer::Siege(state))
            }
            Question::WrongTags(_) | Question::WrongTag(_) => {
                (None, Answer::WrongTags(self.wrong_before))
            }
            Question::LastSent(_) => {
                let (yes, no) = (Answer::LastSent(Some(TODAY * DAY)), Answer::LastSent(None));
                (Some("ledger"), holds(self.sent_with_tag, yes, no))
            }
            Question::SignaturesLeft { .. } => {
                let (yes, no) = (Answer::Holds(true), Answer::Holds(false));
                (Some("signatures"), holds(self.signatures_left, yes, no))
            }
            _ => (Some("others"), Answer::NotAsked),
        }
    }

    /// By the envelope alone.
    pub fn at_rcpt(&self, policy: &Policy) -> Judgement {
        let policy = &self.policy(policy);
        self.ask(policy, |case| policy.judge(case))
    }

    /// Stage by stage, as far as it comes.
    pub fn stages(&self, policy: &Policy) -> Stages {
        let policy = &self.policy(policy);
        self.ask(policy, |case| self.walked(policy, case))
    }

    /// What stands after the last stage.
    pub fn verdict(&self, policy: &Policy) -> Verdict {
        self.stages(policy).verdict()
    }

    /// The answer to `next`, to whom the same message goes after this recipient: none where it may share the transaction.
    pub fn parts(&self, next: &Self, policy: &Policy) -> Option<Judgement> {
        let company = self.ask(policy, |case| policy.company(case));
        next.ask(policy, |case| policy.parted(case, &company))
    }

    /// What the siege's sensor takes this verdict for.
    pub fn sensed(&self, policy: &Policy, verdict: &Verdict) -> Option<Hit> {
        let (envelope, mailbox) = (self.envelope(), Mailbox::from_bytes(self.to.as_bytes()));
        let sensed = policy.sensed(&envelope, &mailbox, verdict);
        sensed.map(|(domain, hit)| {
            assert!(self.to.ends_with(domain.as_str()), "{domain}");
            hit
        })
    }

    fn walked(&self, policy: &Policy, case: &Case<'_>) -> Stages {
        let mut stages = Stages {
            rcpt: policy.judge(case),
            data: None,
            headers: None,
            content: None,
            is_guess: Policy::is_guess(case.envelope, case.tag, None),
        };
        if !stages.rcpt.verdict.is_accepted() {
            return stages;
        }
        let data = policy.judge_data(case, self.sent_lately == Ok(true));
        let goes_on = data.verdict.is_accepted();
        stages.data = Some(data);
        if !goes_on {
            return stages;
        }
        let (headers, _) = Headers::parse(self.headers.as_bytes());
        let forgeries = Forgeries::new("mx.example.org");
        let facts = HeaderFacts::of(&case.envelope.reverse_path, headers, forgeries);
        let notification = facts.notification.as_ref();
        stages.is_guess = Policy::is_guess(case.envelope, case.tag, notification);
        let null_sender = case.envelope.reverse_path.is_null();
        let is_one = notification.is_some();
        let matches = Matches::new(&policy.headers, &facts.headers, null_sender, is_one);
        let vouchers = EnvelopeAlone(policy);
        let Ok(claim) = policy.weakest_claim(case.envelope, case.spf, &facts.claims, &vouchers);
        let claim = claim.filter(|_| policy.judges_from());
        let headers = policy.judge_headers(case, &facts, &matches, claim.as_ref());
        let goes_on = headers.verdict.is_accepted();
        stages.headers = Some(headers);
        if goes_on && policy.content_decides(case, &facts) {
            let (evidence, lately) = (&self.evidence, self.sent_lately);
            let content = policy.judge_content(case, &facts, evidence, lately, &self.author);
            stages.content = Some(content);
        }
        stages
    }

    /// Asks about all that is known at RCPT.
    fn ask<T>(&self, policy: &Policy, ask: impl FnOnce(&Case<'_>) -> T) -> T {
        let (envelope, addressed) = (self.envelope(), self.addressed(policy));
        let recipient = &addressed.recipient;
        let has_lists = policy
            .recipients_of(recipient)
            .is_some_and(|(_, entry)| entry.has_lists);
        let known = match has_lists {
            true => self.known_recipient(&recipient.mailbox),
            false => Known::NotListed,
        };
        let listings = match dnsbl::is_asked_about(&envelope.reverse_path) {
            true => self.said_by_lists(policy),
            false => Vec::new(),
        };
        ask(&Case {
            envelope: &envelope,
            spf: &self.spf_answers(&envelope),
            recipient,
            tag: addressed.tag,
            earlier: self.earlier,
            known: &known,
            listings: &listings,
            siege: self.is_besieged.then_some(Siege {
                learned: self.learned,
            }),
            tenant: self.tenant.as_ref(),
            is_read: true,
        })
    }

    fn said_by_lists(&self, policy: &Policy) -> Vec<Listing> {
        let lists = policy.dnsbl.iter().enumerate();
        let said = |at: usize| self.listings.get(at).cloned();
        lists
            .map(|(at, _)| said(at).unwrap_or(Listing::NotListed))
            .collect()
    }

    fn known_recipient(&self, mailbox: &Mailbox) -> Known {
        let mut listed = self.listed.iter();
        match listed.any(|local| mailbox.local() == local.as_bytes()) {
            true => Known::Listed("inline".to_owned()),
            false => self.unlisted.clone(),
        }
    }

    fn spf_answers(&self, envelope: &Envelope) -> SpfAnswers {
        let check = |identity, domain: &str, result| {
            Some(SpfCheck::new(identity, domain.to_owned(), result).into())
        };
        let mail_from = match envelope.reverse_path.domain() {
            Some(domain) => check(Identity::MailFrom, domain.as_str(), self.mail_from_spf),
            None => check(Identity::MailFrom, &self.helo, self.helo_spf),
        };
        SpfAnswers {
            helo: check(Identity::Helo, &self.helo, self.helo_spf),
            mail_from,
            forwarder: self.forwarder.clone(),
        }
    }
}
