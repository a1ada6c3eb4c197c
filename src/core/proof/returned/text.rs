//! Bounces that are plain text: a returned message stands behind a marker line, as it was, or indented, or quoted.

use super::{
    Form, NotificationReport, Returned,
    block::Block,
    markers::{self, Copy, Line, Marker},
    mime::first_line,
    naming::Naming,
};

/// Blank lines, rules and notes that can stand between a marker and what it announces.
const MAX_LINES_BETWEEN: usize = 8;

/// Reads a text with CRLF line ends; where `open`, it can have gone on. The recipients always count; what it
/// returns only where `returns`, and what it quotes (`>`) without a marker only where `quotes`: in a discussion that is
/// what people do. That is asked only where something looks quoted.
pub fn read(
    report: &mut NotificationReport,
    text: &[u8],
    open: bool,
    returns: bool,
    quotes: &dyn Fn() -> bool,
) {
    let mut naming = Naming::default();
    let mut names = true;
    let mut seen = Seen::new(quotes);
    let mut rest = text;
    while !rest.is_empty() {
        let (octets, after) = first_line(rest);
        let line = Line::of(octets);
        let at = text.len() - rest.len();
        let reads = returns && report.has_room();
        if let Some((marker, copy)) = markers::marker(line) {
            // What stands behind it is somebody else's text.
            names = false;
            rest = after;
            if reads {
                let (returned, length) = behind(after, marker, copy, open);
                report.returned.extend(returned);
                // Not read twice, whatever it was: so the time stays linear.
                rest = after.get(length..).unwrap_or_default();
            }
            seen.paragraph = true;
            continue;
        }
        if reads && let Some(found) = seen.section(rest, line, at, open) {
            report.returned.push(found.returned);
            names &= found.summary;
            let length = found.length;
            rest = rest.get(length..).unwrap_or_default();
            seen.paragraph = true;
            continue;
        }
        seen.line(line);
        rest = after;
        let whole = !open || octets.ends_with(b"\n");
        let named = (names && whole).then(|| naming.line(line));
        named
            .flatten()
            .into_iter()
            .for_each(|one| report.recipient(one));
    }
}

/// How long the text is before it returns something.
pub fn own_length(text: &[u8]) -> usize {
    let mut seen = Seen::new(&|| true);
    let mut rest = text;
    while !rest.is_empty() {
        let (octets, after) = first_line(rest);
        let line = Line::of(octets);
        let at = text.len() - rest.len();
        if markers::marker(line).is_some() || markers::is_trace(octets) {
            return at;
        }
        match seen.section(rest, line, at, false) {
            Some(Found { summary: false, .. }) => return at,
            Some(Found { length, .. }) => rest = rest.get(length..).unwrap_or_default(),
            None => {
                seen.line(line);
                rest = after;
            }
        }
    }
    text.len()
}

/// A section of fields that was found where no known marker announces one.
struct Found {
    returned: Returned,
    /// How long it is, and what announces it.
    length: usize,
    /// Whether it only sums the message up, in the midst of the text, as some do: indented, and without a trace.
    summary: bool,
}

/// What was seen of a text before a line, as far as it decides whether headers can begin there.
struct Seen<'t, 'q> {
    /// A paragraph can begin: nothing stands before, or a blank line, or a rule.
    paragraph: bool,
    /// The last line that says something: it can announce a message that a person sends on.
    said: Line<'t>,
    /// Up to this octet of the text there was a section of fields that was no message's. What begins within it has fewer
    /// of its fields, so it is none either: each octet is tried once.
    tried: usize,
    /// The same for sections that are quoted or indented.
    tried_quoted: usize,
    /// Up to this octet there were only headings and what can follow one: they announce the same.
    headed: usize,
    /// Whether headers can be quoted.
    quotes: &'q dyn Fn() -> bool,
}

impl<'t, 'q> Seen<'t, 'q> {
    fn new(quotes: &'q dyn Fn() -> bool) -> Self {
        Self {
            paragraph: true,
            said: Line::of(b""),
            tried: 0,
            tried_quoted: 0,
            headed: 0,
            quotes,
        }
    }

    /// Passes a line that does not belong to a returned message.
    fn line(&mut self, line: Line<'t>) {
        let blank = line.octets.trim_ascii().is_empty();
        self.paragraph =
            blank || markers::is_rule(line.octets) || markers::is_decoration(line.octets);
        if !blank {
            self.said = line;
        }
    }

