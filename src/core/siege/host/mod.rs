//! What one host knows of the sieges of all domains, and what it decides in a round. It does not talk to the store: it says
//! what to ask, takes in the answer, and a [`Round`] says what to write, and hears what became of that.
//!
//! A round costs what changed, not what exists: of most domains nothing is known, and most others rest.

mod known;
mod round;
mod taken_in;

use std::collections::{HashMap, HashSet};

use known::{Known, Resting};
pub use round::{Done, Round, Write, Written};
pub use taken_in::{Answer, Cursor, Question, Stored};

use super::{Forced, MAX_DOMAINS, Settings, State, Taken, View, watched::Watched};
use crate::core::{address::Domain, local::Domains, pattern::DomainPattern};

/// How many domains do not rest although they could: as long as so few are known, all are shown.
const FEW: usize = 100;
/// So often domains are forgotten that are no longer ours, in seconds.
const SWEEP: u64 = 600;
/// How many domains below `.example.org` are known: what strangers invented for two hosts, or within some time.
const MAX_INVENTED: usize = 2 * MAX_DOMAINS;

/// The name of the record of a domain in the store; `None` for all domains together, and no domain is called that.
pub fn record_name(domain: Option<&Domain>) -> &str {
    domain.map_or("*", Domain::as_str)
}

/// The domain of a record with this name; `None` where it is no name of ours.
pub fn domain_of(name: &str) -> Option<Option<Domain>> {
    if name == record_name(None) {
        return Some(None);
    }
    name.parse().ok().map(Some)
}

/// What one host knows between two rounds.
#[derive(Debug, Default)]
pub struct Host {
    /// Domains that are stepped in each round; `None` is all of them together.
    awake: HashMap<Option<Domain>, Box<Known>>,
    /// Domains that nothing happens to.
    resting: HashMap<Domain, Resting>,
    /// Which of both strangers may have invented.
    invented: HashSet<Domain>,
    /// Domains that get more than is usual for them, and until when.
    above: HashMap<Domain, u64>,
    /// When some host watched.
    watched: Watched,
    /// What the store has of that, and the version of it.
    watched_there: Option<(Watched, u64)>,
    /// How far the store was read.
    cursor: Cursor,
    /// The names of records of which a write found another version.
    raced: HashSet<String>,
    /// Those of which none came with what was written since: they are to be read by name.
    doubted: HashSet<String>,
    /// Of a store that lost something, what it was not seen to have; and then, what it is to get again.
    missing: HashSet<Option<Domain>>,
    /// How many seconds the store's clock is ahead of this host's, since it last answered: what it has is in its time, and
    /// stays so while it is away.
    ahead: i64,
    /// Domains that were forgotten.
    idle: Vec<Domain>,
    /// When it was last swept.
    swept: u64,
}

impl Host {
    /// The time by the store's clock, as far as it is known, when it is `host_now` by this host's; both in seconds since
    /// 1970.
    pub fn now(&self, host_now: u64) -> u64 {
        host_now.saturating_add_signed(self.ahead)
    }

    /// Forgets all domains: `siege.watch` is off.
    pub fn clear(&mut self) {
        *self = Self {
            ahead: self.ahead,
            ..Self::default()
        };
    }

    /// Whether what comes to the domain counts for all domains together too, for [`Tally::take`](super::Tally::take).
    pub fn is_shared(&self, settings: &Settings, domain: &Domain) -> bool {
        let known = self.awake.get(&Some(domain.clone()));
        known.is_none_or(|known| known.record.is_shared(settings))
    }

    /// Takes over what was counted until `now`. Where there is one domain only, it is all there is.
    pub fn count(&mut self, Taken { all, domains }: Taken, local_domains: &Domains, now: u64) {
        let together = self.awake.get(&None);
        let unusual = together.is_some_and(|all| all.record.is_unusual());
        let domains = domains.into_iter();
        let counted = domains.map(|(domain, deltas)| (Some(domain), deltas));
        let is_one = matches!(&**local_domains, [DomainPattern::Itself(_)]);
        let all = (!is_one).then_some((None, all));
        for (name, deltas) in counted.chain(all) {
            if deltas.is_empty() || !self.has_room(&name, local_domains) {
                continue;
            }
            let known = self.wake(name, now);
            known.pending.add(&deltas);
            known.pending.unusual |= unusual;
            known.waits_since.get_or_insert(now);
        }
    }

    /// A round while the store does not answer: this host goes on alone.
    pub fn round_alone(&mut self, settings: &Settings, now: u64) -> Vec<super::Change> {
        let mut changes = Vec::new();
        for (name, known) in &mut self.awake {
            let change = known.alone(&self.watched, settings, now);
            changes.extend(change.map(|change| change.of(name.clone())));
            note_above(&mut self.above, name, known, settings);
        }
        self.above.retain(|_, until| *until > now);
        changes
    }

