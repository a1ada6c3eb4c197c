//! The answers: each question of the core goes to the adapter that knows.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, Instant as Monotonic, SystemTime},
};

use tokio::time::Instant;

use super::{Engine, asking::Answerer, dmarc::dmarc, returned, waiting::Waiting};
use crate::{
    core::{
        address::{Domain, Mailbox, ReversePath},
        message::{Answer, Guess, Message, Part, Question},
        outside::{Outside, Unanswered},
        proof,
        spf::{Identity, SpfCheck},
    },
    dns::Budgeted,
    observe::Warnings,
    spf::{self, Lookup, Mx, SpfQuery},
    store::Unavailable,
};

/// Whom a message may ask, and what is noted of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// DNS, about its client.
    pub client: bool,
    /// DNS at all.
    pub dns: bool,
    /// The store, to count the proofs that it uses.
    pub counts: bool,
    /// Every step of its SPF checks is noted, for people to read.
    pub spf_trace: bool,
}

impl Allowed {
    /// Everybody, as the daemon does, which shows nobody the steps.
    pub const ALL: Self = Self {
        client: true,
        dns: true,
        counts: true,
        spf_trace: false,
    };
}

/// Answers the questions of one stage.
pub struct Answers<'a> {
    engine: &'a Engine,
    allowed: Allowed,
    lookup: Budgeted,
    /// In seconds since 1970.
    now: u64,
    warnings: &'a Warnings,
}

impl Engine {
    /// Answers the questions of a stage that begins now, at `now` seconds since 1970; those to DNS within `dns.budget`.
    pub fn answers<'a>(
        &'a self,
        allowed: Allowed,
        now: u64,
        warnings: &'a Warnings,
    ) -> Answers<'a> {
        let deadline = Instant::now() + self.resolver.budget();
        Answers {
            engine: self,
            allowed,
            lookup: self.resolver.budgeted(deadline),
            now,
            warnings,
        }
    }
}

impl Answerer for Answers<'_> {
    fn own(&self, question: &Question) -> Option<Answer> {
        match question {
            Question::Siege(domain) => Some(Answer::Siege(self.engine.sieges.state(domain))),
            Question::WrongTags(client) => {
                Some(Answer::WrongTags(self.engine.guesses.wrong(*client)))
            }
            Question::Forged(ids) => Some(Answer::Holds(self.engine.forged.has_any(ids))),
            Question::WrongTag(guesser) => {
                let guess = Guess::Wrong(guesser.clone());
                self.engine.guesses.count(&guess, self.warnings);
                let wrong = self.engine.guesses.wrong(guesser.client);
                Some(Answer::WrongTags(wrong))
            }
            Question::Spf(_) | Question::Forwarder(_) | Question::Listings
                if !(self.allowed.dns && self.allowed.client) =>
            {
                Some(Answer::NotAsked)
            }
            Question::SpfOfReturned { .. } | Question::Dmarc(_) if !self.allowed.dns => {
                Some(Answer::Unanswered(Outside::Dns))
            }
            Question::Use { .. } if !self.allowed.counts => Some(Answer::NotAsked),
            _ => None,
        }
    }

    async fn answer(&self, message: &Message, question: &Question) -> Answer {
        let Some(outside) = question.outside() else {
            return self.found(message, question).await;
        };
        let mut waiting = Waiting::new(&self.engine.timings, outside);
        let answer = self.found(message, question).await;
        waiting.is_over(&answer);
        answer
    }
}

