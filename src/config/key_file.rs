//! The key file: read with care for who else could, written so that no key is ever lost.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, fchown},
    path::{Path, PathBuf},
};

use super::{diagnostic::Mistake, outline::Outline, path};
use crate::core::proof::{self, KeyFileError, Keys};

/// Room for thousands of keys.
const LARGEST_FILE: u64 = 1 << 20;
/// What an administrator calls 0600.
const PRIVATE: u32 = 0o600;

/// Why a key file can't be used; no text shows what is in it.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The system says no.
    #[error("{} can't be {verb}: {error}", .path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// What was tried, as a participle.
        verb: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// Others could read the secrets.
    #[error("{} has mode {mode:04o}, so others can read the keys, or write some", .path.display())]
    Loose {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is no key file, or a damaged one.
    #[error("{}, {error}", .path.display())]
    Mangled {
        /// The file.
        path: PathBuf,
        /// Where and how.
        error: KeyFileError,
    },
}

impl Unusable {
    /// What would mend it.
    pub fn help(&self) -> String {
        match self {
            Self::System { path, error, .. } if error.kind() == io::ErrorKind::AlreadyExists => {
                format!(
                    "another keygen is at work; if none is, one was interrupted: rm {}",
                    path.display()
                )
            }
            Self::System { path, error, .. } if error.kind() == io::ErrorKind::NotFound => {
                format!("`backstop keygen --file {}` makes it", path.display())
            }
            Self::System { .. } => {
                "name the file that `backstop keygen` made; the user that the daemon runs as must own it".to_owned()
            }
            Self::Loose { path, .. } => format!("chmod 600 {}", path.display()),
            Self::Mangled { .. } => {
                "a key is one line: id, day, secret, and the day it was retired, if it was; put back what \
                 `backstop keygen` wrote"
                    .to_owned()
            }
        }
    }
}

/// Reads the keys.
///
/// # Errors
/// A file that can't be read, that others may read, or that is damaged.
pub fn read(path: &Path) -> Result<Keys, Unusable> {
    let system = |error| system(path, "read", error);
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(system)?.is_file() {
        return Err(system(io::Error::other("it is not a regular file")));
    }
    let file = File::open(path).map_err(system)?;
    let mode = file.metadata().map_err(system)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        let path = path.to_owned();
        return Err(Unusable::Loose { path, mode });
    }
    let mut text = String::new();
    let read = file.take(LARGEST_FILE).read_to_string(&mut text);
    read.map_err(system)?;
    Keys::parse(&text).map_err(|error| Unusable::Mangled {
        path: path.to_owned(),
        error,
    })
}

/// Changes the keys of a file, which is made if it isn't there. All or nothing: the old file is replaced by a finished
/// one, and stays if anything fails. `change` says no by an error.
///
/// # Errors
/// As [`read`], a file that can't be written, and another that is writing it.
pub fn change<T, E: From<Unusable>>(
    path: &Path,
    change: impl FnOnce(&mut Keys) -> Result<T, E>,
) -> Result<T, E> {
    // The file itself is replaced, not a link to it.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let draft = Draft::begin(path)?;
    let former = match read(path) {
        Ok(keys) => Some(keys),
        Err(Unusable::System { error, .. }) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let is_new = former.is_none();
    let mut keys = former.unwrap_or_default();
    let done = change(&mut keys)?;
    draft
        .finish(&keys.to_text(), path, is_new)
        .map_err(|error| system(path, "written", error))?;
    Ok(done)
}

/// The file to be, beside the one it replaces; while it is there, nobody else begins one.
struct Draft {
    file: File,
    path: PathBuf,
    /// Whether it has become the file itself. What has its name now would be another's draft.
    renamed: bool,
}

impl Draft {
    fn begin(path: &Path) -> Result<Self, Unusable> {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let path = PathBuf::from(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(PRIVATE)
            .open(&path)
            .map_err(|error| system(&path, "made", error))?;
        Ok(Self {
            file,
            path,
            renamed: false,
        })
    }

    fn finish(mut self, text: &str, path: &Path, is_new: bool) -> io::Result<()> {
        if !is_new {
            let former = fs::metadata(path)?;
            fchown(&self.file, Some(former.uid()), Some(former.gid()))?;
        }
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()?;
        if is_new {
            // Unlike a rename, a link never takes the place of a file that has come up meanwhile.
            fs::hard_link(&self.path, path)?;
        } else {
            fs::rename(&self.path, path)?;
            self.renamed = true;
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.renamed {
            // What can't be removed is told of by the next keygen.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn system(path: &Path, verb: &'static str, error: io::Error) -> Unusable {
    let path = path.to_owned();
    Unusable::System { path, verb, error }
}

/// Reads the keys that the settings name.
pub(super) fn load(settings: &mut proof::Settings, outline: &Outline) -> Vec<Mistake> {
    let Some(file) = &settings.key_file else {
        return Vec::new();
    };
    let place = outline.value(&path::Path::of(&["proof", "key_file"]));
    match read(file) {
        Err(error) => return vec![Mistake::error(place, error.to_string(), error.help())],
        Ok(keys) => settings.keys = keys,
    }
    let add = format!("`backstop keygen --file {}` adds a key", file.display());
    if settings.keys.is_empty() {
        let message = format!("{} holds no key", file.display());
        return vec![Mistake::error(place, message, add)];
    }
    if settings.signs() && settings.keys.signing().is_none() {
        let message = format!(
            "all keys in {} are retired, so nothing can be signed",
            file.display()
        );
        return vec![Mistake::error(place, message, add)];
    }
    Vec::new()
}
