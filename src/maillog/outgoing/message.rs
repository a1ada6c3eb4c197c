//! What is known of a message while its lines come.

use std::net::IpAddr;

use crate::core::proof::ledger::MAX_RECIPIENTS;

/// The number of a message: they are counted as they begin.
pub(super) type Number = u64;

/// How long lines that were written at the same time can stand in the wrong order, in seconds.
pub(super) const DISORDER: u64 = 5;
/// How long the transmission of a message can take, in seconds: its client and its Message-ID are logged at its two ends.
pub(super) const TRANSMISSION: u64 = 3600;
/// The most messages that one came of: a filter hands each on once.
const MAX_PARENTS: usize = 4;
/// The most messages that came of one.
const MAX_CHILDREN: usize = 200;
/// The longest address that is kept, in octets: more than SMTP allows (RFC 5321 section 4.5.3.1).
const MAX_ADDRESS: usize = 512;
/// What a message takes beside its texts, in octets.
const WEIGHT: usize = 300;

/// Where a message came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Source {
    /// The line that says so did not come yet, or is missing.
    #[default]
    Unknown,
    /// A client that is none of ours.
    Stranger,
    /// A client that logged in.
    Login,
    /// A user of this host.
    User,
    /// A client in `local.networks`.
    Network(IpAddr),
}

impl Source {
    /// Whether it is one of ours, as far as this hop shows.
    pub fn is_ours(self) -> bool {
        !matches!(self, Self::Unknown | Self::Stranger)
    }
}

/// Whose message brought a Message-ID first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// This one.
    First,
    /// This other one.
    After(Number),
}

/// A message between its first line and its end.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// Its name among those in the queue.
    pub key: u64,
    /// Its place, and the last other place that had a line of it.
    pub places: (usize, usize),
    /// When its first line was written.
    pub began: u64,
    /// When it left the queue.
    pub removed: Option<u64>,
    pub source: Source,
    /// The messages that it came of and that are not over.
    pub parents: Vec<Number>,
    /// The messages that came of it.
    pub children: Vec<Number>,
    /// One that it came of was outgoing.
    pub came_of_ours: bool,
    /// One that it came of was not, or is not known.
    pub came_of_others: bool,
    /// Without angle brackets; empty where it has none.
    pub message_id: Option<Box<[u8]>>,
    /// The hash of its Message-ID, and who brought that first.
    pub named: Option<(u64, Named)>,
    /// The reverse-path.
    pub sender: Option<Box<[u8]>>,
    /// How many recipients the MTA says that it has.
    pub count: u32,
    /// At most [`MAX_RECIPIENTS`].
    pub recipients: Vec<Box<[u8]>>,
    /// Whether it is over when all its recipients are: Sendmail does not say when it removes it.
    pub ends_by_deliveries: bool,
    /// How many of its recipients are over.
    pub ended: u32,
    /// The host of ours that it was handed to last.
    pub relay: Option<u64>,
}

impl Message {
    /// What it takes, in octets.
    pub fn weight(&self) -> usize {
        let texts = self
            .recipients
            .iter()
            .chain(&self.message_id)
            .chain(&self.sender);
        let links = self.parents.len() + self.children.len();
        WEIGHT + links * 8 + texts.map(|text| text.len() + 24).sum::<usize>()
    }

    /// Whether a line of this time can say where it began, though others came before.
    pub fn can_begin(&self, time: u64) -> bool {
        match self.removed {
            // No other message can have its id meanwhile.
            None => time.abs_diff(self.began) <= TRANSMISSION,
            Some(_) => time.abs_diff(self.began) <= DISORDER,
        }
    }

    /// One that it came of.
    pub fn add_parent(&mut self, parent: Number) {
        if self.parents.contains(&parent) {
            return;
        }
        if self.parents.len() < MAX_PARENTS {
            self.parents.push(parent);
        } else {
            self.came_of_others = true;
        }
    }

    /// Whether there was room for it.
    pub fn add_child(&mut self, child: Number) -> bool {
        // Each recipient of a message that was handed on at once has a line.
        let is_known = self.children.contains(&child);
        let has_room = is_known || self.children.len() < MAX_CHILDREN;
        if has_room && !is_known {
            self.children.push(child);
        }
        has_room
    }

    /// Whether it is known to have come of another.
    pub fn is_handed_on(&self) -> bool {
        self.came_of_ours || self.came_of_others || !self.parents.is_empty()
    }

    /// Nothing of a stranger's message is needed but its links.
    pub fn set_source(&mut self, source: Source) {
        self.source = source;
        if source == Source::Stranger {
            self.message_id = None;
            self.sender = None;
            self.recipients = Vec::new();
        }
    }

    pub fn set_sender(&mut self, sender: &[u8], count: u32) {
        if self.source != Source::Stranger && self.sender.is_none() && sender.len() <= MAX_ADDRESS {
            self.sender = Some(sender.into());
        }
        self.count = self.count.max(count);
    }

    pub fn add_recipient(&mut self, recipient: &[u8]) {
        let is_kept = self.source != Source::Stranger
            && self.recipients.len() < MAX_RECIPIENTS
            && recipient.len() <= MAX_ADDRESS
            && !self.recipients.iter().any(|known| **known == *recipient);
        if is_kept {
            self.recipients.push(recipient.into());
        }
    }

    /// How many recipients it has, as far as is known.
    pub fn recipient_count(&self) -> u32 {
        let named = u32::try_from(self.recipients.len()).unwrap_or(u32::MAX);
        self.count.max(named)
    }
}
