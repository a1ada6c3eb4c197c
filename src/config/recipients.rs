//! Turns `recipients:` of `milter.yaml` into the settings of `core` and the lists of `directory`.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::{Error, ErrorKind},
    path::{self as std_path, PathBuf},
};

use super::{
    diagnostic::Mistake,
    directories::{self, Features},
    file::{Entry, File, KnownList},
    findings::Findings,
    outline::Outline,
    path::Path,
};
use crate::{
    core::{
        address::Domain,
        pattern::{AddressPattern, DomainPattern},
        recipients::{Class, ClassAnswer, DomainRecipients, Scope, Scopes},
    },
    directory::{DomainSources, Source},
    server::{Access, refused},
};

/// Makes the settings, and finds the mistakes. Relative paths begin at `folder`.
pub(super) fn of(
    file: &File,
    outline: &Outline,
    folder: &std_path::Path,
    features: Features,
) -> (Vec<DomainRecipients>, Vec<DomainSources>, Vec<Mistake>) {
    let mut reader = Reader {
        file,
        outline,
        folder,
        features,
        scopes: file
            .recipients
            .iter()
            .map(|entry| &entry.domain)
            .enumerate()
            .collect(),
        seen: HashSet::new(),
        findings: Findings::new(outline),
    };
    let (settings, sources) = file
        .recipients
        .iter()
        .enumerate()
        .map(|(index, entry)| reader.entry(index, entry))
        .unzip();
    (settings, sources, reader.findings.into_mistakes())
}

/// Finds the lists that can't be opened. Not part of [`of`], because it looks at the disk.
pub(super) fn unreadable(directories: &[DomainSources], outline: &Outline) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut tried: HashMap<PathBuf, bool> = HashMap::new();
    for (entry, directory) in directories.iter().enumerate() {
        for (index, source) in directory.sources.iter().enumerate() {
            let list = top().index(entry).key("known").index(index);
            let (key, file) = match source {
                Source::Addresses(_) => continue,
                Source::Sql(_) | Source::Ldap(_) => {
                    mistakes.extend(directories::unreadable(source, &list, outline));
                    continue;
                }
                Source::File(file) => ("file", file),
                Source::PostfixMap(file) => ("postfix_map", file),
            };
            if tried.contains_key(file) {
                continue;
            }
            let opened = open(file);
            tried.insert(file.clone(), opened.is_ok());
            if let Err(error) = opened {
                mistakes.push(Mistake::error(
                    outline.value(&list.key(key)),
                    format!(
                        "{} can't be read: {}",
                        file.display(),
                        refused(&error, file, Access::Read)
                    ),
                    "create the file with one address per line, or fix its path or permissions; a relative path begins \
                     at the folder of milter.yaml",
                ));
            }
        }
    }
    mistakes
}

/// Whether a list can be opened.
pub(super) fn open(file: &std_path::Path) -> Result<(), Error> {
    // To open a pipe waits for its writer.
    if !fs::metadata(file)?.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    fs::File::open(file).map(drop)
}

fn in_words(scope: &Scope) -> String {
    match scope {
        Scope::Named(DomainPattern::Itself(domain)) => domain.to_string(),
        Scope::Named(DomainPattern::Below(parent)) => format!("a domain below {parent}"),
        Scope::Others => "a domain without an entry of its own".to_owned(),
    }
}

/// Whether both mean a domain.
fn could_be_for(pattern: &DomainPattern, scope: &Scope) -> bool {
    match (scope, pattern) {
        (Scope::Others, _) => true,
        (Scope::Named(DomainPattern::Itself(domain)), pattern) => pattern.matches(domain),
        (scope, DomainPattern::Itself(domain)) => scope.matches(domain),
        (Scope::Named(DomainPattern::Below(one)), DomainPattern::Below(other)) => {
            one.is_in_line_with(other)
        }
    }
}

/// Finds what is no path of a list.
pub(super) fn list_path(findings: &mut Findings<'_>, path: &Path, file: &std_path::Path) {
    let text = file.to_string_lossy();
    if text.is_empty() {
        findings.error(path, format!("`{path}` is empty"), "use the path of a file");
    } else if let Some((kind, rest)) = text.split_once(':')
        && kind.bytes().all(|byte| byte.is_ascii_lowercase())
    {
        findings.error(
            path,
            format!("`{text}` names a map of the type `{kind}:`, which we can't read"),
            &format!("use the text file from which the map is made: {rest}"),
        );
    } else if [".db", ".lmdb", ".cdb", ".dir", ".pag"]
        .iter()
        .any(|ending| text.ends_with(ending))
    {
        findings.error(
            path,
            format!("`{text}` is a compiled map"),
            "use the text file from which postmap or postalias makes it",
        );
    }
}

