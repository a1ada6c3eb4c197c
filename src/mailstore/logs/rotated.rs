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
            let is_it = is_rotation(name, entry.file_name().to_str()?);
            let written = fs::metadata(entry.path()).ok()?.modified().ok()?;
            let written = written.duration_since(UNIX_EPOCH).unwrap_or_default();
            let written = written.as_secs();
            (is_it && written >= since).then(|| (written, file.with_file_name(entry.file_name())))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

/// Whether a file is this log, now or at another time: `mail.log.1`, `mail.log.2.gz`, `mail.log-20261129.zst`, and
/// `mail.3.log.xz` where logrotate keeps the `extension`.
fn is_rotation(log: &str, file: &str) -> bool {
    let packed = [".gz", ".zst", ".bz2", ".xz"];
    let file = packed
        .iter()
        .find_map(|end| file.strip_suffix(end))
        .unwrap_or(file);
    let behind = file.strip_prefix(log);
    let within = log.rsplit_once('.').and_then(|(stem, extension)| {
        let rest = file.strip_prefix(stem)?.strip_suffix(extension)?;
        rest.strip_suffix('.')
    });
    file == log || [behind, within].into_iter().flatten().any(is_number)
}

/// A count, a day or a time, behind a dot or a hyphen.
fn is_number(text: &str) -> bool {
    let number = text.strip_prefix(['.', '-']).unwrap_or_default();
    !number.is_empty()
        && number
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_are_those_of_the_log() {
        for (file, is_it) in [
            ("mail.log", true),
            ("mail.log.1", true),
            ("mail.log.2.gz", true),
            ("mail.log.2.xz", true),
            ("mail.log-20261129", true),
            ("mail.log-20261129.zst", true),
            ("mail.log-2026-11-29.bz2", true),
            ("mail.log.20261129-120000.gz", true),
            ("mail.log.gz", true),
            ("mail.1.log", true),
            ("mail.2.log.gz", true),
            ("mail-20261129.log.xz", true),
            ("mail.log.err", false),
            ("mail.log.1.txt", false),
            ("mail.log2", false),
            ("mail.log-", false),
            ("mail.err.log", false),
            ("mail..log", false),
            ("mail1.log", false),
            ("mail.log.log", false),
            ("mail", false),
            ("mail.1", false),
            ("xmail.log.1", false),
        ] {
            assert_eq!(is_rotation("mail.log", file), is_it, "{file}");
        }
        assert!(is_rotation("maillog", "maillog.0.bz2") && !is_rotation("maillog", "mail.1"));
    }
}
