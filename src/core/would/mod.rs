//! What `backstop report would` counts, day by day: mail that was accepted only because `mode`, or a rule of its own,
//! monitors. Enforcing would have refused, deferred, held or dropped it.
//!
//! Strangers' addresses are kept as their domains, unless `report.keep_senders` says otherwise.

mod spare;
mod summary;

use serde::{Deserialize, Serialize};

pub use spare::Spare;
pub use summary::{Total, WouldSummary};

use super::{
    address::{Domain, Mailbox, ReversePath},
    envelope::Envelope,
    policy::{Policy, SpfAnswers},
    printable::shortened,
    spf::SpfCheck,
    verdict::{Action, Mode, Reason, Verdict},
};

/// How many days are kept, today included.
pub const KEEP_DAYS: u64 = 30;
/// How many groups are counted each for itself in a day. What is more is counted together, by its reason: strangers must not
/// fill the store. 30 days have 60,000 groups at the very most.
pub const MAX_PER_DAY: u64 = 2_000;
/// How many of them have the same reason, so that a flood leaves room for others. Half of this room is for senders of which
/// other mail was accepted that day: theirs is what an administrator looks for.
pub const MAX_OF_REASON: u64 = 500;
/// How many senders of accepted mail are counted in a day. Further ones are not.
pub const MAX_SENDERS: u64 = 5_000;
/// The longest text of a group, in characters: longer ones are cut.
const MAX_TEXT: usize = 256;

/// The null sender.
const NULL: &str = "<>";

/// Mail that has the same reason, sender and client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WouldGroup {
    /// What would have been done.
    pub action: Action,
    /// Why: a reason's code.
    pub reason: String,
    /// The entry of `milter.yaml` that decided; empty where none did.
    pub by: String,
    /// The domain of MAIL FROM, or the whole address, or `<>`. Empty for all that were too many.
    pub sender: String,
    /// The client's address; empty for all that were too many.
    pub client: String,
    /// What in `milter.yaml` would spare it.
    pub spare: Option<Spare>,
}

impl WouldGroup {
    /// What is counted where this one is too many.
    pub fn among_others(&self) -> Self {
        Self {
            action: self.action,
            reason: self.reason.clone(),
            by: String::new(),
            sender: String::new(),
            client: String::new(),
            spare: None,
        }
    }

    /// Whether it stands for all that were too many.
    pub fn is_others(&self) -> bool {
        self.sender.is_empty()
    }

    /// The sender as [`Policy::accepted_sender`] names it. The null sender is everybody's, so it goes with its client.
    pub fn sender_key(&self) -> String {
        match self.sender.as_str() {
            NULL => format!("{NULL} {}", self.client),
            sender => sender.to_owned(),
        }
    }
}

/// One message of a group. The newest is kept: its lines are in the log for longest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WouldExample {
    /// When it came, in seconds since 1970.
    pub at: u64,
    /// Our own name for it, as in the log.
    pub id: String,
    /// The MTA's name for it.
    pub queue_id: Option<String>,
    /// Our recipient.
    pub recipient: String,
    /// What SPF said of MAIL FROM, and of HELO; none where it was not asked.
    pub spf: Option<String>,
    /// What SPF said of HELO.
    pub spf_helo: Option<String>,
}

/// A recipient of a message that was accepted only because of monitoring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Would {
    /// Where it is counted.
    pub group: WouldGroup,
    /// The message.
    pub example: WouldExample,
}

/// How often something of a group came on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WouldRow {
    /// Days since 1970-01-01.
    pub day: u64,
    /// The group.
    pub group: WouldGroup,
    /// How often.
    pub times: u64,
    /// The newest of them; none where they were too many.
    pub example: Option<WouldExample>,
}

impl Policy {
    /// Whether anything may be accepted only because of monitoring: a row of `tenants` may say so.
    pub fn monitors(&self) -> bool {
        self.mode == Mode::Monitor || self.has_monitored_rules || self.has_tenants
    }

    /// What is counted of a recipient, at `now` in seconds since 1970; nothing where nothing else would have been done.
    pub(in crate::core) fn would(
        &self,
        (envelope, spf): (&Envelope, Option<&SpfAnswers>),
        recipient: &Mailbox,
        verdict: &Verdict,
        (id, now): (&str, u64),
    ) -> Option<Would> {
        let action = verdict.would.filter(|action| action.acts())?;
        let word = |check: Option<&SpfCheck>| check.map(|check| check.result.as_str().to_owned());
        let text = |bytes: &[u8]| shortened(bytes, MAX_TEXT);
        Some(Would {
            group: WouldGroup {
                action,
                reason: verdict.reason.code().to_owned(),
                by: verdict
                    .by
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                sender: self.sender(&envelope.reverse_path),
                client: client(envelope),
                spare: spare::of(self, envelope, spf, recipient, verdict),
            },
            example: WouldExample {
                at: now,
                id: id.to_owned(),
                queue_id: None,
                recipient: text(&recipient.to_bytes()),
                spf: word(spf.and_then(|spf| spf.mail_from.as_deref())),
                spf_helo: word(spf.and_then(|spf| spf.helo.as_deref())),
            },
        })
    }

    /// The sender of a stranger's mail that was judged and accepted, so that a report can tell whether it writes otherwise.
    /// Nothing where nobody will ask.
    pub(in crate::core) fn accepted_sender<'a>(
        &self,
        envelope: &Envelope,
        verdicts: impl IntoIterator<Item = &'a Verdict>,
    ) -> Option<String> {
        if !self.monitors() || self.outgoing(envelope).is_some() {
            return None;
        }
        let is_clean = |verdict: &Verdict| {
            let judged = !matches!(
                verdict.reason,
                Reason::Exempt(_) | Reason::RefusedByMta { .. } | Reason::Outgoing(_)
            );
            judged && verdict.would.is_none() && !verdict.action.acts()
        };
        if !verdicts.into_iter().any(is_clean) {
            return None;
        }
        Some(match self.sender(&envelope.reverse_path) {
            null if null == NULL => format!("{NULL} {}", client(envelope)),
            sender => sender,
        })
    }

    fn sender(&self, path: &ReversePath) -> String {
        if path.is_null() {
            return NULL.to_owned();
        }
        match path.domain().map(Domain::as_str) {
            Some(domain) if !self.keep_senders => shortened(domain.as_bytes(), MAX_TEXT),
            None if !self.keep_senders => "no domain".to_owned(),
            _ => shortened(&path.to_bytes(), MAX_TEXT),
        }
    }
}

fn client(envelope: &Envelope) -> String {
    let address = envelope.client.address;
    address.map_or_else(|| "unknown".to_owned(), |address| address.to_string())
}

#[cfg(test)]
mod tests;