fn top() -> Path {
    Path::of(&["recipients"])
}

struct Reader<'a> {
    file: &'a File,
    outline: &'a Outline,
    folder: &'a std_path::Path,
    features: Features,
    scopes: Scopes,
    seen: HashSet<Scope>,
    findings: Findings<'a>,
}

impl Reader<'_> {
    fn entry(&mut self, number: usize, entry: &Entry) -> (DomainRecipients, DomainSources) {
        let path = &top().index(number);
        self.scope(path, &entry.domain);
        let sources: Vec<Source> = entry
            .known
            .iter()
            .enumerate()
            .flat_map(|(index, list)| {
                self.list(
                    &path.key("known").index(index),
                    list,
                    (number, &entry.domain),
                )
            })
            .collect();
        directories::together(&mut self.findings, &path.key("known"), &sources);
        for index in 0..entry.rules.len() {
            let path = path.key("rules").index(index).key("match");
            if self
                .outline
                .scalar(&path)
                .is_some_and(|pattern| pattern.contains('@'))
            {
                self.findings.warning(
                    &path,
                    "this pattern has an `@`, but only the part of an address before the `@` is compared".to_owned(),
                    "use a pattern for the local part alone, such as 'shop-[a-z0-9]+'",
                );
            }
        }
        let (rest, rest_answer) = self.rest(path, entry);
        let settings = DomainRecipients {
            scope: entry.domain.clone(),
            has_lists: !sources.is_empty(),
            rules: entry.rules.clone().into(),
            rest,
            rest_answer,
        };
        let sources = DomainSources {
            scope: entry.domain.clone(),
            sources,
            answers_rest: entry.catch_all.is_some() || entry.unknown.is_some(),
        };
        (settings, sources)
    }

    fn scope(&mut self, path: &Path, scope: &Scope) {
        let path = path.key("domain");
        if !self.seen.insert(scope.clone()) {
            self.findings.error(
                &path,
                format!("`{scope}` already has an entry in `recipients`"),
                "join the two entries; only the first would count",
            );
        }
        let local = &self.file.local;
        match scope {
            Scope::Named(DomainPattern::Itself(domain))
                if local.names_all() && !local.is_ours(domain) =>
            {
                self.findings.error(
                    &path,
                    format!("`{domain}` is not in `local.domains`"),
                    "add it there, or correct it here",
                );
            }
            Scope::Named(below @ DomainPattern::Below(parent))
                if local.names_all() && !local.domains.has_below(parent) =>
            {
                let help = match local.is_ours(parent) {
                    true => format!(
                        "use `domain: {parent}` for {parent} itself, or add the domains below it there"
                    ),
                    false => "add them there, or correct it here".to_owned(),
                };
                self.findings.warning(
                    &path,
                    format!("`{below}` is for no domain: `local.domains` has none below {parent}"),
                    &help,
                );
            }
            Scope::Named(_) | Scope::Others => {}
        }
    }

    fn list(&mut self, path: &Path, list: &KnownList, of: (usize, &Scope)) -> Vec<Source> {
        let KnownList {
            addresses,
            file,
            postfix_map,
            sql,
            ldap,
        } = list;
        let mut sources = Vec::new();
        if let Some(addresses) = addresses {
            for (index, address) in addresses.iter().enumerate() {
                self.address(&path.key("addresses").index(index), address, of);
            }
            sources.push(Source::Addresses(addresses.clone()));
        }
        if let Some(file) = file {
            sources.push(Source::File(self.list_file(&path.key("file"), file)));
        }
        if let Some(map) = postfix_map {
            sources.push(Source::PostfixMap(
                self.list_file(&path.key("postfix_map"), map),
            ));
        }
        if let Some(sql) = sql {
            directories::sql(&mut self.findings, &path.key("sql"), sql, self.features);
            let sql = sql.as_ref().clone().relative_to(self.folder);
            sources.push(Source::Sql(Box::new(sql)));
        }
        if let Some(ldap) = ldap {
            directories::ldap(&mut self.findings, &path.key("ldap"), ldap, self.features);
            let ldap = ldap.as_ref().clone().relative_to(self.folder);
            sources.push(Source::Ldap(Box::new(ldap)));
        }
        self.asks_for_the_domain(path, &sources, of.1);
        match sources.len() {
            1 => {}
            0 => self.findings.error(
                path,
                format!("`{path}` names no list"),
                "use one of the keys addresses, file, postfix_map, sql and ldap",
            ),
            _ => self.findings.error(
                path,
                format!("`{path}` names more than one list"),
                "use a list item (`- `) for each",
            ),
        }
        sources
    }

    /// An entry for many domains whose server is asked for the part before the @ alone: who exists in one exists in all.
    fn asks_for_the_domain(&mut self, path: &Path, sources: &[Source], scope: &Scope) {
        if let Scope::Named(DomainPattern::Itself(_)) = scope {
            return;
        }
        let keys = [("sql", "query"), ("ldap", "filter")];
        for (server, question) in keys {
            let path = path.key(server).key(question);
            if self.outline.has(&path) && sources.iter().any(Source::ignores_domain) {
                self.findings.warning(
                    &path,
                    format!("the entry `{scope}` is for many domains, but this asks for the part before the @ alone, so an address of one domain exists in all"),
                    "use :address or :domain, too; where all these domains share their users, use an entry by name for each",
                );
            }
        }
    }

    fn address(&mut self, path: &Path, address: &AddressPattern, (number, scope): (usize, &Scope)) {
        match address {
            AddressPattern::Local(local)
                if Domain::from_bytes(local)
                    .is_some_and(|domain| self.means_all(&domain, scope)) =>
            {
                self.whole_domain(path);
            }
            AddressPattern::Domain(_) => self.whole_domain(path),
            AddressPattern::Local(_) | AddressPattern::Match(_, None) => {}
            AddressPattern::Mailbox(_, other) => {
                self.domain_of_address(path, other, (number, scope))
            }
            AddressPattern::Match(_, Some(other)) if could_be_for(other, scope) => {}
            AddressPattern::Match(_, Some(other)) => self.findings.error(
                path,
                format!("this pattern is for {other}, but the entry is for {scope}"),
                "move it to the entry of its domain, or remove its `domain`",
            ),
        }
    }

    fn domain_of_address(&mut self, path: &Path, other: &Domain, (number, scope): (usize, &Scope)) {
        let place = self.scopes.find(other);
        if scope.names(other) {
            // It is asked, whoever else has the domain.
        } else if place != Some(number) && scope.matches(other) {
            self.findings.error(
                path,
                format!("this address is in {other}, for which another entry is"),
                "move it to the entry of its domain",
            );
        } else if place != Some(number) {
            self.findings.error(
                path,
                format!("this address is in {other}, but the entry is for {scope}"),
                "move it to the entry of its domain",
            );
        } else if !self.file.local.is_ours(other) {
            self.findings.warning(
                path,
                format!("this address is in {other}, which is not in `local.domains`"),
                "add the domain there, or correct it here",
            );
        }
    }

    /// Whether what stands where a local part belongs is a domain of the entry.
    fn means_all(&self, domain: &Domain, scope: &Scope) -> bool {
        let is_ours = || domain.as_str().contains('.') && self.file.local.is_ours(domain);
        scope.names(domain) || scope.matches(domain) && is_ours()
    }

    fn whole_domain(&mut self, path: &Path) {
        self.findings.error(
            path,
            "this is a whole domain, where single addresses are expected".to_owned(),
            "use `catch_all: {mail: accept, bounces: accept}` to accept addresses that no list has",
        );
    }

    fn list_file(&mut self, path: &Path, file: &std_path::Path) -> PathBuf {
        list_path(&mut self.findings, path, file);
        self.folder.join(file)
    }

    fn rest(&mut self, path: &Path, entry: &Entry) -> (Class, ClassAnswer) {
        let (class, key, answer) = match (entry.catch_all, entry.unknown) {
            (None, None) => return (Class::Unknown, ClassAnswer::default()),
            (Some(answer), None) => (Class::CatchAll, "catch_all", answer),
            (None, Some(answer)) => (Class::Unknown, "unknown", answer),
            (Some(answer), Some(_)) => {
                self.findings.error(
                    &path.key("unknown"),
                    "`catch_all` and `unknown` exclude each other: both are for addresses that no list and no rule has".to_owned(),
                    "use `catch_all` if your MTA accepts mail for every address of the domain, otherwise `unknown`",
                );
                (Class::CatchAll, "catch_all", answer)
            }
        };
        let none_is_known = entry.known.is_empty() && entry.rules.is_empty();
        if none_is_known && answer.mail.action.keeps_out() {
            self.findings.error(
                &path.key(key).key("mail"),
                format!(
                    "no list and no rule has an address in {}, so all its mail would be refused",
                    in_words(&entry.domain)
                ),
                "add a list: `known: [{file: PATH}]`",
            );
        } else if none_is_known && answer.bounces.action.keeps_out() {
            self.findings.warning(
                &path.key(key).key("bounces"),
                format!("no list and no rule has an address in {}, so every bounce to it would be refused", in_words(&entry.domain)),
                "add a list of the addresses that send mail: `known: [{file: PATH}]`",
            );
        }
        (class, answer)
    }
}
