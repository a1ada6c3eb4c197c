//! What a line of Postfix or Sendmail says of a message.

use std::net::IpAddr;

use super::{Line, after, postfix, sendmail};

/// The fewest characters of a queue id: Postfix's short ones have the microseconds and a number of a file, in hexadecimal.
const SHORTEST_ID: usize = 5;

/// What a line says of a message. `id` is its queue id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// It comes from this client.
    Begins {
        /// None where the session has no queue of its own, because a proxy comes before that.
        id: Option<&'a [u8]>,
        /// Who hands it over.
        client: Client<'a>,
    },
    /// A client logged in, as Sendmail logs it, with or without a queue id.
    LogsIn {
        /// The address of the client.
        address: Option<IpAddr>,
    },
    /// A proxy before the queue took it, and named this queue id in its answer.
    Proxied {
        /// The id it has behind the proxy.
        id: &'a [u8],
    },
    /// Its Message-ID, as its header has that.
    MessageId {
        /// Its queue id.
        id: &'a [u8],
        /// The value of the header.
        value: &'a [u8],
    },
    /// It is in the queue.
    Queued {
        /// Its queue id.
        id: &'a [u8],
        /// The reverse-path, without angle brackets; empty for the null sender.
        sender: &'a [u8],
        /// How many recipients it has.
        recipients: u32,
    },
    /// It is in the queue of Sendmail, whose line says all of it at once.
    Received {
        /// Its queue id.
        id: &'a [u8],
        /// Who handed it over.
        client: Client<'a>,
        /// The value of the header Message-ID; none where the log has not all of it.
        message_id: Option<&'a [u8]>,
        /// The reverse-path, without angle brackets; empty for the null sender.
        sender: &'a [u8],
        /// How many recipients it has.
        recipients: u32,
    },
    /// A delivery was tried.
    Delivery(Delivery<'a>),
    /// MailScanner put it back into the queue, under another id.
    Requeued {
        /// Its queue id.
        id: &'a [u8],
        /// Its new one.
        new: &'a [u8],
    },
    /// A recipient was refused before it had a queue id.
    Refused {
        /// The client.
        address: Option<IpAddr>,
        /// The reverse-path, without angle brackets.
        sender: &'a [u8],
        /// The recipient, without angle brackets.
        recipient: &'a [u8],
    },
    /// It left the queue.
    Removed {
        /// Its queue id.
        id: &'a [u8],
    },
}

impl<'a> Event<'a> {
    /// What the line says, if it is of an MTA and says something of a message.
    pub fn read(line: &Line<'a>) -> Option<Self> {
        match line.program {
            [b's', b'e', b'n', b'd', b'm', b'a', b'i', b'l', ..] | [b's', b'm', b'-', ..] => {
                sendmail::event(line.text)
            }
            b"MailScanner" => requeued(line.text),
            program if program.contains(&b'/') => postfix::event(line.service(), line.text),
            _ => None,
        }
    }
}

/// Who hands a message over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Client<'a> {
    /// Its address; none for a user of this host, and where the MTA does not know it.
    pub address: Option<IpAddr>,
    /// Whether it is a user of this host, without SMTP.
    pub is_local: bool,
    /// Whether it logged in.
    pub has_login: bool,
    /// Who handed the message to this client, where it hands on what others sent.
    pub original: Option<Original<'a>>,
}

/// Who handed a message to the client that hands it on, as XFORWARD says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Original<'a> {
    /// The queue id that it had before; none where it had none, or the client does not say.
    pub id: Option<&'a [u8]>,
    /// The address of its client; none where that is not known.
    pub address: Option<IpAddr>,
}

/// An attempt to deliver a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// Its queue id.
    pub id: &'a [u8],
    /// The recipients, with commas between them and angle brackets around each.
    pub to: &'a [u8],
    /// The recipient before it was rewritten, where that is another.
    pub original: Option<&'a [u8]>,
    /// Where it went: `mail.far.example[192.0.2.7]:25`, or the name of a service.
    pub relay: &'a [u8],
    /// Whether it arrived there.
    pub is_sent: bool,
    /// Whether no further attempt follows.
    pub is_final: bool,
    /// What the other side answered, or why it failed.
    pub answer: &'a [u8],
}

