//! The grammar of RFC 7208 section 12, as it stands there: each rule tries all that it could mean.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A piece of a macro string.
#[derive(Clone, Debug)]
pub enum Piece {
    Octet(u8),
    /// `%%`, `%_` and `%-`.
    Escape(&'static str),
    Expand {
        letter: u8,
        digits: Option<usize>,
        reverse: bool,
        delimiters: Vec<u8>,
    },
}

#[derive(Clone, Debug)]
pub enum Test {
    All,
    Ip4(Ipv4Addr, u32),
    Ip6(Ipv6Addr, u32),
    Include(Vec<Piece>),
    A(Option<Vec<Piece>>, u32, u32),
    Mx(Option<Vec<Piece>>, u32, u32),
    Ptr(Option<Vec<Piece>>),
    Exists(Vec<Piece>),
}

#[derive(Clone, Debug)]
pub struct Term {
    pub result: &'static str,
    pub test: Test,
    pub text: String,
}

#[derive(Clone, Debug, Default)]
pub struct Record {
    pub terms: Vec<Term>,
    pub redirect: Option<Vec<Piece>>,
    pub exp: Option<Vec<Piece>>,
}

/// 4.5: "v=spf1", then a blank or the end.
pub fn is_record(txt: &[u8]) -> bool {
    let lower = txt.to_ascii_lowercase();
    lower == b"v=spf1" || lower.starts_with(b"v=spf1 ")
}

pub fn record(txt: &[u8]) -> Option<Record> {
    let mut record = Record::default();
    for word in txt[6..]
        .split(|&byte| byte == b' ')
        .filter(|word| !word.is_empty())
    {
        let text = String::from_utf8(word.to_vec()).ok()?;
        if !text.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
            return None;
        }
        if let Some((name, value)) = modifier(&text) {
            match name.to_ascii_lowercase().as_str() {
                "redirect" if record.redirect.is_some() => return None,
                "exp" if record.exp.is_some() => return None,
                "redirect" => record.redirect = Some(domain_spec(value)?),
                "exp" => record.exp = Some(domain_spec(value)?),
                _ => {
                    macro_string(value.as_bytes(), false)?;
                }
            }
        } else {
            record.terms.push(term(&text)?);
        }
    }
    Some(record)
}

/// `name "=" macro-string`, `name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )`.
fn modifier(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let right = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    right.then_some((name, value))
}

fn term(text: &str) -> Option<Term> {
    let (result, rest) = match text.as_bytes().first()? {
        b'+' => ("pass", &text[1..]),
        b'-' => ("fail", &text[1..]),
        b'~' => ("softfail", &text[1..]),
        b'?' => ("neutral", &text[1..]),
        _ => ("pass", text),
    };
    let end = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let argument = rest.strip_prefix(':');
    let test = match name.to_ascii_lowercase().as_str() {
        "all" if rest.is_empty() => Test::All,
        "include" => Test::Include(domain_spec(argument?)?),
        "exists" => Test::Exists(domain_spec(argument?)?),
        "ptr" if rest.is_empty() => Test::Ptr(None),
        "ptr" => Test::Ptr(Some(domain_spec(argument?)?)),
        "ip4" => {
            let (address, prefix) = network(argument?, 32)?;
            Test::Ip4(address.parse().ok()?, prefix)
        }
        "ip6" => {
            let (address, prefix) = network(argument?, 128)?;
            Test::Ip6(address.parse().ok()?, prefix)
        }
        "a" => hosts(rest).map(|(spec, ip4, ip6)| Test::A(spec, ip4, ip6))?,
        "mx" => hosts(rest).map(|(spec, ip4, ip6)| Test::Mx(spec, ip4, ip6))?,
        _ => return None,
    };
    Some(Term {
        result,
        test,
        text: text.to_owned(),
    })
}

/// `[ ":" domain-spec ] [ dual-cidr-length ]`: the grammar is ambiguous at first sight, so every place to part the two is
/// tried. There is one at most.
fn hosts(rest: &str) -> Option<(Option<Vec<Piece>>, u32, u32)> {
    let mut meant = (0..=rest.len()).filter_map(|at| {
        let (spec, cidr) = rest.split_at(at);
        let (ip4, ip6) = dual_cidr(cidr)?;
        match spec {
            "" => Some((None, ip4, ip6)),
            spec => Some((Some(domain_spec(spec.strip_prefix(':')?)?), ip4, ip6)),
        }
    });
    let first = meant.next();
    assert!(meant.next().is_none(), "{rest} means two things");
    first
}

