//! Checks of `headers`.

use super::Checks;
use crate::{
    config::path::Path,
    core::{header_rules::HeaderRule, verdict::Action},
};

/// More than anybody keeps up with. Those that can match a value are found at once, however many there are.
const MAX_RULES: usize = 1000;
/// The beginning of the headers that we remove from every message and write ourselves.
const OURS: &str = "x-backstop";

impl Checks<'_> {
    pub(super) fn headers(&mut self) {
        let rules = &self.file.headers;
        let top = Path::of(&["headers"]);
        if rules.len() > MAX_RULES {
            self.findings.error(
                &top,
                format!(
                    "there are {} header rules; the maximum is {MAX_RULES}",
                    rules.len()
                ),
                "join patterns for the same header with `|`: 'casino|lottery'",
            );
        }
        for (index, rule) in rules.iter().enumerate() {
            let path = top.index(index);
            self.header_name(&path.key("header"), rule);
            self.header_pattern(&path.key("match"), rule);
            self.header_answer(&path, rule);
            for (index, pattern) in rule.domains.iter().enumerate() {
                let local = &self.file.local;
                // With lists, only they know.
                let is_known = !local.has_no_domain() && local.names_all();
                if is_known && !self.has_ours(pattern) {
                    self.findings.warning(
                        &path.key("domains").index(index),
                        format!("`{pattern}` is not in `local.domains`, so no recipient matches this rule"),
                        "use domains of recipients here; for domains of senders, match the header From",
                    );
                }
            }
        }
    }

    fn header_name(&mut self, path: &Path, rule: &HeaderRule) {
        let name = rule.header.as_str();
        if name.to_ascii_lowercase().starts_with(OURS) {
            self.findings.error(
                path,
                format!("`{name}` is our own header: one that comes with a message is removed before the rules"),
                "use a header that the sender writes, such as Subject",
            );
        }
    }

    fn header_pattern(&mut self, path: &Path, rule: &HeaderRule) {
        let name = rule.header.as_str();
        let written = self.outline.scalar(path).unwrap_or_default();
        let body = written.trim_start_matches(['/', '^']).to_ascii_lowercase();
        if written.starts_with('/') && written.get(1..).is_some_and(|rest| rest.contains('/')) {
            self.findings.warning(
                path,
                "this pattern is between slashes, which are compared like any other character".to_owned(),
                "use the pattern alone, in 'quotes'; upper and lower case match without an `i` at the end",
            );
        } else if body.starts_with(&format!("{}:", name.to_ascii_lowercase())) {
            self.findings.warning(
                path,
                format!("this pattern begins with `{name}:`, but only the part after the colon is compared"),
                "remove the header's name from the pattern",
            );
        } else if written.trim() != written {
            self.findings.warning(
                path,
                "this pattern begins or ends with a space, which must then be in the header, too"
                    .to_owned(),
                "remove it, or use `\\s` if you want it",
            );
        }
        // A pattern that matches an empty value matches any value, unless it is '^$'.
        let everything = rule.pattern.matches("") && rule.pattern.matches("any other value");
        if everything && rule.action.keeps_out() {
            self.findings.warning(
                path,
                format!("this pattern matches any value of `{name}`, so every message with that header would be refused"),
                "use a pattern for a part of the value, such as 'casino|lottery'",
            );
        }
    }

    fn header_answer(&mut self, path: &Path, rule: &HeaderRule) {
        if rule.action == Action::Accept {
            self.findings.warning(
                &path.key("action"),
                format!("`{path}` has no effect: after `accept`, later checks may still refuse"),
                "use `exempt` to accept mail without checks; anybody can write any header",
            );
        }
        let Some(text) = &rule.text else {
            return;
        };
        if rule.action.is_accepted() {
            self.findings.warning(
                &path.key("text"),
                format!(
                    "`{path}.text` is the text of a refusal, but `action` is {}, which sends none",
                    rule.action
                ),
                "remove it, or use the action `reject` or `tempfail`",
            );
        }
        if begins_with_code(&text.to_string()) {
            self.findings.warning(
                &path.key("text"),
                "this text begins with a reply code, but we write one before every text".to_owned(),
                "use the text alone; we write 550 5.7.1 before it, or 450 4.7.1 with `tempfail`",
            );
        }
    }
}

/// `550 ...` or `5.7.1 ...`.
fn begins_with_code(text: &str) -> bool {
    let word = text.split([' ', '-']).next().unwrap_or_default();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let refusing = word.starts_with(['4', '5']);
    let parts = word.split('.').count();
    refusing && word.split('.').all(is_number) && (parts == 3 || parts == 1 && word.len() == 3)
}
