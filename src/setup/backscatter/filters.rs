//! Content filters that get mail after it was accepted: what they refuse is bounced.

use super::{
    super::{
        facts::{Role, TextFile},
        lines::words,
        master::Service,
    },
    Finding,
    postfix::Postfix,
    some,
};

/// What amavis does with a kind of mail: `$final_spam_destiny = D_BOUNCE;`.
const KINDS: [&str; 5] = ["virus", "banned", "spam", "bad_header", "unchecked"];

pub(super) fn findings(postfix: &Postfix<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let behind = |filter: &str| refuses(postfix, filter);
    let main = postfix.value("content_filter");
    if let Some((message, mend)) = behind(&main) {
        found.push(postfix.finding(
            "content_filter",
            format!("content_filter = {main}: {message}"),
            &mend,
        ));
    }
    for service in postfix.public() {
        if let Some(filter) = service.override_of("content_filter")
            && let Some((message, mend)) = behind(filter)
        {
            found.push(postfix.of_service(
                service,
                format!("-o content_filter={filter}: {message}"),
                &mend,
            ));
        }
    }
    for entry in &postfix.facts.deliveries.entries {
        if entry.role != Role::Filter {
            continue;
        }
        let filter = entry.value.trim().trim_start_matches("FILTER").trim();
        if let Some((message, mend)) = behind(filter) {
            found.push(Finding {
                file: entry.file.clone(),
                line: entry.line,
                message: format!("FILTER {filter}: {message}"),
                mend,
            });
        }
    }
    found.dedup_by(|one, other| one.message == other.message);
    found.extend(before_queue(postfix));
    found.extend(handed_back(postfix));
    found
}

/// Why a filter behind the queue makes bounces.
fn refuses(postfix: &Postfix<'_>, filter: &str) -> Option<(String, String)> {
    if filter.is_empty() {
        return None;
    }
    const WHY: &str = "it gets mail when Postfix has accepted it, so what it refuses is bounced";
    let before = "a filter that only tags, discards or quarantines; or one that refuses before the queue, as a milter or by \
                  smtpd_proxy_filter";
    let name = filter.split(':').next().unwrap_or(filter);
    let service = postfix
        .services
        .iter()
        .find(|service| service.name == format!("{name}/unix"));
    if let Some(program) = service.and_then(Service::piped) {
        return piped(postfix, program);
    }
    let is_amavis = name.contains("amavis") || filter.ends_with(":10024");
    if !is_amavis {
        return Some((WHY.to_owned(), before.to_owned()));
    }
    let destinies = destinies(&postfix.facts.deliveries.texts);
    if destinies.is_empty() {
        let why = format!("{WHY}; the settings of amavis can't be read");
        return Some((why, mend_amavis(&["spam", "banned"])));
    }
    let bad: Vec<&str> = destinies
        .iter()
        .filter(|(_, destiny)| matches!(destiny.as_str(), "D_BOUNCE" | "D_REJECT"))
        .map(|(kind, _)| *kind)
        .collect();
    if bad.is_empty() {
        return None;
    }
    let shown: Vec<String> = destinies
        .iter()
        .filter(|(kind, _)| bad.contains(kind))
        .map(|(kind, destiny)| format!("$final_{kind}_destiny = {destiny}"))
        .collect();
    let why = format!(
        "{WHY}, and amavis has {}",
        some(shown.iter().map(String::as_str))
    );
    Some((why, mend_amavis(&bad)))
}

fn mend_amavis(kinds: &[&str]) -> String {
    let lines: Vec<String> = kinds
        .iter()
        .map(|kind| {
            format!(
                "$final_{kind}_destiny = {};",
                if *kind == "virus" {
                    "D_DISCARD"
                } else {
                    "D_PASS"
                }
            )
        })
        .collect();
    format!(
        "{} in amavis, whose tags a user's Sieve can sort; or amavis before the queue (amavisd-milter, smtpd_proxy_filter) with D_REJECT",
        lines.join(" ")
    )
}

