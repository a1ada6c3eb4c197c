//! The resolver against a name server of our own, over real sockets.

mod answers;
mod cached;
mod failures;
mod responder;
mod system;

use std::time::{Duration, Instant};

use tokio::time;

use super::{Budgeted, DnsSettings, Resolver};
use crate::core::outside::Unanswered;
use responder::Responder;

/// A resolver that asks those.
fn resolver_of(responders: &[&Responder]) -> Resolver {
    resolver_with(DnsSettings {
        nameservers: responders
            .iter()
            .map(|responder| responder.address.into())
            .collect(),
        timeout: PATIENCE.into(),
        budget: BUDGET.into(),
        ..DnsSettings::default()
    })
}

fn resolver_with(settings: DnsSettings) -> Resolver {
    Resolver::new(&settings).unwrap()
}

fn budgeted(resolver: &Resolver) -> Budgeted {
    resolver.budgeted(time::Instant::now() + resolver.budget())
}

/// A resolver that asks those, and gives up soon: of the servers some are silent.
fn impatient(responders: &[&Responder]) -> Resolver {
    resolver_with(DnsSettings {
        nameservers: responders
            .iter()
            .map(|responder| responder.address.into())
            .collect(),
        timeout: IMPATIENCE.into(),
        budget: (3 * IMPATIENCE).into(),
        ..DnsSettings::default()
    })
}

const PATIENCE: Duration = Duration::from_secs(1);
const BUDGET: Duration = Duration::from_secs(3);
const IMPATIENCE: Duration = Duration::from_millis(300);
/// What a busy machine can add to each.
const SLACK: Duration = Duration::from_millis(900);

/// Why it failed, and the time it took.
async fn failed<T: std::fmt::Debug>(
    lookup: impl Future<Output = Result<T, Unanswered>>,
) -> (String, Duration) {
    let start = Instant::now();
    let unanswered = lookup.await.unwrap_err();
    let (_question, cause) = unanswered.why.split_once(": ").unwrap();
    (cause.to_owned(), start.elapsed())
}