fn dual_cidr(text: &str) -> Option<(u32, u32)> {
    (0..=text.len()).find_map(|at| {
        let (ip4, ip6) = text.split_at(at);
        let ip4 = match ip4 {
            "" => 32,
            ip4 => cidr(ip4.strip_prefix('/')?, 32)?,
        };
        let ip6 = match ip6 {
            "" => 128,
            ip6 => cidr(ip6.strip_prefix("//")?, 128)?,
        };
        Some((ip4, ip6))
    })
}

fn cidr(digits: &str, most: u32) -> Option<u32> {
    let number: u32 = digits.parse().ok()?;
    (number <= most && number.to_string() == digits).then_some(number)
}

fn network(text: &str, most: u32) -> Option<(&str, u32)> {
    match text.split_once('/') {
        Some((address, digits)) => Some((address, cidr(digits, most)?)),
        None => Some((text, most)),
    }
}

/// `macro-string domain-end`, without the letters that 7.2 keeps for explanations.
pub fn domain_spec(text: &str) -> Option<Vec<Piece>> {
    let pieces = macro_string(text.as_bytes(), false)?;
    let explains =
        |piece: &Piece| matches!(piece, Piece::Expand { letter, .. } if b"crtCRT".contains(letter));
    if pieces.iter().any(explains) {
        return None;
    }
    // `domain-end = ( "." toplabel [ "." ] ) / macro-expand`: the octets behind the last macro-expand.
    let octets = pieces.iter().rev().map_while(|piece| match piece {
        Piece::Octet(byte) => Some(*byte),
        _ => None,
    });
    let mut end: Vec<u8> = octets.collect();
    end.reverse();
    if end.is_empty() {
        return (!pieces.is_empty()).then_some(pieces);
    }
    if end.last() == Some(&b'.') {
        end.pop();
    }
    let at = end.iter().rposition(|&byte| byte == b'.')?;
    let label = &end[at + 1..];
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let right = !label.is_empty()
        && label.iter().all(inner)
        && label[0] != b'-'
        && label[label.len() - 1] != b'-'
        && !label.iter().all(u8::is_ascii_digit);
    right.then_some(pieces)
}

pub fn macro_string(text: &[u8], blanks: bool) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match (text[at], text.get(at + 1)) {
            (b'%', Some(b'%')) => pieces.push(Piece::Escape("%")),
            (b'%', Some(b'_')) => pieces.push(Piece::Escape(" ")),
            (b'%', Some(b'-')) => pieces.push(Piece::Escape("%20")),
            (b'%', Some(b'{')) => {
                let close = at + text[at..].iter().position(|&byte| byte == b'}')?;
                pieces.push(expand(&text[at + 2..close])?);
                at = close + 1;
                continue;
            }
            (b' ', _) if blanks => {
                pieces.push(Piece::Octet(b' '));
                at += 1;
                continue;
            }
            (byte @ (0x21..=0x24 | 0x26..=0x7e), _) => {
                pieces.push(Piece::Octet(byte));
                at += 1;
                continue;
            }
            _ => return None,
        }
        at += 2;
    }
    Some(pieces)
}

/// `macro-letter [ *DIGIT ] [ "r" ] *delimiter`.
fn expand(inside: &[u8]) -> Option<Piece> {
    let (&letter, rest) = inside.split_first()?;
    if !b"slodiphcrtv".contains(&letter.to_ascii_lowercase()) {
        return None;
    }
    let at = rest
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(rest.len());
    let (digits, rest) = rest.split_at(at);
    let digits = match digits {
        [] => None,
        // More parts than fit into a number are all of them.
        digits => match String::from_utf8_lossy(digits)
            .parse::<usize>()
            .unwrap_or(usize::MAX)
        {
            0 => return None,
            number => Some(number),
        },
    };
    let (reverse, delimiters) = match rest {
        [b'r' | b'R', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    delimiters
        .iter()
        .all(|byte| b".-+,/_=".contains(byte))
        .then(|| Piece::Expand {
            letter,
            digits,
            reverse,
            delimiters: delimiters.to_vec(),
        })
}
