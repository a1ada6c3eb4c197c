//! Settings by which lists of recipients are not asked, or their answer does not count.

use super::{Finding, postfix::Postfix, recipients::LISTS};

pub(super) fn findings(postfix: &Postfix<'_>) -> Vec<Finding> {
    let mut found = unlisted(postfix);
    found.extend(backup(postfix));
    found.extend(luser(postfix));
    found.extend(verification(postfix));
    found
}

/// `smtpd_reject_unlisted_recipient = no`.
fn unlisted(postfix: &Postfix<'_>) -> Vec<Finding> {
    const NAME: &str = "smtpd_reject_unlisted_recipient";
    const WHY: &str =
        "addresses that no list has are accepted, and bounced when they can't be delivered";
    if !postfix.has_open_domains() {
        return Vec::new();
    }
    if !postfix.refuses_unlisted() {
        let message = format!("{}: {WHY}", postfix.shown(NAME));
        return vec![postfix.finding(NAME, message, &format!("{NAME} = yes"))];
    }
    let mut found = Vec::new();
    for service in postfix.public() {
        let own = Postfix {
            settings: &postfix.settings.with(&service.overrides),
            ..*postfix
        };
        if !own.refuses_unlisted() {
            found.push(postfix.of_service(
                service,
                format!("-o {NAME}=no: {WHY}"),
                &format!("-o {NAME}=yes"),
            ));
        }
        for (class, _, name, _) in LISTS {
            let is_empty = service.override_of(name) == Some("") && !postfix.value(name).is_empty();
            if is_empty && !postfix.domains(class).is_empty() {
                found.push(postfix.of_service(
                    service,
                    format!("-o {name}= lets strangers write to every address, and those that don't exist are bounced"),
                    &format!("no `-o {name}=` in a service on which strangers' mail comes"),
                ));
            }
        }
    }
    found
}

/// `permit_mx_backup`.
fn backup(postfix: &Postfix<'_>) -> Option<Finding> {
    const NAMES: [&str; 2] = ["smtpd_relay_restrictions", "smtpd_recipient_restrictions"];
    let name = NAMES.into_iter().find(|name| {
        let words = postfix.restrictions(&[name]);
        words.iter().any(|word| word == "permit_mx_backup")
    })?;
    if postfix.verifies_recipients() {
        return None;
    }
    let message = format!(
        "permit_mx_backup in {name} accepts every address of each domain whose MX records name this host, with no list of who \
         exists: the first MX refuses, and this host bounces"
    );
    Some(postfix.finding(
        name,
        message,
        "no permit_mx_backup; name the domains in relay_domains, and their addresses in relay_recipient_maps",
    ))
}

/// `luser_relay`.
fn luser(postfix: &Postfix<'_>) -> Option<Finding> {
    let target = postfix.value("luser_relay");
    if target.is_empty() {
        return None;
    }
    let message = if postfix.value("local_recipient_maps").is_empty() {
        format!(
            "luser_relay = {target} takes mail for every name that does not exist; what that address can't take or refuses is \
             bounced"
        )
    } else {
        format!(
            "luser_relay = {target} needs an empty local_recipient_maps, and then takes mail for every name that does not \
             exist: what that address can't take or refuses is bounced"
        )
    };
    Some(postfix.finding(
        "luser_relay",
        message,
        "luser_relay = (empty), with local_recipient_maps = proxy:unix:passwd.byname $alias_maps",
    ))
}

/// Recipients that are asked for, and accepted where the answer does not come.
fn verification(postfix: &Postfix<'_>) -> Vec<Finding> {
    let list = ["smtpd_relay_restrictions", "smtpd_recipient_restrictions"];
    let words = postfix.restrictions(&list);
    if !words
        .iter()
        .any(|word| word == "reject_unverified_recipient")
    {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (name, is_bad, mend) in [
        (
            "unverified_recipient_tempfail_action",
            postfix.value("unverified_recipient_tempfail_action") == "permit",
            "unverified_recipient_tempfail_action = defer_if_permit",
        ),
        (
            "unverified_recipient_reject_code",
            postfix
                .value("unverified_recipient_reject_code")
                .starts_with('2'),
            "unverified_recipient_reject_code = 550",
        ),
        (
            "unverified_recipient_defer_code",
            postfix
                .value("unverified_recipient_defer_code")
                .starts_with('2'),
            "unverified_recipient_defer_code = 450",
        ),
    ] {
        if is_bad {
            let message = format!(
                "{}: a recipient that the next hop was asked about is accepted all the same, and bounced if it does not exist",
                postfix.shown(name)
            );
            found.push(postfix.finding(name, message, mend));
        }
    }
    found
}
