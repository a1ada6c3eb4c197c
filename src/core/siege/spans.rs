//! When domains were besieged: each beginning and each end is kept, and a report makes times of that.

use std::collections::BTreeMap;

use super::Change;
use crate::core::address::Domain;

/// How many days they are kept, today included.
pub const KEEP_DAYS: u64 = 90;
/// The maximum number of beginnings and ends that are kept; the oldest go.
pub const MAX_EVENTS: u64 = 100_000;

/// The beginning or the end of a siege.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SiegeEvent {
    /// When, in seconds since 1970.
    pub at: u64,
    /// The domain; `None` for all together.
    pub domain: Option<Domain>,
    /// Whether it began.
    pub begins: bool,
}

impl SiegeEvent {
    /// What is kept of a change; `None` where the answers stay as they were.
    pub fn of(change: &Change) -> Option<Self> {
        let (before, after) = (change.from.is_besieged(), change.to.is_besieged());
        (before != after).then(|| Self {
            at: change.at,
            domain: change.domain.clone(),
            begins: after,
        })
    }
}

/// A time in which stricter answers applied, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// When it began.
    pub from: u64,
    /// When it ended; now, where it goes on.
    pub to: u64,
    /// Whether it goes on.
    pub goes_on: bool,
}

impl Span {
    /// How many of these seconds, both included, are in it.
    pub fn within(&self, first: u64, last: u64) -> u64 {
        let (from, to) = (self.from.max(first), self.to.min(last.saturating_add(1)));
        to.saturating_sub(from)
    }
}

/// The spans of each domain in which at least a second lies between these two, the earliest first. `is_on` says whether a
/// domain is besieged now, at `last`.
///
/// A beginning without an end, of what is not besieged now, has no length: its end was lost. An end without a beginning
/// began before what is kept.
pub fn spans(
    events: impl IntoIterator<Item = SiegeEvent>,
    is_on: impl Fn(Option<&Domain>) -> bool,
    (first, last): (u64, u64),
) -> BTreeMap<Option<Domain>, Vec<Span>> {
    let mut events: Vec<_> = events.into_iter().collect();
    events.sort();
    let mut open: BTreeMap<Option<Domain>, u64> = BTreeMap::new();
    let mut all: BTreeMap<Option<Domain>, Vec<Span>> = BTreeMap::new();
    let mut add = |domain: &Option<Domain>, span: Span| {
        if span.from <= last && span.to >= first {
            all.entry(domain.clone()).or_default().push(span);
        }
    };
    for SiegeEvent { at, domain, begins } in events {
        if begins {
            // Hosts that could not reach each other may each have seen it begin.
            open.entry(domain).or_insert(at);
            continue;
        }
        let from = open.remove(&domain).unwrap_or(first.min(at));
        let span = Span {
            from,
            to: at,
            goes_on: false,
        };
        add(&domain, span);
    }
    for (domain, from) in open {
        let goes_on = is_on(domain.as_ref());
        let span = Span {
            from,
            to: if goes_on { last.max(from) } else { from },
            goes_on,
        };
        add(&domain, span);
    }
    all
}

/// The same without overlaps: names below one domain may each have been besieged at the same time.
pub fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort();
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut().filter(|before| span.from <= before.to) {
            Some(before) => {
                before.to = before.to.max(span.to);
                before.goes_on |= span.goes_on;
            }
            None => joined.push(span),
        }
    }
    joined
}
