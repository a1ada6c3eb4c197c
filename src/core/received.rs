//! One `Received`, as far as it names the client and the host that wrote it.
//!
//! RFC 5321 section 4.4 has `from HELO (NAME [IP]) by US with PROTOCOL`, as Postfix, Sendmail and OpenSMTPD write it;
//! Exim puts the HELO name into the comment, qmail has two comments, Exchange no brackets. `received/tests/makes.rs` has the
//! lines of all makes.

use std::net::IpAddr;

use self::{
    address::{address, at_fields, bracketed, parsed},
    lexeme::{Lexeme, lexemes},
    make::{Make, is_program, is_submission},
};

mod address;
mod lexeme;
mod make;

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
    /// Its own address, where its make writes that.
    pub by_address: Option<IpAddr>,
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
        let is_from = matches!(lexemes.next(), Some(Lexeme::Word(word)) if is(word, "from"));
        let mut hop = Self {
            through: Through::Smtp,
            address: None,
            name: None,
            helo: None,
            by: None,
            by_address: None,
            authenticated: false,
        };
        if is_from {
            clauses = behind_client(lexemes.clone());
        }
        let make = Make::of(clauses.clone());
        if is_from {
            hop.client(lexemes, make);
        }
        hop.by = behind(clauses.clone(), "by").map(<[u8]>::to_vec);
        hop.by_address = beside_host(clauses.clone()).and_then(|comment| address(comment, make));
        let protocol = behind(clauses.clone(), "with");
        let protocol = protocol.unwrap_or_default().to_ascii_lowercase();
        if !is_from && clauses.any(is_submission) || protocol == b"local" {
            hop.through = Through::Submission;
        } else if DELIVERY.iter().any(|name| protocol.starts_with(name)) {
            hop.through = Through::Delivery;
        } else if !is_from && make != Make::OpenSmtpd {
            // OpenSMTPD leaves the client out where it was told so (`mask-src`).
            hop.through = Through::Delivery;
        }
        // ESMTPA, ESMTPSA, UTF8SMTPA, UTF8SMTPSA; older Exim: asmtp.
        hop.authenticated |=
            protocol.ends_with(b"smtpa") || protocol.ends_with(b"smtpsa") || protocol == b"asmtp";
        hop
    }

    /// Reads what stands between `from` and `by`: a name, and comments. Before a comment with an address, Exim's name is that
    /// which the address leads to, and leads back.
    fn client<'a>(&mut self, mut lexemes: impl Iterator<Item = &'a Lexeme<'a>>, make: Make) {
        let name = match lexemes.next() {
            Some(Lexeme::Word(name)) => *name,
            _ => return,
        };
        let said = bracketed(name).or_else(|| parsed(name));
        let mut helo = name;
        for lexeme in lexemes {
            let Lexeme::Comment(comment) = lexeme else {
                break;
            };
            // The name that a client's address resolves to has no blank, so none of these can be a stranger's.
            if let Some(said) = HELO.iter().find_map(|verb| comment.strip_prefix(*verb)) {
                helo = said;
            } else if LOGGED_IN.iter().any(|words| comment.starts_with(words)) {
                self.authenticated = true;
                // CommuniGate Pro: `(account joe HELO name)`.
                let mut words = comment.rsplit(u8::is_ascii_whitespace);
                if let (Some(name), Some(b"HELO")) = (words.next(), words.next()) {
                    helo = name;
                }
            } else if is_program(comment) {
                self.through = Through::Submission;
            } else if self.address.is_none() {
                let (before, field) = at_fields(comment);
                helo = field.unwrap_or(helo);
                self.address = address(before, make);
                if self.address.is_some() {
                    self.name = make.confirmed(name, before).map(<[u8]>::to_vec);
                }
                // chasquid has the address first: `[ip] (HELO)`.
                if self.address.is_none() && field.is_none() && said.is_some() && is_name(comment) {
                    helo = comment;
                }
            }
        }
        self.address = self.address.or(said);
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

/// What stands before the name from HELO in a comment of its own; the second is Yahoo's and James's.
const HELO: [&[u8]; 2] = [b"HELO ", b"EHLO "];

/// How a comment begins that says who had logged in: Postfix, Sendmail, Kerio, CommuniGate Pro.
const LOGGED_IN: [&[u8]; 4] = [
    b"Authenticated sender: ",
    b"authenticated bits=",
    b"authenticated user ",
    b"account ",
];

/// How mail is carried inside, beginning like this: LMTP and Exchange Online's HTTPS to the mailbox, and what fetches mail from
/// elsewhere.
const DELIVERY: [&[u8]; 5] = [b"lmtp", b"utf8lmtp", b"https", b"pop3", b"imap"];

/// What stands behind the client's name and its comments: what the host says of itself. Before, the client may have chosen.
fn behind_client<'a, I: Iterator<Item = &'a Lexeme<'a>> + Clone>(mut lexemes: I) -> I {
    lexemes.next();
    loop {
        let mut ahead = lexemes.clone();
        let Some(Lexeme::Comment(_)) = ahead.next() else {
            return lexemes;
        };
        lexemes = ahead;
    }
}

/// The word behind this keyword.
fn behind<'a>(lexemes: impl Iterator<Item = &'a Lexeme<'a>>, keyword: &str) -> Option<&'a [u8]> {
    let mut words = lexemes.filter_map(|lexeme| match lexeme {
        Lexeme::Word(word) => Some(*word),
        Lexeme::Comment(_) => None,
    });
    let _ = words.find(|word| is(word, keyword));
    words.next()
}

/// The comment right behind the host's name.
fn beside_host<'a>(mut lexemes: impl Iterator<Item = &'a Lexeme<'a>>) -> Option<&'a [u8]> {
    lexemes.find(|lexeme| matches!(lexeme, Lexeme::Word(word) if is(word, "by")))?;
    match (lexemes.next()?, lexemes.next()?) {
        (Lexeme::Word(_), Lexeme::Comment(comment)) => Some(comment),
        _ => None,
    }
}

/// Whether a comment can be the name of a host, and nothing else.
fn is_name(comment: &[u8]) -> bool {
    let can_be = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !comment.is_empty() && comment.iter().all(can_be)
}

fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

#[cfg(test)]
mod tests;
