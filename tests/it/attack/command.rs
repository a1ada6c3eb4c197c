//! What the command prints, and what it refuses.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, UNIX_EPOCH},
};

use backstop::core::attack::{AttackKind, Fate, HOUR, hour};

use super::{HOSTILE, Site, attacked};
use crate::{bounce::now, store::attack::count};

#[test]
fn the_numbers_are_those_that_were_counted() {
    let site = attacked();
    let json = site.json(&["--since", "7d"]);
    let bounces = &json["bounces"];
    let of = |fate: &str| bounces[fate].as_u64().unwrap();
    let suspect = of("refused") + of("refused_by_mta") + of("would_refuse") + of("accepted");
    assert_eq!(
        (of("suspect"), of("proven"), of("deferred")),
        (suspect, 54, 8)
    );
    assert_eq!(of("all"), suspect + 54 + 8);
    for list in ["hosts", "networks", "recipients"] {
        let top = json[list]["top"].as_array().unwrap();
        let sum: u64 = top.iter().map(|one| one["suspect"].as_u64().unwrap()).sum();
        assert_eq!(sum, of("suspect"), "{list}");
        assert_eq!(json[list]["different"].as_u64().unwrap(), top.len() as u64);
    }
    let hours = json["hours"].as_array().unwrap();
    let sum: u64 = hours.iter().map(|hour| hour["all"].as_u64().unwrap()).sum();
    assert_eq!(sum, of("all"));
    assert_eq!(json["worst_hour"]["suspect"], 14);
    assert_eq!(json["proofs"]["batv"], 54);

    let of_net = site.json(&["attack", "--domain", "EXAMPLE.net"]);
    assert_eq!(
        (&of_net["bounces"]["all"], &of_net["domain"]),
        (&54.into(), &"example.net".into())
    );
    assert_eq!(of_net["hosts"]["different"], 0);
    let short = site.json(&["--since", "20h"]);
    assert_eq!(short["bounces"]["suspect"], 0);
}

#[test]
fn the_text_has_a_plot_and_no_control_character() {
    let site = attacked();
    // To the end of this hour, whenever the next one begins.
    let time = |hour: u64| {
        let time = UNIX_EPOCH + Duration::from_secs(hour * HOUR);
        humantime::format_rfc3339_seconds(time).to_string()
    };
    let end = hour(now());
    let (from, to) = (time(end - 7 * 24), time(end));
    let period = ["--from", &from, "--to", &to];
    let text = site.text(&period);
    assert!(
        text.lines()
            .any(|line| line.contains('|') && line.contains('█')),
        "{text}"
    );
    assert!(text.contains(HOSTILE), "{text}");
    assert!(
        text.contains("refused by your MTA") && text.contains("would be refused"),
        "{text}"
    );
    assert!(
        !text.chars().any(|c| c.is_control() && c != '\n'),
        "{text:?}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 110),
        "{text}"
    );
    assert_eq!(text, site.text(&[&["attack"], &period[..]].concat()));
    let none = site.text(&["--since", "1h", "--domain", "example.org"]);
    assert!(none.contains("no bounces came"), "{none}");
}

/// Older versions counted reasons and proofs together where there were too many.
#[test]
fn what_has_no_name_is_others() {
    let site = Site::new("");
    site.store(|store| {
        let counts =
            [AttackKind::Reason, AttackKind::Proof].map(|kind| count(kind, Fate::Refused, ""));
        store.count_attack(hour(now()), counts.to_vec());
    });
    let text = site.text(&["--since", "3h"]);
    assert_eq!(text.matches("         1  others").count(), 2, "{text}");
    let json = site.json(&["--since", "3h"]);
    assert_eq!(json["proofs"]["others"], 1, "{json}");
}

