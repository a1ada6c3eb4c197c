//! BATV (draft-levine-smtp-batv): the sender's address carries a tag that a bounce brings home.
//!
//! The tag is `KDDDSSSSSS`: the digit of the key, the last day on which it counts (days since 1970-01-01, modulo
//! 1000), and the first three octets of HMAC-SHA1 over `KDDD` and the address, in hex. Exim makes the same ones.

use std::fmt;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha1::Sha1;

use super::{DAYS_AHEAD, ImportedKey, Keys};
use crate::core::{
    address::{Domain, Mailbox},
    srs,
};

/// The longest local part, in octets (RFC 5321 section 4.5.3.1.1).
const MAX_LOCAL: usize = 64;
/// The longest address: a path of 256 octets without its angle brackets (RFC 5321 section 4.5.3.1.3).
const MAX_ADDRESS: usize = 254;
/// The day in a tag is modulo this.
const WHEEL: u64 = 1000;
/// How many octets of the MAC a tag has.
const MAC: usize = 3;
/// How many characters a tag has.
const TAG: usize = 10;
const PRVS: &[u8] = b"prvs=";

/// Where the tag stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// `prvs=TAG=user@example.org`, as the draft has it.
    #[default]
    Prvs,
    /// `user+prvs=TAG@example.org`: an extension, which an MTA with a recipient delimiter knows to be the user's.
    SubAddress,
}

/// Why an address was not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsigned {
    /// It has a tag, ours or another's.
    AlreadyTagged,
    /// It is an SRS address: the SRS daemon must know it again.
    Srs,
    /// It would be longer than SMTP allows.
    TooLong,
    /// Its local part has octets outside ASCII (RFC 6531).
    NotAscii,
    /// Its local part is quoted, or should be.
    Quoted,
    /// Its local part holds a delimiter that names have, too: of `ann-lee-prvs=...` the MTA would know `ann` alone.
    Delimiter,
    /// With a tag it would read as something else: `SRS0+prvs=...` as an SRS address, `prvs=a+prvs=...` as another's tag.
    Ambiguous,
    /// There is no domain, or only an address literal.
    NoDomain,
    /// No key is there, or all are retired.
    NoKey,
    /// `except.senders` has it.
    ExceptSender,
    /// `except.recipients` has the domain of a recipient.
    ExceptRecipient,
}

impl Unsigned {
    /// One word for logs and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AlreadyTagged => "already_tagged",
            Self::Srs => "srs",
            Self::TooLong => "too_long",
            Self::NotAscii => "not_ascii",
            Self::Quoted => "quoted",
            Self::Delimiter => "delimiter",
            Self::Ambiguous => "ambiguous_tag",
            Self::NoDomain => "no_domain",
            Self::NoKey => "no_key",
            Self::ExceptSender => "except_sender",
            Self::ExceptRecipient => "except_recipient",
        }
    }
}

