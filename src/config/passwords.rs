//! Finds passwords in a `milter.yaml` that everybody can read.

use std::{fs, os::unix::fs::MetadataExt, path as std_path};

use super::{diagnostic::Mistake, file::File, outline::Outline, own_domains, path::Path};
use crate::{
    directory::{DomainSources, Source},
    server::Password,
};

/// A warning for each password in the file at `path`, if others than its owner and group can read that file.
pub(super) fn exposed(
    path: &std_path::Path,
    file: &File,
    directories: &[DomainSources],
    outline: &Outline,
) -> Vec<Mistake> {
    let mode = fs::metadata(path).map_or(0, |metadata| metadata.mode() & 0o7777);
    if mode & 0o004 == 0 {
        return Vec::new();
    }
    let shown = path.display();
    let warning = |key: Path| {
        let message =
            format!("everybody can read this password, because {shown} has mode {mode:04o}");
        let help = format!(
            "use `chgrp backstop {shown} && chmod 640 {shown}`, or `password_file` with a file for the password"
        );
        Mistake::warning(outline.value(&key), message, &help)
    };
    passwords(file, directories)
        .into_iter()
        .map(warning)
        .collect()
}

/// The places of passwords.
fn passwords(file: &File, directories: &[DomainSources]) -> Vec<Path> {
    let is_written = |password: Option<&Password>| matches!(password, Some(Password::Written(_)));
    let mut places = Vec::new();
    if is_written(file.store.password()) {
        places.push(Path::of(&["store"]));
    }
    for (place, list) in &file.local.lists {
        let list_at = own_domains::at(*place);
        if list
            .sql
            .as_ref()
            .is_some_and(|sql| is_written(sql.url.password()))
        {
            places.push(list_at.key("sql").key("url"));
        }
        if list
            .ldap
            .as_ref()
            .is_some_and(|ldap| is_written(ldap.password.as_ref()))
        {
            places.push(list_at.key("ldap").key("password"));
        }
    }
    for (entry, directory) in directories.iter().enumerate() {
        for (index, source) in directory.sources.iter().enumerate() {
            let list = Path::of(&["recipients"])
                .index(entry)
                .key("known")
                .index(index);
            match source {
                Source::Sql(sql) if is_written(sql.url.password()) => {
                    places.push(list.key("sql").key("url"));
                }
                Source::Ldap(ldap) if is_written(ldap.password.as_ref()) => {
                    places.push(list.key("ldap").key("password"));
                }
                _ => {}
            }
        }
    }
    let tenants = Path::of(&["tenants"]);
    if let Some(sql) = &file.tenants.sql
        && is_written(sql.url.password())
    {
        places.push(tenants.key("sql").key("url"));
    }
    if let Some(ldap) = &file.tenants.ldap
        && is_written(ldap.password.as_ref())
    {
        places.push(tenants.key("ldap").key("password"));
    }
    places
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use crate::config;

    const YAML: &str = "\
local: {domains: [example.org]}
store: redis://:s3cret@127.0.0.1/0
recipients:
  - domain: example.org
    known:
      - sql: {url: 'mysql://u:s3cret@127.0.0.1/mail', query: 'SELECT :address'}
      - sql: {url: 'mysql://u@127.0.0.1/mail', query: 'SELECT :address', password_file: pw}
      - ldap: {url: 'ldap://127.0.0.1', bind_dn: cn=x, password: s3cret, base: '', filter: '(mail=:address)'}
tenants:
  allow: [mode]
  sql: {url: 'mysql://u:s3cret@127.0.0.1/mail', query: 'SELECT mode FROM t WHERE d = :domain'}
";

    #[test]
    fn a_password_that_everybody_can_read_gets_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let (file, password) = (folder.path().join("m.yaml"), folder.path().join("pw"));
        let set_mode =
            |path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        std::fs::write(&file, YAML).unwrap();
        std::fs::write(&password, "s3cret\n").unwrap();
        set_mode(&password, 0o640);
        for (mode, lines) in [
            (0o640, vec![]),
            (0o644, vec![2, 6, 8, 11]),
            (0o604, vec![2, 6, 8, 11]),
        ] {
            set_mode(&file, mode);
            let warnings = config::load(&file).unwrap().warnings;
            let shown: Vec<_> = warnings.iter().map(ToString::to_string).collect();
            assert_eq!(shown.len(), lines.len(), "{shown:?}");
            for (shown, line) in shown.iter().zip(lines) {
                let place = format!("m.yaml:{line}:");
                assert!(
                    shown.contains(&place) && shown.contains("chmod 640"),
                    "{shown}"
                );
                assert!(!shown.contains("s3cret"), "{shown}");
            }
        }
    }
}
