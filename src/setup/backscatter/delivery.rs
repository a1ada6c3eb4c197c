//! Users' filters that answer or refuse what the MTA has accepted: procmail and Sieve.

use super::{super::facts::TextFile, Finding, bounded};

pub(super) fn findings(texts: &[TextFile]) -> Vec<Finding> {
    let mut found = bounded(texts.iter().flat_map(procmail).collect());
    found.extend(bounded(texts.iter().filter_map(sieve).collect()));
    found
}

/// procmail recipes that answer, and exit codes by which the MTA bounces.
fn procmail(file: &TextFile) -> Vec<Finding> {
    let name = file.path.file_name().unwrap_or_default().to_string_lossy();
    if !name.contains("procmailrc") {
        return Vec::new();
    }
    let mut found = Vec::new();
    let is_guarded = ["FROM_DAEMON", "FROM_MAILER", "Auto-Submitted"]
        .iter()
        .any(|word| file.text.contains(word));
    for (number, line) in file.text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        let mut push = |message: String, mend: &str| {
            found.push(Finding {
                file: file.path.clone(),
                line: Some(number + 1),
                message,
                mend: mend.to_owned(),
            });
        };
        let answers = line.contains("formail") && line.contains(" -r") || line.contains("vacation");
        if answers && !is_guarded {
            push(
                format!(
                    "`{}` answers mail, and no recipe of this file leaves out bounces, lists and other programs",
                    short(line)
                ),
                "a line `* !^FROM_DAEMON` and `* !^Auto-Submitted:` in that recipe (procmailrc(5))",
            );
        }
        let code = line
            .strip_prefix("EXITCODE")
            .map(|rest| rest.trim_start().trim_start_matches('='));
        let code = code.map(|code| code.trim().trim_matches('"'));
        if code.is_some_and(|code| !code.is_empty() && !matches!(code, "0" | "75")) {
            push(
                format!(
                    "`{}`: the MTA has accepted the message, and bounces it",
                    short(line)
                ),
                "no EXITCODE but 0 and 75: deliver into a folder, or to /dev/null",
            );
        }
    }
    found
}

/// Sieve scripts that refuse (RFC 5429): the MTA has accepted the message already.
fn sieve(file: &TextFile) -> Option<Finding> {
    if file.path.extension().is_none_or(|ending| ending != "sieve") {
        return None;
    }
    let lines = file.text.lines().enumerate();
    let mut lines = lines.map(|(number, line)| (number + 1, line.trim()));
    let (line, word) = lines.find_map(|(number, line)| {
        let word = line
            .split([' ', '"', ';', '{', '\t'])
            .find(|word| matches!(*word, "reject" | "ereject"))?;
        (!line.starts_with('#') && !line.starts_with("require")).then_some((number, word))
    })?;
    Some(Finding {
        file: file.path.clone(),
        line: Some(line),
        message: format!(
            "`{word}` refuses a message that the MTA has accepted, so its sender gets a bounce"
        ),
        mend: "`discard`, or `fileinto` a folder, in its place".to_owned(),
    })
}

fn short(line: &str) -> String {
    line.chars().take(60).collect()
}
