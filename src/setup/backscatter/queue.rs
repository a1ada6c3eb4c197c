//! Limits and times by which mail that is in the queue is bounced, or its sender is told.

use super::{super::time::seconds, Finding, postfix::Postfix};

/// RFC 5321 section 4.5.4.1 wants 4 to 5 days; in less than one, an outage of a night makes bounces.
const SHORTEST_LIFETIME: u64 = 86_400;

pub(super) fn findings(postfix: &Postfix<'_>) -> Vec<Finding> {
    let mut found = soft_bounce(postfix);
    found.extend(delays(postfix));
    found.extend(sizes(postfix));
    found
}

fn soft_bounce(postfix: &Postfix<'_>) -> Vec<Finding> {
    const WHY: &str = "what Postfix would refuse is only put off, mail that can't be delivered stays in the queue, and all of it \
                       is bounced at once when it is too old or when this is turned off";
    let mut found = Vec::new();
    if postfix.settings.is_on("soft_bounce") {
        let message = format!("soft_bounce = yes: {WHY}");
        found.push(postfix.finding("soft_bounce", message, "soft_bounce = no"));
    }
    for service in postfix.services {
        if service
            .override_of("soft_bounce")
            .is_some_and(|value| value.eq_ignore_ascii_case("yes"))
        {
            found.push(postfix.of_service(
                service,
                format!("-o soft_bounce=yes: {WHY}"),
                "no `-o soft_bounce=yes`",
            ));
        }
    }
    found
}

fn delays(postfix: &Postfix<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let warning = postfix.value("delay_warning_time");
    if seconds(&warning, 'h').is_some_and(|seconds| seconds > 0) {
        let message = format!(
            "delay_warning_time = {warning}: the sender of mail that waits for so long gets a warning, also where the sender is \
             forged"
        );
        found.push(postfix.finding("delay_warning_time", message, "delay_warning_time = 0h"));
        if postfix.settings.is_on("confirm_delay_cleared") {
            let message =
                "confirm_delay_cleared = yes: it gets another message when the mail has left"
                    .to_owned();
            found.push(postfix.finding(
                "confirm_delay_cleared",
                message,
                "confirm_delay_cleared = no",
            ));
        }
    }
    let lifetime = postfix.value("maximal_queue_lifetime");
    if seconds(&lifetime, 'd').is_some_and(|seconds| seconds < SHORTEST_LIFETIME) {
        let message = format!(
            "maximal_queue_lifetime = {lifetime}: when the next hop is down for so long, all that waits for it is bounced"
        );
        found.push(postfix.finding(
            "maximal_queue_lifetime",
            message,
            "maximal_queue_lifetime = 5d",
        ));
    }
    found
}

/// A limit behind that is lower than the one at the door.
fn sizes(postfix: &Postfix<'_>) -> Vec<Finding> {
    let number = |text: &str| text.parse::<u64>().ok();
    let Some(door) = number(&postfix.value("message_size_limit")) else {
        return Vec::new();
    };
    let is_lower = |limit: u64, door: u64| limit > 0 && (door == 0 || limit < door);
    let mut found = Vec::new();
    for name in ["mailbox_size_limit", "virtual_mailbox_limit"] {
        let Some(limit) = number(&postfix.value(name)) else {
            continue;
        };
        if !postfix.settings.is_set(name) || limit == 0 {
            continue;
        }
        let what = if is_lower(limit, door) {
            format!("is less than message_size_limit ({door})")
        } else {
            "is looked at when mail has been accepted".to_owned()
        };
        let message =
            format!("{name} = {limit} {what}: mail for a mailbox that is full is bounced");
        let mend = format!(
            "{name} = 0, and a limit of the mail store that is asked at RCPT (check_policy_service of Dovecot's quota-status)"
        );
        found.push(postfix.finding(name, message, &mend));
    }
    for service in postfix.services.iter().filter(|one| one.is_inner()) {
        let own = service.override_of("message_size_limit").and_then(number);
        if let Some(limit) = own.filter(|limit| is_lower(*limit, door)) {
            let message = format!(
                "-o message_size_limit={limit} is less than message_size_limit of main.cf ({door}), so what the content filter \
                 hands back is refused, and bounced"
            );
            let mend = format!("-o message_size_limit={door}");
            found.push(postfix.of_service(service, message, &mend));
        }
    }
    found
}
