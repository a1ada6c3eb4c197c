//! Whether what was authenticated for one domain speaks for an author in another (RFC 9989 section 4.4).

use super::Published;
use crate::core::address::Domain;

/// How close two domains must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alignment {
    /// They belong to one organization.
    #[default]
    Relaxed,
    /// They are the same.
    Strict,
}

/// What authenticated a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// SPF passes for it.
    Spf,
    /// It is `d=` of a DKIM signature that verifies.
    Dkim,
}

/// Whether records could align the two: one name is at or above both, and no top-level domain. Else they need not be asked
/// for.
pub fn may_align(author: &Domain, authenticated: &Domain) -> bool {
    let above = author.above().filter(|name| name.as_str().contains('.'));
    let mut names = std::iter::once(author.clone()).chain(above);
    names.any(|name| authenticated.is_at_or_below(&name))
}

/// Whether they are aligned. `published` is what holds for the author's domain, `of_authenticated` what holds for the other.
pub fn is_aligned(
    author: &Domain,
    published: &Published,
    authenticated: &Domain,
    of_authenticated: Option<&Published>,
    method: Method,
) -> bool {
    let alignment = match method {
        Method::Spf => published.aspf,
        Method::Dkim => published.adkim,
    };
    if author == authenticated {
        return true;
    }
    // Section 4.10.2: without a record on the way up, a domain is its own organization.
    let organization = of_authenticated.map_or(authenticated, |found| &found.organization);
    alignment == Alignment::Relaxed && *organization == published.organization
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(name: &str) -> Domain {
        name.parse().unwrap()
    }

    #[test]
    fn only_related_names_may_align() {
        for (author, authenticated, expected) in [
            ("example.org", "example.org", true),
            ("example.org", "news.example.org", true),
            ("news.example.org", "example.org", true),
            ("a.example.org", "b.example.org", true),
            ("example.org", "xexample.org", false),
            ("example.org", "other.org", false),
            ("example.org", "org", false),
            ("corp", "host.corp", true),
            ("host.corp", "corp", false),
        ] {
            let found = may_align(&domain(author), &domain(authenticated));
            assert_eq!(found, expected, "{author} {authenticated}");
        }
    }

    #[test]
    fn domains_of_one_organization_are_aligned() {
        for (author, of_author, authenticated, of_it, relaxed) in [
            (
                "example.org",
                "example.org",
                "example.org",
                "example.org",
                true,
            ),
            (
                "example.org",
                "example.org",
                "a.example.org",
                "example.org",
                true,
            ),
            (
                "a.example.org",
                "example.org",
                "example.org",
                "example.org",
                true,
            ),
            (
                "a.example.org",
                "example.org",
                "b.example.org",
                "example.org",
                true,
            ),
            // One below that is an organization of its own (psd=n).
            (
                "example.org",
                "example.org",
                "a.example.org",
                "a.example.org",
                false,
            ),
            (
                "a.example.org",
                "a.example.org",
                "example.org",
                "example.org",
                false,
            ),
            // A bank below a suffix with a record: each is an organization.
            ("a.bank", "a.bank", "b.bank", "b.bank", false),
            ("example.org", "example.org", "other.example", "", false),
        ] {
            for method in [Method::Spf, Method::Dkim] {
                for strict in [false, true] {
                    let of = |is_strict| match is_strict {
                        true => Alignment::Strict,
                        false => Alignment::Relaxed,
                    };
                    let published = |organization: &str| Published {
                        organization: domain(organization),
                        enforces: false,
                        adkim: of(strict && method == Method::Dkim),
                        aspf: of(strict && method == Method::Spf),
                    };
                    let of_it = (!of_it.is_empty()).then(|| published(of_it));
                    let (one, other) = (domain(author), domain(authenticated));
                    let of_author = published(of_author);
                    let found = is_aligned(&one, &of_author, &other, of_it.as_ref(), method);
                    let expected = if strict {
                        author == authenticated
                    } else {
                        relaxed
                    };
                    assert_eq!(
                        found, expected,
                        "{author} {authenticated} {method:?} {strict}"
                    );
                    // The other method's word does not count.
                    let crossed = match method {
                        Method::Spf => Method::Dkim,
                        Method::Dkim => Method::Spf,
                    };
                    let found = is_aligned(&one, &of_author, &other, of_it.as_ref(), crossed);
                    assert_eq!(found, relaxed, "{author} {authenticated} {crossed:?}");
                }
            }
        }
    }
}
