//! The path of RFC 5321 section 4.1.2, with RFC 6531's letters, and nothing else.

use crate::core::address::{Domain, Mailbox};

/// The address of a path: `Some(None)` for `<>`; `None` where the argument is no path. Angle brackets can be missing, as
/// where Postfix hands in its own mail.
pub(super) fn path(argument: &[u8]) -> Option<Option<Mailbox>> {
    let path = match argument {
        [b'<', inner @ .., b'>'] => inner,
        bare => bare,
    };
    if path.is_empty() {
        return Some(None);
    }
    let mailbox = match path {
        [b'@', ..] => {
            let (route, mailbox) = split(path, b':')?;
            let is_route = route
                .split(|&byte| byte == b',')
                .all(|hop| hop.strip_prefix(b"@").is_some_and(is_host));
            Some(mailbox).filter(|_| is_route)?
        }
        mailbox => mailbox,
    };
    is_mailbox(mailbox).then(|| Some(Mailbox::from_bytes(mailbox)))
}

fn is_mailbox(bytes: &[u8]) -> bool {
    let end = match bytes {
        [b'"', quoted @ ..] => closing_quote(quoted).map(|at| at + 2),
        _ => bytes.iter().position(|&byte| byte == b'@'),
    };
    let parts = end.and_then(|end| Some((bytes.get(..end)?, bytes.get(end..)?)));
    parts.is_some_and(|(local, rest)| {
        let is_local = local.starts_with(b"\"") || is_dot_string(local);
        is_local && rest.strip_prefix(b"@").is_some_and(is_host)
    })
}

/// Where the quoted string that begins before `bytes` ends: qtextSMTP and quoted-pairSMTP until then.
fn closing_quote(bytes: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            _ if byte < b' ' || byte == 0x7f => return None,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

fn is_dot_string(bytes: &[u8]) -> bool {
    bytes
        .split(|&byte| byte == b'.')
        .all(|atom| !atom.is_empty() && atom.iter().all(|&byte| super::is_atext(byte)))
}

fn is_host(bytes: &[u8]) -> bool {
    match bytes {
        // dcontent: printable, and neither a bracket nor a backslash.
        [b'[', literal @ .., b']'] => {
            !literal.is_empty()
                && literal
                    .iter()
                    .all(|&byte| byte.is_ascii_graphic() && !b"[]\\".contains(&byte))
        }
        _ => !bytes.ends_with(b".") && Domain::from_bytes(bytes).is_some(),
    }
}

fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte == at)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}
