//! What the author of a report wrote, before anybody believes it.

use std::collections::BTreeMap;

use super::{AggregateReport, MAX_TEXT, ReportKey, Row, kept};
use crate::core::{
    address::Domain,
    local::Local,
    proof::{DAY, today},
};

/// A report as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// `org_name`: for people.
    pub organization: String,
    /// The domain of `email`: for people, and for files without a mail.
    pub email: Option<Domain>,
    /// `report_id`.
    pub id: String,
    /// The first second of its period, since 1970.
    pub begin: u64,
    /// The last one.
    pub end: u64,
    /// `policy_published/domain`.
    pub domain: Domain,
    /// Its rows.
    pub rows: Vec<Row>,
    /// The messages of rows without an address that can be one.
    pub others: u64,
}

/// Why a report that can be read is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NotCounted {
    /// It is about a domain of somebody else.
    #[error("it is about a domain that is not in local.domains")]
    NotOurs,
    /// Its period is none, or is not over.
    #[error("its period ends before it begins, is longer than 32 days, or is in the future")]
    Period,
    /// Its day is no longer kept.
    #[error("its period is over for more than 90 days")]
    TooOld,
}

/// The maximum number of domains of ours that a report on a domain above them is divided into.
const MAX_DOMAINS: usize = 16;

impl Written {
    /// Whether it says something of a domain of ours.
    pub fn is_about(&self, local: &Local) -> bool {
        let is_of_ours = |row: &Row| {
            row.header_from.is_at_or_below(&self.domain) && local.is_ours(&row.header_from)
        };
        local.is_ours(&self.domain) || self.rows.iter().any(is_of_ours)
    }

    /// The report as the word of this reporter. The policy may be that of a domain above ours (RFC 9989 section 4.10): then there
    /// is one for each of ours, 16 at most, and nothing of the others.
    ///
    /// # Errors
    /// Why it is not counted.
    pub fn by(
        self,
        reporter: &Domain,
        local: &Local,
        now: u64,
    ) -> Result<Vec<AggregateReport>, NotCounted> {
        if !self.is_about(local) {
            return Err(NotCounted::NotOurs);
        }
        if !ReportKey::is_period(self.begin, self.end) || self.end > now.saturating_add(DAY) {
            return Err(NotCounted::Period);
        }
        let key = |domain: Domain| ReportKey {
            reporter: reporter.clone(),
            domain,
            id: self.id.clone(),
            begin: self.begin,
            end: self.end,
        };
        if !kept(today(now)).contains(&key(self.domain.clone()).day()) {
            return Err(NotCounted::TooOld);
        }
        let within = |row: &Row| row.header_from.is_at_or_below(&self.domain);
        if local.is_ours(&self.domain) {
            let (rows, strange): (Vec<Row>, Vec<Row>) = self.rows.into_iter().partition(within);
            let mut report = AggregateReport::new(key(self.domain), self.organization, rows);
            let strange = super::total(&strange).saturating_add(self.others);
            report.others = report.others.saturating_add(strange);
            return Ok(vec![report]);
        }
        let mut of: BTreeMap<Domain, Vec<Row>> = BTreeMap::new();
        let ours = |row: &Row| within(row) && local.is_ours(&row.header_from);
        for row in self.rows.into_iter().filter(ours) {
            if of.len() < MAX_DOMAINS || of.contains_key(&row.header_from) {
                of.entry(row.header_from.clone()).or_default().push(row);
            }
        }
        let organization = &self.organization;
        let report = |(domain, rows)| AggregateReport::new(key(domain), organization.clone(), rows);
        Ok(of.into_iter().map(report).collect())
    }
}

