//! Lookup tables in text: their keys, and what of pcre and regexp tables can become rules.

use std::collections::BTreeSet;

use super::lines::logical_lines;
use crate::core::address::Domain;

/// What the keys of a table are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// `@example.org`: a catch-all.
    pub whole_domains: BTreeSet<Domain>,
    /// `example.org`: a domain, in lists of domains and in virtual(5).
    pub domains: BTreeSet<Domain>,
    /// The domains of `user@example.org`.
    pub domains_of_users: BTreeSet<Domain>,
    /// Whether there is `user` without a domain.
    pub has_users: bool,
}

impl Keys {
    /// The keys of a text for postmap(1) or postalias(1).
    pub fn of_text(text: &str) -> Self {
        let lines = logical_lines(text);
        Self::of(lines.iter().map(|line| split(&line.text)))
    }

    /// The keys of pairs.
    pub fn of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut keys = Self::default();
        for (key, value) in pairs {
            if !refuses(value) {
                keys.add(key);
            }
        }
        keys
    }

    fn add(&mut self, key: &str) {
        match key.rsplit_once('@') {
            Some(("", domain)) => self.whole_domains.extend(domain.parse()),
            Some((_, domain)) => self.domains_of_users.extend(domain.parse()),
            None => match key.parse::<Domain>() {
                Ok(domain) if key.contains('.') => {
                    self.domains.insert(domain);
                    // `joe.doe` is a user as well.
                    self.has_users = true;
                }
                _ => self.has_users = true,
            },
        }
    }

    /// Whether a list of recipients would have anybody.
    pub fn has_addresses(&self) -> bool {
        self.has_users || !self.domains_of_users.is_empty()
    }
}

/// The key and the value of a line. The key ends at a blank, or at a colon as in aliases(5); quotes belong together.
pub(super) fn split(line: &str) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if !quoted && (c.is_whitespace() || c == ':') => {
                let (key, value) = line.split_at(at);
                return (key.trim_matches('"'), value.trim_start_matches(':').trim());
            }
            _ => {}
        }
    }
    (line.trim_matches('"'), "")
}

/// Values by which Postfix refuses what the key says.
fn refuses(value: &str) -> bool {
    let first = value.split_whitespace().next().unwrap_or_default();
    let begins = |prefix: &str| {
        let front = first.get(..prefix.len());
        front.is_some_and(|front| front.eq_ignore_ascii_case(prefix))
    };
    begins("error:") || begins("discard:") || matches!(first, "REJECT" | "DISCARD")
}

/// What a line of a pcre or regexp table comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// A rule for local parts in one domain, or in all that the table is for.
    Rule {
        /// A pattern for the whole local part.
        local: String,
        /// The domain.
        domain: Option<Domain>,
    },
    /// A catch-all.
    WholeDomain(Domain),
    /// Nothing that can be written as a rule: the line.
    Other(String),
}

