//! The stages behind RCPT. The MTA then has one answer for all recipients that were accepted.

use super::{Accepted, Asker, Content, Guess, Message, Open, Step, from, search::Search};
use crate::core::{
    header_rules::Matches,
    outside::Outside,
    policy::{Check, HeaderFacts, Judgement, settle},
    proof::{dkim::body::BodyHashes, evidence::Evidence, guesses::Guesser},
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
    pub fn end_of_headers(
        &mut self,
        content_comes: bool,
        now: u64,
    ) -> Step<(Vec<Vec<Check>>, Vec<Guess>)> {
        if self.facts.is_none() {
            let headers = std::mem::take(&mut self.headers);
            self.facts = Some(HeaderFacts {
                content_comes,
                ..HeaderFacts::of(&self.envelope.reverse_path, headers, self.forgeries.clone())
            });
        }
        let Some(facts) = &self.facts else {
            return Step::Decided((Vec::new(), Vec::new()));
        };
        let authorship = match self.step(|asker| self.authorship(facts, now, asker)) {
            Step::Ask(questions) => return Step::Ask(questions),
            Step::Decided(decided) => decided,
        };
        // With the null sender they were counted at RCPT.
        let guesses = match self.envelope.reverse_path.is_null() {
            true => Vec::new(),
            false => self.guesses(facts).map(Guess::Wrong).collect(),
        };
        let matches = Matches::new(
            &self.policy.headers,
            &facts.headers,
            self.envelope.reverse_path.is_null(),
            facts.notification.is_some(),
        );
        let judged = self.accepted.iter().enumerate().map(|(place, accepted)| {
            let (case, claim) = (self.case_of(accepted), authorship.claim(place));
            self.policy.judge_headers(&case, facts, &matches, claim)
        });
        let judged = judged.collect();
        let canonicals = match authorship.is_open() {
            true => from::canonicals(facts, &self.policy),
            false => Vec::new(),
        };
        let judged = self.settled(judged);
        if self.refusal().is_none() {
            self.body = authorship.is_open().then(|| BodyHashes::new(&canonicals));
            let reads = self.accepted.iter().any(|one| self.content_decides(one));
            self.content = reads.then(|| Content::new(self.policy.proof.body_limit.octets()));
        }
        self.authorship = authorship;
        Step::Decided((judged, guesses))
    }

    /// Whether the content decides something for one of the recipients that were accepted.
    pub fn reads_content(&self) -> bool {
        self.content.is_some() || self.body.is_some()
    }

    /// Keeps a part of the content; whether more of it is wanted.
    pub fn body(&mut self, part: &[u8]) -> bool {
        if let Some(body) = &mut self.body {
            body.push(part);
        }
        let kept = self.content.as_mut();
        let wants_more = kept.is_some_and(|content| content.push(part));
        wants_more || self.body.is_some()
    }

    /// Judges the message by its content, where that is read, as [`data`](Self::data) does.
    pub fn end_of_content(&mut self, now: u64) -> Step<(Vec<Vec<Check>>, Vec<Guess>)> {
        let Some(facts) = &self.facts else {
            return Step::Decided((Vec::new(), Vec::new()));
        };
        if let Some(content) = &mut self.content {
            content.read(&self.policy, facts, now);
        }
        let judged = self.step(|asker| {
            // These don't depend on each other.
            let authorship = match self.body {
                Some(_) => self.authorship(facts, now, asker).map(Some),
                None => Ok(None),
            };
            let (content, guesses) = self.judge_content(now, asker)?;
            Ok((authorship?, content, guesses))
        });
        let (authorship, mut judged, guesses) = match judged {
            Step::Ask(questions) => return Step::Ask(questions),
            Step::Decided(decided) => decided,
        };
        if let Some(authorship) = authorship {
            judged.resize_with(self.accepted.len(), Judgement::nothing_found);
            let accepted = self.accepted.iter().zip(&mut judged).enumerate();
            for (place, (accepted, judgement)) in accepted {
                let case = self.case_of(accepted);
                let from = self.policy.judge_from(&case, authorship.claim(place));
                judgement.add(from);
            }
            self.authorship = authorship;
        }
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