/// A stranger's text on one line: nothing in it controls a terminal or turns the direction of what follows.
pub fn plain(text: &str) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}".contains(c)
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut plain = String::with_capacity(words.len().min(MAX_TEXT));
    for c in words.chars().map(|c| if is_odd(c) { '?' } else { c }) {
        if plain.len() + c.len_utf8() > MAX_TEXT {
            break;
        }
        plain.push(c);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{domain, row},
        *,
    };

    /// 2026-11-28T13:30:00Z.
    const NOW: u64 = 1_795_872_600;

    fn written() -> Written {
        let midnight = NOW / DAY * DAY;
        Written {
            organization: "Far Mail".to_owned(),
            email: None,
            id: "1".to_owned(),
            begin: midnight - DAY,
            end: midnight - 1,
            domain: domain("example.org"),
            rows: vec![row("192.0.2.1", 3)],
            others: 2,
        }
    }

    #[test]
    fn only_what_is_about_us_and_of_our_days_counts() {
        let local = Local {
            domains: vec!["example.org".parse().unwrap()].into(),
            ..Local::default()
        };
        let day = |days: u64| NOW / DAY * DAY - days * DAY;
        for (changed, expected) in [
            (written(), None),
            (
                Written {
                    domain: domain("example.net"),
                    ..written()
                },
                Some(NotCounted::NotOurs),
            ),
            (
                Written {
                    end: 0,
                    ..written()
                },
                Some(NotCounted::Period),
            ),
            (
                Written {
                    begin: 0,
                    ..written()
                },
                Some(NotCounted::Period),
            ),
            (
                Written {
                    begin: day(0),
                    end: u64::MAX,
                    ..written()
                },
                Some(NotCounted::Period),
            ),
            // An hour of another zone is no future.
            (
                Written {
                    begin: day(0),
                    end: NOW + 3_600,
                    ..written()
                },
                None,
            ),
            (
                Written {
                    begin: NOW + DAY,
                    end: NOW + 2 * DAY,
                    ..written()
                },
                Some(NotCounted::Period),
            ),
            (
                Written {
                    begin: day(89),
                    end: day(88) - 1,
                    ..written()
                },
                None,
            ),
            (
                Written {
                    begin: day(90),
                    end: day(89) - 1,
                    ..written()
                },
                Some(NotCounted::TooOld),
            ),
        ] {
            let found = changed.clone().by(&domain("far.example"), &local, NOW);
            assert_eq!(found.err(), expected, "{changed:?}");
        }
        let mut strange = written();
        strange.rows.push(Row {
            header_from: domain("elsewhere.example"),
            ..row("192.0.2.2", 7)
        });
        let reports = strange.by(&domain("far.example"), &local, NOW);
        let report = reports.unwrap().remove(0);
        assert_eq!((report.rows.len(), report.others), (1, 9));
        assert_eq!(
            AggregateReport::from_bytes(&report.to_bytes()),
            Some(report)
        );
    }

    #[test]
    fn a_report_on_a_domain_above_ours_is_divided_among_ours() {
        let names = ["mail.example.org", "shop.example.org"];
        let local = Local {
            domains: names.map(|name| name.parse().unwrap()).to_vec().into(),
            ..Local::default()
        };
        let of = |name: &str, messages| Row {
            header_from: domain(name),
            ..row("192.0.2.1", messages)
        };
        let rows = vec![
            of("shop.example.org", 1),
            of("mail.example.org", 2),
            of("example.org", 4),
            of("shop.example.org", 8),
            of("mail.example.net", 16),
        ];
        let reports = Written { rows, ..written() }.by(&domain("far.example"), &local, NOW);
        let told: Vec<_> = reports
            .unwrap()
            .iter()
            .map(|one| (one.key.domain.to_string(), one.messages()))
            .collect();
        let expected = [("mail.example.org", 2), ("shop.example.org", 9)];
        assert_eq!(
            told,
            expected.map(|(name, messages)| (name.to_owned(), messages))
        );
        // Others' names below are not ours.
        let others = Written {
            rows: vec![of("example.org", 4)],
            ..written()
        };
        let found = others.by(&domain("far.example"), &local, NOW);
        assert_eq!(found, Err(NotCounted::NotOurs));
    }

    #[test]
    fn a_text_is_one_plain_line() {
        for (text, expected) in [
            (" Google Inc.\n", "Google Inc."),
            ("Bücher & Söhne", "Bücher & Söhne"),
            ("a\x1b[2Jb\u{202e}c\0", "a?[2Jb?c?"),
            ("", ""),
        ] {
            assert_eq!(plain(text), expected);
        }
        assert!(plain(&"ü".repeat(1_000)).len() <= MAX_TEXT);
    }
}
