//! What is remembered of outgoing mail: keyed hashes, so that a reader of the store learns no address from it.
//!
//! A message that comes back within a bounce is looked up by the hash of its Message-ID, its sender by the hash of the
//! address. Hashes are compared as any other key of a table is: the time of a look-up shows a stranger nothing, because
//! without the key nobody can choose what a hash begins with.

use std::fmt;

use data_encoding::HEXLOWER;
use hmac::Mac;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{DAY, Key, Keys};
use crate::core::{
    address::{Domain, Mailbox},
    from_header::lexeme::{Lexeme, lexemes},
    printable::printable,
};

/// How many recipients of a message are remembered by their hashes.
pub const MAX_RECIPIENTS: usize = 100;
/// How many names of hosts that a message went to are remembered by their hashes.
pub const MAX_HOSTS: usize = 100;
/// The longest Message-ID that is remembered: no line of a header can be longer (RFC 5322 section 2.1.1).
const MAX_MESSAGE_ID: usize = 998;
/// How much of a Message-ID is shown, in octets.
const MAX_SHOWN: usize = 120;
/// How many octets of the MAC a hash has.
pub(super) const LENGTH: usize = 16;

/// 16 octets of HMAC-SHA256 with a key of the key file: without the key nobody can know what was hashed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hash([u8; LENGTH]);

impl Hash {
    /// Its octets, as they are stored.
    pub fn as_bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    /// A hash that was stored.
    pub fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// What is hashed. The same text gives another hash as another thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hashed {
    /// What [`message_id`] gives.
    MessageId,
    /// The sender of an outgoing message, as [`address`] gives it.
    Sender,
    /// A recipient of an outgoing message, as [`address`] gives it.
    Recipient,
    /// The domain of a recipient of an outgoing message, or a name above it, as [`hosts`] gives them.
    Host,
    /// A copy of an outgoing message that a mailing list brings back to a recipient.
    Copy,
    /// A notification or a copy that used a proof, as it is known again.
    Notification,
    /// Whose automatic reply used one.
    Replier,
    /// An address of ours that is learned, as [`address`] gives it. Not the same as a sender: a reader of the store would
    /// see which of its entries are of one address.
    Learned,
    /// The network of a client that a siege's sensor counts.
    Network,
    /// The Message-ID of a message that somebody forged, as [`message_id`] gives it.
    Forged,
}

impl Hashed {
    /// What stands before the text in the MAC, ending in NUL so that no label with a text is another label with another
    /// text. BATV's begin with a digit, so they never meet these.
    fn label(self) -> &'static [u8] {
        match self {
            Self::MessageId => b"backstop ledger message-id\0",
            Self::Sender => b"backstop ledger sender\0",
            Self::Recipient => b"backstop ledger recipient\0",
            Self::Host => b"backstop ledger host\0",
            Self::Copy => b"backstop ledger copy\0",
            Self::Notification => b"backstop used by notification\0",
            Self::Replier => b"backstop used by replier\0",
            Self::Learned => b"backstop learned address\0",
            Self::Network => b"backstop siege network\0",
            Self::Forged => b"backstop forged message-id\0",
        }
    }
}

/// The hash by the key that signs, which is what is written; `None` where no key does.
pub fn hash(keys: &Keys, what: Hashed, text: &[u8]) -> Option<Hash> {
    keys.signing().and_then(|key| hash_by(key, what, text))
}

/// The hashes by every key that can have written an entry which is still kept: what is looked up. Newest key first.
/// `today` is in days since 1970-01-01; an entry is kept for `keep_days`.
pub fn hashes(keys: &Keys, what: Hashed, text: &[u8], today: u64, keep_days: u64) -> Vec<Hash> {
    let live = keys.live(today, keep_days);
    live.filter_map(|key| hash_by(key, what, text)).collect()
}

/// What is not looked up but known again. Without a key it is hashed bare: who reads the store could then find out whether
/// a Message-ID that this reader knows has come back, and no more, because nothing is proven by this hash.
pub fn fingerprint(keys: &Keys, what: Hashed, text: &[u8]) -> Hash {
    hash(keys, what, text).unwrap_or_else(|| {
        let digest = Sha256::new().chain_update(what.label()).chain_update(text);
        let front = digest.finalize().first_chunk().copied();
        Hash(front.unwrap_or_default())
    })
}

