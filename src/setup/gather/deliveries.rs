//! Where mail goes on that was accepted: lines of tables and forward files, and the files of programs that get mail.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::super::{
    facts::{Deliveries, Entry, Role, TextFile},
    lines::logical_lines,
    machine::Machine,
    table::{Kind, Table},
    text_map::{Pattern, patterns, split},
};

/// The most lines of all tables together.
const MAX_ENTRIES: usize = 200_000;
/// The most files of one folder.
const MAX_FILES: usize = 2000;
/// Longer texts are no settings and no scripts, in octets.
const LONGEST_TEXT: u64 = 1 << 20;

/// What accounts and filters have on any host.
const FILES: [&str; 7] = [
    "/etc/amavisd.conf",
    "/etc/amavisd/amavisd.conf",
    "/etc/amavis/amavisd.conf",
    "/etc/dovecot/dovecot.conf",
    "/etc/dovecot/local.conf",
    "/etc/procmailrc",
    "/var/lib/dovecot/sieve/default.sieve",
];
/// Folders with more of them, which are read in this order.
const FOLDERS: [&str; 4] = [
    "/etc/amavis/conf.d",
    "/etc/dovecot/conf.d",
    "/etc/dovecot/sieve",
    "/var/lib/dovecot/sieve",
];
/// The same in the folders of users.
const OF_USERS: [&str; 2] = [".procmailrc", ".dovecot.sieve"];

/// Collects them.
pub(super) struct Collector<'a> {
    machine: &'a Machine,
    pub(super) found: Deliveries,
}

impl<'a> Collector<'a> {
    pub(super) fn new(machine: &'a Machine) -> Self {
        Self {
            machine,
            found: Deliveries {
                local_names: Some(BTreeSet::new()),
                recipients: Some(BTreeSet::new()),
                ..Deliveries::default()
            },
        }
    }

    /// The lines of a table. One that can't be read is told elsewhere.
    pub(super) fn table(&mut self, table: &Table, role: Role, main: &Path) {
        match table.kind {
            Kind::Text => self.text(&table.path(), role),
            Kind::Patterns if role == Role::Filter => self.filters(&table.path()),
            Kind::Patterns => self.patterns(&table.path(), role),
            Kind::Inline => {
                for (key, value) in table.inline_keys() {
                    self.push(role, main, None, &key, value);
                }
            }
            Kind::Accounts => {}
            _ if role == Role::Alias => self.found.local_names = None,
            _ => {}
        }
    }

    /// The lines of a text of postmap(1), of postalias(1) or of makemap(8).
    pub(super) fn text(&mut self, path: &Path, role: Role) {
        let Ok(text) = self.machine.read(path) else {
            if role == Role::Alias {
                self.found.local_names = None;
            }
            return;
        };
        for line in logical_lines(&text) {
            let (key, value) = split(&line.text);
            let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
            let number = line.lines.first().map(|number| number + 1);
            if role == Role::Alias
                && let Some(names) = &mut self.found.local_names
            {
                names.insert(key.to_ascii_lowercase());
            }
            self.push(role, path, number, key, value);
        }
    }

    /// Adds the keys of a list of recipients.
    pub(super) fn recipients(&mut self, table: &Table) {
        let keys = match table.kind {
            Kind::Inline => Some(
                table
                    .inline_keys()
                    .into_iter()
                    .map(|(key, _)| key)
                    .collect(),
            ),
            Kind::Text => self.machine.read(&table.path()).ok().map(|text| {
                let lines = logical_lines(&text).into_iter();
                lines.map(|line| split(&line.text).0.to_owned()).collect()
            }),
            _ => None,
        };
        let keys: Option<Vec<String>> = keys;
        match (keys, &mut self.found.recipients) {
            (Some(keys), Some(found)) if found.len() < MAX_ENTRIES => {
                found.extend(keys.into_iter().map(|key| key.to_ascii_lowercase()));
            }
            _ => self.found.recipients = None,
        }
    }

