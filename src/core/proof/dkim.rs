//! DKIM as proof (RFC 6376): a bounce returns a message that one of our own signers has signed.
//!
//! What was signed is what counts. A signature covers, of the fields of a name, the last ones only (section 5.4.2), so
//! anybody who has one message of ours can put a second To: or Message-ID: on top of it and the signature holds. Nothing
//! of that is in [`SignedFields`].

pub mod body;
mod finding;
pub mod tags;

pub use finding::OwnMessage;
use serde::Deserialize;

use crate::core::{
    address::{Domain, Mailbox},
    from_header,
    header::{Header, Headers},
    moment::of_date,
    outside::Unanswered,
};

/// The longest Message-ID, in octets: a line of RFC 5322 section 2.1.1.
const MAX_MESSAGE_ID: usize = 998;
/// The most recipients that are kept of a message.
const MAX_RECIPIENTS: usize = 256;

/// What one DKIM-Signature of ours in a returned message proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// `d=`: one of our domains.
    pub domain: Domain,
    /// `s=`, printable.
    pub selector: String,
    /// Whether it proves anything.
    pub outcome: SignatureResult,
    /// `t=`: when it was signed, in seconds since 1970. `None` where the signature does not say.
    pub signed_at: Option<u64>,
    /// The message as far as it was signed. Believe it only where the [`SignatureResult`] is genuine or weak.
    pub message: SignedFields,
}

/// What became of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureResult {
    /// Our signer saw this message, body and all.
    Whole,
    /// Our signer saw these header fields. The body did not come back, or `l=` left some of it unsigned.
    HeadersOnly,
    /// Our signer saw these header fields. A body came back, but not as it was signed: MTAs encode bodies anew, and cut
    /// them without a word.
    HeadersOnlyAltered,
    /// It verifies, but says too little: no Message-ID, no Date, or no time at all was signed.
    Weak,
    /// It verifies, but is too old: `x=` has passed, or it is older than mail that can still bounce.
    Expired,
    /// It does not verify, or can't count.
    Failed(&'static str),
    /// There is no key to verify it with: none was published, it was revoked, or it must not be used for this.
    NoKey(&'static str),
    /// DNS did not answer.
    Unanswered(Unanswered),
}

impl SignatureResult {
    /// Whether our signer saw the headers, and all of them that are needed.
    pub fn is_genuine(&self) -> bool {
        matches!(
            self,
            Self::Whole | Self::HeadersOnly | Self::HeadersOnlyAltered
        )
    }

    /// One word for logs and counters.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::HeadersOnly => "headers_only",
            Self::HeadersOnlyAltered => "headers_only(altered)",
            Self::Weak => "weak",
            Self::Expired => "expired",
            Self::Failed(_) => "failed",
            Self::NoKey(_) => "no_key",
            Self::Unanswered(_) => "unanswered",
        }
    }
}

/// What the DKIM2 chain of a notification proves (draft-ietf-dkim-dkim2-spec-03).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chain {
    /// The notification or what it returns has no DKIM2 signature.
    Unsigned,
    /// It comes from where the message was sent to, and returns it with the signature of this domain of ours.
    Genuine(Domain),
    /// It does not verify, or can't count.
    Failed(&'static str),
    /// DNS did not answer.
    Unanswered(Unanswered),
}

/// What the signed fields of a message say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignedFields {
    /// Message-ID, with its angle brackets.
    pub message_id: Option<Vec<u8>>,
    /// Date, in seconds since 1970.
    pub date: Option<u64>,
    /// The addresses of To: and Cc:, each once, 256 at most. Bcc: is not signed, as it is not sent; Resent-To: belongs to
    /// a message that somebody sent on, not to ours.
    pub recipients: Vec<Mailbox>,
}

impl SignedFields {
    /// Reads the signed fields, the last of each name first, as `h=` takes them.
    pub fn of(signed: &Headers) -> Self {
        let mut recipients: Vec<Mailbox> = Vec::new();
        for header in signed
            .iter()
            .filter(|header| header.is("To") || header.is("Cc"))
        {
            for mailbox in from_header::addresses(header) {
                if recipients.len() < MAX_RECIPIENTS && !recipients.contains(&mailbox) {
                    recipients.push(mailbox);
                }
            }
        }
        Self {
            message_id: signed.first("Message-ID").and_then(message_id),
            date: signed.first("Date").and_then(of_date),
            recipients,
        }
    }
}

/// From the first `<` to the `>` behind it (RFC 5322 section 3.6.4), blanks of folds left out.
fn message_id(header: &Header) -> Option<Vec<u8>> {
    let line = header.unfolded();
    let start = line.iter().position(|&byte| byte == b'<')?;
    let (_, id) = line.split_at_checked(start)?;
    let end = id.iter().position(|&byte| byte == b'>')?;
    let id = id.get(..=end)?;
    let id: Vec<u8> = id
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    (3..=MAX_MESSAGE_ID).contains(&id.len()).then_some(id)
}

/// `proof.dkim` of `milter.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DkimSettings {
    /// Whether DKIM signatures of our domains in returned messages are verified.
    pub verify: bool,
    /// Keys that are known without DNS: of domains whose zone is not to be asked, or of selectors that are no longer
    /// in it.
    pub keys: Vec<KeyRecord>,
    /// What a signature is worth whose headers verify where the body came back altered.
    pub altered_body: Altered,
    /// Whether notifications with a DKIM2 chain are verified. That follows a draft (draft-ietf-dkim-dkim2-spec).
    pub dkim2: bool,
}

impl Default for DkimSettings {
    fn default() -> Self {
        Self {
            verify: true,
            keys: Vec::new(),
            altered_body: Altered::default(),
            dkim2: false,
        }
    }
}

/// `proof.dkim.altered_body` of `milter.yaml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Altered {
    /// As much as where only the headers came back.
    #[default]
    Accept,
    /// It is weak evidence.
    Weak,
    /// Nothing.
    Ignore,
}

/// A key as its domain publishes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// `d=` of the signatures.
    pub domain: Domain,
    /// `s=` of the signatures.
    pub selector: String,
    /// What stands in the TXT record (RFC 6376 section 3.6.1), e.g. `v=DKIM1; k=rsa; p=...`.
    pub record: String,
}

#[cfg(test)]
mod tests;
