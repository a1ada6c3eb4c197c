//! Which fields of a returned message a signature covers (RFC 6376 section 5.4.2).

use std::collections::HashMap;

use crate::core::{
    header::{Headers, RawField},
    proof::dkim::SignedFields,
};

/// Fields in the order of `h=`: of each name, the last one first. A name that stands in `h=` more often than in the
/// message covers the absence of a further field: so a signer forbids to add one (also section 5.4.2).
pub(super) fn signed<'a>(fields: &[RawField<'a>], names: &[String]) -> Vec<RawField<'a>> {
    let mut by_name: HashMap<Vec<u8>, Vec<RawField<'a>>> = HashMap::new();
    for field in fields {
        by_name.entry(key(field.name)).or_default().push(*field);
    }
    names
        .iter()
        .filter_map(|name| by_name.get_mut(&key(name.as_bytes()))?.pop())
        .collect()
}

/// Whether a field is made of lines as RFC 5322 section 2.2.3 has them. Anything else (a bare CR, a form feed) is a blank
/// to one reader and nothing to another, and so for the canonicaliser: it is not what was signed.
pub(super) fn is_well_formed(field: &RawField<'_>) -> bool {
    let mut rest = field.value.iter().peekable();
    while let Some(byte) = rest.next() {
        let well = match byte {
            b'\r' => rest.peek() == Some(&&b'\n'),
            b'\n' | b'\t' => true,
            other => !other.is_ascii_control(),
        };
        if !well {
            return false;
        }
    }
    true
}

/// What the signed fields say.
pub(super) fn message(signed: &[RawField<'_>]) -> SignedFields {
    let mut headers = Headers::new();
    for field in signed {
        let wanted: [&[u8]; 4] = [b"message-id", b"date", b"to", b"cc"];
        let name = field.name.trim_ascii();
        if wanted
            .iter()
            .any(|wanted| name.eq_ignore_ascii_case(wanted))
        {
            headers.push(field.name, field.value);
        }
    }
    SignedFields::of(&headers)
}

fn key(name: &[u8]) -> Vec<u8> {
    name.trim_ascii().to_ascii_lowercase()
}
