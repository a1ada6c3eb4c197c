//! Keeps what is said of a file short enough to be read.

use super::diagnostic::{Mistake, Severity};

/// How many mistakes are shown one by one.
const MAX_SHOWN: usize = 100;

/// The mistakes in the order of the file; of many the first, errors before warnings: a file of thousands of domains can have
/// the same one in each.
pub(super) fn bounded(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    let place = |mistake: &Mistake| mistake.place.map(|place| (place.line, place.column));
    mistakes.sort_by_key(place);
    if mistakes.len() > MAX_SHOWN {
        mistakes.sort_by_key(|mistake| mistake.severity != Severity::Error);
        let more = mistakes.split_off(MAX_SHOWN);
        mistakes.sort_by_key(place);
        mistakes.extend(more.first().map(|first| Mistake {
            severity: first.severity,
            place: None,
            message: format!("{} more are not shown", more.len()),
            help: "correct these, and check again".to_owned(),
        }));
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    #[test]
    fn of_many_mistakes_the_first_are_shown() {
        let entries =
            |answer| format!("  - {{domain: d.example, unknown: {{{answer}}}}}\n").repeat(150);
        let domains = "local: {domains: [d.example]}\nrecipients:\n";
        let wrong = |text: String| parse(Path::new("m.yaml"), &text).unwrap_err().0;
        // All but the first are there twice, and each warns of something, too.
        let found = wrong(format!("{domains}{}", entries("bounces: reject")));
        let errors = found.iter().filter(|one| one.severity == Severity::Error);
        assert_eq!(
            (found.len(), errors.count()),
            (MAX_SHOWN + 1, MAX_SHOWN + 1)
        );
        let last = found.last().unwrap().to_string();
        assert!(last.contains("199 more are not shown"), "{last}");
        let lines: Vec<_> = found
            .iter()
            .filter_map(|one| one.place)
            .map(|place| place.line)
            .collect();
        assert!(lines.is_sorted() && lines.len() == MAX_SHOWN, "{lines:?}");
    }
}
