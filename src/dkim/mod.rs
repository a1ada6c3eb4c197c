//! DKIM (RFC 6376) as proof that a bounce returns a message of ours, through mail-auth.
//!
//! mail-auth verifies whole messages. What a bounce returns has often lost its body, and sometimes has fields that were
//! never signed. So we use the parts of mail-auth one by one, and a signature over the fields counts without the body: it
//! contains the hash of the body, so only our signer can have made it.
//!
//! | module      | what it does, in one sentence |
//! |-------------|-------------------------------|
//! | `signature` | one DKIM-Signature, and what it shows without its key (3.5) |
//! | `fields`    | which fields a signature covers (5.4.2) |
//! | `key`       | public keys, from the configuration or from DNS (3.6) |
//! | `inspect`   | what the records of a selector are worth, for `backstop advise` |
//! | `chain`     | the same proof by DKIM2, which is a draft |

mod chain;
mod fields;
mod inspect;
mod key;
mod signature;

#[cfg(test)]
mod tests;

pub use chain::verify_dsn;
pub use inspect::{key_state, published_key};
pub use key::DkimKeys;

use std::borrow::Cow;

use signature::{Age, Signature};

use crate::{
    core::{
        address::Domain,
        header::{RawField, raw_fields},
        printable::printable,
        proof::dkim::{SignatureResult, Signed, SignedFields, body::BodyHashes, tags::Tags},
    },
    spf::Lookup,
};

/// The most signatures of a message that are verified: a stranger writes them, and each costs us a DNS question and an
/// RSA operation. Honest mail has two, RSA and Ed25519; twice as many where it came through one of our own lists.
const MAX_SIGNATURES: usize = 4;
/// A selector for logs, in octets: a label of DNS (RFC 1035 section 2.3.4).
const MAX_SELECTOR: usize = 63;

/// Verifies the DKIM-Signatures of a returned message whose `d=` is ours, four at most, from the bottom up: relays add
/// theirs on top. Signatures of others are ignored, and cost no question.
///
/// `raw_headers` are the returned header fields, lines ending in CRLF, without the blank line. `body` is the returned
/// body, and `None` where it did not come back. `now` is in seconds since 1970, `lifetime` in seconds: an older
/// signature has [`SignatureResult::Expired`].
pub async fn verify(
    raw_headers: &[u8],
    body: Option<&[u8]>,
    is_ours: impl Fn(&Domain) -> bool,
    keys: &DkimKeys,
    lookup: &impl Lookup,
    now: u64,
    lifetime: u64,
) -> Vec<Signed> {
    let purpose = Purpose::Returned { body, lifetime };
    verified(raw_headers, is_ours, purpose, keys, lookup, now).await
}

/// Verifies the DKIM-Signatures of a message that came, by a domain that `is_author` says speaks for its author; four at most,
/// from the bottom up. What counts is [`SignatureResult::Whole`]: it covers every From: and all of the body, its key is no
/// test, and it has not expired.
pub async fn verify_author(
    raw_headers: &[u8],
    body: &BodyHashes,
    is_author: impl Fn(&Domain) -> bool,
    keys: &DkimKeys,
    lookup: &impl Lookup,
    now: u64,
) -> Vec<Signed> {
    let purpose = Purpose::Author { body };
    verified(raw_headers, is_author, purpose, keys, lookup, now).await
}

/// What a signature is to show.
#[derive(Clone, Copy)]
enum Purpose<'b> {
    /// That a message which came back is one of ours: its body may be lost, and its signature not be old.
    Returned {
        body: Option<&'b [u8]>,
        lifetime: u64,
    },
    /// That a message is its author's.
    Author { body: &'b BodyHashes },
}

async fn verified(
    raw_headers: &[u8],
    is_signer: impl Fn(&Domain) -> bool,
    purpose: Purpose<'_>,
    keys: &DkimKeys,
    lookup: &impl Lookup,
    now: u64,
) -> Vec<Signed> {
    // The last field can have lost its line end, which was signed.
    let ended = match raw_headers.ends_with(b"\n") {
        true => Cow::Borrowed(raw_headers),
        false => Cow::Owned([raw_headers, b"\r\n"].concat()),
    };
    let fields: Vec<RawField<'_>> = raw_fields(&ended).collect();
    let ours: Vec<Ours<'_>> = fields
        .iter()
        .enumerate()
        .rev()
        .filter_map(|(at, field)| Ours::of(at, *field, &is_signer))
        .take(MAX_SIGNATURES)
        .collect();
    let mut verified = Vec::with_capacity(ours.len());
    for signature in ours {
        verified.push(signature.verify(&fields, purpose, keys, lookup, now).await);
    }
    verified
}

/// A signature that names a domain of ours.
struct Ours<'a> {
    /// Its place among the fields.
    at: usize,
    domain: Domain,
    /// `s=`, printable.
    selector: String,
    /// The name of its key.
    name: Option<Domain>,
    signature: Result<Signature<'a>, &'static str>,
}

