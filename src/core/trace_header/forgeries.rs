//! Finds headers that only we write, in what a stranger sent.

use crate::core::{address::Domain, proof::watermark};

/// What begins like this is ours alone.
const OURS: &[u8] = b"X-Backstop";
/// Headers whose authserv-id shows whether they claim to be ours.
const RESULTS: &[u8] = b"Authentication-Results";

/// The most forgeries that are kept; honest mail has a few, from hosts that call themselves as we do.
const MAX_FORGERIES: usize = 1000;

/// Finds every X-Backstop*, whatever its case, and every Authentication-Results that claims to be ours (RFC 8601
/// section 5). Results of others stay: readers who trust them can use them. So do Old- and ARC- ones, which have readers
/// of their own, and Received-SPF, of which the topmost counts (RFC 7208 section 9.1).
///
/// A watermark stays too: here it says nothing about the message that it is in. It is its sender's, who must
/// find it in what comes back, from here as well.
#[derive(Clone, Debug)]
pub struct Forgeries {
    authserv_id: Vec<u8>,
    /// How often each name that matters was seen, in lower case.
    seen: Vec<(Vec<u8>, u32)>,
    found: Vec<Deletion>,
    more: bool,
}

/// A header to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Its name, as written.
    pub name: Vec<u8>,
    /// Which of the headers with this name, from 1, as the milter protocol counts them.
    pub index: u32,
}

impl Forgeries {
    /// None found yet; `authserv_id` is ours.
    pub fn new(authserv_id: &str) -> Self {
        Self {
            authserv_id: authserv_id.as_bytes().to_vec(),
            seen: Vec::new(),
            found: Vec::new(),
            more: false,
        }
    }

    /// Looks at the message's next header. Every header must come by, in order: the indexes are counted here.
    pub fn see(&mut self, name: &[u8], value: &[u8]) {
        // Blanks before the colon are obsolete, and mean nothing (RFC 5322 section 4.5).
        let name = name.trim_ascii_end();
        let is_results = name.eq_ignore_ascii_case(RESULTS);
        let is_ours = name
            .get(..OURS.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(OURS))
            && !name.eq_ignore_ascii_case(watermark::HEADER.as_bytes());
        if !is_results && !is_ours {
            return;
        }
        let forged = is_ours || claims(value, &self.authserv_id);
        if forged && self.found.len() >= MAX_FORGERIES {
            self.more = true;
            return;
        }
        let index = self.count(name);
        if forged {
            self.found.push(Deletion {
                name: name.to_vec(),
                index,
            });
        }
    }

    /// What is to be deleted, in this order: from the bottom up, so that no deletion moves the index of another.
    pub fn deletions(&self) -> impl Iterator<Item = &Deletion> {
        self.found.iter().rev()
    }

    /// Whether there were more than 1000, so that deleting those found leaves forgeries in the message.
    pub fn too_many(&self) -> bool {
        self.more
    }

    fn count(&mut self, name: &[u8]) -> u32 {
        let known = self
            .seen
            .iter_mut()
            .find(|(seen, _)| seen.eq_ignore_ascii_case(name));
        match known {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                self.seen.push((name.to_ascii_lowercase(), 1));
                1
            }
        }
    }
}

/// Whether an Authentication-Results claims to be from `ours`. Where its authserv-id can't be made out, it is enough
/// that it names us anywhere: a reader more lenient than RFC 8601 might find us there.
fn claims(value: &[u8], ours: &[u8]) -> bool {
    match authserv_id(value) {
        Some(theirs) => same(&theirs, ours),
        None => value
            .windows(ours.len().max(1))
            .any(|window| window.eq_ignore_ascii_case(ours)),
    }
}

/// Whether an Authentication-Results has `ours` as its authserv-id, beyond doubt.
pub(super) fn names(value: &[u8], ours: &[u8]) -> bool {
    authserv_id(value).is_some_and(|theirs| same(&theirs, ours))
}

/// RFC 8601 section 2.2: `[CFWS] authserv-id [CFWS authres-version]`. What follows the id doesn't matter: what can't
/// follow it is still a claim.
fn authserv_id(value: &[u8]) -> Option<Vec<u8>> {
    let value = without_cfws(value)?;
    if let Some(quoted) = value.strip_prefix(b"\"") {
        return unquoted(quoted);
    }
    let end = value
        .iter()
        .position(|byte| byte.is_ascii_control() || b" ()<>@,;:\\\"/[]?=".contains(byte))
        .unwrap_or(value.len());
    let (token, _) = value.split_at(end);
    (!token.is_empty()).then(|| token.to_vec())
}

/// The value from its first word on; none where a comment doesn't end. Comments nest (RFC 5322 section 3.2.2).
fn without_cfws(value: &[u8]) -> Option<&[u8]> {
    let mut depth = 0_usize;
    let mut escaped = false;
    for (at, &byte) in value.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            b'\\' if depth > 0 => escaped = true,
            _ if depth > 0 || byte == b' ' || byte.is_ascii_control() => {}
            _ => return value.get(at..),
        }
    }
    None
}

/// The content of a quoted-string after its opening quote, line ends dropped; none where it doesn't end.
fn unquoted(quoted: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let mut escaped = false;
    for &byte in quoted {
        match byte {
            b'\r' | b'\n' => {}
            _ if escaped => {
                content.push(byte);
                escaped = false;
            }
            b'\\' => escaped = true,
            b'"' => return Some(content.trim_ascii().to_vec()),
            _ => content.push(byte),
        }
    }
    None
}

/// RFC 8601 section 2.2 takes its ids from domain names: they compare like them, in whatever case and in A-label form.
fn same(one: &[u8], other: &[u8]) -> bool {
    match (Domain::from_bytes(one), Domain::from_bytes(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one.eq_ignore_ascii_case(other),
    }
}
