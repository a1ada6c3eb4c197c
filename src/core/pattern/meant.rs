//! What an entry of a list was meant to say that is written as another program's pattern: a shell's (`news*@example.org`)
//! or a regular expression (`/^shop-.*$/`). All these characters are allowed in addresses (RFC 5321 section 4.1.2,
//! RFC 5322 section 3.2.3), so such an entry would be compared as it stands, and never match.

use super::DomainPattern;
use crate::core::address::Domain;

/// What to write instead of this entry; none where it looks like an address or a domain. What is quoted is literal.
pub(super) fn instead_of(text: &str) -> Option<String> {
    if let Some(inner) = between_slashes(text) {
        return Some(instead_of_regex(inner).unwrap_or_else(|| matching(inner, None)));
    }
    let Some((local, host)) = text.rsplit_once('@') else {
        let parent = text.strip_prefix("*.").or(text.strip_prefix('.'));
        return match parent.map(str::parse::<Domain>) {
            Some(Ok(parent)) if parent.as_str().contains('.') => {
                Some(all_of(&DomainPattern::Below(parent)))
            }
            _ => looks_like_pattern(text).then(|| matching(&as_regex(text), None)),
        };
    };
    let below = host.strip_prefix("*.").or(host.strip_prefix('.'));
    let wide = host == "*" || below.is_some_and(|_| host.starts_with('*') || !local.is_empty());
    if !wide && !looks_like_pattern(local) {
        return None;
    }
    let domain = match below {
        Some(parent) => Some(DomainPattern::Below(parent.parse().ok()?)),
        None if host == "*" => None,
        None => Some(DomainPattern::Itself(host.parse().ok()?)),
    };
    Some(match domain {
        Some(domain) if is_everything(local) => all_of(&domain),
        domain => matching(&as_regex(local), domain),
    })
}

/// What to write instead of a regular expression for a whole address; none where it has no `@`.
pub(super) fn instead_of_regex(regex: &str) -> Option<String> {
    let (local, host) = without_host(without_anchors(regex));
    let domain = host?.replace('\\', "").parse().ok();
    Some(match domain {
        Some(domain) if is_everything(local) => all_of(&domain),
        domain => matching(local, domain),
    })
}

/// What stands in it between slashes, without its anchors.
pub(super) fn between_slashes(text: &str) -> Option<&str> {
    let (inner, flags) = text.strip_prefix('/')?.rsplit_once('/')?;
    flags
        .bytes()
        .all(|flag| flag.is_ascii_lowercase())
        .then(|| without_anchors(inner))
}

/// A regular expression for a whole address, divided at its last `@`; one in a class (`[^@]+`) divides nothing.
pub(super) fn without_host(regex: &str) -> (&str, Option<&str>) {
    let ends_class = |rest: &str| {
        rest.find(['[', ']'])
            .is_some_and(|at| rest.get(at..).is_some_and(|rest| rest.starts_with(']')))
    };
    match regex.rsplit_once('@') {
        Some((local, host)) if !ends_class(host) => {
            (local.strip_suffix('\\').unwrap_or(local), Some(host))
        }
        _ => (regex, None),
    }
}

/// Whether a text that is to be a regular expression can only be a shell's pattern: nothing in it but a `*` means more than
/// itself, and none stands behind a dot.
pub(super) fn is_glob_alone(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=*".contains(&byte);
    text.contains('*') && text.bytes().all(plain)
}

/// The regular expression that means what a shell's pattern means.
pub(super) fn regex_of_glob(glob: &str) -> String {
    let mut regex = String::with_capacity(glob.len() + 4);
    for character in glob.chars() {
        match character {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '.' | '+' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' | '\\' => {
                regex.push('\\');
                regex.push(character);
            }
            other => regex.push(other),
        }
    }
    regex
}

