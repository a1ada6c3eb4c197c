//! The time at the beginning of a line.

use super::number;

const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// When a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// In seconds since 1970.
    Known(u64),
    /// RFC 3164 section 4.1.2: local time, without the year.
    Local {
        /// 1 to 12.
        month: u8,
        /// 1 to 31.
        day: u8,
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
        /// 0 to 59.
        second: u8,
    },
}

impl Stamp {
    /// Reads the time at the beginning of a line: the time, how it is written, and what follows behind the blank.
    pub(super) fn read(line: &[u8]) -> Option<(Self, &[u8], &[u8])> {
        let first = line.first()?;
        let (stamp, length) = match first {
            b'A'..=b'Z' => local(line)?,
            _ => known(line)?,
        };
        let (written, rest) = line.split_at_checked(length)?;
        Some((stamp, written, rest.strip_prefix(b" ")?))
    }

    /// In seconds since 1970, where the line says that.
    pub fn known(self) -> Option<u64> {
        match self {
            Self::Known(seconds) => Some(seconds),
            Self::Local { .. } => None,
        }
    }
}

/// `Nov  3 12:00:00`, and its length.
fn local(line: &[u8]) -> Option<(Stamp, usize)> {
    let month = MONTHS.iter().position(|month| line.starts_with(month))?;
    let rest = line.get(3..)?.strip_prefix(b" ")?;
    // The day stands in two columns, and in one where blanks were squeezed.
    let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
    let (day, time) = split_at_blank(rest.get(blanks..)?)?;
    let (hour, minute, second) = clock(time.get(..8)?)?;
    let stamp = Stamp::Local {
        month: u8::try_from(month + 1).ok()?,
        day: number(day).filter(|day| (1..=31).contains(day))?,
        hour,
        minute,
        second,
    };
    // Some write fractions of a second, too.
    let fraction = time.get(8..).map_or(0, |rest| {
        let end = rest.iter().position(|byte| *byte == b' ');
        end.unwrap_or(rest.len())
    });
    Some((stamp, 4 + blanks + day.len() + 1 + 8 + fraction))
}

/// `2026-11-28T12:00:00.123+01:00` (RFC 3339 section 5.6; `journalctl` leaves out the colon of the offset), or
/// `1795867200.654321` (`journalctl -o short-unix`), and its length.
fn known(line: &[u8]) -> Option<(Stamp, usize)> {
    let (word, _) = split_at_blank(line)?;
    let seconds = match word.get(4) {
        Some(b'-') => rfc3339(word)?,
        _ => {
            let dot = word.iter().position(|byte| *byte == b'.')?;
            number(word.get(..dot)?)?
        }
    };
    Some((Stamp::Known(seconds), word.len()))
}

fn rfc3339(word: &[u8]) -> Option<u64> {
    let (date, rest) = word.split_at_checked(10)?;
    let rest = rest.strip_prefix(b"T")?;
    let (time, rest) = rest.split_at_checked(8)?;
    let year: u64 = number(date.get(..4)?)?;
    let month: u64 = number(date.get(5..7)?)?;
    let day: u64 = number(date.get(8..)?)?;
    let is_date =
        date.get(7) == Some(&b'-') && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_date || year < 1970 {
        return None;
    }
    let (hour, minute, second) = clock(time)?;
    let seconds = days(year, month, day) * 86_400
        + u64::from(hour) * 3600
        + u64::from(minute) * 60
        + u64::from(second);
    let digits = rest.strip_prefix(b".").map_or(0, |fraction| {
        1 + fraction
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    });
    let (sign, offset) = rest.get(digits..)?.split_first()?;
    let hours = || number::<u64>(offset.get(..2)?);
    let minutes = || {
        let minutes = offset.get(2..)?;
        number::<u64>(minutes.strip_prefix(b":").unwrap_or(minutes))
    };
    let ahead = || Some(hours()? * 3600 + minutes()? * 60);
    match sign {
        b'Z' => offset.is_empty().then_some(seconds),
        b'+' => seconds.checked_sub(ahead()?),
        b'-' => Some(seconds + ahead()?),
        _ => None,
    }
}

/// `12:00:00`. A leap second is its minute's last.
fn clock(time: &[u8]) -> Option<(u8, u8, u8)> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = *time else {
        return None;
    };
    let hour = number(&[h1, h2]).filter(|hour| *hour < 24)?;
    let minute = number(&[m1, m2]).filter(|minute| *minute < 60)?;
    let second = number::<u8>(&[s1, s2]).filter(|second| *second < 61)?;
    Some((hour, minute, second.min(59)))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, whose years are counted from March here.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    // From 0000-03-01 to 1970-01-01 there are 719,468 days.
    (year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1).saturating_sub(719_468)
}

pub(super) fn split_at_blank(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b' ', text)?;
    let (word, rest) = text.split_at_checked(at)?;
    Some((word, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Stamp {
        Stamp::Local {
            month,
            day,
            hour,
            minute,
            second,
        }
    }

    #[test]
    fn times_are_read_in_all_forms() {
        let noon = Stamp::Known(1_795_867_200);
        for (text, stamp) in [
            ("2026-11-28T12:00:00Z", Some(noon)),
            ("2026-11-28T12:00:00.123456Z", Some(noon)),
            ("2026-11-28T12:00:00.123456+00:00", Some(noon)),
            ("2026-11-28T13:30:00+0130", Some(noon)),
            ("2026-11-28T04:00:00-08:00", Some(noon)),
            ("1795867200.654321", Some(noon)),
            ("2024-02-29T00:00:00Z", Some(Stamp::Known(1_709_164_800))),
            ("1970-01-01T00:00:00Z", Some(Stamp::Known(0))),
            ("2000-03-01T00:00:00Z", Some(Stamp::Known(951_868_800))),
            ("2016-12-31T23:59:60Z", Some(Stamp::Known(1_483_228_799))),
            ("Nov 28 12:00:00", Some(at(11, 28, 12, 0, 0))),
            ("Nov  3 02:03:04", Some(at(11, 3, 2, 3, 4))),
            ("Nov 3 02:03:04.567", Some(at(11, 3, 2, 3, 4))),
            ("Dec 31 23:59:60", Some(at(12, 31, 23, 59, 59))),
            ("1970-01-01T00:00:00+01:00", None),
            ("2026-13-28T12:00:00Z", None),
            ("2026-11-28T12:00:00", None),
            ("2026-11-28 12:00:00", None),
            ("2026-11-28T25:00:00Z", None),
            ("2026-11-28T12:00:00+1", None),
            ("1795867200", None),
            ("99999999999999999999.0", None),
            ("Nov 32 12:00:00", None),
            ("Nov 28 24:00:00", None),
            ("Nov 28", None),
            ("Nop 28 12:00:00", None),
            ("-- Boot", None),
            ("", None),
        ] {
            let line = format!("{text} mx tag: text");
            let read = Stamp::read(line.as_bytes());
            let expected = stamp.map(|stamp| (stamp, text.as_bytes(), &b"mx tag: text"[..]));
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn a_day_is_that_of_the_calendar() {
        for seconds in (0..4_000_000_000_u64).step_by(7_654_321) {
            let text = crate::core::moment::rfc3339(seconds);
            assert_eq!(rfc3339(text.as_bytes()), Some(seconds), "{text}");
        }
    }
}