impl fmt::Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The sender's address with a tag that counts from `today` for `lifetime` days. `delimiters` are those of the MTA; the first
/// is for [`Layout::SubAddress`]. Its local part is written in lower case: some hosts return it so, and the tag would else be
/// another's; here it is the same mailbox. [`read`] gives that mailbox back.
///
/// # Errors
/// Addresses that are better left alone; the message then goes out as it is.
pub fn sign(
    sender: &Mailbox,
    keys: &Keys,
    today: u64,
    lifetime: u64,
    layout: Layout,
    delimiters: &str,
) -> Result<Vec<u8>, Unsigned> {
    let sender = &in_lower_case(sender);
    let local = sender.local();
    if sender.domain().is_none() {
        return Err(Unsigned::NoDomain);
    }
    if !local.is_ascii() {
        return Err(Unsigned::NotAscii);
    }
    if !is_plain(local) {
        return Err(Unsigned::Quoted);
    }
    if srs::is_begun(local) {
        return Err(Unsigned::Srs);
    }
    if read(sender, delimiters).is_some() {
        return Err(Unsigned::AlreadyTagged);
    }
    // Postfix divides at the first delimiter, and a tag stands behind the user when it looks for the mailbox, whichever the
    // layout is (prvs.pcre). What `+` divides is an extension; a dash may be part of the name.
    let divides = |byte: &u8| *byte != b'+' && delimiters.as_bytes().contains(byte);
    if local.iter().any(divides) {
        return Err(Unsigned::Delimiter);
    }
    let key = keys.signing().ok_or(Unsigned::NoKey)?;
    let day = (today % WHEEL + lifetime % WHEEL) % WHEEL;
    let head = format!("{}{day:03}", key.id());
    let mac = mac(key.secret(), &head, sender).ok_or(Unsigned::NoKey)?;
    let mac: Vec<u8> = mac.finalize().into_bytes().into_iter().take(MAC).collect();
    let tag = [head, HEXLOWER.encode(&mac)].concat().into_bytes();
    let tagged = match layout {
        Layout::Prvs => [PRVS, &tag, b"=", local].concat(),
        Layout::SubAddress => {
            let delimiter = delimiters.as_bytes().get(..1).unwrap_or(b"+");
            [local, delimiter, PRVS, &tag].concat()
        }
    };
    // Not every delimiter can stand in an address without quotes.
    if !is_plain(&tagged) {
        return Err(Unsigned::Quoted);
    }
    let signed = sender.with_local(&tagged);
    let address = signed.to_bytes();
    if tagged.len() > MAX_LOCAL || address.len() > MAX_ADDRESS {
        return Err(Unsigned::TooLong);
    }
    match read(&signed, delimiters) {
        Some(Tagged::Ours(tag)) if tag.original == *sender => Ok(address),
        _ => Err(Unsigned::Ambiguous),
    }
}

/// What a recipient's local part is tagged with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tagged {
    /// In a form that [`sign`] writes.
    Ours(Tag),
    /// In another's form: never verified, never stripped.
    Foreign,
}

/// A tag, and the address it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    key: u8,
    day: u16,
    mac: [u8; MAC],
    /// The address without the tag.
    pub original: Mailbox,
}

impl Tag {
    /// The same tag, made for the same user of another domain.
    pub fn of(&self, domain: &Domain) -> Self {
        Self {
            original: self.original.with_domain(domain),
            ..self.clone()
        }
    }
}

/// Reads the tag of an address, whichever [`Layout`] it has; `None` where there is none. SRS addresses can have
/// others' tags within: they have none themselves.
pub fn read(recipient: &Mailbox, delimiters: &str) -> Option<Tagged> {
    let local = recipient.local_unquoted();
    if srs::is_begun(&local) {
        return None;
    }
    if let Some(rest) = without_prefix(&local, PRVS) {
        return read_prvs(recipient, rest);
    }
    if without_prefix(&local, b"btv1==").is_some() || without_prefix(&local, b"msprvs1=").is_some()
    {
        return Some(Tagged::Foreign);
    }
    let (before, tag) = local.split_at_checked(local.len().checked_sub(TAG)?)?;
    let (before, prvs) = before.split_at_checked(before.len().checked_sub(PRVS.len())?)?;
    let (delimiter, user) = before.split_last()?;
    let divides = delimiters.as_bytes().contains(delimiter);
    if !divides || !prvs.eq_ignore_ascii_case(PRVS) || !is_plain(user) {
        return None;
    }
    tag_of(tag, recipient.with_local(user)).map(Tagged::Ours)
}

/// What is behind `prvs=`: `TAG=USER`, or in a form of others `USER=TAG`.
fn read_prvs(recipient: &Mailbox, rest: &[u8]) -> Option<Tagged> {
    let divided = rest.iter().position(|&byte| byte == b'=')?;
    let (tag, user) = rest.split_at_checked(divided)?;
    let user = user.strip_prefix(b"=")?;
    if tag.is_empty() || user.is_empty() {
        return None;
    }
    let ours = is_plain(user).then(|| tag_of(tag, recipient.with_local(user)));
    Some(ours.flatten().map_or(Tagged::Foreign, Tagged::Ours))
}