#[test]
fn what_makes_no_sense_is_told() {
    let site = attacked();
    for (arguments, code, told) in [
        (
            &["--domain", "far.example"][..],
            64,
            "far.example is not in `local.domains`",
        ),
        (
            &["--from", "2026-02-02", "--to", "2026-02-01"],
            64,
            "this period is empty",
        ),
        (&["--since", "7"], 64, "is not a duration"),
        (&["--days", "91"], 64, "not in 1..=90"),
        (&["--to", "2026-02-01"], 64, "--from"),
        (&["--days", "3", "coverage"], 64, "cannot be used with"),
        (&["--html", "/dev/null"], 69, "not a regular file"),
        (
            &["--html", "missing/page.html"],
            69,
            "missing/page.html can't be written",
        ),
        (
            &["--export", "."],
            69,
            "it is not empty; use a new or empty folder",
        ),
    ] {
        let output = site.report(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(told), "{arguments:?}: {text}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    for (yaml, told) in [
        (
            "mode: enforce\nlocal: {domains: [example.org]}\nproof: {dkim: {verify: false}}\nsiege: {watch: false}\n",
            "use `proof`, `siege.watch` or `report.keep_samples`",
        ),
        ("{}\n", "`local.domains` is empty"),
        (
            "local: {domains: [example.org]}\nstore: sqlite:/nowhere/state.db\n",
            "does not exist yet",
        ),
    ] {
        let site = Site::new("");
        fs::write(site.path("milter.yaml"), yaml).unwrap();
        let output = site.report(&[]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(69), "{text}");
        assert!(text.contains(told), "{text}");
    }
}

#[test]
fn a_store_that_can_not_be_asked_is_told() {
    let site = Site::new("");
    fs::write(
        site.path("state.db"),
        "no database at all, but long enough to be taken for one ".repeat(40),
    )
    .unwrap();
    for arguments in [&[][..], &["--export", "samples"], &["--html", "page.html"]] {
        let output = site.report(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(69), "{text}");
        assert!(
            text.contains("state.db") && output.stdout.is_empty(),
            "{text}"
        );
    }
    assert!(!site.path("samples").exists() && !site.path("page.html").exists());
}

#[test]
fn coverage_is_still_a_report() {
    let site = attacked();
    for line in [&["coverage"][..], &["coverage", "--days", "3", "--json"]] {
        assert!(
            site.text(line).contains("safe_to_refuse") || site.text(line).contains("coverage from")
        );
    }
    let config = site.path("milter.yaml");
    let after = site.report(&["coverage", "--config", config.to_str().unwrap()]);
    assert!(after.status.success(), "{after:?}");
}

#[test]
fn the_page_takes_the_place_of_a_file_but_not_of_a_link() {
    let site = attacked();
    fs::write(site.path("page.html"), "before").unwrap();
    site.text(&["--html", "page.html"]);
    let page = fs::read_to_string(site.path("page.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    let mode = fs::metadata(site.path("page.html"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::write(site.path("target"), "mine").unwrap();
    std::os::unix::fs::symlink("target", site.path("link.html")).unwrap();
    let output = site.report(&["--html", "link.html"]);
    assert_eq!(output.status.code(), Some(69));
    assert_eq!(fs::read_to_string(site.path("target")).unwrap(), "mine");
}

/// Nobody takes a report of three months for one of a year.
#[test]
fn a_report_of_more_than_is_kept_says_so() {
    let site = Site::new("");
    site.store(|_| {});
    for (report, says) in [
        (
            "attack",
            "only the last 90 days are kept, so the report begins on 20",
        ),
        (
            "would",
            "only the last 30 days are kept, so the report begins there",
        ),
    ] {
        for (since, is_more) in [("1y", true), ("91d", true), ("1d", false)] {
            for more in [&[][..], &["--json"]] {
                let output = site.report(&[&[report, "--since", since], more].concat());
                let said = String::from_utf8(output.stderr).unwrap();
                assert!(output.status.success(), "{report} {since}: {said}");
                assert_eq!(said.contains(says), is_more, "{report} {since}: {said}");
            }
        }
    }
}
