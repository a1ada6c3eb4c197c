//! Every SMTP reply is made here: codes that agree with each other and with the action, text that is printable,
//! bounded, and says what the sender can do.

#[cfg(test)]
mod tests;
mod wording;

use std::{fmt, net::IpAddr};

use super::verdict::Verdict;
use wording::{Wording, wording};

/// The longest reply line in octets, without CRLF (RFC 5321 section 4.5.3.1.5: 512 with it).
const MAX_LINE: usize = 510;
/// What Sendmail puts in front of the text of every line: `<RECIPIENT>... `, with a path of up to 256 octets
/// (RFC 5321 section 4.5.3.1.3).
const SENDMAILS_PREFIX: usize = 256 + 4;
/// More lines than this help nobody. The longest text of ours, with a stranger's longest explanation, takes fewer.
const MAX_LINES: usize = 8;

/// A 4xx or 5xx reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The SMTP code (RFC 5321 section 4.2).
    pub code: u16,
    /// Class, subject and detail of the enhanced code (RFC 3463).
    pub enhanced: (u8, u16, u16),
    /// The text, one entry a line: printable ASCII, each line at most 510 octets with its codes.
    pub lines: Vec<String>,
}

impl Reply {
    /// The reply that a verdict calls for; none where the recipient is accepted.
    pub fn to(verdict: &Verdict, client: Option<IpAddr>) -> Option<Self> {
        let class = verdict.action.reply_class()?;
        let Wording {
            permanent,
            transient,
            subject,
            detail,
            text,
        } = wording(verdict, client);
        let code = if class == 5 { permanent } else { transient };
        let codes = format!("{code} {class}.{subject}.{detail} ");
        let room = MAX_LINE.saturating_sub(codes.len() + SENDMAILS_PREFIX);
        let lines = wrapped(&text, room);
        Some(Self {
            code,
            enhanced: (class, subject, detail),
            lines,
        })
    }

    /// The enhanced status code as text.
    pub fn enhanced_text(&self) -> String {
        let (class, subject, detail) = self.enhanced;
        format!("{class}.{subject}.{detail}")
    }
}

impl fmt::Display for Reply {
    /// As it goes over the wire, without the CRLF of the last line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.lines.len().saturating_sub(1);
        for (number, line) in self.lines.iter().enumerate() {
            let (dash, end) = if number == last {
                (' ', "")
            } else {
                ('-', "\r\n")
            };
            write!(f, "{}{dash}{} {line}{end}", self.code, self.enhanced_text())?;
        }
        Ok(())
    }
}

/// Breaks the text into lines that fit: at blanks, or within a word that is longer than a line. Control characters
/// and everything beyond ASCII become `?`: replies are US-ASCII (RFC 5321 section 4.2.1), and a stranger's CRLF must not
/// start a reply of its own.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let printable: Vec<char> = text
        .chars()
        .map(|c| {
            if c == ' ' || c.is_ascii_graphic() {
                c
            } else {
                '?'
            }
        })
        .collect();
    let words = printable
        .split(|&c| c == ' ')
        .flat_map(|word| word.chunks(room));
    let mut lines = vec![String::new()];
    for word in words {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.extend(word);
        } else if line.len() + 1 + word.len() <= room {
            line.push(' ');
            line.extend(word);
        } else if lines.len() < MAX_LINES {
            lines.push(word.iter().collect());
        } else {
            break;
        }
    }
    lines
}
