//! What the daemon needs, and whether it works: for the status page, and for whoever decides whether mail is sent here.

use std::{fmt::Display, future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::{
    cli::domains::trouble,
    directory::{domains::ListState, tenants::TenantState},
    dns::Resolver,
    engine::Engine,
    milter::SelfCheck,
    observe::Readiness,
    store::{Health, Store},
};

/// How long what was found counts: who asks often must not have name servers and directories asked as often.
const FRESH: Duration = Duration::from_secs(5);
/// How long one of them has to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something that the daemon needs.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub name: &'static str,
    pub state: PartState,
    /// The state in words.
    pub says: String,
}

/// How a part does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PartState {
    /// It works.
    Well,
    /// It does not, and mail is judged without it, or by what was known before.
    Alert,
    /// It does not, and mail is deferred for it.
    Ill,
}

impl Part {
    pub fn new(name: &'static str, state: PartState, says: impl Into<String>) -> Self {
        let says = says.into();
        Self { name, state, says }
    }
}

/// What was found last.
#[derive(Debug, Default)]
pub(super) struct Parts(Mutex<Option<(Instant, Arc<[Part]>)>>);

impl Parts {
    /// All parts as they are now, or were some seconds ago. Those who come meanwhile wait for the same answer.
    pub async fn look(&self, engine: &Engine, self_check: &SelfCheck) -> Arc<[Part]> {
        let mut last = self.0.lock().await;
        if let Some((at, parts)) = &*last
            && at.elapsed() < FRESH
        {
            return Arc::clone(parts);
        }
        let (milter, dns, directories) = tokio::join!(
            milter(self_check),
            dns(&engine.resolver),
            directories(engine),
        );
        let tenants = engine.tenants.state().map(tenants);
        let store = engine.store.as_deref().map(store);
        let lists = engine.domains.states();
        let parts = [milter, dns].into_iter().chain(store);
        let parts = parts
            .chain(lists.iter().map(domains))
            .chain(directories)
            .chain(tenants);
        let parts: Arc<[Part]> = parts.collect();
        *last = Some((Instant::now(), Arc::clone(&parts)));
        parts
    }
}

/// Ready is whoever defers no mail for want of a part, and knows its domains. A store that is down is none: mail is judged without it, and hosts
/// that share one would all be not ready at once.
pub(super) fn readiness(parts: &[Part]) -> Readiness {
    let is_ready = parts.iter().all(|part| part.state != PartState::Ill);
    let mut text = match is_ready {
        true => "ready\n".to_owned(),
        false => "not ready\n".to_owned(),
    };
    let mut unwell: Vec<_> = parts
        .iter()
        .filter(|part| part.state != PartState::Well)
        .collect();
    unwell.sort_by_key(|part| std::cmp::Reverse(part.state));
    for Part { name, says, .. } in unwell {
        text.push_str(&format!("{name}: {says}\n"));
    }
    Readiness { is_ready, text }
}

/// The address of the MTA's connections: somebody else may have taken it, or all connections may be in use.
async fn milter(self_check: &SelfCheck) -> Part {
    let (name, listening) = ("Milter", self_check.address());
    match self_check.reach().await {
        Ok(()) => Part::new(name, PartState::Well, format!("listens on {listening}")),
        Err(error) => {
            let says = format!("does not answer on {listening}: {error}");
            Part::new(name, PartState::Ill, says)
        }
    }
}

async fn dns(resolver: &Resolver) -> Part {
    let answers = in_time(resolver.probe()).await;
    let Some(answers) = answers else {
        return Part::new("DNS", PartState::Ill, late());
    };
    let answering = answers.iter().filter(|(_, answer)| answer.is_ok()).count();
    let state = match answering {
        0 => PartState::Ill,
        some if some < answers.len() => PartState::Alert,
        _ => PartState::Well,
    };
    let answers = answers.iter().map(|(server, answer)| one(server, answer));
    let says: Vec<_> = answers.collect();
    Part::new("DNS", state, says.join("; "))
}

fn store(store: &dyn Store) -> Part {
    let Health {
        down,
        waiting,
        lost,
        ..
    } = store.health();
    let behind = match waiting {
        0..1000 => String::new(),
        waiting => format!("; {waiting} entries wait to be written"),
    };
    let lost = match lost.messages.saturating_add(lost.late) {
        0 => String::new(),
        _ => format!("; {lost}"),
    };
    match down {
        None => Part::new("Store", PartState::Well, format!("answers{behind}{lost}")),
        Some(why) => {
            let says = format!("is down, and mail is judged without it: {why}{behind}{lost}");
            Part::new("Store", PartState::Alert, says)
        }
    }
}

