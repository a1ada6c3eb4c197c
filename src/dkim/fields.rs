//! Which fields of a returned message a signature covers (RFC 6376 section 5.4.2).

use std::cmp::Ordering;

use crate::core::{
    header::{Headers, RawField},
    octets::any_pair,
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

/// Whether the signed fields are all that the message has of this name: else anybody can have added one on top.
pub(super) fn covers_all(name: &[u8], signed: &[RawField<'_>], fields: &[RawField<'_>]) -> bool {
    let count = |fields: &[RawField<'_>]| {
        let of = |field: &&RawField<'_>| compared(field.name, name).is_eq();
        fields.iter().filter(of).count()
    };
    count(signed) == count(fields)
}

/// Whether a field is made of lines as RFC 5322 section 2.2.3 has them. Anything else (a bare CR, a form feed) is a blank
/// to one reader and nothing to another, and so for the canonicaliser: it is not what was signed.
pub(super) fn is_well_formed(field: &RawField<'_>) -> bool {
    let is_odd = |byte: u8| {
        let is_control = (byte < b' ') | (byte == 0x7f);
        is_control & (byte != b'\t') & (byte != b'\n') & (byte != b'\r')
    };
    let odd_pair = |one, next| is_odd(one) | ((one == b'\r') & (next != b'\n'));
    let odd_end = |last: &u8| is_odd(*last) || *last == b'\r';
    !any_pair(field.value, odd_pair) && !field.value.last().is_some_and(odd_end)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_line_ends_and_tabs_are_controls_of_a_field() {
        for (value, well) in [
            ("", true),
            (" a\tb\r\n\tc\n d\r\n", true),
            ("a\rb", false),
            ("a\r\r\n", false),
            ("a\r", false),
            ("\u{e4}\u{80}", true),
            ("a\n", true),
        ] {
            let value = value.as_bytes();
            assert_eq!(
                is_well_formed(&RawField { name: b"A", value }),
                well,
                "{value:?}"
            );
        }
        for control in (0..b' ').chain([0x7f]) {
            let well = b"\t\n".contains(&control);
            for value in [&[control][..], &[b'a', control], &[control, b'a']] {
                assert_eq!(
                    is_well_formed(&RawField { name: b"A", value }),
                    well,
                    "{value:?}"
                );
            }
        }
    }
}
