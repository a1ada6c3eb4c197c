//! Every answer in the file, with its place: what is dangerous in one place is so in all.

use super::{diagnostic::Mistake, file::File, outline::Outline, path::Path};
use crate::core::{
    recipients::ClassAnswer,
    spf_rules::ResultRules,
    verdict::{Action, Rule},
};

/// Warns of answers that lose mail, or refuse it for nobody's fault.
pub(super) fn check(file: &File, outline: &Outline) -> Vec<Mistake> {
    let mut mistakes: Vec<Mistake> = all(file)
        .into_iter()
        .filter(|(_, rule)| rule.action == Action::Discard)
        .map(|(path, _)| {
            Mistake::warning(
                outline.value(&path),
                format!("`{path}` throws mail away, and nobody learns of it"),
                "with `reject` an honest sender is told; with `quarantine` you can still look at the mail",
            )
        })
        .collect();
    for (path, rules) in of_results(file) {
        let rejects = |rule: Option<Rule>| rule.is_some_and(|rule| rule.action == Action::Reject);
        if rejects(rules.temperror) {
            mistakes.push(Mistake::warning(
                outline.value(&path.key("temperror")),
                format!("`{path}.temperror` refuses mail for good while DNS does not answer"),
                "with `tempfail` the mail comes again when DNS answers",
            ));
        }
        let for_all_domains = path.parent() == Some(Path::of(&["spf"]));
        if rejects(rules.none) && for_all_domains {
            mistakes.push(Mistake::warning(
                outline.value(&path.key("none")),
                format!("`{path}.none` refuses the mail of every domain that publishes no SPF"),
                "many honest ones don't; `accept` or `tag` lets them in",
            ));
        }
    }
    mistakes
}

fn all(file: &File) -> Vec<(Path, Rule)> {
    let mut rules = vec![
        (Path::of(&["forgery", "mail_from"]), file.forgery.mail_from),
        (
            Path::of(&["forgery", "header_from"]),
            file.forgery.header_from,
        ),
        (
            Path::of(&["null_sender", "extra_recipients"]),
            file.null_sender.extra_recipients,
        ),
        (
            Path::of(&["null_sender", "never_send", "answer"]),
            file.null_sender.never_send.answer,
        ),
        (
            Path::of(&["null_sender", "not_a_notification"]),
            file.null_sender.not_a_notification,
        ),
        (Path::of(&["proof", "forged"]), file.proof.forged),
        (Path::of(&["siege", "unproven"]), file.siege.unproven),
        (
            Path::of(&["siege", "catch_all", "mail"]),
            file.siege.catch_all.mail,
        ),
        (
            Path::of(&["siege", "catch_all", "bounces"]),
            file.siege.catch_all.bounces,
        ),
        (Path::of(&["siege", "listed"]), file.siege.listed),
        (
            Path::of(&["siege", "extra_recipients"]),
            file.siege.extra_recipients,
        ),
    ];
    for (path, results) in of_results(file) {
        let results = [
            ("none", results.none),
            ("fail", results.fail),
            ("softfail", results.softfail),
            ("temperror", results.temperror),
            ("permerror", results.permerror),
        ];
        let set = results
            .into_iter()
            .filter_map(|(result, rule)| Some((path.key(result), rule?)));
        rules.extend(set);
    }
    for (index, entry) in file.recipients.iter().enumerate() {
        let path = Path::of(&["recipients"]).index(index);
        for (index, rule) in entry.rules.iter().enumerate() {
            let path = path.key("rules").index(index);
            rules.push((path.key("mail"), rule.mail));
            rules.push((path.key("bounces"), rule.bounces));
        }
        for (key, answer) in [("catch_all", entry.catch_all), ("unknown", entry.unknown)] {
            if let Some(ClassAnswer { mail, bounces }) = answer {
                rules.push((path.key(key).key("mail"), mail));
                rules.push((path.key(key).key("bounces"), bounces));
            }
        }
    }
    for (index, list) in file.dnsbl.iter().enumerate() {
        rules.push((Path::of(&["dnsbl"]).index(index).key("action"), list.rule()));
    }
    for (index, rule) in file.headers.iter().enumerate() {
        rules.push((
            Path::of(&["headers"]).index(index).key("action"),
            rule.rule(),
        ));
    }
    rules
}

fn of_results(file: &File) -> Vec<(Path, ResultRules)> {
    let spf = Path::of(&["spf"]);
    let mut results = vec![
        (spf.key("helo"), file.spf.helo),
        (spf.key("mail_from"), file.spf.mail_from),
    ];
    for (domain, rules) in &file.spf.domains {
        results.push((spf.key("domains").key(&domain.to_string()), *rules));
    }
    results
}
