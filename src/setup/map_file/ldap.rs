//! The files of LDAP tables (ldap_table(5)).

use std::path::PathBuf;

use super::{
    super::{lines::words, sql_query::Key, table::Kind},
    Asked, MapFile,
};
use crate::{
    directory::ldap::{Ldap, LdapUrl, Scope},
    server::{Password, UrlError},
};

impl MapFile {
    /// The filter of a directory, as it stands there.
    pub fn filter(&self) -> &str {
        self.get("query_filter")
            .unwrap_or("(mailacceptinggeneralid=%s)")
    }

    /// The directory, and who asks it.
    ///
    /// # Errors
    /// Why it can't be asked for all keys.
    pub fn directory(&self) -> Result<Ldap, String> {
        let Asked::Ldap {
            url,
            start_tls,
            ca,
            bind_dn,
            base,
            scope,
            ..
        } = self.ldap(Key::Domain)?
        else {
            return Err("it is no directory".to_owned());
        };
        if base.replace("%%", "").contains('%') {
            return Err("its search_base is another for each domain".to_owned());
        }
        let url: LdapUrl = url.parse().map_err(|error: UrlError| error.to_string())?;
        let secret = self.secret(Kind::Ldap).map(|secret| secret.0);
        Ok(Ldap {
            start_tls,
            ca: ca.map(PathBuf::from),
            bind_dn,
            password: secret.map(Password::Written),
            base: base.replace("%%", "%"),
            scope: match scope.as_str() {
                "base" => Scope::Base,
                "one" => Scope::One,
                _ => Scope::Sub,
            },
            ..Ldap::of_url(url).map_err(|error| error.to_string())?
        })
    }

    /// The attributes without which an entry counts for nothing; none where entries are only found by others that they name.
    pub fn result_attributes(&self) -> Option<Vec<String>> {
        if self.get("special_result_attribute").is_some() {
            return None;
        }
        let names = [
            "result_attribute",
            "leaf_result_attribute",
            "terminal_result_attribute",
        ];
        let values = names.iter().filter_map(|name| self.get(name));
        let mut found: Vec<String> = values.flat_map(words).collect();
        if self.get("result_attribute").is_none() {
            found.push("maildrop".to_owned());
        }
        found
            .iter_mut()
            .for_each(|name| name.make_ascii_lowercase());
        Some(found)
    }

    pub(super) fn ldap(&self, key: Key) -> Result<Asked, String> {
        let hosts = words(self.get("server_host").unwrap_or("localhost"));
        let host = hosts.first().map_or("localhost", String::as_str);
        let url = if host.contains("://") {
            host.trim_end_matches('/').to_owned()
        } else {
            match self.get("server_port").filter(|_| !host.contains(':')) {
                Some(port) => format!("ldap://{host}:{port}"),
                None => format!("ldap://{host}"),
            }
        };
        let filter = self.filter();
        Ok(Asked::Ldap {
            start_tls: self.get("start_tls") == Some("yes") && !url.starts_with("ldaps"),
            ca: self.get("tls_ca_cert_file").map(str::to_owned),
            bind_dn: self
                .get("bind_dn")
                .filter(|_| self.binds())
                .map(str::to_owned),
            base: self
                .get("search_base")
                .ok_or("it has no search_base")?
                .to_owned(),
            scope: self.get("scope").unwrap_or("sub").to_owned(),
            filter: ldap_filter(filter, key)?,
            url,
        })
    }
}

/// A filter with `:address` in place of `%s`.
fn ldap_filter(filter: &str, key: Key) -> Result<String, String> {
    let mut found = String::new();
    let mut chars = filter.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            found.push(c);
            continue;
        }
        found.push_str(key.placeholder(chars.next(), "filter")?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ldap::Filter;

    #[test]
    fn ldap_tables_are_asked_in_our_words() {
        let text = "server_host = ldap.example.net\nserver_port = 3890\nsearch_base = ou=x,domain=%d\nbind_dn = cn=v\n\
                    bind_pw = s3cret\nstart_tls = yes\nquery_filter = (&(objectClass=mailUser)(|(mail=%s)(shadow=%u@%d)))\n";
        let file = MapFile::of(text);
        let Asked::Ldap {
            url,
            filter,
            base,
            start_tls,
            bind_dn,
            ..
        } = file.asked(Kind::Ldap, Key::Address).unwrap()
        else {
            panic!("{file:?}");
        };
        url.parse::<LdapUrl>().unwrap();
        filter.parse::<Filter>().unwrap();
        assert_eq!(
            (
                url.as_str(),
                filter.as_str(),
                base.as_str(),
                start_tls,
                bind_dn.as_deref()
            ),
            (
                "ldap://ldap.example.net:3890",
                "(&(objectClass=mailUser)(|(mail=:address)(shadow=:local@:domain)))",
                "ou=x,domain=%d",
                true,
                Some("cn=v")
            )
        );
        assert!(file.secret(Kind::Ldap).is_some());
        assert!(
            MapFile::of("bind = no\nbind_dn = x\nbind_pw = y\n")
                .secret(Kind::Ldap)
                .is_none()
        );
        assert!(MapFile::of("domain = example.org, example.net\n").answers_for("Example.org"));
        assert!(!MapFile::of("domain = example.org\n").answers_for("example.com"));
    }

    #[test]
    fn an_entry_counts_by_what_it_has() {
        let attributes = |text: &str| MapFile::of(text).result_attributes();
        let list = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(attributes(""), list(&["maildrop"]));
        assert_eq!(
            attributes("result_attribute = Mail, uid\n"),
            list(&["mail", "uid"])
        );
        assert_eq!(attributes("special_result_attribute = member\n"), None);
        for (base, is_one) in [
            ("dc=example", true),
            ("dc=50%%", true),
            ("domainName=%s,dc=example", false),
        ] {
            let file = MapFile::of(&format!("search_base = {base}\n"));
            assert_eq!(file.directory().is_ok(), is_one, "{base}");
        }
    }
}
