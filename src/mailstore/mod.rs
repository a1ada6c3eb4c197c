//! Reads stored mail, and what is recorded in it of the envelope; and the logs of mail.
//!
//! | module     | what it does, in one sentence |
//! |------------|-------------------------------|
//! | `lz4`      | unpacks Dovecot's LZ4 |
//! | `packed`   | opens a file, and unpacks what is compressed in it |
//! | `folder`   | finds the messages of maildirs and of folders of `.eml` |
//! | `mbox`     | cuts an mbox into messages, in one pass |
//! | `block`    | reads the headers of a message, and the front of its body, within bounds |
//! | `marks`    | what the owner did with a message: where it lies, whether it was read or answered |
//! | `received` | the client that handed a message over, by the `Received` that our own MTA wrote |
//! | [`dmarc`]  | finds DMARC reports in mail and files, and reads them |
//! | `envelope` | MAIL FROM and RCPT TO, as the delivery recorded them |
//! | [`logs`]   | finds the logs of a host, and reads them line by line |
//! | `sent_copy`| the copy of a message that its author keeps, and what shows that it is one |
//!
//! The store is the administrator's own, but strangers wrote the mail in it: what a message can make grow is bounded, and
//! nothing in it ends the run.

mod block;
pub mod dmarc;
mod envelope;
mod folder;
pub mod logs;
mod lz4;
mod marks;
mod mbox;
mod packed;
mod received;
mod sent_copy;

use std::{
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use crate::core::header::Headers;
use block::Block;
pub use block::{Body, BodyLimit};
pub use envelope::{Recorded, recipients, reverse_path};
use folder::Folder;
pub use marks::{FolderKind, Marks};
use mbox::Mbox;
use packed::Source;
pub use received::client;
pub use sent_copy::{NotSent, SentCopy};

/// How much is read from the disk at a time, in octets.
const READ_AT_ONCE: usize = 64 * 1024;

/// A message from the store: its headers, the front of its body, and what else is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Where it lies, for people: its path, or the mbox and its number there (`mail#17`).
    pub name: String,
    /// Its headers.
    pub headers: Headers,
    /// Its headers as they stand in the store, in the main.
    raw_headers: Vec<u8>,
    /// The front of its body.
    pub body: Body,
    /// The `From ` line that stands before it in an mbox, without its end.
    pub from_line: Option<Vec<u8>>,
    /// What the owner did with it.
    pub marks: Marks,
    /// How far the store is read behind it, in the unit of [`MailStore::length`].
    pub position: u64,
}

impl Stored {
    /// Its headers, lines ending in CRLF, without the blank line: as they were signed.
    pub fn raw_headers(&self) -> Vec<u8> {
        let skipped = crate::core::header::preamble(&self.raw_headers);
        let kept = self.raw_headers.get(skipped..).unwrap_or_default();
        let mut raw = Vec::with_capacity(kept.len() + kept.len() / 32);
        for line in kept.split_inclusive(|byte| *byte == b'\n') {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            raw.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
            raw.extend_from_slice(b"\r\n");
        }
        raw
    }
}

/// An entry that is not a message, or can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {why}")]
pub struct Unreadable {
    /// Where it lies, for people.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

/// A maildir, a folder of `.eml`, an mbox, or one message. It gives the messages in order, one at a time.
#[derive(Debug)]
pub struct MailStore {
    path: PathBuf,
    entries: Entries,
    limit: BodyLimit,
}

#[derive(Debug)]
enum Entries {
    Folder(Folder),
    Mbox(Box<Mbox<BufReader<Source>>>),
    Message(Option<BufReader<Source>>),
}

impl MailStore {
    /// Opens the folder or file at this path. A file is an mbox where it begins with a `From ` line. Symbolic links are
    /// followed here, and below only where they lead to files. Of each body as much is read as `limit` says.
    ///
    /// # Errors
    /// It can't be opened, its first octets can't be read, or it is compressed in a way that isn't read here.
    pub fn open(path: &Path, limit: impl Into<BodyLimit>) -> io::Result<Self> {
        let limit = limit.into();
        let entries = if path.metadata()?.is_dir() {
            Entries::Folder(Folder::new(path, limit.clone()))
        } else {
            let mut reader = packed::open(path)?;
            if mbox::is_one(reader.fill_buf()?) {
                Entries::Mbox(Box::new(Mbox::new(path, reader, limit.clone())))
            } else {
                Entries::Message(Some(reader))
            }
        };
        Ok(Self {
            path: path.to_owned(),
            entries,
            limit,
        })
    }

    /// What it is: `folder`, `mbox` or `message`.
    pub fn kind(&self) -> &'static str {
        match self.entries {
            Entries::Folder(_) => "folder",
            Entries::Mbox(_) => "mbox",
            Entries::Message(_) => "message",
        }
    }

    /// How long it is, in octets for an mbox and in messages for everything else; 0 where that can't be known.
    /// A folder is walked for it.
    pub fn length(&self) -> u64 {
        match self.entries {
            Entries::Folder(_) => Folder::new(&self.path, 0).length(),
            Entries::Mbox(_) => self.path.metadata().map_or(0, |file| file.len()),
            Entries::Message(_) => 1,
        }
    }
}

impl Iterator for MailStore {
    type Item = Result<Stored, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.entries {
            Entries::Folder(folder) => folder.next(),
            Entries::Mbox(mbox) => mbox.next(),
            Entries::Message(reader) => {
                let marks = Marks::of_file(&self.path);
                let read = block::of_message(&mut reader.take()?, &self.limit);
                Some(stored(shown(&self.path), read, marks, 1))
            }
        }
    }
}

/// Makes a message of what was read, unless it is not one.
fn stored(
    name: String,
    read: io::Result<(Block, Body)>,
    marks: Marks,
    position: u64,
) -> Result<Stored, Unreadable> {
    let read = read.map_err(|error| error.to_string());
    match read.and_then(|(block, body)| Ok((mail(block.headers())?, block, body))) {
        Ok((headers, block, body)) => Ok(Stored {
            name,
            headers,
            raw_headers: block.into_octets(),
            body,
            from_line: None,
            marks,
            position,
        }),
        Err(why) => Err(Unreadable { name, why }),
    }
}

/// Every mail has one of these, unless it is badly damaged.
const MAIL: [&str; 7] = [
    "From",
    "Date",
    "Received",
    "Return-Path",
    "Message-ID",
    "To",
    "Subject",
];

/// A file that begins with `Note: ...` is not a mail yet.
fn mail(headers: Headers) -> Result<Headers, String> {
    if headers.is_empty() {
        Err("not a mail: it does not begin with a header".to_owned())
    } else if !MAIL.iter().any(|name| headers.has(name)) {
        Err("not a mail: none of its headers is one that mail has".to_owned())
    } else {
        Ok(headers)
    }
}

/// A path for people. The name of a file must not control the terminal.
fn shown(path: &Path) -> String {
    path.display()
        .to_string()
        .chars()
        .map(|character| match character {
            control if control.is_control() => control.escape_default().to_string(),
            other => other.to_string(),
        })
        .collect()
}