/// The address without its tag, ours or another's: it shows whose address it is, and nothing else.
pub fn untagged(address: &Mailbox, delimiters: &str) -> Mailbox {
    if let Some(Tagged::Ours(tag)) = read(address, delimiters) {
        return tag.original;
    }
    let local = address.local_unquoted();
    let user = if let Some(rest) = without_prefix(&local, PRVS) {
        // `TAG=USER`, `USER=TAG`, `USER/TAG`: the tag is the one that looks like one.
        let mut pieces = rest.splitn(2, |byte| b"=/".contains(byte));
        let (first, second) = (pieces.next(), pieces.next());
        let is_tag = |piece: &[u8]| tag_of(piece, address.clone()).is_some();
        if first.is_some_and(is_tag) || second.is_none_or(|second| !is_tag(second)) {
            second
        } else {
            first
        }
    } else if let Some(rest) = without_prefix(&local, b"btv1==") {
        let tag = rest.windows(2).position(|two| two == b"==");
        tag.and_then(|tag| rest.get(tag + 2..))
    } else {
        let rest = without_prefix(&local, b"msprvs1=");
        rest.and_then(|rest| rest.splitn(2, |byte| *byte == b'=').nth(1))
    };
    match user {
        Some(user) if !user.is_empty() => address.with_local(user),
        _ => address.clone(),
    }
}

/// What a tag proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// We did not sign it, or with a key that is gone.
    Wrong,
    /// We signed it, but it has expired.
    Expired,
    /// We signed it, not too long ago.
    Valid {
        /// The digit of the key.
        key: u8,
    },
}

/// Verifies a tag. The time it takes does not depend on how much of it is right.
pub fn verify(tag: &Tag, keys: &Keys, today: u64, lifetime: u64) -> Proof {
    let head = format!("{}{:03}", tag.key, tag.day);
    let original = &tag.original;
    // Some hosts change the case of what they return; others than us, Exim say, sign in any case.
    let lower_case = in_lower_case(original);
    let is_made_with = |secret: &[u8]| {
        let macs = [original, &lower_case].map(|address| mac(secret, &head, address));
        let mut macs = macs.into_iter().flatten();
        macs.any(|mac| mac.verify_truncated_left(&tag.mac).is_ok())
    };
    let own = keys
        .live(today, lifetime)
        .filter(|key| key.id() == tag.key)
        .any(|key| is_made_with(key.secret()))
        .then(|| lifetime.saturating_add(DAYS_AHEAD));
    let of_others = || {
        let live = keys.imported_live(today);
        let made = live.filter(|key| key.signs(tag.key, original) && is_made_with(key.secret()));
        made.map(ImportedKey::days).max()
    };
    let left = (u64::from(tag.day) + WHEEL - today % WHEEL) % WHEEL;
    match own.or_else(of_others) {
        Some(longest) if left <= longest => Proof::Valid { key: tag.key },
        Some(_) => Proof::Expired,
        None => Proof::Wrong,
    }
}

fn in_lower_case(address: &Mailbox) -> Mailbox {
    address.with_local(&address.local().to_ascii_lowercase())
}

/// HMAC takes keys of any length (RFC 2104 section 2), so there always is one.
fn mac(secret: &[u8], head: &str, address: &Mailbox) -> Option<Hmac<Sha1>> {
    let mac = Hmac::<Sha1>::new_from_slice(secret).ok()?;
    Some(mac.chain_update(head).chain_update(address.to_bytes()))
}

fn tag_of(text: &[u8], original: Mailbox) -> Option<Tag> {
    let (head, mac) = text.split_at_checked(TAG - 2 * MAC)?;
    if !head.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (key, day) = str::from_utf8(head).ok()?.split_at_checked(1)?;
    Some(Tag {
        key: key.parse().ok()?,
        day: day.parse().ok()?,
        mac: HEXLOWER_PERMISSIVE.decode(mac).ok()?.try_into().ok()?,
        original,
    })
}

/// Whether it can stand unquoted: characters of a Dot-string (RFC 5321 section 4.1.2), and two dots in a row.
fn is_plain(local: &[u8]) -> bool {
    !local.is_empty()
        && local
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(byte))
}

fn without_prefix<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests;