impl Answers<'_> {
    async fn found(&self, message: &Message, question: &Question) -> Answer {
        match question {
            // On the heap, for the future of an SPF check is long.
            Question::Spf(identity) => {
                let check = Box::pin(self.spf(message, *identity)).await;
                check.map_or(Answer::NotAsked, |check| Answer::Spf(check.into()))
            }
            Question::Forwarder(domain) => {
                let postmaster = ReversePath::Mailbox(Mailbox::postmaster(domain));
                let asked = Box::pin(self.spf_of(message, &postmaster));
                asked
                    .await
                    .map_or(Answer::NotAsked, |check| Answer::SpfResult(check.result))
            }
            Question::SpfOfReturned { client, sender } => {
                let query = SpfQuery {
                    client: *client,
                    helo: b"",
                    mail_from: &ReversePath::Mailbox(sender.clone()),
                    now: self.time(),
                    receiver: "",
                    traced: false,
                };
                let check = Box::pin(spf::check_mail_from(&self.lookup, &query)).await;
                Answer::SpfResult(check.result)
            }
            Question::Listings => Box::pin(self.listings(message)).await,
            Question::Known { entry, mailbox } => {
                let local = &message.policy().local;
                Answer::Known(self.engine.directory.known(*entry, mailbox, local).await)
            }
            Question::Signatures(part) => Box::pin(self.signatures(message, part)).await,
            Question::Dmarc(author) => Box::pin(self.dmarc(author)).await,
            Question::Chain => Box::pin(self.chain(message)).await,
            Question::Tenant(domain) => {
                let local = &message.policy().local;
                match self.engine.tenants.of(domain, local).await {
                    Ok(answers) => Answer::Tenant(answers),
                    Err(unanswered) => Answer::Unanswered(unanswered.outside),
                }
            }
            Question::Siege(_)
            | Question::WrongTags(_)
            | Question::WrongTag(_)
            | Question::Forged(_) => Answer::NotAsked,
            stored => Box::pin(self.stored(stored)).await,
        }
    }

    /// None where the client has no address.
    async fn spf(&self, message: &Message, identity: Identity) -> Option<SpfCheck> {
        match identity {
            Identity::Helo => {
                let query = self.query(message, &ReversePath::Null)?;
                Some(spf::check_helo(&self.lookup, &query).await)
            }
            Identity::MailFrom => {
                let reverse_path = &message.envelope().reverse_path;
                self.spf_of(message, reverse_path).await
            }
        }
    }

    async fn spf_of(&self, message: &Message, mail_from: &ReversePath) -> Option<SpfCheck> {
        let query = self.query(message, mail_from)?;
        Some(spf::check_mail_from(&self.lookup, &query).await)
    }

    fn query<'m>(&self, message: &'m Message, mail_from: &'m ReversePath) -> Option<SpfQuery<'m>> {
        let client = &message.envelope().client;
        Some(SpfQuery {
            client: client.address?,
            helo: client.helo.as_deref().unwrap_or_default(),
            mail_from,
            now: self.time(),
            receiver: message.receiver(),
            traced: self.allowed.spf_trace,
        })
    }

    fn time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.now)
    }

    async fn listings(&self, message: &Message) -> Answer {
        let Some(client) = message.envelope().client.address else {
            return Answer::NotAsked;
        };
        let lists = &message.policy().dnsbl;
        let asked = self.engine.blocklists.listings(lists, client, &self.lookup);
        Answer::Listings(asked.await)
    }

    async fn dmarc(&self, author: &Domain) -> Answer {
        match dmarc(author, &self.lookup).await {
            Ok(published) => Answer::Dmarc(published),
            Err(unanswered) => Answer::Unanswered(unanswered.outside),
        }
    }

    async fn signatures(&self, message: &Message, part: &Part) -> Answer {
        let keys = &self.engine.dkim_keys;
        let signed = match self.allowed.dns {
            true => returned::signatures(message, part, keys, &self.lookup, self.now).await,
            false => returned::signatures(message, part, keys, &NotAsked, self.now).await,
        };
        signed.map_or(Answer::NotAsked, Answer::Signatures)
    }

    async fn chain(&self, message: &Message) -> Answer {
        let keys = &self.engine.dkim_keys;
        let chain = match self.allowed.dns {
            true => returned::chain(message, keys, &self.lookup, self.now).await,
            false => returned::chain(message, keys, &NotAsked, self.now).await,
        };
        chain.map_or(Answer::NotAsked, Answer::Chain)
    }

    /// What the store knows. Where there is none, it knows nothing.
    async fn stored(&self, question: &Question) -> Answer {
        let Engine {
            store,
            signatures,
            remembered,
            ..
        } = self.engine;
        let today = proof::today(self.now);
        let store = store.as_deref();
        if let Question::SignaturesLeft { days } = question {
            return match signatures.seen(store, today, *days).await {
                Ok(seen) => Answer::Holds(seen),
                Err(outside) => Answer::Unanswered(outside),
            };
        }
        let Some(store) = store else {
            return none_of(question);
        };
        let answer = match question {
            Question::Learned(hashes) => store.learned(hashes.clone()).await.map(Answer::Learned),
            Question::LastSent(hashes) => {
                let last = store.last_sent(hashes.clone()).await;
                last.map(Answer::LastSent)
            }
            Question::Sent(hashes) => store.sent(hashes.clone()).await.map(Answer::Sent),
            Question::Use {
                message,
                attempt,
                until,
            } => {
                let used = store.use_proof(*message, *attempt, *until).await;
                used.map(Answer::Use)
            }
            Question::RemembersAll { domain, days } => {
                let all = remembered.has_all(store, domain, today, *days).await;
                Ok(Answer::Holds(all))
            }
            _ => Ok(Answer::NotAsked),
        };
        answer.unwrap_or_else(|unavailable| {
            warn_of_store(self.warnings, &unavailable);
            Answer::Unanswered(unavailable.into())
        })
    }
}

/// What no store knows.
fn none_of(question: &Question) -> Answer {
    match question {
        Question::Learned(_) => Answer::Learned(None),
        Question::LastSent(_) => Answer::LastSent(None),
        Question::Sent(_) => Answer::Sent(None),
        Question::RemembersAll { .. } => Answer::Holds(false),
        _ => Answer::NotAsked,
    }
}

fn warn_of_store(warnings: &Warnings, unavailable: &Unavailable) {
    let text = format!("not asked, so judged without it: {unavailable}");
    warnings.warn("store", &text, Monotonic::now());
}

/// A DNS that nobody is to ask.
struct NotAsked;

impl NotAsked {
    fn error<T>(question: String) -> Result<T, Unanswered> {
        Err(Unanswered::dns(format!("{question}: not asked")))
    }
}

impl Lookup for NotAsked {
    async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, Unanswered> {
        Self::error(format!("TXT {name}"))
    }

    async fn a(&self, name: &str) -> Result<Vec<Ipv4Addr>, Unanswered> {
        Self::error(format!("A {name}"))
    }

    async fn aaaa(&self, name: &str) -> Result<Vec<Ipv6Addr>, Unanswered> {
        Self::error(format!("AAAA {name}"))
    }

    async fn mx(&self, name: &str) -> Result<Vec<Mx>, Unanswered> {
        Self::error(format!("MX {name}"))
    }

    async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, Unanswered> {
        Self::error(format!("PTR {address}"))
    }
}
