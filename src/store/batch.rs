//! What is written to the store at once, and the forms in which both backends keep it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque, btree_map::Entry},
    time::{Duration, UNIX_EPOCH},
};

use tokio::sync::OwnedSemaphorePermit;

use crate::core::{
    attack::{AttackCount, AttackKind, Sample},
    learned::Learn,
    proof::{
        coverage::CoverageCount,
        ledger::{Hash, MAX_HOSTS, MAX_RECIPIENTS, Remembered, Sent},
        uses::Attempt,
    },
    siege::SiegeEvent,
    would::{WouldExample, WouldGroup, WouldRow},
};

/// What is written at once. Equal counts are added up, and what is learned twice is there once.
#[derive(Debug, Default)]
pub struct Batch {
    /// Outgoing messages, in the order they were sent in.
    pub sent: Vec<Sent>,
    /// All else.
    pub counts: Counts,
}

/// What no message waits for.
#[derive(Debug, Default)]
pub struct Counts {
    /// What is counted on a day, and how often.
    pub coverage: BTreeMap<(u64, CoverageCount), u64>,
    /// What is learned of addresses; of one address in order of days.
    pub learned: BTreeSet<Learn>,
    /// What is counted of an attack in an hour, and how often.
    pub attack: BTreeMap<(u64, AttackCount), u64>,
    /// What was accepted only because of monitoring, by day and group.
    pub would: BTreeMap<(u64, WouldGroup), WouldTally>,
    /// Senders of what was accepted otherwise on a day, and how often.
    pub senders: BTreeMap<(u64, String), u64>,
    /// Message-IDs of forged mail, hashed, and when each last came.
    pub forged: BTreeMap<Hash, u64>,
    /// Beginnings and ends of sieges.
    pub sieges: BTreeSet<SiegeEvent>,
    /// Samples of refused bounces.
    pub samples: Vec<Waiting>,
    /// Uses of proofs that were counted already, in the order they came in.
    pub uses: VecDeque<ProofUse>,
    /// How many counts failed and can't be tried again: some may have been written.
    pub lost: u64,
}

/// A notification that uses a proof of a message.
#[derive(Clone, Copy, Debug)]
pub struct ProofUse {
    /// The message.
    pub message: Hash,
    /// How it uses it.
    pub attempt: Attempt,
    /// How long its uses are kept, in seconds since 1970.
    pub until: u64,
}

/// A sample that waits to be written, and its place among those that may.
#[derive(Debug)]
pub struct Waiting {
    /// The sample.
    pub sample: Sample,
    /// Free again when it is written, or lost.
    pub _place: OwnedSemaphorePermit,
}

impl Batch {
    /// How many things are to be written.
    pub fn len(&self) -> usize {
        self.sent.len() + self.counts.len()
    }
}

impl Counts {
    /// How many things are to be written.
    pub fn len(&self) -> usize {
        let of_mail = self.coverage.len() + self.learned.len();
        let monitored = self.would.len() + self.senders.len();
        let of_bounces = self.attack.len() + self.samples.len() + self.forged.len();
        of_mail + monitored + of_bounces + self.uses.len() + self.sieges.len()
    }

    /// Takes off some, at most `max` of each kind.
    pub fn take(&mut self, max: usize) -> Self {
        Self {
            coverage: first(&mut self.coverage, max),
            attack: first(&mut self.attack, max),
            would: first(&mut self.would, max),
            senders: first(&mut self.senders, max),
            forged: first(&mut self.forged, max),
            learned: std::iter::from_fn(|| self.learned.pop_first())
                .take(max)
                .collect(),
            sieges: std::iter::from_fn(|| self.sieges.pop_first())
                .take(max)
                .collect(),
            samples: self.samples.drain(..max.min(self.samples.len())).collect(),
            uses: self.uses.drain(..max.min(self.uses.len())).collect(),
            lost: 0,
        }
    }

    /// How often something was counted, used or learned: what is lost when these are.
    pub fn times(&self) -> u64 {
        let counted = self.coverage.values().chain(self.attack.values());
        let monitored = self.would.values().map(|tally| &tally.times);
        let counted = counted.chain(monitored).chain(self.senders.values());
        let once = self.learned.len() + self.uses.len() + self.forged.len() + self.sieges.len();
        let once = u64::try_from(once).unwrap_or(u64::MAX);
        counted.fold(once, |sum, times| sum.saturating_add(*times))
    }
}

/// How often something of a group came, and the newest of them.
#[derive(Clone, Debug)]
pub struct WouldTally {
    /// How often.
    pub times: u64,
    /// The newest; none where they were too many.
    pub newest: Option<WouldExample>,
}

impl WouldTally {
    /// Adds it to what waits; `false` if it is new and has no room.
    pub fn add_to(self, entry: Entry<'_, (u64, WouldGroup), Self>, has_room: bool) -> bool {
        match entry {
            Entry::Vacant(_) if !has_room => return false,
            Entry::Vacant(new) => {
                new.insert(self);
            }
            Entry::Occupied(mut sum) => {
                let sum = sum.get_mut();
                sum.times = sum.times.saturating_add(self.times);
                sum.newest = self.newest.or(sum.newest.take());
            }
        }
        true
    }
}

