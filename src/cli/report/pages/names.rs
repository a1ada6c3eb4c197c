//! What the pages are called. A domain is lower case letters, digits, `-`, `_` and dots, so its name can be a file's; only that of
//! the index, and what a file's name has no room for, needs another.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// The index of all.
pub(super) const INDEX: &str = "index.html";
const ENDING: &str = ".html";
/// The longest name of a file on common file systems, in octets.
const LONGEST: usize = 255;
/// How much of a name is kept that is too long.
const KEPT: usize = 180;
/// How many octets of the hash tell such names apart.
const HASH: usize = 16;
/// What stands before the hash: no domain has it.
const MARK: char = '=';

/// The page of a domain: `example.org.html`. A hash follows a name that is too long, and is cut; one of a single label, which
/// may be that of the index; and one that begins as an option of a command.
pub(super) fn of_domain(domain: &str) -> String {
    let is_plain = domain.len() + ENDING.len() <= LONGEST
        && domain.contains('.')
        && !domain.starts_with(['-', '.']);
    if is_plain {
        return format!("{domain}{ENDING}");
    }
    let hash = Sha256::digest(domain);
    let hash = HEXLOWER.encode(hash.get(..HASH).unwrap_or(&hash));
    let kept = domain.trim_start_matches(['-', '.']);
    let kept: String = kept.chars().take(KEPT).collect();
    format!("{kept}{MARK}{hash}{ENDING}")
}

/// Whether we may have given a file this name.
pub(super) fn is_ours(name: &str) -> bool {
    let is_domain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.=".contains(&octet);
    let stem = name.strip_suffix(ENDING);
    let is_name = |stem: &str| stem.contains(['.', MARK]) && stem.bytes().all(is_domain);
    name == INDEX || stem.is_some_and(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::address::Domain;

    /// A name as `local.domains` may have it.
    fn named(text: &str) -> String {
        let domain: Domain = text.parse().unwrap();
        of_domain(domain.as_str())
    }

    #[test]
    fn each_domain_has_a_name_that_is_safe_and_its_own() {
        let long = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
        let other = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "c".repeat(61));
        let fits = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(58));
        assert_eq!((long.len(), fits.len()), (253, 250));
        let all = [
            "example.org",
            "Example.NET.",
            "bücher.example",
            "_dmarc.example.org",
            "xn--bcher-kva.example.org",
            "index",
            "index.html",
            "-rf.example",
            "localhost",
            &long,
            &other,
            &fits,
        ];
        let names = all.map(named);
        assert_eq!(names[0], "example.org.html");
        assert_eq!(names[1], "example.net.html");
        assert_eq!(names[2], "xn--bcher-kva.example.html");
        assert_eq!(names[6], "index.html.html");
        assert_eq!(names[11], format!("{fits}.html"));
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len(), "{names:?}");
        for (domain, name) in all.iter().zip(&names) {
            assert_ne!(name, INDEX, "{domain}");
            assert!(name.len() <= LONGEST, "{domain}: {name}");
            assert!(!name.starts_with(['-', '.']), "{domain}: {name}");
            let is_safe =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.=".contains(c);
            assert!(name.chars().all(is_safe), "{domain}: {name}");
            assert!(is_ours(name), "{domain}: {name}");
        }
    }

    #[test]
    fn what_others_wrote_is_not_taken_for_a_page() {
        for name in [
            "custom.html",
            "style.css",
            ".htaccess",
            "notes.example.org.txt",
            "",
            ".html",
            "a b.example.html",
            "a/b.example.html",
        ] {
            assert!(!is_ours(name), "{name}");
        }
    }
}