    /// The headers of a message that the first line announces, or that begin with it, and the length of all that;
    /// the line stands at this octet of the whole text.
    fn section(&mut self, text: &[u8], first: Line<'_>, at: usize, open: bool) -> Option<Found> {
        let line = first.octets;
        let after = text.get(line.len()..).unwrap_or_default();
        let begins_plainly = |text: &[u8]| text.first().is_some_and(u8::is_ascii_alphabetic);
        if at + line.len() < self.tried && begins_plainly(line) && begins_plainly(after) {
            // What the line begins, or announces as a heading, was tried as a part of more.
            return None;
        }
        if at >= self.headed && markers::is_heading(first) && !markers::is_forwarded(first) {
            let skipped = line.len() + between(after).0;
            self.headed = at + skipped;
            let (heading, section) = text.split_at_checked(skipped)?;
            let ruled = heading.split(|&byte| byte == b'\n').any(markers::is_rule);
            let found = self.fields(section, at + skipped, open, ruled, Marker::Heading);
            if let Some(found) = found {
                return Some(Found {
                    length: skipped + found.length,
                    ..found
                });
            }
        }
        // In a notification it can be any line.
        let is_any = || markers::is_field(line) || markers::is_quoted_trace(line);
        if !(self.paragraph || markers::is_trace(line) || is_any() && (self.quotes)()) {
            return None;
        }
        if markers::is_forwarded(self.said) {
            // Not the rest of it either.
            let end = at + section(text, open).looked_at;
            self.tried = self.tried.max(end);
            self.tried_quoted = self.tried_quoted.max(end);
            return None;
        }
        self.fields(text, at, open, false, Marker::Bare)
    }

    /// The section of fields at the front, and its length, if it is a message's; quoted only behind a rule, or where
    /// quotes can be.
    fn fields(
        &mut self,
        text: &[u8],
        at: usize,
        open: bool,
        ruled: bool,
        marker: Marker,
    ) -> Option<Found> {
        let quotes = || ruled || (self.quotes)();
        let is_quote = |byte: &u8| b" \t".contains(byte) || b">|".contains(byte) && quotes();
        let start = text.iter().position(|byte| !is_quote(byte))?;
        let plain = text.get(start..)?;
        let tried = if start == 0 {
            &mut self.tried
        } else {
            &mut self.tried_quoted
        };
        if at < *tried || !markers::is_field(plain) {
            return None;
        }
        let Section {
            block,
            length,
            looked_at,
            quoted,
        } = section(text, open);
        let announced = marker == Marker::Heading && markers::is_trace(plain) && block.is_mail();
        if !announced && !block.is_surely_mail() {
            *tried = at + looked_at;
            return None;
        }
        let returned = Returned {
            raw: block.raw,
            headers: block.headers,
            body: None,
            form: Form::Text(marker),
        };
        Some(Found {
            summary: quoted && !returned.headers.has("Received"),
            returned,
            length,
        })
    }
}

/// What stands behind a marker, and how many octets were looked at.
fn behind(text: &[u8], marker: Marker, copy: Copy, open: bool) -> (Option<Returned>, usize) {
    let (between, cut) = between(text);
    let text = text.get(between..).unwrap_or_default();
    let Section {
        block,
        length,
        quoted,
        ..
    } = section(text, open);
    if !block.is_mail() {
        return (None, between + length);
    }
    let body = text.get(length..).unwrap_or_default();
    let cut = cut || open || markers::is_stripped(body);
    let whole = copy == Copy::Verbatim && !quoted && !cut;
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

/// A header section at the front of a text.
struct Section {
    block: Block,
    /// How long it is there.
    length: usize,
    /// How many octets were looked at for that.
    looked_at: usize,
    quoted: bool,
}

fn section(text: &[u8], open: bool) -> Section {
    match unquoted(text) {
        Some((lines, length)) => {
            // Of the line that ended it, the end must have been seen too.
            let after = text.get(length..).unwrap_or_default();
            let (block, _) = Block::read_from_text(&lines, open && !after.contains(&b'\n'));
            Section {
                block,
                length,
                looked_at: length,
                quoted: true,
            }
        }
        None => {
            let (block, looked_at) = Block::read_from_text(text, open);
            Section {
                length: block.body_at,
                block,
                looked_at,
                quoted: false,
            }
        }
    }
}

/// How long the blank lines, rules and notes are before a returned message, and whether a note says it was cut.
fn between(text: &[u8]) -> (usize, bool) {
    let mut length = 0;
    let mut cut = false;
    for _ in 0..MAX_LINES_BETWEEN {
        let (line, _) = first_line(text.get(length..).unwrap_or_default());
        let skipped = line.trim_ascii().is_empty() || markers::is_rule(line);
        let announces = || {
            let line = Line::of(line);
            markers::marker(line).is_some() || markers::is_forwarded(line)
        };
        if line.is_empty() || !skipped || announces() {
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
            // A fold can be indented less than the fields are, or by another blank.
            None if quote.trim_ascii().is_empty() && is_fold(line) => {
                plain.extend_from_slice(line);
            }
            None => break,
        }
        length += line.len();
        if line.trim_ascii().len() <= quote.trim_ascii().len() {
            break;
        }
    }
    Some((plain, length))
}

/// Whether the line can only go on with a field, wherever the fields begin.
fn is_fold(line: &[u8]) -> bool {
    let plain = line.trim_ascii_start();
    plain.len() < line.len() && !plain.is_empty() && !markers::is_field(plain)
}
