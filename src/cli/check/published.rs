//! Where the file contradicts what our domains publish.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::CheckReport;
use crate::{
    cli::advise::{facts, known_to_check, lookup, own_domains},
    config::Config,
    core::advise::contradiction::{contradictions, unanswered},
    engine::Engine,
    setup::{Machine, leaving},
};

/// The most domains that are asked about.
const MAX_DOMAINS: usize = 50;
/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn look(config: &Config, engine: &Engine, report: &mut CheckReport) {
    let domains = own_domains(config);
    let leaving = leaving(&Machine::default()).await;
    let asked = domains.iter().take(MAX_DOMAINS).map(|domain| async {
        let lookup = lookup(engine);
        facts(domain, known_to_check(&leaving), &lookup).await
    });
    let Ok(all) = timeout(PATIENCE, join_all(asked)).await else {
        let late = format!(
            "what your domains publish was not read within {} s",
            PATIENCE.as_secs()
        );
        return report.on.push(late);
    };
    for facts in &all {
        let silent = unanswered(facts);
        if let Some(first) = silent.first() {
            let domain = &facts.domain;
            report
                .on
                .push(format!("what {domain} publishes is not known: {first}"));
        }
        let found = contradictions(facts, &config.policy.forgery).into_iter();
        report.warnings.extend(found.map(Into::into));
    }
}
