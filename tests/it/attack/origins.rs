//! Who sent in our name, and whether that was us: SPF is asked over the wire.

use backstop::core::attack::{AttackCount, AttackKind, Fate, hour};
use lab::dns::{Fault, Scope, Server, Zone};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::Site;
use crate::{bounce::now, store::attack::count};

/// Counts of bounces to this domain that name this host, each from another network.
fn named(domain: &str, host: &str, networks: u64) -> Vec<AttackCount> {
    let named = (0..networks).flat_map(|network| {
        let texts = [
            (AttackKind::Reason, "reject unproven".to_owned()),
            (AttackKind::Proof, "unproven".to_owned()),
            (
                AttackKind::Origin,
                format!("{host} reported 198.18.{network}.0/24"),
            ),
        ];
        texts.map(|(kind, text)| AttackCount {
            domain: domain.to_owned(),
            ..count(kind, Fate::Refused, &text)
        })
    });
    named.collect()
}

fn server(runtime: &Runtime) -> Server {
    let zone = Zone::new()
        .txt(
            "example.org",
            "v=spf1 ip4:203.0.113.9 include:service.example ?all",
        )
        .txt("service.example", "v=spf1 ip4:203.0.113.32/28 -all")
        .txt("open.example", "v=spf1 +all")
        .txt("broken.example", "v=spf1 ip4:nonsense -all")
        .fault("silent.example", Scope::Every, Fault::Servfail);
    runtime.block_on(Server::start(zone))
}

const DOMAINS: &str = "local: {domains: [example.org, open.example, broken.example, silent.example], networks: [192.0.2.0/24]}\n";

#[test]
fn hosts_that_spf_names_are_ours_and_nobody_is_accused_without_it() {
    let runtime = Runtime::new().unwrap();
    let dns = server(&runtime);
    let site = Site::asking(dns.addr(), DOMAINS);
    let cases = [
        (
            "example.org",
            "192.0.2.7",
            true,
            "local",
            "through your own hosts",
        ),
        (
            "example.org",
            "203.0.113.9",
            true,
            "named_by_spf",
            "through your own hosts: SPF of example.org names it",
        ),
        (
            "example.org",
            "203.0.113.33",
            true,
            "named_by_spf",
            "through your own hosts: SPF of example.org names it",
        ),
        ("example.org", "203.0.113.77", false, "stranger", ""),
        // It names everybody.
        ("open.example", "203.0.113.78", false, "stranger", ""),
        (
            "broken.example",
            "203.0.113.79",
            false,
            "spf_unanswered",
            "perhaps yours: SPF of broken.example could not be asked",
        ),
        (
            "silent.example",
            "203.0.113.80",
            false,
            "spf_unanswered",
            "perhaps yours: SPF of silent.example could not be asked",
        ),
    ];
    site.store(|store| {
        for (domain, host, ..) in cases {
            store.count_attack(hour(now()), named(domain, host, 3));
        }
        // It forged a domain that does not name it, too.
        store.count_attack(hour(now()), named("open.example", "203.0.113.9", 1));
    });
    let (text, json) = (site.text(&[]), site.json(&[]));
    let top = json["origins"]["top"].as_array().unwrap();
    let address = |origin: &Value| origin["address"].as_str().unwrap().to_owned();
    for (_, host, ours, whose, words) in cases {
        let found = top.iter().find(|origin| address(origin) == host).unwrap();
        assert_eq!(
            (&found["ours"], &found["whose"]),
            (&ours.into(), &whose.into()),
            "{host}"
        );
        let line = text
            .lines()
            .find(|line| line.contains(&format!("  {host}")));
        let line = line.unwrap_or_else(|| panic!("{host}: {text}"));
        match words {
            "" => assert!(line.ends_with(host), "{line}"),
            words => assert!(line.ends_with(&format!("{host} ({words})")), "{line}"),
        }
    }
    // Ours are first.
    let first: Vec<bool> = top.iter().map(|origin| origin["ours"] == true).collect();
    assert!(first.is_sorted_by(|one, other| one >= other), "{text}");
    site.text(&["--html", "page.html"]);
    let page = std::fs::read_to_string(site.path("page.html")).unwrap();
    assert!(page.contains("perhaps yours: SPF of silent.example could not be asked"));
}
