//! What comes to a domain: streams of hits, and outgoing mail.

use backstop::core::siege::{Deltas, Hit};

use super::random::{Random, hash};

/// Where a stream comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum From {
    /// From so many networks, each of which sends as much.
    Networks(u64),
    /// As usual mail does: the first network sends most, the second half of that, the third a third (Zipf).
    World(u64),
}

/// A stream of hits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stream {
    /// Hits a minute.
    pub rate: f64,
    /// To how many recipients; 0 for a new one each time.
    pub recipients: u64,
    /// Where from.
    pub from: From,
    /// Tells recipients and networks of one stream from those of another.
    pub name: u64,
}

impl Stream {
    /// Adds the hits that come within some seconds.
    pub fn arrive(&self, random: &mut Random, seconds: f64, deltas: &mut Deltas) -> u32 {
        let count = random.arrivals(self.rate * seconds / 60.0);
        for _ in 0..count {
            self.hit(random, deltas);
        }
        count
    }

    /// Adds one hit.
    pub fn hit(&self, random: &mut Random, deltas: &mut Deltas) {
        let recipient = match self.recipients {
            0 => random.number(),
            few => random.below(few),
        };
        let network = match self.from {
            From::Networks(count) => random.below(count),
            // The inverse of the distribution, but for what rounding makes of the first few.
            From::World(count) => (count as f64).powf(random.fraction()) as u64,
        };
        let hit = match random.below(3) {
            0 => Hit::Refused,
            _ => Hit::Unproven,
        };
        let named = |number: u64| hash(number ^ hash(self.name));
        deltas.hit(hit, named(recipient), named(network));
    }
}
