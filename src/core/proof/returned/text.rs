//! Bounces that are plain text: a returned message stands behind a marker line, as it was, or indented, or quoted.

use super::{
    Form, Report, Returned,
    block::Block,
    markers::{self, Copy, Marker},
    naming::Naming,
};

/// Blank lines, rules and notes that may stand between a marker and what it announces.
const MOST_LINES_BETWEEN: usize = 8;

/// Reads a text with CRLF line ends; where `open`, it may have gone on. The recipients always count; what it
/// returns only where `returns`.
pub fn read(report: &mut Report, text: &[u8], open: bool, returns: bool) {
    let mut naming = Naming::default();
    let mut names = true;
    let mut rest = text;
    while !rest.is_empty() {
        let (line, after) = first_line(rest);
        rest = after;
        let Some((marker, copy)) = announced(line, after) else {
            let whole = !open || line.ends_with(b"\n");
            let named = (names && whole).then(|| naming.line(line.trim_ascii_end()));
            named
                .flatten()
                .into_iter()
                .for_each(|one| report.recipient(one));
            continue;
        };
        // What stands behind it is somebody else's text.
        names = false;
        if !returns || !report.has_room() {
            continue;
        }
        let (returned, length) = behind(after, marker, copy, open);
        report.returned.extend(returned);
        // Not read twice, whatever it was: so the time stays linear.
        rest = after.get(length..).unwrap_or_default();
    }
}

/// The marker that the line is.
pub fn announced(line: &[u8], after: &[u8]) -> Option<(Marker, Copy)> {
    markers::marker(line).or_else(|| {
        let next = after.get(blank_line(after)..)?;
        (markers::is_heading(line) && markers::is_trace(next))
            .then_some((Marker::Heading, Copy::Headers))
    })
}

/// What stands behind a marker, and how many octets were looked at.
fn behind(text: &[u8], marker: Marker, copy: Copy, open: bool) -> (Option<Returned>, usize) {
    let (between, cut) = between(text);
    let text = text.get(between..).unwrap_or_default();
    let plain = unquoted(text);
    let (block, length) = match &plain {
        Some((lines, length)) => {
            // Of the line that ended it, the end must have been seen too.
            let after = text.get(*length..).unwrap_or_default();
            let block = Block::read(lines, open && !after.contains(&b'\n'));
            (block, *length)
        }
        None => {
            let block = Block::read(text, open);
            let length = block.body_at;
            (block, length)
        }
    };
    if !block.is_mail() {
        return (None, between + length);
    }
    let body = text.get(length..).unwrap_or_default();
    let cut = cut || open || markers::is_stripped(body);
    let whole = copy == Copy::Verbatim && plain.is_none() && !cut;
    let returned = Returned {
        raw: block.raw,
        headers: block.headers,
        body: whole.then(|| body.to_vec()),
        form: Form::Text(marker),
    };
    // The rest of a verbatim copy is the body of that message, and read as such.
    let length = if whole { text.len() } else { length };
    (Some(returned), between + length)
}

/// How long the blank lines, rules and notes are before a returned message, and whether a note says it was cut.
fn between(text: &[u8]) -> (usize, bool) {
    let mut length = 0;
    let mut cut = false;
    for _ in 0..MOST_LINES_BETWEEN {
        let (line, _) = first_line(text.get(length..).unwrap_or_default());
        let skipped = line.trim_ascii().is_empty() || markers::is_rule(line);
        if line.is_empty() || !skipped || markers::marker(line).is_some() {
            break;
        }
        cut |= markers::is_note(line);
        length += line.len();
    }
    (length, cut)
}

/// The header section in front without the blanks, `>` and `|` before each of its lines, and how long it was with
/// them; `None` where there are none. It ends with the first line that has others.
fn unquoted(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let is_quote = |byte: &u8| b" \t>|".contains(byte);
    let quote_of = text.iter().position(|byte| !is_quote(byte))?;
    let quote = text.get(..quote_of).filter(|quote| !quote.is_empty())?;
    // The escaped line of an mbox.
    if text.starts_with(b">From ") {
        return None;
    }
    let mut plain = Vec::new();
    let mut length = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_prefix(quote) {
            Some(line) => plain.extend_from_slice(line),
            None => break,
        }
        length += line.len();
        if line.trim_ascii().len() <= quote.trim_ascii().len() {
            break;
        }
    }
    Some((plain, length))
}

pub fn first_line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&byte| byte == b'\n');
    text.split_at(end.map_or(text.len(), |end| end + 1))
}

/// The length of the blank line in front, if there is one.
fn blank_line(text: &[u8]) -> usize {
    let (line, _) = first_line(text);
    if line.trim_ascii().is_empty() {
        line.len()
    } else {
        0
    }
}
