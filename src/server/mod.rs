//! What the servers and files that `milter.yaml` names have in common: their URLs, and passwords that are never shown.

mod password;
mod refused;
mod url;

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

pub use password::Password;
pub use refused::{Access, refused};
pub use url::{Parts, ServerUrl, Target, UrlError, UrlMistake};
pub(crate) use url::{absolute, decoded, is_loopback};

/// The maximum length of a file with a password or certificates, in octets.
const LARGEST_FILE: u64 = 1 << 20;

/// What is in a file that is small.
///
/// # Errors
/// Why it can't be read.
pub fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let read = || -> io::Result<Vec<u8>> {
        // Opening a pipe would wait for its writer.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut bytes = Vec::new();
        let file = File::open(path)?;
        file.take(LARGEST_FILE).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| {
        let why = refused(&error, path, Access::Read);
        format!("{} can't be read: {why}", path.display())
    })
}
