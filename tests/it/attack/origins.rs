//! Who sent in our name, and whether that was us: SPF is asked over the wire.

use std::fs;

use backstop::core::attack::{AttackCount, AttackKind, Fate, Octets, Sample, hour};
use lab::dns::{Fault, Scope, Server, Zone};
use mail_parser::MessageParser;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{Site, exported::types};
use crate::{
    bounce::now,
    browser::{Scheme, looked_at},
    store::attack::count,
};

/// Counts of bounces to this domain that name this host, each from another network.
pub fn named(domain: &str, host: &str, networks: u64) -> Vec<AttackCount> {
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

pub fn zone() -> Zone {
    Zone::new()
        .txt(
            "example.org",
            "v=spf1 ip4:203.0.113.9 include:service.example ?all",
        )
        .txt("service.example", "v=spf1 ip4:203.0.113.32/28 -all")
        .txt("open.example", "v=spf1 +all")
        .txt("broken.example", "v=spf1 ip4:nonsense -all")
        .fault("silent.example", Scope::Every, Fault::Servfail)
}

pub const DOMAINS: &str = "local: {domains: [example.org, open.example, broken.example, silent.example], networks: [192.0.2.0/24]}\n";

#[test]
fn hosts_that_spf_names_are_ours_and_nobody_is_accused_without_it() {
    let runtime = Runtime::new().unwrap();
    let dns = runtime.block_on(Server::start(zone()));
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
        store.count_attack(hour(now()), super::account(40));
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
    let page = fs::read_to_string(site.path("page.html")).unwrap();
    for (width, scheme) in [(1000, Scheme::Light), (360, Scheme::Dark)] {
        let found = looked_at(&page, width, scheme, "return {};");
        let text = found["text_of_page"].as_str().unwrap();
        for words in [
            "Accounts that may be abused: 1",
            "joe@example.org: 40 proven bounces from 40 networks",
            "through your own hosts: SPF of example.org names it",
            "perhaps yours: SPF of silent.example could not be asked",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}

/// A bounce of this host that returns mail of this origin.
fn sample(origin: &str, reporter: &str, forged: &str) -> Sample {
    let body = format!(
        "--b\r\nContent-Type: message/rfc822\r\n\r\n\
         Received: from pc.bot.example (unknown [{origin}])\r\n\tby mx.far.example (Postfix) with ESMTP id 1\r\n\tfor \
         <victim@stranger.example>; Mon, 30 Nov 2026 10:00:00 +0000\r\n\
         Received: from inner (inner [192.0.2.200]) by pc.bot.example\r\n\
         From: <{forged}>\r\nTo: \"Vic\" <victim@stranger.example>, other.victim@third.example\r\n\
         Message-ID: <pills.1@bot.example>\r\nSubject: pills for victim@stranger.example\r\n\r\npills\r\n--b--\r\n"
    );
    Sample {
        client: reporter.parse().unwrap(),
        name: Some("mx.far.example".to_owned()),
        recipients: vec![Octets(forged.as_bytes().to_vec())],
        headers: Octets(
            b"From: MAILER-DAEMON@mx.far.example\r\nSubject: failure\r\nContent-Type: multipart/report; \
              report-type=delivery-status; boundary=b\r\n"
                .to_vec(),
        ),
        body: Octets(body.into_bytes()),
        cut: false,
        ..super::sample(now() - 60)
    }
}

/// A report about an origin accuses a host that three networks name, and nobody who may be ours or passes mail on.
#[test]
fn strangers_that_three_networks_name_are_reported_to_their_desk() {
    let runtime = Runtime::new().unwrap();
    let zone = zone()
        .txt("forwarder.example", "v=spf1 ip4:203.0.113.83 -all")
        .txt("lists.example", "v=spf1 ip4:203.0.113.86 -all")
        .txt("77.113.0.203.contacts.example", "abuse@isp.example")
        .fault(
            "76.113.0.203.contacts.example",
            Scope::Every,
            Fault::Servfail,
        );
    let dns = runtime.block_on(Server::start(zone));
    let yaml = format!(
        "{DOMAINS}report: {{keep_samples: true, abuse_contacts: contacts.example}}\n\
         spf: {{trusted_forwarders: [203.0.113.82, forwarder.example]}}\nexempt: {{clients: [203.0.113.84]}}\n\
         forgery: {{mailing_lists: [lists.example]}}\n"
    );
    let site = Site::asking(dns.addr(), &yaml);
    // The host, by how many networks, and what is said of it; none where it is reported.
    let cases = [
        ("example.org", "203.0.113.75", 3, None),
        ("example.org", "203.0.113.76", 3, None),
        ("example.org", "203.0.113.77", 4, None),
        (
            "example.org",
            "203.0.113.81",
            2,
            Some("2 networks name it; 3 have to"),
        ),
        (
            "example.org",
            "203.0.113.82",
            3,
            Some("it is in spf.trusted_forwarders"),
        ),
        (
            "example.org",
            "203.0.113.83",
            3,
            Some("it forwards for forwarder.example, as SPF says"),
        ),
        (
            "example.org",
            "203.0.113.86",
            3,
            Some("it forwards for lists.example, as SPF says"),
        ),
        ("example.org", "203.0.113.84", 3, Some("it is exempt")),
        (
            "example.org",
            "192.0.2.7",
            3,
            Some("through your own hosts"),
        ),
        (
            "example.org",
            "203.0.113.9",
            3,
            Some("through your own hosts: SPF of example.org names it"),
        ),
        (
            "silent.example",
            "203.0.113.80",
            3,
            Some("perhaps yours: SPF of silent.example could not be asked"),
        ),
        (
            "example.org",
            "203.0.113.85",
            3,
            Some("no kept sample returns mail of it"),
        ),
    ];
    site.store(|store| {
        for (at, (domain, host, networks, _)) in cases.into_iter().enumerate() {
            store.count_attack(hour(now()), named(domain, host, networks));
            if host != "203.0.113.85" {
                let reporter = format!("198.18.{at}.1");
                store.keep_sample(sample(host, &reporter, &format!("joe@{domain}")));
            }
        }
    });
    site.text(&["--export", "reports"]);
    let folder = site.path("reports");
    let list = fs::read_to_string(folder.join("README.txt")).unwrap();
    let mut reports: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("origin-"))
        .collect();
    reports.sort();
    let reported: Vec<&str> = cases
        .iter()
        .filter(|(_, _, _, why)| why.is_none())
        .map(|(_, host, ..)| *host)
        .collect();
    assert_eq!(reports.len(), reported.len(), "{reports:?}\n{list}");
    for (_, host, _, why) in cases {
        match why {
            Some(why) => assert!(
                list.contains(&format!("  {host}: {why}\n")),
                "{host}: {list}"
            ),
            None => assert!(
                reports.iter().any(|name| name.contains(host)),
                "{host}: {list}"
            ),
        }
    }
    for words in [
        "to abuse@isp.example, as contacts.example says",
        "no To: contacts.example knows no address",
        "no To: contacts.example did not answer",
    ] {
        assert!(list.contains(words), "{words}: {list}");
    }
    for name in &reports {
        let octets = fs::read(folder.join(name)).unwrap();
        let message = MessageParser::default().parse(&octets).unwrap();
        let expected = [
            "multipart/report",
            "text/plain",
            "message/feedback-report",
            "text/rfc822-headers",
        ];
        assert_eq!(types(&message), expected);
        let text = String::from_utf8(octets).unwrap();
        // RFC 6590: nobody's address is in it.
        for word in ["victim@", "joe@", "other.victim", "pills.1@"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
        assert!(text.contains("@stranger.example") && text.contains("Feedback-Type: abuse\r\n"));
        let is_known = text.contains("Source-IP: 203.0.113.77\r\n");
        assert_eq!(text.contains("To: <abuse@isp.example>"), is_known, "{text}");
        if is_known {
            assert!(text.contains("Incidents: 4\r\n"), "{text}");
        }
    }
}
