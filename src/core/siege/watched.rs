//! When at least one host of those that share a store watched: a domain to which nothing came is not looked at meanwhile, and
//! what it learns of its quiet hours is worked out later.

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::{
    baseline::LONGEST_GAP,
    exchange::REFRESH,
    record::{LATEST, time},
};
use crate::core::{proof::DAY, stored};

/// The name of the record in the store; no domain is called that.
pub(super) const WATCHED: &str = "watched*";
/// The first octet of the record.
const VERSION: u8 = 1;
/// How many spans are remembered: each ends where nobody watched for a quarter of an hour.
const MAX_SPANS: usize = 64;
/// How long they are remembered, in seconds: as long as the store keeps a record that nobody writes.
const KEEP: u64 = 100 * DAY;

/// Spans of time in which was watched, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    #[serde(deserialize_with = "spans")]
    spans: Vec<Span>,
}

/// From when until when, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Span {
    #[serde(deserialize_with = "time")]
    from: u64,
    #[serde(deserialize_with = "time")]
    until: u64,
}

impl Watched {
    /// Somebody watches at `now`.
    pub fn go_on(&mut self, now: u64) {
        let now = now.min(LATEST);
        // Where the clock was put back, what lies ahead was not.
        self.spans.retain(|span| span.from <= now);
        if let Some(last) = self.spans.last_mut() {
            last.until = last.until.min(now);
        }
        self.spans.push(Span {
            from: now,
            until: now,
        });
        self.join_near();
        self.spans
            .retain(|span| now.saturating_sub(span.until) <= KEEP);
    }

    /// Adds what other hosts watched.
    pub(super) fn merge(&mut self, other: &Self) {
        self.spans.extend(&other.spans);
        self.spans.sort_unstable();
        self.join_near();
    }

    /// Whether `stored`, which other hosts read, is to be written anew at `now`.
    pub(super) fn is_news(stored: Option<&Self>, now: u64) -> bool {
        let until = stored.and_then(|stored| stored.spans.last());
        until.is_none_or(|last| now.abs_diff(last.until) >= REFRESH)
    }

    /// The spans within this time, and of each its last hundred days: whoever writes to the store can make them long.
    pub(super) fn within(&self, from: u64, until: u64) -> impl Iterator<Item = (u64, u64)> {
        let within = self.spans.iter().map(move |span| {
            let until = span.until.min(until);
            let from = span.from.max(from);
            (from.max(until.saturating_sub(KEEP)), until)
        });
        within.filter(|(from, until)| from < until)
    }

    /// What the store has; nothing where that is not ours.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let content = match bytes.split_first() {
            Some((&VERSION, content)) => stored::from_bytes(content),
            _ => None,
        };
        content.unwrap_or_default()
    }

    /// As it is stored.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(stored::to_bytes(self));
        bytes
    }

    /// Makes one of those between which nobody missed anything, and forgets the oldest if there are too many.
    fn join_near(&mut self) {
        let mut joined: Vec<Span> = Vec::with_capacity(self.spans.len());
        for span in self.spans.drain(..) {
            match joined.last_mut() {
                Some(last) if span.from.saturating_sub(last.until) <= LONGEST_GAP => {
                    last.until = last.until.max(span.until);
                }
                _ => joined.push(span),
            }
        }
        let surplus = joined.len().saturating_sub(MAX_SPANS);
        joined.drain(..surplus);
        self.spans = joined;
    }
}

/// Spans that the store has: each ends after it begins, and before the next does.
fn spans<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Span>, D::Error> {
    let spans = stored::at_most::<MAX_SPANS, Span, _>(deserializer)?;
    let is_sorted = spans.is_sorted_by(|one, next| one.until < next.from);
    match is_sorted && spans.iter().all(|span| span.from <= span.until) {
        true => Ok(spans),
        false => Err(D::Error::custom("spans are not in order")),
    }
}
