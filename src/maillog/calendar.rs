//! Dates the lines of logs that leave out the year.

use jiff::{
    civil::DateTime,
    tz::{Offset, TimeZone},
};

use super::stamp::Stamp;

const DAY: u64 = 86_400;

/// How far a line of the next year goes back in the calendar, in months: less is disorder.
const NEW_YEAR: u8 = 6;

/// Gives the lines of one log their times.
///
/// A line without a year is of the last year in which it is not from after the log was written; and where the log was looked
/// through before, so many years earlier as New Years follow in it.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// No line is later, in seconds since 1970.
    latest: u64,
    zone: TimeZone,
    /// The month of the line before.
    month: Option<u8>,
    /// How many New Years follow.
    new_years: i16,
    /// The last line.
    end: Option<Stamp>,
    /// The year of the last line.
    last_year: Option<i16>,
    minute: Option<Minute>,
}

/// The minute of the line before: many lines are of the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Minute {
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    /// In seconds since 1970.
    begins: u64,
}

impl Calendar {
    /// For a log that was written to last at this time, in seconds since 1970, by a host of this time zone.
    pub fn new(written: u64, zone: TimeZone) -> Self {
        Self {
            // Who wrote it may be some hours ahead, in clock or zone.
            latest: written.saturating_add(DAY),
            zone,
            month: None,
            new_years: 0,
            end: None,
            last_year: None,
            minute: None,
        }
    }

    /// Looks at a line ahead of reading, the oldest first.
    pub fn look(&mut self, stamp: Stamp) {
        let Stamp::Local { month, .. } = stamp else {
            return;
        };
        if self.is_new_year(month) {
            self.new_years = self.new_years.saturating_add(1);
        }
        self.month = Some(month);
        self.end = Some(stamp);
    }

    /// Reading begins, at the line that was looked at first.
    pub fn begin(&mut self) {
        self.month = None;
        self.last_year = self
            .end
            .and_then(|end| self.dated(end))
            .map(|(year, _)| year);
    }

    /// The time of a line, in seconds since 1970. `None` for a day that no year has.
    pub fn time(&mut self, stamp: Stamp) -> Option<u64> {
        let (month, day, hour, minute, second) = match stamp {
            Stamp::Known(seconds) => return Some(seconds),
            Stamp::Local {
                month,
                day,
                hour,
                minute,
                second,
            } => (month, day, hour, minute, second),
        };
        if self.is_new_year(month) {
            self.new_years = self.new_years.saturating_sub(1).max(0);
        }
        self.month = Some(month);
        let is_same = |last: &Minute| {
            (last.month, last.day, last.hour, last.minute) == (month, day, hour, minute)
        };
        let begins = match self.minute.filter(is_same) {
            Some(last) => last.begins,
            None => self.dated(stamp)?.1,
        };
        self.minute = Some(Minute {
            month,
            day,
            hour,
            minute,
            begins,
        });
        Some(begins + u64::from(second))
    }

    fn is_new_year(&self, month: u8) -> bool {
        self.month
            .is_some_and(|before| before >= month.saturating_add(NEW_YEAR))
    }

