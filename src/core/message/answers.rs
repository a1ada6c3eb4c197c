//! The answers that a message has so far, and how a stage asks for more.

use std::{cell::RefCell, net::IpAddr, sync::Arc};

use super::{
    by_question::ByQuestion,
    question::{Answer, Part, Question},
};
use crate::core::{
    address::{Domain, Mailbox},
    dmarc::Published,
    dnsbl::Listing,
    learned::Learned,
    outside::Outside,
    proof::{
        dkim::{Chain, Signed},
        guesses::Guesser,
        ledger::{Hash, Remembered},
        uses::Use,
    },
    recipients::Known,
    siege::State,
    spf::{Identity, SpfCheck, SpfResult},
    tenant::TenantAnswers,
};

/// What was answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    given: ByQuestion<Answer>,
    /// The store did not answer once, and is not waited for again.
    is_store_down: bool,
}

impl Answers {
    /// Keeps an answer; the first one counts, for what writes was done once.
    pub(super) fn add(&mut self, question: Question, answer: Answer) {
        self.is_store_down |= answer == Answer::Unanswered(Outside::Store);
        self.given.add(question, answer);
    }

    /// Forgets what was asked about one recipient or one stage only.
    pub(super) fn forget(&mut self) {
        self.given.retain(Question::is_of_message);
        self.is_store_down = false;
    }

    /// Whether the question has to be asked.
    pub(super) fn lack(&self, question: &Question) -> bool {
        let is_in_vain = self.is_store_down && question.outside() == Some(Outside::Store);
        !is_in_vain && self.given.find(question).is_none()
    }
}

/// A question has no answer yet: the stage is run again once it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Open;

/// What a stage asks of the answers, and what it lacks.
///
/// Questions that don't depend on each other are all asked before the first `?`, so that they are asked side by side.
pub(super) struct Asker<'a> {
    answers: &'a Answers,
    open: RefCell<ByQuestion<()>>,
}

/// An answer, or what did not answer; [`Open`] where it is not known yet.
pub(super) type Asked<T> = Result<Result<T, Outside>, Open>;

impl<'a> Asker<'a> {
    pub(super) fn new(answers: &'a Answers) -> Self {
        Self {
            answers,
            open: RefCell::default(),
        }
    }

    /// What has to be asked before the stage can go on.
    pub(super) fn open(self) -> Vec<Question> {
        self.open.into_inner().into_questions()
    }

