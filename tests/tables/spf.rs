//! SPF checks over real DNS packets, of a DNS that runs in this process.

mod both;
mod corners;
mod sizes;

use std::{net::IpAddr, sync::Arc, time::SystemTime};

use backstop::{
    core::{address::ReversePath, spf::SpfCheck},
    dns::{DnsSettings, Resolver},
    spf::SpfQuery,
};
use both::check_in_both_ways;
use lab::dns::{Fault, Server, Zone};
use tokio::{sync::Semaphore, task::JoinSet};

/// How many are checked at once: most of a check is waiting.
const AT_ONCE: usize = 32;

/// One check, and what must come of it.
struct Case {
    /// Where it is written, and why it must be so, for the report of a failure.
    name: String,
    ip: IpAddr,
    helo: String,
    mail_from: String,
    expected: Expected,
}

/// What isn't here may be anything.
struct Expected {
    result: String,
    identity: Option<String>,
    explanation: Option<String>,
    mechanism: Option<String>,
    lookups: Option<u32>,
    void_lookups: Option<u32>,
}

impl Expected {
    fn of(result: &str) -> Self {
        Self {
            result: result.to_owned(),
            identity: None,
            explanation: None,
            mechanism: None,
            lookups: None,
            void_lookups: None,
        }
    }

    fn is(&self, check: &SpfCheck) -> bool {
        let text = |expected: &Option<String>, found: Option<&str>| {
            let expected = expected.as_deref();
            expected.is_none_or(|expected| expected == found.unwrap_or_default())
        };
        check.result.as_str() == self.result
            && text(&self.identity, Some(check.identity.as_str()))
            && text(&self.explanation, check.explanation.as_deref())
            && text(&self.mechanism, check.mechanism.as_deref())
            && self.lookups.is_none_or(|count| count == check.lookups)
            && self
                .void_lookups
                .is_none_or(|count| count == check.void_lookups)
    }
}

/// Checks the cases of each zone against it, and gives their number.
///
/// # Panics
/// With the list of the cases that are wrong, if any.
async fn judge_all(groups: Vec<(Zone, Vec<Case>)>) -> usize {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let (mut running, mut servers) = (JoinSet::new(), Vec::new());
    for (zone, cases) in groups {
        // What ends a TCP connection ends it for all who wait for an answer there.
        let alone = [Fault::Garbage, Fault::NoTcp];
        let alone = alone.into_iter().any(|fault| zone.has_fault(fault));
        let server = Server::start(zone).await;
        let shared = Arc::new(resolver(&server));
        for case in cases {
            let resolver = match alone {
                true => Arc::new(resolver(&server)),
                false => shared.clone(),
            };
            let permits = permits.clone();
            running.spawn(async move {
                let _permit = permits.acquire_owned().await.unwrap();
                judge(&case, &resolver).await
            });
        }
        // It answers until all are done.
        servers.push(server);
    }
    let outcomes = running.join_all().await;
    let mut failures: Vec<&String> = outcomes
        .iter()
        .filter_map(|one| one.as_ref().err())
        .collect();
    failures.sort();
    let (wrong, all) = (failures.len(), outcomes.len());
    assert!(
        wrong == 0,
        "{wrong} of {all} cases are wrong: {failures:#?}"
    );
    all
}

/// Says what is wrong with the result, if anything.
async fn judge(case: &Case, resolver: &Resolver) -> Result<(), String> {
    let query = SpfQuery {
        client: case.ip,
        helo: case.helo.as_bytes(),
        mail_from: &ReversePath::from_bytes(case.mail_from.as_bytes()),
        now: SystemTime::now(),
        receiver: "unknown",
        traced: true,
    };
    let check = check_in_both_ways(resolver, &query).await?;
    match case.expected.is(&check) {
        true => Ok(()),
        false => Err(format!("{}: got {check:#?}", case.name)),
    }
}

/// One that remembers nothing of other checks.
fn resolver(server: &Server) -> Resolver {
    let settings = DnsSettings {
        nameservers: vec![server.addr().into()],
        timeout: "700ms".parse().unwrap(),
        budget: "5s".parse().unwrap(),
        cache: 0,
    };
    Resolver::new(&settings).unwrap()
}
