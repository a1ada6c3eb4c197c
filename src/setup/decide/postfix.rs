//! The changes of main.cf and master.cf.
//!
//! Backstop stands in them as a parameter of its own, `$backstop_milter`. So the lists of milters stay as they are, with one
//! word more; a service of master.cf can have another value of that parameter alone; and to undo is to take these out.

use super::super::{lines::words, master::Service, settings::Settings, time::seconds};
use crate::milter::ListenAddress;

/// Our parameter.
pub const PARAMETER: &str = "backstop_milter";
/// How it stands in the lists.
pub const REFERENCE: &str = "$backstop_milter";
/// Shorter than this, Postfix gives up before `dns.budget` has passed.
const SHORTEST_TIMEOUT: u64 = 15;

/// A change, with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where and what.
    pub what: What,
    /// Why.
    pub reason: String,
}

/// What is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A parameter of main.cf.
    Parameter {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// `-o name=value` of a service, in addition to those that it has.
    Option {
        /// `submission/inet`.
        service: String,
        /// The name.
        name: String,
        /// The value.
        value: String,
    },
    /// Our reference in front of the milters that a service has of its own.
    First {
        /// `submission/inet`.
        service: String,
    },
    /// A line of sendmail.mc, before the first that begins so.
    Mc {
        /// The line.
        line: String,
    },
}

/// The changes, and what the administrator should know.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// In the order in which they are made.
    pub changes: Vec<Change>,
    /// Remarks.
    pub notes: Vec<String>,
    /// What makes them impossible.
    pub blocked: Option<String>,
}

/// What Postfix needs so that it asks the daemon at this address.
pub fn changes(settings: &Settings, services: &[Service], listen: &ListenAddress) -> Changes {
    let mut found = Changes::default();
    let is_new = settings.version().is_none_or(|version| version >= (3, 0));
    let endpoint = match endpoint(settings, services, listen) {
        Ok(endpoint) => endpoint,
        Err(why) => {
            found.blocked = Some(why);
            return found;
        }
    };
    if words(&settings.value("receive_override_options"))
        .iter()
        .any(|word| word == "no_milters")
    {
        found.notes.push(
            "main.cf has receive_override_options = no_milters, so no milter is asked; set it with -o in master.cf instead, \
             at the listener of the content filter"
                .to_owned(),
        );
    }
    let asks_already =
        |value: &str| value.contains(REFERENCE) || expanded_has(settings, value, &endpoint);
    let mut push = |what, reason: String| found.changes.push(Change { what, reason });
    let smtpd = settings.raw("smtpd_milters").to_owned();
    let others = settings.words("smtpd_milters");
    let by_hand = !settings.is_set(PARAMETER) && expanded_has(settings, &smtpd, &endpoint);
    if by_hand {
        found.notes.push(format!(
            "main.cf asks {endpoint} already, so main.cf and master.cf stay as they are"
        ));
        return found;
    }
    let (value, reason) = parameter(settings, &others, &endpoint, is_new);
    let is_set_otherwise =
        settings.is_set(PARAMETER) && expanded_has(settings, settings.raw(PARAMETER), &endpoint);
    if !is_set_otherwise {
        push(set(PARAMETER, &value), reason);
    }
    if !asks_already(&smtpd) {
        let reason = match others.as_slice() {
            [] => "mail from SMTP is shown to Backstop".to_owned(),
            others => format!(
                "Backstop is first: it refuses at RCPT, before the message is read, and what comes behind it ({}) sees its \
                 headers; signers sign last",
                others.join(", ")
            ),
        };
        push(set("smtpd_milters", &first(REFERENCE, &smtpd)), reason);
    }
    let local = settings.raw("non_smtpd_milters").to_owned();
    if !asks_already(&local) && !local.contains("$smtpd_milters") {
        let value = match others.is_empty() && local.is_empty() {
            true => "$smtpd_milters".to_owned(),
            false => first(REFERENCE, &local),
        };
        let reason = "mail of this host (sendmail command, bounces, forwards) is outgoing: never judged, and signed once keys \
                      are there";
        push(set("non_smtpd_milters", &value), reason.to_owned());
    }
    if settings.knows("smtpd_forbid_unauth_pipelining") == Some(true)
        && !settings.is_set("smtpd_forbid_unauth_pipelining")
        && !settings.is_on("smtpd_forbid_unauth_pipelining")
    {
        let reason = "a client that sends a whole session at once and resets the connection is unknown to Postfix, and nobody \
                      knows whose mail it was; this line ends such sessions first";
        push(
            set("smtpd_forbid_unauth_pipelining", "yes"),
            reason.to_owned(),
        );
    }
    for service in services.iter().filter(|service| service.takes_mail()) {
        of_service(settings, service, &endpoint, is_new, &mut found);
    }
    if settings.is_set("internal_mail_filter_classes") {
        found.notes.push(format!(
            "internal_mail_filter_classes = {} shows mail of Postfix itself to milters; Backstop takes it as outgoing",
            settings.value("internal_mail_filter_classes")
        ));
    }
    found
}

