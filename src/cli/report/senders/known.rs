//! What we know ourselves of the senders that others report: whether SPF or `local.networks` names them, and what the bounces say.

use std::{collections::HashMap, net::IpAddr};

use futures_util::{StreamExt, stream};

use crate::{
    cli::report::attack::{SpfAsker, names_it},
    config::Config,
    core::{
        address::Domain,
        aggregate::{Backscatter, Named, Sender, Senders, Shown},
        attack::Origins,
        spf::SpfResult,
    },
};

/// The maximum number of senders that SPF is asked about: those of most messages. What the reporters saw counts for the others.
const MAX_ASKED: usize = 300;
/// How many are asked about at a time.
const AT_ONCE: usize = 16;

/// What is known of each.
pub(super) struct Known {
    named: HashMap<(Domain, IpAddr), Named>,
    backscatter: HashMap<IpAddr, Backscatter>,
}

impl Known {
    /// Asks SPF about those for whom it matters.
    pub async fn of(config: &Config, senders: &Senders, origins: &Origins, no_dns: bool) -> Self {
        let local = &config.policy.local;
        let backscatter = origins.top().into_iter().map(|(address, tally)| {
            let found = Backscatter {
                bounces: tally.bounces(),
                reporting_networks: tally.reporters(),
            };
            (address, found)
        });
        let backscatter: HashMap<IpAddr, Backscatter> = backscatter.collect();
        // Its class hangs on whether it is ours.
        let matters = |source: IpAddr, sender: &Sender| {
            sender.of(Shown::Ours) > 0 || backscatter.contains_key(&source)
        };
        let all = senders.all();
        let mut named = HashMap::new();
        let mut asked = Vec::new();
        for (domain, source, sender) in all {
            if local.has_client(source) {
                named.insert((domain.clone(), source), Named::Yes);
            } else if !no_dns && asked.len() < MAX_ASKED && matters(source, sender) {
                asked.push((domain.clone(), source));
            }
        }
        if let Some(asker) = SpfAsker::new(config).filter(|_| !asked.is_empty()) {
            let asker = &asker;
            let asked = asked.into_iter().map(|(domain, source)| async move {
                let check = asker.check(source, &domain).await;
                let is_named = match check.result {
                    SpfResult::Pass if names_it(&check) => Named::Yes,
                    SpfResult::Temperror | SpfResult::Permerror => Named::Unknown,
                    _ => Named::No,
                };
                ((domain, source), is_named)
            });
            let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
            while let Some((sender, is_named)) = answers.next().await {
                named.insert(sender, is_named);
            }
        }
        Self { named, backscatter }
    }

    /// Whether we know it as ours.
    pub fn named(&self, domain: &Domain, source: IpAddr) -> Named {
        let key = (domain.clone(), source);
        self.named.get(&key).copied().unwrap_or(Named::Unknown)
    }

    /// What the bounces say of it.
    pub fn backscatter(&self, source: IpAddr) -> Option<Backscatter> {
        self.backscatter.get(&source).copied()
    }
}
