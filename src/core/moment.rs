//! Times for people and in JSON (RFC 3339, in UTC), and the times that mail has.

use std::time::{Duration, UNIX_EPOCH};

use mail_parser::DateTime;
use serde::Serializer;

use super::header::Header;

/// A time in seconds since 1970, such as `2026-11-28T13:45:00Z`.
pub fn rfc3339(seconds: u64) -> String {
    // The last second of the format. Only a wrong clock exceeds it.
    let time = UNIX_EPOCH + Duration::from_secs(seconds.min(253_402_300_799));
    humantime::format_rfc3339_seconds(time).to_string()
}

/// The time in the value of a header Date (RFC 5322 section 3.3), in seconds since 1970.
pub fn of_date(header: &Header) -> Option<u64> {
    of_words(&header.unfolded())
}

/// The time at the end of a Received (RFC 5321 section 4.4).
pub fn of_received(header: &Header) -> Option<u64> {
    let line = header.without_comments();
    let at = line.iter().rposition(|byte| *byte == b';')?;
    of_words(line.get(at + 1..)?.trim_ascii())
}

fn of_words(words: &[u8]) -> Option<u64> {
    let date = DateTime::parse_rfc822(str::from_utf8(words).ok()?)?;
    // A leap second is no more than its own minute's end.
    let date = DateTime {
        second: date.second.min(59),
        ..date
    };
    let seconds = date.is_valid().then(|| date.to_timestamp())?;
    seconds.try_into().ok()
}

/// Writes such a time.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(seconds: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*seconds))
}

/// The same, where 0 stands for none.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_unless_zero<S: Serializer>(
    seconds: &u64,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serialize_some(&Some(*seconds).filter(|seconds| *seconds > 0), serializer)
}

/// The same, where there may be none.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_some<S: Serializer>(
    seconds: &Option<u64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match seconds {
        Some(seconds) => serializer.serialize_some(&rfc3339(*seconds)),
        None => serializer.serialize_none(),
    }
}
