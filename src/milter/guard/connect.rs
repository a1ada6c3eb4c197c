//! The CONNECT payload: host name NUL, family, port, address NUL.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// The same payload, in a form that the milter crate reads. An address that can't be repaired becomes unknown.
///
/// It grows by two octets at most, where the NUL and the family are missing.
pub(super) fn readable(payload: &[u8]) -> Vec<u8> {
    let (name, rest) = split_nul(payload).unwrap_or((payload, &[]));
    let mut readable = [name, &[0]].concat();
    match address(rest) {
        Some((family, port, address)) => {
            readable.push(family);
            readable.extend_from_slice(&port);
            readable.extend_from_slice(address);
            readable.push(0);
        }
        None => readable.push(b'U'),
    }
    readable
}

/// None also for family `U`, which has no address.
fn address(rest: &[u8]) -> Option<(u8, [u8; 2], &[u8])> {
    let (&family, rest) = rest.split_first()?;
    let (&port, rest) = rest.split_first_chunk::<2>()?;
    // The last NUL can be missing: the length of the packet also shows where the address ends.
    let text = split_nul(rest).map_or(rest, |(text, _)| text);
    let address = match family {
        b'4' if is::<Ipv4Addr>(text) => text,
        b'6' => Some(without_prefix_and_zone(text)).filter(|text| is::<Ipv6Addr>(text))?,
        b'L' => text,
        _ => return None,
    };
    Some((family, port, address))
}

/// Sendmail writes `IPv6:` before the address. A zone (`fe80::1%eth0`) names an interface of the MTA's host, and says
/// nothing about the client.
fn without_prefix_and_zone(text: &[u8]) -> &[u8] {
    let text = match text.split_first_chunk::<5>() {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(b"IPv6:") => rest,
        _ => text,
    };
    text.split(|&b| b == b'%').next().unwrap_or(text)
}

fn is<T: FromStr>(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<T>().is_ok())
}

fn split_nul(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let nul = bytes.iter().position(|&b| b == 0)?;
    let (text, rest) = bytes.split_at(nul);
    Some((text, rest.split_first()?.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads() {
        for (written, read) in [
            // What MTAs write stays as it is.
            (
                &b"h\x004\0\x19192.0.2.1\0"[..],
                &b"h\x004\0\x19192.0.2.1\0"[..],
            ),
            (b"h\x006\0\x192001:db8::1\0", b"h\x006\0\x192001:db8::1\0"),
            (
                b"h\x006\0\x19::ffff:192.0.2.1\0",
                b"h\x006\0\x19::ffff:192.0.2.1\0",
            ),
            (b"h\0L\0\0/run/s\0", b"h\0L\0\0/run/s\0"),
            (b"h\0U", b"h\0U"),
            (b"\xff\0U", b"\xff\0U"),
            // Sendmail's prefix, and a zone.
            (
                b"h\x006\0\x19IPv6:2001:db8::1\0",
                b"h\x006\0\x192001:db8::1\0",
            ),
            (b"h\x006\0\x19ipv6:::1\0", b"h\x006\0\x19::1\0"),
            (b"h\x006\0\x19fe80::1%eth0\0", b"h\x006\0\x19fe80::1\0"),
            // The closing NUL is missing, or is not the last.
            (b"h\x004\0\x19192.0.2.1", b"h\x004\0\x19192.0.2.1\0"),
            (b"h\x004\0\x19192.0.2.1\0x", b"h\x004\0\x19192.0.2.1\0"),
            // What can't be repaired.
            (b"h\x004\0\x19IPv6:::1\0", b"h\0U"),
            (b"h\x004\0\x19192.0.2.256\0", b"h\0U"),
            (b"h\x006\0\x19192.0.2.1\0", b"h\0U"),
            (b"h\x006\0\x19\xff\0", b"h\0U"),
            (b"h\x004\0", b"h\0U"),
            (b"h\x004", b"h\0U"),
            (b"h\0Xabc", b"h\0U"),
            (b"h\0", b"h\0U"),
            (b"h", b"h\0U"),
        ] {
            assert_eq!(readable(written), read, "{}", written.escape_ascii());
            assert_eq!(readable(read), read, "{}", read.escape_ascii());
        }
    }
}
