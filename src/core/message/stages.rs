//! The stages behind RCPT. The MTA then has one answer for all recipients that were accepted.

use super::{Accepted, Asker, Content, Guess, Message, Open, Step, search::Search};
use crate::core::{
    header_rules::Matches,
    outside::Outside,
    policy::{Check, HeaderFacts, Judgement, settle},
    proof::{evidence::Evidence, guesses::Guesser},
    verdict::{Action, Verdict},
};

impl Message {
    /// Judges the message when it is about to come. What was found about each accepted recipient, in their order; their
    /// verdicts are what stands after it, and [`refusal`](Self::refusal) is the answer to the message. `now` is in seconds
    /// since 1970.
    pub fn data(&mut self, now: u64) -> Step<Vec<Vec<Check>>> {
        // It came, whatever becomes of it: a message whose judging fails is no callout, and counts.
        self.data = true;
        let judged = self.step(|asker| {
            let asked = self.accepted.iter().map(|accepted| {
                let mailbox = &accepted.addressed.recipient.mailbox;
                match self.policy.lacks_tag(&self.case_of(accepted)) {
                    true => self.sent_lately(mailbox, now, asker),
                    false => Ok(Ok(false)),
                }
            });
            let asked: Vec<_> = asked.collect();
            let mut judged = Vec::with_capacity(asked.len());
            for (accepted, lately) in self.accepted.iter().zip(asked) {
                let lately = lately?.unwrap_or_default();
                judged.push(self.policy.judge_data(&self.case_of(accepted), lately));
            }
            Ok(judged)
        });
        let judged = match judged {
            Step::Ask(questions) => return Step::Ask(questions),
            Step::Decided(judged) => judged,
        };
        self.answers.forget();
        Step::Decided(self.settled(judged))
    }

    /// Keeps a header.
    pub fn header(&mut self, name: &[u8], value: &[u8]) {
        self.forgeries.see(name, value);
        self.headers.push(name, value);
    }

    /// Judges the message by its headers, as [`data`](Self::data) does. `content_comes`: the MTA hands over the content.
    pub fn end_of_headers(&mut self, content_comes: bool) -> (Vec<Vec<Check>>, Vec<Guess>) {
        let headers = std::mem::take(&mut self.headers);
        let facts = HeaderFacts {
            content_comes,
            ..HeaderFacts::of(&self.envelope.reverse_path, headers, self.forgeries.clone())
        };
        // With the null sender they were counted at RCPT.
        let guesses = match self.envelope.reverse_path.is_null() {
            true => Vec::new(),
            false => self.guesses(&facts).map(Guess::Wrong).collect(),
        };
        let matches = Matches::new(
            &self.policy.headers,
            &facts.headers,
            self.envelope.reverse_path.is_null(),
            facts.notification.is_some(),
        );
        let judged = self.accepted.iter().map(|accepted| {
            let case = self.case_of(accepted);
            self.policy.judge_headers(&case, &facts, &matches)
        });
        let judged = judged.collect();
        self.facts = Some(facts);
        let judged = self.settled(judged);
        let reads =
            self.refusal().is_none() && self.accepted.iter().any(|one| self.content_decides(one));
        self.content = reads.then(|| Content::new(self.policy.proof.body_limit.octets()));
        (judged, guesses)
    }

    /// Whether the content decides something for one of the recipients that were accepted.
    pub fn reads_content(&self) -> bool {
        self.content.is_some()
    }

    /// Keeps a part of the content; whether more of it is wanted.
    pub fn body(&mut self, part: &[u8]) -> bool {
        self.content
            .as_mut()
            .is_some_and(|content| content.push(part))
    }

    /// Judges the message by its content, where that is read, as [`data`](Self::data) does.
    pub fn end_of_content(&mut self, now: u64) -> Step<(Vec<Vec<Check>>, Vec<Guess>)> {
        let (Some(facts), Some(content)) = (&self.facts, &mut self.content) else {
            return Step::Decided((Vec::new(), Vec::new()));
        };
        content.read(&self.policy, facts, now);
        let (judged, guesses) = match self.step(|asker| self.judge_content(now, asker)) {
            Step::Ask(questions) => return Step::Ask(questions),
            Step::Decided(decided) => decided,
        };
        Step::Decided((self.settled(judged), guesses))
    }

