//! Questions and answers as octets (RFC 1035 section 4).

use std::iter::once;

use super::{Data, Known};

const HEADER: usize = 12;
/// NXDOMAIN and NODATA are remembered as long as this, in seconds.
const NEGATIVE_TTL: u32 = 60;
/// What a UDP answer may hold; a question with EDNS allows more, which is not needed here.
const ROOM: usize = 1232;

/// A question: the name in lower case, without its last dot, and the type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) name: String,
    pub(super) kind: u16,
    /// Where it ends in the packet.
    end: usize,
}

/// Reads the question of a query with exactly one.
pub(super) fn question(packet: &[u8]) -> Option<Question> {
    let [_, _, flags, _, 0, 1, ..] = packet.get(..HEADER)? else {
        return None;
    };
    if flags & 0x80 != 0 {
        return None;
    }
    let mut name = String::new();
    let mut at = HEADER;
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        if !name.is_empty() {
            name.push('.');
        }
        let label = packet.get(at..at + length)?;
        name.extend(
            label
                .iter()
                .map(|octet| char::from(octet.to_ascii_lowercase())),
        );
        at += length;
    }
    let [high, low, 0, 1] = packet.get(at..at + 4)? else {
        return None;
    };
    Some(Question {
        name,
        kind: u16::from_be_bytes([*high, *low]),
        end: at + 4,
    })
}

/// The answer to a packet with this question; `None` where there is to be none. Over UDP one that is too long is truncated.
pub(super) fn answer(
    packet: &[u8],
    question: &Question,
    known: &Known,
    udp: bool,
) -> Option<Vec<u8>> {
    let (ttl, records, code): (u32, &[Data], u8) = match known {
        Known::Records(ttl, records) => (*ttl, records, 0),
        Known::Nothing => (0, &[], 3),
        Known::Failure => (0, &[], 2),
        Known::Silence => return None,
    };
    let [high, low, flags, ..] = packet else {
        return None;
    };
    // A response, recursion desired if it was, and available.
    let mut bytes = vec![*high, *low, 0x80 | (flags & 0x79), 0x80 | code, 0, 1];
    let fitting: Vec<&Data> = records
        .iter()
        .filter(|data| data.kind() == question.kind)
        .collect();
    bytes.extend(u16::try_from(fitting.len()).ok()?.to_be_bytes());
    let negative = fitting.is_empty() && code != 2;
    let edns = packet.get(10..HEADER)? != [0, 0];
    bytes.extend([0, u8::from(negative), 0, u8::from(edns)]);
    bytes.extend_from_slice(packet.get(HEADER..question.end)?);
    for data in fitting {
        record(&mut bytes, [0xc0, 12], data.kind(), ttl, &octets(data))?;
    }
    if negative {
        // The root's SOA: its two names are the root as well.
        let numbers = [1, 3600, 600, 86_400, NEGATIVE_TTL]
            .map(u32::to_be_bytes)
            .concat();
        let soa = [&[0, 0][..], &numbers].concat();
        bytes.push(0);
        record(&mut bytes, [], 6, NEGATIVE_TTL, &soa)?;
    }
    if udp && bytes.len() > ROOM {
        bytes.truncate(question.end);
        if let Some(flags) = bytes.get_mut(2) {
            *flags |= 2;
        }
        bytes.get_mut(6..HEADER)?.fill(0);
        if edns && let Some(additional) = bytes.get_mut(11) {
            *additional = 1;
        }
    }
    if edns {
        bytes.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    }
    Some(bytes)
}

fn record<const N: usize>(
    bytes: &mut Vec<u8>,
    owner: [u8; N],
    kind: u16,
    ttl: u32,
    data: &[u8],
) -> Option<()> {
    bytes.extend(owner);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes.extend(ttl.to_be_bytes());
    bytes.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
    bytes.extend_from_slice(data);
    Some(())
}

fn octets(data: &Data) -> Vec<u8> {
    match data {
        Data::A(address) => address.octets().to_vec(),
        Data::Txt(text) => {
            let strings = text.as_bytes().chunks(255);
            strings.flat_map(counted).collect()
        }
        Data::Mx(preference, exchange) => {
            let preference = preference.to_be_bytes();
            preference.into_iter().chain(name(exchange)).collect()
        }
        Data::Ptr(target) => name(target).collect(),
    }
}

fn name(text: &str) -> impl Iterator<Item = u8> {
    let labels = text.split('.').filter(|label| !label.is_empty());
    labels
        .flat_map(|label| counted(label.as_bytes()))
        .chain(once(0))
}

/// Octets with their number in front; there are at most 255.
fn counted(octets: &[u8]) -> impl Iterator<Item = u8> {
    let length = u8::try_from(octets.len()).unwrap_or(u8::MAX);
    once(length).chain(octets.iter().copied())
}
