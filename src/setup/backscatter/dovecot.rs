//! Settings of Dovecot by which it answers or refuses what the MTA has accepted.

use std::path::PathBuf;

use super::{super::facts::TextFile, Finding, postfix::Postfix};

/// Settings of Dovecot's Sieve by which `vacation` answers more than RFC 3834 allows.
pub(super) fn findings(texts: &[TextFile]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (name, bad, why, mend) in [
        (
            "sieve_vacation_dont_check_recipient",
            "yes",
            "`vacation` also answers mail that does not name the user, as spam and lists do (RFC 3834 section 2)",
            "sieve_vacation_dont_check_recipient = no",
        ),
        (
            "sieve_vacation_check_recipient",
            "no",
            "`vacation` also answers mail that does not name the user, as spam and lists do (RFC 3834 section 2)",
            "sieve_vacation_check_recipient = yes",
        ),
        (
            "sieve_vacation_send_from_recipient",
            "yes",
            "answers have a sender in place of `<>`, so other programs answer and bounce them (RFC 3834 section 3.3)",
            "sieve_vacation_send_from_recipient = no",
        ),
        (
            "sieve_vacation_min_period",
            "0",
            "users may have each message of a sender answered (RFC 3834 section 2: one in some days)",
            "sieve_vacation_min_period = 1d",
        ),
    ] {
        let Some((file, line, value)) = setting(texts, name) else {
            continue;
        };
        let is_bad = value == bad
            || (bad == "0" && value.trim_end_matches(|c: char| c.is_alphabetic()) == "0");
        if is_bad {
            found.push(Finding {
                file,
                line: Some(line),
                message: format!("{name} = {value}: {why}"),
                mend: mend.to_owned(),
            });
        }
    }
    found
}

/// A mail store that says only at delivery that a mailbox is full.
pub(super) fn quota(postfix: &Postfix<'_>) -> Option<Finding> {
    let texts = &postfix.facts.deliveries.texts;
    let names = ["quota_rule", "quota_storage_size", "quota"];
    let (file, line, value) = names.iter().find_map(|name| setting(texts, name))?;
    let transports = [
        "virtual_transport",
        "mailbox_transport",
        "local_transport",
        "mailbox_command",
    ];
    let delivers = transports.iter().any(|name| {
        let value = postfix.value(name);
        value.contains("dovecot") || value.starts_with("lmtp")
    });
    let words = postfix.all_restrictions();
    if !delivers || words.iter().any(|word| word == "check_policy_service") {
        return None;
    }
    Some(Finding {
        file,
        line: Some(line),
        message: format!(
            "Dovecot has quotas ({value}), and Postfix does not ask for them at RCPT: mail for a full mailbox is accepted, and \
             bounced (552 5.2.2)"
        ),
        mend: "Dovecot's quota-status service, and check_policy_service inet:127.0.0.1:12340 at the end of \
               smtpd_recipient_restrictions"
            .to_owned(),
    })
}

/// `name = value` in its files: the last counts.
fn setting(texts: &[TextFile], name: &str) -> Option<(PathBuf, usize, String)> {
    let files = texts
        .iter()
        .filter(|file| file.path.starts_with("/etc/dovecot"));
    let mut found = None;
    for file in files {
        for (number, text) in file.text.lines().enumerate() {
            let text = text.split(" #").next().unwrap_or(text).trim();
            if let Some((one, value)) = text.split_once('=')
                && one.trim() == name
            {
                found = Some((file.path.clone(), number + 1, value.trim().to_owned()));
            }
        }
    }
    found
}
