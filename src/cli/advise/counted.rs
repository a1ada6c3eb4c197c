//! What the store has counted of a domain's mail in the last weeks.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use crate::{
    cli::{today, uses_store},
    config::Config,
    core::{
        address::Domain,
        advise::{
            facts::{Claim, NotCounted, Traffic},
            reported::Reported,
        },
        aggregate::Senders,
        proof::{ProofKind, coverage::CoverageSummary},
        verdict::Entry,
        would::{Spare, WouldRow},
    },
    store::{Store, Unavailable},
};

/// The reason of mail that has an address of ours in From:, and the entry of `local.domains` decides.
const HEADER_FROM: &str = "header_from_forged";
/// Four weeks: every day of the week as often.
const DAYS: u64 = 28;

/// The counts of the last weeks.
pub(super) struct Counts {
    coverage: Result<CoverageSummary, NotCounted>,
    would: Result<Vec<WouldRow>, NotCounted>,
    /// What DMARC reports tell.
    senders: Result<Senders, NotCounted>,
    today: u64,
}

impl Counts {
    /// Asks the store.
    pub(super) async fn read(config: &Config, store: Option<Arc<dyn Store>>) -> Self {
        let today = today();
        let first = today.saturating_sub(DAYS - 1);
        let unanswered = |why: Unavailable| NotCounted::Unanswered(why.to_string());
        let absent = "the store does not exist yet; the daemon makes it when it starts";
        // Reports are imported by hand, whatever else is counted.
        let senders = match &store {
            Some(store) => senders(store.as_ref(), first..=today)
                .await
                .map_err(unanswered),
            None => Err(NotCounted::Off(absent)),
        };
        let store = match (uses_store(config), store) {
            (false, _) => Err(NotCounted::Off(
                "nothing is counted; use `proof` or `siege.watch` in milter.yaml, for `local.domains`",
            )),
            (true, store) => store.ok_or(NotCounted::Off(absent)),
        };
        let coverage = match &store {
            Ok(store) => store.coverage(first..=today).await.map_err(unanswered),
            Err(why) => Err(why.clone()),
        };
        let would = match &store {
            Ok(store) if config.policy.monitors() => {
                store.would(first..=today).await.map_err(unanswered)
            }
            Ok(_) => Err(NotCounted::Off(
                "mail that claims to be of it is counted only in mode monitor, or by rules with `monitor: true`",
            )),
            Err(why) => Err(why.clone()),
        };
        let coverage = coverage.map(CoverageSummary::of);
        Self {
            coverage,
            would,
            senders,
            today,
        }
    }

    /// The selectors of the domain's signatures, and how many messages left with each, the most first.
    pub(super) fn selectors(&self, domain: &Domain) -> Vec<(String, Option<u64>)> {
        let signed = self.coverage.iter().flat_map(|coverage| &coverage.signed);
        let own = signed.filter(|((signer, _), _)| signer == domain.as_str());
        let mut found: Vec<(String, Option<u64>)> = own
            .map(|((_, selector), times)| (selector.clone(), Some(*times)))
            .collect();
        found.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        found
    }

    /// What was counted of a domain's mail.
    pub(super) fn traffic(&self, domain: &Domain) -> Result<Traffic, NotCounted> {
        let coverage = self.coverage.as_ref().map_err(Clone::clone)?;
        let first = coverage.first_day;
        let Some(first) = first else {
            return Err(NotCounted::Off("no outgoing mail has been counted yet"));
        };
        let outgoing = coverage.domains.get(domain.as_str());
        let of = |kind| {
            outgoing
                .and_then(|outgoing| outgoing.by.get(&kind))
                .copied()
        };
        // Where signatures are not verified, they are counted all the same.
        let selectors = self.selectors(domain);
        let most = selectors.iter().filter_map(|(_, times)| *times).max();
        let signed = of(ProofKind::Dkim).max(most).unwrap_or_default();
        let messages = outgoing.map_or(0, |outgoing| outgoing.messages);
        Ok(Traffic {
            days: self.today.saturating_sub(first) + 1,
            messages,
            signed: signed.min(messages),
            posts: Self::posts(coverage, domain),
            claims: self
                .would
                .as_ref()
                .map(|rows| self.claims(rows, domain))
                .map_err(Clone::clone),
        })
    }

    /// The mailing lists that brought posts back, those of most first.
    fn posts(coverage: &CoverageSummary, domain: &Domain) -> Vec<(String, u64)> {
        let posts = coverage.posts.iter();
        let own = posts.filter(|((of, _), _)| of == domain.as_str());
        let mut lists: Vec<(String, u64)> = own
            .map(|((_, list), times)| (list.clone(), *times))
            .collect();
        lists.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        lists
    }

    /// What DMARC reports say of a domain's mail.
    pub(super) fn reported(&self, domain: &Domain) -> Result<Reported, NotCounted> {
        let senders = self.senders.as_ref().map_err(Clone::clone)?;
        let reported = Reported::of(senders, domain, DAYS);
        match reported.sources.is_empty() {
            true => Err(NotCounted::Off(
                "no DMARC report of it was imported; see `backstop reports import`",
            )),
            false => Ok(reported),
        }
    }

    fn claims(&self, rows: &[WouldRow], domain: &Domain) -> Vec<Claim> {
        let mut claims: BTreeMap<(String, String), (bool, u64)> = BTreeMap::new();
        let entry = Entry::new("local.domains", domain).to_string();
        for row in rows.iter().filter(|row| !row.group.is_others()) {
            let group = &row.group;
            let sender = group.sender.rsplit('@').next().unwrap_or_default();
            let has_from = group.reason == HEADER_FROM && group.by == entry;
            if sender != domain.as_str() && !has_from {
                continue;
            }
            let answers = matches!(group.spare, Some(Spare::MailingList(_)));
            let key = (group.client.clone(), sender.to_owned());
            let (seen, times) = claims.entry(key).or_default();
            *seen |= answers;
            *times = times.saturating_add(row.times);
        }
        let claims = claims.into_iter();
        claims
            .map(
                |((client, mail_from), (answers_for_itself, messages))| Claim {
                    client,
                    mail_from,
                    answers_for_itself,
                    messages,
                },
            )
            .collect()
    }
}

/// All DMARC reports of these days, read day by day: each can have megabytes.
async fn senders(store: &dyn Store, days: RangeInclusive<u64>) -> Result<Senders, Unavailable> {
    let mut senders = Senders::default();
    for day in days {
        for report in store.reports(day..=day).await? {
            senders.add(&report);
        }
    }
    Ok(senders)
}
