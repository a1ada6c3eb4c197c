//! One `Received`, as far as it names the client and the host that wrote it.
//!
//! RFC 5321 section 4.4 has `from HELO (NAME [IP]) by US with PROTOCOL`, as Postfix, Sendmail and OpenSMTPD write it;
//! Exim puts the HELO name into the comment, qmail has two comments, Exchange no brackets.

use std::net::IpAddr;

use super::header::comment_end;

/// One `Received`.
#[derive(Debug, PartialEq, Eq)]
pub struct Hop {
    /// How it came.
    pub through: Through,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The name that the host found for this address and saw lead back to it, where its make writes such names only.
    pub name: Option<Vec<u8>>,
    /// What it said in HELO.
    pub helo: Option<Vec<u8>>,
    /// The host that wrote it, as it calls itself.
    pub by: Option<Vec<u8>>,
    /// Whether it had logged in (RFC 3848).
    pub authenticated: bool,
}

/// How a hop got the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// From a client over SMTP.
    Smtp,
    /// From a program on the same host.
    Submission,
    /// From ourselves, on its last steps.
    Delivery,
}

impl Hop {
    /// Reads an unfolded value.
    pub fn read(value: &[u8]) -> Self {
        let lexemes = lexemes(value);
        let mut lexemes = lexemes.iter();
        let mut clauses = lexemes.clone();
        let is_exim = lexemes
            .clone()
            .any(|lexeme| matches!(lexeme, Lexeme::Comment(text) if text.starts_with(b"Exim ")));
        let is_from = matches!(lexemes.next(), Some(Lexeme::Word(word)) if is(word, "from"));
        let mut hop = Self {
            through: Through::Smtp,
            address: None,
            name: None,
            helo: None,
            by: None,
            authenticated: false,
        };
        if is_from {
            hop.client(&mut lexemes, is_exim);
            clauses = lexemes.clone();
        } else {
            hop.through = Through::Delivery;
        }
        hop.by = behind(clauses.clone(), "by").map(<[u8]>::to_vec);
        let protocol = behind(clauses.clone(), "with");
        let protocol = protocol.unwrap_or_default().to_ascii_lowercase();
        let by_user =
            |lexeme: &Lexeme<'_>| matches!(lexeme, Lexeme::Comment(text) if names_user(text));
        if !is_from && clauses.any(by_user) || protocol == b"local" {
            hop.through = Through::Submission;
        } else if DELIVERY.iter().any(|name| protocol.starts_with(name)) {
            hop.through = Through::Delivery;
        }
        // ESMTPA, ESMTPSA, UTF8SMTPA, UTF8SMTPSA; older Exim: asmtp.
        hop.authenticated |=
            protocol.ends_with(b"smtpa") || protocol.ends_with(b"smtpsa") || protocol == b"asmtp";
        hop
    }

    /// Reads what stands between `from` and `by`: a name, and comments. Before a comment with an address, Exim's name is that
    /// which the address leads to, and leads back.
    fn client<'a>(
        &mut self,
        lexemes: &mut (impl Iterator<Item = &'a Lexeme<'a>> + Clone),
        is_exim: bool,
    ) {
        let name = match lexemes.next() {
            Some(Lexeme::Word(name)) => *name,
            _ => return,
        };
        let mut helo = name;
        loop {
            let mut ahead = lexemes.clone();
            let Some(Lexeme::Comment(comment)) = ahead.next() else {
                break;
            };
            *lexemes = ahead;
            // The name that a client's address resolves to has no blank, so none of these can be a stranger's.
            if let Some(said) = comment.strip_prefix(b"HELO ") {
                helo = said;
            } else if comment.starts_with(b"Authenticated sender: ")
                || comment.starts_with(b"authenticated bits=")
            {
                self.authenticated = true;
            } else if self.address.is_none() {
                let (before, said) = at_helo(comment);
                helo = said.unwrap_or(helo);
                self.address = address(before);
                self.name = match is_exim && comment.starts_with(b"[") {
                    true => Some(name),
                    false => confirmed(before),
                }
                .map(<[u8]>::to_vec);
            }
        }
        if self.address.is_none() {
            self.address = bracketed(name);
        }
        self.helo = Some(helo.trim_ascii().to_vec());
    }
}

/// Whom the host had the message for, with angle brackets or without: `for <joe@example.org>`, if its unfolded value says
/// so. Of several recipients hosts name none.
pub fn recipient(value: &[u8]) -> Option<Vec<u8>> {
    let lexemes = lexemes(value);
    let mut lexemes = lexemes.iter();
    // What a client said in HELO stands before it, and can be any word.
    lexemes.find(|lexeme| matches!(lexeme, Lexeme::Word(word) if is(word, "by")))?;
    behind(lexemes, "for").map(<[u8]>::to_vec)
}

