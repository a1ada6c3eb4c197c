//! Who sends with our domains in From:, as all reports of some days say together.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
};

use super::{AggregateReport, Checked, Row, Shown, owner};
use crate::core::address::Domain;

/// The maximum number of senders that are told apart. Of more, those stay that most reporters name.
const MAX_SENDERS: usize = 20_000;
/// The maximum number of domains that are named of a sender.
const MAX_DOMAINS: usize = 20;
/// The maximum number of reporters of a sender, each by its owner.
const MAX_REPORTERS: usize = 200;

/// What is said of one address that sends with one domain of ours in From:.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// The messages, by what they had to show.
    messages: BTreeMap<Shown, u64>,
    /// The reporters by their owners, and what each says of how many messages.
    reporters: BTreeMap<String, BTreeMap<Shown, u64>>,
    /// The days, since 1970-01-01, with the messages.
    days: BTreeMap<u64, u64>,
    /// The domains that SPF passed for, with the messages.
    spf: BTreeMap<Domain, u64>,
    /// The domains whose DKIM signatures passed, with the messages.
    dkim: BTreeMap<Domain, u64>,
    /// The messages for which SPF passed in line with From:, and those for which DKIM did.
    aligned: [u64; 2],
}

impl Sender {
    /// How many messages it sent.
    pub fn messages(&self) -> u64 {
        self.messages
            .values()
            .fold(0, |sum, times| sum.saturating_add(*times))
    }

    /// How many of them had this to show.
    pub fn of(&self, shown: Shown) -> u64 {
        self.messages.get(&shown).copied().unwrap_or_default()
    }

    /// Those that name it, each independent of the others.
    pub fn reporters(&self) -> impl ExactSizeIterator<Item = &str> {
        self.reporters.keys().map(String::as_str)
    }

    /// How many of them say this of most of its messages.
    pub fn saying(&self, shown: Shown) -> usize {
        let says = |of: &&BTreeMap<Shown, u64>| mostly(of) == Some(shown);
        self.reporters.values().filter(says).count()
    }

    /// The days it sent on, since 1970-01-01, with the messages.
    pub fn days(&self) -> &BTreeMap<u64, u64> {
        &self.days
    }

    /// The domains that SPF passed for, those of most messages first.
    pub fn spf(&self) -> Vec<&Domain> {
        most_first(&self.spf)
    }

    /// The domains whose DKIM signatures passed, those of most messages first.
    pub fn dkim(&self) -> Vec<&Domain> {
        most_first(&self.dkim)
    }

    /// For how many messages SPF passed in line with From:.
    pub fn spf_aligned(&self) -> u64 {
        self.aligned[0]
    }

    /// For how many messages a DKIM signature in line with From: passed.
    pub fn dkim_aligned(&self) -> u64 {
        self.aligned[1]
    }

    fn add(&mut self, row: &Row, reporter: &str, day: u64) {
        let messages = row.messages;
        let shown = row.shown();
        more(self.messages.entry(shown).or_default(), messages);
        if self.reporters.len() < MAX_REPORTERS || self.reporters.contains_key(reporter) {
            let of = self.reporters.entry(reporter.to_owned()).or_default();
            more(of.entry(shown).or_default(), messages);
        }
        more(self.days.entry(day).or_default(), messages);
        for (results, domains) in [(&row.spf, &mut self.spf), (&row.dkim, &mut self.dkim)] {
            let passed: BTreeSet<&Domain> = results.iter().filter_map(passed).collect();
            for domain in passed {
                if domains.len() < MAX_DOMAINS || domains.contains_key(domain) {
                    more(domains.entry(domain.clone()).or_default(), messages);
                }
            }
        }
        let [spf, dkim] = &mut self.aligned;
        for (is_aligned, sum) in [(row.spf_aligned, spf), (row.dkim_aligned, dkim)] {
            more(sum, if is_aligned { messages } else { 0 });
        }
    }
}

fn passed(result: &Checked) -> Option<&Domain> {
    result.passes.then_some(&result.domain)
}

fn more(sum: &mut u64, times: u64) {
    *sum = sum.saturating_add(times);
}

/// What most messages had to show; of two with as many, what speaks more for them.
fn mostly(messages: &BTreeMap<Shown, u64>) -> Option<Shown> {
    let most = messages
        .iter()
        .max_by_key(|(shown, times)| (**times, Reverse(**shown)));
    most.map(|(shown, _)| *shown)
}

fn most_first(domains: &BTreeMap<Domain, u64>) -> Vec<&Domain> {
    let mut all: Vec<_> = domains.iter().collect();
    all.sort_by_key(|(domain, times)| (Reverse(**times), *domain));
    all.into_iter().map(|(domain, _)| domain).collect()
}

