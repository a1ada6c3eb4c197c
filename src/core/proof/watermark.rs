//! The watermark: a header in outgoing mail that returned headers carry home.
//!
//! `v=1; k=KEY; f=FINGERPRINT; x=DAY; d=DIGEST; h=MAC`. The MAC (HMAC-SHA256, whole) covers the key's id, the last day on
//! which the watermark counts (days since 1970-01-01) and the digest; the digest (SHA-256) covers From, Date and
//! Message-ID. The two are separate, so that a watermark of ours differs from one that somebody made up even where a
//! host on the way has rewritten or dropped what it covers: that is no proof, but no forgery either. The fingerprint
//! separates the watermarks of other sites from ours: all count their keys from 0.
//!
//! Who has a message of ours can put its watermark, with its From, Date and Message-ID, above any text. That can't be
//! prevented, but counted: [`WatermarkResult::Valid`] names the Message-ID that was signed, and no other one stands there.

use std::{fmt, str::FromStr};

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::{
    DAYS_AHEAD, Key, Keys,
    imported::{self, Program},
};
use crate::core::header::{Header, Headers};

/// The name of the header.
pub const HEADER: &str = "X-Backstop-Watermark";
/// How many of them are tried: ours, and those of earlier journeys. A stranger chooses how many there are.
pub(super) const MAX_TRIED: usize = 4;
/// The longest one that is read, in octets, folds included: about twice what is written.
const MAX_LENGTH: usize = 400;
/// What is signed first, so that nothing else signed by the same key is a watermark. None is the beginning of another.
const MARK: &[u8] = b"backstop watermark 1\0";
const FINGERPRINT: &[u8] = b"backstop fingerprint 1\0";
/// How many octets of its MAC a fingerprint has.
const FINGERPRINT_OCTETS: usize = 8;
const DIGEST_OCTETS: usize = 32;

/// Why none is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unmarked {
    /// No key is there, or all are retired.
    NoKey,
    /// There is no Message-ID yet, or an empty one.
    NoMessageId,
    /// There is no From or no Date, or more than one of From, Date and Message-ID, or more headers than are read: what was
    /// signed would not be plain to see.
    Ambiguous,
    /// It has one of ours that is as good as new: it comes by a second time, from a content filter, say.
    AlreadyMarked,
}

impl Unmarked {
    /// One word for logs and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::NoMessageId => "no_message_id",
            Self::Ambiguous => "ambiguous",
            Self::AlreadyMarked => "already_marked",
        }
    }
}

impl fmt::Display for Unmarked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The value of a watermark that counts from `today` for `lifetime_days`: three lines of at most 78 octets.
///
/// # Errors
/// Why the message is better left as it is.
pub fn write(
    headers: &Headers,
    keys: &Keys,
    today: u64,
    lifetime_days: u64,
) -> Result<String, Unmarked> {
    let key = keys.signing().ok_or(Unmarked::NoKey)?;
    if !headers.all("Message-ID").any(|id| !relaxed(id).is_empty()) {
        return Err(Unmarked::NoMessageId);
    }
    let Signed { digest, .. } = Signed::of(headers).ok_or(Unmarked::Ambiguous)?;
    let expires = today.saturating_add(lifetime_days);
    // A message that is sent once more on a later day gets a second one: the first ends too early for its bounces.
    if let WatermarkResult::Valid { expires: until, .. } =
        of_ours(headers, keys, today, lifetime_days)
        && until.saturating_add(1) >= expires
    {
        return Err(Unmarked::AlreadyMarked);
    }
    let mac = mac(key, expires, &digest).ok_or(Unmarked::NoKey)?;
    let mark = Mark {
        key: key.id(),
        fingerprint: fingerprint(key).ok_or(Unmarked::NoKey)?,
        expires,
        digest,
        mac: mac.finalize().into_bytes().to_vec(),
    };
    Ok(mark.to_text())
}

