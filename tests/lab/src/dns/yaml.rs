//! The YAML form of a zone: names, and under each the list of its records and of the ways it misbehaves.
//!
//! ```yaml
//! example.com:
//!   - TXT: "v=spf1 ip4:192.0.2.0/24 -all"   # cut into character-strings of 255 octets
//!   - TXT: ["several", "strings"]           # a TXT of exactly these
//!   - TXT_HEX: "763d7370663120ff"           # a TXT of any bytes; a list works too
//!   - A: 192.0.2.1                          # likewise AAAA, PTR, CNAME, NS
//!   - MX: [10, mail.example.com]            # [0, ""] is the null MX
//!   - SOA: ns.example.com hostmaster.example.com 1 3600 600 86400 60
//!   - TTL: 5                                # of all these records, in seconds; 60 otherwise
//! broken.example.com:
//!   - SERVFAIL                              # likewise REFUSED, FORMERR, SILENCE, TRUNCATE, NO_TCP, GARBAGE
//! half-broken.example.com:
//!   - SERVFAIL: [TXT, A]                    # only these types
//!   - DELAY: 500ms
//! "*.example.net":                          # what stands below and is not named
//!   - A: 192.0.2.1
//! alone.example.net: []                     # exists, and holds nothing
//! ```

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use hickory_proto::rr::{
    RData,
    rdata::{CNAME, NS, PTR},
};
use serde_yaml::{Mapping, Value};

use super::{
    Error, rdata,
    zone::{Fault, Scope, Zone},
};

/// Reads a zone.
pub(super) fn zone(text: &str) -> Result<Zone, Error> {
    let names: Mapping =
        serde_yaml::from_str(text).map_err(|error| Error::new(error.to_string()))?;
    let mut zone = Zone::new();
    for (name, entries) in &names {
        let name = word(name)?;
        zone.node(rdata::name(name)?);
        let entries = entries
            .as_sequence()
            .ok_or_else(|| Error::new("holds no list; expected e.g. `- A: 192.0.2.1`").at(name))?;
        for entry in entries {
            add(&mut zone, name, entry).map_err(|error| error.at(name))?;
        }
    }
    Ok(zone)
}

/// The record that a type and its value make, where it is one that all zones write alike.
pub(super) fn record(key: &str, value: &Value) -> Result<Option<RData>, Error> {
    Ok(Some(match key {
        "A" => RData::A(rdata::address(word(value)?, Ipv4Addr::new(192, 0, 2, 1))?.into()),
        "AAAA" => {
            let example = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
            RData::AAAA(rdata::address(word(value)?, example)?.into())
        }
        "MX" => mx(value)?,
        "PTR" => RData::PTR(PTR(rdata::name(word(value)?)?)),
        "CNAME" => RData::CNAME(CNAME(rdata::name(word(value)?)?)),
        "NS" => RData::NS(NS(rdata::name(word(value)?)?)),
        _ => return Ok(None),
    }))
}

/// One text, or a list of them.
pub(super) fn words(value: &Value) -> Result<Vec<&str>, Error> {
    match value {
        Value::Sequence(list) => list.iter().map(word).collect(),
        one => Ok(vec![word(one)?]),
    }
}

fn word(value: &Value) -> Result<&str, Error> {
    value
        .as_str()
        .ok_or_else(|| Error::new(format!("{value:?} is no text; quotes may be missing")))
}

fn add(zone: &mut Zone, name: &str, entry: &Value) -> Result<(), Error> {
    match entry {
        Value::String(key) => add_pair(zone, name, key, &Value::Null),
        Value::Mapping(pairs) => pairs
            .iter()
            .try_for_each(|(key, value)| add_pair(zone, name, word(key)?, value)),
        _ => Err(Error::new(format!(
            "{entry:?} is no entry; expected e.g. `- A: 192.0.2.1` or `- SERVFAIL`"
        ))),
    }
}

