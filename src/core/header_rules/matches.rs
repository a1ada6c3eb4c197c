//! What the header rules find in one message.

use std::cell::OnceCell;

use super::HeaderRules;
use crate::core::header::Headers;

/// What the rules find in the headers of one message, looked for once, however many recipients are judged by it. A message
/// has up to 10,000 of them, and its headers are a stranger's.
#[derive(Debug)]
pub struct Matches<'a> {
    rules: &'a HeaderRules,
    headers: &'a Headers,
    null_sender: bool,
    notification: bool,
    found: OnceCell<Vec<(usize, String)>>,
}

impl<'a> Matches<'a> {
    /// Nothing is looked for yet. Whether the message has a null sender, and is a notification, says which rules are for it.
    pub fn new(
        rules: &'a HeaderRules,
        headers: &'a Headers,
        null_sender: bool,
        notification: bool,
    ) -> Self {
        Self {
            rules,
            headers,
            null_sender,
            notification,
            found: OnceCell::new(),
        }
    }

    /// The places of the rules that find their pattern, in order, with the decoded value of the first header in which each
    /// finds it.
    pub fn found(&self) -> &[(usize, String)] {
        self.found.get_or_init(|| self.find())
    }

    fn find(&self) -> Vec<(usize, String)> {
        let mut found: Vec<(usize, String)> = Vec::new();
        if self.rules.is_empty() {
            return found;
        }
        let mut name = Vec::new();
        for header in self.headers.iter() {
            name.clear();
            name.extend(header.name().iter().map(u8::to_ascii_lowercase));
            if !self.rules.has(&name) {
                continue;
            }
            let text = header.text();
            for (place, rule) in self.rules.candidates(&name, &text) {
                let is_for = rule.when.includes(self.null_sender, self.notification);
                if is_for
                    && !found.iter().any(|(one, _)| *one == place)
                    && rule.pattern.matches(&text)
                {
                    found.push((place, text.clone()));
                }
            }
        }
        found.sort_by_key(|(place, _)| *place);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{super::HeaderRule, *};

    #[test]
    fn each_rule_finds_its_own() {
        let rules: Vec<HeaderRule> = serde_yaml::from_str(
            "[{header: Subject, match: b, action: tag}, {header: X, match: b, action: tag}, \
              {header: subject, match: '^a', action: tag}, {header: Y, match: '', action: tag}, \
              {header: X, match: b, when: null_sender, action: tag}, {header: X, match: b, when: mail, action: tag}]",
        )
        .unwrap();
        let rules = HeaderRules::from(rules);
        let (headers, _) =
            Headers::parse(b"SUBJECT: a\nX: b\nSubject: =?utf-8?q?=62?=\nSubject: bb\n\n");
        for (null_sender, notification, last) in [
            (false, false, vec![(5, "b")]),
            (true, false, vec![(4, "b"), (5, "b")]),
            (true, true, vec![(4, "b")]),
            (false, true, vec![]),
        ] {
            let matches = Matches::new(&rules, &headers, null_sender, notification);
            for _ in 0..2 {
                let found = matches.found().iter();
                let found: Vec<_> = found.map(|(place, text)| (*place, text.as_str())).collect();
                let always = [(0, "b"), (1, "b"), (2, "a")];
                assert_eq!(found, [always.to_vec(), last.clone()].concat());
            }
        }
    }
}