    /// The year of a line, and when its minute begins.
    fn dated(&self, stamp: Stamp) -> Option<(i16, u64)> {
        let Stamp::Local {
            month,
            day,
            hour,
            minute,
            ..
        } = stamp
        else {
            return None;
        };
        let latest = jiff::Timestamp::from_second(i64::try_from(self.latest).ok()?).ok()?;
        // Where the host is, the next year can have begun.
        let year = Offset::UTC.to_datetime(latest).year() + 1;
        let last = self
            .last_year
            .map_or(year, |last| year.min(last - self.new_years));
        let [month, day, hour, minute] =
            [month, day, hour, minute].map(|part| i8::try_from(part).ok());
        let (month, day, hour, minute) = (month?, day?, hour?, minute?);
        // Eight years have a 29th of February, in any century.
        (last - 8..=last).rev().find_map(|year| {
            let time = DateTime::new(year, month, day, hour, minute, 0, 0).ok()?;
            let time = time.to_zoned(self.zone.clone()).ok()?;
            let seconds = u64::try_from(time.timestamp().as_second()).ok()?;
            (seconds <= self.latest).then_some((year, seconds))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{core::moment::rfc3339, maillog::Line};

    fn dated(written: &str, zone: i8, line: &str) -> Option<String> {
        let text = format!("{written} mx a: b");
        let written = Line::read(text.as_bytes()).unwrap().stamp.known().unwrap();
        let mut calendar = Calendar::new(written, TimeZone::fixed(Offset::constant(zone)));
        let text = format!("{line} mx a: b");
        let line = Line::read(text.as_bytes()).unwrap();
        let time = calendar.time(line.stamp);
        assert_eq!(calendar.time(line.stamp), time);
        time.map(rfc3339)
    }

    #[test]
    fn lines_without_a_year_are_dated() {
        for (written, zone, line, date) in [
            (
                "2026-11-28T12:00:00Z",
                0,
                "Nov 28 11:59:58",
                Some("2026-11-28T11:59:58Z"),
            ),
            (
                "2026-11-28T12:00:00Z",
                0,
                "Nov 29 11:00:00",
                Some("2026-11-29T11:00:00Z"),
            ),
            (
                "2026-11-28T12:00:00Z",
                0,
                "Nov 30 12:00:00",
                Some("2025-11-30T12:00:00Z"),
            ),
            (
                "2026-11-28T12:00:00Z",
                0,
                "Jan  1 00:00:00",
                Some("2026-01-01T00:00:00Z"),
            ),
            // A log of the New Year.
            (
                "2027-01-03T06:25:00Z",
                0,
                "Dec 28 06:25:01",
                Some("2026-12-28T06:25:01Z"),
            ),
            (
                "2027-01-03T06:25:00Z",
                0,
                "Dec 31 23:59:60",
                Some("2026-12-31T23:59:59Z"),
            ),
            (
                "2027-01-03T06:25:00Z",
                0,
                "Jan  1 00:00:00",
                Some("2027-01-01T00:00:00Z"),
            ),
            // The year began there, and not yet in Greenwich.
            (
                "2026-12-31T22:30:00Z",
                9,
                "Jan  1 07:29:00",
                Some("2026-12-31T22:29:00Z"),
            ),
            (
                "2027-01-01T03:00:00Z",
                -8,
                "Dec 31 18:59:00",
                Some("2027-01-01T02:59:00Z"),
            ),
            (
                "2026-11-28T12:00:00Z",
                0,
                "Feb 29 10:00:00",
                Some("2024-02-29T10:00:00Z"),
            ),
            ("2026-11-28T12:00:00Z", 0, "Feb 30 10:00:00", None),
            (
                "2026-11-28T12:00:00Z",
                1,
                "2025-11-28T12:00:00Z",
                Some("2025-11-28T12:00:00Z"),
            ),
        ] {
            assert_eq!(
                dated(written, zone, line).as_deref(),
                date,
                "{line} in a log of {written}"
            );
        }
    }

    #[test]
    fn each_new_year_of_a_log_counts() {
        let stamps = [
            "Nov 10 10:00:00",
            "Dec 31 23:00:00",
            "Jan  1 01:00:00",
            "Dec 31 23:59:00",
            "Dec 30 01:00:00",
            "Jan  2 00:00:00",
            "Nov 27 10:00:00",
        ];
        let stamps = stamps.map(|text| {
            Line::read(format!("{text} mx a: b").as_bytes())
                .unwrap()
                .stamp
        });
        let mut calendar = Calendar::new(1_795_867_200, TimeZone::UTC);
        stamps.iter().for_each(|stamp| calendar.look(*stamp));
        calendar.begin();
        let times = stamps.map(|stamp| calendar.time(stamp).map(rfc3339).unwrap());
        assert_eq!(
            times.map(|time| time[..10].to_owned()),
            [
                "2024-11-10",
                "2024-12-31",
                "2025-01-01",
                "2025-12-31",
                "2025-12-30",
                "2026-01-02",
                "2026-11-27"
            ]
        );
    }

    /// The hour that summer time leaves out is still some time; the one that is there twice is the first.
    #[test]
    fn a_change_of_the_clock_loses_no_line() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let mut calendar = Calendar::new(1_795_867_200, zone);
        for (line, date) in [
            ("Mar 29 02:30:00", "2026-03-29T01:30:00Z"),
            ("Oct 25 02:30:00", "2026-10-25T00:30:00Z"),
            ("Oct 25 03:30:00", "2026-10-25T02:30:00Z"),
        ] {
            let text = format!("{line} mx a: b");
            let line = Line::read(text.as_bytes()).unwrap();
            assert_eq!(
                calendar.time(line.stamp).map(rfc3339).as_deref(),
                Some(date)
            );
        }
    }
}
