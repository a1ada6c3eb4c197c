//! The period of a report.

use std::{
    ops::RangeInclusive,
    time::{self, UNIX_EPOCH},
};

use clap::Args;

use crate::core::{
    attack::{HOUR, KEEP_DAYS, hour},
    duration::Duration,
    proof::DAY,
};

/// The default period.
const DEFAULT: u64 = 7 * DAY;

#[derive(Debug, Args)]
pub(in crate::cli::report) struct PeriodArguments {
    /// The period until now, in whole hours: 36h, for example; at most 90d [default: 7d]
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["days", "from"])]
    since: Option<Duration>,
    /// The number of days (UTC), including today
    #[arg(long, value_name = "NUMBER", conflicts_with = "from", value_parser = clap::value_parser!(u64).range(1..=KEEP_DAYS))]
    days: Option<u64>,
    /// The beginning, as a day or a time (UTC): 2026-11-21, 2026-11-21T13:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Moment>,
    /// The end; that day or hour is included
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "from")]
    to: Option<Moment>,
}

/// A day, or a time.
#[derive(Clone, Copy, Debug)]
struct Moment {
    /// Its first second, since 1970.
    first: u64,
    /// Its last one.
    last: u64,
}

/// One or more whole hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli::report) struct Period {
    /// The first hour, since 1970.
    pub first: u64,
    /// The last one, not before the first.
    pub last: u64,
}

impl Period {
    /// Its hours, in parts of at most 24.
    pub fn days(self) -> impl Iterator<Item = RangeInclusive<u64>> {
        let Self { first, last } = self;
        let days = (first..=last).step_by(24);
        days.map(move |first| first..=last.min(first.saturating_add(23)))
    }

    /// In seconds since 1970.
    pub fn seconds(self) -> RangeInclusive<u64> {
        let end = self.last.saturating_add(1).saturating_mul(HOUR);
        self.first.saturating_mul(HOUR)..=end.saturating_sub(1)
    }
}

impl PeriodArguments {
    /// Whether it begins before what is kept at `now`.
    pub fn begins_too_early(&self, now: u64) -> bool {
        let oldest = now.saturating_sub(KEEP_DAYS * DAY);
        let since = self.since.map(|since| {
            let hours = time::Duration::from(since).as_secs().saturating_sub(HOUR);
            now.saturating_sub(hours)
        });
        let from = since.or(self.from.map(|from| from.last));
        from.is_some_and(|from| hour(from) < hour(oldest))
    }

    /// The period at `now`, in seconds since 1970, without hours that are not kept or in the future. `None` if it is
    /// empty.
    pub fn period(&self, now: u64) -> Option<Period> {
        let ago = |seconds: u64| now.saturating_sub(seconds.saturating_sub(HOUR));
        let from = match (self.since, self.days, self.from) {
            (Some(since), _, _) => ago(time::Duration::from(since).as_secs()),
            (_, Some(days), _) => (now / DAY).saturating_sub(days - 1).saturating_mul(DAY),
            (_, _, Some(from)) => from.first,
            (None, None, None) => ago(DEFAULT),
        };
        let first = hour(from.max(now.saturating_sub(KEEP_DAYS * DAY)));
        let last = hour(self.to.map_or(now, |to| to.last.min(now)));
        (first <= last).then_some(Period { first, last })
    }
}

fn moment(text: &str) -> Result<Moment, String> {
    let seconds = |text: &str| {
        let time = humantime::parse_rfc3339(text).ok()?;
        Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
    };
    if let Some(day) = seconds(&format!("{text}T00:00:00Z")) {
        let last = day.saturating_add(DAY - 1);
        return Ok(Moment { first: day, last });
    }
    let time = seconds(text)
        .ok_or("expected a day such as 2026-11-21, or a time such as 2026-11-21T13:00:00Z")?;
    Ok(Moment {
        first: time,
        last: time,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: PeriodArguments,
    }

    /// 2026-11-28T13:30:00Z.
    const NOW: u64 = 1_795_872_600;

    fn period(line: &str) -> Option<Period> {
        let words = std::iter::once("report").chain(line.split_whitespace());
        Line::try_parse_from(words).unwrap().arguments.period(NOW)
    }

    #[test]
    fn a_period_is_given_in_many_ways() {
        let hour_now = NOW / HOUR;
        let midnight = NOW / DAY * 24;
        for (line, first, last) in [
            ("", hour_now - 7 * 24 + 1, hour_now),
            ("--since 7d", hour_now - 7 * 24 + 1, hour_now),
            ("--since 1h", hour_now, hour_now),
            ("--since 1s", hour_now, hour_now),
            ("--since 4000d", hour_now - 90 * 24, hour_now),
            ("--days 1", midnight, hour_now),
            ("--days 2", midnight - 24, hour_now),
            ("--from 2026-11-27", midnight - 24, hour_now),
            (
                "--from 2026-11-27 --to 2026-11-27",
                midnight - 24,
                midnight - 1,
            ),
            (
                "--from 2026-11-27T13:59:59Z --to 2026-11-27T15:00:00Z",
                midnight - 11,
                midnight - 9,
            ),
            (
                "--from 1970-01-01 --to 2999-01-01",
                hour_now - 90 * 24,
                hour_now,
            ),
        ] {
            assert_eq!(period(line), Some(Period { first, last }), "{line}");
        }
        let early = |line: &str| {
            let words = std::iter::once("report").chain(line.split_whitespace());
            let arguments = Line::try_parse_from(words).unwrap().arguments;
            arguments.begins_too_early(NOW)
        };
        for (line, is_early) in [
            ("", false),
            ("--since 90d", false),
            ("--since 2161h", false),
            ("--since 91d", true),
            ("--since 1y", true),
            ("--days 90", false),
            ("--from 2026-08-30", false),
            ("--from 2026-08-29", true),
        ] {
            assert_eq!(early(line), is_early, "{line}");
        }
        for line in [
            "--from 2026-11-27 --to 2026-11-26",
            "--from 2026-12-01",
            "--from 1970-01-01 --to 1971-01-01",
        ] {
            assert_eq!(period(line), None, "{line}");
        }
        let days: Vec<_> = period("--since 49h").unwrap().days().collect();
        assert_eq!(
            days,
            [
                hour_now - 48..=hour_now - 25,
                hour_now - 24..=hour_now - 1,
                hour_now..=hour_now
            ]
        );
        let period = period("--days 1").unwrap();
        assert_eq!(
            period.seconds(),
            NOW / DAY * DAY..=NOW / HOUR * HOUR + HOUR - 1
        );
        for wrong in [
            "--days 0",
            "--days 91",
            "--since 7",
            "--from x",
            "--to 2026-11-27",
            "--days 1 --since 1d",
            "--from 2026-11-27 --days 1",
        ] {
            let words = std::iter::once("report").chain(wrong.split_whitespace());
            assert!(Line::try_parse_from(words).is_err(), "{wrong}");
        }
    }
}
