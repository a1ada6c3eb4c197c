//! Messages to the clients of several domains: a client in monitor does not disarm the others.

use backstop::core::{
    policy::{Policy, Tag, WasLearned::Yes},
    spf::SpfResult::{self, Fail, None as NoRecord, Pass},
    tenant::TenantAnswers,
};

use super::row;
use crate::scenario::{Scenario, answer, mail, policy};

const SITE: &str = "
mode: enforce
local: {domains: [example.org, example.net], networks: [10.0.0.0/8]}
spf: {trusted_forwarders: [203.0.113.0/24], mail_from: {fail: tag, temperror: tag}}
exempt: {recipients: [abuse]}
null_sender: {extra_recipients: accept}
proof: {unproven: reject, unproven_replies: accept}
siege: {unproven: reject}
";
const DAEMON: &str = "mailer-daemon@mx.example.com";
const BOB: &str = "bob@friend.example";

fn both(one: &TenantAnswers, other: &TenantAnswers) -> [Scenario; 2] {
    let to = |rcpt: &str, row| mail().to(rcpt).tenant(row);
    [to("joe@example.org", one), to("joe@example.net", other)]
}

/// The answer to the second recipient; empty where it may share the transaction.
fn second(policy: &Policy, from: &str, result: SpfResult, pair: &[Scenario; 2]) -> String {
    let sent = |one: &Scenario| one.clone().from(from).spf(result).helo_spf(result);
    let judged = sent(&pair[0]).parts(&sent(&pair[1]), policy);
    judged.map_or(String::new(), |judged| answer(&judged.verdict))
}

/// In either order, for it is the enforcing client's answer that the other takes away.
#[test]
fn a_client_in_monitor_does_not_share_a_suspect_message_with_one_that_refuses() {
    let site = policy(SITE, &[]);
    let monitor = row("mode", "monitor");
    let enforce = row("mode", "enforce");
    let lenient = row("unproven", "accept");
    let tempfail = row("unproven", "tempfail");
    let (file, tagged) = (TenantAnswers::default(), row("unproven", "tag"));
    let alone = row("unproven", "{action: reject, monitor: true}");
    let replies = row("unproven_replies", "reject");
    let rest = row("catch_all", "{mail: tag, bounces: tag}");
    let (shared, parted) = (false, true);
    for (one, other, expected) in [
        (&monitor, &enforce, parted),
        (&monitor, &file, parted),
        (&monitor, &monitor, shared),
        (&enforce, &enforce, shared),
        // The same answers, whoever says so.
        (&enforce, &file, shared),
        (&row("unproven", "reject"), &file, shared),
        // What does nothing is alike.
        (&lenient, &tagged, shared),
        (&lenient, &alone, shared),
        (&lenient, &file, parted),
        (&alone, &file, parted),
        (&tempfail, &file, parted),
        (&replies, &file, parted),
        // It answers at RCPT, each for itself.
        (&rest, &file, shared),
    ] {
        for (one, other) in [(one, other), (other, one)] {
            let pair = both(one, other);
            let what = format!("{one} / {other}");
            let told = match expected {
                true => "tempfail other_answers 452 4.5.3",
                false => "",
            };
            for (from, result) in [("", Pass), ("", NoRecord), (DAEMON, Pass), (BOB, Fail)] {
                assert_eq!(
                    second(&site, from, result, &pair),
                    told,
                    "{from} {result} {what}"
                );
            }
            // Other mail as ever: by a good sender, and by one without a record, where only bounces are refused.
            for result in [Pass, NoRecord] {
                assert_eq!(second(&site, BOB, result, &pair), "", "{result} {what}");
            }
            // Who may forward, and who is not judged.
            for client in ["10.0.0.1", "203.0.113.5"] {
                let pair = pair.clone().map(|one| one.client(client));
                assert_eq!(second(&site, BOB, Fail, &pair), "", "{client} {what}");
            }
        }
    }
}

