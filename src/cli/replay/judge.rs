//! Judges one stored message, as configured and in mode `enforce`.

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

/// The id of messages in X-Backstop.
const ID: &str = "replay";

/// Judges stored messages.
pub(super) struct Judge {
    /// The engine of the file as it is.
    pub(super) configured: Arc<Engine>,
    /// The engine in mode `enforce`, if the file has `monitor`.
    pub(super) enforcing: Option<Arc<Engine>>,
    pub(super) given: Given,
    pub(super) receiver: String,
    pub(super) no_dns: bool,
}

/// The result of one entry of the store.
pub(super) struct ReplayOutcome {
    pub(super) name: String,
    /// The position in the store after it, if known.
    pub(super) position: Option<u64>,
    pub(super) result: Result<Judged, Failure>,
}

/// Why an entry was not judged.
pub(super) enum Failure {
    /// It can't be read, or is no message.
    Unreadable(String),
    /// Its envelope is incomplete.
    Unjudged(String),
}

/// The result of one message.
pub(super) struct Judged {
    /// The verdict for each recipient, as configured.
    pub(super) configured: Vec<Verdict>,
    /// The same in mode `enforce`.
    pub(super) enforced: Vec<Verdict>,
    /// The kind of notification, if it is one.
    pub(super) kind: Option<&'static str>,
    /// Why the client is not known, if it is not.
    pub(super) client_unknown: Option<String>,
    /// How long it took, including DNS.
    pub(super) took: Duration,
    pub(super) surprise: Option<Surprise>,
}

/// Judges an entry in a separate task. A panic is the result of that entry, and does not end the run.
pub(super) async fn outcome(judge: Arc<Judge>, entry: Result<Stored, Unreadable>) -> ReplayOutcome {
    let stored = match entry {
        Ok(stored) => stored,
        Err(Unreadable { name, why }) => {
            return ReplayOutcome {
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
        Err(_) => Err(Failure::Unjudged("internal error".to_owned())),
    };
    ReplayOutcome {
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
