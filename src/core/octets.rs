//! Looks through octets, many at a time.

/// How many octets are looked at before it is asked what they showed.
const AT_ONCE: usize = 4096;

/// Whether any two that stand side by side are so. Where `is_so` has no branches, the compiler makes one step of the
/// comparisons of many pairs, for within a piece all are made, whatever the first shows.
pub fn any_pair(octets: &[u8], is_so: impl Fn(u8, u8) -> bool) -> bool {
    let next = octets.get(1..).unwrap_or_default();
    let mut pieces = octets.chunks(AT_ONCE).zip(next.chunks(AT_ONCE));
    pieces.any(|(ones, next)| {
        let pairs = ones.iter().zip(next);
        pairs.fold(0, |any, (one, next)| any | u8::from(is_so(*one, *next))) != 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_wherever_they_stand() {
        let is_so = |one, next| (one, next) == (b'a', b'b');
        for (octets, found) in [("", false), ("a", false), ("ba", false), ("ab", true)] {
            assert_eq!(any_pair(octets.as_bytes(), is_so), found, "{octets}");
        }
        for at in [0, 1, AT_ONCE - 2, AT_ONCE - 1, AT_ONCE, 2 * AT_ONCE - 1] {
            let mut octets = vec![b'b'; 2 * AT_ONCE + 1];
            assert!(!any_pair(&octets, is_so));
            if let Some(one) = octets.get_mut(at) {
                *one = b'a';
            }
            assert!(any_pair(&octets, is_so), "{at}");
        }
    }
}
