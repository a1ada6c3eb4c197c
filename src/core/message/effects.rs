//! What a message leaves behind: what is counted of it, remembered and learned. Who drives the message carries it out;
//! `explain` and `replay` do not.

use super::{Accepted, Message};
use crate::core::{
    account::ProvenBounce,
    address::{Domain, Mailbox},
    attack::{self, Sample},
    header::Headers,
    learned::Learn,
    policy::{Addressed, Departure},
    proof::{
        coverage::CoverageCount,
        guesses::Guesser,
        ledger::{Hash, Hashed, Sent, hash},
        today,
    },
    siege::Hit,
    verdict::Verdict,
    would::Would,
};

/// What is to be counted, remembered and learned. Days and hours are those of `now` of the stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// What counts as a sign of a flood.
    pub hits: Vec<SiegeHit>,
    /// Mail of this domain of ours leaves, to so many recipients: some of it may come back.
    pub leaves: Option<(Domain, usize)>,
    /// The entry of the ledger.
    pub remember: Option<Sent>,
    /// Addresses that are in use.
    pub learn: Vec<Learn>,
    /// What the coverage report counts.
    pub counts: Vec<CoverageCount>,
    /// What the attack report counts.
    pub attack: Vec<attack::AttackCount>,
    /// Bounces that prove to return mail of a sender of ours.
    pub proven: Vec<ProvenBounce>,
    /// Message-IDs of mail that somebody forged, hashed.
    pub forged: Vec<Hash>,
    /// A bounce that was refused, or would have been.
    pub sample: Option<Sample>,
    /// What was accepted only because of monitoring.
    pub would: Vec<Would>,
    /// The sender of mail that was accepted otherwise.
    pub accepted_sender: Option<String>,
}

/// What a tag in an address was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guess {
    /// Wrong: one more.
    Wrong(Guesser),
    /// No guess after all: another proof shows that the bounce is ours. One less.
    Forgiven(Guesser),
}

/// A sign of a flood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiegeHit {
    /// The domain of ours that it is aimed at.
    pub domain: Domain,
    /// What it is.
    pub hit: Hit,
    /// A hash that tells recipients apart.
    pub recipient: u64,
    /// A hash that tells the networks of clients apart.
    pub network: u64,
}

impl Effects {
    /// What these leave behind as well.
    pub(super) fn add(&mut self, other: Self) {
        let Self {
            hits,
            leaves,
            remember,
            learn,
            counts,
            attack,
            proven,
            forged,
            sample,
            would,
            accepted_sender,
        } = other;
        self.hits.extend(hits);
        self.leaves = leaves.or(self.leaves.take());
        self.remember = remember.or(self.remember.take());
        self.learn.extend(learn);
        self.counts.extend(counts);
        self.attack.extend(attack);
        self.proven.extend(proven);
        self.forged.extend(forged);
        self.sample = sample.or(self.sample.take());
        self.would.extend(would);
        self.accepted_sender = accepted_sender.or(self.accepted_sender.take());
    }
}

impl Message {
    /// What a recipient's verdict leaves behind, once it is final.
    pub(super) fn effects_of(&self, addressed: &Addressed, verdict: &Verdict) -> Effects {
        let policy = &*self.policy;
        let recipient = &addressed.recipient;
        let mailbox = &recipient.mailbox;
        let hit = match policy.siege.watch {
            true => policy.sensed(&self.envelope, mailbox, verdict),
            false => None,
        };
        let srs = policy.unknown_srs(&self.envelope, mailbox);
        Effects {
            hits: hit
                .map(|(domain, hit)| SiegeHit {
                    domain: domain.clone(),
                    hit,
                    recipient: policy.sensed_recipient(recipient),
                    network: policy.sensed_network(&self.envelope.client),
                })
                .into_iter()
                .collect(),
            counts: CoverageCount::of_bounce(mailbox, verdict)
                .into_iter()
                .chain(srs)
                .collect(),
            attack: policy.attack(&self.envelope, mailbox, verdict, self.returned_headers()),
            proven: policy
                .proven_bounce(&self.envelope, mailbox, verdict)
                .into_iter()
                .collect(),
            ..Effects::default()
        }
    }

    /// The headers of the message that this one returns, where it came so far and returns one.
    fn returned_headers(&self) -> Option<&Headers> {
        let report = self.content.as_ref()?.report()?;
        report.returned.first().map(|returned| &returned.headers)
    }

    /// What the message as a whole leaves behind at its end, however that came.
    pub(super) fn effects_of_all(&self, now: u64) -> Effects {
        let mut effects = Effects::default();
        // Whoever asks whether an address exists, and goes away, brings nothing back.
        if self.data {
            for Accepted {
                addressed, verdict, ..
            } in &self.accepted
            {
                effects.add(self.effects_of(addressed, verdict));
                let mailbox = &addressed.recipient.mailbox;
                let facts = (&self.envelope, self.spf());
                let named = (self.id.as_str(), now);
                effects
                    .would
                    .extend(self.policy.would(facts, mailbox, verdict, named));
            }
            effects.counts.extend(self.authorship.post.clone());
        }
        effects.sample = self.sample(now);
        effects.forged = self.forged_ids();
        effects
    }

    /// What an outgoing message leaves behind; nothing of others.
    pub(super) fn effects_of_departure(&self, departure: &Departure, now: u64) -> Effects {
        let policy = &*self.policy;
        let sender = policy.our_sender(&self.envelope).ok();
        let domain = sender.and_then(Mailbox::domain);
        Effects {
            leaves: domain.map(|domain| (domain.clone(), self.accepted.len())),
            remember: departure.ledger.as_ref().ok().cloned(),
            learn: sender
                .and_then(|sender| self.learn(sender, true, now))
                .into_iter()
                .collect(),
            counts: policy.coverage(&self.envelope, self.headers(), departure),
            ..Effects::default()
        }
    }

    /// That the address is in use today: it sent mail, or got some. Only a siege asks that.
    pub(super) fn learn(&self, mailbox: &Mailbox, sent: bool, now: u64) -> Option<Learn> {
        let policy = &*self.policy;
        if !policy.siege.learns() {
            return None;
        }
        let form = policy.learned_form(mailbox);
        let address = hash(&policy.proof.keys, Hashed::Learned, &form)?;
        let day = today(now);
        Some(Learn { address, day, sent })
    }

    /// The message as a sample, where its headers came, and it is a bounce that was refused or would have been.
    fn sample(&self, now: u64) -> Option<Sample> {
        let facts = self.facts.as_ref().filter(|_| self.policy.keep_samples)?;
        let refused = self.accepted.iter().filter_map(|accepted| {
            let (mailbox, verdict) = (&accepted.addressed.recipient.mailbox, &accepted.verdict);
            let is_sample = self.policy.is_sample(&self.envelope, mailbox, verdict);
            is_sample.then(|| (mailbox.to_bytes(), verdict))
        });
        let refused: Vec<_> = refused.collect();
        // What was not read may be there.
        let content = self.content.as_ref();
        let body = content.map_or((&[][..], true), |content| {
            (content.octets(), content.is_cut())
        });
        Sample::new(
            now,
            &self.id,
            &self.envelope,
            &refused,
            &facts.headers,
            body,
        )
    }
}
