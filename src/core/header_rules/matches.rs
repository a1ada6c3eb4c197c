//! What the header rules find in one message.

use std::{cell::OnceCell, iter};

use super::HeaderRules;
use crate::core::{folded::folded, header::Headers};

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
    /// finds it: in what is written there, or in what people see.
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
            let as_seen = folded(&text);
            let values = iter::once(&*text).chain(as_seen.as_deref());
            let candidates = values.flat_map(|value| {
                let candidates = self.rules.candidates(&name, value);
                candidates.map(move |(place, rule)| (place, rule, value))
            });
            for (place, rule, value) in candidates {
                let is_for = rule.when.includes(self.null_sender, self.notification);
                if is_for
                    && !found.iter().any(|(one, _)| *one == place)
                    && rule.pattern.matches(value)
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

    #[test]
    fn a_rule_finds_what_is_written_and_what_is_seen() {
        let patterns = [
            "casino",
            "medicine",
            "rnail",
            "\u{43a}\u{430}\u{437}\u{438}\u{43d}\u{43e}",
            "^sch\u{f6}n$",
            "^.{9}$",
        ];
        let rules =
            patterns.map(|pattern| format!("{{header: Subject, match: '{pattern}', action: tag}}"));
        let rules: Vec<HeaderRule> =
            serde_yaml::from_str(&format!("[{}]", rules.join(", "))).unwrap();
        let rules = HeaderRules::from(rules);
        for (subject, found) in [
            ("Casino", &[0][..]),
            ("ca\u{ad}si\u{200b}no", &[0]),
            ("\u{421}\u{430}s\u{456}n\u{43e}", &[0]),
            ("\u{ff43}\u{ff41}\u{ff53}\u{ff49}\u{ff4e}\u{ff4f}", &[0]),
            ("=?utf-8?Q?=F0=9D=90=82asino?=", &[0]),
            ("medicine", &[1]),
            ("m\u{435}dicine", &[1]),
            ("rnail", &[2]),
            ("mail", &[]),
            // As it is written, in Cyrillic; what it looks like is no word.
            ("\u{41a}\u{430}\u{437}\u{438}\u{43d}\u{43e}", &[3]),
            ("sch\u{f6}n", &[4]),
            ("sch\u{ad}\u{f6}n", &[4]),
            // The longer one is what is written.
            ("1\u{200b}2\u{200b}3\u{200b}4\u{200b}5", &[5]),
        ] {
            let mut headers = Headers::new();
            headers.push(b"Subject", subject.as_bytes());
            let matches = Matches::new(&rules, &headers, false, false);
            let places: Vec<usize> = matches.found().iter().map(|(place, _)| *place).collect();
            assert_eq!(places, found, "{}", subject.escape_unicode());
        }
    }

    #[test]
    fn what_is_found_is_shown_as_it_is_written() {
        let rules: Vec<HeaderRule> =
            serde_yaml::from_str("[{header: Subject, match: casino, action: tag}]").unwrap();
        let rules = HeaderRules::from(rules);
        let mut headers = Headers::new();
        headers.push(b"Subject", "ca\u{ad}sino".as_bytes());
        let matches = Matches::new(&rules, &headers, false, false);
        assert_eq!(matches.found(), [(0, "ca\u{ad}sino".to_owned())]);
    }
}