/// `proof.forged` refuses bounces in an enforcing domain, whatever its `unproven` says; what has a sender it does not refuse.
#[test]
fn a_lenient_client_is_not_disarmed_of_the_rules_that_it_has() {
    let pair = both(&row("mode", "monitor"), &row("unproven", "accept"));
    for (forged, bounces) in [("reject", "tempfail other_answers 452 4.5.3"), ("tag", "")] {
        let site = format!(
            "{SITE}null_sender: {{extra_recipients: accept, never_send: {{addresses: [x], action: tag}}}}"
        );
        let site = site.replace("null_sender: {extra_recipients: accept}\n", "");
        let site = policy(
            &site,
            &[("proof: {", &format!("proof: {{forged: {forged}, "))],
        );
        assert_eq!(second(&site, "", Pass, &pair), bounces, "{forged}");
        assert_eq!(second(&site, BOB, Fail, &pair), "", "{forged}");
    }
}

/// Rules that no client sets part the clients by their modes, where SPF does not pass.
#[test]
fn what_is_refused_after_data_parts_clients_by_their_modes() {
    let (monitor, enforce) = (row("mode", "monitor"), row("mode", "enforce"));
    for (rule, expected) in [
        ("forgery: {header_from: reject}", true),
        ("forgery: {header_from: tag}", false),
        (
            "headers: [{header: Subject, match: casino, when: always, action: reject}]",
            true,
        ),
    ] {
        let site = policy(&format!("{SITE}{rule}\n"), &[]);
        for (one, other) in [(&monitor, &enforce), (&enforce, &monitor)] {
            let pair = both(one, other);
            let told = match expected {
                true => "tempfail other_answers 452 4.5.3",
                false => "",
            };
            assert_eq!(second(&site, BOB, NoRecord, &pair), told, "{rule}");
            assert_eq!(second(&site, BOB, Pass, &pair), "", "{rule}");
        }
    }
    // A file in monitor, and clients that enforce.
    let site = policy(SITE, &[("mode: enforce", "mode: monitor")]);
    for (one, other, expected) in [
        (
            &enforce,
            &TenantAnswers::default(),
            "tempfail other_answers 452 4.5.3",
        ),
        (
            &TenantAnswers::default(),
            &enforce,
            "tempfail other_answers 452 4.5.3",
        ),
        (&TenantAnswers::default(), &monitor, ""),
        (&enforce, &enforce, ""),
    ] {
        assert_eq!(
            second(&site, "", Pass, &both(one, other)),
            expected,
            "{one} / {other}"
        );
    }
}

/// What a siege refuses differs where both are besieged; that one is, parts them as it does without rows.
#[test]
fn answers_to_a_siege_part_where_both_are_besieged() {
    let site = policy(
        SITE,
        &[(
            "{unproven: reject, unproven_replies",
            "{unproven: tag, unproven_replies",
        )],
    );
    let (lenient, file) = (row("siege.unproven", "accept"), TenantAnswers::default());
    let none = [false, false];
    for (one, other, besieged, expected) in [
        (
            &lenient,
            &file,
            [true, true],
            "tempfail other_answers 452 4.5.3",
        ),
        (&lenient, &file, none, ""),
        (&lenient, &lenient, [true, true], ""),
        (
            &file,
            &file,
            [true, false],
            "tempfail other_recipients 452 4.5.3",
        ),
        (
            &file,
            &file,
            [false, true],
            "tempfail other_recipients 452 4.5.3",
        ),
        (&file, &file, none, ""),
    ] {
        let [first, next] = both(one, other);
        let siege = |one: Scenario, is: bool| match is {
            true => one.besieged(Yes),
            false => one,
        };
        let pair = [siege(first, besieged[0]), siege(next, besieged[1])];
        assert_eq!(
            second(&site, "", Pass, &pair),
            expected,
            "{one} / {other} {besieged:?}"
        );
    }
}

/// Who is exempt in both has the same answer, whatever the rest of the domain gets; a proven bounce has it, too.
#[test]
fn who_is_refused_nothing_is_not_parted() {
    let site = policy(SITE, &[]);
    let pair = both(&row("unproven", "accept"), &TenantAnswers::default());
    let to = |local: &str| {
        let [one, other] = pair.clone();
        [
            one.to(format!("{local}@example.org")),
            other.to(format!("{local}@example.net")),
        ]
    };
    for (pair, expected) in [
        (to("abuse"), ""),
        (to("postmaster"), ""),
        (to("joe"), "tempfail other_answers 452 4.5.3"),
        (to("joe").map(|one| one.tag(Tag::Valid)), ""),
    ] {
        assert_eq!(second(&site, "", Pass, &pair), expected, "{pair:?}");
    }
}
