//! Which files are one log.

use std::{
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

/// A log file and those that were rotated away beside it, the oldest first, without those that were last written before
/// `since`, in seconds since 1970.
pub(super) fn files(file: &Path, since: u64) -> Vec<PathBuf> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
        return Vec::new();
    };
    let entries = fs::read_dir(folder.unwrap_or(Path::new(".")));
    let mut found: Vec<(u64, PathBuf)> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let ending = entry.file_name().to_str()?.strip_prefix(name)?.to_owned();
            let written = fs::metadata(entry.path()).ok()?.modified().ok()?;
            let written = written.duration_since(UNIX_EPOCH).unwrap_or_default();
            let written = written.as_secs();
            (is_rotation(&ending) && written >= since)
                .then(|| (written, file.with_file_name(entry.file_name())))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

/// Whether a file whose name ends so behind the log's is that log at another time: `.1`, `.2.gz`, `-20261129.zst`.
fn is_rotation(ending: &str) -> bool {
    let packed = [".gz", ".zst", ".bz2", ".xz"];
    let bare = packed
        .iter()
        .find_map(|end| ending.strip_suffix(end))
        .unwrap_or(ending);
    let number = bare.strip_prefix(['.', '-']);
    bare.is_empty()
        || number.is_some_and(|number| {
            !number.is_empty()
                && number
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_are_those_of_the_log() {
        for (ending, is_it) in [
            ("", true),
            (".1", true),
            (".2.gz", true),
            (".2.xz", true),
            ("-20261129", true),
            ("-20261129.zst", true),
            ("-2026-11-29.bz2", true),
            (".gz", true),
            (".err", false),
            (".1.txt", false),
            ("2", false),
            ("-", false),
        ] {
            assert_eq!(is_rotation(ending), is_it, "{ending}");
        }
    }
}