fn hash_by(key: &Key, what: Hashed, text: &[u8]) -> Option<Hash> {
    let mac = key
        .hmac_sha256()
        .chain_update(what.label())
        .chain_update(text);
    let bytes = mac.finalize().into_bytes();
    let (bytes, _) = bytes.split_first_chunk::<LENGTH>()?;
    Some(Hash(*bytes))
}

/// The Message-ID in the value of its header, without its angle brackets, and the blanks and comments around and within
/// it (RFC 5322 section 4.5.4 allows them there in old mail). Without brackets, which some programs forget, it is the
/// first word. `None` where there is none, or one longer than 998 octets.
pub fn message_id(value: &[u8]) -> Option<Vec<u8>> {
    let (lexemes, _) = lexemes(value);
    let angle = lexemes.iter().find_map(|lexeme| match lexeme {
        Lexeme::Angle(id) => Some(id.clone()),
        _ => None,
    });
    let id = angle.unwrap_or_else(|| first_word(&lexemes));
    (1..=MAX_MESSAGE_ID).contains(&id.len()).then_some(id)
}

/// A Message-ID as logs and reports show it.
pub fn shown(id: &[u8]) -> String {
    printable(id, MAX_SHOWN)
}

fn first_word(lexemes: &[Lexeme<'_>]) -> Vec<u8> {
    let from_word = lexemes
        .iter()
        .skip_while(|lexeme| **lexeme == Lexeme::Blank);
    let mut word = Vec::new();
    for lexeme in from_word {
        match lexeme {
            Lexeme::Word(text) => word.extend_from_slice(text),
            Lexeme::Separator(byte) => word.push(*byte),
            Lexeme::Angle(_) | Lexeme::Blank => break,
        }
    }
    word
}

/// An address in the form that is hashed: however it was written, it is the same mailbox. An extension behind a
/// delimiter stays, because a bounce goes to all of what the sender was.
pub fn address(mailbox: &Mailbox) -> Vec<u8> {
    mailbox.with_local(&mailbox.local_key()).to_bytes()
}

/// The names that may bring a message to this domain back: it itself, and those above it that its owner registered. A mailing
/// list has one of them in MAIL FROM.
pub fn hosts(domain: &Domain) -> impl Iterator<Item = Domain> {
    let registered = psl::domain_str(domain.as_str()).map_or(usize::MAX, str::len);
    let above = domain.above();
    let registered = above.take_while(move |name| name.as_str().len() >= registered);
    std::iter::once(domain.clone()).chain(registered)
}

/// What the ledger keeps of an outgoing message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Of its Message-ID.
    pub message: Option<Hash>,
    /// Of its sender.
    pub sender: Option<Hash>,
    /// Of its recipients, at most [`MAX_RECIPIENTS`].
    pub recipients: Vec<Hash>,
    /// Of the [`hosts`] of its recipients, each once, at most [`MAX_HOSTS`].
    pub hosts: Vec<Hash>,
    /// How many recipients it had.
    pub recipient_count: u32,
    /// When it was sent, in seconds since 1970.
    pub at: u64,
    /// The domain of its sender. The ledger does not keep it; it is for counting what is lost.
    pub domain: Option<Domain>,
}

/// What the ledger remembers of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// When it was sent, in seconds since 1970.
    pub at: u64,
    /// How many recipients it had.
    pub recipient_count: u32,
    /// The hash of its sender.
    pub sender: Option<Hash>,
    /// The hashes of its recipients, at most [`MAX_RECIPIENTS`].
    pub recipients: Vec<Hash>,
    /// The hashes of the [`hosts`] of its recipients, at most [`MAX_HOSTS`].
    pub hosts: Vec<Hash>,
}

impl From<&Sent> for Remembered {
    fn from(sent: &Sent) -> Self {
        Self {
            at: sent.at,
            recipient_count: sent.recipient_count,
            sender: sent.sender,
            recipients: sent.recipients.clone(),
            hosts: sent.hosts.clone(),
        }
    }
}

impl Remembered {
    /// Whether it still counts where entries are kept for this many days. The store forgets a little later, and does not
    /// know that `proof.ledger.keep` became shorter.
    pub fn is_kept(&self, keep_days: u64, now: u64) -> bool {
        now.saturating_sub(self.at) <= keep_days.saturating_mul(DAY)
    }
}

#[cfg(test)]
mod tests;
