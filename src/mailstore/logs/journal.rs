//! `journalctl`, which reads the journal of systemd.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
};

use super::{super::READ_AT_ONCE, export};

/// How much of what it complains about is kept, in octets.
const COMPLAINT: u64 = 1024;

/// How lines begin that are none: how to be rid of a hint, and that this host has no journal.
const NO_COMPLAINT: [&str; 2] = ["Pass -q", "No journal files were found"];

/// The group of those who may read the journal.
const READERS: &str = "systemd-journal";

/// Whether a file that begins like this is one of the journal.
pub(super) fn is_file(start: &[u8]) -> bool {
    start.starts_with(b"LPKSHHRH")
}

/// `journalctl` at work, which ends with this.
pub(super) struct Journal {
    child: Child,
    /// What it writes to its standard error.
    complaint: Option<JoinHandle<String>>,
}

impl Journal {
    /// Has it write what the daemon and the MTA logged since then, in seconds since 1970; none where there is no such program.
    pub(super) fn run(
        since: u64,
        file: Option<&Path>,
    ) -> io::Result<Option<(Self, Box<dyn BufRead + Send>)>> {
        let mut command = Command::new("journalctl");
        command
            .args(["--no-pager", "--output=export"])
            .arg(format!("--output-fields={}", export::FIELDS))
            .arg(format!("--since=@{since}"));
        if let Some(file) = file {
            command.arg("--file").arg(file);
        }
        let spawned = command
            .args(["_SYSTEMD_UNIT=backstop.service", "+", "SYSLOG_FACILITY=2"])
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound && file.is_none() => {
                return Ok(None);
            }
            Err(error) => {
                let why = format!("journalctl, which reads the journal, can't be run: {error}");
                return Err(io::Error::new(error.kind(), why));
            }
        };
        let complaint = child.stderr.take().map(|mut complaint| {
            thread::spawn(move || {
                let mut said = Vec::new();
                // What is not read would stop it.
                let _ = complaint.by_ref().take(COMPLAINT).read_to_end(&mut said);
                let _ = io::copy(&mut complaint, &mut io::sink());
                super::text(&said)
            })
        });
        let octets = child.stdout.take();
        Ok(octets.map(|octets| {
            let octets = BufReader::with_capacity(READ_AT_ONCE, octets);
            (Self { child, complaint }, Box::new(octets) as Box<_>)
        }))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// What it complained about: a user who may not see the lines of others gets those of his own, or none.
    pub(super) fn end(mut self) -> io::Result<()> {
        let status = self.child.wait()?;
        let complaint = self.complaint.take().and_then(|said| said.join().ok());
        let complaint = complaint.unwrap_or_default();
        let complaint: Vec<&str> = complaint
            .lines()
            .map(|line| line.trim().trim_start_matches("Hint: "))
            .filter(|line| !line.is_empty() && !NO_COMPLAINT.iter().any(|no| line.starts_with(no)))
            .collect();
        let complaint = complaint.join(" ");
        let help = match complaint.contains("permission") && !complaint.contains(READERS) {
            true => format!(" Root and users in the group '{READERS}' may read them."),
            false => String::new(),
        };
        match complaint.as_str() {
            "" if status.success() => Ok(()),
            "" => Err(io::Error::other(format!("journalctl: {status}"))),
            some => Err(io::Error::other(format!("journalctl: {some}{help}"))),
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
