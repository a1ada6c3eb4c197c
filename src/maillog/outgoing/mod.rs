//! Joins the lines of each message by its queue id, and proves which messages were outgoing.
//!
//! A sender of ours proves nothing: a forgery that is forwarded, and what a content filter hands back, look the same. What
//! counts is where the first message of a chain came from, of which each was handed on to the next: from a client that
//! logged in, from one in `local.networks`, or from a user of this host. A chain whose beginning is missing counts for
//! nothing. A filter that names no queue ids in its answers shows itself by the Message-ID, which has come before.

mod bounded;
mod finish;
mod handed_on;
mod message;
mod names;
mod places;
mod seen;
mod verdict;

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    net::IpAddr,
};

use self::{
    bounded::Bounded,
    message::{DISORDER, Message, Number, Source, TRANSMISSION},
    names::Names,
    places::Places,
};
pub use self::{finish::OutgoingMessage, seen::Seen};
use super::{Client, Event, Line};
use crate::core::{envelope, local::Local, proof::ledger::message_id, verdict::Outgoing};

/// The most messages in progress that are remembered, and the most octets that they take.
const MAX_MESSAGES: usize = 100_000;
const MAX_WEIGHT: usize = 32 << 20;
/// How many sessions are remembered.
const MAX_SESSIONS: usize = 4_096;
/// How many queue ids are remembered that a message is to come under.
const MAX_AWAITED: usize = 1_024;

/// Joins lines to messages.
#[derive(Debug)]
pub struct Joiner {
    local: Local,
    places: Places,
    /// The messages in the queues, by the name of their id.
    queued: HashMap<u64, Number>,
    messages: BTreeMap<Number, Message>,
    next: Number,
    weight: usize,
    names: Names,
    /// Messages that left the queue, and whose chain may not be complete.
    settling: VecDeque<Number>,
    /// Where sessions came from that have no queue, by process; a proxy comes before the queue.
    sessions: Bounded<(Source, Option<IpAddr>)>,
    /// Messages that were handed on under a name that did not come yet.
    awaited: Bounded<(Number, u64)>,
    /// Clients that hand back what they were given, and where it was given to them.
    filters: HashSet<IpAddr>,
    filter_relays: HashSet<u64>,
    /// Outgoing messages of clients that may turn out to be filters.
    doubtful: VecDeque<(IpAddr, Option<u64>, OutgoingMessage)>,
    ready: VecDeque<OutgoingMessage>,
    seen: Seen,
}

impl Joiner {
    /// For the log of the host that these settings are of.
    pub fn new(local: Local) -> Self {
        Self {
            local,
            places: Places::default(),
            queued: HashMap::new(),
            messages: BTreeMap::new(),
            next: 0,
            weight: 0,
            names: Names::default(),
            settling: VecDeque::new(),
            sessions: Bounded::new(MAX_SESSIONS),
            awaited: Bounded::new(MAX_AWAITED),
            filters: HashSet::new(),
            filter_relays: HashSet::new(),
            doubtful: VecDeque::new(),
            ready: VecDeque::new(),
            seen: Seen::default(),
        }
    }

    /// Reads a line, the oldest first; `time` is in seconds since 1970. Whether it says something of a message.
    pub fn line(&mut self, line: &Line<'_>, time: u64) -> bool {
        let Some(event) = Event::read(line) else {
            return false;
        };
        let place = self.places.of(line);
        match event {
            Event::Begins {
                id: Some(id),
                client,
            } => self.begins(place, id, &client, time),
            Event::Begins { id: None, client } => {
                let source = self.source(&client);
                self.session(line, (source, client.address));
            }
            Event::LogsIn { address } => self.session(line, (Source::Login, address)),
            Event::Proxied { id } => self.proxied(line, id),
            Event::MessageId { id, value } => {
                let number = self.get(place, id, time, |message| match message.named {
                    Some(_) => message.removed.is_none(),
                    None => time <= message.began.saturating_add(TRANSMISSION),
                });
                self.name(number, value);
            }
            Event::Queued {
                id,
                sender,
                recipients,
            } => {
                let number = self.get(place, id, time, |message| {
                    message.removed.is_none() || message.sender.is_none()
                });
                self.change(number, |message| message.set_sender(sender, recipients));
            }
            Event::Received {
                id,
                client,
                message_id,
                sender,
                recipients,
            } => {
                let client = self.with_session(line, client);
                self.begins(place, id, &client, time);
                let number = self.get(place, id, time, |_| true);
                if let Some(value) = message_id {
                    self.name(number, value);
                }
                self.change(number, |message| {
                    message.set_sender(sender, recipients);
                    message.ends_by_deliveries = true;
                });
            }
            Event::Delivery(delivery) => self.delivery(place, &delivery, time),
            Event::Requeued { id, new } => self.requeued(place, id, new),
            Event::Removed { id } => self.removed(place, id, time),
            Event::Refused { .. } => {}
        }
        self.settle(time);
        true
    }

