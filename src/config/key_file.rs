//! Reads the key file if nobody else can read it, and writes it so that no key is ever lost.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, fchown},
    path::{Path, PathBuf},
};

use super::{diagnostic::Mistake, outline::Outline, path};
use crate::{
    core::proof::{self, KeyFileError, Keys},
    server::{Access, refused},
};

/// Room for thousands of keys.
const MAX_FILE: u64 = 1 << 20;
/// What an administrator calls 0600.
const PRIVATE: u32 = 0o600;

/// Why a key file can't be used. No text shows its content.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The system reports an error.
    #[error("{} can't be {verb}: {}", .path.display(), refused(.error, .path, Access::Read))]
    System {
        /// The file.
        path: PathBuf,
        /// What we tried, as a participle.
        verb: &'static str,
        /// The error.
        error: io::Error,
    },
    /// Others could read the secrets.
    #[error("{} has mode {mode:04o}, so others can read or write the keys", .path.display())]
    Loose {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is not a key file, or it is damaged.
    #[error("{}, {error}", .path.display())]
    Mangled {
        /// The file.
        path: PathBuf,
        /// Where and how.
        error: KeyFileError,
    },
}

impl Unusable {
    /// How to fix it.
    pub fn help(&self) -> String {
        match self {
            Self::System { path, error, .. } if error.kind() == io::ErrorKind::AlreadyExists => {
                format!(
                    "another `backstop keygen` is running; if none is, one was interrupted: use `rm {}`",
                    path.display()
                )
            }
            Self::System { path, error, .. } if error.kind() == io::ErrorKind::NotFound => {
                format!("use `backstop keygen --file {}` to make it", path.display())
            }
            Self::System { .. } => {
                "use the file that `backstop keygen` made; the user of the daemon must own it".to_owned()
            }
            Self::Loose { path, .. } => format!("use `chmod 600 {}`", path.display()),
            Self::Mangled { .. } => {
                "expected one key per line (id, day, secret, and the day when it was retired); use a copy that \
                 `backstop keygen` wrote"
                    .to_owned()
            }
        }
    }
}

/// Reads the keys.
///
/// # Errors
/// A file that can't be read, that others can read, or that is damaged.
pub fn read(path: &Path) -> Result<Keys, Unusable> {
    let system = |error| system(path, "read", error);
    // To open a pipe waits for its writer.
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
    let read = file.take(MAX_FILE).read_to_string(&mut text);
    read.map_err(system)?;
    Keys::parse(&text).map_err(|error| Unusable::Mangled {
        path: path.to_owned(),
        error,
    })
}

/// Changes the keys of a file, or makes the file. All or nothing: a complete new file replaces the old one, which stays
/// if anything fails. `change` may return an error to cancel. A file that is new, or root's, is given to `owner`, a user and
/// a group.
///
/// # Errors
/// As for [`read`]; a file that can't be written; another process that is writing it.
pub fn change<T, E: From<Unusable>>(
    path: &Path,
    owner: Option<(u32, u32)>,
    change: impl FnOnce(&mut Keys) -> Result<T, E>,
) -> Result<T, E> {
    // Replace the file itself, not a link to it.
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
        .finish(&keys.to_text(), path, is_new, owner)
        .map_err(|error| system(path, "written", error))?;
    Ok(done)
}

/// The new file, beside the one that it replaces. While it exists, no other process can begin one.
struct Draft {
    file: File,
    path: PathBuf,
    /// Whether it has replaced the file. A file with its name is then the draft of another process.
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

    fn finish(
        mut self,
        text: &str,
        path: &Path,
        is_new: bool,
        owner: Option<(u32, u32)>,
    ) -> io::Result<()> {
        let former = match is_new {
            true => None,
            false => Some(fs::metadata(path)?),
        };
        let former = former.map(|former| (former.uid(), former.gid()));
        let kept = former.filter(|(user, _)| *user != 0);
        if let Some((user, group)) = kept.or(owner).or(former) {
            fchown(&self.file, Some(user), Some(group))?;
        }
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()?;
        if is_new {
            // Unlike a rename, a link never replaces a file that another process has made meanwhile.
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
            // If it can't be removed, the next keygen says so.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn system(path: &Path, verb: &'static str, error: io::Error) -> Unusable {
    let path = path.to_owned();
    Unusable::System { path, verb, error }
}

/// Reads the keys that the settings name.
pub(super) fn load(settings: &mut proof::ProofSettings, outline: &Outline) -> Vec<Mistake> {
    let Some(file) = &settings.key_file else {
        return Vec::new();
    };
    let place = outline.value(&path::Path::of(&["proof", "key_file"]));
    match read(file) {
        Err(error) => return vec![Mistake::error(place, error.to_string(), error.help())],
        Ok(keys) => settings.keys = keys,
    }
    let add = format!(
        "use `backstop keygen --file {}` to add a key",
        file.display()
    );
    if settings.keys.is_empty() {
        let message = format!("{} has no key", file.display());
        return vec![Mistake::error(place, message, add)];
    }
    if settings.signs() && settings.keys.signing().is_none() {
        let message = match settings.keys.len() {
            0 => format!(
                "{} has only keys of other programs, so no key can sign",
                file.display()
            ),
            _ => format!(
                "all keys in {} are retired, so no key can sign",
                file.display()
            ),
        };
        return vec![Mistake::error(place, message, add)];
    }
    Vec::new()
}