impl<'a> Ours<'a> {
    fn of(at: usize, field: RawField<'a>, is_ours: impl Fn(&Domain) -> bool) -> Option<Self> {
        if !field
            .name
            .trim_ascii()
            .eq_ignore_ascii_case(b"DKIM-Signature")
        {
            return None;
        }
        let tags = Tags::parse(field.value)?;
        let domain = Domain::from_bytes(tags.value("d")?).filter(is_ours)?;
        let selector = tags.value("s").unwrap_or_default();
        let name = str::from_utf8(selector).ok();
        Some(Self {
            at,
            name: name.and_then(|selector| key::name(selector, &domain)),
            selector: printable(selector, MAX_SELECTOR),
            signature: Signature::parse(field, &tags, domain.clone()),
            domain,
        })
    }

    async fn verify(
        self,
        fields: &[RawField<'a>],
        purpose: Purpose<'_>,
        keys: &DkimKeys,
        lookup: &impl Lookup,
        now: u64,
    ) -> Signed {
        let signed = |outcome, signed_at, message| Signed {
            domain: self.domain,
            selector: self.selector,
            outcome,
            signed_at,
            message,
        };
        let signature = match self.signature {
            Err(why) => return signed(SignatureResult::Failed(why), None, SignedFields::default()),
            Ok(signature) => signature,
        };
        // RFC 6376 section 3.5: a signature never covers its own field, even where h= names it.
        let others: Vec<RawField<'_>> = fields
            .iter()
            .enumerate()
            .filter_map(|(at, field)| (at != self.at).then_some(*field))
            .collect();
        let covered = fields::signed(&others, signature.names());
        let message = fields::message(&covered);
        let outcome = match self.name {
            None => SignatureResult::Failed("s= is not a name in DNS"),
            Some(_)
                if !signature.is_well_formed() || !covered.iter().all(fields::is_well_formed) =>
            {
                SignatureResult::Failed("a signed field has control characters")
            }
            Some(name) => match keys.find(&name, &signature, lookup).await {
                Err(outcome) => outcome,
                Ok((key, _)) if !signature.verifies(&covered, &key) => {
                    SignatureResult::Failed("the signed fields are not what was signed")
                }
                Ok((_, is_test)) => match purpose {
                    // A test key of ours signs our mail all the same.
                    Purpose::Returned { body, lifetime } => {
                        worth(&signature, &message, body, now, lifetime)
                    }
                    Purpose::Author { .. } if is_test => {
                        SignatureResult::NoKey("the key is for tests (t=y)")
                    }
                    Purpose::Author { .. } if !fields::covers_all(b"From", &covered, &others) => {
                        SignatureResult::Failed("h= does not cover every From:")
                    }
                    Purpose::Author { body } => of_author(&signature, &message, body, now),
                },
            },
        };
        signed(outcome, signature.signed_at, message)
    }
}

/// The worth of a signature that verifies.
fn worth(
    signature: &Signature<'_>,
    message: &SignedFields,
    body: Option<&[u8]>,
    now: u64,
    lifetime: u64,
) -> SignatureResult {
    match signature.age(message.date, now, lifetime) {
        Age::Future => SignatureResult::Failed("it was signed in the future"),
        Age::TooOld => SignatureResult::Expired,
        _ if signature.has_expired(now) => SignatureResult::Expired,
        Age::Unknown => SignatureResult::Weak,
        Age::Young if message.message_id.is_none() || message.date.is_none() => {
            SignatureResult::Weak
        }
        Age::Young => of_body(signature, body),
    }
}

/// The worth of a signature of the author's that verifies. How old it is does not matter, unless it says so itself.
fn of_author(
    signature: &Signature<'_>,
    message: &SignedFields,
    body: &BodyHashes,
    now: u64,
) -> SignatureResult {
    match signature.age(message.date, now, u64::MAX) {
        Age::Future => SignatureResult::Failed("it was signed in the future"),
        _ if signature.has_expired(now) => SignatureResult::Expired,
        // Anybody who has the message can append to what `l=` covers.
        _ if signature.is_partial() => {
            SignatureResult::Failed("it leaves a part of the body unsigned (l=)")
        }
        _ if !signature.covers_hashed(body) => {
            SignatureResult::Failed("the body is not what was signed")
        }
        _ => SignatureResult::Whole,
    }
}

fn of_body(signature: &Signature<'_>, body: Option<&[u8]>) -> SignatureResult {
    match body {
        Some(body) if !signature.covers(body) => {
            // Where the body was cut off, what is left is not another body.
            match body.trim_ascii().is_empty() {
                true => SignatureResult::HeadersOnly,
                false => SignatureResult::HeadersOnlyAltered,
            }
        }
        // Anybody who has the message can append to what `l=` covers.
        Some(_) if !signature.is_partial() => SignatureResult::Whole,
        Some(_) | None => SignatureResult::HeadersOnly,
    }
}
