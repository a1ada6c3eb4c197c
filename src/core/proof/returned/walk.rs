//! The walk through a notification and the messages it returns, the outermost first.

use std::{borrow::Cow, collections::VecDeque};

use super::{
    Form, NotificationReport, Returned,
    block::Block,
    fields, markers, markup,
    mime::{self, Content, Part},
    text,
};
use crate::core::{address::ReversePath, header::Headers, notification::Notification};

/// How deep multiparts can be nested in one message. Honest ones need three.
const DEEPEST: usize = 8;

/// A message to look through: the notification, or what one returned.
struct Message {
    headers: Headers,
    /// With CRLF line ends.
    body: Vec<u8>,
    open: bool,
    /// Whether it is the notification itself.
    is_report: bool,
}

/// The texts of one message, to be read when its parts are known.
#[derive(Default)]
struct Texts {
    plain: Vec<Text>,
    html: Vec<Text>,
}

struct Text {
    octets: Vec<u8>,
    open: bool,
    /// Whether the part says that it is a message or its headers.
    announced: bool,
}

/// Reads the notification, and then what it returned in turn: those are at most as many as are kept.
pub fn message(report: &mut NotificationReport, headers: &Headers, body: &[u8]) {
    let open = report.cut;
    let mut walk = Walk {
        report,
        next: VecDeque::new(),
        outermost: true,
    };
    walk.next.push_back(Message {
        headers: headers.clone(),
        body: mime::crlf(body).into_owned(),
        open,
        is_report: true,
    });
    while let Some(message) = walk.next.pop_front() {
        walk.message(&message);
        walk.outermost = false;
    }
}

struct Walk<'a> {
    report: &'a mut NotificationReport,
    next: VecDeque<Message>,
    /// It is at the notification itself.
    outermost: bool,
}

