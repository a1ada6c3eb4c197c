//! How plain-text bounces name the recipients that they are about.

use std::mem;

use super::{
    ascii::Begin,
    fields::address,
    markers::{self, Line},
};
use crate::core::address::Mailbox;

/// How the lines that follow name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// `<user@example.org>` in front of the line, a colon perhaps behind: qmail, Postfix, Sendmail's list.
    Bracketed,
    /// An indented address, alone on the line but for a remark: Exim, Exchange 2003.
    Indented,
    /// `user@example.org: what happened`: OpenSMTPD.
    Listed,
    /// `550 user@example.org... User unknown`: a transcript of Sendmail.
    Transcript,
}

/// The words with which a text, or a section of one, begins that names recipients.
const INTRODUCTIONS: &[(&str, Style)] = &[
    ("Hi. This is the", Style::Bracketed),
    ("This is the Postfix program at host", Style::Bracketed),
    ("This is the mail system at host", Style::Bracketed),
    ("The following addresses had", Style::Bracketed),
    (
        "Unable to deliver message to the following address",
        Style::Bracketed,
    ),
    (
        "Sorry, we were unable to deliver your message to the following address",
        Style::Bracketed,
    ),
    (
        "This message was created automatically by mail delivery software",
        Style::Indented,
    ),
    (
        "A message that you sent could not be delivered",
        Style::Indented,
    ),
    (
        "The following recipient(s) could not be reached",
        Style::Indented,
    ),
    (
        "The following recipient(s) cannot be reached",
        Style::Indented,
    ),
    // Gmail, and Microsoft's SMTP service.
    ("Delivery to the following recipient", Style::Indented),
    (
        "An error has occurred while attempting to deliver a message",
        Style::Listed,
    ),
    ("Transcript of session follows", Style::Transcript),
];

const BEGIN: Begin = {
    let (mut begin, mut rest) = (Begin::none(), INTRODUCTIONS);
    while let Some(((text, _), others)) = rest.split_first() {
        begin = begin.or(text);
        rest = others;
    }
    begin
};

/// Reads a text line by line.
#[derive(Default)]
pub struct Naming<'t> {
    style: Option<Style>,
    /// The line before.
    before: &'t [u8],
}

impl<'t> Naming<'t> {
    /// The recipient that the line names, if it does.
    pub fn line(&mut self, line: Line<'t>) -> Option<Mailbox> {
        let before = mem::take(&mut self.before);
        let Line { octets, words } = line;
        let line = octets.trim_ascii_end();
        let introduces = |(start, _): &&(&str, Style)| markers::starts_with(words, start);
        if BEGIN.may_begin(words)
            && let Some((_, style)) = INTRODUCTIONS.iter().find(introduces)
        {
            self.style = Some(*style);
            return None;
        }
        // Exchange 2007: an address, and below it `#550 5.1.1 ... ##`.
        if line.starts_with(b"#") {
            return address(before);
        }
        self.before = line;
        match self.style? {
            Style::Bracketed => bracketed(line),
            Style::Indented => indented(line),
            Style::Listed => listed(line),
            Style::Transcript => transcript(line),
        }
    }
}

fn bracketed(line: &[u8]) -> Option<Mailbox> {
    let line = line.trim_ascii();
    let inner = line.strip_prefix(b"<")?;
    let end = inner.iter().position(|&byte| byte == b'>')?;
    let (inner, after) = inner.split_at_checked(end)?;
    let alone = matches!(after.get(1), None | Some(b':' | b' ' | b'\t' | b'('));
    alone.then(|| address(inner)).flatten()
}

fn indented(line: &[u8]) -> Option<Mailbox> {
    if !line.starts_with(b" ") && !line.starts_with(b"\t") {
        return None;
    }
    let line = line.trim_ascii();
    let end = line.iter().position(u8::is_ascii_whitespace);
    let (first, remark) = line.split_at_checked(end.unwrap_or(line.len()))?;
    let remark = remark.trim_ascii_start();
    let alone = remark.is_empty() || remark.starts_with(b"(") || remark.starts_with(b"on ");
    alone
        .then(|| address(first.strip_suffix(b":").unwrap_or(first)))
        .flatten()
}

fn listed(line: &[u8]) -> Option<Mailbox> {
    let first = line.split(u8::is_ascii_whitespace).next()?;
    address(first.strip_suffix(b":")?)
}

fn transcript(line: &[u8]) -> Option<Mailbox> {
    if !line.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let mut words = line.split(u8::is_ascii_whitespace);
    // The address can have an enhanced status code before it.
    let named = words.by_ref().take(3).find(|word| word.ends_with(b"..."))?;
    address(named.strip_suffix(b"...")?)
}
