//! The files, the programs and the addresses of a host: the only place of this layer that reads them.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use super::{facts::MachineFacts, lines::FileText, mail_log::Writer};

/// How long a program of Postfix may take; it only reads files, or asks a server.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest file that is read, in octets.
const LARGEST_FILE: u64 = 64 << 20;
/// Where programs of the MTA mostly are, for a user without `sbin` in PATH.
const FOLDERS: [&str; 3] = ["", "/usr/sbin", "/usr/local/sbin"];

/// A host, or a folder that has the files of one.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// The folder that is read in place of `/`; programs are not asked then.
    pub root: Option<PathBuf>,
    /// Where main.cf is, if not where Postfix says.
    pub postfix: Option<PathBuf>,
}

impl Machine {
    /// Where a file of the host is.
    pub fn place(&self, path: &Path) -> PathBuf {
        match &self.root {
            Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
            None => path.to_owned(),
        }
    }

    /// The text of a regular file.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn read(&self, path: &Path) -> Result<String, String> {
        let bytes = self.bytes(path).map_err(|error| why(path, &error))?;
        Ok(FileText::of(&bytes).text)
    }

    /// The bytes of a regular file.
    pub(super) fn bytes(&self, path: &Path) -> io::Result<Vec<u8>> {
        let place = self.place(path);
        // Opening a pipe would wait for its writer.
        if !fs::metadata(&place)?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let mut bytes = Vec::new();
        let file = File::open(place)?;
        file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST_FILE {
            return Err(io::Error::other("it is larger than 64 MiB"));
        }
        Ok(bytes)
    }

    /// Whether there is such a file or folder.
    pub fn has(&self, path: &str) -> bool {
        self.place(Path::new(path)).exists()
    }

    /// What `postconf` prints; none where there is no such program, or where only files are read.
    ///
    /// # Errors
    /// It fails, or takes too long.
    pub async fn postconf(&self, arguments: &[&str]) -> Result<Option<String>, String> {
        if self.root.is_some() {
            return Ok(None);
        }
        let folder = self.postfix.as_deref().map(Path::as_os_str);
        let folder = folder.map(|folder| [OsStr::new("-c"), folder]);
        let all = folder.iter().flatten().copied();
        let all: Vec<&OsStr> = all.chain(arguments.iter().map(OsStr::new)).collect();
        run("postconf", &all).await
    }

    /// What a lookup table of Postfix answers; none where it has no such key.
    ///
    /// # Errors
    /// It can't be asked.
    pub async fn postmap(&self, table: &str, key: &str) -> Result<Option<String>, String> {
        if self.root.is_some() {
            return Err("no server is asked for another host".to_owned());
        }
        let folder = self.postfix.as_deref().map(Path::as_os_str);
        let mut all: Vec<&OsStr> =
            folder.map_or_else(Vec::new, |folder| vec![OsStr::new("-c"), folder]);
        all.extend(["-q", key, table].map(OsStr::new));
        let output = output("postmap", &all).await?;
        let output = output.ok_or("there is no `postmap` to ask it with")?;
        let said = FileText::of(&output.stderr).text;
        // A key that is not there and a server that is not there end it alike. Why, the warning before the error says.
        let lines: Vec<&str> = said.lines().collect();
        if let Some(at) = lines.iter().position(|line| line.contains("fatal: ")) {
            let before = at.checked_sub(1).and_then(|before| lines.get(before));
            let why = before.or(lines.get(at)).copied().unwrap_or_default();
            return Err(why
                .trim_start_matches("postmap: ")
                .trim_start_matches("fatal: ")
                .trim_start_matches("warning: ")
                .to_owned());
        }
        let answer = FileText::of(&output.stdout).text.trim().to_owned();
        Ok(Some(answer).filter(|answer| output.status.success() && !answer.is_empty()))
    }

    /// What systemd says of a unit: `NAME=VALUE` lines of the named properties. None where it is not asked, or does not know.
    pub async fn unit_properties(&self, unit: &str, names: &str) -> Option<String> {
        if self.root.is_some() {
            return None;
        }
        let arguments = ["show", unit, "--property", names].map(OsStr::new);
        run("systemctl", &arguments).await.ok()?
    }

    /// The last day of the log of an MTA, line by line, the oldest first: from its file, or from the journal. Whether there
    /// is one.
    pub async fn log_lines(
        &self,
        writer: &Writer,
        maillog_file: &str,
        each: &mut dyn FnMut(&str),
    ) -> bool {
        let has_lines = |text: &str| writer.marks.iter().any(|mark| text.contains(mark));
        let mut files = vec!["/var/log/mail.log", "/var/log/maillog"];
        if !maillog_file.is_empty() && maillog_file.starts_with('/') {
            files.insert(0, maillog_file);
        }
        for file in files {
            let mut text = String::new();
            // What was rotated away last night is older.
            for part in [format!("{file}.1"), file.to_owned()] {
                text.push_str(&self.read(Path::new(&part)).unwrap_or_default());
            }
            if has_lines(&text) {
                last_day(&text).for_each(each);
                return true;
            }
        }
        if self.root.is_some() {
            return false;
        }
        let since = ["--since", "-1d", "--no-pager", "-q", "-n", "500000"];
        let arguments = writer.journal.iter().copied().chain(since);
        let arguments: Vec<&OsStr> = arguments.map(OsStr::new).collect();
        match run("journalctl", &arguments).await {
            Ok(Some(text)) if has_lines(&text) => {
                text.lines().for_each(each);
                true
            }
            _ => false,
        }
    }

    /// Its addresses.
    pub fn facts(&self) -> MachineFacts {
        if self.root.is_some() {
            return MachineFacts {
                has_containers: self.has("/.dockerenv"),
                ..MachineFacts::default()
            };
        }
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let mut addresses = own_v4(&read("/proc/net/fib_trie"));
        addresses.extend(own_v6(&read("/proc/net/if_inet6")));
        let interfaces = fs::read_dir("/sys/class/net")
            .into_iter()
            .flatten()
            .flatten();
        let is_bridge = |name: String| {
            ["docker", "podman", "br-", "cni"]
                .iter()
                .any(|kind| name.starts_with(kind))
        };
        let mut names = interfaces.filter_map(|entry| entry.file_name().into_string().ok());
        MachineFacts {
            addresses,
            gateways: gateways(&read("/proc/net/route")),
            has_containers: names.any(is_bridge)
                || self.has("/.dockerenv")
                || self.has("/run/.containerenv"),
        }
    }

    /// The name of the host.
    pub fn host_name(&self) -> String {
        let name = self.read(Path::new("/etc/hostname")).unwrap_or_default();
        let name = name.trim();
        if name.is_empty() {
            "localhost".to_owned()
        } else {
            name.to_owned()
        }
    }
}

