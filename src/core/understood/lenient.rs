//! An address as RFC 5322 has them in headers, which is how Postfix and Sendmail read the arguments of MAIL and RCPT:
//! comments, display names, groups, blanks, quotes anywhere; and with what they make of `%` and `!`.

use crate::core::{
    address::{Domain, Mailbox, bracketless},
    header::comment_end,
};

/// A part of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A run of ordinary characters, their backslashes taken off.
    Atom(Vec<u8>),
    /// What stands between quotes, likewise.
    Quoted(Vec<u8>),
    /// An address literal, its brackets included.
    Literal(Vec<u8>),
    /// `<>@,;:.`
    Special(u8),
    /// White space, which separates words.
    Blank,
}

/// Reads one address; none where there is no address, which is the null sender. `is_ours` decides for which domains `%`
/// and `!` are taken apart.
pub(super) fn read(argument: &[u8], is_ours: impl Fn(&Domain) -> bool) -> Option<Mailbox> {
    // The outermost brackets hold, whatever isn't closed between them.
    let tokens = tokens(bracketless(argument));
    let address = first_of_list(without_route(innermost(&tokens)));
    let (local, host) = match address.iter().rposition(is(b'@')) {
        Some(at) => {
            let (local, host) = address.split_at(at);
            (
                joined(local),
                Some(joined(host.get(1..).unwrap_or_default())),
            )
        }
        None => (joined(address), None),
    };
    if local.is_empty() && host.as_ref().is_none_or(Vec::is_empty) {
        return None;
    }
    if let Some(host) = host {
        return Some(mailbox(&local, &host));
    }
    // Quotes around the whole address don't keep it together.
    let parts = split_last(&local, b'@').or_else(|| of_ours(&local, is_ours));
    Some(match parts {
        Some((local, host)) => mailbox(local, host),
        None => mailbox(&local, b""),
    })
}

fn tokens(mut bytes: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    while let Some((&first, rest)) = bytes.split_first() {
        bytes = match first {
            b'(' => bytes.get(comment_end(bytes)..).unwrap_or_default(),
            b'"' => {
                let (quoted, rest) = until(rest, b'"');
                tokens.push(Token::Quoted(quoted));
                rest
            }
            b'[' => {
                let (literal, rest) = until(rest, b']');
                tokens.push(Token::Literal([b"[", &literal[..], b"]"].concat()));
                rest
            }
            b'<' | b'>' | b'@' | b',' | b';' | b':' | b'.' => {
                tokens.push(Token::Special(first));
                rest
            }
            // Without its other half it says nothing.
            b')' | b']' => rest,
            _ if is_blank(first) => {
                tokens.push(Token::Blank);
                rest
            }
            _ => {
                let (atom, rest) = atom(bytes);
                tokens.push(Token::Atom(atom));
                rest
            }
        };
    }
    tokens
}

/// Control characters stand for white space: Postfix makes them that, and no name holds one.
fn is_blank(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f
}

/// What stands before `end`, its backslashes taken off, and what follows; all of it where `end` is missing.
fn until(bytes: &[u8], end: u8) -> (Vec<u8>, &[u8]) {
    let (text, rest) = unescaped(bytes, |byte| byte == end);
    (text, rest.get(1..).unwrap_or_default())
}

fn atom(bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    unescaped(bytes, |byte| {
        is_blank(byte) || b"()<>@,;:.[]\"".contains(&byte)
    })
}

/// What stands before the first such octet without a backslash before it, and the rest from there on.
fn unescaped(bytes: &[u8], ends: impl Fn(u8) -> bool) -> (Vec<u8>, &[u8]) {
    let (mut text, mut escaped) = (Vec::new(), false);
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => {
                escaped = false;
                text.push(byte);
            }
            b'\\' => escaped = true,
            _ if ends(byte) => return (text, bytes.get(at..).unwrap_or_default()),
            _ => text.push(byte),
        }
    }
    (text, &[])
}

fn is(special: u8) -> impl Fn(&Token) -> bool {
    move |token| *token == Token::Special(special)
}

