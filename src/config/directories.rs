//! Checks of `sql` and `ldap` in `recipients[].known` and in `local.domains`.

use std::fs;

use super::{diagnostic::Mistake, findings::Findings, outline::Outline, path::Path};
use crate::{
    core::duration::Duration,
    directory::{
        Source,
        ldap::{Ldap, LdapList},
        limits::{
            LIST_TIMEOUT, LONGEST_CACHE_KNOWN, LONGEST_CACHE_UNKNOWN, LONGEST_LIST_TIMEOUT,
            LONGEST_TIMEOUT, MAX_CONNECTIONS, SHORTEST_TIMEOUT,
        },
        sql::{Sql, SqlList, Tls},
    },
    server::{Access, Password, read_file, refused},
};

/// Which servers this program can ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Features {
    pub(super) sql: bool,
    pub(super) ldap: bool,
}

impl Features {
    /// As it was built.
    pub(super) const BUILT_IN: Self = Self {
        sql: cfg!(feature = "sql"),
        ldap: cfg!(feature = "ldap"),
    };
}

/// Checks a database of recipients.
pub(super) fn sql(findings: &mut Findings<'_>, path: &Path, sql: &Sql, features: Features) {
    let parts = "use :address, :local or :domain";
    sql_server(findings, path, sql, parts, features);
    times(
        findings,
        path,
        sql.timeout,
        &caches(sql.cache_known, sql.cache_unknown),
    );
}

/// Checks a database. `parts` says what can stand in its query.
pub(super) fn sql_server(
    findings: &mut Findings<'_>,
    path: &Path,
    sql: &Sql,
    parts: &str,
    features: Features,
) {
    let at = |key| path.key(key);
    database(findings, path, sql, features);
    if sql.query.has_question_mark() && !sql.url.is_postgres() {
        findings.error(
            &at("query"),
            "no value is put at the `?` in this query".to_owned(),
            parts,
        );
    }
    if sql.connections == 0 || sql.connections > MAX_CONNECTIONS {
        findings.error(
            &at("connections"),
            format!("`{}` is {}", at("connections"), sql.connections),
            &format!("expected 1 to {MAX_CONNECTIONS}; the default, 5, answers thousands of queries a second"),
        );
    }
}

/// Checks a database of domains.
pub(super) fn sql_list(
    findings: &mut Findings<'_>,
    path: &Path,
    list: &SqlList,
    features: Features,
) {
    if let Ok(server) = list.server() {
        database(findings, path, &server, features);
    }
    if list.query.has_question_mark() && !list.url.is_postgres() {
        findings.error(
            &path.key("query"),
            "no value is put at the `?` in this query".to_owned(),
            "use a query for all domains, e.g. SELECT domain FROM domain WHERE active",
        );
    }
    list_timeout(findings, path, list.timeout);
}

/// Checks how a database is reached.
fn database(findings: &mut Findings<'_>, path: &Path, sql: &Sql, features: Features) {
    let at = |key| path.key(key);
    if !features.sql {
        not_built_in(findings, path, "sql");
    }
    if sql.url.password().is_some() && sql.password_file.is_some() {
        findings.error(
            &at("password_file"),
            "there are two passwords, one in the URL and one in a file".to_owned(),
            "use one of them, preferably the file",
        );
    }
    if sql.url.file().is_some() {
        let server = [
            ("password_file", sql.password_file.is_some()),
            ("tls", sql.tls.is_some()),
            ("ca", sql.ca.is_some()),
        ];
        for (key, _) in server.into_iter().filter(|(_, set)| *set) {
            findings.error(
                &at(key),
                format!("`{key}` is for a server, but `url` is a file"),
                "remove it",
            );
        }
    } else if sql.url.has_socket() && sql.tls == Some(Tls::Verify) {
        findings.error(
            &at("tls"),
            "a socket has no TLS, because it doesn't leave this host".to_owned(),
            "remove `tls`, or remove `socket` from the URL",
        );
    } else if sql.ca.is_some() && !sql.is_verified() {
        findings.error(
            &at("ca"),
            "`ca` names the trusted certificates, but there is no TLS".to_owned(),
            "use `tls: verify` with it",
        );
    } else if !sql.is_verified() && !sql.url.is_this_host() {
        findings.warning(
            &at("tls"),
            "the password and the addresses cross the network in cleartext, and another host can pose as the server"
                .to_owned(),
            "use `tls: verify`, with `ca: PATH` for a self-signed certificate",
        );
    }
}

