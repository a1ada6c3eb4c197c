//! Sets the reply of a callback.

use milter::{SetErrorReply, SmtpReply, Status};

use super::actions::text;
use crate::core::reply::Reply;

/// The maximum of a line of reply text in indymilter, in octets.
const MAX_REPLY_TEXT: usize = 980;

/// Postfix and Sendmail read a reply as a format: a lone `%` vanishes, `%%` stands for one.
pub(super) fn answer(to: &mut SmtpReply, reply: &Reply) -> Status {
    let lines = reply.lines.iter().map(|line| text(&doubled(line)));
    // A reply that indymilter does not take would be a bug of ours; the MTA then sends its own words.
    let _ = to.set_error_reply(&reply.code.to_string(), Some(&reply.enhanced_text()), lines);
    if reply.code < 500 {
        Status::Tempfail
    } else {
        Status::Reject
    }
}

fn doubled(line: &str) -> String {
    let mut doubled = String::with_capacity(line.len());
    for character in line.chars() {
        let width = if character == '%' { 2 } else { 1 };
        if doubled.len() + width > MAX_REPLY_TEXT {
            break;
        }
        doubled.extend(std::iter::repeat_n(character, width));
    }
    doubled
}
