//! Where log lines are: the journal, and files with those that were rotated away.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, UNIX_EPOCH},
};

use crate::{mailstore::open_text, observe::without_priority};

/// The most octets of a line: what is longer is cut.
const MAX_LINE: u64 = 16 * 1024;
/// Files that syslog writes the mail log to.
const DEFAULT_FILES: [&str; 2] = ["/var/log/mail.log", "/var/log/maillog"];

/// A log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// That of systemd: the lines of the daemon's unit, and of the mail facility.
    Journal,
    /// A file, compressed or not.
    File(PathBuf),
}

impl Source {
    /// The logs of this host, the oldest first.
    pub(super) fn of_this_host(since: u64) -> Vec<Self> {
        let files = DEFAULT_FILES
            .iter()
            .flat_map(|file| Self::rotated(Path::new(file), since));
        files.chain([Self::Journal]).collect()
    }

    /// A log file and those that were rotated away, the oldest first, without those that were last written before `since`.
    pub(super) fn rotated(file: &Path, since: u64) -> Vec<Self> {
        let folder = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
            return Vec::new();
        };
        let entries = fs::read_dir(folder.unwrap_or(Path::new(".")))
            .into_iter()
            .flatten();
        let mut found: Vec<(u64, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let ending = entry.file_name().to_str()?.strip_prefix(name)?.to_owned();
                let written = entry.metadata().ok()?.modified().ok()?;
                let written = written
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default()
                    .as_secs();
                (is_rotation(&ending) && written >= since).then(|| (written, entry.path()))
            })
            .collect();
        found.sort();
        found
            .into_iter()
            .map(|(_, path)| Self::File(path))
            .collect()
    }

    /// Its name for people.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Journal => "the journal".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Hands over its lines since then, and what ends it before its end.
    ///
    /// # Errors
    /// It can't be opened or read; where there is no journal, that is no error.
    pub(super) fn read(&self, since: u64, mut line: impl FnMut(&str)) -> io::Result<()> {
        match self {
            Self::File(path) => lines(open_text(path)?, &mut line),
            Self::Journal => {
                let Some(mut journal) = Journal::open(since)? else {
                    return Ok(());
                };
                lines(&mut journal.lines, &mut line)
            }
        }
    }
}

/// Whether a file whose name ends so behind the log's is that log at another time: `.1`, `.2.gz`, `-20261129.zst`.
fn is_rotation(ending: &str) -> bool {
    let packed = ["", ".gz", ".zst", ".bz2", ".xz"];
    let bare = packed
        .iter()
        .rev()
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

/// `journalctl`, which ends with this.
struct Journal {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Journal {
    fn open(since: u64) -> io::Result<Option<Self>> {
        let spawned = Command::new("journalctl")
            .args(["--quiet", "--no-pager", "--output=short-unix"])
            .arg(format!("--since=@{since}"))
            .args(["_SYSTEMD_UNIT=backstop.service", "+", "SYSLOG_FACILITY=2"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let lines = child.stdout.take().map(BufReader::new);
        Ok(lines.map(|lines| Self { child, lines }))
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hands over each line, without its end; octets that are no UTF-8 as `?`.
fn lines(mut log: impl BufRead, line: &mut impl FnMut(&str)) -> io::Result<()> {
    let mut octets = Vec::new();
    loop {
        octets.clear();
        if log.by_ref().take(MAX_LINE).read_until(b'\n', &mut octets)? == 0 {
            return Ok(());
        }
        if octets.last() != Some(&b'\n') {
            skip_line(&mut log)?;
        }
        let text: String = octets
            .trim_ascii_end()
            .utf8_chunks()
            .map(|chunk| match chunk.invalid() {
                [] => chunk.valid().to_owned(),
                _ => format!("{}?", chunk.valid()),
            })
            .collect();
        line(without_priority(&text));
    }
}

fn skip_line(log: &mut impl BufRead) -> io::Result<()> {
    loop {
        let waiting = log.fill_buf()?;
        if waiting.is_empty() {
            return Ok(());
        }
        let end = waiting.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(waiting.len(), |end| end + 1);
        log.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

/// So long before now, in seconds since 1970.
pub(super) fn ago(now: u64, time: Duration) -> u64 {
    now.saturating_sub(time.as_secs())
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

    #[test]
    fn long_lines_are_cut_and_none_is_lost() {
        let log = [b"a\xff\nb".as_slice(), &b"x".repeat(40_000), b"\n\nlast"].concat();
        let mut found = Vec::new();
        lines(&log[..], &mut |line: &str| found.push(line.to_owned())).unwrap();
        assert_eq!(found.len(), 4);
        assert_eq!(
            (&*found[0], found[1].len(), &*found[3]),
            ("a?", 16 * 1024, "last")
        );
    }
}
