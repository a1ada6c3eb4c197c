//! Tenants whose rows refuse unproven bounces, although their outgoing mail does not show that it can prove its own.

use std::sync::Arc;

use crate::core::{
    address::Domain, policy::Policy, proof::coverage::CoverageSummary, tenant::TenantAnswers,
    verdict::Rule,
};

/// How many tenants a line names.
const NAMED: usize = 5;

/// The rows that are stricter with unproven bounces than the file, and act, by domain.
pub(super) fn stricter(
    rows: Vec<(Domain, Arc<TenantAnswers>)>,
    policy: &Policy,
) -> Vec<(Domain, Rule)> {
    let file = policy.proof.unproven;
    let stricter = rows.into_iter().filter_map(|(domain, answers)| {
        let rule = answers.unproven?;
        let is_stricter = rule != file && file.stricter(rule) == rule;
        (is_stricter && rule.action.acts() && !rule.monitor).then_some((domain, rule))
    });
    let mut stricter: Vec<_> = stricter.collect();
    stricter.sort_by(|(one, _), (other, _)| one.cmp(other));
    stricter
}

/// A warning about those of them that refuse without coverage; none where there are none.
pub(super) fn uncovered(
    stricter: &[(Domain, Rule)],
    summary: &CoverageSummary,
    today: u64,
    policy: &Policy,
) -> Option<String> {
    let doubts: Vec<String> = stricter
        .iter()
        .filter_map(|(domain, rule)| {
            // Mail is counted by entries of `local.domains`: that from below one, as mail of that one.
            let counted = policy.local.ours(domain).unwrap_or(domain);
            let doubt = summary.doubt_of(counted, today, &policy.proof)?;
            Some(format!(
                "unproven of {domain} is {}, but {doubt}",
                rule.action
            ))
        })
        .collect();
    let named: Vec<_> = doubts.iter().take(NAMED).map(String::as_str).collect();
    let more = match doubts.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    (!doubts.is_empty()).then(|| {
        format!(
            "tenants: {}{more} (see `backstop report coverage`)",
            named.join("; ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config,
        core::{
            proof::{
                ProofKind,
                coverage::{CoverageCount, CoverageRow},
            },
            verdict::Action,
        },
    };

    fn policy(file: &str) -> Policy {
        let domains = "covered.example, bare.example, .below.example";
        let yaml = format!("local: {{domains: [{domains}]}}\nproof: {{unproven: {file}}}\n");
        config::parse("m.yaml".as_ref(), &yaml).unwrap().policy
    }

    fn row(domain: &str, rule: Option<Rule>) -> (Domain, Arc<TenantAnswers>) {
        let answers = TenantAnswers {
            unproven: rule,
            ..TenantAnswers::default()
        };
        (domain.parse().unwrap(), Arc::new(answers))
    }

    #[test]
    fn only_what_refuses_more_than_the_file_is_looked_at() {
        let monitored = Rule {
            action: Action::Reject,
            monitor: true,
        };
        let rows = || {
            vec![
                row("reject.example", Some(Rule::new(Action::Reject))),
                row("none.example", None),
                row("monitored.example", Some(monitored)),
                row("tag.example", Some(Rule::new(Action::Tag))),
                row("defer.example", Some(Rule::new(Action::Tempfail))),
            ]
        };
        for (file, expected) in [
            ("tag", &["defer.example", "reject.example"][..]),
            ("accept", &["defer.example", "reject.example"]),
            ("tempfail", &["reject.example"]),
            ("reject", &[]),
        ] {
            let found = stricter(rows(), &policy(file));
            let found: Vec<_> = found.iter().map(|(domain, _)| domain.as_str()).collect();
            assert_eq!(found, expected, "{file}");
        }
    }

    #[test]
    fn a_line_names_some_and_counts_the_rest() {
        let policy = policy("tag");
        let today = 100;
        let covered = [ProofKind::Ledger];
        let counts = |domain: &str, kinds: &[ProofKind], day| {
            let counts = CoverageCount::of_outgoing(domain, kinds, &[]);
            let row = |count| CoverageRow {
                day,
                count,
                times: 1,
            };
            counts.into_iter().map(row).collect::<Vec<_>>()
        };
        let rows = [
            counts("covered.example", &covered, 1),
            counts("bare.example", &[], 1),
            counts("below.example", &covered, 1),
        ];
        let summary = CoverageSummary::of(rows.concat());
        let reject = Rule::new(Action::Reject);
        let domains = |names: &[&str]| -> Vec<(Domain, Rule)> {
            names
                .iter()
                .map(|name| (name.parse().unwrap(), reject))
                .collect()
        };
        let line = |names: &[&str]| uncovered(&domains(names), &summary, today, &policy);
        assert_eq!(line(&["covered.example", "client.below.example"]), None);
        let bare = line(&["covered.example", "bare.example"]).unwrap();
        assert_eq!(
            bare,
            "tenants: unproven of bare.example is reject, but only 0.0 % of the mail from bare.example can prove its \
             bounces (see `backstop report coverage`)"
        );
        let seven = line(&["a", "b", "c", "d", "e", "f", "g"]).unwrap();
        assert!(
            seven.contains("unproven of a is reject, but no outgoing mail of a has been counted; ")
                && seven.contains("of e is reject")
                && !seven.contains("of f is reject")
                && seven.contains("; and 2 more ("),
            "{seven}"
        );
        let young = CoverageSummary::of(counts("covered.example", &covered, today - 1));
        let line = uncovered(&domains(&["covered.example"]), &young, today, &policy);
        assert!(line.unwrap().contains("for only 1 days"));
    }
}
