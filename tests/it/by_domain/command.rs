//! The tables, and what the commands refuse.

use backstop::core::{
    attack::{AttackCount, AttackKind, Fate, hour},
    proof::{ProofKind, coverage::CoverageCount},
    siege::SiegeEvent,
};

use super::hosting;
use crate::{attack::Site, bounce::now, store::attack::count};

#[test]
fn the_table_has_each_domain_and_the_sum_of_all() {
    let (site, tenants) = hosting("");
    let json = site.json(&["tenants"]);
    let rows = json["tenants"].as_array().unwrap();
    assert_eq!(rows.len(), tenants.len());
    assert_eq!(
        (&json["domains_of_yours"], &json["besieged_domains"]),
        (&8.into(), &0.into())
    );
    // None is besieged now, in each one bounce was accepted: those with most bounces first.
    for (row, tenant) in rows.iter().zip(tenants.iter().rev()) {
        assert_eq!(row["domain"], *tenant.domain);
        let bounces = &row["bounces"];
        assert_eq!(bounces["refused"], tenant.shared);
        assert_eq!(
            (&bounces["accepted"], &bounces["suspect"]),
            (&1.into(), &(tenant.shared + 1).into())
        );
        let besieged = &row["besieged"];
        assert_eq!(
            (&besieged["times"], &besieged["now"]),
            (&1.into(), &false.into())
        );
        assert_eq!(besieged["seconds"], tenant.minutes * 60);
        assert_eq!((&row["messages"], &row["provable"]), (&1.into(), &1.into()));
    }
    let all: u64 = tenants.iter().map(|tenant| tenant.shared + 1).sum();
    assert_eq!(json["total"]["bounces"]["all"], all);
    assert_eq!(
        (&json["total"]["domain"], &json["total"]["messages"]),
        (&().into(), &6.into())
    );

    let text = site.text(&["tenants", "--limit", "2", "--days", "3"]);
    let (worst, next) = (&tenants[5], &tenants[4]);
    let at = |word: &str| text.find(word).unwrap_or_else(|| panic!("{word}: {text}"));
    assert!(at(&worst.domain) < at(&next.domain), "{text}");
    assert!(!text.contains(&tenants[3].domain), "{text}");
    for words in [
        "  and 4 more domains; use --limit or --json to see more",
        "all of these",
        "6 of your 8 domains had bounces, sieges or outgoing mail; 0 besieged now",
        "1 x, 6h 12m",
        "100.0 %",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 120),
        "{text}"
    );
}

#[test]
fn a_siege_that_goes_on_is_first() {
    let (site, tenants) = hosting("");
    let file = format!("--config={}", site.path("milter.yaml").display());
    let mut on = std::process::Command::new(env!("CARGO_BIN_EXE_backstop"));
    let told = on
        .args([&file, "siege", "on", &tenants[0].domain])
        .output()
        .unwrap();
    assert!(told.status.success(), "{told:?}");
    site.store(|store| {
        store.note_siege(SiegeEvent {
            at: now() - 300,
            domain: tenants[0].domain.parse().ok(),
            begins: true,
        });
        // Its end was lost: the record of this one says that it is over.
        store.note_siege(SiegeEvent {
            at: now() - 200,
            domain: tenants[1].domain.parse().ok(),
            begins: true,
        });
        store.note_siege(SiegeEvent {
            at: now() - 600,
            domain: None,
            begins: true,
        });
        store.note_siege(SiegeEvent {
            at: now() - 480,
            domain: None,
            begins: false,
        });
    });
    let json = site.json(&["tenants"]);
    let first = &json["tenants"][0];
    assert_eq!(first["domain"], *tenants[0].domain);
    assert_eq!(
        (&first["besieged"]["times"], &first["besieged"]["now"]),
        (&2.into(), &true.into())
    );
    let seconds = first["besieged"]["seconds"].as_u64().unwrap();
    assert!(
        (300..360).contains(&(seconds - tenants[0].minutes * 60)),
        "{json}"
    );
    assert_eq!(
        (&json["besieged_domains"], &json["total"]["besieged"]["now"]),
        (&1.into(), &true.into())
    );
    assert_eq!(json["together"]["seconds"], 120);
    let text = site.text(&["tenants"]);
    assert!(text.contains(", now"), "{text}");
    assert!(
        text.contains("all domains together were besieged: 1 x, 2m"),
        "{text}"
    );
}

