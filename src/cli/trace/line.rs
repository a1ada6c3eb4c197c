//! A line of a log: when, by which program, and its text. As `journalctl`, syslog and the daemon itself write it.

use std::time::UNIX_EPOCH;

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

/// The levels in the log of the daemon.
const LEVELS: [&str; 5] = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl Line {
    /// Reads a line. `None` for one that begins with no time.
    pub(super) fn read(line: &str) -> Option<Self> {
        let (stamp, time, rest) = stamp(line)?;
        let rest = rest.trim_start();
        let (first, text) = rest.split_once(' ')?;
        if LEVELS.contains(&first) {
            return Some(Self {
                time,
                stamp,
                program: "backstop".to_owned(),
                text: text.trim_start().to_owned(),
            });
        }
        // The host, unless Postfix writes its own log (maillog_file has it, too).
        let (tag, text) = text.split_once(": ")?;
        if tag.contains(' ') {
            return None;
        }
        let program = tag.split('[').next().unwrap_or(tag);
        Some(Self {
            time,
            stamp,
            program: program.to_owned(),
            text: text.to_owned(),
        })
    }
}

/// The time at the beginning, as it is and in seconds since 1970, and what follows.
fn stamp(line: &str) -> Option<(String, Option<u64>, &str)> {
    let (first, rest) = line.split_once(' ')?;
    if MONTHS.contains(&first) {
        // `Nov  3 12:00:00`: RFC 3164 section 4.1.2, local time.
        let mut words = rest.trim_start().splitn(3, ' ');
        let (day, time, rest) = (words.next()?, words.next()?, words.next()?);
        let is_time = time.len() >= 8 && time.as_bytes().get(2) == Some(&b':');
        return (day.parse::<u8>().is_ok() && is_time)
            .then(|| (format!("{first} {day} {time}"), None, rest));
    }
    if let Some((seconds, _)) = first.split_once('.')
        && let Ok(seconds) = seconds.parse()
    {
        // `journalctl -o short-unix`.
        return Some((crate::core::moment::rfc3339(seconds), Some(seconds), rest));
    }
    let seconds = rfc3339(first)?;
    Some((first.to_owned(), Some(seconds), rest))
}

/// With any offset (RFC 3339 section 5.6), whose colon `journalctl` leaves out.
fn rfc3339(text: &str) -> Option<u64> {
    let parse = |text: &str| {
        let time = humantime::parse_rfc3339(text).ok()?;
        Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
    };
    if text.ends_with('Z') {
        return parse(text);
    }
    let at = text
        .rfind(['+', '-'])
        .filter(|at| *at > "2026-01-01T".len())?;
    let (local, offset) = text.split_at_checked(at)?;
    let seconds = parse(&format!("{local}Z"))?;
    let digits: String = offset.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = digits.split_at_checked(2)?;
    let ahead = hours.parse::<u64>().ok()? * 3600 + minutes.parse::<u64>().unwrap_or_default() * 60;
    match offset.starts_with('+') {
        true => seconds.checked_sub(ahead),
        false => Some(seconds + ahead),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_logs_are_read() {
        let noon = Some(1_795_867_200);
        for (line, expected) in [
            (
                "2026-11-28T12:00:00.123Z INFO  id=1a queue_id=-",
                Some((noon, "backstop", "id=1a queue_id=-")),
            ),
            (
                "2026-11-28T12:00:00.123456+00:00 mx backstop[7]: id=1a",
                Some((noon, "backstop", "id=1a")),
            ),
            (
                "2026-11-28T13:30:00+0130 mx postfix/smtpd[7]: 4dY: client=a",
                Some((noon, "postfix/smtpd", "4dY: client=a")),
            ),
            (
                "2026-11-28T04:00:00-08:00 mx sm-mta[7]: 4dY: from=a",
                Some((noon, "sm-mta", "4dY: from=a")),
            ),
            (
                "1795867200.654321 mx postfix/qmgr[7]: 4dY: removed",
                Some((noon, "postfix/qmgr", "4dY: removed")),
            ),
            (
                "Nov 28 12:00:00 mx postfix/submission/smtpd[7]: x: y",
                Some((None, "postfix/submission/smtpd", "x: y")),
            ),
            (
                "Nov  3 12:00:00 mx postfix/cleanup[7]: x: y",
                Some((None, "postfix/cleanup", "x: y")),
            ),
            ("-- Boot 0123 --", None),
            ("Nov 28", None),
            ("", None),
            ("2026-11-28T12:00:00Z mx no tag here", None),
            ("x y z: w", None),
            ("2026-13-28T12:00:00Z mx a: b", None),
        ] {
            let read = Line::read(line);
            let found = read
                .as_ref()
                .map(|line| (line.time, line.program.as_str(), line.text.as_str()));
            assert_eq!(found, expected, "{line}");
        }
    }
}
