//! What the name of a host says of its owner.

use std::net::IpAddr;

use crate::core::address::Domain;

/// Top-level domains that no registry gives to anybody (RFC 6761, RFC 6762, RFC 9476), and those that are used as if it were so.
const INTERNAL: [&[u8]; 12] = [
    b"localhost",
    b"localdomain",
    b"local",
    b"internal",
    b"intern",
    b"intra",
    b"intranet",
    b"lan",
    b"corp",
    b"home",
    b"private",
    b"alt",
];

/// Whether a name says nothing of its owner: a host's without its domain, one of a network inside, or an address.
pub(super) fn is_internal(name: &[u8]) -> bool {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let Some(at) = name.iter().rposition(|&byte| byte == b'.') else {
        // IPv6 has no dots.
        return true;
    };
    let top = name.get(at + 1..).unwrap_or_default();
    let is_number = top.first().is_some_and(u8::is_ascii_digit) || name.starts_with(b"[");
    is_number || INTERNAL.iter().any(|one| top.eq_ignore_ascii_case(one))
}

/// The name that a registry gave away, at or above this one.
pub(super) fn registered(name: &Domain) -> Option<Domain> {
    let registered = psl::domain_str(name.as_str())?;
    registered.parse().ok()
}

/// Whether a name tells the address apart from its neighbours, as providers name the lines of their customers: these have
/// many owners. `4-113-0-203.dsl.provider.example` is one.
pub(super) fn tells_apart(name: &[u8], address: IpAddr) -> bool {
    let name = name.to_ascii_lowercase();
    let has_all = |hex: &str| {
        name.windows(hex.len())
            .any(|window| window == hex.as_bytes())
    };
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [.., third, fourth] = v4.octets();
            let digits = name.split(|byte| !byte.is_ascii_digit());
            let numbers: Vec<u8> = digits
                .filter_map(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
                .collect();
            let both = numbers.contains(&third) && numbers.contains(&fourth);
            both || has_all(&format!("{:08x}", u32::from(v4)))
        }
        IpAddr::V6(v6) => {
            let [.., seventh, eighth] = v6.segments();
            let digits = name.split(|byte| !byte.is_ascii_hexdigit());
            let numbers: Vec<u16> = digits
                .filter_map(|digits| {
                    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
                })
                .collect();
            // A host that is ::9 can be called mx9.
            let both = seventh > 0 && numbers.contains(&seventh) && numbers.contains(&eighth);
            both || has_all(&format!("{:032x}", u128::from(v6)))
        }
    }
}

/// Whether a name has a number or a hash as hosts have that are rented: `vps-1a2b3c4d.vps.hoster.example`,
/// `vmi1234567.hoster.example`. Their neighbours of a like name are others' as a rule.
pub(super) fn is_numbered(name: &[u8]) -> bool {
    /// Digits in a row; a site has fewer hosts of its own than that.
    const DIGITS: usize = 4;
    const HASH: usize = 8;
    let is_hash = |part: &[u8]| {
        let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
        part.len() >= HASH
            && part.iter().all(u8::is_ascii_hexdigit)
            && (1..part.len()).contains(&digits)
    };
    let mut runs = name.split(|byte| !byte.is_ascii_digit());
    let mut parts = name.split(|byte| !byte.is_ascii_alphanumeric());
    runs.any(|run| run.len() >= DIGITS) || parts.any(is_hash)
}
