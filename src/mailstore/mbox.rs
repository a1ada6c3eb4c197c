//! Cuts an mbox (RFC 4155, and older ways to write it) into messages, in one pass.

use std::{
    io::{self, BufRead},
    path::Path,
};

use super::{
    Stored, Unreadable,
    block::{Block, Body, BodyLimit, is_blank, next_line},
    mail,
    marks::Marks,
    shown,
};
use crate::core::header::Headers;

/// The maximum of a line that separates two messages, in octets.
const MAX_SEPARATOR: usize = 1000;
/// The most octets of a line that are read.
const MAX_LINE: usize = 70 * 1024;

/// An mbox, one message at a time.
#[derive(Debug)]
pub(super) struct Mbox<R> {
    name: String,
    marks: Marks,
    reader: R,
    line: Vec<u8>,
    position: u64,
    number: u64,
    limit: BodyLimit,
    /// The `From ` line of the next message; none at the end.
    next: Option<Vec<u8>>,
}

/// Whether a file that begins like this is an mbox.
pub(super) fn is_one(start: &[u8]) -> bool {
    is_separator(start.split(|&byte| byte == b'\n').next().unwrap_or(start))
}

impl<R: BufRead> Mbox<R> {
    /// The mbox behind this reader, which stands at its first `From ` line.
    pub(super) fn new(path: &Path, reader: R, limit: impl Into<BodyLimit>) -> Self {
        Self {
            name: shown(path),
            marks: Marks::of_file(path),
            reader,
            line: Vec::new(),
            position: 0,
            number: 0,
            limit: limit.into(),
            next: Some(Vec::new()),
        }
    }

    fn read_line(&mut self, most: usize) -> io::Result<bool> {
        let octets = next_line(&mut self.reader, most, &mut self.line)?;
        self.position += octets;
        Ok(octets > 0)
    }

    /// Reads up to the next separator: the headers, the front of the body, and the message's own `From ` line.
    fn read(&mut self, mut from_line: Vec<u8>) -> io::Result<(Block, Body, Vec<u8>)> {
        if self.number == 1 {
            self.read_line(MAX_SEPARATOR)?;
            from_line.clone_from(&self.line);
        }
        let mut block = Block::default();
        while self.read_line(MAX_LINE)? && !is_blank(&self.line) {
            // A message that ends within its headers, without the empty line that should separate it from the next.
            if is_separator(&self.line) {
                self.next = Some(self.line.clone());
                return Ok((block, Body::new(0), from_line));
            }
            block.push(&self.line);
        }
        let mut body = Body::new(self.limit.of(&block));
        loop {
            let wanted = if body.is_full() {
                MAX_SEPARATOR
            } else {
                MAX_LINE
            };
            if !self.read_line(wanted)? {
                break;
            }
            if is_separator(&self.line) {
                self.next = Some(self.line.clone());
                break;
            }
            body.push(&self.line);
        }
        Ok((block, body, from_line))
    }
}

impl<R: BufRead> Iterator for Mbox<R> {
    type Item = Result<Stored, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let from_line = self.next.take()?;
            self.number += 1;
            let name = format!("{}#{}", self.name, self.number);
            let (block, body, from_line) = match self.read(from_line) {
                Ok(read) => read,
                Err(error) => {
                    let why = error.to_string();
                    return Some(Err(Unreadable { name, why }));
                }
            };
            let headers = block.headers();
            if is_folder_data(&headers) {
                continue;
            }
            return Some(match mail(headers) {
                Ok(headers) => Ok(Stored {
                    name,
                    marks: self.marks.and_of(&headers),
                    headers,
                    raw_headers: block.into_octets(),
                    body,
                    from_line: Some(from_line.trim_ascii_end().to_vec()),
                    position: self.position,
                }),
                Err(why) => Err(Unreadable { name, why }),
            });
        }
    }
}

/// What c-client (UW IMAP, Dovecot) keeps as the first message of an mbox.
fn is_folder_data(headers: &Headers) -> bool {
    let subject = headers.first("Subject").map(|subject| subject.unfolded());
    (headers.has("X-IMAP") || headers.has("X-IMAPbase"))
        && subject.is_some_and(|subject| subject.ends_with(b"FOLDER INTERNAL DATA"))
}

/// Whether the line separates two messages: `From `, an address, and a date as asctime(3) writes it. A body can hold lines
/// that begin with `From ` (mboxcl doesn't quote them, and not every program does), so the date must be there. No empty
/// line has to come before, so that a message without its end doesn't swallow the next.
fn is_separator(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else {
        return false;
    };
    let rest = rest.get(..MAX_SEPARATOR).unwrap_or(rest);
    date(rest).is_some()
}

