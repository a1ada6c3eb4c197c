//! One DKIM-Signature: what it shows before its key is there.

use mail_auth::{
    common::crypto::Algorithm,
    dkim::{self, Canonicalization},
};

use super::fields::is_well_formed;
use crate::core::{
    address::Domain,
    header::RawField,
    proof::dkim::{
        body::{BodyHash, BodyHashes, Canonical},
        tags::{Tags, without_signature},
    },
};

/// How far the clock of a signer can be wrong, in seconds.
pub(super) const CLOCK_SKEW: u64 = 5 * 60;
/// Weaker signatures do not count (RFC 8301 section 3.1).
const SHA1: &str = "a=rsa-sha1 is no longer a signature (RFC 8301)";

/// A signature that can be verified with its key.
pub(super) struct Signature<'a> {
    tags: dkim::Signature,
    field: RawField<'a>,
    /// The field's value without line end and without what stands in `b=`.
    unsigned: Vec<u8>,
    /// `l=`, where it is there: anybody who has the message can append to its body (RFC 6376 section 8.2).
    length: Option<u64>,
    pub(super) domain: Domain,
    /// The domain of `i=`.
    pub(super) identity: Domain,
    pub(super) signed_at: Option<u64>,
    expires_at: Option<u64>,
}

/// How old a signature is.
pub(super) enum Age {
    Young,
    TooOld,
    /// Later than now: no clock is so wrong.
    Future,
    Unknown,
}

impl<'a> Signature<'a> {
    /// Reads a signature field; `tags` are its tags, `domain` is its `d=`.
    pub(super) fn parse(
        field: RawField<'a>,
        tags: &Tags<'_>,
        domain: Domain,
    ) -> Result<Self, &'static str> {
        if tags.value("v") != Some(b"1") {
            return Err("v= is not 1");
        }
        let signed_at = number(tags, "t").map_err(|()| "t= is not a time")?;
        let expires_at = number(tags, "x").map_err(|()| "x= is not a time")?;
        let length = number(tags, "l").map_err(|()| "l= is not a number")?;
        if matches!((signed_at, expires_at), (Some(t), Some(x)) if x <= t) {
            return Err("x= is not after t=");
        }
        let value = field.value.strip_suffix(b"\n").unwrap_or(field.value);
        let value = value.strip_suffix(b"\r").unwrap_or(value);
        let parsed = dkim::Signature::parse(value).map_err(|_| "the tags can't be read")?;
        if parsed.a == Algorithm::RsaSha1 {
            return Err(SHA1);
        }
        // RFC 6376 section 5.4: From: must be signed.
        if !parsed
            .h
            .iter()
            .any(|name| name.eq_ignore_ascii_case("From"))
        {
            return Err("h= has no From");
        }
        let identity = match parsed.i.rsplit_once('@') {
            None if tags.value("i").is_none() => domain.clone(),
            None => return Err("i= is no address"),
            Some((_, identity)) => identity.parse().map_err(|_| "i= is no address")?,
        };
        if !identity.is_at_or_below(&domain) {
            return Err("i= is not within d=");
        }
        Ok(Self {
            unsigned: without_signature(value),
            length,
            tags: parsed,
            field,
            domain,
            identity,
            signed_at,
            expires_at,
        })
    }

    /// The names in `h=`.
    pub(super) fn names(&self) -> &[String] {
        &self.tags.h
    }

    /// Whether its own field is well formed, as the fields that it covers must be.
    pub(super) fn is_well_formed(&self) -> bool {
        is_well_formed(&self.field)
    }

    pub(super) fn is_ed25519(&self) -> bool {
        self.tags.a == Algorithm::Ed25519Sha256
    }

    /// Whether `key` has signed these fields, and `bh=` as it stands.
    pub(super) fn verifies(
        &self,
        signed: &[RawField<'_>],
        key: &mail_auth::common::verify::DomainKey,
    ) -> bool {
        let own: (&[u8], &[u8]) = (self.field.name, &self.unsigned);
        let mut fields = signed
            .iter()
            .map(|field| (field.name, field.value))
            .chain([own]);
        let Self { tags, .. } = self;
        key.p.verify(&mut fields, &tags.b, tags.ch, tags.a).is_ok()
    }

    /// Whether only a part of the body was signed.
    pub(super) fn is_partial(&self) -> bool {
        self.length.is_some()
    }

    /// Whether the body, or the part of it that was signed, is what was signed.
    pub(super) fn covers(&self, body: &[u8]) -> bool {
        let mut hash = BodyHash::of_part(self.canonical(), self.length);
        hash.push(body);
        hash.finish()
            .is_some_and(|hash| hash.as_slice() == self.tags.bh)
    }

    /// The same of a body that is not there any more.
    pub(super) fn covers_hashed(&self, body: &BodyHashes) -> bool {
        let hash = body.hash(self.canonical());
        hash.is_some_and(|hash| hash.as_slice() == self.tags.bh)
    }

    fn canonical(&self) -> Canonical {
        match self.tags.cb {
            Canonicalization::Simple => Canonical::Simple,
            Canonicalization::Relaxed => Canonical::Relaxed,
        }
    }

    /// Whether `x=` has passed.
    pub(super) fn has_expired(&self, now: u64) -> bool {
        self.expires_at
            .is_some_and(|expires| expires.saturating_add(CLOCK_SKEW) < now)
    }

    /// Its age by the signer's clock, or else by the Date that it covers.
    pub(super) fn age(&self, date: Option<u64>, now: u64, lifetime: u64) -> Age {
        match self.signed_at.or(date) {
            None => Age::Unknown,
            Some(time) if time > now.saturating_add(CLOCK_SKEW) => Age::Future,
            Some(time) if now.saturating_sub(time) > lifetime => Age::TooOld,
            Some(_) => Age::Young,
        }
    }
}

/// A number of any length (RFC 6376 section 3.5 on `x=`: a number too large for us means never).
fn number(tags: &Tags<'_>, name: &str) -> Result<Option<u64>, ()> {
    let Some(digits) = tags.value(name) else {
        return Ok(None);
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(());
    }
    let digits = digits.iter().map(|digit| u64::from(digit - b'0'));
    Ok(Some(digits.fold(0, |number: u64, digit| {
        number.saturating_mul(10).saturating_add(digit)
    })))
}
