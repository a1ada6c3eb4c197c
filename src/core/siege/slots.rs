//! The usual rates of a week as octets: of most domains that have any, each takes one or two. For serde's `with`.

use std::array;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::baseline::{HOURS, Slot};
use crate::core::stored::{at_most, trimmed};

#[derive(Serialize, Deserialize)]
struct Packed {
    /// How often hours were learned: how many of them one after the other equally often, and how often. Those at the end that
    /// never were are left out.
    #[serde(deserialize_with = "at_most::<HOURS, _, _>")]
    seen: Vec<(u8, u8)>,
    #[serde(with = "trimmed")]
    rates: [u32; HOURS],
}

pub(super) fn serialize<S: Serializer>(
    slots: &[Slot; HOURS],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let runs = slots.chunk_by(|one, next| one.seen == next.seen);
    let run = |run: &[Slot]| {
        let first = run.first()?;
        Some((u8::try_from(run.len()).ok()?, first.seen))
    };
    let mut seen: Vec<_> = runs.filter_map(run).collect();
    seen.pop_if(|(_, seen)| *seen == 0);
    let rates = slots.map(|slot| slot.rate);
    Packed { seen, rates }.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<[Slot; HOURS], D::Error> {
    let Packed { seen, rates } = Packed::deserialize(deserializer)?;
    let hours: usize = seen.iter().map(|(hours, _)| usize::from(*hours)).sum();
    if hours > HOURS {
        return Err(D::Error::custom("a week has fewer hours"));
    }
    let mut seen = seen
        .iter()
        .flat_map(|&(hours, seen)| std::iter::repeat_n(seen, usize::from(hours)));
    Ok(array::from_fn(|at| Slot {
        rate: rates.get(at).copied().unwrap_or_default(),
        seen: seen.next().unwrap_or_default(),
    }))
}
