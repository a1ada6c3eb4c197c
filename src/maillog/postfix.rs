//! Postfix's lines. Those of its versions differ in what stands between the fields that are read here, and in their order.

use super::{
    after,
    event::{Client, Delivery, Event, Original, address, bracketed, handed_on_as, queue_id},
    number, split_once,
};

/// What a line of this service says.
pub(super) fn event<'a>(service: &[u8], text: &'a [u8]) -> Option<Event<'a>> {
    if let Some(rest) = text.strip_prefix(b"NOQUEUE: ") {
        return without_queue(rest);
    }
    if let Some(rest) = text.strip_prefix(b"proxy-accept: ") {
        let id = handed_on_as(rest)?;
        return Some(Event::Proxied { id });
    }
    let (id, text) = queue_id(text)?;
    match service {
        b"smtpd" | b"qmqpd" => {
            let client = client(text.strip_prefix(b"client=")?)?;
            Some(Event::Begins {
                id: Some(id),
                client,
            })
        }
        b"pickup" => text.starts_with(b"uid=").then_some(Event::Begins {
            id: Some(id),
            client: Client {
                is_local: true,
                ..Client::default()
            },
        }),
        b"cleanup" => {
            let value = text.strip_prefix(b"message-id=")?;
            Some(Event::MessageId { id, value })
        }
        b"qmgr" | b"nqmgr" | b"oqmgr" | b"postsuper" if text == b"removed" => {
            Some(Event::Removed { id })
        }
        b"qmgr" | b"nqmgr" | b"oqmgr" => queued(id, text),
        _ => delivery(id, text),
    }
}

fn without_queue(text: &[u8]) -> Option<Event<'_>> {
    if let Some(rest) = text.strip_prefix(b"client=") {
        let client = client(rest)?;
        return Some(Event::Begins { id: None, client });
    }
    let text = text.strip_prefix(b"reject: RCPT from ")?;
    let named = |what| address(after(text, what)?);
    let (sender, _) = named(b"from=")?;
    let (recipient, _) = named(b" to=")?;
    Some(Event::Refused {
        address: bracketed(text),
        sender,
        recipient,
    })
}

/// `NAME[ADDRESS]:PORT, orig_queue_id=ID, orig_client=NAME[ADDRESS], sasl_method=PLAIN, sasl_username=joe, sasl_sender=x`. All but
/// the first can be missing. Each is looked for where it must stand, so that none is believed within another.
fn client(text: &[u8]) -> Option<Client<'_>> {
    let rest = after(text, b"]")?;
    let address = bracketed(text);
    let rest = without_port(rest);
    let (id, rest) = match rest.strip_prefix(b", orig_queue_id=") {
        None => (None, rest),
        Some(behind) => {
            let end = memchr::memchr(b',', behind).unwrap_or(behind.len());
            let (id, rest) = behind.split_at_checked(end)?;
            (Some(id), rest)
        }
    };
    let (original, rest) = match rest.strip_prefix(b", orig_client=") {
        None => (None, rest),
        Some(behind) => {
            let rest = after(behind, b"]").unwrap_or_default();
            (Some(bracketed(behind)), without_port(rest))
        }
    };
    let is_original = id.is_some() || original.is_some();
    Some(Client {
        address,
        is_local: false,
        has_login: has_login(rest),
        original: is_original.then_some(Original {
            id,
            address: original.flatten(),
        }),
    })
}

/// `sasl_sender` can be there without a login.
fn has_login(rest: &[u8]) -> bool {
    rest.starts_with(b", sasl_username=")
        || rest.starts_with(b", sasl_method=") && after(rest, b", sasl_username=").is_some()
}

/// `smtpd_client_port_logging` adds it.
fn without_port(text: &[u8]) -> &[u8] {
    let Some(port) = text.strip_prefix(b":") else {
        return text;
    };
    let digits = port.iter().take_while(|byte| byte.is_ascii_digit()).count();
    port.get(digits..).unwrap_or_default()
}

/// `from=<joe@example.org>, size=345, nrcpt=2 (queue active)`; but not `from=<...>, status=expired, returned to sender`.
fn queued<'a>(id: &'a [u8], text: &'a [u8]) -> Option<Event<'a>> {
    let (sender, rest) = address(text.strip_prefix(b"from=")?)?;
    let recipients = after(rest, b", nrcpt=")?;
    let digits = recipients
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    Some(Event::Queued {
        id,
        sender,
        recipients: number(recipients.get(..digits)?)?,
    })
}

/// `to=<a@b.example>, orig_to=<c@example.org>, relay=mx.b.example[192.0.2.3]:25, delay=1, dsn=2.0.0, status=sent (250 Ok)`.
fn delivery<'a>(id: &'a [u8], text: &'a [u8]) -> Option<Event<'a>> {
    let to = text.strip_prefix(b"to=")?;
    let (_, rest) = address(to)?;
    let length = to.len().checked_sub(rest.len())?;
    let (original, rest) = match rest.strip_prefix(b", orig_to=") {
        None => (None, rest),
        Some(behind) => {
            let (original, rest) = address(behind)?;
            (Some(original), rest)
        }
    };
    let relay = after(rest, b", relay=").unwrap_or_default();
    let relay = relay.split(|byte| *byte == b',').next().unwrap_or_default();
    let status = after(rest, b", status=")?;
    let (status, answer) = split_once(status, b" ").unwrap_or((status, b""));
    Some(Event::Delivery(Delivery {
        id,
        to: to.get(..length)?,
        original,
        relay,
        is_sent: status == b"sent",
        is_final: status != b"deferred",
        answer,
    }))
}
