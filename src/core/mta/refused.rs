//! Which recipients the MTA has refused itself: it offers those to a milter too, and ignores the answer (RCPT_REJ).

use super::Mta;
use crate::core::printable::printable;

/// What the MTA's macros say of a recipient; empty where one is not set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Route<'a> {
    /// `{rcpt_mailer}`.
    pub mailer: &'a [u8],
    /// `{rcpt_host}`.
    pub host: &'a [u8],
    /// `{rcpt_addr}`.
    pub addr: &'a [u8],
}

/// The mailer of recipients that the MTA has refused, and of some that it has not.
pub const MAILER: &[u8] = b"error";

impl Mta {
    /// The enhanced code with which the MTA refused the recipient; none where it accepted it.
    ///
    /// Of a refused one Postfix gives the mailer `error`, the code alone as the host, and its reply behind the next blank
    /// as the address. But `error` is a transport as well, to which it resolves recipients that it accepts: all of a virtual
    /// alias domain (`5.1.1 User unknown in virtual alias table` is their host), and those that `transport_maps` sends there
    /// (`error:5.1.1` leaves the code alone as the host). Theirs is an address, which no reply is. Sendmail resolves to
    /// `error` what it refuses, and nothing else.
    ///
    /// Who is not known for sure to be refused is judged: the answer to a refused one does no harm, and an accepted one
    /// would get in without any.
    pub fn refused(self, route: Route<'_>) -> Option<String> {
        let Route { mailer, host, addr } = route;
        if mailer != MAILER {
            return None;
        }
        let code = is_enhanced_code(host).then(|| printable(host, host.len()));
        match self {
            Self::Sendmail => Some(code.unwrap_or_else(|| "no code given".to_owned())),
            Self::Postfix | Self::Unknown => code.filter(|_| !may_be_mailbox(addr)),
        }
    }
}

/// RFC 3463 section 2, of a refusal.
fn is_enhanced_code(text: &[u8]) -> bool {
    let mut parts = text.split(|&byte| byte == b'.');
    let is_number =
        |part: &[u8]| (1..=3).contains(&part.len()) && part.iter().all(u8::is_ascii_digit);
    matches!(parts.next(), Some(b"4" | b"5"))
        && parts.next().is_some_and(is_number)
        && parts.next().is_some_and(is_number)
        && parts.next().is_none()
}

/// Whether it can be one mailbox as a whole, as Postfix writes those that it accepts: blanks stand in a quoted local part
/// alone, and an `@` behind it. More is not asked, so that no odd one is taken for the text of a reply.
fn may_be_mailbox(text: &[u8]) -> bool {
    let (behind, in_quotes) = match text {
        [b'"', inside @ ..] => match past_quote(inside) {
            Some(behind) => (behind, true),
            None => return false,
        },
        _ => (text, false),
    };
    let has_at = if in_quotes {
        behind.first() == Some(&b'@')
    } else {
        behind.contains(&b'@')
    };
    has_at && !behind.iter().any(u8::is_ascii_whitespace)
}

/// What stands behind a quoted string (RFC 5321 section 4.1.2), of which the first quotation mark is taken off.
fn past_quote(mut inside: &[u8]) -> Option<&[u8]> {
    loop {
        inside = match inside {
            [b'\\', _, rest @ ..] => rest,
            [b'"', rest @ ..] => return Some(rest),
            [_, rest @ ..] => rest,
            [] => return None,
        };
    }
}

#[cfg(test)]
mod tests;
