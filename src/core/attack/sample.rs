//! A refused bounce that is kept as evidence.

use std::{fmt, net::IpAddr};

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Fate;
use crate::core::{envelope::Envelope, header::Headers, proof::coverage, verdict::Verdict};

/// The most samples that are kept; the oldest go.
pub const MAX_SAMPLES: usize = 1_000;
/// The most that are kept of one [network](super::network) in an hour, so that one flood does not push out all others.
pub const SAMPLES_AN_HOUR: u64 = 5;
/// How long they are kept, in days.
pub const SAMPLE_DAYS: u64 = 30;
/// The most octets of headers and body that one holds.
pub const MAX_SAMPLE_OCTETS: usize = 32 * 1024;
/// The most of them that are headers.
const MAX_HEADER_OCTETS: usize = 16 * 1024;
/// The most recipients of one.
const MAX_RECIPIENTS: usize = 10;
/// The most octets of an address or a HELO name.
const MAX_WORD: usize = 512;

/// A stranger's octets. Where they are stored as text, it is as base64.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Octets(pub Vec<u8>);

impl Octets {
    fn cut(bytes: &[u8], most: usize) -> Self {
        Self(bytes.get(..most).unwrap_or(bytes).to_vec())
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let octets = BASE64.decode(text.as_bytes());
        octets.map(Self).map_err(de::Error::custom)
    }
}

/// A refused bounce: what we saw of it ourselves, and what a stranger wrote into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When it came, in seconds since 1970.
    pub at: u64,
    /// Our own name for it, as in the log.
    pub id: String,
    /// Who sent it.
    pub client: IpAddr,
    /// The name that leads to its address and back.
    #[serde(default)]
    pub name: Option<String>,
    /// What the client called itself; empty where it did not.
    pub helo: Octets,
    /// MAIL FROM, without its angle brackets: empty for the null sender.
    pub mail_from: Octets,
    /// To whom it came and was refused, 10 at most.
    pub recipients: Vec<Octets>,
    /// What was done with the first of them, or would have been.
    pub action: String,
    /// Why, in one word.
    pub reason: String,
    /// Whether it was done: not where we only watch.
    pub done: bool,
    /// What it proved, in one word.
    pub proof: String,
    /// Its headers, lines ending in CRLF; 16 KiB at most.
    pub headers: Octets,
    /// The beginning of its body, where that was read.
    pub body: Octets,
    /// Whether there was more.
    pub cut: bool,
}

impl Sample {
    /// What is kept of a message: `None` where nobody is known to have sent it. `body` is what was read of it; `cut`
    /// where that is not all.
    pub fn new(
        at: u64,
        id: &str,
        envelope: &Envelope,
        refused: &[(Vec<u8>, &Verdict)],
        headers: &Headers,
        (body, cut): (&[u8], bool),
    ) -> Option<Self> {
        let (_, verdict) = refused.first()?;
        let (headers, headers_cut) = written(headers);
        let room = MAX_SAMPLE_OCTETS.saturating_sub(headers.len());
        let recipients = refused.iter().take(MAX_RECIPIENTS);
        let word = |bytes: &[u8]| Octets::cut(bytes, MAX_WORD);
        Some(Self {
            at,
            id: id.to_owned(),
            client: envelope.client.address?,
            name: envelope.client.name.as_ref().map(ToString::to_string),
            helo: word(envelope.client.helo.as_deref().unwrap_or_default()),
            mail_from: word(&envelope.reverse_path.to_bytes()),
            recipients: recipients.map(|(address, _)| word(address)).collect(),
            action: verdict.would.unwrap_or(verdict.action).to_string(),
            reason: verdict.reason.code().to_owned(),
            done: Fate::of(verdict) == Fate::Refused,
            proof: verdict
                .proof
                .as_ref()
                .map_or("not_asked", coverage::word)
                .to_owned(),
            headers: Octets(headers),
            body: Octets::cut(body, room),
            cut: cut || headers_cut || body.len() > room,
        })
    }
}

/// The headers as they stand in a message, and whether some are missing.
fn written(headers: &Headers) -> (Vec<u8>, bool) {
    let mut text = Vec::new();
    for header in headers.iter() {
        // A fold came as a bare LF: the end of a line is CRLF (RFC 5322 section 2.1).
        let mut line = [header.name(), b": "].concat();
        for &byte in header.value() {
            match byte {
                b'\r' => {}
                b'\n' => line.extend_from_slice(b"\r\n"),
                byte => line.push(byte),
            }
        }
        line.extend_from_slice(b"\r\n");
        if text.len() + line.len() > MAX_HEADER_OCTETS {
            return (text, true);
        }
        text.extend(line);
    }
    (text, headers.is_cut())
}
