//! A folder of pages that is written as a whole: a new one is filled beside it, and takes its place in one step (renameat2(2)
//! with RENAME_EXCHANGE). Whoever reads it sees all of the old pages or all of the new ones, and so does a crash.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{AT_FDCWD, RenameFlags, renameat2},
    unistd::{Uid, syncfs},
};

use super::names;

/// The file that shows that a folder is ours.
const MARKER: &str = ".backstop-pages";
/// What is in it.
const MARK: &str =
    "Backstop writes this folder (backstop report --html-dir), and replaces all of it.\n";
/// The permissions of a new folder. Those of one that is there stay.
const MODE: u32 = 0o750;

/// A folder that is being written.
pub(super) struct Folder {
    target: PathBuf,
    /// Where it is written: beside the target.
    new: PathBuf,
    /// The folder that both are in. As long as it is open, no other run writes here.
    parent: File,
    /// Whether there is one to replace.
    replaces: bool,
    mode: u32,
    /// Its owner and group, where they are not those of this process.
    owner: Option<(u32, u32)>,
    is_done: bool,
}

impl Folder {
    /// Makes an empty one beside the target.
    ///
    /// # Errors
    /// A target that is there, is not empty, and was not written by us; another run at the same time; errors of the system.
    pub fn begin(target: &Path) -> Result<Self, String> {
        let wrong = |why: &str| format!("{} can't be written: {why}", target.display());
        let failed = |error: io::Error| wrong(&error.to_string());
        let name = target
            .file_name()
            .ok_or_else(|| wrong("use the name of a folder"))?;
        let above = target
            .parent()
            .filter(|above| !above.as_os_str().is_empty());
        let above = above.unwrap_or(Path::new("."));
        let parent = File::open(above).map_err(failed)?;
        match parent.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(wrong("another run is writing it")),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let there = match fs::symlink_metadata(target) {
            Ok(there) => Some(there),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        if there.is_some() {
            belongs_to_us(target).map_err(|why| wrong(&why))?;
        }
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(".new");
        let new = above.join(hidden);
        // What a run left that was ended in the middle.
        if fs::symlink_metadata(&new).is_ok() {
            belongs_to_us(&new)
                .map_err(|why| wrong(&format!("{} is in the way: {why}", new.display())))?;
            fs::remove_dir_all(&new).map_err(failed)?;
        }
        let mut builder = DirBuilder::new();
        builder.mode(0o700).create(&new).map_err(failed)?;
        let replaces = there.is_some();
        let mode = there.as_ref().map_or(MODE, |there| there.mode() & 0o7777);
        let own = fs::metadata(&new).map_err(failed)?;
        let owner = there
            .map(|there| (there.uid(), there.gid()))
            .filter(|owner| *owner != (own.uid(), own.gid()));
        let folder = Self {
            target: target.to_owned(),
            new,
            parent,
            replaces,
            mode,
            owner,
            is_done: false,
        };
        folder.write(MARKER, MARK.as_bytes())?;
        Ok(folder)
    }

    /// Writes a file in it.
    ///
    /// # Errors
    /// Those of the system.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), String> {
        let written = || {
            let options = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(self.new.join(name));
            let mut file = options?;
            file.write_all(content)?;
            self.give(&file, self.mode & 0o666)
        };
        written().map_err(|error| self.failed(&format!("{name}: {error}")))
    }

    /// Puts it in the place of the old one. Gives what is left to be said.
    ///
    /// # Errors
    /// Those of the system: then the old one is still there.
    pub fn finish(mut self) -> Result<Option<String>, String> {
        let failed = |error: io::Error| self.failed(&error.to_string());
        let folder = File::open(&self.new).map_err(failed)?;
        self.give(&folder, self.mode).map_err(failed)?;
        // Once for all of them: thousands of files are slow one by one.
        syncfs(&folder).map_err(|error| failed(error.into()))?;
        match self.replaces {
            true => self.exchange()?,
            // It replaces nothing but an empty folder.
            false => fs::rename(&self.new, &self.target).map_err(failed)?,
        }
        let synced = self.parent.sync_all().map_err(failed);
        self.is_done = true;
        synced?;
        if !self.replaces {
            return Ok(None);
        }
        let removed = fs::remove_dir_all(&self.new);
        Ok(removed.err().map(|error| {
            format!(
                "the old pages in {} can't be removed: {error}; the next run tries again",
                self.new.display()
            )
        }))
    }

    fn exchange(&self) -> Result<(), String> {
        let flags = RenameFlags::RENAME_EXCHANGE;
        renameat2(AT_FDCWD, &self.new, AT_FDCWD, &self.target, flags).map_err(|error| {
            let hint = match error {
                nix::errno::Errno::EINVAL | nix::errno::Errno::ENOSYS => {
                    "; its file system can't exchange folders: use one that can (ext4, XFS, Btrfs, tmpfs), or remove the old \
                     folder first"
                }
                _ => "",
            };
            self.failed(&format!("{error}{hint}"))
        })
    }

    /// Gives a file the permissions, and the owner, of the folder that is replaced.
    fn give(&self, file: &File, mode: u32) -> io::Result<()> {
        if let Some((owner, group)) = self.owner {
            // Only root gives files away; their group may be one of ours.
            let owner = Uid::effective().is_root().then_some(owner);
            fchown(file, owner, Some(group))?;
        }
        file.set_permissions(Permissions::from_mode(mode))
    }

    fn failed(&self, why: &str) -> String {
        format!("{} can't be written: {why}", self.target.display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_done {
            // The next run tries it again.
            let _ = fs::remove_dir_all(&self.new);
        }
    }
}

/// Whether a folder is one that we wrote, or an empty one; else why not.
fn belongs_to_us(folder: &Path) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    if !fs::symlink_metadata(folder).map_err(text)?.is_dir() {
        return Err("it is not a folder".to_owned());
    }
    let mut others = Vec::new();
    let mut is_marked = false;
    let mut is_empty = true;
    for entry in fs::read_dir(folder).map_err(text)? {
        let entry = entry.map_err(text)?;
        is_empty = false;
        let (name, is_file) = (
            entry.file_name(),
            entry.file_type().map_err(text)?.is_file(),
        );
        if is_file && name == OsStr::new(MARKER) {
            is_marked = true;
        } else if !is_file || !name.to_str().is_some_and(names::is_ours) {
            others.push(name);
        }
    }
    if is_empty {
        return Ok(());
    }
    match others.first() {
        Some(other) => Err(format!(
            "it has {}, which Backstop did not write; use an empty or a new folder",
            other.display()
        )),
        None if !is_marked => {
            Err("Backstop did not write it; use an empty or a new folder".to_owned())
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
