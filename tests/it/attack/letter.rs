//! The letter for those who hold us responsible.

use std::process::Output;

use backstop::core::{
    attack::{Fate, hour},
    proof::{ProofKind, coverage::CoverageCount},
};
use lab::dns::Server;
use tokio::runtime::Runtime;

use super::{Site, account, bounce, origins};
use crate::bounce::now;

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn it_says_what_was_counted_and_nothing_else() {
    let runtime = Runtime::new().unwrap();
    let dns = runtime.block_on(Server::start(origins::zone()));
    let site = Site::asking(dns.addr(), origins::DOMAINS);
    let this_hour = hour(now());
    site.store(|store| {
        for (host, networks) in [("203.0.113.77", 7), ("203.0.113.78", 2), ("203.0.113.9", 3)] {
            store.count_attack(this_hour, origins::named("example.org", host, networks));
        }
        for number in 0..5 {
            let host = format!("198.18.{number}.1");
            let joe = "joe@example.org";
            let refused = bounce(Fate::Refused, "reject unproven", "unproven", &host, joe);
            store.count_attack(this_hour - 2, refused);
        }
        let proven = bounce(
            Fate::Proven,
            "accept batv",
            "batv",
            "192.0.2.25",
            "jane@example.org",
        );
        store.count_attack(this_hour, proven);
        for _ in 0..4 {
            for count in CoverageCount::of_outgoing("example.org", &[ProofKind::Ledger], &[]) {
                store.count(now() / 86_400, count);
            }
        }
    });
    let (code, text, said) = told(&site.report(&["letter", "--since", "1d"]));
    assert_eq!(code, Some(0), "{said}");
    for words in [
        "Subject: Mail with forged senders in the name of example.org",
        "18 bounces came to our addresses. 17 of them did not prove",
        "17  refused\n",
        "The worst hour began at ",
        "\n         7          7  203.0.113.77\n",
        "make sure that they are not ours: 1.",
        "3 of the bounces name a host of ours (203.0.113.9)",
        "messages left",
        "100.0 % of them",
        "1 other bounces did return mail of ours",
        "No sender of ours had a flood",
        "17 of the bounces were refused",
        "Postmaster of example.org",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // Who was named by two networks only, and what was not counted, is not in it.
    for words in [
        "203.0.113.78",
        "No bounce names a host of ours",
        "{",
        "}",
        "\x1b",
    ] {
        assert!(!text.contains(words), "{words}: {text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    assert!(said.contains("nothing was sent"), "{said}");
    let json = site.json(&["letter", "--since", "1d", "--domain", "example.org"]);
    assert_eq!(json["domain"], "example.org");
    assert!(
        json["text"]
            .as_str()
            .unwrap()
            .contains("Postmaster of example.org")
    );
    // Nothing came to this one.
    let (code, text, said) = told(&site.report(&["letter", "--domain", "open.example"]));
    assert_eq!((code, text.as_str()), (Some(1), ""), "{said}");
    assert!(said.contains("nothing to say"), "{said}");

    site.store(|store| store.count_attack(this_hour, account(40)));
    let (code, text, said) = told(&site.report(&["letter"]));
    assert_eq!((code, text.as_str()), (Some(1), ""), "{said}");
    assert!(
        said.contains("account_suspected: joe@example.org: 40 proven bounces")
            && said.contains("--force"),
        "{said}"
    );
    let (code, text, said) = told(&site.report(&["letter", "--force"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(
        text.contains("An account of ours may have been abused"),
        "{text}"
    );
    assert!(!text.contains("No sender of ours had a flood"), "{text}");
}
