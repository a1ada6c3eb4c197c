//! Entries of the journal as `journalctl --output=export` writes them
//! (<https://systemd.io/JOURNAL_EXPORT_FORMATS/>): fields, and an empty line behind each entry.

use std::io::{self, BufRead, Read};

use super::{
    MAX_LINE,
    line::{self, Found},
};

/// The fields that make a line; `journalctl` adds those that begin with two underscores by itself.
pub(super) const FIELDS: &str = "MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_COMM,_HOSTNAME,_PID";

/// Whether a file that begins like this is one.
pub(super) fn is_one(start: &[u8]) -> bool {
    [&b"__CURSOR="[..], b"__REALTIME_TIMESTAMP="]
        .iter()
        .any(|field| start.starts_with(field))
}

/// Whether a file that begins like this is what `journalctl --output=json` wrote.
pub(super) fn is_json(start: &[u8]) -> bool {
    let field = b"\"__CURSOR\"";
    start.starts_with(b"{") && start.windows(field.len()).any(|part| part == field)
}

/// What a line is made of.
#[derive(Default)]
struct Entry {
    time: Vec<u8>,
    host: Vec<u8>,
    identifier: Vec<u8>,
    command: Vec<u8>,
    syslog_pid: Vec<u8>,
    pid: Vec<u8>,
    message: Option<Vec<u8>>,
}

impl Entry {
    fn field(&mut self, name: &[u8]) -> Option<&mut Vec<u8>> {
        Some(match name {
            b"__REALTIME_TIMESTAMP" => &mut self.time,
            b"_HOSTNAME" => &mut self.host,
            b"SYSLOG_IDENTIFIER" => &mut self.identifier,
            b"_COMM" => &mut self.command,
            b"SYSLOG_PID" => &mut self.syslog_pid,
            b"_PID" => &mut self.pid,
            b"MESSAGE" => self.message.get_or_insert_default(),
            _ => return None,
        })
    }

    /// As `journalctl --output=short-unix` writes it; whether there is something to write.
    fn write(self, line: &mut Vec<u8>) -> bool {
        let micros = self.time.len().checked_sub(6);
        let time = micros.and_then(|at| self.time.split_at_checked(at));
        let (Some(message), Some((seconds, micros))) = (self.message, time) else {
            return false;
        };
        let or = |first: Vec<u8>, second: Vec<u8>| if first.is_empty() { second } else { first };
        line.clear();
        for part in [seconds, b".", micros, b" ", &self.host, b" "] {
            line.extend_from_slice(part);
        }
        line.extend(or(self.identifier, self.command));
        let pid = or(self.syslog_pid, self.pid);
        if !pid.is_empty() {
            line.extend([b"[", pid.as_slice(), b"]"].concat());
        }
        line.extend_from_slice(b": ");
        // It is one line, and what a program wrote in several stays together.
        line.extend(message.into_iter().map(|octet| match octet {
            b'\n' => b' ',
            other => other,
        }));
        true
    }
}

/// Reads an entry, and writes it as a line in place of what is there.
pub(super) fn read(octets: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Found> {
    let mut entry = Entry::default();
    let mut is_long = false;
    loop {
        let found = line::read(octets, line)?;
        if found == Found::End || line.is_empty() {
            if std::mem::take(&mut entry).write(line) {
                let is_cut = line::cut(line) == Found::Cut || is_long;
                return Ok(if is_cut { Found::Cut } else { Found::Whole });
            }
            if found == Found::End {
                return Ok(Found::End);
            }
            is_long = false;
            continue;
        }
        // `-- No entries --`: no name of a field begins so.
        if line.starts_with(b"-- ") {
            continue;
        }
        match line.iter().position(|octet| *octet == b'=') {
            Some(at) => {
                let (name, value) = line.split_at(at);
                if let Some(field) = entry.field(name) {
                    *field = value.iter().skip(1).copied().collect();
                    is_long |= found == Found::Cut;
                }
            }
            None => is_long |= binary(octets, entry.field(line))?,
        }
    }
}

/// Reads the value of a field that has its length before it, as those that are no text do; whether it had to be cut.
fn binary(octets: &mut impl BufRead, field: Option<&mut Vec<u8>>) -> io::Result<bool> {
    let mut length = [0; 8];
    octets.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let kept = match &field {
        Some(_) => length.min(MAX_LINE as u64),
        None => 0,
    };
    if let Some(field) = field {
        field.clear();
        octets.by_ref().take(kept).read_to_end(field)?;
    }
    let is_long = kept > 0 && kept < length;
    let rest = length - kept;
    if io::copy(&mut octets.by_ref().take(rest), &mut io::sink())? < rest {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // The end of the line follows, unless the log ends here.
    io::copy(&mut octets.by_ref().take(1), &mut io::sink())?;
    Ok(is_long)
}
