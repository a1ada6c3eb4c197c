//! The end of a message: what becomes of it, and what those learn that came of it.

use super::{
    Joiner, MAX_MESSAGES, MAX_WEIGHT, Seen,
    message::{Message, Named, Number, Source},
};
use crate::core::{
    address::{Mailbox, ReversePath},
    proof::batv::{self, Tagged},
    verdict::Outgoing,
};

/// How long after a message left the queue its chain can be incomplete, in seconds: the line that names it comes from
/// another process.
const SETTLING: u64 = 60;
/// How many messages wait so.
const MAX_SETTLING: usize = 20_000;
/// How many messages wait for what their clients turn out to be.
const MAX_DOUBTFUL: usize = 10_000;
/// How long a message can be in the queue, in seconds: Postfix and Sendmail return it after five days.
const LONGEST: u64 = 6 * 86_400;

/// A message that was outgoing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// Why it was outgoing.
    pub why: Outgoing,
    /// When it began, in seconds since 1970.
    pub at: u64,
    /// Its Message-ID, without angle brackets; none where it has none, or the log has not all of it.
    pub message_id: Option<Box<[u8]>>,
    /// Its reverse-path.
    pub sender: Mailbox,
    /// Its recipients, as many as the ledger keeps.
    pub recipients: Vec<Mailbox>,
    /// How many recipients it had.
    pub recipient_count: u32,
}

impl Joiner {
    pub(super) fn removed(&mut self, place: usize, id: &[u8], time: u64) {
        if let Some(number) = self.find(place, id) {
            let is_new = self
                .messages
                .get(&number)
                .is_some_and(|message| message.removed.is_none());
            if is_new {
                self.leaves(number, time);
            }
        }
    }

    /// The message left the queue.
    pub(super) fn leaves(&mut self, number: Number, time: u64) {
        self.change(number, |message| message.removed = Some(time));
        self.settling.push_back(number);
    }

    /// Ends the messages whose chain is complete by now, and those that can't be in the queue any more.
    pub(super) fn settle(&mut self, now: u64) {
        while let Some(&number) = self.settling.front() {
            let removed = self
                .messages
                .get(&number)
                .and_then(|message| message.removed);
            let is_settled = removed.is_none_or(|at| now > at.saturating_add(SETTLING));
            if !is_settled && self.settling.len() <= MAX_SETTLING {
                break;
            }
            self.settling.pop_front();
            if removed.is_some() {
                self.finish(number);
            }
        }
        while let Some((&number, oldest)) = self.messages.first_key_value()
            && now > oldest.began.saturating_add(LONGEST)
        {
            self.finish(number);
        }
    }

    /// Drops the oldest messages where there are too many.
    pub(super) fn make_room(&mut self) {
        while self.messages.len() >= MAX_MESSAGES || self.weight > MAX_WEIGHT {
            let Some((&number, oldest)) = self.messages.first_key_value() else {
                return;
            };
            let is_lost = oldest.source.is_ours() && oldest.sender.is_none();
            self.seen.dropped += u64::from(is_lost);
            self.finish(number);
        }
    }

    /// The message is over.
    pub(super) fn finish(&mut self, number: Number) {
        let Some(message) = self.messages.remove(&number) else {
            return;
        };
        self.weight = self.weight.saturating_sub(message.weight());
        if self.queued.get(&message.key) == Some(&number) {
            self.queued.remove(&message.key);
        }
        let is_outgoing = self.is_outgoing(&message);
        if let Some((name, Named::First)) = message.named {
            let is_told = self.sender(&message).is_ok();
            self.names.ends(name, number, is_outgoing, is_told);
        }
        for child in &message.children {
            self.change(*child, |child| {
                child.parents.retain(|parent| *parent != number);
                match is_outgoing {
                    true => child.came_of_ours = true,
                    false => child.came_of_others = true,
                }
            });
        }
        match is_outgoing {
            true => self.departs(message),
            false => self.is_none_of_ours(&message),
        }
    }

    fn is_none_of_ours(&mut self, message: &Message) {
        let seen = &mut self.seen;
        match message.source {
            Source::Stranger => seen.of_strangers += 1,
            _ if message.sender.is_none() => seen.incomplete += 1,
            Source::Unknown => seen.without_beginning += 1,
            _ if matches!(message.named, Some((_, Named::After(_)))) => seen.of_strangers += 1,
            _ => seen.without_beginning += 1,
        }
    }

    fn departs(&mut self, message: Message) {
        // The first of a chain has all recipients; the others add nothing to it.
        if message.is_handed_on() && self.is_told_by_another(&message) {
            return;
        }
        let sender = match self.sender(&message) {
            Ok(sender) => sender,
            Err(why) => {
                *why(&mut self.seen) += 1;
                return;
            }
        };
        let outgoing = OutgoingMessage {
            why: match message.source {
                Source::Login => Outgoing::Authenticated,
                Source::User => Outgoing::Local,
                _ => Outgoing::Network,
            },
            at: message.began,
            recipient_count: message.recipient_count(),
            recipients: message
                .recipients
                .iter()
                .map(|one| Mailbox::from_bytes(one))
                .collect(),
            message_id: message.message_id.filter(|id| !id.is_empty()),
            sender,
        };
        match message.source {
            Source::Network(address) if !message.came_of_ours && message.parents.is_empty() => {
                self.doubtful.push_back((address, message.relay, outgoing));
                if self.doubtful.len() > MAX_DOUBTFUL
                    && let Some((_, _, oldest)) = self.doubtful.pop_front()
                {
                    self.hand_over(oldest);
                }
            }
            _ => self.hand_over(outgoing),
        }
    }

    /// Whether the message that brought its Message-ID first is remembered.
    fn is_told_by_another(&self, message: &Message) -> bool {
        let Some((name, Named::After(first))) = message.named else {
            return false;
        };
        let first = self.messages.get(&first);
        first.map_or_else(
            || self.names.is_told(name),
            |first| self.sender(first).is_ok(),
        )
    }

    /// The sender, where it is one of ours, without a BATV tag: so the ledger has it. Or what counts it.
    fn sender(&self, message: &Message) -> Result<Mailbox, fn(&mut Seen) -> &mut u64> {
        let Some(sender) = &message.sender else {
            return Err(|seen| &mut seen.incomplete);
        };
        let ReversePath::Mailbox(sender) = ReversePath::from_bytes(sender) else {
            return Err(|seen| &mut seen.null_senders);
        };
        if !sender
            .domain()
            .is_some_and(|domain| self.local.is_ours(domain))
        {
            return Err(|seen| &mut seen.not_ours);
        }
        Ok(match batv::read(&sender, &self.local.recipient_delimiter) {
            Some(Tagged::Ours(tag)) => tag.original,
            _ => sender,
        })
    }

    pub(super) fn hand_over(&mut self, message: OutgoingMessage) {
        let seen = &mut self.seen;
        *match message.why {
            Outgoing::Authenticated => &mut seen.of_logins,
            Outgoing::Local => &mut seen.of_users,
            Outgoing::Network | Outgoing::Daemon => &mut seen.of_networks,
        } += 1;
        self.ready.push_back(message);
    }
}