/// A list of domains of ours. Without it, mail for them is judged as strangers', and what they send leaves unsigned.
fn domains(state: &ListState) -> Part {
    let (part_state, says) = match (trouble(state), state.domains) {
        (Some(why), Some(_)) => (PartState::Alert, why),
        (Some(why), None) => (PartState::Ill, why),
        (None, Some(domains)) => (
            PartState::Well,
            format!("{}: {domains} domains", state.name),
        ),
        (None, None) => {
            let says = format!(
                "{} has not answered yet; its domains are not known",
                state.name
            );
            (PartState::Ill, says)
        }
    };
    Part::new("List of domains", part_state, says)
}

/// The lists of recipients, and the directories that are asked.
async fn directories(engine: &Engine) -> Vec<Part> {
    let (directory, ours) = (&engine.directory, &engine.policy.local.domains);
    let files = directory.files().into_iter().map(|file| {
        let path = file.path.display();
        let (state, says) = match (file.addresses, file.is_unreadable) {
            (Some(addresses), false) => (PartState::Well, format!("{path}: {addresses} addresses")),
            (Some(addresses), true) => {
                let says =
                    format!("{path} can't be read; the {addresses} addresses read before count");
                (PartState::Alert, says)
            }
            (None, _) => {
                let says = format!("{path} can't be read, and never was");
                (PartState::Ill, says)
            }
        };
        Part::new("List of recipients", state, says)
    });
    let mut parts: Vec<Part> = files.collect();
    let name = "Directory";
    match in_time(directory.probe(ours)).await {
        None => parts.push(Part::new(name, PartState::Ill, late())),
        Some(answers) => parts.extend(answers.iter().map(|(server, answer)| {
            let state = match answer {
                Ok(_) => PartState::Well,
                Err(_) => PartState::Ill,
            };
            Part::new(name, state, one(server, answer))
        })),
    }
    parts
}

/// Tenants' rows. Where they can't be had, mail is judged by the last ones, and else none is refused.
fn tenants(state: TenantState) -> Part {
    let TenantState {
        name,
        rows,
        mistaken,
        is_down,
        silent_for,
        ..
    } = state;
    let known = match rows {
        None => "never read, so every domain is in monitor".to_owned(),
        Some(rows) => format!("{rows} rows, {mistaken} of them wrong"),
    };
    let part = "Tenants' answers";
    match (is_down, silent_for) {
        (false, _) if mistaken == 0 => Part::new(part, PartState::Well, format!("{name}: {known}")),
        (false, _) => Part::new(part, PartState::Alert, format!("{name}: {known}")),
        (true, None) => {
            let says = format!("{name} can't be read; {known}");
            Part::new(part, PartState::Alert, says)
        }
        (true, Some(silent)) => {
            let seconds = silent.as_secs();
            let says = format!("{name} has been silent for {seconds} s; {known}");
            Part::new(part, PartState::Alert, says)
        }
    }
}

fn one(server: &impl Display, answer: &Result<Duration, String>) -> String {
    match answer {
        Ok(time) if time.as_millis() == 0 => format!("{server} answers within 1 ms"),
        Ok(time) => format!("{server} answers in {} ms", time.as_millis()),
        Err(why) => format!("{server}: {why}"),
    }
}

async fn in_time<T>(answer: impl Future<Output = T>) -> Option<T> {
    timeout(PATIENCE, answer).await.ok()
}

fn late() -> String {
    format!("no answer within {} s", PATIENCE.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_who_defers_nothing() {
        let part = |name, state| Part::new(name, state, "says so");
        for (parts, is_ready, text) in [
            (vec![part("DNS", PartState::Well)], true, "ready\n"),
            (
                vec![
                    part("DNS", PartState::Well),
                    part("Store", PartState::Alert),
                ],
                true,
                "ready\nStore: says so\n",
            ),
            (
                vec![part("Store", PartState::Alert), part("DNS", PartState::Ill)],
                false,
                "not ready\nDNS: says so\nStore: says so\n",
            ),
        ] {
            let found = readiness(&parts);
            assert_eq!((found.is_ready, found.text.as_str()), (is_ready, text));
        }
    }

    #[test]
    fn a_time_is_told_in_whole_milliseconds() {
        for (answer, says) in [
            (Ok(Duration::from_micros(300)), "a answers within 1 ms"),
            (Ok(Duration::from_micros(12_900)), "a answers in 12 ms"),
            (Err("SERVFAIL".to_owned()), "a: SERVFAIL"),
        ] {
            assert_eq!(one(&"a", &answer), says);
        }
    }
}
