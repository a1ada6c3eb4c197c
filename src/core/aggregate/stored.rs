//! A report as octets for the store.

use super::{AggregateReport, MAX_TEXT, ReportKey};
use crate::core::stored;

impl AggregateReport {
    /// Its octets.
    pub fn to_bytes(&self) -> Vec<u8> {
        stored::to_bytes(self)
    }

    /// The report in these octets; none where they are no such thing.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let report: Self = stored::from_bytes(bytes)?;
        let texts = [&report.key.id, &report.organization];
        let selectors = report.rows.iter().flat_map(|row| &row.dkim);
        let selectors = selectors.map(|result| &result.selector);
        let is_plain = |text: &&String| text.len() <= MAX_TEXT && !text.contains(char::is_control);
        let is_well = texts
            .into_iter()
            .chain(selectors)
            .all(|text| is_plain(&text));
        (is_well && ReportKey::is_period(report.key.begin, report.key.end)).then_some(report)
    }
}
