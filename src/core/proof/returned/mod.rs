//! What a notification returns: the headers, and where they came whole the bodies, of the messages that it is about.
//!
//! A stranger wrote all of it. Only what was signed counts later, so nothing is repaired here: a block of headers is
//! given as it stood, never merged with another, and never helped out with fields from elsewhere.
//!
//! The parts of a message are found here and not by mail-parser: 0.11 takes `--boundary` for a delimiter in the middle
//! of a line too, loses the outer parts where an inner multipart isn't closed (as in every returned message that was
//! cut), nests messages as deep as a stranger likes, and gives texts only after their charset was decoded, whereas a
//! signature is over octets. Content-Type, base64 and quoted-printable are its work.
//!
//! Time and memory are linear in the body: each level of nesting reads it once, and there are few levels.

mod ascii;
mod block;
mod fields;
mod markers;
mod markup;
mod mime;
mod named;
mod naming;
mod text;
mod walk;

pub use fields::StatusFields;
pub use markers::Marker;
pub use mime::delimiter;

use crate::core::{address::Mailbox, header::Headers};

/// The most recipients that are kept.
const MAX_RECIPIENTS: usize = 100;
/// The most returned messages that are kept.
const MAX_RETURNED: usize = 4;
/// The most Message-IDs of answered messages that are kept.
const MAX_ANSWERS: usize = 20;

/// What a notification says and returns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotificationReport {
    /// The recipients it is about, each once, 100 at most: Final-Recipient and Original-Recipient (RFC 3464, RFC 6533,
    /// RFC 8098), X-Failed-Recipients, and those that plain-text forms name. Those of a returned notification too.
    pub recipients: Vec<Mailbox>,
    /// Other addresses that it names, each once, 100 at most: in its text, in other fields, in the trace of what it
    /// returns. See [`NotificationReport::names`].
    pub named: Vec<Mailbox>,
    /// What the fields of its status parts say of the message.
    pub fields: StatusFields,
    /// The messages it returns, the outermost first, 4 at most: a returned notification can return one itself.
    pub returned: Vec<Returned>,
    /// The Message-IDs that it names as what it answers, with their angle brackets, each once, 20 at most:
    /// Original-Message-ID (RFC 8098 section 3.2.5), and its own In-Reply-To and References, the nearest first.
    pub answers: Vec<Vec<u8>>,
    /// Whether a part of its own reports a delivery or a disposition (RFC 3464, RFC 8098).
    pub status: bool,
    /// Whether such a part says what became of the message (an Action field), which a receipt and an automatic reply don't.
    pub delivery: bool,
    /// Whether its body was longer than what was read.
    pub cut: bool,
}

/// A message of which a notification brings back the headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// The header section as returned, transfer encodings undone, lines ending in CRLF, without the blank line. Of
    /// a section that was cut, the fields that are surely whole.
    pub raw: Vec<u8>,
    /// The same, parsed.
    pub headers: Headers,
    /// The body as returned, lines ending in CRLF, where the notification seems to have all of it: a host
    /// can have cut it without a trace. `None` where there were only headers, where it was cut, and in
    /// plain-text forms that don't promise it.
    pub body: Option<Vec<u8>>,
    /// Where it was found.
    pub form: Form,
}

/// How a notification returns a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// As a MIME part of its own: message/rfc822 or message/global.
    Rfc822,
    /// Its headers as a MIME part: text/rfc822-headers or message/global-headers.
    Headers,
    /// In the text, behind a marker line.
    Text(Marker),
}

impl Form {
    /// One word for logs and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rfc822 => "rfc822",
            Self::Headers => "headers",
            Self::Text(marker) => marker.as_str(),
        }
    }
}

/// Reads a notification: its own headers, and the first part of its body; `cut` where there was more of it.
pub fn read(headers: &Headers, body: &[u8], cut: bool) -> NotificationReport {
    let mut report = NotificationReport {
        cut,
        ..NotificationReport::default()
    };
    walk::message(&mut report, headers, body);
    report.name_in_headers(headers);
    report.answer(headers);
    report
}

/// The Message-IDs of what a message answers, by its headers, with their angle brackets. The last of References is the message
/// answered (RFC 5322 section 3.6.4), the first the start of the thread.
pub fn answered(headers: &Headers) -> Vec<Vec<u8>> {
    let named = ["In-Reply-To", "References"].into_iter();
    let fields = named.flat_map(|name| headers.all(name));
    let ids = fields.flat_map(|header| fields::message_ids(&header.unfolded()).into_iter().rev());
    ids.collect()
}

impl NotificationReport {
    /// Whether it names one of these, or its fields name nobody.
    ///
    /// Names in its text and in a trace can only add: they have to be recipients of the message. A forger who has a copy of
    /// a message can write its recipient into the fields as well; what a forger gains with the trace is bounces of honest
    /// hosts to which such copies are sent, because these return the trace. `replay_limit` bounds how many count.
    /// The addressees of the report itself are not looked for in a text, because it names them nearly always.
    pub fn names(&self, addressees: &[&Mailbox], is_one: impl Fn(&Mailbox) -> bool) -> bool {
        let is_addressee = |one: &&Mailbox| addressees.iter().any(|to| to.is_same(one));
        let mut named = self.named.iter().filter(|one| !is_addressee(one));
        self.recipients.is_empty() || self.recipients.iter().any(&is_one) || named.any(is_one)
    }

    fn recipient(&mut self, mailbox: Mailbox) {
        if self.recipients.len() < MAX_RECIPIENTS && !self.recipients.contains(&mailbox) {
            self.recipients.push(mailbox);
        }
    }

    fn answers(&mut self, message_id: Vec<u8>) {
        if self.answers.len() < MAX_ANSWERS && !self.answers.contains(&message_id) {
            self.answers.push(message_id);
        }
    }

    fn answer(&mut self, headers: &Headers) {
        for message_id in answered(headers) {
            self.answers(message_id);
        }
    }

    fn has_room(&self) -> bool {
        self.returned.len() < MAX_RETURNED
    }
}

#[cfg(test)]
mod tests;