fn add_pair(zone: &mut Zone, name: &str, key: &str, value: &Value) -> Result<(), Error> {
    let placed = |error: Error| error.at(key);
    if let Some(fault) = plain_fault(key) {
        for scope in scopes(value).map_err(placed)? {
            zone.node(rdata::name(name)?).add_fault(scope, fault);
        }
        return Ok(());
    }
    match key {
        "TTL" => {
            let seconds = value.as_u64().and_then(|ttl| u32::try_from(ttl).ok());
            let seconds =
                seconds.ok_or_else(|| placed(Error::new("expected whole seconds, e.g. 5")))?;
            zone.node(rdata::name(name)?).set_ttl(seconds);
            return Ok(());
        }
        "DELAY" => {
            let fault = Fault::Delay(duration(value).map_err(placed)?);
            zone.node(rdata::name(name)?).add_fault(Scope::Every, fault);
            return Ok(());
        }
        _ => {}
    }
    let data = match key {
        "TXT" => txt(value).map_err(placed)?,
        "TXT_HEX" => txt_hex(value).map_err(placed)?,
        "SOA" => word(value).and_then(rdata::soa).map_err(placed)?,
        _ => record(key, value).map_err(placed)?.ok_or_else(|| {
            Error::new(format!(
                "`{key}` is nothing that a name can hold; expected a record type in capitals, TTL, DELAY, \
                 SERVFAIL, REFUSED, FORMERR, SILENCE, TRUNCATE, NO_TCP or GARBAGE"
            ))
        })?,
    };
    zone.add(name, data)
}

fn plain_fault(key: &str) -> Option<Fault> {
    Some(match key {
        "SERVFAIL" => Fault::Servfail,
        "REFUSED" => Fault::Refused,
        "FORMERR" => Fault::Formerr,
        "SILENCE" => Fault::Silence,
        "TRUNCATE" => Fault::Truncate,
        "NO_TCP" => Fault::NoTcp,
        "GARBAGE" => Fault::Garbage,
        _ => return None,
    })
}

fn scopes(value: &Value) -> Result<Vec<Scope>, Error> {
    if value.is_null() {
        return Ok(vec![Scope::Every]);
    }
    words(value)?
        .into_iter()
        .map(|kind| Ok(Scope::Type(rdata::record_type(kind)?)))
        .collect()
}

fn duration(value: &Value) -> Result<Duration, Error> {
    let text = word(value)?;
    humantime::parse_duration(text)
        .map_err(|_| Error::new(format!("`{text}` is no duration; expected e.g. 500ms")))
}

fn mx(value: &Value) -> Result<RData, Error> {
    let wrong = || Error::new("expected e.g. [10, mail.example.com]");
    let Some([preference, exchange]) = value.as_sequence().map(Vec::as_slice) else {
        return Err(wrong());
    };
    let preference = preference
        .as_u64()
        .and_then(|number| u16::try_from(number).ok())
        .ok_or_else(wrong)?;
    rdata::mx(preference, word(exchange)?)
}

fn txt(value: &Value) -> Result<RData, Error> {
    let strings: Vec<Vec<u8>> = match value {
        Value::Sequence(_) => words(value)?
            .into_iter()
            .map(|text| text.as_bytes().to_vec())
            .collect(),
        one => rdata::pieces(word(one)?.as_bytes()),
    };
    rdata::txt(&strings)
}

fn txt_hex(value: &Value) -> Result<RData, Error> {
    let strings: Vec<Vec<u8>> = words(value)?
        .into_iter()
        .map(bytes_of_hex)
        .collect::<Result<_, _>>()?;
    match (value, strings.as_slice()) {
        (Value::String(_), [one]) => rdata::txt(&rdata::pieces(one)),
        _ => rdata::txt(&strings),
    }
}

fn bytes_of_hex(text: &str) -> Result<Vec<u8>, Error> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|character| *character != ' ')
        .map(|character| {
            character
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => Ok(digits
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()),
        _ => Err(Error::new(format!(
            "`{text}` is no row of hexadecimal octets; expected e.g. \"763d7370\""
        ))),
    }
}
