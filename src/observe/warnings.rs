//! Warnings that a stranger can cause at will: written once, then counted, and summed up each minute.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a kind of warning stays silent after it was written.
const SILENCE: Duration = Duration::from_secs(60);

/// The kinds seen, and how often since each was last written. Kinds are our own constants, so there are few.
#[derive(Debug, Default)]
pub struct Warnings(Mutex<HashMap<&'static str, Seen>>);

#[derive(Debug)]
struct Seen {
    written: Instant,
    unsaid: u64,
    latest: String,
}

impl Warnings {
    /// Warns: at once where the kind is new, else with the next summary.
    pub fn warn(&self, kind: &'static str, text: &str, now: Instant) {
        if let Some(line) = self.note(kind, text, now) {
            log::warn!("{line}");
        }
    }

    /// Writes the summaries that are due. Call it every few seconds.
    pub fn sum_up(&self, now: Instant) {
        for line in self.due(now) {
            log::warn!("{line}");
        }
    }

    fn note(&self, kind: &'static str, text: &str, now: Instant) -> Option<String> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get_mut(kind) {
            Some(entry) => {
                entry.unsaid = entry.unsaid.saturating_add(1);
                text.clone_into(&mut entry.latest);
                None
            }
            None => {
                seen.insert(
                    kind,
                    Seen {
                        written: now,
                        unsaid: 0,
                        latest: String::new(),
                    },
                );
                Some(format!("{kind}: {text}"))
            }
        }
    }

    fn due(&self, now: Instant) -> Vec<String> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = Vec::new();
        seen.retain(|kind, entry| {
            if now.saturating_duration_since(entry.written) < SILENCE {
                return true;
            }
            if entry.unsaid == 0 {
                return false;
            }
            lines.push(format!(
                "{kind}: {} more, the latest: {}",
                entry.unsaid, entry.latest
            ));
            *entry = Seen {
                written: now,
                unsaid: 0,
                latest: String::new(),
            };
            true
        });
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_warnings_is_two_lines() {
        let warnings = Warnings::default();
        let start = Instant::now();
        assert_eq!(
            warnings
                .note("accept", "no file descriptors", start)
                .as_deref(),
            Some("accept: no file descriptors")
        );
        for number in 0..1000 {
            assert_eq!(warnings.note("accept", &number.to_string(), start), None);
        }
        assert!(warnings.due(start + SILENCE / 2).is_empty());
        assert_eq!(
            warnings.due(start + SILENCE),
            ["accept: 1000 more, the latest: 999"]
        );
        assert!(warnings.due(start + SILENCE * 2).is_empty());
        assert!(
            warnings
                .note("accept", "again", start + SILENCE * 3)
                .is_some()
        );
    }
}
