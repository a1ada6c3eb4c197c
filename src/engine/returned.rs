//! The DKIM signatures of a message and of what it returns, as octets that are verified.

use crate::{
    core::{
        address::{Domain, Mailbox},
        message::{Message, Part},
        proof::{
            DAY,
            dkim::{Chain, Signed},
        },
    },
    dkim::{self, DkimKeys},
    spf::Lookup,
};

/// What the signatures of a part of the message prove; none where it has no such part. `now` is in seconds since 1970.
pub(super) async fn signatures(
    message: &Message,
    part: &Part,
    keys: &DkimKeys,
    lookup: &impl Lookup,
    now: u64,
) -> Option<Vec<Signed>> {
    let content = || message.content();
    let lifetime = lifetime(message);
    Some(match part {
        Part::Author(organization) => {
            let claims = &message.facts()?.claims;
            let headers = raw_headers(message);
            let of_authors =
                |domain: &Domain| claims.are_of(domain) || domain.is_at_or_below(organization);
            dkim::verify(&headers, None, of_authors, keys, lookup, now, lifetime).await
        }
        Part::Itself => {
            let content = content()?;
            let claims = &message.facts()?.claims;
            let (headers, body) = (raw_headers(message), Some(content.octets()));
            let of_authors = |domain: &Domain| claims.are_of(domain);
            dkim::verify(&headers, body, of_authors, keys, lookup, now, lifetime).await
        }
        Part::Own(domains) => {
            let (headers, body) = (raw_headers(message), message.body_hashes()?);
            let of_authors = |domain: &Domain| domains.contains(domain);
            dkim::verify_author(&headers, body, of_authors, keys, lookup, now).await
        }
        Part::Returned(place) => {
            let returned = content()?.report()?.returned.get(*place)?;
            let (headers, body) = (&returned.raw, returned.body.as_deref());
            let is_ours = |domain: &Domain| message.policy().local.is_ours(domain);
            dkim::verify(headers, body, is_ours, keys, lookup, now, lifetime).await
        }
    })
}

/// What the DKIM2 chain of the message proves.
pub(super) async fn chain(
    message: &Message,
    keys: &DkimKeys,
    lookup: &impl Lookup,
    now: u64,
) -> Option<Chain> {
    let body = message.content()?.octets();
    // The whole notification as it came over SMTP, as far as the MTA hands it over: line ends are CRLF again.
    let notification = [&raw_headers(message), b"\r\n".as_slice(), body].concat();
    let accepted = message.accepted().iter();
    let recipients: Vec<Mailbox> = accepted
        .map(|accepted| accepted.addressed.sent.mailbox.clone())
        .collect();
    let is_ours = |domain: &Domain| message.policy().local.is_ours(domain);
    let lifetime = lifetime(message);
    let chain = dkim::verify_dsn(
        &notification,
        &recipients,
        is_ours,
        keys,
        lookup,
        now,
        lifetime,
    );
    Some(chain.await)
}

/// `proof.lifetime` in seconds.
fn lifetime(message: &Message) -> u64 {
    message.policy().proof.lifetime_days() * DAY
}

/// The header fields of the message as they came over SMTP.
fn raw_headers(message: &Message) -> Vec<u8> {
    let mut octets = Vec::new();
    for header in message.headers().iter() {
        octets.extend_from_slice(header.name());
        octets.extend_from_slice(b": ");
        for line in header.value().split(|&byte| byte == b'\n') {
            octets.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
            octets.extend_from_slice(b"\r\n");
        }
    }
    octets
}
