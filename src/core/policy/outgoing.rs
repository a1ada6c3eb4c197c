//! What outgoing mail leaves with, so that its bounces prove themselves. Nothing here refuses or delays it: what can't be
//! signed leaves as it is.

use std::collections::BTreeSet;

use super::Policy;
use crate::core::{
    address::{Domain, Mailbox, ReversePath},
    envelope::Envelope,
    header::Headers,
    proof::{
        self, ProofKind, ProofSettings,
        batv::{self, Unsigned},
        coverage::{CoverageCount, SrsSeen},
        dkim::tags::Tags,
        ledger::{Hashed, MAX_HOSTS, MAX_RECIPIENTS, Sent, address, hash, hosts, message_id},
        watermark::{self, Unmarked},
    },
};

/// How many signatures of a message are counted by their selectors.
const MAX_SELECTORS: usize = 4;

/// What a message leaves with; or why it leaves as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// The sender with a tag.
    pub sender: Result<Vec<u8>, NotSigned>,
    /// The value of the header [`watermark::HEADER`].
    pub watermark: Result<String, NotSigned>,
    /// What the ledger is to keep of it.
    pub ledger: Result<Sent, NotSigned>,
}

impl Departure {
    /// The same from an MTA that doesn't let everything be changed.
    pub fn within(self, change_sender: bool, add_header: bool) -> Self {
        let sender = self.sender;
        let watermark = self.watermark;
        Self {
            sender: sender
                .and_then(|sender| change_sender.then_some(sender).ok_or(NotSigned::NotOffered)),
            watermark: watermark
                .and_then(|value| add_header.then_some(value).ok_or(NotSigned::NotOffered)),
            ledger: self.ledger,
        }
    }

    fn unsigned(why: NotSigned) -> Self {
        Self {
            sender: Err(why),
            watermark: Err(why),
            ledger: Err(why),
        }
    }
}

/// Why a message leaves without a tag or a watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// It is no outgoing mail.
    #[error("the message is not outgoing")]
    Incoming,
    /// `proof.batv.sign`, or `proof.watermark.sign`, is off.
    #[error("it is switched off")]
    Off,
    /// A notification has no return address.
    #[error("the null sender gets no bounces")]
    NullSender,
    /// The sender is not in `local.domains`: its bounces don't come here.
    #[error("the sender's domain is not in local.domains")]
    NotOurs,
    /// It is an exception, or its address can't carry a tag.
    #[error("{0}")]
    Untagged(Unsigned),
    /// Its headers don't say what to sign.
    #[error("{0}")]
    Unmarked(Unmarked),
    /// There is a DKIM signature of ours, and it does not cover From, Date and Message-ID.
    #[error("the signature does not cover From, Date and Message-ID")]
    TooLittle,
    /// The MTA lets no milter do it.
    #[error("the MTA doesn't offer it")]
    NotOffered,
    /// The store did not keep its entry in time. What is lost for good, the store counts.
    #[error("the store did not keep it in time")]
    NotKept,
}

impl NotSigned {
    /// One word for counters; none where it is no lack: it was not wanted, or is there already.
    pub fn lack(self) -> Option<&'static str> {
        match self {
            Self::Incoming
            | Self::Off
            | Self::NotKept
            | Self::Untagged(Unsigned::AlreadyTagged)
            | Self::Unmarked(Unmarked::AlreadyMarked) => None,
            Self::NullSender => Some("null_sender"),
            Self::NotOurs => Some("not_ours"),
            Self::Untagged(why) => Some(why.as_str()),
            Self::Unmarked(why) => Some(why.as_str()),
            Self::TooLittle => Some("too_little"),
            Self::NotOffered => Some("not_offered"),
        }
    }

    fn is_there_already(self) -> bool {
        self.lack().is_none() && matches!(self, Self::Untagged(_) | Self::Unmarked(_))
    }
}