/// Where the date begins: a weekday, a month, a day, and hours and minutes.
fn date(rest: &[u8]) -> Option<usize> {
    const DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
    const MONTHS: [&[u8]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    let words: Vec<(usize, &[u8])> = words(rest).collect();
    words.windows(4).find_map(|four| match four {
        [(at, weekday), (_, month), (_, day), (_, time)]
            if DAYS.contains(weekday)
                && MONTHS.contains(month)
                && day.iter().all(u8::is_ascii_digit)
                && is_time(time) =>
        {
            Some(*at)
        }
        _ => None,
    })
}

/// The words of a line, and where they begin.
fn words(line: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    line.split(u8::is_ascii_whitespace)
        .map(move |word| {
            let begin = at;
            at += word.len() + 1;
            (begin, word)
        })
        .filter(|(_, word)| !word.is_empty())
}

fn is_time(word: &[u8]) -> bool {
    match word {
        [h1, h2, b':', m1, m2, ..] => [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    }
}

/// The address in a `From ` line; empty where there is none.
pub(super) fn sender(line: &[u8]) -> &[u8] {
    let rest = line.strip_prefix(b"From ").unwrap_or_default();
    let end = date(rest).unwrap_or(rest.len());
    rest.get(..end).unwrap_or(rest).trim_ascii()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(mbox: &[u8]) -> Vec<Result<(String, String), String>> {
        Mbox::new(Path::new("m"), mbox, 0)
            .map(|entry| match entry {
                Ok(stored) => {
                    let subject = stored.headers.first("Subject").map(|h| h.text());
                    Ok((stored.name, subject.unwrap_or_default()))
                }
                Err(unreadable) => Err(unreadable.to_string()),
            })
            .collect()
    }

    #[test]
    fn messages_are_parted() {
        let mbox = "From a@b.example Mon Jan  1 00:00:00 2024\nSubject: one\n\nbody\n\
                    From the desk of somebody at 10:30\n>From c@d Tue Jan  2 00:00:00 2024\n\n\
                    From - Tue Jan 02 00:00:00 +0100 2024\nSubject: two\n\
                    From \"a b\"@c.example Wed Jan  3 00:00:00 2024 remote from x\n\nSubject: no header\n\n\
                    From e@f Thu Jan  4 00:00:00 2024\nSubject: four\n";
        let expected = [
            Ok(("m#1".to_owned(), "one".to_owned())),
            Ok(("m#2".to_owned(), "two".to_owned())),
            Err("m#3: not a mail: it does not begin with a header".to_owned()),
            Ok(("m#4".to_owned(), "four".to_owned())),
        ];
        assert_eq!(read(mbox.as_bytes()), expected);
        assert_eq!(read(mbox.replace('\n', "\r\n").as_bytes()), expected);
    }

    #[test]
    fn senders() {
        for (line, expected) in [
            ("From a@b.example Mon Jan  1 00:00:00 2024", "a@b.example"),
            (
                "From \"a b\"@c.example Wed Jan  3 00:00:00 2024 remote from x",
                "\"a b\"@c.example",
            ),
            (
                "From MAILER-DAEMON Mon Jan  1 00:00:00 2024",
                "MAILER-DAEMON",
            ),
            ("From Mon Jan  1 00:00:00 2024", ""),
            ("", ""),
        ] {
            assert_eq!(sender(line.as_bytes()), expected.as_bytes(), "{line}");
        }
    }

    #[test]
    fn only_an_mbox_is_one() {
        for (start, expected) in [
            ("From a@b Mon Jan  1 00:00:00 2024\r\nX: y", true),
            ("From a@b Mon Jan  1 00:00:00 2024", true),
            ("From: a@b\n", false),
            ("From a friend\n", false),
            ("", false),
        ] {
            assert_eq!(is_one(start.as_bytes()), expected, "{start}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_their_end(
            pieces in proptest::collection::vec(
                prop_oneof![
                    proptest::sample::select(vec![
                        "From a@b Mon Jan  1 00:00:00 2024\n", "From ", "Mon Jan 1 00:00", "Subject: x", "\n", "\r\n", " ",
                    ])
                    .prop_map(|piece| piece.as_bytes().to_vec()),
                    proptest::collection::vec(any::<u8>(), 0..4),
                ],
                0..40,
            ),
        ) {
            let mbox = pieces.concat();
            let mut read = Mbox::new(Path::new("m"), mbox.as_slice(), 0);
            prop_assert!(read.by_ref().count() <= 41);
            prop_assert_eq!(read.position, mbox.len() as u64);
        }
    }
}
