//! References to lookup tables, such as `proxy:mysql:/etc/postfix/users.cf`, and what a list of domains or networks has
//! beside them.

use std::{fmt, path::PathBuf};

/// A word of a list such as `virtual_mailbox_domains` or `mynetworks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// A name, a network, or a pattern.
    Plain(String),
    /// The same with `!` in front.
    Not(String),
    /// A file with more words.
    File(PathBuf),
    /// A lookup table.
    Table(Table),
}

/// A lookup table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Table {
    /// The type, without `proxy:`.
    pub kind: Kind,
    /// The name behind it.
    pub name: String,
    /// As it stands in main.cf.
    pub written: String,
}

/// How a table can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// From the text that postmap(1) makes it from, or that Postfix reads itself: `name` is a path.
    Text,
    /// From a text of patterns: pcre, regexp.
    Patterns,
    /// From `name` itself: `inline:{ a=b }`.
    Inline,
    /// The accounts of the host.
    Accounts,
    /// By asking a database, as a file says.
    Mysql,
    /// The same.
    Postgres,
    /// The same.
    Sqlite,
    /// The same of an LDAP server.
    Ldap,
    /// It has all keys.
    Static,
    /// In no way.
    Unreadable,
}

impl Table {
    /// A word such as `hash:/etc/aliases`; none for one without a type.
    pub fn of(word: &str) -> Option<Self> {
        let bare = word.strip_prefix("proxy:").unwrap_or(word);
        let (kind, name) = bare.split_once(':')?;
        if kind.is_empty() || !kind.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        let is_path = name.starts_with('/');
        let kind = match kind {
            "hash" | "btree" | "lmdb" | "dbm" | "sdbm" | "cdb" | "texthash" if is_path => {
                Kind::Text
            }
            "pcre" | "regexp" if is_path => Kind::Patterns,
            "mysql" if is_path => Kind::Mysql,
            "pgsql" if is_path => Kind::Postgres,
            "sqlite" if is_path => Kind::Sqlite,
            "ldap" if is_path => Kind::Ldap,
            "unix" if name == "passwd.byname" => Kind::Accounts,
            "inline" => Kind::Inline,
            "static" => Kind::Static,
            _ => Kind::Unreadable,
        };
        Some(Self {
            kind,
            name: name.to_owned(),
            written: word.to_owned(),
        })
    }

    /// As it stands in main.cf, without `proxy:`: it is asked by a process of its own, and also while Postfix is stopped.
    pub fn direct(&self) -> &str {
        self.written.strip_prefix("proxy:").unwrap_or(&self.written)
    }

    /// The path that `name` is.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(&self.name)
    }

    /// The keys of an inline table.
    pub fn inline_keys(&self) -> Vec<(String, String)> {
        let inner = self.name.trim().strip_prefix('{').unwrap_or(&self.name);
        let inner = inner.strip_suffix('}').unwrap_or(inner);
        let pair = |entry: String| {
            let entry = entry.trim().trim_start_matches('{').trim_end_matches('}');
            let (key, value) = entry.split_once('=')?;
            Some((key.trim().to_owned(), value.trim().to_owned()))
        };
        words(inner).into_iter().filter_map(pair).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// The words of a list, which commas and blanks separate; what stands in braces is one word.
pub fn words(list: &str) -> Vec<String> {
    let (mut found, mut word, mut depth) = (Vec::new(), String::new(), 0_usize);
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && (c == ',' || c.is_whitespace()) {
            if !word.is_empty() {
                found.push(std::mem::take(&mut word));
            }
        } else {
            word.push(c);
        }
    }
    if !word.is_empty() {
        found.push(word);
    }
    found
}

/// The words of a list.
pub fn list(value: &str) -> Vec<Word> {
    let word = |word: String| match word.strip_prefix('!') {
        Some(word) => Word::Not(word.to_owned()),
        None if word.starts_with('/') => Word::File(PathBuf::from(word)),
        None => match Table::of(&word) {
            // An IPv6 network without brackets is no table.
            Some(table) => Word::Table(table),
            None => Word::Plain(word),
        },
    };
    words(value).into_iter().map(word).collect()
}

/// The tables of a list of maps; words without a type are of the default type.
pub fn tables(value: &str, default_type: &str) -> Vec<Table> {
    let table =
        |word: String| Table::of(&word).or_else(|| Table::of(&format!("{default_type}:{word}")));
    words(value).into_iter().filter_map(table).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        for (word, kind) in [
            ("hash:/etc/aliases", Some(Kind::Text)),
            ("proxy:hash:/etc/aliases", Some(Kind::Text)),
            ("lmdb:/etc/postfix/virtual", Some(Kind::Text)),
            ("texthash:virtual", Some(Kind::Unreadable)),
            ("pcre:/etc/postfix/v.pcre", Some(Kind::Patterns)),
            ("proxy:mysql:/etc/postfix/u.cf", Some(Kind::Mysql)),
            ("pgsql:/u.cf", Some(Kind::Postgres)),
            ("sqlite:/u.cf", Some(Kind::Sqlite)),
            ("ldap:/u.cf", Some(Kind::Ldap)),
            // Parameters of main.cf begin with the name (ldap_table(5)).
            ("ldap:accounts", Some(Kind::Unreadable)),
            ("proxy:unix:passwd.byname", Some(Kind::Accounts)),
            ("unix:group.byname", Some(Kind::Unreadable)),
            ("memcache:/x.cf", Some(Kind::Unreadable)),
            ("static:all", Some(Kind::Static)),
            ("example.org", None),
            ("[2001:db8::]/32", None),
            ("127.0.0.0/8", None),
        ] {
            assert_eq!(Table::of(word).map(|table| table.kind), kind, "{word}");
        }
        let inline = Table::of("inline:{ {a.example = smtp:x}, b.example=y }").unwrap();
        let keys: Vec<_> = inline
            .inline_keys()
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(keys, ["a.example", "b.example"]);
    }

    #[test]
    fn lists_have_words_files_and_tables() {
        let found = list("example.org, !a.example /etc/domains hash:/etc/d");
        assert!(matches!(
            found.as_slice(),
            [Word::Plain(_), Word::Not(_), Word::File(_), Word::Table(_)]
        ));
        assert_eq!(tables("/etc/aliases", "hash").len(), 1);
    }
}
