//! What the counts of some hours say together.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use super::{AttackKind, AttackRow, Fate, MIN_NAMED, Origins};

/// How often each became of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttackTally([u64; Fate::ALL.len()]);

impl AttackTally {
    /// How many became this.
    pub fn of(&self, fate: Fate) -> u64 {
        let at = Fate::ALL.iter().position(|one| *one == fate);
        at.and_then(|at| self.0.get(at))
            .copied()
            .unwrap_or_default()
    }

    /// All of them.
    pub fn all(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum, times| sum.saturating_add(*times))
    }

    /// Those of a fate that is suspect: not those that were taken for answers to our own mail, nor those of which
    /// nothing is known.
    pub fn suspect(&self) -> u64 {
        let all = Fate::ALL.into_iter().zip(self.0);
        let suspect = all.filter(|(fate, _)| fate.is_suspect());
        suspect.fold(0, |sum, (_, times)| sum.saturating_add(times))
    }

    /// Those that did not reach their recipient.
    pub fn kept_out(&self) -> u64 {
        self.of(Fate::Refused)
            .saturating_add(self.of(Fate::RefusedByMta))
    }

    /// Adds some bounces of this fate.
    pub fn add(&mut self, fate: Fate, times: u64) {
        for (one, sum) in Fate::ALL.iter().zip(&mut self.0) {
            if *one == fate {
                *sum = sum.saturating_add(times);
            }
        }
    }

    /// Adds another tally.
    pub fn join(&mut self, other: &Self) {
        for (sum, times) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(times);
        }
    }
}

/// Things of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranked {
    named: HashMap<String, AttackTally>,
    /// Those that were too many to be named, in their hour or in all.
    pub others: AttackTally,
}

impl Ranked {
    /// How many different ones there are, without those that were never suspect.
    pub fn len(&self) -> usize {
        let suspect = self.named.values().filter(|tally| tally.suspect() > 0);
        suspect.count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What became of those of this one.
    pub fn named(&self, text: &str) -> Option<&AttackTally> {
        self.named.get(text)
    }

    /// Those with the most suspect bounces, the first before the others; those of like many by their text.
    pub fn top(&self, most: usize) -> Vec<(&str, &AttackTally)> {
        let suspect = self.named.iter().filter(|(_, tally)| tally.suspect() > 0);
        let mut all: Vec<_> = suspect
            .map(|(text, tally)| (text.as_str(), tally))
            .collect();
        all.sort_unstable_by_key(|(text, tally)| (Reverse(tally.suspect()), *text));
        all.truncate(most);
        all
    }

    fn add(&mut self, row: AttackRow) {
        let tally = match row.count.text {
            text if text.is_empty() => &mut self.others,
            text => self.named.entry(text).or_default(),
        };
        tally.add(row.count.fate, row.times);
        if self.named.len() > 2 * MIN_NAMED {
            self.forget_the_rarest();
        }
    }

    fn forget_the_rarest(&mut self) {
        let mut all: Vec<_> = std::mem::take(&mut self.named).into_iter().collect();
        all.select_nth_unstable_by(MIN_NAMED, |(one, of_one), (other, of_other)| {
            let frequent_first = of_other.suspect().cmp(&of_one.suspect());
            frequent_first.then_with(|| one.cmp(other))
        });
        for (_, tally) in all.split_off(MIN_NAMED) {
            self.others.join(&tally);
        }
        self.named = all.into_iter().collect();
    }
}

/// The counts of some hours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttackSummary {
    /// All bounces.
    pub all: AttackTally,
    /// The same by hour, since 1970; hours without any are left out.
    pub hours: BTreeMap<u64, AttackTally>,
    /// The same by the recipient's domain.
    pub domains: BTreeMap<String, AttackTally>,
    /// What became of them, what was done, and why.
    reasons: BTreeMap<(Fate, String), u64>,
    /// What they proved.
    pub proofs: BTreeMap<String, u64>,
    /// Where they came from.
    pub hosts: Ranked,
    /// The networks of those.
    pub networks: Ranked,
    /// The addresses that they came to.
    pub recipients: Ranked,
    /// Who sent what they return.
    pub origins: Origins,
}

impl AttackSummary {
    /// Adds what these rows say; of one domain, as `local.domains` has it, or of all.
    pub fn add(&mut self, rows: impl IntoIterator<Item = AttackRow>, domain: Option<&str>) {
        let of_it = |row: &AttackRow| domain.is_none_or(|domain| domain == row.count.domain);
        for row in rows.into_iter().filter(of_it) {
            let (fate, times) = (row.count.fate, row.times);
            match row.count.kind {
                AttackKind::Reason => {
                    self.all.add(fate, times);
                    self.hours.entry(row.hour).or_default().add(fate, times);
                    let domain = self.domains.entry(row.count.domain).or_default();
                    domain.add(fate, times);
                    let sum = self.reasons.entry((fate, row.count.text)).or_default();
                    *sum = sum.saturating_add(times);
                }
                AttackKind::Proof => {
                    let sum = self.proofs.entry(row.count.text).or_default();
                    *sum = sum.saturating_add(times);
                }
                AttackKind::Host => self.hosts.add(row),
                AttackKind::Network => self.networks.add(row),
                AttackKind::Recipient => self.recipients.add(row),
                AttackKind::Origin | AttackKind::OriginHelo | AttackKind::OriginCampaign => {
                    self.origins.add(&row.count, times);
                }
                // Told apart from bounces that prove nothing: see `account::floods`.
                AttackKind::Account => {}
            }
        }
    }

    /// What became of bounces, what was done, and why, the most frequent first.
    pub fn reasons(&self) -> Vec<(Fate, &str, u64)> {
        let reasons = self.reasons.iter();
        let mut reasons: Vec<_> = reasons
            .map(|((fate, why), times)| (*fate, why.as_str(), *times))
            .collect();
        reasons.sort_by_key(|(_, _, times)| Reverse(*times));
        reasons
    }

    /// The hour with the most suspect bounces, the first of several; `None` where no hour has any.
    pub fn worst_hour(&self) -> Option<(u64, u64)> {
        let suspect = self
            .hours
            .iter()
            .map(|(hour, tally)| (*hour, tally.suspect()));
        suspect
            .filter(|(_, times)| *times > 0)
            .max_by(|one, other| one.1.cmp(&other.1).then(other.0.cmp(&one.0)))
    }

    /// The hours from `first` to `last`, in steps of `together` hours; also those in which nothing came. Each with its
    /// first hour.
    pub fn series(&self, first: u64, last: u64, together: u64) -> Vec<(u64, AttackTally)> {
        let together = together.max(1);
        let step = usize::try_from(together).unwrap_or(usize::MAX);
        let mut series: Vec<_> = (first..=last)
            .step_by(step)
            .map(|hour| (hour, AttackTally::default()))
            .collect();
        for (hour, tally) in self.hours.range(first..=last.max(first)) {
            let at = usize::try_from((hour - first) / together).unwrap_or(usize::MAX);
            if let Some((_, sum)) = series.get_mut(at) {
                sum.join(tally);
            }
        }
        series
    }
}