impl Walk<'_> {
    fn message(&mut self, message: &Message) {
        fields::failed_recipients(self.report, &message.headers);
        let before = self.report.returned.len();
        // Only the sender of the outermost message is known. What is not a notification even with the null sender is none.
        let quotes = Notification::recognise(&ReversePath::Null, &message.headers).is_some();
        let mut texts = Texts::default();
        let body = Part {
            octets: &message.body,
            open: message.open,
        };
        self.entity(&message.headers, body, false, 0, &mut texts);
        // Exchange shows the headers in its text as well as in a part; HTML is shown beside the same plain text.
        for text in &texts.plain {
            let returns = self.report.returned.len() == before;
            let quotes = quotes || text.announced;
            text::read(self.report, &text.octets, text.open, returns, quotes);
        }
        for text in &texts.html {
            if self.report.returned.len() == before {
                let plain = markup::text(&text.octets);
                text::read(self.report, &plain, text.open, true, quotes);
            }
        }
        if message.is_report {
            self.names(&texts);
        }
        for returned in self.report.returned.get(before..).unwrap_or_default() {
            // What MIME parts returned is there already.
            if let (Form::Text(_), Some(body)) = (returned.form, &returned.body) {
                self.next.push_back(Message {
                    headers: returned.headers.clone(),
                    body: body.clone(),
                    open: false,
                    is_report: false,
                });
            }
        }
    }

    /// What the notification names beside its fields: in its text, which comes first (RFC 3464 section 2), and in the
    /// trace of the messages it returns. What their own texts name means nothing.
    fn names(&mut self, texts: &Texts) {
        match (texts.plain.first(), texts.html.first()) {
            (Some(text), _) => self.report.name_in_text(&text.octets),
            (None, Some(text)) => self.report.name_in_text(&markup::text(&text.octets)),
            (None, None) => {}
        }
        let returned: Vec<Headers> = self
            .report
            .returned
            .iter()
            .map(|one| one.headers.clone())
            .collect();
        returned
            .iter()
            .for_each(|headers| self.report.name_in_trace(headers));
    }

    /// One part, or a message's body: its headers, and what follows them.
    fn entity(
        &mut self,
        headers: &Headers,
        body: Part<'_>,
        in_digest: bool,
        depth: usize,
        texts: &mut Texts,
    ) {
        let decoded = || mime::decoded(headers, body.octets);
        let text = || Text {
            octets: decoded().into_owned(),
            open: body.open,
            announced: false,
        };
        match Content::of(headers, in_digest) {
            Content::Multipart { boundary, digest } => {
                let parts = mime::parts(body, &boundary);
                if parts.is_empty() {
                    texts.plain.push(text());
                } else if depth < DEEPEST {
                    for part in parts {
                        // Where its own headers are forgotten, those of the message stand in their place.
                        let bare = !part.octets.starts_with(b"\r\n");
                        if bare && Block::read(part.octets, part.open).is_surely_mail() {
                            self.returned(Form::Rfc822, Cow::Borrowed(part.octets), part, texts);
                            continue;
                        }
                        let (headers, at) = Headers::parse(part.octets);
                        let octets = part.octets.get(at..).unwrap_or_default();
                        let open = part.open;
                        self.entity(&headers, Part { octets, open }, digest, depth + 1, texts);
                    }
                }
            }
            Content::Message => self.returned(Form::Rfc822, decoded(), body, texts),
            Content::HeaderSection => self.returned(Form::Headers, decoded(), body, texts),
            Content::Fragment => self.fragment(decoded(), body, depth, texts),
            Content::Status => {
                self.report.status |= self.outermost;
                let fields = decoded();
                fields::read(self.report, whole_lines(&fields, body.open));
                self.report.delivery |= self.outermost && self.report.fields.has_action();
            }
            Content::Plain => texts.plain.push(text()),
            Content::Html => texts.html.push(text()),
            // A program may not know, or say, of what type it is.
            Content::Other => {
                let octets = decoded();
                if Block::read(&octets, body.open).is_surely_mail() {
                    self.returned(Form::Rfc822, octets, body, texts);
                }
            }
        }
    }

    /// A piece of a message, which is returned; or what is left of the notification itself, of which it is the body.
    fn fragment(&mut self, octets: Cow<'_, [u8]>, part: Part<'_>, depth: usize, texts: &mut Texts) {
        if depth > 0 {
            if Block::read(&octets, true).is_surely_mail() {
                let open = Part { open: true, ..part };
                self.returned(Form::Rfc822, octets, open, texts);
            }
            return;
        }
        let (headers, at) = Headers::parse(&octets);
        let rest = octets.get(at..).unwrap_or_default();
        let body = Part {
            octets: rest,
            open: true,
        };
        self.entity(&headers, body, false, depth + 1, texts);
    }

    /// A part that is a message or its headers. RFC 2046 section 5.2.1 forbids to encode one: some do it, and some
    /// only say so.
    fn returned(&mut self, form: Form, decoded: Cow<'_, [u8]>, part: Part<'_>, texts: &mut Texts) {
        if !self.report.has_room() {
            return;
        }
        let encoded = Block::read(&decoded, false).is_mail();
        let message = if encoded { &*decoded } else { part.octets };
        let block = Block::read(message, part.open);
        if !block.is_mail() {
            // Some indent what they return (Zoho does), quote it, or say something before it.
            texts.plain.push(Text {
                octets: decoded.into_owned(),
                open: part.open,
                announced: true,
            });
            return;
        }
        let body = message.get(block.body_at..).unwrap_or_default();
        if form == Form::Rfc822 {
            self.next.push_back(Message {
                headers: block.headers.clone(),
                body: body.to_vec(),
                open: part.open,
                is_report: false,
            });
        }
        // OpenSMTPD says text/rfc822-headers, and returns all of it.
        let has_body = form == Form::Rfc822 || !body.trim_ascii().is_empty();
        let whole = has_body && !part.open && !markers::is_stripped(body);
        self.report.returned.push(Returned {
            body: whole.then(|| body.to_vec()),
            raw: block.raw,
            headers: block.headers,
            form,
        });
    }
}

/// Without the last line, where the end of it can be missing.
fn whole_lines(text: &[u8], open: bool) -> &[u8] {
    let end = text.iter().rposition(|&byte| byte == b'\n');
    match end {
        _ if !open => text,
        Some(end) => text.get(..=end).unwrap_or_default(),
        None => b"",
    }
}
