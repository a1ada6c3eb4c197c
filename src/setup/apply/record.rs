//! What set-ups have written, so that it can be taken back: `setup/1`, `setup/2` beside `milter.yaml`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    edits::Hunk,
    files::{self, Ownership},
};

const RECORD: &str = "record.json";

/// One set-up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// In the order in which they were written.
    pub(super) files: Vec<Written>,
}

/// A file that was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    /// Where it is.
    pub(super) path: PathBuf,
    /// The copy of what was there before; none if there was nothing.
    pub(super) backup: Option<String>,
    /// SHA-256 of what was written.
    pub(super) digest: String,
    /// How the lines differ, where others' lines are beside ours.
    pub(super) hunks: Vec<Hunk>,
}

/// The folder of the records.
pub(super) struct Records(PathBuf);

impl Records {
    /// Those beside this `milter.yaml`.
    pub(super) fn beside(file: &Path) -> Self {
        Self(file.parent().unwrap_or(Path::new("/")).join("setup"))
    }

    /// The numbers that there are, the last one last.
    pub(super) fn numbers(&self) -> Vec<u32> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut numbers: Vec<u32> = entries
            .filter(|entry| entry.path().join(RECORD).exists())
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        numbers.sort_unstable();
        numbers
    }

    pub(super) fn folder(&self, number: u32) -> PathBuf {
        self.0.join(number.to_string())
    }

    /// A record.
    ///
    /// # Errors
    /// It can't be read.
    pub(super) fn read(&self, number: u32) -> Result<Record, String> {
        let path = self.folder(number).join(RECORD);
        let read = || -> io::Result<Record> { Ok(serde_json::from_slice(&fs::read(&path)?)?) };
        read().map_err(|error| format!("{} can't be read: {error}", path.display()))
    }

    /// Writes a record; only its owner can read it.
    ///
    /// # Errors
    /// It can't be written.
    pub(super) fn write(&self, number: u32, record: &Record) -> Result<(), String> {
        let folder = self.folder(number);
        files::make_private_folder(&self.0)?;
        files::make_private_folder(&folder)?;
        let bytes = serde_json::to_vec_pretty(record).map_err(|error| error.to_string())?;
        files::write(&folder.join(RECORD), &bytes, Ownership::new(0o600))
    }

    /// Keeps a copy of a file.
    pub(super) fn keep(&self, number: u32, name: &str, bytes: &[u8]) -> Result<(), String> {
        let folder = self.folder(number);
        files::make_private_folder(&self.0)?;
        files::make_private_folder(&folder)?;
        files::write(&folder.join(name), bytes, Ownership::new(0o600))
    }

    /// Removes a record with its copies, and the folder of all if it was the last.
    pub(super) fn remove(&self, number: u32) -> Result<(), String> {
        let folder = self.folder(number);
        let error = |error: io::Error| format!("{} can't be removed: {error}", folder.display());
        fs::remove_dir_all(&folder).map_err(error)?;
        // If others are left, it stays.
        let _ = fs::remove_dir(&self.0);
        Ok(())
    }

    /// The digest of what a set-up wrote at this path last.
    pub(super) fn digest_of(&self, path: &Path) -> Option<String> {
        let records = self.numbers().into_iter().rev();
        let mut records = records.filter_map(|number| self.read(number).ok());
        records.find_map(|record| {
            let written = record
                .files
                .into_iter()
                .find(|written| written.path == path);
            written.map(|written| written.digest)
        })
    }
}
