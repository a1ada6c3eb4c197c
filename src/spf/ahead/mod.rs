//! Asks ahead of need, so that a check lasts as many round trips as its records are nested, not as many as it asks
//! questions.
//!
//! The evaluation stays the sequential one of RFC 7208 and never sees that anything was asked ahead: it asks its
//! questions one by one, in order, and gets the same answers. So results, counts, limits, problems and traces are those of
//! the sequential evaluation. As long as each answer is there at once (from a cache), nothing else happens. With the
//! first answer that is not, and with each that comes from then on, [`walk`] goes through the records known so far as the
//! evaluation will, and starts the questions that it may come to: of `include`, `redirect`, `a`, `mx` with its exchanges,
//! `ptr` with its names, and of `exists` without a macro. Not those of an `exists` with macros, whose answer serves
//! this message only; of a name with `%{p}`, which is found out step by step; and of `exp`, which few results need.
//!
//! How many questions a stranger's record can cause:
//!
//! | | at most |
//! |---|---|
//! | in order | 1 TXT of the domain; for each of the 10 terms (4.6.4) 1, or 11 for an `mx` and its exchanges; PTR and 10 names of the client; 1 TXT of `exp`: 123 |
//! | ahead of need and then not needed | [`AHEAD`]: 64 |
//!
//! For what is under way or answered but not needed so far takes one of [`AHEAD`] places, and gives it back only when the
//! evaluation comes to it. Nothing outlives the check here: its questions are dropped with it, and those that the
//! resolver has sent end within its own time.

mod known;
mod walk;

use std::{
    collections::HashMap,
    pin::{Pin, pin},
};

use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Either, select},
    stream::FuturesUnordered,
};

use self::known::Known;
use super::{
    Lookup,
    expansion::Values,
    limits::{AHEAD, MAX_KEPT},
    question::{Answered, Question},
};

/// The DNS of one check.
pub(super) struct Dns<'a, L> {
    lookup: &'a L,
    values: Values<'a>,
    ahead: Ahead<'a, L>,
}

enum Ahead<'a, L> {
    /// Each answer was there at once.
    NotYet,
    Started(Box<Started<'a, L>>),
    /// What follows is not foreseen.
    Over,
}

/// What was asked since the first answer that was not there at once.
struct Started<'a, L> {
    lookup: &'a L,
    /// As at the first domain.
    values: Values<'a>,
    /// What each answer means for the terms after it; none while it is under way.
    known: HashMap<Question, Option<Known>>,
    under_way: FuturesUnordered<BoxFuture<'a, (Question, Answered)>>,
    /// Answers that the evaluation has not come to.
    early: HashMap<Question, Answered>,
}

impl<'a, L: Lookup> Dns<'a, L> {
    /// For a check whose macros have these values at its first domain.
    pub(super) fn new(lookup: &'a L, values: Values<'a>) -> Self {
        Self {
            lookup,
            values,
            ahead: Ahead::NotYet,
        }
    }

    /// Asks what the evaluation needs now.
    pub(super) async fn ask(&mut self, question: Question) -> Answered {
        if let Ahead::Started(started) = &mut self.ahead
            && let Some(answered) = started.early(&question).await
        {
            return answered;
        }
        let mut asked = pin!(question.ask(self.lookup));
        if let Some(answered) = asked.as_mut().now_or_never() {
            if let Ahead::Started(started) = &mut self.ahead {
                started.learn(&question, &answered);
            }
            return answered;
        }
        if matches!(self.ahead, Ahead::NotYet) {
            let started = Started::new(self.lookup, self.values);
            self.ahead = Ahead::Started(Box::new(started));
        }
        match &mut self.ahead {
            Ahead::Started(started) => started.beside(&question, asked).await,
            Ahead::NotYet | Ahead::Over => asked.await,
        }
    }

    /// Asks nothing ahead from now on: the records have decided.
    pub(super) fn decided(&mut self) {
        self.ahead = Ahead::Over;
    }
}

impl<'a, L: Lookup> Started<'a, L> {
    fn new(lookup: &'a L, values: Values<'a>) -> Self {
        Self {
            lookup,
            values,
            known: HashMap::new(),
            under_way: FuturesUnordered::new(),
            early: HashMap::new(),
        }
    }

    /// The answer to what was asked ahead, waited for if need be; none for what was not.
    async fn early(&mut self, question: &Question) -> Option<Answered> {
        loop {
            if let Some(answered) = self.early.remove(question) {
                // One more place.
                self.walk();
                return Some(answered);
            }
            if !matches!(self.known.get(question), Some(None)) {
                return None;
            }
            let (arrived, answered) = self.under_way.next().await?;
            self.arrive(arrived, answered);
        }
    }

    /// Waits for the answer to what was not asked ahead, while others are under way.
    async fn beside(
        &mut self,
        question: &Question,
        mut asked: Pin<&mut impl Future<Output = Answered>>,
    ) -> Answered {
        self.known.entry(question.clone()).or_insert(None);
        self.walk();
        let answered = loop {
            if self.under_way.is_empty() {
                break asked.await;
            }
            match select(asked.as_mut(), self.under_way.next()).await {
                Either::Left((answered, _)) => break answered,
                Either::Right((Some((arrived, answered)), _)) => self.arrive(arrived, answered),
                Either::Right((None, _)) => {}
            }
        };
        self.learn(question, &answered);
        answered
    }

    fn arrive(&mut self, question: Question, answered: Answered) {
        let known = self.understood(&question, &answered);
        self.known.insert(question.clone(), Some(known));
        // Before the walk, so that it keeps its place.
        if answered.as_ref().map_or(0, |answer| answer.size()) <= MAX_KEPT {
            self.early.insert(question, answered);
        }
        self.walk();
    }

    fn learn(&mut self, question: &Question, answered: &Answered) {
        let known = self.understood(question, answered);
        self.known.insert(question.clone(), Some(known));
        self.walk();
    }

    fn understood(&self, question: &Question, answered: &Answered) -> Known {
        Known::understood(question, answered, &self.values)
    }

    /// What is known of a question; if nothing so far, it is asked, where there is a place for it.
    fn look(&mut self, question: Question) -> Option<Known> {
        if let Some(known) = self.known.get(&question) {
            return known.clone();
        }
        if self.under_way.len() + self.early.len() >= AHEAD || !self.lookup.has_room() {
            return None;
        }
        let (lookup, asked) = (self.lookup, question.clone());
        let mut asked = async move {
            let answered = asked.ask(lookup).await;
            (asked, answered)
        }
        .boxed();
        // What is there at once is not kept: it is there when the evaluation comes to it, too.
        let known = (&mut asked)
            .now_or_never()
            .map(|(question, answered)| self.understood(&question, &answered));
        if known.is_none() {
            self.under_way.push(asked);
        }
        self.known.insert(question, known.clone());
        known
    }

    /// What is known of a question that is not asked ahead.
    fn look_only(&self, question: &Question) -> Option<Known> {
        self.known.get(question).cloned().flatten()
    }
}
