//! Reads the lines that an MTA logs, and tells from them which messages were outgoing. No I/O: lines go in, messages come out.
//!
//! | module     | what it does, in one sentence |
//! |------------|-------------------------------|
//! | `line`     | cuts a line of syslog, the journal, `maillog_file` or the daemon into time, program and text |
//! | `stamp`    | reads the time at the beginning of a line |
//! | `calendar` | dates the lines of logs that leave out the year |
//! | `event`    | what a line of Postfix or Sendmail says of a message |
//! | `postfix`  | reads Postfix's lines |
//! | `sendmail` | reads Sendmail's lines |
//! | `outgoing` | joins the lines of each message by its queue id, and proves which of them were outgoing |
//!
//! Strangers choose much of what stands in a log: addresses, Message-IDs, and the answers of their servers. So lines are
//! octets, and nothing is believed that does not stand where the MTA itself writes it.

mod calendar;
mod event;
mod line;
mod outgoing;
mod postfix;
mod sendmail;
mod stamp;

pub use calendar::Calendar;
pub use event::{Client, Delivery, Event, handed_on_as, queue_id};
pub use line::Line;
pub use outgoing::{Joiner, OutgoingMessage, Seen};
pub use stamp::Stamp;

use memchr::memmem;

/// What stands behind the first occurrence of this text.
fn after<'a>(text: &'a [u8], what: &[u8]) -> Option<&'a [u8]> {
    let at = memmem::find(text, what)?;
    text.get(at + what.len()..)
}

/// What stands before and behind the first occurrence of this text.
fn split_once<'a>(text: &'a [u8], what: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memmem::find(text, what)?;
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, rest.get(what.len()..)?))
}

/// A number in decimal digits; none where it is anything else, or too large.
fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    let digits = std::str::from_utf8(digits).ok()?;
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().ok()).flatten()
}
