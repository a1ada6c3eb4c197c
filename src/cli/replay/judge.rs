//! One stored message on its way through the policy: as the file has it, and as `enforce` would.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::surprise::{Found, Surprise, surprise};
use crate::{
    cli::stored::{Given, reconstruct},
    core::{notification::Notification, verdict::Verdict},
    engine::{Engine, Mail, Whole, whole},
    mailstore::{Stored, Unreadable},
};

/// What X-Backstop would call a message.
const ID: &str = "replay";

/// Judges stored messages.
pub(super) struct Judge {
    /// By the file as it is.
    pub(super) configured: Arc<Engine>,
    /// By the file in mode `enforce`, where it says `monitor`.
    pub(super) enforcing: Option<Arc<Engine>>,
    pub(super) given: Given,
    pub(super) receiver: String,
    pub(super) no_dns: bool,
}

/// What came of one entry of the store.
pub(super) struct Outcome {
    pub(super) name: String,
    /// How far the store is read behind it, where that is known.
    pub(super) position: Option<u64>,
    pub(super) result: Result<Judged, Failure>,
}

/// Why an entry was not judged.
pub(super) enum Failure {
    /// It can't be read, or is no message.
    Unreadable(String),
    /// Its envelope can't be found out.
    Unjudged(String),
}

/// What came of one message.
pub(super) struct Judged {
    /// The last verdict on each recipient, by the file as it is.
    pub(super) configured: Vec<Verdict>,
    /// And in mode `enforce`.
    pub(super) enforced: Vec<Verdict>,
    /// What kind of notification it is, if any.
    pub(super) kind: Option<&'static str>,
    /// Why the client is not known, where it isn't.
    pub(super) client_unknown: Option<String>,
    /// How long it took, DNS included.
    pub(super) took: Duration,
    pub(super) surprise: Option<Surprise>,
}

/// Judges an entry in a task of its own. A panic of ours is an outcome of that entry, and not the end of the run.
pub(super) async fn outcome(judge: Arc<Judge>, entry: Result<Stored, Unreadable>) -> Outcome {
    let stored = match entry {
        Ok(stored) => stored,
        Err(Unreadable { name, why }) => {
            return Outcome {
                name,
                position: None,
                result: Err(Failure::Unreadable(why)),
            };
        }
    };
    let (name, position) = (stored.name.clone(), Some(stored.position));
    let task = tokio::spawn(async move { judge.judged(stored).await });
    let result = match task.await {
        Ok(judged) => judged.map_err(Failure::Unjudged),
        Err(_) => Err(Failure::Unjudged("a fault of ours".to_owned())),
    };
    Outcome {
        name,
        position,
        result,
    }
}

impl Judge {
    async fn judged(&self, stored: Stored) -> Result<Judged, String> {
        let begun = Instant::now();
        let networks = &self.configured.policy.local.networks;
        let case = reconstruct(&stored, &self.given, networks)?;
        let (recipients, allowed) = (&case.recipients, case.allowed(self.no_dns));
        let mail = Mail {
            headers: &stored.headers,
            body: stored.body.octets(),
        };
        let engine = &self.configured;
        let mut message = case.message(ID, engine, &self.receiver);
        let configured = whole(engine, &mut message, allowed, recipients, Some(mail)).await;
        let took = begun.elapsed();
        let again = match &self.enforcing {
            Some(engine) => {
                let mut again = message.again(Arc::clone(&engine.policy));
                Some(whole(engine, &mut again, allowed, recipients, Some(mail)).await)
            }
            None => None,
        };
        let enforced = again.as_ref().unwrap_or(&configured);
        let notification = Notification::recognise(&case.envelope.reverse_path, &stored.headers);
        let found = Found {
            message: &message,
            headers: &stored.headers,
            is_notification: notification.is_some(),
            marks: stored.marks,
        };
        let surprise = enforced
            .recipients
            .iter()
            .filter_map(|course| surprise(found, course))
            .reduce(|most, next| if next.score > most.score { next } else { most });
        Ok(Judged {
            enforced: verdicts(enforced),
            kind: notification.map(|found| found.kind.as_str()),
            client_unknown: case.client_unknown,
            configured: verdicts(&configured),
            took,
            surprise,
        })
    }
}

fn verdicts(whole: &Whole) -> Vec<Verdict> {
    let courses = whole.recipients.iter();
    courses
        .map(|course| course.last().verdict.clone())
        .collect()
}