    /// The next message that was outgoing, once that is known.
    pub fn next_message(&mut self) -> Option<OutgoingMessage> {
        self.ready.pop_front()
    }

    /// No more lines come: what is known by now is all that is known.
    pub fn end(&mut self) {
        while let Some((&number, _)) = self.messages.first_key_value() {
            self.finish(number);
        }
        let doubtful = std::mem::take(&mut self.doubtful);
        for (_, _, message) in doubtful {
            self.hand_over(message);
        }
    }

    /// What was seen so far.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The message of this id, or a new one where the id is free, or its message is over, or the line can be none of it.
    fn get(
        &mut self,
        place: usize,
        id: &[u8],
        time: u64,
        fits: impl Fn(&Message) -> bool,
    ) -> Number {
        if let Some(number) = self.find(place, id) {
            let message = self.messages.get(&number);
            let is_its = message.is_some_and(|message| {
                let is_over = message
                    .removed
                    .is_some_and(|at| time > at.saturating_add(DISORDER));
                !is_over && fits(message)
            });
            if is_its {
                return number;
            }
            self.finish(number);
        }
        self.add(place, id, time)
    }

    /// The message of this id, under the name of its own place or of another place of the same host.
    fn find(&mut self, place: usize, id: &[u8]) -> Option<Number> {
        let own = self.places.key(place, id);
        if let Some(&number) = self.queued.get(&own) {
            return Some(number);
        }
        let mut others = self.places.others(place, id);
        let number = others.find_map(|key| self.queued.get(&key).copied())?;
        drop(others);
        self.change(number, |message| message.places.1 = place);
        Some(number)
    }

    fn add(&mut self, place: usize, id: &[u8], time: u64) -> Number {
        self.make_room();
        let key = self.places.key(place, id);
        let number = self.next;
        self.next += 1;
        let message = Message {
            key,
            places: (place, place),
            began: time,
            ..Message::default()
        };
        self.weight += message.weight();
        self.queued.insert(key, number);
        self.messages.insert(number, message);
        self.seen.messages += 1;
        if let Some((parent, since)) = self.awaited.take(&self.places.hash(id))
            && time <= since.saturating_add(DISORDER)
        {
            self.link(parent, number, None);
        }
        number
    }

    /// Changes a message, and keeps count of what it takes.
    fn change(&mut self, number: Number, change: impl FnOnce(&mut Message)) {
        if let Some(message) = self.messages.get_mut(&number) {
            self.weight = self.weight.saturating_sub(message.weight());
            change(message);
            self.weight += message.weight();
        }
    }

    fn begins(&mut self, place: usize, id: &[u8], client: &Client<'_>, time: u64) {
        let source = self.source(client);
        let known = self.find_begun(place, id);
        let known = known.and_then(|number| Some((number, self.messages.get(&number)?)));
        let number = match known {
            // Two logs can have the same line.
            Some((_, message)) if message.source == source && message.began == time => return,
            Some((number, message))
                if message.source == Source::Unknown && message.can_begin(time) =>
            {
                number
            }
            Some((number, _)) => {
                self.finish(number);
                self.add(place, id, time)
            }
            None => self.add(place, id, time),
        };
        self.change(number, |message| message.set_source(source));
        if let Some(parent) = client.original.and_then(|original| original.id) {
            match self.find(place, parent).filter(|parent| *parent != number) {
                Some(parent) => self.link(parent, number, None),
                None => self.change(number, |message| message.came_of_others = true),
            }
            self.is_filter(number);
        }
    }

    /// The message of this id that another line can say the beginning of.
    fn find_begun(&mut self, place: usize, id: &[u8]) -> Option<Number> {
        let own = self.places.key(place, id);
        if let Some(&number) = self.queued.get(&own) {
            return Some(number);
        }
        let others = self.places.others(place, id);
        let mut others = others.filter_map(|key| self.queued.get(&key));
        let is_unknown = |number: &&Number| {
            let message = self.messages.get(*number);
            message.is_some_and(|message| message.source == Source::Unknown)
        };
        let number = others.find(is_unknown).copied()?;
        drop(others);
        self.change(number, |message| message.places.1 = place);
        Some(number)
    }

