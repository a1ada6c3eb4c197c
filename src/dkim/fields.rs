//! Which fields of a returned message a signature covers (RFC 6376 section 5.4.2).

use std::cmp::Ordering;

use crate::core::{
    header::{Headers, RawField},
    proof::dkim::SignedFields,
};

/// Fields in the order of `h=`: of each name, the last one first. A name that stands in `h=` more often than in the
/// message covers the absence of a further field: so a signer forbids to add one (also section 5.4.2).
pub(super) fn signed<'a>(fields: &[RawField<'a>], names: &[String]) -> Vec<RawField<'a>> {
    // Those of one name stand together then, in their order.
    let mut sorted = fields.to_vec();
    sorted.sort_by(|one, other| compared(one.name, other.name));
    // How many of a name are taken, by the place of its first one.
    let mut taken = vec![0; sorted.len()];
    let taken_by = |name: &String| {
        let of = |field: &RawField<'_>| compared(field.name, name.as_bytes());
        let first = sorted.partition_point(|field| of(field).is_lt());
        let count = taken.get_mut(first)?;
        let all = sorted.get(first..)?;
        let all = all.get(..all.partition_point(|field| of(field).is_eq()))?;
        let last = all.len().checked_sub(*count + 1)?;
        *count += 1;
        all.get(last).copied()
    };
    names.iter().filter_map(taken_by).collect()
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

/// The order of names, blanks around them and case left out.
fn compared(one: &[u8], other: &[u8]) -> Ordering {
    let [one, other] =
        [one, other].map(|name| name.trim_ascii().iter().map(u8::to_ascii_lowercase));
    one.cmp(other)
}
