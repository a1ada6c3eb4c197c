//! A line of a log: when, by which program, and its text. As `journalctl`, syslog, `maillog_file` and the daemon write it.

use super::{
    number,
    stamp::{Stamp, split_at_blank},
};

/// The levels in the log of the daemon.
const LEVELS: [&[u8]; 5] = [b"ERROR", b"WARN", b"INFO", b"DEBUG", b"TRACE"];

/// A line of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// When it was written.
    pub stamp: Stamp,
    /// The same as the log has it.
    pub written: &'a [u8],
    /// The host that it is of; empty where the log leaves it out.
    pub host: &'a [u8],
    /// The program, without its process id: `postfix/smtpd`.
    pub program: &'a [u8],
    /// The process, where the line names it.
    pub process: Option<u32>,
    /// What it says.
    pub text: &'a [u8],
}

impl<'a> Line<'a> {
    /// Reads a line. `None` for one that begins with no time, or names no program.
    pub fn read(line: &'a [u8]) -> Option<Self> {
        let (stamp, written, rest) = Stamp::read(without_header(line))?;
        let rest = rest.trim_ascii_start();
        let (first, text) = split_at_blank(rest)?;
        if LEVELS.contains(&first) {
            return Some(Self {
                stamp,
                written,
                host: b"",
                program: b"backstop",
                process: None,
                text: text.trim_ascii_start(),
            });
        }
        // What a program hands to syslog has no host yet, and some write it so.
        let (host, text) = match first.ends_with(b":") {
            true => (&b""[..], rest),
            false => (first, text.trim_ascii_start()),
        };
        let (program, process, text) = tag(text)?;
        Some(Self {
            stamp,
            written,
            host,
            program,
            process,
            text,
        })
    }

    /// The last part of the program's name: `smtpd` of `postfix/submission/smtpd`.
    pub fn service(&self) -> &'a [u8] {
        self.program
            .rsplit(|byte| *byte == b'/')
            .next()
            .unwrap_or(self.program)
    }

    /// The first part of the program's name, by which the instances of Postfix on a host differ: `postfix-out`.
    pub fn instance(&self) -> &'a [u8] {
        self.program
            .split(|byte| *byte == b'/')
            .next()
            .unwrap_or(self.program)
    }
}

/// `postfix/smtpd[7]: text`, or `postfix/smtpd 7 - - text`, as RFC 5424 has it: program, process and text.
fn tag(text: &[u8]) -> Option<(&[u8], Option<u32>, &[u8])> {
    let (tag, rest) = split_at_blank(text)?;
    let Some(tag) = tag.strip_suffix(b":") else {
        let (process, rest) = split_at_blank(rest)?;
        let is_process = process == b"-" || process.iter().all(u8::is_ascii_digit);
        let text = rest.strip_prefix(b"- - ")?;
        return is_process.then_some((tag, number(process), text));
    };
    let Some(at) = memchr::memchr(b'[', tag) else {
        return Some((tag, None, rest));
    };
    let (program, process) = tag.split_at_checked(at)?;
    let process = process
        .strip_prefix(b"[")
        .and_then(|id| id.strip_suffix(b"]"));
    Some((program, process.and_then(number), rest))
}

/// Without `<22>1 `, the priority and version of RFC 5424 section 6.2, or the priority alone.
fn without_header(line: &[u8]) -> &[u8] {
    let priority = line.strip_prefix(b"<").and_then(|rest| {
        let end = rest.iter().take(4).position(|byte| *byte == b'>')?;
        number::<u8>(rest.get(..end)?)?;
        rest.get(end + 1..)
    });
    let line = priority.unwrap_or(line);
    line.strip_prefix(b"1 ").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_logs_are_read() {
        for (line, expected) in [
            (
                "2026-11-28T12:00:00.123Z INFO  id=1a queue_id=-",
                Some(("", "backstop", None, "id=1a queue_id=-")),
            ),
            (
                "2026-11-28T12:00:00.123456+00:00 mx backstop[7]: id=1a",
                Some(("mx", "backstop", Some(7), "id=1a")),
            ),
            (
                "2026-11-28T04:00:00-08:00 mx sm-mta[7]: 4dY: from=a",
                Some(("mx", "sm-mta", Some(7), "4dY: from=a")),
            ),
            (
                "1795867200.654321 mx postfix/qmgr[7]: 4dY: removed",
                Some(("mx", "postfix/qmgr", Some(7), "4dY: removed")),
            ),
            (
                "Nov 28 12:00:00 mx postfix/submission/smtpd[7]: x: y",
                Some(("mx", "postfix/submission/smtpd", Some(7), "x: y")),
            ),
            (
                "Nov  3 12:00:00 mx postfix-out/cleanup[7]: x: y",
                Some(("mx", "postfix-out/cleanup", Some(7), "x: y")),
            ),
            (
                "Nov  3 12:00:00 mx postfix/cleanup: x: y",
                Some(("mx", "postfix/cleanup", None, "x: y")),
            ),
            (
                "Nov  3 12:00:00 mx postfix/cleanup[x]: x: y",
                Some(("mx", "postfix/cleanup", None, "x: y")),
            ),
            (
                "<22>Nov  3 12:00:00 mx postfix/qmgr[7]: x: removed",
                Some(("mx", "postfix/qmgr", Some(7), "x: removed")),
            ),
            (
                "<22>1 2026-11-28T12:00:00Z mx postfix/qmgr 7 - - x: removed",
                Some(("mx", "postfix/qmgr", Some(7), "x: removed")),
            ),
            (
                "Nov 28 12:00:00 sm-mta[7]: 4dY: from=a",
                Some(("", "sm-mta", Some(7), "4dY: from=a")),
            ),
            ("-- Boot 0123 --", None),
            ("Nov 28", None),
            ("", None),
            ("2026-11-28T12:00:00Z mx no tag here", None),
            ("x y z: w", None),
            ("2026-13-28T12:00:00Z mx a: b", None),
        ] {
            let read = Line::read(line.as_bytes());
            let found = read.map(|line| (line.host, line.program, line.process, line.text));
            let expected = expected.map(|(host, program, process, text)| {
                (
                    host.as_bytes(),
                    program.as_bytes(),
                    process,
                    text.as_bytes(),
                )
            });
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn a_program_has_an_instance_and_a_service() {
        for (program, instance, service) in [
            ("postfix/smtpd", "postfix", "smtpd"),
            ("postfix-out/submission/smtpd", "postfix-out", "smtpd"),
            ("sm-mta", "sm-mta", "sm-mta"),
        ] {
            let text = format!("Nov 28 12:00:00 mx {program}[7]: x: y");
            let line = Line::read(text.as_bytes()).unwrap();
            assert_eq!(line.instance(), instance.as_bytes(), "{program}");
            assert_eq!(line.service(), service.as_bytes(), "{program}");
        }
    }
}
