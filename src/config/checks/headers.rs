//! What can't work, or would be dangerous, in `headers`.

use super::Checks;
use crate::{
    config::path::Path,
    core::{header_rules::HeaderRule, verdict::Action},
};

/// Each looks at every message, with the decoding of a header before it.
const MOST_RULES: usize = 100;
/// What headers begin with that we take out of every message, and write ourselves.
const OURS: &str = "x-backstop";

impl Checks<'_> {
    pub(super) fn headers(&mut self) {
        let rules = &self.file.headers;
        let top = Path::of(&["headers"]);
        if rules.len() > MOST_RULES {
            self.findings.error(
                &top,
                format!("{} header rules are more than {MOST_RULES}", rules.len()),
                "join patterns for the same header with `|`: 'casino|lottery'",
            );
        }
        for (index, rule) in rules.iter().enumerate() {
            let path = top.index(index);
            self.header_name(&path.key("header"), rule);
            self.header_pattern(&path.key("match"), rule);
            self.header_answer(&path, rule);
            for (index, pattern) in rule.domains.iter().enumerate() {
                if !self.file.local.domains.is_empty() && !self.has_ours(pattern) {
                    self.findings.warning(
                        &path.key("domains").index(index),
                        format!("`{pattern}` is not in `local.domains`, so this rule finds no recipient there"),
                        "`domains` are those of the recipients; for a sender's, match the header From",
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
                format!("`{name}` is ours: one that comes with a message is taken out"),
                "name a header that the sender writes, such as Subject",
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
                "this pattern stands between slashes, which are compared like any other character".to_owned(),
                "write the pattern alone, in 'quotes'; letters match in either case without an `i` at its end",
            );
        } else if body.starts_with(&format!("{}:", name.to_ascii_lowercase())) {
            self.findings.warning(
                path,
                format!("this pattern begins with `{name}:`, but only what stands behind the colon is compared"),
                "take the header's name out of the pattern",
            );
        } else if written.trim() != written {
            self.findings.warning(
                path,
                "this pattern has a blank at an end, which must then be in the header too"
                    .to_owned(),
                "take it out, or write `\\s` if it is meant",
            );
        }
        // One that matches nothing at all matches anywhere; '^$' does not.
        let everything = rule.pattern.matches("") && rule.pattern.matches("any other value");
        if everything && refuses(rule.action) {
            self.findings.warning(
                path,
                format!("this pattern matches whatever `{name}` says, so every message that has it would be refused"),
                "say what is to be in the header, such as 'casino|lottery'",
            );
        }
    }

    fn header_answer(&mut self, path: &Path, rule: &HeaderRule) {
        if rule.action == Action::Accept {
            self.findings.warning(
                &path.key("action"),
                format!("`{path}` does nothing: accepting decides nothing, and what comes after may still refuse"),
                "a stranger can write any header; who is to be spared stands in `exempt`",
            );
        }
        let Some(text) = &rule.text else {
            return;
        };
        if !matches!(rule.action, Action::Reject | Action::Tempfail) {
            self.findings.warning(
                &path.key("text"),
                format!(
                    "`{path}.text` is for a refusal, but `action` is {}, so nobody will read it",
                    rule.action
                ),
                "take it out, or make the action `reject` or `tempfail`",
            );
        }
        if begins_with_code(&text.to_string()) {
            self.findings.warning(
                &path.key("text"),
                "this text begins with a reply code, which is put before it in any case".to_owned(),
                "write the words alone: a refusal by a header rule is 550 5.7.1, for now 450 4.7.1",
            );
        }
    }
}

fn refuses(action: Action) -> bool {
    matches!(action, Action::Reject | Action::Tempfail | Action::Discard)
}

/// `550 ...` or `5.7.1 ...`.
fn begins_with_code(text: &str) -> bool {
    let word = text.split([' ', '-']).next().unwrap_or_default();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let refusing = word.starts_with(['4', '5']);
    let parts = word.split('.').count();
    refusing && word.split('.').all(is_number) && (parts == 3 || parts == 1 && word.len() == 3)
}