impl<'a> Delivery<'a> {
    /// The recipients, without angle brackets.
    pub fn recipients(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.to;
        std::iter::from_fn(move || {
            let (address, behind) = address(rest)?;
            rest = behind.strip_prefix(b",").unwrap_or_default();
            Some(address)
        })
    }

    /// The address of the host that it went to, where it went by SMTP or LMTP.
    pub fn address(&self) -> Option<IpAddr> {
        bracketed(self.relay)
    }

    /// Whether it went to a process of this host, on a socket file.
    pub fn is_to_socket(&self) -> bool {
        matches!(
            after(self.relay, b"["),
            Some([b'/', ..] | [b'p', b'r', b'i', b'v', ..])
        )
    }
}

/// The address, in angle brackets or bare, that this begins with, and what follows. Quoted parts can hold any character.
pub(super) fn address(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (inner, ends): (_, &[u8]) = match text.strip_prefix(b"<") {
        Some(inner) => (inner, b">"),
        None if text.is_empty() => return None,
        None => (text, b","),
    };
    let end = unquoted(inner, ends).or_else(|| inner.iter().position(|byte| ends.contains(byte)));
    let (address, rest) = match end {
        Some(end) => inner.split_at_checked(end)?,
        None if ends == b"," => (inner, &b""[..]),
        None => return None,
    };
    Some((address, rest.strip_prefix(b">").unwrap_or(rest)))
}

/// Where the first of these characters stands outside of quotes.
fn unquoted(text: &[u8], ends: &[u8]) -> Option<usize> {
    let mut is_quoted = false;
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\\' if is_quoted => {
                bytes.next();
            }
            byte if !is_quoted && ends.contains(byte) => return Some(at),
            _ => {}
        }
    }
    None
}

/// The address in the first square brackets: `mx.example[192.0.2.7]:25`, `mx.example [IPv6:2001:db8::1]`.
pub(super) fn bracketed(text: &[u8]) -> Option<IpAddr> {
    let rest = after(text, b"[")?;
    let end = memchr::memchr(b']', rest)?;
    let address = rest.get(..end)?;
    let address = address.strip_prefix(b"IPv6:").unwrap_or(address);
    let address: IpAddr = std::str::from_utf8(address).ok()?.parse().ok()?;
    Some(address.to_canonical())
}

/// The queue id at the beginning of a text, and what follows. Words such as `warning` are none.
pub fn queue_id(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b':', text.get(..text.len().min(64))?)?;
    let (id, rest) = text.split_at_checked(at)?;
    let rest = rest.strip_prefix(b": ")?;
    let is_id = id.len() >= SHORTEST_ID
        && id.iter().all(u8::is_ascii_alphanumeric)
        && !id.iter().all(u8::is_ascii_lowercase);
    is_id.then_some((id, rest))
}

/// The queue id that the answer of the next MTA names.
pub fn handed_on_as(answer: &[u8]) -> Option<&[u8]> {
    let id = match after(answer, b"queued as ") {
        Some(rest) => rest.split(|byte| !byte.is_ascii_alphanumeric()).next()?,
        None => {
            // Sendmail: `2.0.0 5AU0abc123 Message accepted for delivery`.
            let (before, _) = super::split_once(answer, b" Message accepted for delivery")?;
            before.rsplit(|byte| !byte.is_ascii_alphanumeric()).next()?
        }
    };
    (id.len() >= SHORTEST_ID).then_some(id)
}

/// `Requeue: 4dYxQ1.A1B2C to 4dYxQ2`.
fn requeued(text: &[u8]) -> Option<Event<'_>> {
    let (before, rest) = super::split_once(text.strip_prefix(b"Requeue: ")?, b" to ")?;
    let is_id = |id: &&[u8]| id.len() >= SHORTEST_ID && id.iter().all(u8::is_ascii_alphanumeric);
    let id = before.split(|byte| *byte == b'.').next().filter(is_id)?;
    let new = rest
        .split(|byte| matches!(byte, b'.' | b' '))
        .next()
        .filter(is_id)?;
    Some(Event::Requeued { id, new })
}