/// Checks an LDAP server with recipients.
pub(super) fn ldap(findings: &mut Findings<'_>, path: &Path, ldap: &Ldap, features: Features) {
    ldap_server(findings, path, ldap, features);
    times(
        findings,
        path,
        ldap.timeout,
        &caches(ldap.cache_known, ldap.cache_unknown),
    );
}

/// Checks an LDAP server with domains.
pub(super) fn ldap_list(
    findings: &mut Findings<'_>,
    path: &Path,
    list: &LdapList,
    features: Features,
) {
    if let Ok(ldap) = list.server() {
        ldap_server(findings, path, &ldap, features);
    }
    list_timeout(findings, path, list.timeout);
}

/// Checks how an LDAP server is reached.
pub(super) fn ldap_server(
    findings: &mut Findings<'_>,
    path: &Path,
    ldap: &Ldap,
    features: Features,
) {
    let at = |key| path.key(key);
    if !features.ldap {
        not_built_in(findings, path, "ldap");
    }
    if ldap.start_tls && !ldap.url.is_clear() {
        findings.error(
            &at("start_tls"),
            format!("`start_tls` is for ldap:, but `url` is {}", ldap.url),
            "remove it",
        );
    }
    if ldap.ca.is_some() && !ldap.start_tls && !ldap.url.is_tls() {
        findings.error(
            &at("ca"),
            "`ca` names the trusted certificates, but there is no TLS".to_owned(),
            "use `start_tls: true` with it, or ldaps: in the URL",
        );
    }
    let secret = match (&ldap.password, &ldap.password_file) {
        (None, None) => None,
        (Some(_), None) => Some("password"),
        (None, Some(_)) => Some("password_file"),
        (Some(_), Some(_)) => {
            findings.error(
                &at("password_file"),
                "there are two passwords, `password` and one in a file".to_owned(),
                "use one of them, preferably the file",
            );
            None
        }
    };
    match (&ldap.bind_dn, secret) {
        (None, Some(key)) => findings.error(
            &at(key),
            "there is a password, but no `bind_dn`".to_owned(),
            "add `bind_dn: ...`, or remove the password to bind anonymously",
        ),
        // RFC 4513 section 5.1.2: servers accept that as an anonymous bind.
        (Some(_), None) if ldap.password.is_none() => findings.error(
            &at("bind_dn"),
            "there is a `bind_dn`, but no password".to_owned(),
            "add `password_file: PATH`, or remove `bind_dn` to bind anonymously",
        ),
        _ => {}
    }
    if matches!(&ldap.password, Some(Password::Written(password)) if password.is_empty()) {
        findings.error(
            &at("password"),
            "the password is empty".to_owned(),
            "use a password or `password_file`, or remove it and `bind_dn` to bind anonymously",
        );
    }
    if ldap.url.is_overheard() && !ldap.start_tls {
        findings.warning(
            &at("url"),
            "queries and answers cross the network in cleartext, and so does the password, if there is one"
                .to_owned(),
            "use `start_tls: true`, or ldaps: in the URL",
        );
    }
}

/// Checks that all directories of one entry answer before the MTA gives up.
pub(super) fn together(findings: &mut Findings<'_>, path: &Path, sources: &[Source]) {
    let timeouts = sources.iter().filter_map(|source| match source {
        Source::Sql(sql) => Some(sql.timeout),
        Source::Ldap(ldap) => Some(ldap.timeout),
        _ => None,
    });
    let timeouts: Vec<std::time::Duration> = timeouts.map(Into::into).collect();
    let sum = Duration::from(timeouts.iter().sum::<std::time::Duration>());
    if timeouts.len() > 1 && sum > LONGEST_TIMEOUT {
        findings.error(
            path,
            format!("the timeouts of the directories here add up to {sum}; the maximum is {LONGEST_TIMEOUT}"),
            "use shorter timeouts, because Postfix waits 30s for a milter",
        );
    }
}

fn list_timeout(findings: &mut Findings<'_>, path: &Path, timeout: Duration) {
    if !(SHORTEST_TIMEOUT..=LONGEST_LIST_TIMEOUT).contains(&timeout) {
        let path = path.key("timeout");
        findings.error(
            &path,
            format!("`{path}` is {timeout}"),
            &format!(
                "expected {SHORTEST_TIMEOUT} to {LONGEST_LIST_TIMEOUT}, because the list is fetched each minute; the default is \
                 {LIST_TIMEOUT}"
            ),
        );
    }
}

