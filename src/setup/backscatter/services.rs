//! What lets strangers make this host send: relaying, and callouts to the hosts of forged senders.

use super::{Finding, postfix::Postfix};

const RELAYING: [&str; 2] = ["smtpd_relay_restrictions", "smtpd_recipient_restrictions"];

pub(super) fn findings(postfix: &Postfix<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = open_relay(postfix).into_iter().collect();
    for service in postfix.public() {
        let overrides_one = RELAYING
            .iter()
            .any(|name| service.override_of(name).is_some());
        let own = Postfix {
            settings: &postfix.settings.with(&service.overrides),
            ..*postfix
        };
        if overrides_one && !refuses_relaying(&own) {
            found.push(postfix.of_service(
                service,
                "no restriction of it has reject_unauth_destination: strangers send through this host, and it bounces what \
                 can't be delivered"
                    .to_owned(),
                "-o { smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination }",
            ));
        }
    }
    found.extend(everybody_trusted(postfix));
    found.extend(callouts(postfix));
    found
}

fn refuses_relaying(postfix: &Postfix<'_>) -> bool {
    let ends = [
        "reject_unauth_destination",
        "defer_unauth_destination",
        "reject",
        "defer",
        "defer_if_permit",
    ];
    // What stands behind a plain `permit` is not reached.
    let refuses = |name: &str| {
        let words = postfix.restrictions(&[name]);
        let mut words = words.iter().take_while(|word| *word != "permit");
        words.any(|word| ends.contains(&word.as_str()))
    };
    RELAYING.iter().any(|name| refuses(name))
}

fn open_relay(postfix: &Postfix<'_>) -> Option<Finding> {
    if refuses_relaying(postfix) {
        return None;
    }
    let message = "neither smtpd_relay_restrictions nor smtpd_recipient_restrictions has reject_unauth_destination: strangers send \
                   through this host, and it bounces what can't be delivered";
    let name = RELAYING
        .into_iter()
        .find(|name| postfix.settings.is_set(name));
    Some(postfix.finding(
        name.unwrap_or(RELAYING[0]),
        message.to_owned(),
        "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
    ))
}

fn everybody_trusted(postfix: &Postfix<'_>) -> Option<Finding> {
    let networks = postfix.facts.networks.iter();
    let all = networks
        .map(String::as_str)
        .find(|network| network.ends_with("/0"))?;
    let message = format!(
        "mynetworks has {all}, which is everybody: strangers send through this host, and it bounces what can't be delivered"
    );
    Some(postfix.finding(
        "mynetworks",
        message,
        "mynetworks = 127.0.0.0/8 [::1]/128, and the networks of your own hosts",
    ))
}

/// RFC 5321 has no word for it, but lists of hosts that send backscatter have these hosts, too.
fn callouts(postfix: &Postfix<'_>) -> Vec<Finding> {
    let words = postfix.all_restrictions();
    let asks = ["reject_unverified_sender"]
        .into_iter()
        .find(|name| words.iter().any(|word| word == name));
    let Some(asks) = asks else {
        return Vec::new();
    };
    let names = ["smtpd_sender_restrictions", "smtpd_recipient_restrictions"];
    let name = names.into_iter().find(|name| {
        postfix
            .restrictions(&[name])
            .iter()
            .any(|word| word == asks)
    });
    let message = format!(
        "{asks} asks the host of each sender whether the address exists, also of forged ones: hosts under attack get such \
         questions by the thousand, and lists of backscatter (backscatterer.org) name who asks"
    );
    vec![postfix.finding(
        name.unwrap_or(names[0]),
        message,
        "no reject_unverified_sender, or only for single domains by check_sender_access",
    )]
}
