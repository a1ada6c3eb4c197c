//! The ledger vouches for a post of ours that comes back from a mailing list: we sent its Message-ID from that very address
//! to the list's host, and SPF passes for that host.

use super::Authors;
use crate::core::{
    address::{Domain, Mailbox},
    header::Header,
    message::{Open, Question},
    outside::Outside,
    policy::{Standing, Vouching},
    proof::{
        self,
        ledger::{Hash, Hashed, Remembered, address, fingerprint, hashes, message_id},
        uses::{Attempt, Counter, Use},
    },
    spf::SpfResult,
};

/// How many copies of one message of ours a recipient gets from one host of lists: they may have several.
pub(in crate::core) const MAX_COPIES: u32 = 3;

impl Authors<'_> {
    /// Whether we sent the message from this address, to the host that brings it back; none where the ledger is off.
    pub(super) fn was_sent(&self, author: &Mailbox) -> Result<Option<Vouching>, Open> {
        let settings = &self.policy().proof;
        if !settings.ledger.remember {
            return Ok(None);
        }
        let no = |why: String| Ok(Some((Standing::Forged, why)));
        let Some(list) = self.message.envelope.reverse_path.domain() else {
            return no("there is no sender that could be a mailing list".to_owned());
        };
        let check = self.message.spf().and_then(|spf| spf.mail_from.as_ref());
        let result = check.map_or(SpfResult::Temperror, |check| check.result);
        if !matches!(result, SpfResult::Pass | SpfResult::Temperror) {
            return no(format!(
                "the ledger is not asked, for SPF of {list} does not pass"
            ));
        }
        if self.policy().forgery.is_mailbox_provider(list) {
            return no(format!(
                "the ledger is not asked, for {list} is a mailbox provider"
            ));
        }
        let Some(id) = self.message_id() else {
            return no("the ledger is not asked, for there is not one Message-ID".to_owned());
        };
        let (today, keep) = (proof::today(self.now), settings.ledger.keep_days());
        let keys = &settings.keys;
        let of = |what, text: &[u8]| hashes(keys, what, text, today, keep);
        let remembered = match self.asker.sent(of(Hashed::MessageId, &id))? {
            Ok(remembered) => remembered.filter(|found| found.is_kept(keep, self.now)),
            Err(outside) => {
                let why = format!("{outside}, which would know its Message-ID, did not answer");
                return Ok(Some((Standing::Unanswered(outside), why)));
            }
        };
        let Some(Remembered { sender, hosts, .. }) = remembered else {
            return no("the ledger has no message with its Message-ID".to_owned());
        };
        let from_it = of(Hashed::Sender, &address(author));
        if !sender.is_some_and(|sender| from_it.contains(&sender)) {
            return no(
                "its Message-ID is of a message sent from here, but from another address"
                    .to_owned(),
            );
        }
        let to_it = of(Hashed::Host, list.as_str().as_bytes());
        if !hosts.iter().any(|host| to_it.contains(host)) {
            return no(format!(
                "its Message-ID is of a message sent from that address, but not to {list}"
            ));
        }
        let what = format!("its Message-ID is of a message sent from that address to {list}");
        Ok(Some(match result {
            SpfResult::Pass => {
                self.is_by_ledger.set(true);
                let why = format!("{what}, for which SPF passes");
                (Standing::Vouched(None), why)
            }
            _ => {
                let why = format!("{what}, but DNS did not answer about SPF of {list}");
                (Standing::Unanswered(Outside::Dns), why)
            }
        }))
    }

    /// Counts one more copy for each accepted recipient. Which of them had too many, and that in words, where there are any.
    pub(super) fn copies(&self) -> Result<(Vec<bool>, Option<String>), Open> {
        let nothing = (Vec::new(), None);
        let (Some(list), Some(id)) = (
            self.message.envelope.reverse_path.domain(),
            self.message_id(),
        ) else {
            return Ok(nothing);
        };
        let accepted = self.message.accepted.iter();
        let copy = self.known_again_by();
        // These don't depend on each other.
        let used: Vec<_> = accepted
            .map(|accepted| {
                let recipient = &accepted.addressed.recipient.mailbox;
                self.asker.use_proof(self.copy(&id, list, recipient, copy))
            })
            .collect();
        let mut copies = Vec::with_capacity(used.len());
        for used in used {
            // That nobody can count must not cost a post.
            let used = used?.ok().flatten();
            copies.push(matches!(used, Some(Use::TooOften { .. })));
        }
        let why = format!(
            "but {list} has sent this recipient {MAX_COPIES} copies of it, which is the limit"
        );
        let any = copies.contains(&true);
        Ok((copies, any.then_some(why)))
    }

    /// What comes again is known by its headers: a client that tries again sends the same.
    fn known_again_by(&self) -> Hash {
        let headers = self.facts.headers.iter();
        let all: Vec<u8> = headers
            .flat_map(|header| [header.name(), b":", header.value(), b"\n"])
            .flatten()
            .copied()
            .collect();
        fingerprint(&self.policy().proof.keys, Hashed::Notification, &all)
    }

    /// A copy for one recipient.
    fn copy(&self, id: &[u8], list: &Domain, recipient: &Mailbox, copy: Hash) -> Question {
        let settings = &self.policy().proof;
        // No address and no domain has a NUL.
        let copied = [id, &address(recipient), list.as_str().as_bytes()].join(&0);
        Question::Use {
            message: fingerprint(&settings.keys, Hashed::Copy, &copied),
            attempt: Attempt {
                counter: Counter::Copy,
                limit: MAX_COPIES,
                notification: Some(copy),
                now: self.now,
            },
            until: self.now + settings.uses_kept(),
        }
    }

    /// The one Message-ID; none where there is another, for nobody knows which one a reader means.
    fn message_id(&self) -> Option<Vec<u8>> {
        let mut headers = self.facts.headers.all("Message-ID");
        let only = headers.next().filter(|_| headers.next().is_none())?;
        message_id(&Header::unfolded(only))
    }
}