pub(super) fn why(path: &Path, error: &io::Error) -> String {
    format!("{} can't be read: {error}", path.display())
}

/// The standard output of a program that ends well; none where there is none.
async fn run(program: &str, arguments: &[&OsStr]) -> Result<Option<String>, String> {
    let Some(output) = output(program, arguments).await? else {
        return Ok(None);
    };
    if output.status.success() {
        return Ok(Some(FileText::of(&output.stdout).text));
    }
    let said = FileText::of(&output.stderr).text;
    let first = said.lines().next().unwrap_or_default();
    Err(format!("`{program}` ended with {}: {first}", output.status))
}

/// What a program gives; none where there is none.
async fn output(program: &str, arguments: &[&OsStr]) -> Result<Option<Output>, String> {
    for folder in FOLDERS {
        let mut command = Command::new(Path::new(folder).join(program));
        command
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        match timeout(PATIENCE, command.output()).await {
            Ok(Ok(output)) => return Ok(Some(output)),
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(Err(error)) => return Err(format!("`{program}` can't be run: {error}")),
            Err(_elapsed) => {
                return Err(format!(
                    "`{program}` took longer than {} s",
                    PATIENCE.as_secs()
                ));
            }
        }
    }
    Ok(None)
}

/// The lines of the last 24 hours, as far as their times can be told.
fn last_day(text: &str) -> impl Iterator<Item = &str> {
    let newest = text.lines().rev().find_map(minutes).unwrap_or_default();
    let is_recent = move |line: &&str| {
        let age = minutes(line).map_or(0, |minute| newest.saturating_sub(minute));
        age <= 24 * 60
    };
    text.lines().filter(is_recent)
}

