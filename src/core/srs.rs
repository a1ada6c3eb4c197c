//! SRS addresses (Sender Rewriting Scheme): what a forwarder makes of a sender, so that bounces come back to it.
//!
//! `SRS0=HASH=TT=example.com=user`, and where a second forwarder has rewritten it again,
//! `SRS1=HASH=forwarder.example==HASH=TT=example.com=user`. The separator behind SRS0 and SRS1 is `=`, `+` or `-`; so is the
//! first of the address within SRS1. Only who made the hash can verify it.

use super::address::{Domain, Mailbox};

const SEPARATORS: &[u8] = b"=+-";
/// The longest hash, in octets: daemons write 4 of them, and can be set to write all of a SHA-1 in base64.
const MAX_HASH: usize = 28;
/// How many octets a timestamp has: days modulo 1024, in base32.
const TIMESTAMP: usize = 2;

/// Whether the local part begins as SRS addresses do.
pub fn is_begun(local: &[u8]) -> bool {
    is_begun_by(local, b"SRS0").is_some() || is_begun_by(local, b"SRS1").is_some()
}

/// Whether the local part is an SRS address, as far as it shows without the daemon's secret.
pub fn is_well_formed(mailbox: &Mailbox) -> bool {
    let local = mailbox.local_unquoted();
    if let Some(rest) = is_begun_by(&local, b"SRS0") {
        return is_rewritten(rest);
    }
    let Some(rest) = is_begun_by(&local, b"SRS1") else {
        return false;
    };
    let Some((hash, rest)) = divided(rest) else {
        return false;
    };
    let Some((forwarder, rest)) = divided(rest) else {
        return false;
    };
    // Behind the forwarder stands what it had behind SRS0, its separator included.
    let within = rest
        .split_first()
        .filter(|(first, _)| SEPARATORS.contains(first));
    is_hash(hash)
        && Domain::from_bytes(forwarder).is_some()
        && within.is_some_and(|(_, rest)| is_rewritten(rest))
}

/// What stands behind the prefix and its separator.
fn is_begun_by<'a>(local: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = local.split_at_checked(prefix.len())?;
    let (separator, rest) = rest.split_first()?;
    (start.eq_ignore_ascii_case(prefix) && SEPARATORS.contains(separator)).then_some(rest)
}

/// `HASH=TT=example.com=user`.
fn is_rewritten(rest: &[u8]) -> bool {
    let parts = divided(rest).and_then(|(hash, rest)| {
        let (timestamp, rest) = divided(rest)?;
        let (domain, user) = divided(rest)?;
        Some((hash, timestamp, domain, user))
    });
    parts.is_some_and(|(hash, timestamp, domain, user)| {
        let is_timestamp = timestamp.len() == TIMESTAMP
            && timestamp
                .iter()
                .all(|byte| byte.is_ascii_alphabetic() || (b'2'..=b'7').contains(byte));
        is_hash(hash) && is_timestamp && Domain::from_bytes(domain).is_some() && !user.is_empty()
    })
}

/// In base64.
fn is_hash(hash: &[u8]) -> bool {
    let in_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    (1..=MAX_HASH).contains(&hash.len()) && hash.iter().all(in_base64)
}

fn divided(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&byte| byte == b'=')?;
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, rest.strip_prefix(b"=")?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_a_daemon_could_have_written_is_one() {
        for (local, well_formed) in [
            ("SRS0=Ab1c=Q7=remote.test=kim", true),
            ("SRS0+Ab1c=Q7=remote.test=kim", true),
            ("SRS0-Ab1c=Q7=remote.test=kim", true),
            ("srs0=ab1c=q7=remote.test=kim", true),
            ("\"SRS0=Ab1c=Q7=remote.test=kim\"", true),
            ("SRS0=a/+Z=AA=remote.test=kim=x+y", true),
            ("SRS1=Ab1c=fwd.test==Ab1c=Q7=remote.test=kim", true),
            ("SRS1=Ab1c=fwd.test=+Ab1c=Q7=remote.test=kim", true),
            ("SRS1+Ab1c=fwd.test=-Ab1c=Q7=remote.test=kim", true),
            ("srs1=ab1c=fwd.test==ab1c=q7=remote.test=kim", true),
            ("SRS0", false),
            ("SRS0=", false),
            ("SRS0=x", false),
            ("SRS0=Ab1c=Q7=remote.test", false),
            ("SRS0=Ab1c=Q7=remote.test=", false),
            ("SRS0=Ab1c=Q7==kim", false),
            ("SRS0==Q7=remote.test=kim", false),
            ("SRS0=Ab1c=Q=remote.test=kim", false),
            ("SRS0=Ab1c=Q77=remote.test=kim", false),
            ("SRS0=Ab1c=Q8=remote.test=kim", false),
            ("SRS0=Ab c=Q7=remote.test=kim", false),
            ("SRS0=Ab1c=Q7=remote..test=kim", false),
            ("SRS0.Ab1c=Q7=remote.test=kim", false),
            ("SRS2=Ab1c=Q7=remote.test=kim", false),
            ("xSRS0=Ab1c=Q7=remote.test=kim", false),
            ("SRS1=Ab1c=fwd.test=Ab1c=Q7=remote.test=kim", false),
            ("SRS1=Ab1c=Q7=remote.test=kim", false),
            ("SRS1=Ab1c===Ab1c=Q7=remote.test=kim", false),
            ("kim", false),
            ("", false),
        ] {
            let mailbox = Mailbox::from_bytes(format!("{local}@own.test").as_bytes());
            assert_eq!(is_well_formed(&mailbox), well_formed, "{local}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(prefix in prop_oneof![Just("SRS0="), Just("SRS1="), Just("")], bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let mailbox = Mailbox::from_bytes(&[prefix.as_bytes(), &bytes, b"@own.test"].concat());
            let begun = is_begun(&mailbox.local_unquoted());
            prop_assert!(begun || !is_well_formed(&mailbox));
        }
    }
}
