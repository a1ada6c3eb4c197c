//! What the header rules find in one message.

use std::cell::OnceCell;

use super::HeaderRule;
use crate::core::header::Headers;

/// What the rules find in the headers of one message: each is asked once, and each header is decoded once, however many
/// recipients are judged by the answer. A message has up to 10,000 of them, and its headers are a stranger's.
#[derive(Debug)]
pub struct Matches<'a> {
    rules: &'a [HeaderRule],
    headers: &'a Headers,
    /// The header that a rule found, by its place.
    found: Vec<OnceCell<Option<usize>>>,
    /// The headers, decoded.
    texts: Vec<OnceCell<String>>,
}

impl<'a> Matches<'a> {
    /// Nothing is asked yet.
    pub fn new(rules: &'a [HeaderRule], headers: &'a Headers) -> Self {
        Self {
            rules,
            headers,
            found: vec![OnceCell::new(); rules.len()],
            texts: vec![OnceCell::new(); headers.len()],
        }
    }

    /// The decoded value in which the rule with this index finds its pattern.
    pub fn value(&self, index: usize) -> Option<&str> {
        let rule = self.rules.get(index)?;
        let found = self.found.get(index)?.get_or_init(|| self.find(rule));
        self.texts.get((*found)?)?.get().map(String::as_str)
    }

    fn find(&self, rule: &HeaderRule) -> Option<usize> {
        let texts = self.headers.iter().zip(&self.texts);
        texts
            .enumerate()
            .filter(|(_, (header, _))| header.is(rule.header.as_str()))
            .find(|(_, (header, text))| {
                let text = text.get_or_init(|| header.text());
                rule.pattern.matches(text)
            })
            .map(|(index, _)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_its_own() {
        let rules: Vec<HeaderRule> = serde_yaml::from_str(
            "[{header: Subject, match: b, action: tag}, {header: X, match: b, action: tag}, \
              {header: subject, match: '^a', action: tag}, {header: Y, match: '', action: tag}]",
        )
        .unwrap();
        let (headers, _) =
            Headers::parse(b"SUBJECT: a\nX: b\nSubject: =?utf-8?q?=62?=\nSubject: bb\n\n");
        let matches = Matches::new(&rules, &headers);
        for _ in 0..2 {
            let values: Vec<_> = (0..5).map(|index| matches.value(index)).collect();
            assert_eq!(values, [Some("b"), Some("b"), Some("a"), None, None]);
        }
    }
}