/// All senders of some days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Senders {
    named: HashMap<(Domain, IpAddr), Sender>,
    /// The reports that were added.
    pub reports: u64,
    /// The reporters by their owners, with how they call themselves.
    pub reporters: BTreeMap<String, String>,
    /// The messages of senders that were too many.
    pub others: u64,
}

impl Senders {
    /// Adds a report.
    pub fn add(&mut self, report: &AggregateReport) {
        let reporter = owner(&report.key.reporter);
        let day = report.key.day();
        self.reports += 1;
        self.reporters
            .entry(reporter.to_owned())
            .or_insert_with(|| report.organization.clone());
        more(&mut self.others, report.others);
        for row in &report.rows {
            let key = (report.key.domain.clone(), row.source);
            self.named.entry(key).or_default().add(row, reporter, day);
        }
        if self.named.len() > MAX_SENDERS {
            self.make_room();
        }
    }

    /// The senders, by domain and address: those with most messages first.
    pub fn all(&self) -> Vec<(&Domain, IpAddr, &Sender)> {
        let named = self.named.iter();
        let mut all: Vec<_> = named
            .map(|((domain, source), sender)| (domain, *source, sender))
            .collect();
        all.sort_by_key(|(domain, source, sender)| (Reverse(sender.messages()), *domain, *source));
        all
    }

    /// What one reporter alone names goes first, and then what sent least: a stranger's report can name any address.
    fn make_room(&mut self) {
        let named = self.named.iter();
        let mut worth: Vec<_> = named
            .map(|(key, sender)| (sender.reporters.len(), sender.messages(), key.clone()))
            .collect();
        worth.sort();
        worth.truncate(worth.len().saturating_sub(MAX_SENDERS * 3 / 4));
        for (_, messages, key) in worth {
            self.named.remove(&key);
            more(&mut self.others, messages);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{checked, domain, report, row},
        *,
    };
    use crate::core::proof::DAY;

    #[test]
    fn a_sender_is_what_all_reports_say() {
        let mut senders = Senders::default();
        let ours = Row {
            dkim_aligned: true,
            dkim: vec![checked("example.org", true), checked("esp.example", true)],
            spf: vec![checked("esp.example", true)],
            ..row("192.0.2.1", 5)
        };
        senders.add(&report(
            "google.com",
            "1",
            0,
            vec![ours.clone(), row("192.0.2.1", 1)],
        ));
        senders.add(&report("dmarc.yahoo.com", "1", DAY, vec![ours]));
        senders.add(&report(
            "mail.yahoo.com",
            "2",
            DAY,
            vec![row("192.0.2.1", 9)],
        ));
        senders.add(&report(
            "mail.yahoo.com",
            "3",
            DAY,
            vec![row("192.0.2.7", 100)],
        ));
        let all = senders.all();
        let told: Vec<_> = all
            .iter()
            .map(|(of, source, sender)| format!("{of} {source} {}", sender.messages()))
            .collect();
        assert_eq!(
            told,
            ["example.org 192.0.2.7 100", "example.org 192.0.2.1 20"]
        );
        let sender = all[1].2;
        assert_eq!(
            sender.reporters().collect::<Vec<_>>(),
            ["google.com", "yahoo.com"]
        );
        assert_eq!(
            (sender.of(Shown::Ours), sender.of(Shown::Nothing)),
            (10, 10)
        );
        // Of Google's six messages five, of Yahoo's fourteen nine.
        assert_eq!(
            (sender.saying(Shown::Ours), sender.saying(Shown::Nothing)),
            (1, 1)
        );
        assert_eq!(*sender.days(), [(0, 6), (1, 14)].into());
        assert_eq!(sender.spf(), [&domain("esp.example")]);
        assert_eq!(
            sender.dkim(),
            [&domain("esp.example"), &domain("example.org")]
        );
        assert_eq!((sender.spf_aligned(), sender.dkim_aligned()), (0, 10));
        assert_eq!((senders.reports, senders.reporters.len()), (4, 2));
    }

    #[test]
    fn one_stranger_drives_out_nobody_whom_others_name() {
        let mut senders = Senders::default();
        for reporter in ["a.example", "b.example"] {
            senders.add(&report(reporter, "1", 0, vec![row("192.0.2.1", 1)]));
        }
        for part in 0..30_u32 {
            let address = |at: u32| IpAddr::from((0xcb00_0000 + part * 1_000 + at).to_be_bytes());
            let rows = (0..1_000).map(|at| row(&address(at).to_string(), 1_000));
            senders.add(&report("bot.example", &part.to_string(), 0, rows.collect()));
        }
        assert!(senders.named.len() <= MAX_SENDERS + 1_000);
        let named: u64 = senders
            .all()
            .iter()
            .map(|(_, _, sender)| sender.messages())
            .sum();
        assert_eq!(named + senders.others, 30_000_002);
        assert!(
            senders
                .all()
                .iter()
                .any(|(_, source, _)| source.to_string() == "192.0.2.1")
        );
    }
}
