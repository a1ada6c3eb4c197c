//! What other programs put into the headers of their mail, in the headers that a bounce returns.
//!
//! Their digests cover what came back, and nothing is signed besides: one that does not fit can be a forgery as well as a
//! header that a host on the way has changed. It proves nothing, for or against.

use data_encoding::{BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::{Algorithm, ImportedKey, Marks, Program};
use crate::core::{
    header::{Header, Headers},
    moment::of_date,
    proof::{
        DAYS_AHEAD, Keys, today as day_of,
        watermark::{MAX_TRIED, Signer, WatermarkResult, relaxed, sole},
    },
};

/// The header of Haraka's plugin `bounce`.
const HARAKA: &str = "X-Haraka-Bounce-Validation";
/// The longest time in a mark of MailScanner: seconds since 1970, and a fraction of one.
const MAX_TIME: usize = 32;
const MD5: usize = 16;

/// The best of what the marks of other programs say.
pub(in crate::core::proof) fn verify(
    headers: &Headers,
    keys: &Keys,
    today: u64,
    lifetime_days: u64,
) -> WatermarkResult {
    let results = keys.imported_live(today).map(|key| match key.marks() {
        Marks::MailScanner { header } => mail_scanner(headers, header, key, today),
        Marks::Haraka { algorithm } => haraka(headers, *algorithm, key, today, lifetime_days),
        Marks::BatvMilter { .. } | Marks::Exim { .. } => WatermarkResult::Absent,
    });
    results.max().unwrap_or(WatermarkResult::Absent)
}

/// `EXPIRY@DIGEST`: the time at which it ends, and MD5 over that time, the message's date in seconds, the secret and the
/// Message-ID, divided by `$%`.
///
/// It reads headers by their lines: of a Message-ID that is folded behind its name it sees nothing, and neither of a date
/// that it can't read. Then the digest covers an empty text in its place; also of both, where it does not check the marks of
/// mail with a sender.
fn mail_scanner(headers: &Headers, header: &str, key: &ImportedKey, today: u64) -> WatermarkResult {
    let marks = headers.all(header).take(MAX_TRIED);
    let marks: Vec<_> = marks.filter_map(ScannerMark::read).collect();
    if marks.is_empty() {
        return WatermarkResult::Absent;
    }
    let (Some(sent), Some(id)) = (sole(headers, "Date"), sole(headers, "Message-ID")) else {
        return WatermarkResult::Unverifiable;
    };
    let dates = [
        of_date(sent).map_or_else(String::new, |at| at.to_string()),
        String::new(),
    ];
    let ids = [first_line(id), &[]];
    let judge = |mark: &ScannerMark| {
        let covers = |date: &str, id: &[u8]| {
            let parts = [&mark.expiry, date.as_bytes(), key.secret(), id];
            is_equal(&Md5::digest(parts.join(b"$%".as_slice())), &mark.digest)
        };
        let covered = dates
            .iter()
            .flat_map(|date| ids.map(|id| (date, id)))
            .find(|(date, id)| covers(date, id));
        let Some((_, covered)) = covered else {
            return WatermarkResult::Unverifiable;
        };
        if mark.ends < today {
            return WatermarkResult::Expired;
        }
        WatermarkResult::Valid {
            // A Message-ID that is not covered could be any: then its bounces are counted by the mark.
            message_id: match covered {
                [] => mark.text.clone(),
                _ => relaxed(id),
            },
            expires: mark.ends,
            signer: Signer::Imported(Program::MailScanner),
        }
    };
    let results = marks.iter().map(judge);
    results.max().unwrap_or(WatermarkResult::Absent)
}

/// A mark of MailScanner as it is written.
struct ScannerMark {
    text: Vec<u8>,
    expiry: Vec<u8>,
    /// The day on which it ends, since 1970-01-01.
    ends: u64,
    digest: [u8; MD5],
}

impl ScannerMark {
    fn read(header: &Header) -> Option<Self> {
        let text = header.unfolded();
        let at = text.iter().position(|&byte| byte == b'@')?;
        let (expiry, digest) = (text.get(..at)?, text.get(at + 1..)?);
        let seconds = expiry.split(|&byte| byte == b'.').next()?;
        let seconds = str::from_utf8(seconds).ok()?.parse().ok()?;
        (expiry.len() <= MAX_TIME).then_some(())?;
        Some(Self {
            ends: day_of(seconds),
            digest: BASE64_NOPAD.decode(digest).ok()?.try_into().ok()?,
            expiry: expiry.to_vec(),
            text,
        })
    }
}

/// HMAC in hex, over From, Date and Message-ID, divided by `:`. Of an encoded From it covers the decoded text.
fn haraka(
    headers: &Headers,
    algorithm: Algorithm,
    key: &ImportedKey,
    today: u64,
    lifetime_days: u64,
) -> WatermarkResult {
    let marks = headers.all(HARAKA).take(MAX_TRIED);
    let marks: Vec<_> = marks
        .filter_map(|mark| HEXLOWER_PERMISSIVE.decode(&mark.unfolded()).ok())
        .collect();
    if marks.is_empty() {
        return WatermarkResult::Absent;
    }
    let [Some(from), Some(sent), Some(id)] =
        ["From", "Date", "Message-ID"].map(|name| sole(headers, name))
    else {
        return WatermarkResult::Unverifiable;
    };
    let rest = [&b":"[..], &sent.unfolded(), b":", &id.unfolded()].concat();
    let covered = [from.text().into_bytes(), from.unfolded()];
    let fits = covered.iter().any(|from| {
        let text = [from.as_slice(), &rest].concat();
        marks
            .iter()
            .any(|mark| is_mac(algorithm, key.secret(), &text, mark))
    });
    let Some(at) = of_date(sent).filter(|_| fits) else {
        return WatermarkResult::Unverifiable;
    };
    let ends = day_of(at).saturating_add(lifetime_days);
    if ends.saturating_add(DAYS_AHEAD) < today {
        return WatermarkResult::Expired;
    }
    WatermarkResult::Valid {
        message_id: relaxed(id),
        expires: ends,
        signer: Signer::Imported(Program::Haraka),
    }
}

fn is_mac(algorithm: Algorithm, secret: &[u8], text: &[u8], mac: &[u8]) -> bool {
    fn fits<H: EagerHash>(secret: &[u8], text: &[u8], expected: &[u8]) -> bool {
        <Hmac<H> as KeyInit>::new_from_slice(secret)
            .is_ok_and(|mac| mac.chain_update(text).verify_slice(expected).is_ok())
    }
    match algorithm {
        Algorithm::Sha1 => fits::<Sha1>(secret, text, mac),
        Algorithm::Sha256 => fits::<Sha256>(secret, text, mac),
        Algorithm::Sha384 => fits::<Sha384>(secret, text, mac),
        Algorithm::Sha512 => fits::<Sha512>(secret, text, mac),
    }
}

/// The time it takes does not depend on how much is equal.
fn is_equal(one: &[u8], other: &[u8; MD5]) -> bool {
    let differ = |differ, (one, other): (&u8, &u8)| differ | (one ^ other);
    one.len() == MD5 && one.iter().zip(other).fold(0, differ) == 0
}

fn first_line(header: &Header) -> &[u8] {
    let value = header.value();
    let end = value.iter().position(|byte| b"\r\n".contains(byte));
    value
        .get(..end.unwrap_or(value.len()))
        .unwrap_or_default()
        .trim_ascii()
}
