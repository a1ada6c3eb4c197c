//! What a client answers for its own domain, in the place of the file.

use std::{fmt, sync::Arc};

use super::{
    null_sender::NeverSend,
    pattern::AddressList,
    printable::shortened,
    recipients::ClassAnswer,
    verdict::{Mode, Rule},
};

/// A client's answers for its domain: a row of `tenants`. What it leaves out, the file answers; so a domain without a row
/// has the default. The lists are boxed, for few of thousands of rows have one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantAnswers {
    /// Where the row stands, for the administrator; empty where there is none.
    pub from: Arc<str>,
    /// `mode`.
    pub mode: Option<Mode>,
    /// `catch_all` of its entry of `recipients`; a row has this or `unknown`.
    pub catch_all: Option<ClassAnswer>,
    /// `unknown` of its entry of `recipients`.
    pub unknown: Option<ClassAnswer>,
    /// `null_sender.never_send`; in the place of the file's, for this domain.
    pub never_send: Option<Box<NeverSend>>,
    /// `proof.unproven`.
    pub unproven: Option<Rule>,
    /// `proof.unproven_replies`.
    pub unproven_replies: Option<Rule>,
    /// `siege.unproven`.
    pub siege_unproven: Option<Rule>,
    /// `siege.catch_all`.
    pub siege_catch_all: Option<ClassAnswer>,
    /// `exempt.recipients`; in the place of the file's, for this domain.
    pub exempt_recipients: Option<Box<AddressList>>,
}

/// The maximum of a list's entries that is shown.
const MAX_SHOWN: usize = 5;
/// The longest of them, in characters.
const MAX_ENTRY: usize = 80;

impl TenantAnswers {
    /// What is answered where nobody says what the domain's row is: its client may not want what the file would refuse.
    pub fn unanswered() -> Self {
        Self {
            from: "no answer".into(),
            mode: Some(Mode::Monitor),
            ..Self::default()
        }
    }

    /// The keys that it answers, as the file names them, with their values.
    pub fn keys(&self) -> Vec<(&'static str, String)> {
        let class = |answer: ClassAnswer| {
            let (mail, bounces) = (Shown(answer.mail), Shown(answer.bounces));
            format!("{{mail: {mail}, bounces: {bounces}}}")
        };
        let rule = |rule: Rule| Shown(rule).to_string();
        let never_send = |list: &NeverSend| {
            let (addresses, action) = (entries(&list.addresses), rule(list.rule));
            format!("{addresses}: {action}")
        };
        let mode = self.mode.map(|mode| mode.as_str().to_owned());
        [
            ("mode", mode),
            ("catch_all", self.catch_all.map(class)),
            ("unknown", self.unknown.map(class)),
            ("never_send", self.never_send.as_deref().map(never_send)),
            ("unproven", self.unproven.map(rule)),
            ("unproven_replies", self.unproven_replies.map(rule)),
            ("siege.unproven", self.siege_unproven.map(rule)),
            ("siege.catch_all", self.siege_catch_all.map(class)),
            (
                "exempt.recipients",
                self.exempt_recipients.as_deref().map(entries),
            ),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
    }
}

impl fmt::Display for TenantAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys();
        match (&*self.from, keys.is_empty()) {
            ("", true) => return f.write_str("no row: the file answers"),
            ("", false) => f.write_str("its row: ")?,
            (from, true) => return write!(f, "{from}: the file answers"),
            (from, false) => write!(f, "{from}: ")?,
        }
        for (place, (key, value)) in keys.iter().enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            write!(f, "{comma}{key} {value}")?;
        }
        Ok(())
    }
}

/// A rule as the file writes it.
struct Shown(Rule);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = self.0.action;
        match self.0.monitor {
            true => write!(f, "{{action: {action}, monitor: true}}"),
            false => write!(f, "{action}"),
        }
    }
}

fn entries(list: &AddressList) -> String {
    let shown = list.iter().take(MAX_SHOWN);
    let shown: Vec<_> = shown
        .map(|entry| shortened(entry.to_string().as_bytes(), MAX_ENTRY))
        .collect();
    let more = match list.len().saturating_sub(MAX_SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("[{}]{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `explain` shows it: all that a row sets, and nothing else.
    #[test]
    fn a_row_is_shown_with_what_it_sets() {
        let row = || TenantAnswers {
            from: "tenants.yaml".into(),
            ..TenantAnswers::default()
        };
        let yaml = |text: &str| serde_yaml::from_str(text).unwrap();
        let rule = |text: &str| Some(serde_yaml::from_str::<Rule>(text).unwrap());
        for (row, shown) in [
            (TenantAnswers::default(), "no row: the file answers"),
            (row(), "tenants.yaml: the file answers"),
            (TenantAnswers::unanswered(), "no answer: mode monitor"),
            (
                TenantAnswers {
                    mode: Some(Mode::Enforce),
                    unproven: rule("{action: reject, monitor: true}"),
                    unproven_replies: rule("tag"),
                    ..row()
                },
                "tenants.yaml: mode enforce, unproven {action: reject, monitor: true}, unproven_replies tag",
            ),
            (
                TenantAnswers {
                    catch_all: Some(yaml("{mail: tag, bounces: reject}")),
                    siege_unproven: rule("reject"),
                    siege_catch_all: Some(yaml("{mail: tempfail}")),
                    ..row()
                },
                "tenants.yaml: catch_all {mail: tag, bounces: reject}, siege.unproven reject, siege.catch_all {mail: \
                 tempfail, bounces: accept}",
            ),
            (
                TenantAnswers {
                    unknown: Some(yaml("{mail: reject}")),
                    never_send: Some(Box::new(serde_yaml::from_str("[a, b@x.example]").unwrap())),
                    exempt_recipients: Some(Box::new(
                        serde_yaml::from_str("[a, b, c, d, e, f, g]").unwrap(),
                    )),
                    ..row()
                },
                "tenants.yaml: unknown {mail: reject, bounces: accept}, never_send [a, b@x.example]: reject, \
                 exempt.recipients [a, b, c, d, e] and 2 more",
            ),
        ] {
            assert_eq!(row.to_string(), shown);
        }
    }
}
