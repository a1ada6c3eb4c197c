//! `error:` where Postfix looks only after it has accepted the message.

use super::{
    super::facts::{Entry, Role},
    Finding, bounded,
    postfix::Postfix,
    some,
    targets::addresses,
};

pub(super) fn findings(postfix: &Postfix<'_>) -> Vec<Finding> {
    let mut found = behind_acceptance(postfix);
    found.extend(of_local(postfix));
    found.extend(behind_aliases(postfix));
    found
}

fn is_error(value: &str) -> bool {
    value == "error" || value.starts_with("error:")
}

/// smtpd refuses a recipient with `error:` itself, unless smtpd_reject_unlisted_recipient is off.
fn behind_acceptance(postfix: &Postfix<'_>) -> Vec<Finding> {
    if postfix.refuses_unlisted() {
        return Vec::new();
    }
    const MEND: &str = "smtpd_reject_unlisted_recipient = yes: then error: refuses at RCPT";
    let mut found = errors_in(
        postfix,
        &["local_transport", "virtual_transport", "relay_transport"],
        "smtpd does not look at it, because smtpd_reject_unlisted_recipient is off, so mail is accepted and bounced",
        MEND,
    );
    let entries = postfix.facts.deliveries.entries.iter();
    let refused = entries.filter(|entry| match entry.role {
        Role::Transport => is_error(&entry.value) && is_ours(postfix, &entry.key),
        Role::Relocated => true,
        _ => false,
    });
    let refused = refused.map(|entry| {
        finding(
            entry,
            format!(
                "{} is refused by `{}` only after its mail was accepted, because smtpd_reject_unlisted_recipient is off",
                entry.key, entry.value
            ),
            MEND.to_owned(),
        )
    });
    found.extend(bounded(refused.collect()));
    found
}

/// Those of these parameters that are `error:`.
fn errors_in(postfix: &Postfix<'_>, names: &[&str], why: &str, mend: &str) -> Vec<Finding> {
    let names = names.iter().filter(|name| is_error(&postfix.value(name)));
    let found = names.map(|name| {
        let message = format!("{}: {why}", postfix.shown(name));
        postfix.finding(name, message, mend)
    });
    found.collect()
}

fn is_ours(postfix: &Postfix<'_>, key: &str) -> bool {
    let domain = key.rsplit('@').next().unwrap_or(key);
    let domain = domain.trim_start_matches('.');
    let domains = &postfix.facts.domains;
    domains.iter().any(|found| found.domain.as_str() == domain)
}

fn finding(entry: &Entry, message: String, mend: String) -> Finding {
    Finding {
        file: entry.file.clone(),
        line: entry.line,
        message,
        mend,
    }
}

/// local(8) asks these when the message is in the queue.
fn of_local(postfix: &Postfix<'_>) -> Vec<Finding> {
    const MEND: &str = "no `error:` here; name in local_recipient_maps who can get mail, and smtpd refuses all others at RCPT";
    const WHY: &str = "local(8) finds this only when the message was accepted, and bounces it";
    let mut found = errors_in(
        postfix,
        &["mailbox_transport", "fallback_transport"],
        WHY,
        MEND,
    );
    let entries = postfix.facts.deliveries.entries.iter();
    let refused = entries.filter(|entry| entry.role == Role::Mailer && is_error(&entry.value));
    let refused = refused.map(|entry| {
        let message = format!("`{}` for {}: {WHY}", entry.value, entry.key);
        finding(entry, message, MEND.to_owned())
    });
    found.extend(bounded(refused.collect()));
    found
}

/// smtpd takes an address that an alias has for one that exists, wherever the alias leads.
fn behind_aliases(postfix: &Postfix<'_>) -> Vec<Finding> {
    let entries = &postfix.facts.deliveries.entries;
    let errors: Vec<&Entry> = entries
        .iter()
        .filter(|entry| match entry.role {
            Role::Transport => is_error(&entry.value),
            Role::Relocated => true,
            _ => false,
        })
        .collect();
    if errors.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for alias in entries.iter().filter(|entry| entry.role == Role::Virtual) {
        let mut dead = Vec::new();
        for target in addresses(&alias.value) {
            let domain = target.rsplit('@').next().unwrap_or(&target);
            if errors
                .iter()
                .any(|error| error.key == target || error.key == domain)
            {
                dead.push(target);
            }
        }
        if !dead.is_empty() {
            let message = format!(
                "{} leads to {}, whose mail has the transport `error:`: smtpd knows the alias and accepts, and the message is \
                 bounced",
                alias.key,
                some(dead.iter().map(String::as_str))
            );
            let mend = format!(
                "no line for {} here, or `error:` for that address itself in transport_maps",
                alias.key
            );
            found.push(finding(alias, message, mend));
        }
    }
    bounded(found)
}