/// A text as YAML writes it between single quotes.
pub(super) fn in_quotes(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn looks_like_pattern(local: &str) -> bool {
    !local.starts_with('"')
        && (local.contains(['*', '?', '|']) || local.contains(".+") || local.starts_with('^'))
}

/// The local part as a regular expression, whichever of the two it was written as.
fn as_regex(local: &str) -> String {
    let is_regex = [".*", ".+", "|", "^", "[", "\\", "("]
        .iter()
        .any(|sign| local.contains(sign));
    if is_regex {
        without_anchors(local).to_owned()
    } else {
        regex_of_glob(local)
    }
}

fn without_anchors(regex: &str) -> &str {
    let regex = regex.strip_prefix('^').unwrap_or(regex);
    regex.strip_suffix('$').unwrap_or(regex)
}

fn is_everything(local: &str) -> bool {
    ["", "*", ".*", ".+"].contains(&local)
}

fn all_of(domain: &DomainPattern) -> String {
    format!("'@{domain}'")
}

fn matching(regex: &str, domain: Option<DomainPattern>) -> String {
    let regex = in_quotes(regex);
    match domain {
        Some(domain) => format!("{{match: {regex}, domain: {domain}}}"),
        None => format!("{{match: {regex}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_would_never_match_gets_one_that_does() {
        for (entry, write) in [
            ("*@example.org", Some("'@example.org'")),
            ("*@*.example.org", Some("'@.example.org'")),
            ("@*.example.org", Some("'@.example.org'")),
            ("*.example.org", Some("'@.example.org'")),
            (".example.org", Some("'@.example.org'")),
            (
                "news*@example.org",
                Some("{match: 'news.*', domain: example.org}"),
            ),
            (
                "news?@example.org",
                Some("{match: 'news.', domain: example.org}"),
            ),
            (
                "news.*@example.org",
                Some("{match: 'news.*', domain: example.org}"),
            ),
            (
                "a.b+*@example.org",
                Some("{match: 'a\\.b\\+.*', domain: example.org}"),
            ),
            ("news*", Some("{match: 'news.*'}")),
            // Nobody means all of a top-level domain.
            ("*.org", Some("{match: '.*\\.org'}")),
            ("*", Some("{match: '.*'}")),
            ("*@*", Some("{match: '.*'}")),
            ("news@*", Some("{match: 'news'}")),
            (
                "news@*.example.org",
                Some("{match: 'news', domain: .example.org}"),
            ),
            (
                "news@.example.org",
                Some("{match: 'news', domain: .example.org}"),
            ),
            ("^news-.+$", Some("{match: 'news-.+'}")),
            (
                "shop-.+@example.org",
                Some("{match: 'shop-.+', domain: example.org}"),
            ),
            ("sales|info", Some("{match: 'sales|info'}")),
            ("/^shop-.*$/", Some("{match: 'shop-.*'}")),
            ("/o'neil/i", Some("{match: 'o''neil'}")),
            (
                "/^shop-.*@example\\.org$/",
                Some("{match: 'shop-.*', domain: example.org}"),
            ),
            ("/@example\\.org$/", Some("'@example.org'")),
            ("/.*@example\\.org/", Some("'@example.org'")),
            // Addresses, and what is quoted.
            ("user@example.org", None),
            ("user+x=y@example.org", None),
            ("a.+b", Some("{match: 'a.+b'}")),
            ("@example.org", None),
            ("@.example.org", None),
            ("user", None),
            ("user/shop@example.org", None),
            ("host$@example.org", None),
            ("\"news*\"@example.org", None),
            ("\"*\"", None),
            ("\"/^x$/\"", None),
        ] {
            assert_eq!(instead_of(entry).as_deref(), write, "{entry}");
        }
        for (regex, write) in [
            (
                "news-.*@example\\.org",
                Some("{match: 'news-.*', domain: example.org}"),
            ),
            ("news-.*@[a-z]+", Some("{match: 'news-.*'}")),
            // No whole address: it says that there is no `@` in what it matches.
            ("[^@]+-news", None),
            ("news-[^@=]*", None),
            ("news-.*", None),
        ] {
            assert_eq!(instead_of_regex(regex).as_deref(), write, "{regex}");
        }
    }
}
