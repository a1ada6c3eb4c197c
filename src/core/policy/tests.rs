//! What is true of a site before any mail comes.

use std::path::Path;

use super::*;
use crate::core::verdict::{Action, Rule};

fn policy(yaml: &str) -> Policy {
    crate::config::parse(Path::new("m.yaml"), yaml)
        .unwrap()
        .policy
}

/// A stranger who comes by a private address is likely behind a proxy, unless the file names that address.
#[test]
fn a_proxy_that_hides_strangers_is_noticed() {
    let policy = policy(
        "local: {domains: [example.org], networks: [10.0.0.0/8]}\n\
         spf: {trusted_forwarders: [172.16.0.0/12]}\n\
         exempt: {clients: [192.168.7.0/24]}\n",
    );
    for (address, hides) in [
        ("192.168.1.1", true),
        ("169.254.1.1", true),
        ("fd00::1", true),
        ("192.168.7.1", false),
        ("172.16.3.4", false),
        ("10.1.1.1", false),
        ("192.0.2.1", false),
        ("2001:db8::1", false),
        ("unknown", false),
    ] {
        let client = Client {
            address: address.parse().ok(),
            ..Client::default()
        };
        let expected = client.address.filter(|_| hides);
        assert_eq!(policy.hides_strangers(&client), expected, "{address}");
    }
}

/// Content is read where it may prove something, or show who reports, or whose From: is; without a domain of ours, neither matters.
#[test]
fn content_is_read_for_a_reason() {
    let mut policy = policy("local: {domains: [example.org]}");
    policy.proof.ledger.remember = false;
    for (verify, reports, from, reads) in [
        (false, Action::Accept, Action::Accept, false),
        (true, Action::Accept, Action::Accept, true),
        (false, Action::Tag, Action::Accept, true),
        (false, Action::Accept, Action::Tag, true),
        (false, Action::Accept, Action::Reject, true),
        (true, Action::Tag, Action::Tag, true),
    ] {
        policy.proof.dkim.verify = verify;
        policy.null_sender.unauthenticated_reports = Rule::new(reports);
        policy.forgery.header_from = Rule::new(from);
        assert_eq!(policy.reads_content(), reads, "{verify} {reports} {from}");
        let nobodys = Policy {
            local: Local::default(),
            ..policy.clone()
        };
        assert!(!nobodys.reads_content(), "{verify} {reports} {from}");
    }
}

/// The words of the log.
#[test]
fn a_tag_has_a_word_where_it_says_something() {
    for (tag, word) in [
        (Tag::Valid, Some("valid")),
        (Tag::Expired(Otherwise::Nothing), Some("expired")),
        (Tag::Wrong(Otherwise::Content), Some("wrong")),
        (Tag::Unverified, Some("wrong")),
        (Tag::Foreign(Otherwise::Nothing), None),
        (Tag::Irrelevant, None),
    ] {
        assert_eq!(tag.as_str(), word, "{tag:?}");
    }
}

/// How often one message proves bounces: to each recipient once, but some where it went to few; and ours alone proves few.
#[test]
fn a_proof_counts_so_often() {
    let mut proof = policy("local: {domains: [example.org]}").proof;
    for (set, recipients, limit, unlisted) in
        [(0, 1, 5, 5), (0, 500, 500, 5), (3, 500, 3, 3), (9, 1, 9, 5)]
    {
        proof.replay_limit = set;
        let found = (proof.replay_limit(recipients), proof.unlisted_limit());
        assert_eq!(found, (limit, unlisted), "{set} {recipients}");
    }
}
