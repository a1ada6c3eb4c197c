//! What the owner did with a message: which folder it is in, whether it was read or answered.

use std::{ffi::OsStr, path::Path};

use crate::core::header::Headers;

/// What the owner did with a message. Without a mark, nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Opened: `S` of a maildir, `Status: R` of an mbox.
    pub seen: bool,
    /// Answered: `R` of a maildir, `X-Status: A` of an mbox.
    pub answered: bool,
    /// Marked as important: `F` of either.
    pub flagged: bool,
    /// The folder that it is in.
    pub place: FolderKind,
}

/// What a folder is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderKind {
    /// New mail, or nothing that its name shows.
    Inbox,
    /// Junk.
    Junk,
    /// Deleted mail.
    Trash,
    /// Mail that was put there by hand or by a rule.
    Filed,
}

impl Marks {
    /// The marks by the name of a message's file or of an mbox, and by the folder that it is in.
    pub(super) fn of_file(path: &Path) -> Self {
        let name = name(Some(path));
        // `unique:2,FLAGS`; where a colon can't be in a name, `;` or `!` stands for it.
        let flags = name
            .rsplit_once(":2,")
            .or_else(|| name.rsplit_once(";2,"))
            .or_else(|| name.rsplit_once("!2,"))
            .map_or("", |(_, flags)| flags);
        Self {
            seen: flags.contains('S'),
            answered: flags.contains('R'),
            flagged: flags.contains('F'),
            place: place(path),
        }
    }

    /// The same with the marks that mail programs write into the headers of messages in an mbox.
    pub(super) fn and_of(self, headers: &Headers) -> Self {
        let has = |name: &str, mark: u8| {
            let status = headers.first(name);
            status.is_some_and(|status| status.value().contains(&mark))
        };
        Self {
            seen: self.seen || has("Status", b'R'),
            answered: self.answered || has("X-Status", b'A'),
            flagged: self.flagged || has("X-Status", b'F'),
            place: self.place,
        }
    }
}

fn place(path: &Path) -> FolderKind {
    let folder = path.parent();
    let in_maildir = ["cur", "new"].contains(&name(folder).as_str());
    let holder = if in_maildir {
        folder.and_then(Path::parent)
    } else {
        folder
    };
    let has = |words: &[&str]| {
        let name = name(holder).to_lowercase();
        let file = name_of_mbox(path, in_maildir);
        words
            .iter()
            .any(|word| name.contains(word) || file.contains(word))
    };
    if has(&["junk", "spam"]) {
        FolderKind::Junk
    } else if has(&["trash", "deleted"]) {
        FolderKind::Trash
    } else if in_maildir && is_subfolder(holder) {
        FolderKind::Filed
    } else {
        FolderKind::Inbox
    }
}

/// A maildir's subfolders are in it, as `.Name` (Maildir++) or as `Name`.
fn is_subfolder(maildir: Option<&Path>) -> bool {
    let within = maildir.and_then(Path::parent);
    name(maildir).starts_with('.') || within.is_some_and(|within| within.join("cur").is_dir())
}

/// An mbox is a folder itself. The name of a message's file says nothing, or was chosen by a stranger.
fn name_of_mbox(path: &Path, in_maildir: bool) -> String {
    let is_message = in_maildir || path.extension().is_some_and(|ending| ending == "eml");
    if is_message {
        String::new()
    } else {
        name(Some(path)).to_lowercase()
    }
}

fn name(path: Option<&Path>) -> String {
    let name = path.and_then(Path::file_name).unwrap_or(OsStr::new(""));
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_flags() {
        for (path, flags, place) in [
            ("/m/joe/cur/1.x.host:2,RS", "sa-", FolderKind::Inbox),
            ("/m/joe/new/1.x.host", "---", FolderKind::Inbox),
            ("/m/joe/.Junk/cur/1.x.host:2,", "---", FolderKind::Junk),
            ("/m/joe/.Spam-2024/cur/1;2,FS", "s-f", FolderKind::Junk),
            ("/m/joe/.Trash/cur/1:2,ST", "s--", FolderKind::Trash),
            ("/m/joe/.Lists.rust/cur/1:2,S", "s--", FolderKind::Filed),
            ("/m/spam.mbox", "---", FolderKind::Junk),
            ("/m/inbox", "---", FolderKind::Inbox),
            ("/m/samples/your spam report.eml", "---", FolderKind::Inbox),
            ("/m/spam/1.eml", "---", FolderKind::Junk),
            ("x", "---", FolderKind::Inbox),
        ] {
            let marks = Marks::of_file(Path::new(path));
            let letter = |set, letter| if set { letter } else { '-' };
            let found: String = [
                letter(marks.seen, 's'),
                letter(marks.answered, 'a'),
                letter(marks.flagged, 'f'),
            ]
            .iter()
            .collect();
            assert_eq!((found.as_str(), marks.place), (flags, place), "{path}");
        }
    }

    #[test]
    fn an_mbox_has_them_in_headers() {
        let (headers, _) = Headers::parse(b"Status: RO\nX-Status: AF\n\n");
        let marks = Marks::of_file(Path::new("inbox")).and_of(&headers);
        assert!(marks.seen && marks.answered && marks.flagged);
    }
}
