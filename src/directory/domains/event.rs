//! What is logged about lists of domains.

use std::{cmp::Ordering, fmt, path::PathBuf};

use super::names::{Skipped, order};
use crate::{
    core::{pattern::DomainPattern, printable::counted},
    directory::Weight,
};

/// How many names of a change are logged.
const NAMED: usize = 5;

/// What has changed about a list of domains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainEvent {
    /// It is known for the first time.
    Read {
        /// The list.
        list: String,
        /// How many domains it has.
        domains: usize,
    },
    /// What it was before the start is in use until it answers.
    Recalled {
        /// The list.
        list: String,
        /// How many domains it has.
        domains: usize,
        /// How old that is, in seconds.
        age: u64,
    },
    /// It is another.
    Changed {
        /// The list.
        list: String,
        /// How.
        change: Change,
    },
    /// It has entries that are no domains.
    Skipped {
        /// The list.
        list: String,
        /// Which.
        skipped: Skipped,
    },
    /// It can't be read, or lists nothing.
    Failed {
        /// The list.
        list: String,
        /// Why.
        why: String,
        /// How many domains the last good answer has; none where there was none yet.
        kept: Option<usize>,
    },
    /// It can be read again, and is as it was.
    Back {
        /// The list.
        list: String,
        /// How many domains it has.
        domains: usize,
    },
    /// It can't be kept for the next start.
    NotKept {
        /// The state folder.
        folder: PathBuf,
        /// Why.
        why: String,
    },
}

/// How a list has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// How many domains it had.
    pub before: usize,
    /// How many it has.
    pub after: usize,
    /// How many came, and the first of them.
    pub came: (usize, Vec<DomainPattern>),
    /// How many went, and the first of them.
    pub went: (usize, Vec<DomainPattern>),
}

impl Change {
    /// What makes the one of the other; both are in order.
    pub(super) fn between(before: &[DomainPattern], after: &[DomainPattern]) -> Self {
        let (mut came, mut went) = ((0, Vec::new()), (0, Vec::new()));
        let note = |(count, first): &mut (usize, Vec<DomainPattern>), domain: &DomainPattern| {
            *count += 1;
            if first.len() < NAMED {
                first.push(domain.clone());
            }
        };
        let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
        loop {
            let ordering = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => order(old, new),
            };
            if ordering != Ordering::Greater
                && let Some(old) = old.next()
                && ordering == Ordering::Less
            {
                note(&mut went, old);
            }
            if ordering != Ordering::Less
                && let Some(new) = new.next()
                && ordering == Ordering::Greater
            {
                note(&mut came, new);
            }
        }
        Self {
            before: before.len(),
            after: after.len(),
            came,
            went,
        }
    }

    /// Whether it has lost more than half of what it had.
    pub fn lost_most(&self) -> bool {
        self.went.0 * 2 > self.before
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", domains(self.after))?;
        for (what, (count, first)) in [("came", &self.came), ("went", &self.went)] {
            if *count > 0 {
                let names: Vec<_> = first.iter().map(ToString::to_string).collect();
                let more = if first.len() < *count { ", ..." } else { "" };
                write!(f, "; {count} {what}: {}{more}", names.join(", "))?;
            }
        }
        if self.lost_most() {
            write!(
                f,
                "; it has lost more than half of the {} that it had; mail of those is judged as strangers' from now on",
                self.before
            )?;
        }
        Ok(())
    }
}

impl DomainEvent {
    /// What it asks of an administrator.
    pub fn weight(&self) -> Weight {
        match self {
            Self::Read { .. } | Self::Recalled { .. } | Self::Back { .. } => Weight::News,
            Self::Changed { change, .. } if change.lost_most() => Weight::Warning,
            Self::Changed { .. } => Weight::News,
            Self::Skipped { .. } | Self::NotKept { .. } => Weight::Warning,
            Self::Failed { .. } => Weight::Problem,
        }
    }
}

fn domains(count: usize) -> String {
    counted(u64::try_from(count).unwrap_or(u64::MAX), "domain")
}

impl fmt::Display for DomainEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("local.domains: ")?;
        match self {
            Self::Read {
                list,
                domains: count,
            } => write!(f, "{list}: {} read", domains(*count)),
            Self::Recalled {
                list,
                domains: count,
                age,
            } => write!(
                f,
                "{list}: {} of the last good answer, {age} s ago, are in use until it answers",
                domains(*count)
            ),
            Self::Changed { list, change } => write!(f, "{list}: {change}"),
            Self::Skipped { list, skipped } => write!(
                f,
                "{list}: {} skipped: {}",
                match skipped.count {
                    1 => "1 entry".to_owned(),
                    several => format!("{several} entries"),
                },
                skipped.first.join("; ")
            ),
            Self::Failed {
                list,
                why,
                kept: Some(kept),
            } => write!(
                f,
                "{list}: {why}; the {} of the last good answer stay",
                domains(*kept)
            ),
            Self::Failed {
                list,
                why,
                kept: None,
            } => write!(
                f,
                "{list}: {why}; until it answers, its domains are not known here, and their mail is judged as strangers'"
            ),
            Self::Back {
                list,
                domains: count,
            } => {
                write!(f, "{list}: answers again, {} as before", domains(*count))
            }
            Self::NotKept { folder, why } => write!(
                f,
                "the lists can't be kept in {} for the next start: {why}",
                folder.display()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<DomainPattern> {
        text.split_whitespace()
            .map(|name| name.parse().unwrap())
            .collect()
    }

    #[test]
    fn a_change_is_told_with_its_first_names() {
        for (before, after, said, lost_most) in [
            ("a.x b.x", "a.x b.x c.x", "3 domains; 1 came: c.x", false),
            (
                "a.x b.x",
                "b.x .b.x",
                "2 domains; 1 came: .b.x; 1 went: a.x",
                false,
            ),
            (
                "a.x b.x c.x",
                "a.x",
                "1 domain; 2 went: b.x, c.x; it has lost more than half of the 3 that it had; mail of those is judged as \
                 strangers' from now on",
                true,
            ),
            (
                "a.x",
                "a.x b.x c.x d.x e.x f.x g.x",
                "7 domains; 6 came: b.x, c.x, d.x, e.x, f.x, ...",
                false,
            ),
            ("a.x", "a.x", "1 domain", false),
        ] {
            let change = Change::between(&names(before), &names(after));
            assert_eq!(change.to_string(), said);
            assert_eq!(change.lost_most(), lost_most);
        }
    }
}
