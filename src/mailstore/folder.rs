//! Finds the messages of maildirs and of folders of `.eml`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    vec::IntoIter,
};

use super::{
    Body, Stored, Unreadable,
    block::{self, Block, BodyLimit},
    marks::Marks,
    packed, shown, stored,
};

/// The endings of message names outside of maildirs.
const MESSAGES: [&[u8]; 5] = [b".eml", b".eml.gz", b".eml.zst", b".eml.bz2", b".eml.xz"];
/// How deep folders are read.
const DEEPEST: usize = 16;

/// The messages below a folder, sorted by name within each folder.
#[derive(Debug)]
pub(super) struct Folder {
    paths: Paths,
    read: u64,
    limit: BodyLimit,
}

/// The files below a folder that are messages by their place or name, or that are looked for besides.
#[derive(Debug)]
pub(super) struct Paths {
    /// The folders that are being read, the outermost first, and what is still to be read of each.
    open: Vec<IntoIter<Found>>,
    /// Which names outside of maildirs are looked for besides, in lower case.
    also: fn(&[u8]) -> bool,
}

#[derive(Debug)]
enum Found {
    Folder(PathBuf),
    Message(PathBuf),
    Failed(Unreadable),
}

impl Folder {
    pub(super) fn new(path: &Path, limit: impl Into<BodyLimit>) -> Self {
        Self {
            paths: Paths::new(path, |_| false),
            read: 0,
            limit: limit.into(),
        }
    }

    /// How many messages there are.
    pub(super) fn length(self) -> u64 {
        self.paths.count() as u64
    }
}

impl Paths {
    pub(super) fn new(path: &Path, also: fn(&[u8]) -> bool) -> Self {
        Self {
            open: vec![entries(path, also).into_iter()],
            also,
        }
    }
}

impl Iterator for Paths {
    type Item = Result<PathBuf, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(found) = self.open.last_mut()?.next() else {
                self.open.pop();
                continue;
            };
            match found {
                Found::Message(path) => return Some(Ok(path)),
                Found::Failed(unreadable) => return Some(Err(unreadable)),
                Found::Folder(path) if self.open.len() < DEEPEST => {
                    self.open.push(entries(&path, self.also).into_iter());
                }
                Found::Folder(path) => {
                    return Some(Err(Unreadable {
                        name: shown(&path),
                        why: format!("folders more than {DEEPEST} deep are not read"),
                    }));
                }
            }
        }
    }
}

impl Iterator for Folder {
    type Item = Result<Stored, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.paths.next()?;
        self.read += 1;
        Some(found.and_then(|path| {
            let read = read(&path, &self.limit);
            stored(shown(&path), read, Marks::of_file(&path), self.read)
        }))
    }
}

fn read(path: &Path, limit: &BodyLimit) -> io::Result<(Block, Body)> {
    block::of_message(&mut packed::open(path)?, limit)
}

/// What lies in a folder: everything in the `cur` and `new` of a maildir, elsewhere what is named `.eml`, or `.eml.gz` and
/// the like.
fn entries(path: &Path, also: fn(&[u8]) -> bool) -> Vec<Found> {
    let failed = |error: io::Error| {
        Found::Failed(Unreadable {
            name: shown(path),
            why: error.to_string(),
        })
    };
    let directory = match fs::read_dir(path) {
        Ok(directory) => directory,
        Err(error) => return vec![failed(error)],
    };
    let in_maildir = ["cur", "new"].iter().any(|name| path.ends_with(name))
        && path.parent().is_some_and(is_maildir);
    let mut found = Vec::new();
    let mut paths = Vec::new();
    for entry in directory {
        match entry {
            Ok(entry) => paths.push(entry.path()),
            Err(error) => found.push(failed(error)),
        }
    }
    paths.sort_unstable();
    found.extend(
        paths
            .into_iter()
            .filter_map(|path| sort_of(path, in_maildir, also)),
    );
    found
}

/// Whether the folder is a maildir: only they have both.
fn is_maildir(path: &Path) -> bool {
    path.join("cur").is_dir() && path.join("new").is_dir()
}

/// A link to a folder can lead in a circle, and opening a FIFO waits for its writer: neither is read.
fn sort_of(path: PathBuf, in_maildir: bool, also: fn(&[u8]) -> bool) -> Option<Found> {
    if path.is_dir() {
        let is_tmp = path.ends_with("tmp") && path.parent().is_some_and(is_maildir);
        return (!path.is_symlink() && !is_tmp).then_some(Found::Folder(path));
    }
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let name = name.to_ascii_lowercase();
    let is_eml = MESSAGES.iter().any(|ending| name.ends_with(ending));
    let is_hidden = name.starts_with(b".");
    let is_message = match in_maildir {
        true => !is_hidden,
        false => is_eml || also(&name),
    };
    if !is_message {
        return None;
    }
    match path.metadata() {
        Ok(file) if file.is_file() => Some(Found::Message(path)),
        Ok(_) => None,
        Err(error) => Some(Found::Failed(Unreadable {
            name: shown(&path),
            why: error.to_string(),
        })),
    }
}