/// A key for how long answers count, its value, its maximum, and its default.
pub(super) type Cache = (&'static str, Duration, Duration, &'static str);

fn caches(known: Duration, unknown: Duration) -> [Cache; 2] {
    [
        ("cache_known", known, LONGEST_CACHE_KNOWN, "10m"),
        ("cache_unknown", unknown, LONGEST_CACHE_UNKNOWN, "1m"),
    ]
}

/// Checks how long one question may take, and how long its answers count.
pub(super) fn times(findings: &mut Findings<'_>, path: &Path, timeout: Duration, caches: &[Cache]) {
    let at = |key| path.key(key);
    if !(SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(&timeout) {
        findings.error(
            &at("timeout"),
            format!("`{}` is {timeout}", at("timeout")),
            &format!("expected {SHORTEST_TIMEOUT} to {LONGEST_TIMEOUT}, because Postfix waits 30s for a milter; the default is 3s"),
        );
    }
    for &(key, value, most, default) in caches {
        if value > most {
            findings.error(
                &at(key),
                format!("`{}` is {value}; the maximum is {most}", at(key)),
                &format!(
                    "use less, because changes go unnoticed for that time; the default is {default}"
                ),
            );
        }
    }
}

fn not_built_in(findings: &mut Findings<'_>, path: &Path, feature: &str) {
    findings.error(
        path,
        format!("this backstop was built without `{feature}`"),
        &format!(
            "use a build with the feature `{feature}`; it is on by default: `cargo build --release`"
        ),
    );
}

/// Finds unreadable files that a directory needs.
pub(super) fn unreadable(source: &Source, path: &Path, outline: &Outline) -> Vec<Mistake> {
    let (key, password, ca) = match source {
        Source::Sql(sql) => ("sql", &sql.password_file, &sql.ca),
        Source::Ldap(ldap) => ("ldap", &ldap.password_file, &ldap.ca),
        _ => return Vec::new(),
    };
    let path = path.key(key);
    let mut mistakes = Vec::new();
    if let Some(file) = password
        && let Err(why) = Password::InFile(file.clone()).read()
    {
        let help = "use a file that only our user can read, with the password in its first line";
        mistakes.push(Mistake::error(
            outline.value(&path.key("password_file")),
            why,
            help,
        ));
    }
    if let Some(file) = ca
        && let Err(why) = read_file(file)
    {
        let help = "use a file with certificates in PEM";
        mistakes.push(Mistake::error(outline.value(&path.key("ca")), why, help));
    }
    if let Source::Sql(sql) = source
        && let Some(file) = sql.url.file()
        && let Err(error) = fs::File::open(file)
    {
        let why = format!(
            "{} can't be read: {}",
            file.display(),
            refused(&error, file, Access::ReadDatabase)
        );
        let help =
            "use the database file of the program that manages your recipients; we only read it";
        mistakes.push(Mistake::error(outline.value(&path.key("url")), why, help));
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use super::super::{file_and_outline, recipients};
    use super::*;

    const DIRECTORIES: &str = "
local: {domains: [example.org]}
recipients:
  - domain: example.org
    known:
      - sql: {url: 'postgres://u@127.0.0.1/mail', query: 'SELECT :address'}
      - ldap: {url: 'ldap://127.0.0.1', base: '', filter: '(mail=:address)'}
";

    #[test]
    fn a_small_build_says_what_to_do() {
        let (file, outline) = file_and_outline(DIRECTORIES).unwrap();
        for (sql, ldap, expected) in [
            (true, true, &[][..]),
            (false, true, &["sql"]),
            (true, false, &["ldap"]),
            (false, false, &["sql", "ldap"]),
        ] {
            let folder = std::path::Path::new("");
            let features = Features { sql, ldap };
            let (_, _, mistakes) = recipients::of(&file, &outline, folder, features);
            let shown: Vec<_> = mistakes
                .into_iter()
                .map(|mistake| mistake.found_in("milter.yaml", DIRECTORIES).to_string())
                .collect();
            assert_eq!(shown.len(), expected.len(), "{shown:?}");
            for (shown, feature) in shown.iter().zip(expected) {
                let without = format!("this backstop was built without `{feature}`");
                assert!(shown.contains(&without), "{shown}");
                assert!(
                    shown.contains("on by default: `cargo build --release`"),
                    "{shown}"
                );
            }
        }
    }
}