/// What stands between the first `<` with a `>` behind it and that, without what the display name holds. One that is
/// missing stands at its end of the text.
fn innermost(tokens: &[Token]) -> &[Token] {
    let (open, close) = (is(b'<'), is(b'>'));
    match tokens.iter().position(&open) {
        Some(first) => {
            let opened = tokens.get(first..).unwrap_or_default();
            let end = opened.iter().position(close).unwrap_or(opened.len());
            let opened = opened.get(..end).unwrap_or_default();
            let last = opened.iter().rposition(open).map_or(0, |at| at + 1);
            opened.get(last..).unwrap_or_default()
        }
        None => tokens
            .split(close)
            .find(|part| says_something(part))
            .unwrap_or_default(),
    }
}

/// RFC 5321 section 4.1.1.3: the route `@a,@b:` is left out.
fn without_route(tokens: &[Token]) -> &[Token] {
    let is_route =
        tokens.iter().find(|token| **token != Token::Blank) == Some(&Token::Special(b'@'));
    match tokens.iter().position(is(b':')) {
        Some(colon) if is_route => tokens.get(colon + 1..).unwrap_or_default(),
        _ => tokens,
    }
}

/// The first address of a list, or of a group (`name: address, …;`): the first with a domain, or else the first at all.
fn first_of_list(tokens: &[Token]) -> &[Token] {
    let parts = tokens.split(|token| matches!(token, Token::Special(b',' | b';')));
    let mut addresses = parts.map(of_group).filter(|part| says_something(part));
    let first = addresses.next().unwrap_or_default();
    if has_domain(first) {
        return first;
    }
    addresses.find(|part| has_domain(part)).unwrap_or(first)
}

/// What stands behind the name of a group; the name, where only that has a domain.
fn of_group(part: &[Token]) -> &[Token] {
    let mut names = part.rsplit(is(b':'));
    let address = names.next().unwrap_or_default();
    if has_domain(address) {
        return address;
    }
    names.find(|name| has_domain(name)).unwrap_or(address)
}

fn has_domain(part: &[Token]) -> bool {
    part.iter().any(is(b'@'))
}

fn says_something(part: &[Token]) -> bool {
    part.iter().any(|token| *token != Token::Blank)
}

/// A local part and what stands right of the `@`. The local part gets quotes where it needs them.
fn mailbox(local: &[u8], host: &[u8]) -> Mailbox {
    let bare = local
        .iter()
        .all(|&byte| byte == b'.' || super::is_atext(byte));
    let mut bytes = Vec::with_capacity(local.len() + host.len() + 1);
    if bare {
        bytes.extend(local);
    } else {
        bytes.push(b'"');
        for &byte in local {
            if matches!(byte, b'"' | b'\\') {
                bytes.push(b'\\');
            }
            bytes.push(byte);
        }
        bytes.push(b'"');
    }
    Mailbox::from_parts(bytes, host)
}

/// The bytes that the tokens stand for. A blank counts only between two words.
fn joined(tokens: &[Token]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut after_word, mut blank) = (false, false);
    for token in tokens {
        let (text, is_word) = match token {
            Token::Atom(text) | Token::Quoted(text) | Token::Literal(text) => (text.clone(), true),
            Token::Special(byte) => (vec![*byte], false),
            Token::Blank => {
                blank = true;
                continue;
            }
        };
        if blank && after_word && is_word {
            bytes.push(b' ');
        }
        bytes.extend(text);
        (after_word, blank) = (is_word, false);
    }
    bytes
}

/// `joe%own.test` and `own.test!joe`, of a domain of ours: Postfix has allow_percent_hack and swap_bangpath, Sendmail the
/// like.
fn of_ours(local: &[u8], is_ours: impl Fn(&Domain) -> bool) -> Option<(&[u8], &[u8])> {
    let ours = |host: &[u8]| Domain::from_bytes(host).is_some_and(|domain| is_ours(&domain));
    // In `a!b%c`, the `!` goes first.
    let bang = local.iter().position(|&byte| byte == b'!');
    let bang = bang.and_then(|at| Some((local.get(at + 1..)?, local.get(..at)?)));
    bang.or_else(|| split_last(local, b'%'))
        .filter(|(_, host)| ours(host))
}

fn split_last(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().rposition(|&byte| byte == at)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}