impl Policy {
    /// What a message leaves with. `now` is in seconds since 1970.
    ///
    /// Whose it is, MAIL FROM says, and From: does not matter: bounces go to MAIL FROM, and what comes home to others
    /// proves nothing to anybody here.
    pub fn departure<'a>(
        &self,
        envelope: &Envelope,
        recipients: impl IntoIterator<Item = &'a Mailbox>,
        headers: &Headers,
        now: u64,
    ) -> Departure {
        let sender = match self.our_sender(envelope) {
            Ok(sender) => sender,
            Err(why) => return Departure::unsigned(why),
        };
        let recipients: Vec<&Mailbox> = recipients.into_iter().collect();
        let today = proof::today(now);
        Departure {
            sender: self.tagged(sender, recipients.iter().copied(), today),
            watermark: self.watermark(headers, today),
            ledger: self.entry(sender, &recipients, headers, now),
        }
    }

    /// What the coverage report counts of a message that leaves so; nothing of mail that doesn't leave.
    pub fn coverage(
        &self,
        envelope: &Envelope,
        headers: &Headers,
        departure: &Departure,
    ) -> Vec<CoverageCount> {
        let sender = match self.our_sender(envelope) {
            Ok(sender) => Some(sender),
            Err(NotSigned::Incoming) => return Vec::new(),
            Err(_) => None,
        };
        let Some((mailbox, domain)) = sender.and_then(|sender| Some((sender, sender.domain()?)))
        else {
            return CoverageCount::of_outgoing(CoverageCount::NOT_OURS, &[], &[]);
        };
        let Departure {
            sender,
            watermark,
            ledger,
        } = departure;
        let proves = ledger.as_ref().map(|sent| sent.message.is_some());
        let unnamed = Err(NotSigned::Unmarked(Unmarked::NoMessageId));
        let ways = [
            (
                ProofKind::Batv,
                sender.as_ref().map(|_| ()).map_err(|why| *why),
            ),
            (
                ProofKind::Watermark,
                watermark.as_ref().map(|_| ()).map_err(|why| *why),
            ),
            (
                ProofKind::Ledger,
                proves
                    .map_err(|why| *why)
                    .and_then(|named| if named { Ok(()) } else { unnamed }),
            ),
            (ProofKind::Dkim, self.has_our_signature(headers)),
        ];
        let (mut made, mut without) = (Vec::new(), Vec::new());
        for (way, outcome) in ways {
            match outcome {
                Ok(()) => made.push(way),
                Err(why) if why.is_there_already() => made.push(way),
                Err(why) => without.extend(why.lack().map(|lack| (way, lack))),
            }
        }
        // However many names below one of ours send, they are as many as `local.domains` lists.
        let ours = self.local.ours(domain).unwrap_or(domain);
        let mut counts = CoverageCount::of_outgoing(ours.as_str(), &made, &without);
        counts.extend(self.srs_count(mailbox, SrsSeen::Sent));
        counts.extend(self.selectors(headers));
        counts
    }

    /// The selectors of our signatures that are there by now, each once.
    fn selectors(&self, headers: &Headers) -> BTreeSet<CoverageCount> {
        let signatures = headers.iter().filter(|header| header.is("DKIM-Signature"));
        let ours = signatures.filter_map(|header| {
            let value = header.unfolded();
            let tags = Tags::parse(&value)?;
            let domain = Domain::from_bytes(tags.value("d")?)?;
            // A selector is a name of DNS (RFC 6376 section 3.1).
            let selector = Domain::from_bytes(tags.value("s")?)?;
            self.local.is_ours(&domain).then(|| CoverageCount::Signed {
                domain: domain.to_string(),
                selector: selector.to_string(),
            })
        });
        ours.take(MAX_SELECTORS).collect()
    }

    /// Whether a signature of ours is there by now that will prove bounces. What signs behind us can't be known.
    fn has_our_signature(&self, headers: &Headers) -> Result<(), NotSigned> {
        if !self.proof.dkim.verify {
            return Err(NotSigned::Off);
        }
        let signatures = headers
            .iter()
            .filter(|header| header.is("DKIM-Signature"))
            .filter_map(|header| {
                says_enough(&header.unfolded(), |domain| self.local.is_ours(domain))
            });
        match signatures.max() {
            Some(true) => Ok(()),
            Some(false) => Err(NotSigned::TooLittle),
            None => Err(NotSigned::Off),
        }
    }

    /// The sender of an outgoing message, where it is one of ours; or why not.
    pub fn our_sender<'a>(&self, envelope: &'a Envelope) -> Result<&'a Mailbox, NotSigned> {
        if self.outgoing(envelope).is_none() {
            return Err(NotSigned::Incoming);
        }
        let ReversePath::Mailbox(sender) = &envelope.reverse_path else {
            return Err(NotSigned::NullSender);
        };
        sender
            .domain()
            .filter(|domain| self.local.is_ours(domain))
            .map(|_| sender)
            .ok_or(NotSigned::NotOurs)
    }

    fn tagged<'a>(
        &self,
        sender: &Mailbox,
        recipients: impl IntoIterator<Item = &'a Mailbox>,
        today: u64,
    ) -> Result<Vec<u8>, NotSigned> {
        let ProofSettings { batv, keys, .. } = &self.proof;
        if !batv.sign {
            return Err(NotSigned::Off);
        }
        if let Some(why) = batv.exception(sender, recipients, &self.local.recipient_delimiter) {
            return Err(NotSigned::Untagged(why));
        }
        let signed = batv::sign(
            sender,
            keys,
            today,
            self.proof.lifetime_days(),
            batv.layout,
            &self.local.recipient_delimiter,
        );
        signed.map_err(NotSigned::Untagged)
    }

    fn entry(
        &self,
        sender: &Mailbox,
        recipients: &[&Mailbox],
        headers: &Headers,
        now: u64,
    ) -> Result<Sent, NotSigned> {
        let message_id = headers
            .first("Message-ID")
            .and_then(|header| message_id(header.value()));
        let count = u32::try_from(recipients.len()).unwrap_or(u32::MAX);
        let recipients = recipients.iter().copied();
        self.sent(sender, recipients, count, message_id.as_deref(), now)
    }

    /// What the ledger keeps of a message that was sent `at`, in seconds since 1970, with a sender of ours. Without a
    /// Message-ID too, for it shows that the sender has sent something.
    ///
    /// # Errors
    /// The ledger is off, or no key signs.
    pub fn sent<'a>(
        &self,
        sender: &Mailbox,
        recipients: impl IntoIterator<Item = &'a Mailbox>,
        recipient_count: u32,
        message_id: Option<&[u8]>,
        at: u64,
    ) -> Result<Sent, NotSigned> {
        let ProofSettings { ledger, keys, .. } = &self.proof;
        if !ledger.remember {
            return Err(NotSigned::Off);
        }
        let hash = |what, text: &[u8]| hash(keys, what, text);
        let domain = sender.domain();
        let domain = domain.map(|domain| self.local.ours(domain).unwrap_or(domain).clone());
        let recipients: Vec<&Mailbox> = recipients.into_iter().take(MAX_RECIPIENTS).collect();
        let mut names: Vec<Domain> = Vec::new();
        for name in recipients
            .iter()
            .filter_map(|one| one.domain())
            .flat_map(hosts)
        {
            if names.len() < MAX_HOSTS && !names.contains(&name) {
                names.push(name);
            }
        }
        let sender = hash(Hashed::Sender, &address(sender));
        if sender.is_none() {
            return Err(NotSigned::Unmarked(Unmarked::NoKey));
        }
        Ok(Sent {
            message: message_id.and_then(|id| hash(Hashed::MessageId, id)),
            sender,
            hosts: names
                .iter()
                .filter_map(|name| hash(Hashed::Host, name.as_str().as_bytes()))
                .collect(),
            recipients: recipients
                .into_iter()
                .filter_map(|recipient| hash(Hashed::Recipient, &address(recipient)))
                .collect(),
            recipient_count,
            at,
            domain,
        })
    }

    /// `except` is for tags: one more header does no harm.
    fn watermark(&self, headers: &Headers, today: u64) -> Result<String, NotSigned> {
        let ProofSettings {
            watermark, keys, ..
        } = &self.proof;
        if !watermark.sign {
            return Err(NotSigned::Off);
        }
        watermark::write(headers, keys, today, self.proof.lifetime_days())
            .map_err(NotSigned::Unmarked)
    }
}

/// Whether a DKIM-Signature of a domain of ours covers what it must to be more than weak evidence; none where it is
/// another's (RFC 6376 section 3.5).
fn says_enough(value: &[u8], is_ours: impl Fn(&Domain) -> bool) -> Option<bool> {
    let tags = Tags::parse(value)?;
    let domain = Domain::from_bytes(tags.value("d")?);
    domain.filter(is_ours)?;
    let covers = |name| tags.value("h").is_some() && tags.allows("h", &[name]);
    Some(["From", "Date", "Message-ID"].into_iter().all(covers))
}
