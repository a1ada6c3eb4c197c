//! The walk through a notification and the messages it returns, the outermost first.

use std::{borrow::Cow, cell::LazyCell, mem};

use super::{
    Form, NotificationReport, Returned,
    block::{self, Block},
    fields, markers, markup,
    mime::{self, Content, Part},
    text,
};
use crate::core::{
    address::ReversePath,
    header::{self, Headers},
    notification::Notification,
};

/// How deep multiparts can be nested in one message. Honest ones need three.
const DEEPEST: usize = 8;

/// The body of a message to look through.
struct Body<'a> {
    /// With CRLF line ends.
    octets: Cow<'a, [u8]>,
    /// Where it begins in them.
    at: usize,
    open: bool,
}

/// A message that was returned at this place.
type Next<'a> = (usize, Body<'a>);

/// The texts of one message, to be read when its parts are known.
#[derive(Default)]
struct Texts<'a> {
    plain: Vec<Text<'a>>,
    html: Vec<Text<'a>>,
}

struct Text<'a> {
    octets: Cow<'a, [u8]>,
    open: bool,
    /// Whether the part says that it is a message or its headers.
    announced: bool,
}

impl Body<'_> {
    fn owned<'b>(self) -> Body<'b> {
        Body {
            octets: Cow::Owned(self.octets.into_owned()),
            at: self.at,
            open: self.open,
        }
    }
}

impl Text<'_> {
    fn owned<'b>(self) -> Text<'b> {
        Text {
            octets: Cow::Owned(self.octets.into_owned()),
            open: self.open,
            announced: self.announced,
        }
    }
}

/// Reads the notification, and then what it returned in turn: those are at most as many as are kept.
pub fn message(report: &mut NotificationReport, headers: &Headers, body: &[u8]) {
    let body = Body {
        octets: mime::crlf(body),
        at: 0,
        open: report.cut,
    };
    let mut walk = Walk::new(report, true);
    walk.message(headers, &body);
    let next = walk.next;
    returned(report, &next);
}

