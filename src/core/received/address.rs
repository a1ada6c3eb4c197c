//! The client's address, as each make writes it.

use std::net::{IpAddr, SocketAddr};

use super::make::Make;

/// Exim and Momentum: `([192.0.2.1]:4711 helo=name ident=user)`: what stands before the first of these, and the name. Both are
/// the client's word.
pub(super) fn at_fields(comment: &[u8]) -> (&[u8], Option<&[u8]>) {
    const HELO: &[u8] = b"helo=";
    const IDENT: &[u8] = b"ident=";
    let place = |key: &[u8]| {
        let starts =
            |at: usize| at == 0 || comment.get(at - 1).is_some_and(u8::is_ascii_whitespace);
        let mut windows = comment.windows(key.len()).enumerate();
        windows.find_map(|(at, window)| (window == key && starts(at)).then_some(at))
    };
    let helo = place(HELO);
    let first = helo.into_iter().chain(place(IDENT)).min();
    let before = first.and_then(|at| comment.get(..at)).unwrap_or(comment);
    let said = helo.and_then(|at| comment.get(at + HELO.len()..));
    let said = said.and_then(|said| said.split(u8::is_ascii_whitespace).next());
    (before, said.filter(|said| !said.is_empty()))
}

/// The address in a comment: `name [ip]`, `[ip]:port`, `[ip] (may be forged)`, `ident@ip`, `ip`.
pub(super) fn address(comment: &[u8], make: Make) -> Option<IpAddr> {
    let opens = comment
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'[')
        .map(|(at, _)| at);
    let mut in_brackets = opens.filter_map(|at| bracketed(comment.get(at..)?));
    let in_brackets = match make {
        Make::Exim => in_brackets.next(),
        // The last: what stands before is a name, which the owner of the address chose.
        _ => in_brackets.next_back(),
    };
    in_brackets.or_else(|| {
        let bare = comment.rsplit(|&byte| byte == b'@').next()?;
        parsed(bare.trim_ascii())
    })
}

/// `[ip]`, at the front.
pub(super) fn bracketed(text: &[u8]) -> Option<IpAddr> {
    let inner = text.strip_prefix(b"[")?;
    // The longest address, with its tag and a scope or a port, has less.
    let end = inner.iter().take(80).position(|&byte| byte == b']')?;
    parsed(inner.get(..end)?)
}

/// An address, with what some makes write around it: `IPv6:` (RFC 5321 section 4.1.3), a port, the scope of a link-local one.
pub(super) fn parsed(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let tagged = text
        .get(..5)
        .is_some_and(|tag| tag.eq_ignore_ascii_case("IPv6:"));
    let text = if tagged { text.get(5..)? } else { text };
    let (unscoped, _) = text.split_once('%').unwrap_or((text, ""));
    let address = unscoped.parse::<IpAddr>().ok();
    let address = address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}
