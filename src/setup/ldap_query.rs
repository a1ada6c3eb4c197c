//! The filters of Postfix's LDAP tables, as searches for all that they would find.

/// A search for every key of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// With `*` in place of `%s`.
    pub filter: String,
    /// Where the keys stand.
    pub keys: Vec<KeyAttribute>,
}

/// An attribute whose values have keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAttribute {
    /// Its name, in small letters.
    pub name: String,
    /// What stands before the key in a value.
    before: String,
}

impl KeyAttribute {
    /// The key in a value of the attribute.
    pub fn key<'a>(&self, value: &'a str) -> Option<&'a str> {
        match self.before.strip_prefix('*') {
            // `*@%s`: any address in the domain.
            Some(mark) => value.rsplit_once(mark).map(|(_, key)| key),
            None => value.strip_prefix(&self.before),
        }
    }
}

/// What stands around an assertion.
struct Frame {
    operator: char,
    /// How many of its parts have a key.
    with_key: usize,
}

/// The search for all keys that a filter would find.
///
/// # Errors
/// Why it can't be made one.
pub fn listing(filter: &str) -> Result<Listing, String> {
    let mut listing = Listing {
        filter: String::new(),
        keys: Vec::new(),
    };
    let mut frames: Vec<Frame> = Vec::new();
    let mut rest = filter;
    while let Some(c) = rest.chars().next() {
        let behind = rest.get(c.len_utf8()..).unwrap_or_default();
        rest = behind;
        match c {
            '(' => {
                let operator = behind.trim_start().chars().next().unwrap_or_default();
                let is_operator = matches!(operator, '&' | '|' | '!');
                frames.push(Frame {
                    operator: if is_operator { operator } else { '=' },
                    with_key: 0,
                });
                listing.filter.push(c);
                if !is_operator {
                    let end = behind
                        .find(')')
                        .ok_or("its query_filter has an open bracket")?;
                    let (assertion, behind) = behind.split_at(end);
                    if let Some(frame) = frames.last_mut() {
                        frame.with_key = usize::from(listing.assertion(assertion)?);
                    }
                    rest = behind;
                }
            }
            ')' => {
                let frame = frames
                    .pop()
                    .ok_or("its query_filter has a bracket too many")?;
                match (frame.operator, frame.with_key) {
                    ('!', 1..) => return Err("its query_filter leaves keys out by `!`".to_owned()),
                    // Both must have the same value, which no search can say.
                    ('&', 2..) => {
                        return Err("its query_filter needs the key in two places".to_owned());
                    }
                    _ => {}
                }
                if let Some(outer) = frames.last_mut() {
                    outer.with_key += usize::from(frame.with_key > 0);
                }
                listing.filter.push(c);
            }
            c => listing.filter.push(c),
        }
    }
    match (frames.is_empty(), listing.keys.is_empty()) {
        (false, _) => Err("its query_filter has an open bracket".to_owned()),
        (true, true) => Err("its query_filter has no %s".to_owned()),
        (true, false) => Ok(listing),
    }
}

impl Listing {
    /// Adds `attribute=value`. Whether a key stands in it.
    fn assertion(&mut self, text: &str) -> Result<bool, String> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let mut parts = Vec::new();
        let mut part = String::new();
        let mut chars = value.chars();
        while let Some(c) = chars.next() {
            match c {
                '%' => match chars.next() {
                    Some('%') => part.push('%'),
                    // A domain has no `@`, and then %u is all of it (ldap_table(5)).
                    Some('s' | 'S' | 'u' | 'U') => parts.push(std::mem::take(&mut part)),
                    other => {
                        let shown = other.map(String::from).unwrap_or_default();
                        return Err(format!(
                            "its query_filter has `%{shown}`, for which a domain has no value"
                        ));
                    }
                },
                c => part.push(c),
            }
        }
        let begin = format!("{name}{}", if text.contains('=') { "=" } else { "" });
        self.filter.push_str(&begin);
        let before = match parts.as_slice() {
            [] => {
                self.filter.push_str(&part);
                return Ok(false);
            }
            [before] if part.is_empty() => before.clone(),
            _ => return Err("its query_filter has more than the key in one value".to_owned()),
        };
        let name = name.trim();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(format!("its query_filter compares the key with `{name}=`"));
        }
        let inner = before.strip_prefix('*').unwrap_or(&before);
        if inner.contains(['*', '\\']) || (before.starts_with('*') && inner.is_empty()) {
            return Err("its query_filter has a pattern around the key".to_owned());
        }
        self.filter.push_str(&before);
        self.filter.push('*');
        self.keys.push(KeyAttribute {
            name: name.to_ascii_lowercase(),
            before,
        });
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn filters_become_searches_for_all() {
        for (filter, search, keys) in [
            ("(mailDomain=%s)", "(mailDomain=*)", &["maildomain"][..]),
            (
                "(&(objectClass=mailDomain)(|(domainName=%s)(domainAliasName=%u))(!(domainBackupMX=yes)))",
                "(&(objectClass=mailDomain)(|(domainName=*)(domainAliasName=*))(!(domainBackupMX=yes)))",
                &["domainname", "domainaliasname"],
            ),
            ("(mail=*@%s)", "(mail=*@*)", &["mail *@"]),
            ("(mail=@%s)", "(mail=@*)", &["mail @"]),
            (
                "(&(a=50%%)(associatedDomain=%S))",
                "(&(a=50%)(associatedDomain=*))",
                &["associateddomain"],
            ),
        ] {
            let found = listing(filter).unwrap();
            let shown = found
                .keys
                .iter()
                .map(|key| format!("{} {}", key.name, key.before));
            let shown: Vec<String> = shown.map(|key| key.trim_end().to_owned()).collect();
            assert_eq!(
                (found.filter.as_str(), shown),
                (search, keys.iter().map(|&key| key.to_owned()).collect()),
                "{filter}"
            );
        }
        for (before, value, key) in [
            ("", "example.org", Some("example.org")),
            ("*@", "a@b@example.org", Some("example.org")),
            ("@", "@example.org", Some("example.org")),
            ("@", "joe@example.org", None),
        ] {
            let attribute = KeyAttribute {
                name: "mail".to_owned(),
                before: before.to_owned(),
            };
            assert_eq!(attribute.key(value), key, "{before} {value}");
        }
    }

    #[test]
    fn what_can_not_be_listed_is_told() {
        for (filter, why) in [
            ("(mail=%d)", "`%d`"),
            ("(&(objectClass=x)(!(domain=%s)))", "`!`"),
            ("(&(a=%s)(b=%s))", "two places"),
            ("(mail=%s*)", "more than the key"),
            ("(mail=*%s)", "pattern"),
            ("(mail:caseExactMatch:=%s)", "compares"),
            ("(mail>=%s)", "compares"),
            ("(mail=x)", "no %s"),
            ("(mail=%s", "open bracket"),
            ("mail=%s)", "too many"),
        ] {
            let error = listing(filter).unwrap_err();
            assert!(error.contains(why), "{filter}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\(|\\)|&|\\||!|=|\\*|%|%s|%d|@|é|a){0,24}") {
            let _ = listing(&text);
        }
    }
}