#[test]
fn coverage_has_the_worst_first() {
    let site = Site::new_with("a.example, b.example, c.example, .example.org", "");
    site.store(|store| {
        let day = now() / 86_400;
        for (domain, made, times) in [
            ("a.example", &[ProofKind::Ledger][..], 10),
            ("b.example", &[], 3),
            ("b.example", &[ProofKind::Ledger], 1),
            ("c.example", &[], 5),
        ] {
            for _ in 0..times {
                for count in CoverageCount::of_outgoing(domain, made, &[]) {
                    store.count(day, count);
                }
            }
        }
    });
    let text = site.text(&["coverage"]);
    let at = |word: &str| text.find(word).unwrap_or_else(|| panic!("{word}: {text}"));
    assert!(at("  c.example\n") < at("  b.example\n"), "{text}");
    assert!(at("  b.example\n") < at("  a.example\n"), "{text}");
    let text = site.text(&["coverage", "--limit", "1"]);
    assert!(
        text.contains("  c.example\n") && !text.contains("  b.example\n"),
        "{text}"
    );
    assert!(
        text.contains("and 2 more domains; use --limit or --json to see more"),
        "{text}"
    );
    assert!(text.contains("more reasons"), "{text}");
    let json = site.json(&["coverage", "--limit", "1"]);
    assert_eq!(json["outgoing"].as_object().unwrap().len(), 3);
    assert_eq!(json["outgoing"]["b.example"]["provable"], 1);
}

/// What thousands have is read in sums.
#[test]
fn many_domains_are_no_trouble() {
    const DOMAINS: u64 = 3_000;
    let names: Vec<String> = (0..DOMAINS)
        .map(|number| format!("d{number:04}.example"))
        .collect();
    let site = Site::new_with(&names.join(", "), "");
    site.store(|store| {
        for (number, name) in names.iter().enumerate() {
            let refused = AttackCount {
                domain: name.clone(),
                ..count(AttackKind::Reason, Fate::Refused, "reject unproven")
            };
            store.count_attack(hour(now()), vec![refused; 1 + number / 1_000]);
        }
    });
    let text = site.text(&["tenants"]);
    assert!(text.contains("and 2980 more domains"), "{text}");
    assert!(
        text.contains("  d2000.example\n") && !text.contains("  d1000.example\n"),
        "{text}"
    );
    let json = site.json(&["tenants"]);
    assert_eq!(json["total"]["bounces"]["refused"], 6_000);
}

#[test]
fn what_makes_no_sense_is_told() {
    let (site, _) = hosting("");
    for (arguments, code, told) in [
        (&["tenants", "--days", "91"][..], 64, "not in 1..=90"),
        (&["tenants", "--limit=-1"], 64, "--limit"),
        (
            &["--html-dir", "pages", "--json"],
            64,
            "cannot be used with",
        ),
        (
            &["--html-dir", "pages", "--domain", "quiet.example"],
            64,
            "cannot be used with",
        ),
        (
            &[
                "--html-dir",
                "pages",
                "--from",
                "2026-02-02",
                "--to",
                "2026-02-01",
            ],
            64,
            "this period is empty",
        ),
        (
            &["--html-dir", "missing/pages"],
            69,
            "missing/pages can't be written: No such file",
        ),
        (
            &["--html-dir", "milter.yaml"],
            69,
            "milter.yaml can't be written: it is not a folder",
        ),
        (&["--html-dir", "/"], 69, "use the name of a folder"),
    ] {
        let output = site.report(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(told), "{arguments:?}: {said}");
    }
}
