//! Judges messages as they come: asks the adapters what the core wants to know, and carries out what it decided. It knows
//! no milter, and decides nothing.

mod accounts;
mod answering;
mod asking;
mod dmarc;
mod drain;
mod effects;
mod forged;
mod guesses;
mod remembered;
mod reporter;
mod returned;
mod session;
mod sieges;
mod signatures;
mod transaction;
mod waiting;
mod whole;

use std::{sync::Arc, time::SystemTime};

use tokio::time::Instant;

pub use self::{
    accounts::{AccountNews, AccountRounds, Accounts, account_floods},
    answering::{Allowed, Answers},
    asking::{Answerer, STAGE_LIMIT, decided},
    drain::{Drain, DrainSettings, MessageGuard},
    forged::ForgedIds,
    guesses::Guesses,
    remembered::Remembered,
    reporter::StoredMail,
    session::{QueueId, Session, Shared},
    sieges::{Rounds, Sieges},
    signatures::Signatures,
    whole::{Course, Mail, Whole, whole},
};
use crate::{
    core::{
        message::{Message, Step},
        policy::Policy,
    },
    directory::{Directory, domains::DomainLists, tenants::Tenants},
    dkim,
    dns::{Blocklists, Resolver},
    observe::{Timings, Warnings},
    store::Store,
};

/// What the configuration made: the policy, and the adapters that answer its questions. A reload makes a new one;
/// messages in progress keep theirs. A copy shares all that it knows and has open.
#[derive(Clone)]
pub struct Engine {
    /// What decides.
    pub policy: Arc<Policy>,
    /// Answers DNS questions.
    pub resolver: Resolver,
    /// Knows the recipients.
    pub directory: Directory,
    /// Knows what tenants answer for their domains.
    pub tenants: Tenants,
    /// Knows which DNS lists can be believed.
    pub blocklists: Arc<Blocklists>,
    /// Counts wrong tags.
    pub guesses: Arc<Guesses>,
    /// Knows whether DKIM signatures of ours leave.
    pub signatures: Arc<Signatures>,
    /// Knows whether the ledger has all mail of a domain.
    pub remembered: Arc<Remembered>,
    /// The DKIM keys that are known without DNS.
    pub dkim_keys: dkim::DkimKeys,
    /// Knows which domains are besieged.
    pub sieges: Arc<Sieges>,
    /// Knows which accounts are suspected.
    pub accounts: Arc<Accounts>,
    /// Knows Message-IDs of mail that somebody forged.
    pub forged: Arc<ForgedIds>,
    /// The lists that the policy has some of its domains from.
    pub domains: Arc<DomainLists>,
    /// Knows how long answers take.
    pub timings: Arc<Timings>,
    /// Knows what was sent, and how often it came back; none where nothing asks that.
    pub store: Option<Arc<dyn Store>>,
}

impl Engine {
    /// Runs a stage, which gets the time in seconds since 1970, until it has decided.
    async fn decide<T>(
        &self,
        message: &mut Message,
        allowed: Allowed,
        warnings: &Warnings,
        mut stage: impl FnMut(&mut Message, u64) -> Step<T>,
    ) -> T {
        let (now, deadline) = (now(), Instant::now() + STAGE_LIMIT);
        let answers = self.answers(allowed, now, warnings);
        decided(message, &answers, deadline, |message| stage(message, now)).await
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    let since_epoch = SystemTime::UNIX_EPOCH.elapsed();
    since_epoch.unwrap_or_default().as_secs()
}