/// The patterns of a table.
pub fn patterns(text: &str) -> Vec<Pattern> {
    let lines = logical_lines(text);
    let mut depth = 0_usize;
    let mut found = Vec::new();
    for line in lines {
        let text = line.text.trim();
        if text.starts_with("if ") || text.starts_with("if/") {
            depth += 1;
        } else if text.starts_with("endif") {
            depth = depth.saturating_sub(1);
        }
        let pattern = match depth {
            0 if text.starts_with('/') => pattern(text),
            0 if text.starts_with("endif") => continue,
            _ => None,
        };
        found.push(pattern.unwrap_or_else(|| Pattern::Other(shortened(text))));
    }
    found
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// `/^LOCAL@DOMAIN$/flags value`, where the domain is written out.
fn pattern(line: &str) -> Option<Pattern> {
    let inner = line.strip_prefix('/')?;
    let mut escaped = false;
    let end = inner.char_indices().find_map(|(at, c)| {
        let is_end = c == '/' && !escaped;
        escaped = c == '\\' && !escaped;
        is_end.then_some(at)
    })?;
    let (expression, rest) = inner.split_at(end);
    let rest = rest.strip_prefix('/')?;
    let at = rest.find(char::is_whitespace)?;
    let (flags, value) = rest.split_at(at);
    // Case is ignored by default, as rules ignore it.
    if !flags.is_empty() || refuses(value.trim()) {
        return None;
    }
    let expression = expression.strip_prefix('^')?;
    let (local, domain) = expression.rsplit_once('@')?;
    let domain = match domain {
        "" => None,
        domain => Some(literal(domain.strip_suffix('$')?)?.parse().ok()?),
    };
    let local = local.replace("\\/", "/");
    let is_all = matches!(local.as_str(), ".*" | "(.*)" | ".+" | "(.+)");
    match domain {
        Some(domain) if is_all => Some(Pattern::WholeDomain(domain)),
        domain if is_plain(&local) => Some(Pattern::Rule { local, domain }),
        _ => None,
    }
}

/// `example\.org` without the backslashes; none where it is a pattern.
fn literal(text: &str) -> Option<String> {
    let plain = text.replace("\\.", "\u{1}").replace("\\-", "-");
    let is_plain = plain
        .chars()
        .all(|c| c == '\u{1}' || c == '-' || c.is_ascii_alphanumeric());
    is_plain.then(|| plain.replace('\u{1}', "."))
}

/// What means the same to Postfix and to us: no look-around, no reference, no alternative outside a group.
fn is_plain(local: &str) -> bool {
    let compiles = regex::Regex::new(&format!("^(?:{local})$")).is_ok();
    let mut depth = 0_i32;
    let mut has_alternatives = false;
    for c in local.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            '|' if depth == 0 => has_alternatives = true,
            _ => {}
        }
    }
    compiles && !has_alternatives && !local.is_empty() && !local.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(domains: &BTreeSet<Domain>) -> Vec<&str> {
        domains.iter().map(Domain::as_str).collect()
    }

    #[test]
    fn keys_are_sorted_by_what_they_mean() {
        let text = "# virtual(5)\nexample.org anything\njoe@example.org joe\n@example.net joe\npostmaster: root\n\
                    gone@example.com error:5.1.1 no\n@dead.example REJECT\n\"a b\"@example.info x,\n  y@cont.example\n";
        let keys = Keys::of_text(text);
        assert_eq!(names(&keys.domains), ["example.org"]);
        assert_eq!(
            names(&keys.domains_of_users),
            ["example.info", "example.org"]
        );
        assert_eq!(names(&keys.whole_domains), ["example.net"]);
        assert!(keys.has_users && keys.has_addresses());
        assert!(!Keys::of_text("# nothing\n\n").has_addresses());
    }

    #[test]
    fn patterns_become_rules_where_they_mean_the_same() {
        let domain = |text: &str| Some(text.parse::<Domain>().unwrap());
        let rule = |local: &str, domain| Pattern::Rule {
            local: local.to_owned(),
            domain,
        };
        for (line, found) in [
            (
                r"/^shop-[a-z0-9]+@example\.org$/ joe",
                rule("shop-[a-z0-9]+", domain("example.org")),
            ),
            (r"/^news-.*@/ joe", rule("news-.*", None)),
            (
                r"/^(.*)@example\.org$/ joe",
                Pattern::WholeDomain("example.org".parse().unwrap()),
            ),
            (
                r"/^(a|b)@example\.org$/  $1@x",
                rule("(a|b)", domain("example.org")),
            ),
            (
                r"/^a|b@example\.org$/ x",
                Pattern::Other(r"/^a|b@example\.org$/ x".to_owned()),
            ),
            (
                r"/^(?!a).*@example\.org$/ x",
                Pattern::Other(r"/^(?!a).*@example\.org$/ x".to_owned()),
            ),
            (
                r"/@example.org$/ x",
                Pattern::Other("/@example.org$/ x".to_owned()),
            ),
            (
                r"/^joe@example.org$/ x",
                Pattern::Other("/^joe@example.org$/ x".to_owned()),
            ),
            (
                r"/^joe@example\.org$/x y",
                Pattern::Other(r"/^joe@example\.org$/x y".to_owned()),
            ),
            (
                r"/^joe@example\.org$/ REJECT",
                Pattern::Other(r"/^joe@example\.org$/ REJECT".to_owned()),
            ),
            ("!/^x/ y", Pattern::Other("!/^x/ y".to_owned())),
        ] {
            assert_eq!(patterns(line), [found], "{line}");
        }
        let nested = "if /x/\n/^a@example\\.org$/ y\nendif\n/^b@example\\.org$/ y\n";
        assert!(matches!(
            patterns(nested).as_slice(),
            [Pattern::Other(_), Pattern::Other(_), Pattern::Rule { .. }]
        ));
    }
}
