//! Writes files whole or not at all, with the owner and the permissions that they had.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
};

use sha2::{Digest, Sha256};

/// Who has a file, and who may do what with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ownership {
    pub(super) user: Option<u32>,
    pub(super) group: Option<u32>,
    pub(super) mode: u32,
}

impl Ownership {
    /// Those of a file that is there.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            user: Some(metadata.uid()),
            group: Some(metadata.gid()),
            mode: metadata.mode() & 0o7777,
        })
    }

    /// Those of a new file of the user who runs the command.
    pub(super) fn new(mode: u32) -> Self {
        Self {
            user: None,
            group: None,
            mode,
        }
    }
}

/// Writes a file through another one beside it. A link stays one.
pub(super) fn write(path: &Path, bytes: &[u8], ownership: Ownership) -> Result<(), String> {
    let write = || -> io::Result<()> {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = path.parent().unwrap_or(Path::new("/"));
        // Only its owner can read it until it has its name.
        let mut file = tempfile::Builder::new()
            .prefix(".backstop-")
            .tempfile_in(folder)?;
        file.write_all(bytes)?;
        if ownership.user.is_some() || ownership.group.is_some() {
            chown(file.path(), ownership.user, ownership.group)?;
        }
        file.as_file()
            .set_permissions(Permissions::from_mode(ownership.mode))?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| format!("{} can't be written: {error}", path.display()))
}

/// Makes a folder that only its owner can enter.
pub(super) fn make_private_folder(path: &Path) -> Result<(), String> {
    let make = || {
        fs::create_dir_all(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o700))
    };
    make().map_err(|error| format!("{} can't be made: {error}", path.display()))
}

/// SHA-256, in hexadecimal.
pub(super) fn digest(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}