    /// Lines such as `/^(.*)@example\.org$/ $1@example.net`: those that are for a whole domain.
    fn patterns(&mut self, path: &Path, role: Role) {
        let text = self.machine.read(path).unwrap_or_default();
        for line in logical_lines(&text) {
            let number = line.lines.first().map(|number| number + 1);
            let value = line.text.split_whitespace().last().unwrap_or_default();
            if let [Pattern::WholeDomain(domain)] = patterns(&line.text).as_slice() {
                self.push(role, path, number, &format!("@{domain}"), value.to_owned());
            }
        }
    }

    /// Lines such as `/pattern/ FILTER smtp:[127.0.0.1]:10024`; the key is the pattern.
    fn filters(&mut self, path: &Path) {
        let text = self.machine.read(path).unwrap_or_default();
        for line in logical_lines(&text) {
            let number = line.lines.first().map(|number| number + 1);
            if let Some((key, value)) = line.text.rsplit_once("FILTER ") {
                let value = format!("FILTER {value}");
                self.push(Role::Filter, path, number, key.trim(), value);
            }
        }
    }

    fn push(&mut self, role: Role, file: &Path, line: Option<usize>, key: &str, value: String) {
        let is_filter = value.trim_start().starts_with("FILTER ");
        if self.found.entries.len() >= MAX_ENTRIES || (role == Role::Filter && !is_filter) {
            return;
        }
        self.found.entries.push(Entry {
            role,
            file: file.to_owned(),
            line,
            key: key.to_ascii_lowercase(),
            value,
        });
    }

    /// The accounts, their forward files, and the files of programs that are in well-known places.
    pub(super) fn host(&mut self, has_other_accounts: bool) {
        if has_other_accounts {
            self.found.local_names = None;
        }
        let accounts = self.machine.read(Path::new("/etc/passwd"));
        for line in accounts.unwrap_or_default().lines().take(MAX_ENTRIES) {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, _, _, _, home, ..] = fields.as_slice() else {
                continue;
            };
            if let Some(names) = &mut self.found.local_names {
                names.insert(name.to_ascii_lowercase());
            }
            if home.starts_with('/') && home.len() > 1 {
                self.user(name, Path::new(home));
            }
        }
        for file in FILES {
            self.program(Path::new(file));
        }
        for folder in FOLDERS {
            for path in self.files(Path::new(folder)) {
                self.program(&path);
            }
        }
    }

    fn user(&mut self, name: &str, home: &Path) {
        let path = home.join(".forward");
        for (number, line) in self.small(&path).unwrap_or_default().lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                self.push(
                    Role::Forward,
                    &path,
                    Some(number + 1),
                    name,
                    line.to_owned(),
                );
            }
        }
        for file in OF_USERS {
            self.program(&home.join(file));
        }
    }

    /// Keeps the text of a file, once.
    pub(super) fn program(&mut self, path: &Path) {
        if self.found.texts.len() >= MAX_FILES
            || self.found.texts.iter().any(|one| one.path == path)
        {
            return;
        }
        if let Some(text) = self.small(path) {
            self.found.texts.push(TextFile {
                path: path.to_owned(),
                text,
            });
        }
    }

    /// The text of a file that is not too long to be one of settings, or a script.
    fn small(&self, path: &Path) -> Option<String> {
        let metadata = fs::metadata(self.machine.place(path)).ok()?;
        if !metadata.is_file() || metadata.len() > LONGEST_TEXT {
            return None;
        }
        let text = self.machine.read(path).ok()?;
        (!text.contains('\0')).then_some(text)
    }

    /// The files of a folder, by their names.
    fn files(&self, folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.machine.place(folder));
        let names = entries.into_iter().flatten().flatten().take(MAX_FILES);
        let mut files: Vec<PathBuf> = names.map(|entry| folder.join(entry.file_name())).collect();
        files.sort();
        files
    }
}
