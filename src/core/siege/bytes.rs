//! A record as octets: a version, then numbers as LEB128, then a check sum, so that damage is seen.

use sha2::{Digest, Sha256};

use super::{
    baseline::{Baseline, HOURS, Slot},
    change::{ByHand, Forced},
    machine::{Machine, State},
    record::{LATEST, Record},
    ring::Ring,
    sketch::{REGISTERS, Sketch},
    windows::{Hits, Windows},
};

/// The first octet.
const VERSION: u8 = 1;
/// Octets of the check sum.
const SUM: usize = 4;
/// The most octets that a record has.
pub const LARGEST: usize = 4096;

/// Why octets are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    /// Another version of Backstop wrote it.
    #[error("a record of version {0}, which is not known here")]
    Version(u8),
    /// It is not what was written.
    #[error("a damaged record")]
    Content,
}

impl Record {
    /// The record as octets, at most [`LARGEST`]. What this host counted alone is not among them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Writer(vec![VERSION]);
        bytes.number(self.sequence);
        bytes.number(self.at);
        bytes.windows(&self.windows);
        bytes.baseline(&self.baseline);
        bytes.machine(&self.machine);
        let (forced, until) = match self.by_hand {
            None => (0, 0),
            Some(ByHand {
                forced: Forced::On,
                until,
            }) => (1, until),
            Some(ByHand {
                forced: Forced::Off,
                until,
            }) => (2, until),
        };
        for number in [
            forced,
            until,
            self.by_hand_at,
            code(self.told),
            self.told_at,
        ] {
            bytes.number(number);
        }
        let sum = sum(&bytes.0);
        bytes.0.extend(sum);
        bytes.0
    }

    /// A record from what [`Self::to_bytes`] gave.
    ///
    /// # Errors
    /// Anything else, and what another version wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Damaged> {
        match bytes.first() {
            Some(&VERSION) if bytes.len() <= LARGEST => {}
            Some(&VERSION) | None => return Err(Damaged::Content),
            Some(&other) => return Err(Damaged::Version(other)),
        }
        read(bytes).ok_or(Damaged::Content)
    }
}

fn read(bytes: &[u8]) -> Option<Record> {
    let (content, found) = bytes.split_last_chunk::<SUM>()?;
    if sum(content) != *found {
        return None;
    }
    let mut bytes = Reader(content.get(1..)?);
    let record = Record {
        sequence: bytes.number()?,
        at: bytes.time()?,
        windows: bytes.windows()?,
        baseline: bytes.baseline()?,
        machine: bytes.machine()?,
        by_hand: match (bytes.number()?, bytes.time()?) {
            (0, _) => None,
            (1, until) => Some(ByHand {
                forced: Forced::On,
                until,
            }),
            (2, until) => Some(ByHand {
                forced: Forced::Off,
                until,
            }),
            _ => return None,
        },
        by_hand_at: bytes.time()?,
        told: bytes.state()?,
        told_at: bytes.time()?,
        alone: None,
    };
    bytes.0.is_empty().then_some(record)
}

fn sum(content: &[u8]) -> [u8; SUM] {
    let digest = Sha256::digest(content);
    let mut sum = [0; SUM];
    for (to, from) in sum.iter_mut().zip(digest) {
        *to = from;
    }
    sum
}

fn code(state: State) -> u64 {
    match state {
        State::Calm => 0,
        State::Alert => 1,
        State::Easing => 2,
        State::Siege => 3,
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn windows(&mut self, windows: &Windows) {
        let (newest, slots) = windows.hits.parts();
        self.number(newest);
        for slot in slots {
            for number in [slot.unproven, slot.forged, slot.refused] {
                self.number(number.into());
            }
        }
        let (newest, slots) = windows.recipients.parts();
        self.number(newest);
        for slot in slots {
            self.number((!slot.is_empty()).into());
            if !slot.is_empty() {
                self.0.extend(slot.registers());
            }
        }
        let (newest, slots) = windows.outgoing.parts();
        self.number(newest);
        slots.iter().for_each(|slot| self.number((*slot).into()));
    }

    fn baseline(&mut self, baseline: &Baseline) {
        for slot in &baseline.slots {
            self.number(slot.seen.into());
            if slot.seen > 0 {
                self.number(slot.rate.into());
            }
        }
        self.number(baseline.hour);
        self.number(baseline.hits.into());
        self.number(baseline.observed.into());
        self.number(baseline.unusual.into());
    }

    fn machine(&mut self, machine: &Machine) {
        for number in [
            code(machine.state),
            machine.since,
            machine.besieged_since,
            machine.last_loud,
            machine.ended,
            machine.relapses.into(),
            machine.tolerated.into(),
            machine.tolerated_at,
        ] {
            self.number(number);
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn octet(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for at in 0..10 {
            let octet = self.octet()?;
            let bits = u64::from(octet & 0x7f);
            let shifted = bits << (7 * at);
            if shifted >> (7 * at) != bits {
                return None;
            }
            number |= shifted;
            if octet < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.number()?).ok()
    }

    fn yes(&mut self) -> Option<bool> {
        match self.number()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn time(&mut self) -> Option<u64> {
        self.number().filter(|time| *time <= LATEST)
    }

    fn state(&mut self) -> Option<State> {
        let found = self.number()?;
        State::ALL.into_iter().find(|state| code(*state) == found)
    }

    fn ring<T: Copy + Default, const N: usize, const SECONDS: u64>(
        &mut self,
        slot: impl Fn(&mut Self) -> Option<T>,
    ) -> Option<Ring<T, N, SECONDS>> {
        let newest = self.time()?;
        let slots: Option<Vec<T>> = (0..N).map(|_| slot(self)).collect();
        Some(Ring::from_slots(newest, &slots?))
    }

    fn windows(&mut self) -> Option<Windows> {
        Some(Windows {
            hits: self.ring(|bytes| {
                Some(Hits {
                    unproven: bytes.small()?,
                    forged: bytes.small()?,
                    refused: bytes.small()?,
                })
            })?,
            recipients: self.ring(Self::sketch)?,
            outgoing: self.ring(Self::small)?,
        })
    }

    fn sketch(&mut self) -> Option<Sketch> {
        if !self.yes()? {
            return Some(Sketch::default());
        }
        let (registers, rest) = self.0.split_first_chunk::<REGISTERS>()?;
        self.0 = rest;
        Sketch::from_registers(registers)
    }

    fn baseline(&mut self) -> Option<Baseline> {
        let mut slots = [Slot::default(); HOURS];
        for slot in &mut slots {
            slot.seen = self.small()?;
            if slot.seen > 0 {
                slot.rate = self.small()?;
            }
        }
        Some(Baseline {
            slots,
            hour: self.time()?,
            hits: self.small()?,
            observed: self.small()?,
            unusual: self.yes()?,
        })
    }

    fn machine(&mut self) -> Option<Machine> {
        Some(Machine {
            state: self.state()?,
            since: self.time()?,
            besieged_since: self.time()?,
            last_loud: self.time()?,
            ended: self.time()?,
            relapses: self.small()?,
            tolerated: self.small()?,
            tolerated_at: self.time()?,
        })
    }
}
