//! How the core is asked about a scenario, stage by stage, and what it decides. No other file of the tables asks it.

use std::{collections::BTreeSet, convert::Infallible};

use backstop::core::{
    address::{Mailbox, ReversePath},
    dnsbl::Listing,
    envelope::{Client, Envelope, Recipient},
    header::Headers,
    header_rules::Matches,
    policy::{Addressed, Case, HeaderFacts, Judgement, Policy, Siege, SpfAnswers},
    recipients::Known,
    siege::Hit,
    spf::{Identity, SpfCheck},
    trace_header::Forgeries,
    verdict::Verdict,
};

use super::{Answer, Scenario, TODAY};

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
        let envelope = self.envelope();
        let recipient = Recipient {
            mailbox: Mailbox::from_bytes(self.to.as_bytes()),
            refused: self.is_refused.then(|| "5.1.1".to_owned()),
        };
        let wrong_before = || Ok::<_, Infallible>(self.wrong_before);
        let Ok(addressed) = policy.addressed(&envelope, recipient, TODAY, wrong_before);
        let asked = |asks, answer: Answer| if asks { answer } else { Ok(false) };
        let sent = policy.asks_ledger_of_tag(&envelope, &addressed);
        let signed = policy.asks_signatures_of_tag(&envelope, &addressed);
        let otherwise = policy.otherwise(
            asked(sent, self.sent_with_tag),
            asked(signed, self.signatures_left),
        );
        let read = addressed.tag.map(|tag| tag.or(otherwise));
        Addressed {
            tag: self.tag.or(read),
            ..addressed
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
        next.ask(policy, |case| policy.parted(case, company))
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

    /// Whom this recipient has asked before it is judged.
    pub fn questions(&self, policy: &Policy) -> BTreeSet<&'static str> {
        let (envelope, addressed) = (self.envelope(), self.addressed(policy));
        let recipient = &addressed.recipient;
        [
            ("spf", policy.needs_spf(&envelope, recipient)),
            ("dnsbl", policy.needs_dnsbl(&envelope, recipient)),
            (
                "directory",
                policy.lists_to_ask(&envelope, recipient).is_some(),
            ),
            ("ledger", policy.asks_ledger_of_tag(&envelope, &addressed)),
            (
                "signatures",
                policy.asks_signatures_of_tag(&envelope, &addressed),
            ),
        ]
        .into_iter()
        .filter_map(|(question, asks)| asks.then_some(question))
        .collect()
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
        let lately = policy.lacks_tag(case) && self.sent_lately == Ok(true);
        let data = policy.judge_data(case, lately);
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
        let matches = Matches::new(&policy.headers, &facts.headers);
        let headers = policy.judge_headers(case, &facts, &matches);
        let goes_on = headers.verdict.is_accepted();
        stages.headers = Some(headers);
        if goes_on && policy.needs_content(case, &facts) {
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
        let known = match policy.lists_to_ask(&envelope, recipient) {
            None => Known::NotListed,
            Some(_) => self.known_recipient(&recipient.mailbox),
        };
        let lists = policy.dnsbl.iter().enumerate();
        let listings: Vec<_> = lists
            .filter(|_| policy.needs_dnsbl(&envelope, recipient))
            .map(|(at, _)| self.listings.get(at).cloned().unwrap_or(Listing::NotListed))
            .collect();
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
        })
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
