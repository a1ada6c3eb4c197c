//! Addresses as they are shown to who need not know whose they are.

use crate::core::printable::{printable, shortened};

/// The longest address that is shown, in characters.
const LONGEST: usize = 100;

/// The address, printable.
pub(super) fn address(bytes: &[u8]) -> String {
    shortened(bytes, LONGEST)
}

/// The first character of the local part, and the domain: `j…@example.org`.
pub(super) fn masked(bytes: &[u8]) -> String {
    let (local, host) = match bytes.iter().rposition(|byte| *byte == b'@') {
        Some(at) => bytes.split_at(at),
        None => (bytes, &[][..]),
    };
    if local.is_empty() {
        return address(host);
    }
    let first = local.get(..1).unwrap_or_default();
    format!("{}…{}", printable(first, 1), address(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_local_part_one_character_is_left() {
        for (whole, shown) in [
            ("joe@example.org", "j…@example.org"),
            ("j@example.org", "j…@example.org"),
            ("\"joe@home\"@example.org", "\\x22…@example.org"),
            ("\u{fc}@example.org", "\\xc3…@example.org"),
            ("postmaster", "p…"),
            ("joe@[192.0.2.1]", "j…@[192.0.2.1]"),
            ("joe@<b>\r\n", "j…@<b>\\x0d\\x0a"),
            ("", ""),
        ] {
            assert_eq!(masked(whole.as_bytes()), shown, "{whole:?}");
        }
        assert_eq!(address(b"joe@example.org"), "joe@example.org");
        assert_eq!(address(&[b'x'; 300]).len(), LONGEST);
    }
}
