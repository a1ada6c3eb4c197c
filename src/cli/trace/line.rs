//! A line of a log: when, by which program, and its text. As `journalctl`, syslog and the daemon itself write it.

use crate::{core::moment::rfc3339, maillog};

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// In seconds since 1970; none where the log leaves out the year or the zone.
    pub(super) time: Option<u64>,
    /// The time as the log has it.
    pub(super) stamp: String,
    /// The program, without its process id: `postfix/smtpd`.
    pub(super) program: String,
    /// What it says.
    pub(super) text: String,
}

impl Line {
    /// Reads a line. `None` for one that begins with no time.
    pub(super) fn read(line: &str) -> Option<Self> {
        let line = maillog::Line::read(line.as_bytes())?;
        let text = |octets: &[u8]| str::from_utf8(octets).map(str::to_owned).ok();
        let time = line.stamp.known();
        Some(Self {
            time,
            stamp: match time {
                // `journalctl -o short-unix`.
                Some(time) if !line.written.contains(&b'-') => rfc3339(time),
                _ => text(line.written)?,
            },
            program: text(line.program)?,
            text: text(line.text)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_the_log_has_it() {
        let line = |time, stamp: &str, program: &str| Line {
            time,
            stamp: stamp.to_owned(),
            program: program.to_owned(),
            text: "x: y".to_owned(),
        };
        let noon = Some(1_795_867_200);
        for (text, expected) in [
            (
                "2026-11-28T13:00:00.123+01:00 mx postfix/smtpd[7]: x: y",
                line(noon, "2026-11-28T13:00:00.123+01:00", "postfix/smtpd"),
            ),
            (
                "1795867200.654321 mx postfix/qmgr[7]: x: y",
                line(noon, "2026-11-28T12:00:00Z", "postfix/qmgr"),
            ),
            (
                "Nov  3 12:00:00 mx postfix/cleanup[7]: x: y",
                line(None, "Nov  3 12:00:00", "postfix/cleanup"),
            ),
            (
                "2026-11-28T12:00:00Z INFO  x: y",
                line(noon, "2026-11-28T12:00:00Z", "backstop"),
            ),
        ] {
            assert_eq!(Line::read(text), Some(expected), "{text}");
        }
        assert_eq!(Line::read("-- Boot 0123 --"), None);
    }
}
