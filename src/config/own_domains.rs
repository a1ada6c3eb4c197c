//! Checks the lists of `local.domains`, and makes the sources of them that `directory` reads.

use std::path::{self as std_path, PathBuf};

use super::{
    diagnostic::{Mistake, Severity},
    directories::{self, Features},
    file::File,
    findings::Findings,
    local::{DomainList, MapWord, PostfixMap},
    outline::Outline,
    path::Path,
    recipients,
};
use crate::{
    directory::domains::DomainSource,
    server::{Access, refused},
};

/// Makes the sources, and finds the mistakes. Relative paths begin at `folder`.
pub(super) fn of(
    file: &File,
    outline: &Outline,
    folder: &std_path::Path,
    features: Features,
) -> (Vec<DomainSource>, Vec<Mistake>) {
    let mut reader = Reader {
        folder,
        features,
        findings: Findings::new(outline),
    };
    let lists = file.local.lists.iter();
    let sources = lists.flat_map(|(place, list)| reader.list(&at(*place), list));
    let sources = sources.collect();
    (sources, reader.findings.into_mistakes())
}

/// The place of an entry of `local.domains`.
pub(super) fn at(place: usize) -> Path {
    Path::of(&["local", "domains"]).index(place)
}

/// Finds what can't be opened now. It is no reason not to start: what was read before counts.
pub(super) fn unreadable(file: &File, outline: &Outline, folder: &std_path::Path) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (place, list) in &file.local.lists {
        let path = at(*place);
        let map = list.postfix_map.iter().flat_map(|map| &map.words);
        let map = map.filter_map(|word| match word {
            MapWord::File(file) => Some(("postfix_map", file)),
            MapWord::Name(_) | MapWord::Wrong { .. } => None,
        });
        let files = list.file.iter().map(|file| ("file", file)).chain(map);
        for (key, file) in files {
            let file = folder.join(file);
            if let Err(error) = recipients::open(&file) {
                mistakes.push(Mistake::warning(
                    outline.value(&path.key(key)),
                    format!(
                        "{} can't be read: {}",
                        file.display(),
                        refused(&error, &file, Access::Read)
                    ),
                    "create the file with one domain per line, or fix its path or permissions; what was read from it before \
                     counts, and without that its domains are not known",
                ));
            }
        }
        for source in servers(list, folder).filter_map(|list| list.server()) {
            let found = directories::unreadable(&source, &path, outline).into_iter();
            mistakes.extend(found.map(|mistake| Mistake {
                severity: Severity::Warning,
                ..mistake
            }));
        }
    }
    mistakes
}

/// The servers of a list.
fn servers(list: &DomainList, folder: &std_path::Path) -> impl Iterator<Item = DomainSource> {
    let sql = list.sql.iter().map(|list| list.as_ref().clone());
    let sql = sql.map(|list| DomainSource::Sql(Box::new(list.relative_to(folder))));
    let ldap = list.ldap.iter().map(|list| list.as_ref().clone());
    let ldap = ldap.map(|list| DomainSource::Ldap(Box::new(list.relative_to(folder))));
    sql.chain(ldap)
}

struct Reader<'a> {
    folder: &'a std_path::Path,
    features: Features,
    findings: Findings<'a>,
}

impl Reader<'_> {
    fn list(&mut self, path: &Path, list: &DomainList) -> Vec<DomainSource> {
        let DomainList {
            file,
            postfix_map,
            sql,
            ldap,
        } = list;
        let count = [
            file.is_some(),
            postfix_map.is_some(),
            sql.is_some(),
            ldap.is_some(),
        ];
        match count.into_iter().filter(|is_there| *is_there).count() {
            1 => {}
            0 => self.findings.error(
                path,
                format!("`{path}` names no list"),
                "use a domain, or one of the keys file, postfix_map, sql and ldap",
            ),
            _ => self.findings.error(
                path,
                format!("`{path}` names more than one list"),
                "use a list item (`- `) for each",
            ),
        }
        let mut sources = Vec::new();
        if let Some(file) = file {
            let path = path.key("file");
            recipients::list_path(&mut self.findings, &path, file);
            sources.push(DomainSource::File(self.place(file)));
        }
        if let Some(map) = postfix_map {
            let files = self.map(&path.key("postfix_map"), map);
            sources.extend(files.into_iter().map(DomainSource::PostfixMap));
        }
        if let Some(sql) = sql {
            directories::sql_list(&mut self.findings, &path.key("sql"), sql, self.features);
        }
        if let Some(ldap) = ldap {
            directories::ldap_list(&mut self.findings, &path.key("ldap"), ldap, self.features);
        }
        sources.extend(servers(list, self.folder));
        sources
    }

    /// The same wherever the command is run: what was kept of a list is found by its path.
    fn place(&self, file: &std_path::Path) -> PathBuf {
        let file = self.folder.join(file);
        std_path::absolute(&file).unwrap_or(file)
    }

    fn map(&mut self, path: &Path, map: &PostfixMap) -> Vec<PathBuf> {
        if map.words.is_empty() {
            self.findings.error(
                path,
                format!("`{path}` is empty"),
                "use the path of a file, or what main.cf has for virtual_mailbox_domains, for example",
            );
        }
        let mut files = Vec::new();
        for word in &map.words {
            match word {
                MapWord::Name(_) => {}
                MapWord::File(file) => {
                    recipients::list_path(&mut self.findings, path, file);
                    files.push(self.place(file));
                }
                MapWord::Wrong { message, help } => {
                    self.findings.error(path, message.clone(), help);
                }
            }
        }
        files
    }
}
