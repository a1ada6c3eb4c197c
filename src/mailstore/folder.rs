//! Finds the messages of maildirs and of folders of `.eml`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    vec::IntoIter,
};

use super::{Body, Stored, Unreadable, block, marks::Marks, packed, shown, stored};
use crate::core::header::Headers;

/// The endings of message names outside of maildirs.
const MESSAGES: [&[u8]; 5] = [b".eml", b".eml.gz", b".eml.zst", b".eml.bz2", b".eml.xz"];
/// How deep folders are read.
const DEEPEST: usize = 16;

/// The messages below a folder, sorted by name within each folder.
#[derive(Debug)]
pub(super) struct Folder {
    /// The folders that are being read, the outermost first, and what is still to be read of each.
    open: Vec<IntoIter<Found>>,
    read: u64,
    max_body: usize,
}

#[derive(Debug)]
enum Found {
    Folder(PathBuf),
    Message(PathBuf),
    Failed(Unreadable),
}

impl Folder {
    pub(super) fn new(path: &Path, max_body: usize) -> Self {
        Self {
            open: vec![entries(path).into_iter()],
            read: 0,
            max_body,
        }
    }

    /// How many messages there are.
    pub(super) fn length(mut self) -> u64 {
        let mut count = 0;
        while self.find().is_some() {
            count += 1;
        }
        count
    }

    fn find(&mut self) -> Option<Result<PathBuf, Unreadable>> {
        loop {
            let Some(found) = self.open.last_mut()?.next() else {
                self.open.pop();
                continue;
            };
            match found {
                Found::Message(path) => return Some(Ok(path)),
                Found::Failed(unreadable) => return Some(Err(unreadable)),
                Found::Folder(path) if self.open.len() < DEEPEST => {
                    self.open.push(entries(&path).into_iter());
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
        let found = self.find()?;
        self.read += 1;
        Some(found.and_then(|path| {
            let read = read(&path, self.max_body);
            stored(shown(&path), read, Marks::of_file(&path), self.read)
        }))
    }
}

fn read(path: &Path, max_body: usize) -> io::Result<(Headers, Body)> {
    block::of_message(&mut packed::open(path)?, max_body)
}

/// What lies in a folder: everything in the `cur` and `new` of a maildir, elsewhere what is named `.eml`, or `.eml.gz` and
/// the like.
fn entries(path: &Path) -> Vec<Found> {
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
            .filter_map(|path| sort_of(path, in_maildir)),
    );
    found
}

/// Whether the folder is a maildir: only they have both.
fn is_maildir(path: &Path) -> bool {
    path.join("cur").is_dir() && path.join("new").is_dir()
}

/// A link to a folder can lead in a circle, and opening a FIFO waits for its writer: neither is read.
fn sort_of(path: PathBuf, in_maildir: bool) -> Option<Found> {
    if path.is_dir() {
        let is_tmp = path.ends_with("tmp") && path.parent().is_some_and(is_maildir);
        return (!path.is_symlink() && !is_tmp).then_some(Found::Folder(path));
    }
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let name = name.to_ascii_lowercase();
    let is_eml = MESSAGES.iter().any(|ending| name.ends_with(ending));
    let is_hidden = name.starts_with(b".");
    let is_message = if in_maildir { !is_hidden } else { is_eml };
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