    /// Where a message of this client comes from. The live ledger decides the same way.
    fn source(&self, client: &Client<'_>) -> Source {
        let hop = self.source_of(client.address, client.has_login, client.is_local);
        match client.original {
            // Who sent it has no queue id: the proxy comes before the queue, and that session says who logged in.
            Some(original) if original.id.is_none() => {
                match self.source_of(original.address, false, false) {
                    Source::Stranger if hop.is_ours() => Source::Unknown,
                    source => source,
                }
            }
            _ => hop,
        }
    }

    fn source_of(&self, address: Option<IpAddr>, has_login: bool, is_local: bool) -> Source {
        let client = envelope::Client {
            address,
            local: is_local,
            login: has_login.then(Vec::new),
            ..envelope::Client::default()
        };
        match (self.local.outgoing(&client), address) {
            (Some(Outgoing::Authenticated), _) => Source::Login,
            (Some(Outgoing::Local), _) => Source::User,
            (Some(Outgoing::Network), Some(address)) => Source::Network(address),
            _ => Source::Stranger,
        }
    }

    fn session(&mut self, line: &Line<'_>, session: (Source, Option<IpAddr>)) {
        let process = self.places.hash((line.host, line.process));
        self.sessions.put(process, session);
    }

    /// The client of a line of Sendmail, which may have logged in in a line before.
    fn with_session<'a>(&self, line: &Line<'_>, client: Client<'a>) -> Client<'a> {
        let process = self.places.hash((line.host, line.process));
        let session = self.sessions.get(&process);
        let has_login = session == Some(&(Source::Login, client.address)) && line.process.is_some();
        Client {
            has_login: client.has_login || has_login,
            ..client
        }
    }

    /// A proxy before the queue took the message of this process's session.
    fn proxied(&mut self, line: &Line<'_>, id: &[u8]) {
        let process = self.places.hash((line.host, line.process));
        let session = self
            .sessions
            .get(&process)
            .filter(|_| line.process.is_some());
        let source = session.map_or(Source::Stranger, |(source, _)| *source);
        let keys: Vec<u64> = self.places.keys(id).collect();
        for key in keys {
            if let Some(&number) = self.queued.get(&key) {
                self.is_filter(number);
                self.change(number, |message| match source.is_ours() {
                    true => {
                        message.came_of_ours = true;
                        if message.source == Source::Unknown {
                            message.source = source;
                        }
                    }
                    false => {
                        message.came_of_others = true;
                        message.set_source(Source::Stranger);
                    }
                });
            }
        }
    }

    fn name(&mut self, number: Number, value: &[u8]) {
        let id = message_id(value).unwrap_or_default();
        let Some(message) = self.messages.get(&number) else {
            return;
        };
        if message.named.is_some() || message.message_id.is_some() {
            return;
        }
        let name = (!id.is_empty()).then(|| self.places.hash(&id));
        let named = name.map(|name| (name, self.names.comes(name, number)));
        self.change(number, |message| {
            message.named = named;
            if message.source != Source::Stranger {
                message.message_id = Some(id.into());
            }
        });
    }

    /// The message goes on under another id. What came under that before belongs to it.
    fn requeued(&mut self, place: usize, id: &[u8], new: &[u8]) {
        let Some(number) = self.find(place, id) else {
            return;
        };
        let Some(old) = self.messages.get(&number).map(|message| message.key) else {
            return;
        };
        let pairs = self.places.keys(id).zip(self.places.keys(new));
        let Some(key) = pairs
            .into_iter()
            .find_map(|(key, new)| (key == old).then_some(new))
        else {
            return;
        };
        let before = self
            .queued
            .remove(&key)
            .and_then(|other| self.messages.remove(&other));
        self.queued.remove(&old);
        self.queued.insert(key, number);
        if let Some(before) = &before {
            self.weight = self.weight.saturating_sub(before.weight());
        }
        self.change(number, |message| {
            message.key = key;
            if let Some(before) = before {
                message.sender = message.sender.take().or(before.sender);
                message.count = message.count.max(before.count);
                for recipient in before.recipients {
                    message.add_recipient(&recipient);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
