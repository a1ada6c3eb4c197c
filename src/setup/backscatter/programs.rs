//! Programs that answer mail: vacation, scripts, challenge-response.

use super::{
    super::facts::{Facts, Role, TextFile},
    Finding, bounded, delivery, dovecot,
    postfix::Postfix,
    targets::{Target, targets},
};

/// Programs that ask each sender to prove that it is a human.
const CHALLENGES: [&str; 5] = ["tmda", "qsecretary", "boxtrapper", "ask.py", "camram"];
/// What the name of a program that answers mail has in it.
const ANSWERS: [&str; 4] = ["vacation", "autore", "responder", "gnarwl"];

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = bounded(piped(facts));
    found.extend(delivery::findings(&facts.deliveries.texts));
    found.extend(dovecot::findings(&facts.deliveries.texts));
    found
}

/// Programs in aliases and forward files.
fn piped(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for entry in &facts.deliveries.entries {
        if !matches!(entry.role, Role::Alias | Role::Forward) {
            continue;
        }
        for target in targets(&entry.value) {
            let Target::Program(command) = target else {
                continue;
            };
            if let Some((message, mend)) = answerer(&command, &facts.deliveries.texts) {
                found.push(Finding {
                    file: entry.file.clone(),
                    line: entry.line,
                    message: format!(
                        "mail for {} is answered by `{command}`: {message}",
                        entry.key
                    ),
                    mend,
                });
            }
        }
    }
    found
}

/// The same of pipe(8) in master.cf.
pub(super) fn services(postfix: &Postfix<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for service in postfix.services {
        let Some(program) = service.piped() else {
            continue;
        };
        if let Some((message, mend)) = answerer(program, &postfix.facts.deliveries.texts) {
            found.push(postfix.of_service(
                service,
                format!("mail is answered by `{program}`: {message}"),
                &mend,
            ));
        }
    }
    found
}

/// What is wrong with a program that answers mail.
fn answerer(command: &str, texts: &[TextFile]) -> Option<(String, String)> {
    let words: Vec<&str> = command
        .split_whitespace()
        .map(|word| word.trim_matches(['"', '\'']))
        .collect();
    let is_program =
        |word: &&&str| !word.contains('=') && !matches!(**word, "exec" | "&&" | "env" | "sudo");
    let program = words.iter().find(is_program)?;
    let name = program
        .rsplit('/')
        .next()
        .unwrap_or(program)
        .to_ascii_lowercase();
    if CHALLENGES.iter().any(|one| name.starts_with(one)) {
        return Some((
            "it sends a question to every sender that it does not know, and most of these are forged".to_owned(),
            "no program that asks senders back".to_owned(),
        ));
    }
    if !ANSWERS.iter().any(|one| name.contains(one)) {
        return None;
    }
    if name == "vacation" {
        return vacation(&words);
    }
    let text = texts.iter().find(|file| file.path.as_os_str() == *program);
    let lacks = match text {
        Some(file) => lacking(&file.text),
        None => vec!["whether it keeps the limits of RFC 3834 can't be read"],
    };
    if lacks.is_empty() {
        return None;
    }
    Some((
        lacks.join(", "),
        "vacation(1), or Sieve's `vacation`, which keep the limits of RFC 3834".to_owned(),
    ))
}

/// vacation(1) keeps them, unless it is told not to.
fn vacation(words: &[&str]) -> Option<(String, String)> {
    let interval = words
        .iter()
        .enumerate()
        .find_map(|(at, word)| match word.strip_prefix("-r") {
            Some("") => words.get(at + 1).copied(),
            interval => interval,
        });
    let (what, flag) = if words.contains(&"-j") {
        (
            "it also answers mail that does not name the user in To: or Cc:, as spam and lists do (RFC 3834 section 2)",
            "-j",
        )
    } else if interval == Some("0") {
        (
            "it answers each message of a sender, and not one in some days (RFC 3834 section 2)",
            "-r 0",
        )
    } else {
        return None;
    };
    Some((what.to_owned(), format!("the same without `{flag}`")))
}

/// What a script that answers mail does not look at (RFC 3834 section 2).
fn lacking(text: &str) -> Vec<&'static str> {
    let text = text.to_ascii_lowercase().replace('\\', "");
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let mut found = Vec::new();
    for (words, what) in [
        (
            &["auto-submitted"][..],
            "it does not look at Auto-Submitted:",
        ),
        (
            &["precedence", "list-id", "list-"],
            "it answers mailing lists",
        ),
        (
            &["<>", "mailer-daemon", "null sender"],
            "it answers bounces",
        ),
    ] {
        if !has(words) {
            found.push(what);
        }
    }
    found
}
