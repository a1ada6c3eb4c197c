//! Checks of `tenants`.

use std::{collections::HashSet, fs, path as std_path};

use super::{
    diagnostic::Mistake,
    directories::{self, Features},
    file::File,
    findings::Findings,
    outline::Outline,
    path::Path,
};
use crate::{
    directory::{
        limits::LONGEST_CACHE_ROWS,
        tenants::{TenantFormat, TenantKey, TenantLdap, TenantSettings},
    },
    server::{Access, refused},
};

/// Finds the mistakes.
pub(super) fn check(file: &File, outline: &Outline, features: Features) -> Vec<Mistake> {
    let mut findings = Findings::new(outline);
    let settings = &file.tenants;
    one_source(&mut findings, settings);
    allowed(&mut findings, settings);
    if let Some(file) = &settings.file {
        format(&mut findings, file);
    }
    if let Some(sql) = &settings.sql {
        let path = top().key("sql");
        directories::sql_server(&mut findings, &path, &sql.server(), "use :domain", features);
        let cache = [("cache", sql.cache, LONGEST_CACHE_ROWS, "1m")];
        directories::times(&mut findings, &path, sql.timeout, &cache);
    }
    if let Some(ldap) = &settings.ldap {
        let path = top().key("ldap");
        directories::ldap_server(&mut findings, &path, &ldap.server(), features);
        let cache = [("cache", ldap.cache, LONGEST_CACHE_ROWS, "1m")];
        directories::times(&mut findings, &path, ldap.timeout, &cache);
        attributes(&mut findings, &path.key("attributes"), ldap, settings);
    }
    findings.into_mistakes()
}

/// Finds unreadable files. Not part of [`check`], because it looks at the disk.
pub(super) fn unreadable(settings: &TenantSettings, outline: &Outline) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    if let Some(source) = settings.server() {
        mistakes.extend(directories::unreadable(&source, &top(), outline));
    }
    if let Some(file) = &settings.file
        && let Err(error) = fs::File::open(file)
    {
        mistakes.push(Mistake::error(
            outline.value(&top().key("file")),
            format!("{} can't be read: {}", file.display(), refused(&error, file, Access::Read)),
            "create it, `{}` in it if no tenant has answers yet, or fix its path or permissions; a relative path begins at \
             the folder of milter.yaml",
        ));
    }
    mistakes
}

fn top() -> Path {
    Path::of(&["tenants"])
}

fn one_source(findings: &mut Findings<'_>, settings: &TenantSettings) {
    let sources = [
        ("file", settings.file.is_some()),
        ("sql", settings.sql.is_some()),
        ("ldap", settings.ldap.is_some()),
    ];
    let mut named = sources.iter().filter(|(_, is_set)| *is_set);
    match (named.next(), named.next()) {
        (None, _) if !settings.allow.is_empty() => findings.error(
            &top(),
            "`tenants` does not say where the answers of tenants stand".to_owned(),
            "add `file: PATH`, `sql: {url: ..., query: ...}` or `ldap: {url: ..., ...}`",
        ),
        (Some((first, _)), Some((second, _))) => findings.error(
            &top().key(second),
            format!("`tenants` has `{first}` and `{second}`, but a tenant has one row"),
            "use one of them",
        ),
        _ => {}
    }
}

fn allowed(findings: &mut Findings<'_>, settings: &TenantSettings) {
    let path = top().key("allow");
    if settings.is_on() && settings.allow.is_empty() {
        let keys = TenantKey::ALL.map(TenantKey::as_str).join(", ");
        findings.error(
            &path,
            "`tenants.allow` names no key, so tenants can set nothing".to_owned(),
            &format!("name those that they may set, some of {keys}: `allow: [mode]`"),
        );
    }
    let mut seen = HashSet::new();
    for (index, key) in settings.allow.iter().enumerate() {
        if !seen.insert(key) {
            findings.error(
                &path.index(index),
                format!("`{}` is there twice", key.as_str()),
                "remove it once",
            );
        }
    }
}

fn format(findings: &mut Findings<'_>, file: &std_path::Path) {
    if TenantFormat::of(file).is_none() {
        findings.error(
            &top().key("file"),
            format!(
                "the name `{}` does not say what is in the file",
                file.display()
            ),
            "use a name that ends in .yaml or in .csv",
        );
    }
}

fn attributes(
    findings: &mut Findings<'_>,
    path: &Path,
    ldap: &TenantLdap,
    settings: &TenantSettings,
) {
    if ldap.attributes.is_empty() {
        findings.error(
            path,
            "there is no attribute to read".to_owned(),
            "name the attribute of each key: `attributes: {mode: backstopMode}`",
        );
    }
    let mut seen = HashSet::new();
    for (key, attribute) in &ldap.attributes {
        let at = path.key(key.as_str());
        if !settings.allow.contains(key) {
            findings.error(
                &at,
                format!("`tenants.allow` does not name `{}`", key.as_str()),
                "add it there, or remove it here",
            );
        }
        if !seen.insert(attribute) {
            findings.error(
                &at,
                format!(
                    "`{}` is the attribute of another key, too",
                    attribute.as_str()
                ),
                "use one attribute for each key",
            );
        }
    }
}
