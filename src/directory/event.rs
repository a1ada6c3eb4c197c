//! What is logged about lists and directories.

use std::{fmt, path::PathBuf};

use super::tenants::TenantEvent;
use crate::core::{address::Domain, recipients::Scope};

/// What has changed about a list, or about a directory that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A list was read, and is in use.
    Loaded {
        /// The file.
        list: PathBuf,
        /// How many addresses it holds.
        addresses: usize,
        /// What was not understood in it, as `line N: what`; the first ten.
        skipped: Vec<String>,
        /// How many lines were skipped in all.
        skipped_count: usize,
        /// What it has for all addresses of a domain.
        whole_domains: WholeDomains,
    },
    /// A list can't be read.
    Failed {
        /// The file.
        list: PathBuf,
        /// Why not.
        why: String,
        /// How many addresses the older copy holds that stays in use; none where there is none.
        kept: Option<usize>,
    },
    /// A directory did not answer. Told once a minute at most.
    Silent {
        /// Which, without its password.
        directory: String,
        /// What it said last.
        why: String,
        /// How many questions it left open since this was last logged.
        questions: u64,
    },
    /// It answers again.
    Back {
        /// Which, without its password.
        directory: String,
        /// How many questions it left open since its silence was last logged.
        questions: u64,
    },
    /// Something about tenants' answers.
    Tenants(Box<TenantEvent>),
}

impl From<TenantEvent> for Event {
    fn from(event: TenantEvent) -> Self {
        Self::Tenants(Box::new(event))
    }
}

/// Lines that mean all addresses of a domain, such as `@example.org`. They make nobody known: what all others get there,
/// `catch_all` or `unknown` of the domain's entry says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WholeDomains {
    /// The domains.
    pub domains: Vec<Domain>,
    /// How many such lines there are.
    pub lines: usize,
    /// Those whose entry in `milter.yaml` has this list, and neither `catch_all` nor `unknown`; with what it is for.
    pub unanswered: Vec<(Domain, Scope)>,
}

impl fmt::Display for WholeDomains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unanswered = self.unanswered.first();
        let first = unanswered.map(|(domain, _)| domain);
        let Some(first) = first.or(self.domains.first()) else {
            return Ok(());
        };
        let lines = match self.lines {
            1 => format!("1 line for a whole domain (@{first})"),
            several => format!("{several} lines for whole domains (such as @{first})"),
        };
        match unanswered {
            None => write!(f, ", {lines}: `catch_all` or `unknown` answers for those"),
            Some((_, scope)) => {
                write!(
                    f,
                    ", {lines}, but the entry of {scope} has neither `catch_all` nor `unknown`; as your MTA takes mail for all \
                     of {first}, write `catch_all: {{mail: accept, bounces: accept}}` there, or stricter answers"
                )
            }
        }
    }
}

/// What an event asks of an administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Nothing.
    News,
    /// To look at it some day: the list is in use, but not all of it was understood. Files that were made for an MTA have
    /// such lines.
    Warning,
    /// To mend it: recipients can't be told.
    Problem,
}

impl Event {
    /// What it asks of an administrator.
    pub fn weight(&self) -> Weight {
        match self {
            Self::Loaded {
                skipped_count: 0,
                whole_domains,
                ..
            } if whole_domains.unanswered.is_empty() => Weight::News,
            Self::Loaded { .. } => Weight::Warning,
            Self::Failed { .. } | Self::Silent { .. } => Weight::Problem,
            Self::Back { .. } => Weight::News,
            Self::Tenants(event) => event.weight(),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded {
                list,
                addresses,
                skipped,
                skipped_count,
                whole_domains,
            } => {
                let addresses = match addresses {
                    1 => "1 address".to_owned(),
                    several => format!("{several} addresses"),
                };
                write!(f, "{}: {addresses} read", list.display())?;
                whole_domains.fmt(f)?;
                if *skipped_count > 0 {
                    write!(f, ", {skipped_count} lines skipped: {}", skipped.join("; "))?;
                }
                Ok(())
            }
            Self::Failed { list, why, kept } => {
                write!(f, "{}: {why}; ", list.display())?;
                match kept {
                    Some(count) => write!(f, "the {count} addresses read before stay in use"),
                    None => {
                        f.write_str("until it can be read, nobody is refused for not being listed")
                    }
                }
            }
            Self::Silent {
                directory,
                why,
                questions,
            } => {
                write!(
                    f,
                    "{directory}: {why}; questions left open: {questions}; what it answered lately counts, and nobody else is \
                     refused for not being listed"
                )
            }
            Self::Back {
                directory,
                questions: 0,
            } => write!(f, "{directory}: answers again"),
            Self::Back {
                directory,
                questions,
            } => write!(
                f,
                "{directory}: answers again; questions left open meanwhile: {questions}"
            ),
            Self::Tenants(event) => event.fmt(f),
        }
    }
}
