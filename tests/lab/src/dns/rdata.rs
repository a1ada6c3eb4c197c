//! Names and record data from text and bytes.

use std::{fmt::Display, str::FromStr};

use hickory_proto::rr::{
    Name, RData, RecordType,
    rdata::{MX, NULL, SOA, TXT},
};

use super::Error;

/// The longest character-string, in octets (RFC 1035 section 3.3).
const LONGEST_STRING: usize = 255;

/// The record type of RFC 4408's SPF records, which RFC 7208 section 3.1 gave up.
pub(super) const SPF: RecordType = RecordType::Unknown(99);

/// A name, with or without its last dot. Labels are any bytes but the dot: no hostname rules, no escapes.
pub(super) fn name(text: &str) -> Result<Name, Error> {
    let dotless = text.strip_suffix('.').unwrap_or(text);
    if dotless.is_empty() {
        return Ok(Name::root());
    }
    Name::from_labels(dotless.split('.').map(str::as_bytes))
        .map_err(|error| Error::new(format!("`{text}` can't be a DNS name: {error}")))
}

/// An address of the family that `T` is.
pub(super) fn address<T: FromStr + Display>(text: &str, example: T) -> Result<T, Error> {
    text.parse().map_err(|_| {
        Error::new(format!(
            "`{text}` is no address of this type; expected e.g. {example}"
        ))
    })
}

/// The type that a zone names, `SPF` (type 99) included.
pub(super) fn record_type(text: &str) -> Result<RecordType, Error> {
    if text == "SPF" {
        return Ok(SPF);
    }
    text.parse()
        .map_err(|_| Error::new(format!("`{text}` is no record type; expected e.g. TXT")))
}

/// One text of any length as the character-strings it must be cut into.
pub(super) fn pieces(text: &[u8]) -> Vec<Vec<u8>> {
    if text.is_empty() {
        return vec![Vec::new()];
    }
    text.chunks(LONGEST_STRING).map(<[u8]>::to_vec).collect()
}

/// A TXT of these character-strings. None at all is against RFC 1035 section 3.3.14, but can be sent.
pub(super) fn txt(strings: &[Vec<u8>]) -> Result<RData, Error> {
    if let Some(long) = strings.iter().find(|string| string.len() > LONGEST_STRING) {
        return Err(Error::new(format!(
            "a character-string of {} octets; expected at most {LONGEST_STRING}",
            long.len()
        )));
    }
    let strings = strings.iter().map(Vec::as_slice).collect();
    Ok(RData::TXT(TXT::from_bytes(strings)))
}

/// The same character-strings, at least one of them, as a type 99 record.
pub(super) fn spf(strings: &[Vec<u8>]) -> Result<RData, Error> {
    let RData::TXT(txt) = txt(strings)? else {
        unreachable!("txt() makes TXT")
    };
    let wire = txt
        .txt_data
        .iter()
        .flat_map(|string| {
            let length = u8::try_from(string.len()).expect("txt() has checked the lengths");
            std::iter::once(length).chain(string.iter().copied())
        })
        .collect();
    Ok(RData::Unknown {
        code: SPF,
        rdata: NULL::with(wire),
    })
}

/// An MX; the empty exchange is the null MX of RFC 7505.
pub(super) fn mx(preference: u16, exchange: &str) -> Result<RData, Error> {
    Ok(RData::MX(MX::new(preference, name(exchange)?)))
}

/// An SOA as zone files write it: `mname rname serial refresh retry expire minimum`.
pub(super) fn soa(text: &str) -> Result<RData, Error> {
    let wrong = || {
        Error::new(format!(
            "`{text}` is no SOA; expected e.g. `ns.example.com hostmaster.example.com 1 3600 600 86400 60`"
        ))
    };
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [mname, rname, serial, refresh, retry, expire, minimum] = fields[..] else {
        return Err(wrong());
    };
    let times: Vec<i32> = [refresh, retry, expire]
        .iter()
        .map(|field| field.parse().map_err(|_| wrong()))
        .collect::<Result<_, _>>()?;
    Ok(RData::SOA(SOA::new(
        name(mname)?,
        name(rname)?,
        serial.parse().map_err(|_| wrong())?,
        times[0],
        times[1],
        times[2],
        minimum.parse().map_err(|_| wrong())?,
    )))
}