/// How mail is carried inside, beginning like this: LMTP to the mailbox, and what fetches mail from elsewhere.
const DELIVERY: [&[u8]; 4] = [b"lmtp", b"utf8lmtp", b"pop3", b"imap"];

/// The word behind this keyword.
fn behind<'a>(lexemes: impl Iterator<Item = &'a Lexeme<'a>>, keyword: &str) -> Option<&'a [u8]> {
    let mut words = lexemes.filter_map(|lexeme| match lexeme {
        Lexeme::Word(word) => Some(*word),
        Lexeme::Comment(_) => None,
    });
    let _ = words.find(|word| is(word, keyword));
    words.next()
}

/// Postfix: `(Postfix, from userid 1000)`; qmail: `(qmail 123 invoked by uid 1000)`.
fn names_user(comment: &[u8]) -> bool {
    let has = |text: &[u8]| comment.windows(text.len()).any(|window| window == text);
    has(b", from userid ") || has(b" invoked by uid ")
}

/// Exim: `([192.0.2.1]:4711 helo=name)`: what stands before it, and the name.
fn at_helo(comment: &[u8]) -> (&[u8], Option<&[u8]>) {
    const KEY: &[u8] = b"helo=";
    let at = comment
        .windows(KEY.len())
        .enumerate()
        .position(|(at, window)| {
            window == KEY && (at == 0 || comment.get(at - 1).is_some_and(u8::is_ascii_whitespace))
        });
    let Some(at) = at else {
        return (comment, None);
    };
    let (before, rest) = comment.split_at(at);
    let said = rest.strip_prefix(KEY).unwrap_or_default();
    let said = said.split(u8::is_ascii_whitespace).next();
    (before, said.filter(|said| !said.is_empty()))
}

/// The address in a comment: `name [ip]`, `[ip]:port`, `[ip] (may be forged)`, `ident@ip`, `ip`.
fn address(comment: &[u8]) -> Option<IpAddr> {
    let opens = comment
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'[')
        .map(|(at, _)| at);
    // The last: what stands before is a name, which the owner of the address chose.
    let in_brackets = opens
        .filter_map(|at| bracketed(comment.get(at..)?))
        .next_back();
    in_brackets.or_else(|| {
        let bare = comment.rsplit(|&byte| byte == b'@').next()?;
        parsed(bare.trim_ascii())
    })
}

/// What Sendmail writes behind the address where its name does not lead back to it.
const FORGED: &[u8] = b"(may be forged)";

/// The name before an address, as Postfix and Sendmail write it in the comment: `name [ip]`. All others but Exim write what
/// they have, seen to lead back or not.
fn confirmed(comment: &[u8]) -> Option<&[u8]> {
    let at = comment.iter().rposition(|&byte| byte == b'[')?;
    let (name, address) = comment.split_at(at);
    let is_forged = address.windows(FORGED.len()).any(|window| window == FORGED);
    let name = name.trim_ascii();
    let is_name = !name.is_empty() && !name.starts_with(b"[") && !is(name, "unknown");
    (is_name && !is_forged).then_some(name)
}

/// `[ip]`, at the front.
fn bracketed(text: &[u8]) -> Option<IpAddr> {
    let inner = text.strip_prefix(b"[")?;
    // The longest address, with its tag, has 50 octets.
    let end = inner.iter().take(64).position(|&byte| byte == b']')?;
    parsed(inner.get(..end)?)
}

fn parsed(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let tagged = text
        .get(..5)
        .is_some_and(|tag| tag.eq_ignore_ascii_case("IPv6:"));
    let text = if tagged { text.get(5..)? } else { text };
    text.parse::<IpAddr>()
        .ok()
        .map(|address| address.to_canonical())
}

/// A word, or a comment without its outer parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lexeme<'a> {
    Word(&'a [u8]),
    Comment(&'a [u8]),
}

/// Everything up to the semicolon that the date follows. Comments nest (RFC 5322 section 3.2.2); one that doesn't end
/// goes on to the end.
fn lexemes(value: &[u8]) -> Vec<Lexeme<'_>> {
    let mut found = Vec::new();
    let mut rest = value.trim_ascii_start();
    while let Some(&first) = rest.first() {
        let end = match first {
            b';' => break,
            b'(' => comment_end(rest),
            _ => word_end(rest),
        };
        let (lexeme, behind) = rest.split_at(end.max(1).min(rest.len()));
        found.push(if first == b'(' {
            let inner = lexeme.strip_prefix(b"(").unwrap_or(lexeme);
            Lexeme::Comment(inner.strip_suffix(b")").unwrap_or(inner))
        } else {
            Lexeme::Word(lexeme)
        });
        rest = behind.trim_ascii_start();
    }
    found
}

fn word_end(text: &[u8]) -> usize {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'(' | b';');
    text.iter().position(ends).unwrap_or(text.len())
}

fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

#[cfg(test)]
mod tests;
