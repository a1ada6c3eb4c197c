//! Whose a host is that sent in our name: ours, where `local.networks` has it, or SPF of a domain that it forged names it.
//! Where SPF can't be asked, nobody is accused.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use futures_util::{StreamExt, stream};
use serde::{Serialize, Serializer};
use tokio::time::Instant;

use crate::{
    config::Config,
    core::{
        address::{Domain, Mailbox, ReversePath},
        attack::{OriginTally, Origins},
        spf::{SpfCheck, SpfResult},
    },
    dns::{Budgeted, Resolver},
    spf::{self, SpfQuery},
};

/// The maximum number of hosts that SPF is asked about: those of which most networks say that they sent in our name.
const MAX_ASKED: usize = 300;
/// The maximum number of domains that SPF is asked for about one host.
const MAX_DOMAINS: usize = 5;
/// How many hosts are asked about at a time.
const AT_ONCE: usize = 16;
/// How long all that may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whose a host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli::report) enum Whose {
    /// Ours: it is in `local.networks`.
    Local,
    /// Ours: SPF of this domain of ours names it.
    Named(String),
    /// SPF of this domain of ours did not answer, or can't be evaluated.
    Unanswered(String),
    /// SPF was not asked.
    NotAsked,
    /// A stranger's, as SPF of each domain that it forged says.
    Stranger,
}

impl Whose {
    /// Whether it is surely ours.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Local | Self::Named(_))
    }

    /// The word in JSON.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Named(_) => "named_by_spf",
            Self::Unanswered(_) => "spf_unanswered",
            Self::NotAsked => "spf_not_asked",
            Self::Stranger => "stranger",
        }
    }

    /// The same for people; none of a stranger.
    pub fn words(&self) -> Option<String> {
        match self {
            Self::Local => Some("through your own hosts".to_owned()),
            Self::Named(domain) => {
                Some(format!("through your own hosts: SPF of {domain} names it"))
            }
            Self::Unanswered(domain) => {
                Some(format!("perhaps yours: SPF of {domain} could not be asked"))
            }
            Self::NotAsked => Some("perhaps yours: SPF was not asked".to_owned()),
            Self::Stranger => None,
        }
    }
}

impl Serialize for Whose {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What was found of the origins.
#[derive(Debug, Default)]
pub(in crate::cli::report) struct Owners(HashMap<IpAddr, Whose>);

impl Owners {
    /// Asks about the origins.
    pub async fn of(config: &Config, origins: &Origins) -> Self {
        let local = &config.policy.local;
        let top = origins.top().into_iter();
        let (ours, others): (Vec<_>, Vec<_>) =
            top.partition(|(address, _)| local.has_client(*address));
        let ours = ours.into_iter().map(|(address, _)| (address, Whose::Local));
        let mut owners: HashMap<IpAddr, Whose> = ours.collect();
        if let Some(asker) = SpfAsker::new(config).filter(|_| !others.is_empty()) {
            let asker = &asker;
            let asked = others.into_iter().take(MAX_ASKED);
            let asked = asked.map(|(address, tally)| async move {
                (address, asker.whose(address, tally).await)
            });
            let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
            while let Some((address, whose)) = answers.next().await {
                owners.insert(address, whose);
            }
        }
        Self(owners)
    }

    /// Whose this one is.
    pub fn whose(&self, address: IpAddr) -> Whose {
        self.0.get(&address).cloned().unwrap_or(Whose::NotAsked)
    }
}

/// Asks SPF, for a limited time in all.
pub(in crate::cli::report) struct SpfAsker(Budgeted);

impl SpfAsker {
    /// None where the name servers of the system are not known.
    pub fn new(config: &Config) -> Option<Self> {
        let resolver = Resolver::new(&config.dns).ok()?;
        Some(Self(resolver.budgeted(Instant::now() + PATIENCE)))
    }

    /// What else is asked of DNS, within the same time.
    pub fn lookup(&self) -> &Budgeted {
        &self.0
    }

    /// What SPF of a domain says of a host.
    pub async fn check(&self, client: IpAddr, domain: &Domain) -> SpfCheck {
        let query = SpfQuery {
            client,
            helo: b"",
            mail_from: &ReversePath::Mailbox(Mailbox::postmaster(domain)),
            now: SystemTime::now(),
            receiver: "",
            traced: false,
        };
        Box::pin(spf::check_mail_from(&self.0, &query)).await
    }

    async fn whose(&self, address: IpAddr, tally: &OriginTally) -> Whose {
        let mut whose = Whose::Stranger;
        let mut forged = tally.domains();
        for domain in forged.by_ref().take(MAX_DOMAINS) {
            let Ok(name) = domain.parse() else {
                continue;
            };
            let check = self.check(address, &name).await;
            match check.result {
                SpfResult::Pass if names_it(&check) => return Whose::Named(domain.to_owned()),
                SpfResult::Temperror | SpfResult::Permerror => {
                    whose = Whose::Unanswered(domain.to_owned());
                }
                _ => {}
            }
        }
        match (whose, forged.next()) {
            (Whose::Stranger, Some(_)) => Whose::NotAsked,
            (whose, _) => whose,
        }
    }
}

/// `+all` names everybody, and so nobody.
pub(in crate::cli::report) fn names_it(check: &SpfCheck) -> bool {
    let term = check.mechanism.as_deref().unwrap_or_default();
    !term.trim_start_matches('+').eq_ignore_ascii_case("all")
}
