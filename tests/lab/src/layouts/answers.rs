//! The table of expected answers.

use serde::Deserialize;

use super::layout::{Class, Layout, Service, Site};

/// A row.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) act: String,
    #[serde(default)]
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) sends: Sends,
    #[serde(default)]
    only: Vec<Class>,
    #[serde(default)]
    sites: Vec<Site>,
    all: Option<Vec<String>>,
    listed: Option<Vec<String>>,
    catch_all: Option<Vec<String>>,
    unlisted: Option<Vec<String>>,
    unlisted_catch_all: Option<Vec<String>>,
}

/// What follows the recipients.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Sends {
    Letter,
    Bounce,
    Returned,
    Nothing,
}

pub(super) fn table() -> Vec<Row> {
    serde_yaml::from_str(include_str!("answers.yaml")).expect("answers.yaml is a table")
}

impl Row {
    pub(super) fn is_played_in(&self, layout: &Layout, site: Site) -> bool {
        // Sendmail takes non-ASCII addresses where it was built with SMTPUTF8, which Debian's isn't.
        let speaks = !site.is_sendmail() || self.to.iter().all(|to| to.is_ascii());
        let in_class = self.only.is_empty() || self.only.contains(&layout.class);
        let in_site = self.sites.is_empty() || self.sites.contains(&site);
        speaks && in_class && in_site
    }

    /// What must come of each recipient.
    pub(super) fn answers(&self, layout: &Layout) -> &[String] {
        let asks_lists = layout.service != Service::Unlisted;
        let columns = match (asks_lists, layout.catch_all) {
            (true, false) => [&self.listed, &self.listed, &self.listed],
            (true, true) => [&self.catch_all, &self.listed, &self.listed],
            (false, false) => [&self.unlisted, &self.catch_all, &self.listed],
            (false, true) => [&self.unlisted_catch_all, &self.unlisted, &self.catch_all],
        };
        let column = columns.into_iter().flatten().next();
        let answers = column.or(self.all.as_ref());
        answers.expect("each row has answers")
    }
}