/// Reads what was returned, and then what that returned.
fn returned(report: &mut NotificationReport, messages: &[Next<'_>]) {
    if messages.is_empty() {
        return;
    }
    let mut walk = Walk::new(report, false);
    for (place, body) in messages {
        walk.with_headers(*place, |walk, headers| walk.message(headers, body));
    }
    let next = walk.next;
    returned(report, &next);
}

struct Walk<'r, 'a> {
    report: &'r mut NotificationReport,
    next: Vec<Next<'a>>,
    /// It is at the notification itself.
    outermost: bool,
}

impl<'r, 'a> Walk<'r, 'a> {
    fn new(report: &'r mut NotificationReport, outermost: bool) -> Self {
        Self {
            report,
            next: Vec::new(),
            outermost,
        }
    }

    /// Lends the headers of what was returned at this place.
    fn with_headers(&mut self, place: usize, read: impl FnOnce(&mut Self, &Headers)) {
        let returned = self.report.returned.get_mut(place);
        let headers = returned.map(|one| mem::take(&mut one.headers));
        let headers = headers.unwrap_or_default();
        read(self, &headers);
        if let Some(returned) = self.report.returned.get_mut(place) {
            returned.headers = headers;
        }
    }

    fn message(&mut self, headers: &Headers, body: &'a Body<'_>) {
        fields::failed_recipients(self.report, headers);
        let before = self.report.returned.len();
        // Only the sender of the outermost message is known. What is not a notification even with the null sender is none.
        // Most texts have nothing that might be a quotation: then nobody asks.
        let quotes =
            LazyCell::new(|| Notification::recognise(&ReversePath::Null, headers).is_some());
        let mut texts = Texts::default();
        let body = Part {
            octets: body.octets.get(body.at..).unwrap_or_default(),
            open: body.open,
        };
        self.entity(headers, body, false, 0, &mut texts);
        // Exchange shows the headers in its text as well as in a part; HTML is shown beside the same plain text.
        for text in &texts.plain {
            let returns = self.report.returned.len() == before;
            let quotes = || text.announced || *quotes;
            text::read(self.report, &text.octets, text.open, returns, &quotes);
        }
        for text in &texts.html {
            if self.report.returned.len() == before {
                let plain = markup::text(&text.octets);
                text::read(self.report, &plain, text.open, true, &|| *quotes);
            }
        }
        if self.outermost {
            self.names(&texts);
        }
        for (place, returned) in self.report.returned.iter().enumerate().skip(before) {
            // What MIME parts returned is there already.
            if let (Form::Text(_), Some(body)) = (returned.form, &returned.body) {
                let body = Body {
                    octets: Cow::Owned(body.clone()),
                    at: 0,
                    open: false,
                };
                self.next.push((place, body));
            }
        }
    }

    /// What the notification names beside its fields: in its text, which comes first (RFC 3464 section 2), and in the
    /// trace of the messages it returns. What their own texts name means nothing.
    fn names(&mut self, texts: &Texts<'_>) {
        match (texts.plain.first(), texts.html.first()) {
            (Some(text), _) => self.report.name_in_text(&text.octets),
            (None, Some(text)) => self.report.name_in_text(&markup::text(&text.octets)),
            (None, None) => {}
        }
        for place in 0..self.report.returned.len() {
            self.with_headers(place, |walk, headers| walk.report.name_in_trace(headers));
        }
    }

    /// One part, or a message's body: its headers, and what follows them.
    fn entity(
        &mut self,
        headers: &Headers,
        body: Part<'a>,
        in_digest: bool,
        depth: usize,
        texts: &mut Texts<'a>,
    ) {
        let decoded = || mime::decoded(headers, body.octets);
        let text = || Text {
            octets: decoded(),
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
                        let (headers, at) = Headers::parse(part.octets);
                        // Where its own headers are forgotten, those of the message stand in their place.
                        if is_bare(part, &headers) {
                            self.returned(Form::Rfc822, Cow::Borrowed(part.octets), part, texts);
                            continue;
                        }
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
    fn fragment(
        &mut self,
        octets: Cow<'a, [u8]>,
        part: Part<'a>,
        depth: usize,
        texts: &mut Texts<'a>,
    ) {
        if depth > 0 {
            if Block::read(&octets, true).is_surely_mail() {
                let open = Part { open: true, ..part };
                self.returned(Form::Rfc822, octets, open, texts);
            }
            return;
        }
        let (headers, at) = Headers::parse(&octets);
        let body = Part {
            octets: octets.get(at..).unwrap_or_default(),
            open: true,
        };
        let mut walk = Walk::new(self.report, self.outermost);
        let mut found = Texts::default();
        walk.entity(&headers, body, false, depth + 1, &mut found);
        let next = walk.next.into_iter();
        self.next
            .extend(next.map(|(place, body)| (place, body.owned())));
        texts.plain.extend(found.plain.into_iter().map(Text::owned));
        texts.html.extend(found.html.into_iter().map(Text::owned));
    }

    /// A part that is a message or its headers. RFC 2046 section 5.2.1 forbids to encode one: some do it, and some
    /// only say so.
    fn returned(
        &mut self,
        form: Form,
        decoded: Cow<'a, [u8]>,
        part: Part<'a>,
        texts: &mut Texts<'a>,
    ) {
        if !self.report.has_room() {
            return;
        }
        let block = Block::read(&decoded, false);
        let encoded = block.is_mail();
        let block = match (encoded, part.open) {
            (true, false) => block,
            (true, true) => Block::read(&decoded, true),
            (false, open) => Block::read(part.octets, open),
        };
        if !block.is_mail() {
            // Some indent what they return (Zoho does), quote it, or say something before it.
            texts.plain.push(Text {
                octets: decoded,
                open: part.open,
                announced: true,
            });
            return;
        }
        let octets = match encoded {
            true => decoded,
            false => Cow::Borrowed(part.octets),
        };
        let body = octets.get(block.body_at..).unwrap_or_default();
        // OpenSMTPD says text/rfc822-headers, and returns all of it.
        let has_body = form == Form::Rfc822 || !body.trim_ascii().is_empty();
        let whole = has_body && !part.open && !markers::is_stripped(body);
        let place = self.report.returned.len();
        self.report.returned.push(Returned {
            body: whole.then(|| body.to_vec()),
            raw: block.raw,
            headers: block.headers,
            form,
        });
        if form == Form::Rfc822 {
            let body = Body {
                octets,
                at: block.body_at,
                open: part.open,
            };
            self.next.push((place, body));
        }
    }
}

/// Whether a part, which begins with these headers, is a message that has no headers of a part before it.
fn is_bare(part: Part<'_>, headers: &Headers) -> bool {
    // A block that begins at once has no other fields than these, and perhaps one less.
    let begins = header::preamble(part.octets) == 0;
    let may_be = !begins || block::is_surely_mail(headers);
    may_be
        && !part.octets.starts_with(b"\r\n")
        && Block::read(part.octets, part.open).is_surely_mail()
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