/// What the files of amavis say, the last of each kind.
fn destinies(texts: &[TextFile]) -> Vec<(&'static str, String)> {
    let files = texts
        .iter()
        .filter(|file| file.path.starts_with("/etc/amavis") || file.path.ends_with("amavisd.conf"));
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for line in files.flat_map(|file| file.text.lines()) {
        let line = line.trim();
        let Some((left, right)) = line.split_once('=') else {
            continue;
        };
        let kind = KINDS
            .into_iter()
            .find(|kind| left.trim() == format!("$final_{kind}_destiny"));
        let value: String = right
            .trim()
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        if let Some(kind) = kind {
            found.retain(|(one, _)| *one != kind);
            found.push((kind, value));
        }
    }
    found
}

/// A program of pipe(8): any exit code but 0 and EX_TEMPFAIL is a bounce.
fn piped(postfix: &Postfix<'_>, program: &str) -> Option<(String, String)> {
    let texts = &postfix.facts.deliveries.texts;
    let text = texts.iter().find(|file| file.path.as_os_str() == program);
    let bounces = |text: &str| {
        ["EX_UNAVAILABLE", "exit 69", "exit 67", "exit 77"]
            .iter()
            .find(|word| text.contains(**word))
            .copied()
    };
    let why = match text.map(|file| bounces(&file.text)) {
        Some(None) => return None,
        Some(Some(word)) => format!(
            "{program} gets mail when Postfix has accepted it, and has `{word}`, by which pipe(8) bounces it"
        ),
        None => format!(
            "{program} gets mail when Postfix has accepted it, and pipe(8) bounces it when that program ends with anything but 0 and 75"
        ),
    };
    Some((why, "a program that only tags and sends on; or one before the queue, as a milter or by smtpd_proxy_filter".to_owned()))
}

/// Before the queue, amavis must refuse and not bounce.
fn before_queue(postfix: &Postfix<'_>) -> Option<Finding> {
    let by_milter = postfix.value("smtpd_milters").contains("amavis");
    let name = if by_milter {
        "smtpd_milters"
    } else {
        "smtpd_proxy_filter"
    };
    let service = postfix.public().find(|service| {
        service
            .override_of("smtpd_proxy_filter")
            .is_some_and(|value| !value.is_empty())
    });
    if postfix.value(name).is_empty() && service.is_none() {
        return None;
    }
    let destinies = destinies(&postfix.facts.deliveries.texts);
    let bad: Vec<&str> = destinies
        .iter()
        .filter(|(_, destiny)| destiny == "D_BOUNCE")
        .map(|(kind, _)| *kind)
        .collect();
    if bad.is_empty() {
        return None;
    }
    let lines: Vec<String> = bad
        .iter()
        .map(|kind| format!("$final_{kind}_destiny = D_REJECT;"))
        .collect();
    let message = format!(
        "{name} asks amavis before the queue, but for {} it makes a bounce of its own (D_BOUNCE)",
        some(bad)
    );
    let mend = format!("{} in amavis", lines.join(" "));
    Some(match service {
        Some(service) => postfix.of_service(service, message, &mend),
        None => postfix.finding(name, message, &mend),
    })
}

/// Checks that refuse once more what the filter hands back.
fn handed_back(postfix: &Postfix<'_>) -> Vec<Finding> {
    const CHECKS: [&str; 4] = [
        "header_checks",
        "mime_header_checks",
        "nested_header_checks",
        "body_checks",
    ];
    let filters = !postfix.value("content_filter").is_empty()
        || postfix.public().any(|service| {
            service
                .override_of("content_filter")
                .is_some_and(|value| !value.is_empty())
        });
    let set: Vec<&str> = CHECKS
        .into_iter()
        .filter(|name| !postfix.value(name).is_empty())
        .collect();
    if !filters || set.is_empty() {
        return Vec::new();
    }
    let inner = postfix.services.iter().filter(|service| service.is_inner());
    let checked = inner.filter(|service| {
        let options = service
            .override_of("receive_override_options")
            .map(str::to_owned);
        let options = options.unwrap_or_else(|| postfix.value("receive_override_options"));
        !words(&options)
            .iter()
            .any(|word| word == "no_header_body_checks")
    });
    let found = checked.map(|service| {
        let message = format!(
            "{} look once more at what the content filter hands back: what they refuse there was accepted, and is bounced",
            set.join(" and ")
        );
        postfix.of_service(service, message, "-o receive_override_options=no_header_body_checks,no_unknown_recipient_checks,no_milters")
    });
    found.collect()
}
