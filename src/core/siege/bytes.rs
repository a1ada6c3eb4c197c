//! A record as octets: a version, the record in postcard's format, and a check sum, so that damage is seen.

use sha2::{Digest, Sha256};

use super::record::Record;
use crate::core::stored;

/// The first octet. It is counted up whenever the fields of a [`Record`] or their order change.
const VERSION: u8 = 4;
/// Octets of the check sum.
const SUM: usize = 4;
/// The maximum length of a record, in octets.
pub const LARGEST: usize = 12 * 1024;

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
        let mut bytes = vec![VERSION];
        bytes.extend(stored::to_bytes(self));
        let sum = sum(&bytes);
        bytes.extend(sum);
        bytes
    }

    /// A record from what [`Self::to_bytes`] gave.
    ///
    /// # Errors
    /// Anything else, and what another version wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Damaged> {
        match bytes {
            [VERSION, ..] if bytes.len() <= LARGEST => read(bytes).ok_or(Damaged::Content),
            [] | [VERSION, ..] => Err(Damaged::Content),
            [other, ..] => Err(Damaged::Version(*other)),
        }
    }
}

/// A record at rest: its octets without version and check sum, for they do not leave this process.
#[derive(Debug)]
pub(super) struct Packed(Box<[u8]>);

impl Packed {
    pub(super) fn of(record: &Record) -> Self {
        Self(stored::to_bytes(record).into())
    }

    /// Of octets that were read as a record.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        let content = bytes.split_last_chunk::<SUM>();
        let content = content.and_then(|(content, _)| content.split_first());
        Self(content.map_or(&[][..], |(_, record)| record).into())
    }

    pub(super) fn record(&self) -> Option<Record> {
        stored::from_bytes(&self.0)
    }

    /// How often it was written: the first of its fields.
    pub(super) fn sequence(&self) -> Option<u64> {
        stored::first_of(&self.0)
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.0.len()
    }
}

fn read(bytes: &[u8]) -> Option<Record> {
    let (content, found) = bytes.split_last_chunk()?;
    let (_, record) = content.split_first()?;
    (sum(content) == *found).then(|| stored::from_bytes(record))?
}

fn sum(content: &[u8]) -> [u8; SUM] {
    let sum = Sha256::digest(content).first_chunk().copied();
    sum.unwrap_or_default()
}