/// The minutes since the beginning of a year of 31-day months: enough to compare times of one day.
fn minutes(line: &str) -> Option<u64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let number = |from: usize, to: usize| line.get(from..to)?.trim().parse::<u64>().ok();
    let (month, day, hour, minute) = match line.get(..3).and_then(|month| MONTHS.find(month)) {
        // Nov  3 10:00:00
        Some(at) => (
            u64::try_from(at).ok()? / 3,
            number(4, 6)?,
            number(7, 9)?,
            number(10, 12)?,
        ),
        // 2026-11-03T10:00:00
        None => (
            number(5, 7)?.checked_sub(1)?,
            number(8, 10)?,
            number(11, 13)?,
            number(14, 16)?,
        ),
    };
    Some(((month * 31 + day) * 24 + hour) * 60 + minute)
}

/// The addresses that /proc/net/fib_trie calls local.
fn own_v4(trie: &str) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    let mut last = None;
    for line in trie.lines() {
        if let Some((_, address)) = line.split_once("|-- ") {
            last = address.trim().parse::<Ipv4Addr>().ok();
        } else if line.contains("/32 host LOCAL")
            && let Some(address) = last
            && !found.contains(&IpAddr::V4(address))
        {
            found.push(IpAddr::V4(address));
        }
    }
    found
}

/// Those of /proc/net/if_inet6, whose first word is an address in 32 digits.
fn own_v6(table: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let digits = line.split_whitespace().next()?;
        let bits = u128::from_str_radix(digits, 16).ok()?;
        Some(IpAddr::V6(Ipv6Addr::from(bits)))
    };
    table.lines().filter_map(address).collect()
}

/// The gateways of /proc/net/route: addresses in eight digits, the last octet first.
fn gateways(table: &str) -> Vec<IpAddr> {
    let gateway = |line: &str| {
        let word = line.split_whitespace().nth(2)?;
        let bits = u32::from_str_radix(word, 16).ok()?;
        (bits != 0).then(|| IpAddr::V4(Ipv4Addr::from(bits.swap_bytes())))
    };
    table.lines().skip(1).filter_map(gateway).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_proc() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 192.0.2.2\n        /32 host LOCAL\n     |-- 192.0.2.255\n        /32 link BROADCAST\n";
        assert_eq!(own_v4(trie), ["192.0.2.2".parse::<IpAddr>().unwrap()]);
        let table = "fd000000000000000000000000000002 02 40 00 80     eth0\n";
        assert_eq!(own_v6(table), ["fd00::2".parse::<IpAddr>().unwrap()]);
        let route = "Iface\tDestination\tGateway\neth0\t00000000\t010200C0\t0003\neth0\t000200C0\t00000000\t1\n";
        assert_eq!(gateways(route), ["192.0.2.1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn only_a_day_of_the_log_is_read() {
        for (lines, kept) in [
            (
                &[
                    "Nov  3 10:00:00 a",
                    "Nov  4 09:00:00 b",
                    "Nov  4 11:00:00 c",
                ][..],
                2,
            ),
            (
                &[
                    "2026-11-03T10:00:00.1+01:00 a",
                    "2026-11-04T09:00:00 b",
                    "2026-11-04T11:00:00 c",
                ],
                2,
            ),
            (&["Nov  4 11:00:00 a", "no time", "\u{e9}\u{e9}"], 3),
        ] {
            assert_eq!(last_day(&lines.join("\n")).count(), kept, "{lines:?}");
        }
    }
}
