//! Lookup tables that are files, as lists of addresses.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{
    super::{
        facts::List,
        lines::logical_lines,
        machine::Machine,
        table::{Kind, Table},
        text_map::{Keys, patterns},
    },
    keys,
};

/// A table that is no server's.
pub(super) fn of_files(machine: &Machine, table: &Table, place: &str) -> List {
    match table.kind {
        Kind::Text => map(machine, table.path(), &table.written),
        Kind::Patterns => match machine.read(&table.path()) {
            Ok(text) => List::Patterns {
                path: table.path(),
                patterns: patterns(&text),
            },
            Err(why) => unread(table, why),
        },
        Kind::Inline => {
            let pairs = table.inline_keys();
            let pairs = || {
                pairs
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.as_str()))
            };
            List::Inline {
                place: place.to_owned(),
                addresses: pairs().map(|(key, _)| key.to_owned()).collect(),
                keys: Keys::of(pairs()),
            }
        }
        Kind::Accounts => accounts(machine),
        Kind::Static => List::Everybody {
            why: format!("{place} ({table})"),
        },
        _ => unread(table, "a table of this type is not read".to_owned()),
    }
}

/// The text of a table.
pub(super) fn map(machine: &Machine, path: PathBuf, written: &str) -> List {
    match keys(machine, &path) {
        Ok(keys) => List::Map { path, keys },
        Err(why) => List::Unread {
            written: written.to_owned(),
            why,
        },
    }
}

pub(super) fn unread(table: &Table, why: String) -> List {
    List::Unread {
        written: table.written.clone(),
        why,
    }
}

/// The files of these lists that the daemon, a user without any rights, can't read.
pub(super) fn hidden<'a>(machine: &Machine, lists: impl Iterator<Item = &'a List>) -> Vec<String> {
    let mut files: BTreeSet<PathBuf> = BTreeSet::new();
    for list in lists {
        match list {
            List::Map { path, .. } => files.extend([path.clone()]),
            List::Server {
                file,
                kind: Kind::Sqlite,
                ..
            } => files.extend(file.database_file().map(PathBuf::from)),
            _ => {}
        }
    }
    files
        .iter()
        .filter_map(|file| hides(machine, file))
        .collect()
}

fn hides(machine: &Machine, file: &Path) -> Option<String> {
    let shown = file.display();
    if file.starts_with("/home") || file.starts_with("/root") {
        return Some(format!(
            "{shown} is hidden from the daemon by its unit: `systemctl edit backstop`, with [Service], ProtectHome=tmpfs and \
             BindReadOnlyPaths={shown}"
        ));
    }
    let mode =
        |path: &Path| fs::metadata(machine.place(path)).map_or(0o777, |metadata| metadata.mode());
    let folders = file
        .ancestors()
        .skip(1)
        .filter(|folder| folder.parent().is_some());
    let closed = folders.into_iter().find(|folder| mode(folder) & 0o001 == 0);
    let closed = closed.or((mode(file) & 0o004 == 0).then_some(file))?;
    Some(format!(
        "{shown} can't be read by the daemon, because {} has mode {:04o}: give its group access, and add the user backstop to that \
         group",
        closed.display(),
        mode(closed) & 0o7777
    ))
}

/// The accounts of the host, as far as /etc/passwd has them.
pub(super) fn accounts(machine: &Machine) -> List {
    let switch = machine
        .read(Path::new("/etc/nsswitch.conf"))
        .unwrap_or_default();
    let line = switch
        .lines()
        .find_map(|line| line.trim().strip_prefix("passwd:"));
    let mut sources = line.unwrap_or_default().split_whitespace();
    let elsewhere = sources.find(|source| {
        !["files", "compat", "systemd"].contains(source) && !source.starts_with('[')
    });
    List::Accounts {
        elsewhere: elsewhere.map(str::to_owned),
    }
}

/// The keys and values of a text of postmap(1).
pub(super) fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |line: &str| {
        let (key, value) = line.split_once(char::is_whitespace)?;
        Some((key.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let lines = logical_lines(text);
    lines.iter().filter_map(|line| pair(&line.text)).collect()
}
