//! The lines behind which plain-text bounces return a message. Each is a fact of one program.

use memchr::memchr;

use super::ascii::{Ascii, Begin};
use crate::core::header::{colon, preamble};

/// Who writes such a marker line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Marker {
    /// qmail and its kin.
    Qmail,
    /// Exim.
    Exim,
    /// Sendmail before MIME, and those that write the same words, as Yahoo did.
    Sendmail,
    /// Exchange 2007 and later, in English.
    Exchange,
    /// OpenSMTPD before MIME.
    OpenSmtpd,
    /// smail.
    Smail,
    /// MMDF.
    Mmdf,
    /// One of several, each of them rare.
    Other,
    /// No line that means it by itself, but a heading or a rule, behind which the headers of a message stand: Exchange in
    /// the other languages it speaks, Gmail before MIME, gateways and hosters.
    Heading,
    /// None at all: a paragraph, or the whole part, is the headers of a message.
    Bare,
}

impl Marker {
    /// One word for logs and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Qmail => "qmail",
            Self::Exim => "exim",
            Self::Sendmail => "sendmail",
            Self::Exchange => "exchange",
            Self::OpenSmtpd => "opensmtpd",
            Self::Smail => "smail",
            Self::Mmdf => "mmdf",
            Self::Other => "other",
            Self::Heading => "heading",
            Self::Bare => "bare",
        }
    }
}

/// What stands behind a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    /// The whole message as it was, to the end of the text.
    Verbatim,
    /// Its headers; what follows them can be all of its body, or some, or something else.
    Headers,
}

/// The words of the marker lines, without the dashes and blanks around them.
///
/// qmail-send puts the queue file behind its line octet by octet, and then nothing. Exim does so too, where it
/// returns the body. Exim, and the kin of qmail, say so where they cut it (see [`is_note`] and [`is_stripped`]).
const WORDS: &[(&str, Marker, Copy)] = &[
    (
        "Below this line is a copy of the message",
        Marker::Qmail,
        Copy::Verbatim,
    ),
    (
        "Below this line is the original bounce",
        Marker::Qmail,
        Copy::Verbatim,
    ),
    (
        "Enclosed is a copy of the message",
        Marker::Qmail,
        Copy::Verbatim,
    ),
    (
        "Enclosed is the original bounce",
        Marker::Qmail,
        Copy::Verbatim,
    ),
    (
        "This is a copy of the message, including all the headers",
        Marker::Exim,
        Copy::Verbatim,
    ),
    (
        "This is a copy of your message, including all the headers",
        Marker::Exim,
        Copy::Verbatim,
    ),
    (
        "This is a copy of the message's headers",
        Marker::Exim,
        Copy::Headers,
    ),
    (
        "This is a copy of your message's headers",
        Marker::Exim,
        Copy::Headers,
    ),
    ("Original message follows", Marker::Sendmail, Copy::Headers),
    ("Unsent message follows", Marker::Sendmail, Copy::Headers),
    ("Unsent message below", Marker::Sendmail, Copy::Headers),
    ("Message header follows", Marker::Sendmail, Copy::Headers),
    (
        "The unsent message follows",
        Marker::Sendmail,
        Copy::Headers,
    ),
    ("Original message headers", Marker::Exchange, Copy::Headers),
    // With RET=HDRS too (RFC 3461 section 4.3), and without a word about it.
    (
        "Below is a copy of the original message",
        Marker::OpenSmtpd,
        Copy::Headers,
    ),
    ("Message text follows", Marker::Smail, Copy::Headers),
    ("Your message follows", Marker::Mmdf, Copy::Headers),
    ("Undelivered message follows", Marker::Other, Copy::Headers),
    ("Returned message", Marker::Other, Copy::Headers),
    ("Start of returned message", Marker::Other, Copy::Headers),
    (
        "Your original message headers are included below",
        Marker::Other,
        Copy::Headers,
    ),
    (
        "Included is a copy of the message header",
        Marker::Other,
        Copy::Headers,
    ),
    (
        "The header of the original message is following",
        Marker::Other,
        Copy::Headers,
    ),
];

/// The longest name of a header field that is looked for where nothing announces one, in octets.
const MAX_NAME: usize = 64;

/// The headers that stand first in what left a mail system.
const TRACE: [&str; 9] = [
    "Received:",
    "Return-Path:",
    "DKIM-Signature:",
    "Authentication-Results:",
    "ARC-Seal:",
    "X-Received:",
    "X-Google-DKIM-Signature:",
    "X-Google-Smtp-Source:",
    "Delivered-To:",
];

const BEGIN_MARKERS: Begin = {
    let (mut begin, mut rest) = (Begin::none(), WORDS);
    while let Some(((text, ..), others)) = rest.split_first() {
        begin = begin.or(text);
        rest = others;
    }
    begin
};

const BEGIN_FORWARDED: Begin = begin_of(FORWARDED);
const BEGIN_TRACE: Begin = begin_of(&TRACE);

const fn begin_of(mut texts: &[&str]) -> Begin {
    let mut begin = Begin::none();
    while let Some((text, others)) = texts.split_first() {
        begin = begin.or(text);
        texts = others;
    }
    begin
}

/// A line, and what it says: most of what is asked of a line is asked of its words.
#[derive(Clone, Copy)]
pub struct Line<'t> {
    /// As it stands, its end included.
    pub octets: &'t [u8],
    /// Without what decorates it.
    pub words: &'t [u8],
}

impl<'t> Line<'t> {
    pub fn of(octets: &'t [u8]) -> Self {
        Self {
            octets,
            words: words(octets),
        }
    }
}