/// A group as text, which is the same whenever it is written; and the others of its reason.
pub fn group_texts(group: &WouldGroup) -> Option<(String, String)> {
    let text = |group: &WouldGroup| serde_json::to_string(group).ok();
    Some((text(group)?, text(&group.among_others())?))
}

/// A row as both backends keep it. `None` for what a newer version wrote.
pub fn would_row(day: u64, group: &str, times: u64, example: Option<&str>) -> Option<WouldRow> {
    Some(WouldRow {
        day,
        group: serde_json::from_str(group).ok()?,
        times,
        example: example.and_then(|example| serde_json::from_str(example).ok()),
    })
}

/// Why bounces were answered so, summed up by day: thousands of domains have a row for each hour, and reports of all of them
/// need days.
pub fn reasons_by_day(counts: &Counts) -> BTreeMap<(u64, &AttackCount), u64> {
    let mut days = BTreeMap::new();
    let all = counts.attack.iter();
    for ((hour, count), times) in all.filter(|((_, count), _)| count.kind == AttackKind::Reason) {
        let sum = days.entry((hour / 24, count)).or_insert(0_u64);
        *sum = sum.saturating_add(*times);
    }
    days
}

/// In order of day and group.
pub fn sorted(mut rows: Vec<WouldRow>) -> Vec<WouldRow> {
    rows.sort_by(|one, other| (one.day, &one.group).cmp(&(other.day, &other.group)));
    rows
}

fn first<K: Ord, V>(map: &mut BTreeMap<K, V>, max: usize) -> BTreeMap<K, V> {
    if map.len() <= max {
        return std::mem::take(map);
    }
    std::iter::from_fn(|| map.pop_first()).take(max).collect()
}

/// Samples from their JSON, the oldest first; what can't be read is left out.
pub fn samples(texts: &[String]) -> Vec<Sample> {
    let samples = texts.iter().map(|text| serde_json::from_str(text));
    let mut samples: Vec<Sample> = samples.filter_map(Result::ok).collect();
    samples.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
    samples
}

/// Seconds since 1970.
pub fn now() -> u64 {
    since_1970().as_secs()
}

/// The time by this host's clock.
pub fn since_1970() -> Duration {
    UNIX_EPOCH.elapsed().unwrap_or_default()
}

/// The entries from `since` on, of each Message-ID the newest, with as many recipients as are kept.
pub fn newest_of_each(entries: Vec<Sent>, since: u64) -> Vec<Sent> {
    let mut newest: BTreeMap<Hash, Sent> = BTreeMap::new();
    let mut unnamed = Vec::new();
    for mut entry in entries.into_iter().filter(|entry| entry.at >= since) {
        entry.recipients.truncate(MAX_RECIPIENTS);
        entry.hosts.truncate(MAX_HOSTS);
        let Some(hash) = entry.message else {
            unnamed.push(entry);
            continue;
        };
        match newest.entry(hash) {
            Entry::Vacant(new) => {
                new.insert(entry);
            }
            Entry::Occupied(mut known) if entry.at >= known.get().at => {
                known.insert(entry);
            }
            Entry::Occupied(_) => {}
        }
    }
    newest.into_values().chain(unnamed).collect()
}

/// The hashes of an entry: a mark of what is there, the sender, and how many recipients there are, then these, then the hosts.
pub fn packed(entry: &Sent) -> Vec<u8> {
    let recipients = entry.recipients.iter().take(MAX_RECIPIENTS);
    let hosts = entry.hosts.iter().take(MAX_HOSTS);
    let count = u8::try_from(recipients.len()).unwrap_or(u8::MAX);
    let marks = [u8::from(entry.sender.is_some()), count];
    let hashes = entry.sender.iter().chain(recipients).chain(hosts);
    let hashes = hashes.flat_map(|hash| hash.as_bytes().iter().copied());
    marks.into_iter().chain(hashes).collect()
}

/// What [`packed`] made octets of, with the time and the count that are kept beside it; what can't be read is left out.
pub fn unpacked(at: u64, recipient_count: u32, bytes: &[u8]) -> Remembered {
    let (has_sender, count, bytes) = match bytes {
        [marks, count, rest @ ..] => (*marks == 1, usize::from(*count), rest),
        _ => (false, 0, &[][..]),
    };
    let (hashes, _) = bytes.as_chunks();
    let mut hashes = hashes.iter().copied().map(Hash::from_bytes);
    Remembered {
        at,
        recipient_count,
        sender: has_sender.then(|| hashes.next()).flatten(),
        recipients: hashes.by_ref().take(count).collect(),
        hosts: hashes.take(MAX_HOSTS).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hashes(most: usize) -> impl Strategy<Value = Vec<Hash>> {
        let hash = any::<[u8; 16]>().prop_map(Hash::from_bytes);
        prop::collection::vec(hash, 0..=most)
    }

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(
            sender in prop::option::of(any::<[u8; 16]>()),
            recipients in hashes(MAX_RECIPIENTS),
            hosts in hashes(MAX_HOSTS),
        ) {
            let entry = Sent {
                message: None,
                sender: sender.map(Hash::from_bytes),
                recipients,
                hosts,
                recipient_count: 7,
                at: 9,
                domain: None,
            };
            prop_assert_eq!(unpacked(9, 7, &packed(&entry)), Remembered::from(&entry));
        }

        #[test]
        fn what_others_stored_is_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = unpacked(0, 0, &bytes);
        }
    }
}
