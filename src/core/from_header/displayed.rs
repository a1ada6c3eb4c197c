//! What looks like an address to a reader of the header.

use std::borrow::Cow;

use crate::core::{
    address::{Domain, Mailbox},
    folded::folded,
};

/// How many addresses with an A-label are looked at as programs show them, in letters.
const MAX_LABELLED: usize = 64;

/// Everything of the form `local@domain` in a decoded header, in its order: as it is written, then as it looks where that is
/// something else. Time is linear.
pub fn mailboxes(text: &str) -> Vec<Mailbox> {
    let mut found = written(text);
    found.extend(folded(text).iter().flat_map(|seen| written(seen)));
    let labelled = found.iter().filter_map(in_letters).take(MAX_LABELLED);
    let labelled: Vec<Mailbox> = labelled.collect();
    found.extend(labelled);
    found
}

/// The address as it looks where its domain is shown in letters, if that is another one.
fn in_letters(mailbox: &Mailbox) -> Option<Mailbox> {
    let domain = mailbox.domain()?.as_str();
    if !domain.contains("xn--") {
        return None;
    }
    let (letters, _) = idna::domain_to_unicode(domain);
    let seen = Domain::from_bytes(folded(&letters)?.as_bytes())?;
    Some(mailbox.with_domain(&seen))
}

fn written(text: &str) -> Vec<Mailbox> {
    // All but one character of ASCII is shown as it is.
    let shown = match text.is_ascii() && !text.contains('\\') {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.chars().filter_map(as_shown).collect()),
    };
    let mut found = Vec::new();
    let mut start = 0;
    for (at, char) in shown.char_indices() {
        if char == '@' {
            let local = shown.get(start..at).unwrap_or_default();
            let after = shown.get(at + 1..).unwrap_or_default();
            found.extend(mailbox(local, after));
        }
        if char == '@' || !is_local(char) {
            start = at + char.len_utf8();
        }
    }
    found
}

fn mailbox(local: &str, after: &str) -> Option<Mailbox> {
    // Outlook writes 'joe@example.org' with the quotes.
    let local = local.trim_start_matches(['\'', '`', '.']);
    let end = after.find(|char| !is_host(char)).unwrap_or(after.len());
    let host = after.get(..end)?.trim_end_matches(['.', '-', '_']);
    // Longer than a domain can be in any form: not worth IDNA's work.
    if local.is_empty() || host.is_empty() || host.len() > 1024 {
        return None;
    }
    let mailbox = Mailbox::from_bytes(format!("{local}@{host}").as_bytes());
    mailbox.domain().is_some().then_some(mailbox)
}

/// The character as an eye sees it: nothing for what has no width, the plain form of wide dots and at signs, and
/// nothing for the backslashes of quoted pairs.
fn as_shown(char: char) -> Option<char> {
    match char {
        '\\'
        | '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}' => None,
        '\u{ff20}' | '\u{fe6b}' => Some('@'),
        '\u{3002}' | '\u{ff0e}' | '\u{ff61}' | '\u{2024}' => Some('.'),
        _ => Some(char),
    }
}

/// RFC 5322 `atext` and the dot; RFC 6532 allows letters of any script.
fn is_local(char: char) -> bool {
    char.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(char)
}

fn is_host(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '-' | '_' | '.')
}