    /// None where this message is not to ask.
    pub(super) fn spf(&self, identity: Identity) -> Asked<Option<&'a Arc<SpfCheck>>> {
        self.ask(Question::Spf(identity), |answer| match answer {
            Answer::Spf(check) => Some(Some(check)),
            Answer::NotAsked => Some(None),
            _ => None,
        })
    }

    pub(super) fn forwarder(&self, domain: &Domain) -> Asked<SpfResult> {
        let question = Question::Forwarder(domain.clone());
        self.ask(question, spf_result)
    }

    /// None where this message is not to ask.
    pub(super) fn listings(&self) -> Asked<Option<&'a [Listing]>> {
        self.ask(Question::Listings, |answer| match answer {
            Answer::Listings(listings) => Some(Some(listings.as_slice())),
            Answer::NotAsked => Some(None),
            _ => None,
        })
    }

    pub(super) fn known(&self, entry: usize, mailbox: &Mailbox) -> Asked<&'a Known> {
        let mailbox = mailbox.clone();
        self.ask(Question::Known { entry, mailbox }, |answer| match answer {
            Answer::Known(known) => Some(known),
            _ => None,
        })
    }

    pub(super) fn tenant(&self, domain: &Domain) -> Asked<&'a Arc<TenantAnswers>> {
        self.ask(Question::Tenant(domain.clone()), |answer| match answer {
            Answer::Tenant(answers) => Some(answers),
            _ => None,
        })
    }

    /// Whoever does not know it is calm, as all are from the start.
    pub(super) fn siege(&self, domain: &Domain) -> Result<State, Open> {
        let asked = self.ask(Question::Siege(domain.clone()), |answer| match answer {
            Answer::Siege(state) => Some(*state),
            _ => None,
        });
        Ok(asked?.unwrap_or_default())
    }

    pub(super) fn wrong_tags(&self, client: IpAddr) -> Result<u32, Open> {
        self.count(Question::WrongTags(client))
    }

    pub(super) fn wrong_tag(&self, guesser: Guesser) -> Result<(), Open> {
        self.count(Question::WrongTag(guesser)).map(drop)
    }

    fn count(&self, question: Question) -> Result<u32, Open> {
        let asked = self.ask(question, |answer| match answer {
            Answer::WrongTags(count) => Some(*count),
            _ => None,
        });
        Ok(asked?.unwrap_or_default())
    }

    pub(super) fn learned(&self, hashes: Vec<Hash>) -> Asked<Option<Learned>> {
        self.ask(Question::Learned(hashes), |answer| match answer {
            Answer::Learned(learned) => Some(*learned),
            _ => None,
        })
    }

    pub(super) fn last_sent(&self, senders: Vec<Hash>) -> Asked<Option<u64>> {
        self.ask(Question::LastSent(senders), |answer| match answer {
            Answer::LastSent(at) => Some(*at),
            _ => None,
        })
    }

    pub(super) fn signatures_left(&self, days: u64) -> Asked<bool> {
        self.ask(Question::SignaturesLeft { days }, holds)
    }

    /// Whoever does not know it has none.
    pub(super) fn forged(&self, ids: Vec<Hash>) -> Result<bool, Open> {
        Ok(self.ask(Question::Forged(ids), holds)?.unwrap_or_default())
    }

    pub(super) fn remembers_all(&self, domain: &Domain, days: u64) -> Asked<bool> {
        let domain = domain.clone();
        self.ask(Question::RemembersAll { domain, days }, holds)
    }

    pub(super) fn sent(&self, message: Vec<Hash>) -> Asked<Option<&'a Remembered>> {
        self.ask(Question::Sent(message), |answer| match answer {
            Answer::Sent(remembered) => Some(remembered.as_ref()),
            _ => None,
        })
    }

    pub(super) fn signatures(&self, part: Part) -> Asked<&'a [Signed]> {
        self.ask(Question::Signatures(part), |answer| match answer {
            Answer::Signatures(signed) => Some(signed.as_slice()),
            _ => None,
        })
    }

    pub(super) fn dmarc(&self, author: &Domain) -> Asked<Option<&'a Published>> {
        self.ask(Question::Dmarc(author.clone()), |answer| match answer {
            Answer::Dmarc(published) => Some(published.as_ref()),
            _ => None,
        })
    }

    pub(super) fn chain(&self) -> Asked<&'a Chain> {
        self.ask(Question::Chain, |answer| match answer {
            Answer::Chain(chain) => Some(chain),
            _ => None,
        })
    }

    pub(super) fn spf_of_returned(&self, client: IpAddr, sender: &Mailbox) -> Asked<SpfResult> {
        let sender = sender.clone();
        self.ask(Question::SpfOfReturned { client, sender }, spf_result)
    }

    /// None where this message is not to use a proof up.
    pub(super) fn use_proof(&self, question: Question) -> Asked<Option<Use>> {
        self.ask(question, |answer| match answer {
            Answer::Use(used) => Some(Some(*used)),
            Answer::NotAsked => Some(None),
            _ => None,
        })
    }

    fn ask<T>(
        &self,
        question: Question,
        read: impl FnOnce(&'a Answer) -> Option<T>,
    ) -> Result<Result<T, Outside>, Open> {
        let outside = question.outside();
        // An answer to another question is none.
        let none = outside.unwrap_or(Outside::Store);
        match self.answers.given.find(&question) {
            Some(Answer::Unanswered(outside)) => Ok(Err(*outside)),
            Some(answer) => Ok(read(answer).ok_or(none)),
            None if !self.answers.lack(&question) => Ok(Err(Outside::Store)),
            None => {
                self.open.borrow_mut().add(question, ());
                Err(Open)
            }
        }
    }
}

fn spf_result(answer: &Answer) -> Option<SpfResult> {
    match answer {
        Answer::SpfResult(result) => Some(*result),
        _ => None,
    }
}

fn holds(answer: &Answer) -> Option<bool> {
    match answer {
        Answer::Holds(holds) => Some(*holds),
        _ => None,
    }
}