    fn judge_content(
        &self,
        now: u64,
        asker: &Asker<'_>,
    ) -> Result<(Vec<Judgement>, Vec<Guess>), Open> {
        let (Some(facts), Some(content)) = (&self.facts, &self.content) else {
            return Ok((Vec::new(), Vec::new()));
        };
        let Some(search) = Search::new(self, facts, content, now, asker) else {
            return Ok((Vec::new(), Vec::new()));
        };
        let evidence = search.evidence()?;
        let is_settled = evidence.is_settled();
        // These don't depend on each other.
        let remembered = search.remembered(is_settled);
        let signed = search.authors_signature(is_settled);
        let lately: Vec<_> = self
            .accepted
            .iter()
            .map(|accepted| self.asks_sent_lately(accepted, &evidence, now, asker))
            .collect();
        let evidence = Evidence {
            remembered: remembered?,
            ..evidence
        };
        let signed = signed?;
        let mut judged = Vec::with_capacity(lately.len());
        for (accepted, lately) in self.accepted.iter().zip(lately) {
            judged.push(match lately? {
                Some(lately) => {
                    let case = self.case_of(accepted);
                    self.policy
                        .judge_content(&case, facts, &evidence, lately, &signed)
                }
                None => Judgement::nothing_found(),
            });
        }
        let guesses = self.guesses(facts).filter(|_| is_settled);
        Ok((judged, guesses.map(Guess::Forgiven).collect()))
    }

    /// Whether the recipient sent mail lately, where that may decide; none where the content decides nothing for it.
    fn asks_sent_lately(
        &self,
        accepted: &Accepted,
        evidence: &Evidence,
        now: u64,
        asker: &Asker<'_>,
    ) -> Result<Option<Result<bool, Outside>>, Open> {
        if !self.content_decides(accepted) {
            return Ok(None);
        }
        let is_besieged = accepted.lookups.siege.is_some();
        if evidence.proven_for(is_besieged).is_some() {
            return Ok(Some(Ok(false)));
        }
        let mailbox = &accepted.addressed.recipient.mailbox;
        self.sent_lately(mailbox, now, asker).map(Some)
    }

    fn content_decides(&self, accepted: &Accepted) -> bool {
        let case = self.case_of(accepted);
        self.facts
            .as_ref()
            .is_some_and(|facts| self.policy.content_decides(&case, facts))
    }

    /// The client, once for each tag of the accepted recipients that it guessed.
    fn guesses(&self, facts: &HeaderFacts) -> impl Iterator<Item = Guesser> {
        let notification = facts.notification.as_ref();
        let accepted = self.accepted.iter();
        accepted.filter_map(move |accepted| self.guesser_of(&accepted.addressed, notification))
    }

    /// Makes of each verdict and the one before it what stands, in agreement with those on the other recipients. What was
    /// found about each.
    fn settled(&mut self, judged: Vec<Judgement>) -> Vec<Vec<Check>> {
        let (mut verdicts, mut checks) = (Vec::new(), Vec::new());
        let mut dropped = Vec::new();
        for (place, (accepted, judgement)) in self.accepted.iter_mut().zip(judged).enumerate() {
            if accepted.verdict.action == Action::Discard {
                dropped.push((place, accepted.verdict.clone()));
            }
            let before = std::mem::replace(&mut accepted.verdict, Verdict::internal());
            verdicts.push(before.or_stronger(judgement.verdict));
            checks.push(judgement.checks);
        }
        settle(&mut verdicts);
        for (place, before) in dropped {
            // It was to get nothing, and still gets nothing where others are to get the message.
            if let Some(verdict) = verdicts.get_mut(place)
                && verdict.action == Action::Tag
            {
                let judged = std::mem::replace(verdict, before);
                (verdict.notification, verdict.proof) = (judged.notification, judged.proof);
            }
        }
        for (accepted, verdict) in self.accepted.iter_mut().zip(verdicts) {
            accepted.verdict = verdict;
        }
        checks
    }
}
