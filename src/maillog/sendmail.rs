//! Sendmail's lines: one for a message that was received, and one or more for its deliveries.

use std::net::IpAddr;

use memchr::memmem;

use super::{
    after,
    event::{Client, Delivery, Event, address, queue_id},
    number, split_once,
};

/// A Message-ID of so many octets can lack its middle, with dots in its place. Sendmail 8.17 cuts the end, behind 100.
const LONGEST_MESSAGE_ID: usize = 83;

/// What a line says.
pub(super) fn event(text: &[u8]) -> Option<Event<'_>> {
    let (id, rest) = match queue_id(text) {
        Some((id, rest)) if id != b"NOQUEUE" => (Some(id), rest),
        Some((_, rest)) => (None, rest),
        None => (None, text),
    };
    if let Some(rest) = rest.strip_prefix(b"AUTH=server, ") {
        let (relay, _) = split_once(rest.strip_prefix(b"relay=")?, b", authid=")?;
        let address = peer(relay);
        return Some(Event::LogsIn { address });
    }
    let id = id?;
    match rest {
        [b'f', b'r', b'o', b'm', b'=', rest @ ..] => received(id, rest),
        [b't', b'o', b'=', rest @ ..] => delivery(id, rest),
        _ => None,
    }
}

/// `<joe@example.org>, size=345, class=0, nrcpts=1, msgid=<1@example.org>, proto=ESMTPSA, daemon=MTA, auth=PLAIN, relay=pc [10.0.0.9]`.
///
/// The client chooses the sender and the Message-ID, and can write the names of other fields into them. Those that decide
/// stand behind, the relay last.
fn received<'a>(id: &'a [u8], text: &'a [u8]) -> Option<Event<'a>> {
    let (sender, rest) = address(text)?;
    let rest = rest.strip_prefix(b", size=")?;
    let (_, rest) = split_once(rest, b", nrcpts=")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (recipients, rest) = rest.split_at_checked(digits)?;
    let (rest, relay) = split_last(rest, b", relay=")?;
    let (rest, protocol) = split_last(rest, b", proto=").unwrap_or((rest, b""));
    let address = peer(relay);
    let is_local = address.is_none() && is_user_of_this_host(relay);
    Some(Event::Received {
        id,
        client: Client {
            address,
            is_local,
            has_login: has_login(protocol),
            original: None,
        },
        message_id: rest.strip_prefix(b", msgid=").and_then(whole),
        sender,
        recipients: number(recipients)?,
    })
}

/// The value, unless its middle or its end is missing.
fn whole(value: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr(b'>', value)?;
    let value = value.get(..=end)?;
    let is_cut = value.len() >= LONGEST_MESSAGE_ID && memmem::find(value, b"...").is_some();
    (!is_cut && value.starts_with(b"<")).then_some(value)
}

/// `ESMTPSA, daemon=MTA, tls_verify=NO, auth=PLAIN`: older ones don't say both.
fn has_login(protocol: &[u8]) -> bool {
    let name = protocol
        .split(|byte| *byte == b',')
        .next()
        .unwrap_or_default();
    let by_name = matches!(name, b"ESMTPA" | b"ESMTPSA" | b"UTF8SMTPA" | b"UTF8SMTPSA");
    let method = after(protocol, b", auth=").map(|rest| rest.split(|byte| *byte == b',').next());
    by_name || matches!(method, Some(Some(method)) if method != b"NONE" && !method.is_empty())
}

/// `joe@localhost`. Behind the name of every host that sends by SMTP stands its address.
fn is_user_of_this_host(relay: &[u8]) -> bool {
    relay.ends_with(b"@localhost") && !relay.contains(&b'[')
}

/// The address of a host: `mail.far.example [192.0.2.7] (may be forged)`, `[IPv6:2001:db8::1]`. Before it can stand what the
/// host says of its user.
fn peer(relay: &[u8]) -> Option<IpAddr> {
    let at = memchr::memrchr(b'[', relay)?;
    super::event::bracketed(relay.get(at..)?)
}

/// `<a@b.example>,<c@b.example>, ctladdr=<joe@example.org> (1000/1000), delay=00:00:01, mailer=esmtp, relay=mx.b.example. [192.0.2.3],
/// dsn=2.0.0, stat=Sent (ok)`.
fn delivery<'a>(id: &'a [u8], text: &'a [u8]) -> Option<Event<'a>> {
    let (to, rest) = recipients(text)?;
    let (fields, status) = split_once(rest, b", stat=")?;
    let relay = after(fields, b", relay=").unwrap_or_default();
    let relay = split_once(relay, b", ").map_or(relay, |(relay, _)| relay);
    let is_sent = status.starts_with(b"Sent");
    let is_waiting = status.starts_with(b"Deferred") || status.starts_with(b"queued");
    Some(Event::Delivery(Delivery {
        id,
        to,
        original: None,
        relay,
        is_sent,
        is_final: !is_waiting,
        answer: status,
    }))
}

/// Addresses with commas between them, up to the next field.
fn recipients(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = text;
    loop {
        let (_, behind) = address(rest)?;
        rest = match behind {
            [b',', b' ', ..] | [] => break text.split_at_checked(text.len() - behind.len()),
            [b',', next @ ..] => next,
            _ => return None,
        };
    }
}

/// What stands before and behind the last occurrence of this text.
fn split_last<'a>(text: &'a [u8], what: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memmem::rfind(text, what)?;
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, rest.get(what.len()..)?))
}