/// What the watermarks in returned headers say; where there are several, the result furthest down this list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WatermarkResult {
    /// No watermark names a key that we have.
    Absent,
    /// It names a key of ours, which did not make it.
    Wrong,
    /// It is ours, but From, Date and Message-ID did not come back as they were signed, once each; or it counts for
    /// longer than the present `proof.lifetime` and a clock that is ahead allow. It proves nothing, for or against.
    Unverifiable,
    /// We signed this message, but the watermark has expired.
    Expired,
    /// We signed this message, not too long ago.
    Valid {
        /// The Message-ID that was signed, as its header has it, on one line: what its bounces are counted by.
        message_id: Vec<u8>,
        /// The last day on which it counts, since 1970-01-01.
        expires: u64,
        /// Who made it.
        signer: Signer,
    },
}

/// Who made a watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signer {
    /// The key of this digit.
    Own(u8),
    /// A program whose key was imported.
    Imported(Program),
}

/// Verifies the watermarks in returned headers, and the marks of programs whose keys were imported. One of another version,
/// of a key that isn't ours or is gone, or without its end does not count as one.
pub fn verify(headers: &Headers, keys: &Keys, today: u64, lifetime_days: u64) -> WatermarkResult {
    let ours = of_ours(headers, keys, today, lifetime_days);
    match (ours, imported::verify(headers, keys, today, lifetime_days)) {
        // Who makes up ours can make up any.
        (WatermarkResult::Wrong, WatermarkResult::Unverifiable) => WatermarkResult::Wrong,
        (ours, imported) => ours.max(imported),
    }
}

fn of_ours(headers: &Headers, keys: &Keys, today: u64, lifetime_days: u64) -> WatermarkResult {
    let mut marks = headers
        .all(HEADER)
        .take(MAX_TRIED)
        .filter_map(Mark::read)
        .peekable();
    if marks.peek().is_none() {
        return WatermarkResult::Absent;
    }
    let signed = Signed::of(headers);
    marks
        .map(|mark| mark.judge(signed.as_ref(), keys, today, lifetime_days))
        .max()
        .unwrap_or(WatermarkResult::Absent)
}

/// What is signed of a message.
struct Signed {
    message_id: Vec<u8>,
    digest: [u8; DIGEST_OCTETS],
}

impl Signed {
    /// None where one is missing, empty or there more than once: a second one would be what a reader sees.
    fn of(headers: &Headers) -> Option<Self> {
        let mut digest = Sha256::new();
        for name in ["From", "Date"] {
            count_in(&mut digest, &only(headers, name)?);
        }
        let message_id = only(headers, "Message-ID")?;
        count_in(&mut digest, &message_id);
        Some(Self {
            message_id,
            digest: digest.finalize().into(),
        })
    }
}

/// With its length, so that nothing can move from one field to the next.
fn count_in(digest: &mut Sha256, value: &[u8]) {
    digest.update(u64::try_from(value.len()).unwrap_or(u64::MAX).to_be_bytes());
    digest.update(value);
}

fn only(headers: &Headers, name: &str) -> Option<Vec<u8>> {
    Some(relaxed(sole(headers, name)?)).filter(|value| !value.is_empty())
}

/// The header of this name, where there is one and no more, and nothing is missing.
pub(super) fn sole<'a>(headers: &'a Headers, name: &'a str) -> Option<&'a Header> {
    let mut all = headers.all(name);
    let header = all.next()?;
    (all.next().is_none() && !headers.is_cut()).then_some(header)
}

/// The value in the form that hosts on the way do not change: unfolded, one blank for several (as RFC 6376 section
/// 3.4.2).
pub(super) fn relaxed(header: &Header) -> Vec<u8> {
    let mut value = header.unfolded();
    value
        .iter_mut()
        .filter(|byte| **byte == b'\t')
        .for_each(|byte| *byte = b' ');
    value.dedup_by(|next, before| *next == b' ' && *before == b' ');
    value
}