/// Whether the line is a known marker.
pub fn marker(line: Line<'_>) -> Option<(Marker, Copy)> {
    if !BEGIN_MARKERS.may_begin(line.words) {
        return None;
    }
    let found = WORDS
        .iter()
        .find(|(known, ..)| line.words.eq_ignore_ascii_case(known.as_bytes()));
    found.map(|&(_, marker, copy)| (marker, copy))
}

/// Colons as wide as a CJK character, in the charsets that mail has them in: UTF-8 (and its small and presentation forms),
/// ISO-2022-JP, Shift_JIS, EUC-JP, GB2312 and EUC-KR, HZ, Big5.
const WIDE_COLONS: &[&[u8]] = &[
    b"\xef\xbc\x9a",
    b"\xef\xb9\x95",
    b"\xef\xb8\xb0",
    b"!'\x1b(B",
    b"!'\x1b(J",
    b"\x81\x46",
    b"\xa1\xa7",
    b"\xa3\xba",
    b"#:~}",
    b"\xa1\x47",
];
const ENDS_OF_WIDE_COLONS: Ascii = {
    let (mut ends, mut rest) = (Ascii::of(b""), WIDE_COLONS);
    while let Some((colon, others)) = rest.split_first() {
        ends = match colon.last() {
            Some(last) if last.is_ascii() => ends.or(*last),
            _ => ends,
        };
        rest = others;
    }
    ends
};

/// With these words, in front, mail programs announce what a person sends on.
const FORWARDED: &[&str] = &[
    "forwarded message",
    "begin forwarded message",
    "start of forwarded message",
    "forwarded by",
    "weitergeleitete nachricht",
    "anfang der weitergeleiteten",
    "message transf",
    "mensaje reenviado",
    "mensagem encaminhada",
    "messaggio inoltrato",
    "doorgestuurd bericht",
];

/// Whether the line can announce headers: it ends in a colon, as headings do, is or begins with a rule, or says
/// "Original message", which mail programs put above quotations too.
pub fn is_heading(line: Line<'_>) -> bool {
    ends_in_colon(line.octets.trim_ascii_end())
        || is_rule(line.octets)
        || line.words.eq_ignore_ascii_case(b"Original message")
}

fn ends_in_colon(line: &[u8]) -> bool {
    match line.last() {
        None => false,
        Some(b':') => true,
        Some(last) if last.is_ascii() && !ENDS_OF_WIDE_COLONS.has(*last) => false,
        Some(_) => WIDE_COLONS.iter().any(|colon| line.ends_with(colon)),
    }
}

/// Whether the line announces a message that a person sends on: no notification returns it.
pub fn is_forwarded(line: Line<'_>) -> bool {
    let words = line.words;
    BEGIN_FORWARDED.may_begin(words) && FORWARDED.iter().any(|start| starts_with(words, start))
}

/// Whether the text begins with a header field, or with an mbox line and one.
pub fn is_field(text: &[u8]) -> bool {
    let mbox = preamble(text);
    let text = text.get(mbox..).unwrap_or_default();
    if mbox == 0 && !text.first().is_some_and(u8::is_ascii_alphabetic) {
        return false;
    }
    let line = text.get(..memchr(b'\n', text).unwrap_or(text.len()));
    let line = line.unwrap_or_default();
    let line = if mbox == 0 {
        line
    } else {
        // It can be quoted as the line before it was.
        line.trim_ascii_start()
    };
    line.first().is_some_and(u8::is_ascii_alphabetic)
        && colon(line).is_some_and(|at| at <= MAX_NAME)
}

/// Whether the line begins a trace header.
pub fn is_trace(line: &[u8]) -> bool {
    BEGIN_TRACE.may_begin(line) && TRACE.iter().any(|name| starts_with(line, name))
}

/// The same, quoted; or what names a message, because the line before can have the first field behind its words.
pub fn is_quoted_trace(line: &[u8]) -> bool {
    let is_quote = |byte: &u8| b" \t>|".contains(byte);
    let plain = line.iter().position(|byte| !is_quote(byte));
    let plain = plain.and_then(|at| line.get(at..)).unwrap_or_default();
    let quoted = line.starts_with(b">") || line.starts_with(b"|");
    quoted && (is_trace(plain) || starts_with(plain, "Message-ID:"))
}

/// Whether a line between the marker and the message says something, which is that the body was cut: Exim's
/// `------ The body of the message is ... characters long; only the first`.
pub fn is_note(line: &[u8]) -> bool {
    is_rule(line) && !words(line).is_empty()
}

/// Whether a returned body ends with the line with which qmail's kin say that they cut it.
pub fn is_stripped(body: &[u8]) -> bool {
    let lines = body.trim_ascii_end().rsplit(|&byte| byte == b'\n');
    let mut last = lines.take(1);
    last.any(|line| words(line) == b"End of message stripped")
}

/// Whether the line is, or begins with, a rule.
pub fn is_rule(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.starts_with(b"---") || line.starts_with(b"===")
}

/// Whether the line says nothing: `*****`.
pub fn is_decoration(line: &[u8]) -> bool {
    let says = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    !line.iter().any(says)
}

/// Whether the text begins with these words, in whatever case.
pub fn starts_with(text: &[u8], words: &str) -> bool {
    let words = words.as_bytes();
    // Of many texts that it may begin with, most begin with another letter.
    let begins = match (text.first(), words.first()) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (_, other) => other.is_none(),
    };
    begins
        && text
            .get(..words.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(words))
}

/// Blanks, and what decorates a line.
const DECORATION: Ascii = Ascii::of(b" \t\n\x0c\r-=*:.|>+#");

/// The line without what decorates it.
fn words(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|byte| !DECORATION.has(*byte));
    let end = line.iter().rposition(|byte| !DECORATION.has(*byte));
    match (start, end) {
        (Some(start), Some(end)) => line.get(start..=end).unwrap_or_default(),
        _ => b"",
    }
}
