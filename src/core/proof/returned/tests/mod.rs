//! What comes back is what was sent, octet for octet, in whatever form it comes; and nothing else does.

mod details;
mod hostile;
mod named;
mod round_trip;
mod samples;
mod unannounced;

use super::*;

/// Reads a whole message.
fn read_message(message: &[u8]) -> NotificationReport {
    let (headers, body) = Headers::parse(message);
    read(&headers, &message[body..], false)
}

/// Reads a whole message, and only some octets of its body.
fn read_cut(message: &[u8], length: usize) -> NotificationReport {
    let (headers, body) = Headers::parse(message);
    let body = &message[body..];
    read(&headers, &body[..length], length < body.len())
}

fn body_length(message: &[u8]) -> usize {
    message.len() - Headers::parse(message).1
}

/// With CRLF line ends.
fn crlf(text: &[u8]) -> Vec<u8> {
    mime::crlf(text).into_owned()
}

fn message_id(returned: &Returned) -> String {
    let header = returned.headers.first("Message-ID");
    let id = header.map(|header| header.unfolded()).unwrap_or_default();
    id.escape_ascii().to_string()
}

fn strings<T: AsRef<[u8]>>(all: impl IntoIterator<Item = T>) -> Vec<String> {
    let text = |bytes: T| String::from_utf8_lossy(bytes.as_ref()).into_owned();
    all.into_iter().map(text).collect()
}