/// A watermark as it is written.
struct Mark {
    key: u8,
    fingerprint: Vec<u8>,
    expires: u64,
    digest: [u8; DIGEST_OCTETS],
    mac: Vec<u8>,
}

impl Mark {
    fn to_text(&self) -> String {
        let Self { key, expires, .. } = self;
        // Folds before blanks that stand there anyway (RFC 5322 section 2.2.3).
        format!(
            "v=1; k={key}; f={}; x={expires};\n d={};\n h={}",
            BASE64URL_NOPAD.encode(&self.fingerprint),
            BASE64URL_NOPAD.encode(&self.digest),
            BASE64URL_NOPAD.encode(&self.mac),
        )
    }

    /// Reads what [`Mark::to_text`] writes, wherever blanks and folds stand, and nothing else.
    fn read(header: &Header) -> Option<Self> {
        if header.value().len() > MAX_LENGTH {
            return None;
        }
        let text = without_blanks(header.value());
        let mut fields = text.split(|&byte| byte == b';');
        let mut field = |name: &[u8]| fields.next()?.strip_prefix(name);
        field(b"v=1").filter(|rest| rest.is_empty())?;
        let base64 = |text| BASE64URL_NOPAD.decode(text).ok();
        let mark = Self {
            key: number(field(b"k=")?)?,
            fingerprint: base64(field(b"f=")?)?,
            expires: number(field(b"x=")?)?,
            digest: base64(field(b"d=")?)?.try_into().ok()?,
            mac: base64(field(b"h=")?)?,
        };
        // One that lost its end is no forgery; one that is written otherwise (`x=007`) is not ours.
        let whole = mark.mac.len() == DIGEST_OCTETS;
        (whole && without_blanks(mark.to_text().as_bytes()) == text).then_some(mark)
    }

    /// The time it takes does not depend on how much of the MAC is right. The digest is no secret.
    fn judge(
        self,
        signed: Option<&Signed>,
        keys: &Keys,
        today: u64,
        lifetime: u64,
    ) -> WatermarkResult {
        let mut candidates = keys
            .live(today, lifetime)
            .filter(|key| {
                key.id() == self.key && fingerprint(key).as_ref() == Some(&self.fingerprint)
            })
            .peekable();
        if candidates.peek().is_none() {
            return WatermarkResult::Absent;
        }
        let ours = candidates
            .filter_map(|key| mac(key, self.expires, &self.digest))
            .any(|mac| mac.verify_slice(&self.mac).is_ok());
        if !ours {
            return WatermarkResult::Wrong;
        }
        match signed.filter(|signed| signed.digest == self.digest) {
            None => WatermarkResult::Unverifiable,
            Some(_) if self.expires < today => WatermarkResult::Expired,
            Some(_) if self.expires - today > lifetime.saturating_add(DAYS_AHEAD) => {
                WatermarkResult::Unverifiable
            }
            Some(signed) => WatermarkResult::Valid {
                message_id: signed.message_id.clone(),
                expires: self.expires,
                signer: Signer::Own(self.key),
            },
        }
    }
}

fn without_blanks(text: &[u8]) -> Vec<u8> {
    text.iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect()
}

fn number<T: FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn mac(key: &Key, expires: u64, digest: &[u8; DIGEST_OCTETS]) -> Option<Hmac<Sha256>> {
    let mac = key
        .hmac_sha256()
        .chain_update(MARK)
        .chain_update([key.id()]);
    Some(mac.chain_update(expires.to_be_bytes()).chain_update(digest))
}

fn fingerprint(key: &Key) -> Option<Vec<u8>> {
    let mac = key.hmac_sha256().chain_update(FINGERPRINT).finalize();
    Some(
        mac.into_bytes()
            .into_iter()
            .take(FINGERPRINT_OCTETS)
            .collect(),
    )
}

#[cfg(test)]
mod tests;