    /// How things stand.
    pub fn view(&self, settings: &Settings, now: u64) -> View {
        let mut view = View::default();
        let are_few = self.awake.len().saturating_add(self.resting.len()) <= FEW + 1;
        let mut shown = Vec::new();
        for (name, known) in &self.awake {
            let record = &known.record;
            let state = record.state(now);
            if are_few || name.is_none() || state != State::Calm {
                shown.push((name, record));
            }
            let Some(domain) = name else {
                view.all = state;
                view.all_by_hand = record.forced(now) == Some(Forced::On);
                continue;
            };
            if let Some(count) = view.counts.get_mut(state as usize) {
                *count += 1;
            }
            if state != State::Calm {
                view.states.insert(domain.clone(), state);
            } else if record.forced(now) == Some(Forced::Off) {
                view.off.insert(domain.clone());
            }
        }
        if let Some(count) = view.counts.get_mut(State::Calm as usize) {
            *count += self.resting.len();
        }
        if view.all.is_besieged() {
            view.above = self.above.keys().cloned().collect();
        }
        if shown.len() > FEW {
            let severity = |(name, record): &(&Option<Domain>, &super::Record)| {
                (
                    name.is_some(),
                    std::cmp::Reverse((record.state(now), record.loudness())),
                )
            };
            shown.select_nth_unstable_by_key(FEW, severity);
            shown.truncate(FEW + 1);
        }
        let statuses = shown.into_iter();
        let statuses = statuses.map(|(name, record)| (name.clone(), record.status(settings, now)));
        view.statuses = statuses.collect();
        view.statuses.sort_by(|(one, _), (other, _)| one.cmp(other));
        view
    }

    /// Takes over what the store has, and counts nothing: for a command that only shows it.
    pub fn look(&mut self, answer: Answer, local_domains: &Domains, settings: &Settings) {
        self.take_in(answer, local_domains, settings);
        for known in self.awake.values_mut() {
            known.look();
        }
    }

    /// Whether there is a place for what is known of this name: one of a domain that a stranger may have invented has none
    /// if there are too many.
    fn has_room(&mut self, name: &Option<Domain>, local_domains: &Domains) -> bool {
        let Some(domain) = name else {
            return true;
        };
        if local_domains.names(domain) || self.invented.contains(domain) {
            return true;
        }
        // One that is no longer ours was counted a moment ago.
        if local_domains.entry(domain).is_none() || self.invented.len() >= MAX_INVENTED {
            return false;
        }
        self.invented.insert(domain.clone());
        true
    }

    /// What is known of a name, in full.
    fn wake(&mut self, name: Option<Domain>, now: u64) -> &mut Known {
        let resting = &mut self.resting;
        self.awake.entry(name).or_insert_with_key(|name| {
            let rested = name.as_ref().and_then(|domain| resting.remove(domain));
            Box::new(rested.map_or_else(|| Known::new(now), |rested| rested.wake(now)))
        })
    }

    /// Lets rest what may, and forgets what is idle.
    fn rest(&mut self, settings: &Settings, now: u64) {
        let is_idle = |known: &Known| known.is_settled() && known.record.is_idle(now);
        let idle = self.awake.extract_if(|_, known| is_idle(known));
        for domain in idle.filter_map(|(name, _)| name) {
            self.invented.remove(&domain);
            self.idle.push(domain);
        }
        if self.awake.len() <= FEW {
            return;
        }
        let may_rest = |name: &Option<Domain>, known: &Known| {
            name.is_some()
                && known.is_settled()
                && known.stored_at.is_some()
                && known.record.may_rest(settings)
        };
        let rest = self.awake.extract_if(|name, known| may_rest(name, known));
        let rest = rest.filter_map(|(name, known)| Some((name?, known.rest())));
        self.resting.extend(rest);
    }

    /// Forgets what is no longer ours, and of what strangers may have invented, what is idle by now.
    fn sweep(&mut self, local_domains: &Domains, settings: &Settings, now: u64) {
        if now.abs_diff(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        let is_ours = |domain: &Domain| local_domains.entry(domain).is_some();
        self.awake
            .retain(|name, _| name.as_ref().is_none_or(is_ours));
        self.above.retain(|domain, _| is_ours(domain));
        let watched = &self.watched;
        self.resting.retain(|domain, rested| {
            let is_idle = || rested.is_idle_by(watched, settings, now);
            is_ours(domain) && (local_domains.names(domain) || !is_idle())
        });
        let known = self.awake.keys().flatten().chain(self.resting.keys());
        let invented = known.filter(|domain| !local_domains.names(domain));
        let invented = invented.cloned().collect();
        let before = std::mem::replace(&mut self.invented, invented);
        self.idle.extend(before.difference(&self.invented).cloned());
    }

    #[cfg(test)]
    pub(super) fn records(&self) -> impl Iterator<Item = &super::Record> {
        self.awake.values().map(|known| &known.record)
    }

    /// Whether nothing waits for the next round.
    #[cfg(test)]
    pub fn is_settled(&self) -> bool {
        self.awake.values().all(|known| known.is_settled())
    }

    /// How many octets it takes in memory, about, and how many domains rest.
    #[cfg(test)]
    pub(super) fn resting(&self) -> (usize, usize) {
        let entry = size_of::<(Domain, Resting)>() + 1;
        let octets = |(domain, rested): (&Domain, &Resting)| domain.as_str().len() + rested.size();
        let all: usize = self.resting.iter().map(octets).sum();
        (self.resting.capacity() * entry + all, self.resting.len())
    }
}

/// Notes until when a domain gets more than is usual for it.
fn note_above(
    above: &mut HashMap<Domain, u64>,
    name: &Option<Domain>,
    known: &Known,
    settings: &Settings,
) {
    let Some(domain) = name else {
        return;
    };
    match known.record.above_until(settings) {
        Some(until) => {
            if let Some(noted) = above.get_mut(domain) {
                *noted = until;
            } else {
                above.insert(domain.clone(), until);
            }
        }
        None => {
            above.remove(domain);
        }
    }
}