/// The value of our parameter. What Postfix does for all milters (`milter_default_action` and others) stays as it is.
fn parameter(
    settings: &Settings,
    others: &[String],
    endpoint: &str,
    is_new: bool,
) -> (String, String) {
    if !is_new {
        let reason = "Postfix 2 has one default action for all milters: set milter_default_action = tempfail";
        return (endpoint.to_owned(), reason.to_owned());
    }
    let mut options = vec!["default_action=tempfail".to_owned()];
    let mut reasons = vec![
        "while Backstop is down, strangers' mail is refused for now (451): senders try again later, and nothing is lost".to_owned(),
    ];
    if settings.value("milter_protocol") != "6" {
        options.push("protocol=6".to_owned());
        reasons.push("milters see refused recipients only with protocol 6".to_owned());
    }
    if seconds(&settings.value("milter_command_timeout"), 's')
        .is_some_and(|seconds| seconds < SHORTEST_TIMEOUT)
    {
        options.push("command_timeout=30s".to_owned());
        reasons.push("Postfix must wait longer than dns.budget (8s)".to_owned());
    }
    if !others.is_empty() {
        reasons.push(format!(
            "milter_default_action = {} stays as it is for the others",
            settings.value("milter_default_action")
        ));
    }
    (
        format!("{{ {endpoint}, {} }}", options.join(", ")),
        reasons.join("; "),
    )
}

fn of_service(
    settings: &Settings,
    service: &Service,
    endpoint: &str,
    is_new: bool,
    found: &mut Changes,
) {
    let name = service.name.clone();
    let own = service.override_of("smtpd_milters");
    let skips_milters = words(
        service
            .override_of("receive_override_options")
            .unwrap_or_default(),
    )
    .iter()
    .any(|word| word == "no_milters");
    if skips_milters || own.is_some_and(str::is_empty) || service.override_of(PARAMETER).is_some() {
        return;
    }
    let mut push = |what, reason: &str| {
        let reason = reason.to_owned();
        found.changes.push(Change { what, reason });
    };
    let option = |value: &str| What::Option {
        service: name.clone(),
        name: PARAMETER.to_owned(),
        value: value.to_owned(),
    };
    if service.is_inner() && is_behind_a_filter(settings, service) {
        if own.is_none() {
            push(
                option(""),
                "mail comes here from the content filter, and Backstop has seen it; its client is not the sender",
            );
        }
        return;
    }
    if let Some(own) = own
        && !own.contains(REFERENCE)
        && !expanded_has(settings, own, endpoint)
    {
        let what = What::First {
            service: name.clone(),
        };
        push(
            what,
            "this service has milters of its own, and mail through it would not be shown to Backstop",
        );
    }
    if service.is_submission() && is_new {
        let value = format!("{{ {endpoint}, default_action=accept }}");
        push(
            option(&value),
            "users who log in can send while Backstop is down; use tempfail here once every bounce must have a mark",
        );
    }
}

/// Whether mail comes back to it from a content filter.
fn is_behind_a_filter(settings: &Settings, service: &Service) -> bool {
    let ends_filtering = service
        .override_of("content_filter")
        .is_some_and(str::is_empty);
    ends_filtering || !settings.value("content_filter").is_empty()
}

/// How smtpd and cleanup reach the daemon.
fn endpoint(
    settings: &Settings,
    services: &[Service],
    listen: &ListenAddress,
) -> Result<String, String> {
    let path = match listen {
        ListenAddress::Inet { host, port, .. } => {
            let host = match host.as_str() {
                "0.0.0.0" => "127.0.0.1",
                "::" => "::1",
                host => host,
            };
            return Ok(match host.contains(':') {
                true => format!("inet:[{host}]:{port}"),
                false => format!("inet:{host}:{port}"),
            });
        }
        ListenAddress::Unix(path) => path,
    };
    let level: f64 = settings.value("compatibility_level").parse().unwrap_or(0.0);
    let asks = |service: &&Service| service.takes_mail() || service.program == "cleanup";
    let chrooted = services
        .iter()
        .filter(asks)
        .find(|service| service.is_chrooted(level < 1.0));
    let queue = settings.value("queue_directory");
    match (path.strip_prefix(&queue), chrooted) {
        // Relative to the queue it is right inside and outside of the chroot.
        (Ok(inside), _) => Ok(format!("unix:{}", inside.display())),
        (Err(_), None) => Ok(format!("unix:{}", path.display())),
        (Err(_), Some(service)) => Err(format!(
            "{} of master.cf runs in a chroot, {queue}, and can't reach {}: use `listen: unix:{queue}/backstop/backstop.sock` \
             or `listen: inet:8894@127.0.0.1` in milter.yaml",
            service.name,
            path.display()
        )),
    }
}

fn expanded_has(settings: &Settings, value: &str, endpoint: &str) -> bool {
    let probe = settings.with(&[("backstop_probe".to_owned(), value.to_owned())]);
    let same_port = endpoint
        .strip_prefix("inet:127.0.0.1:")
        .map(|port| format!("inet:localhost:{port}"));
    let value = probe.value("backstop_probe");
    let has = |endpoint: &str| {
        value.match_indices(endpoint).any(|(at, _)| {
            let next = value
                .get(at + endpoint.len()..)
                .and_then(|rest| rest.chars().next());
            next.is_none_or(|c| !c.is_ascii_alphanumeric())
        })
    };
    has(endpoint) || same_port.is_some_and(|endpoint| has(&endpoint))
}

fn set(name: &str, value: &str) -> What {
    What::Parameter {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

fn first(reference: &str, others: &str) -> String {
    match others.trim() {
        "" => reference.to_owned(),
        others => format!("{reference}, {others}"),
    }
}
