//! What `explain` shows of each check, as a table.

use backstop::core::{
    outside::Outside,
    policy::Policy,
    proof::{
        ProofKind,
        batv::Layout,
        evidence::{Evidence, ProofResult},
    },
    spf::SpfResult,
};

use crate::scenario::{self, Scenario, mail, policy_with_keys, tagged, wrong};

const SITE: &str = "
mode: enforce
local: {domains: [example.org], networks: [10.0.0.0/8]}
proof: {batv: {sign: true}, ledger: {remember: true}, weak_evidence: ignore}
";

/// Every check of every stage that it comes to: its name, and what it found.
fn shown(policy: &Policy, sent: &Scenario) -> Vec<String> {
    let stages = sent.stages(policy);
    let later = [stages.data, stages.headers, stages.content];
    let all = [Some(stages.rcpt)].into_iter().chain(later).flatten();
    let checks = all.flat_map(|judgement| judgement.checks);
    let line = |name: &str, finding: &str| format!("{name}: {finding}");
    checks
        .map(|check| line(check.name, &check.finding))
        .collect()
}

/// A bounce to an address without a tag.
fn bounce(result: ProofResult) -> Scenario {
    scenario::bounce().found(ProofKind::Dkim, result)
}

#[test]
fn each_check_says_what_it_found() {
    let policy = policy_with_keys(
        SITE,
        &[("proof: {", "proof: {key_file: /etc/backstop/keys, ")],
    );
    let unsigned = policy_with_keys(
        SITE,
        &[(
            "{sign: true}, ledger: {remember: true}",
            "{sign: false}, ledger: {remember: false}, dkim: {verify: false}",
        )],
    );
    let with_wrong_tag = || {
        let tagged = tagged("info@example.org", 0, Layout::Prvs);
        scenario::bounce().to(wrong(&tagged))
    };
    let nobody = |headers| mail().from("").headers(headers);
    let cut = Evidence {
        cut: true,
        ..Evidence::default()
    };
    for (sent, expected) in [
        (mail(), "direction: incoming"),
        (mail().login(), "direction: outgoing (the client logged in)"),
        (
            mail().client("10.1.2.3"),
            "direction: outgoing (the client is in local.networks)",
        ),
        (
            mail().client("this host"),
            "direction: outgoing (no SMTP client sent it)",
        ),
        (mail(), "spf.helo: mx.example.com: none"),
        (
            mail().spf(SpfResult::Softfail),
            "spf.mail_from: example.com: softfail",
        ),
        (
            with_wrong_tag(),
            "proof.batv: the tag in the address was not made here; what it returns may prove it",
        ),
        (
            with_wrong_tag().sent_with_tag(Ok(true)),
            "proof.batv: the tag in the address was not made here; but mail was sent with it",
        ),
        (
            with_wrong_tag().sent_with_tag(Err(Outside::Store)),
            "proof.batv: the tag in the address was not made here; the store did not answer, which knows whether something else may prove it",
        ),
        // What the search says of each proof.
        (bounce(ProofResult::Absent), "proof.dkim: "),
        (
            bounce(ProofResult::Absent),
            "proof.unproven: nothing in it proves that it answers a message of ours",
        ),
        (
            bounce(ProofResult::Absent).evidence(cut),
            "proof.unproven: nothing in it proves that it answers a message of ours; only a part of it was read",
        ),
        (
            bounce(ProofResult::Replayed),
            "proof.unproven: the message it returns is ours, but has been returned too often",
        ),
        (
            bounce(ProofResult::Repeated),
            "proof.replay_limit: it is proven, and was accepted minutes ago",
        ),
        (
            bounce(ProofResult::Unanswered(Outside::Dns)),
            "proof.unproven: nothing proves it so far, and DNS did not answer",
        ),
        (
            nobody("Subject: hello\n"),
            "null_sender.not_a_notification: null sender, and nothing in the headers says that it is a notification",
        ),
        (
            nobody("Precedence: bulk\n"),
            "null_sender.not_a_notification: null sender, and nothing in the headers says that it is a notification: Precedence(bulk) is a sign that newsletters have, too",
        ),
        (
            nobody("Precedence: bulk\nIn-Reply-To: <1@list.example>\n"),
            "null_sender.not_a_notification: null sender, and nothing in the headers says that it is a notification: Precedence(bulk) and InReplyTo are signs that newsletters have, too",
        ),
    ] {
        let lines = shown(&policy, &sent);
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}\n{lines:#?}"
        );
    }
    let expected =
        "proof.unproven: nothing proves it; but nothing is put into outgoing mail that could";
    let lines = shown(&unsigned, &bounce(ProofResult::Absent));
    assert!(lines.iter().any(|line| line == expected), "{lines:#?}");
}

/// It is told where it may matter: there is some, and nothing better.
#[test]
fn weak_evidence_is_told() {
    let policy = policy_with_keys(
        SITE,
        &[("proof: {", "proof: {key_file: /etc/backstop/keys, ")],
    );
    let told = "proof.weak_evidence: sender; proof.weak_evidence is ignore";
    for (sent_lately, result, expected) in [
        (true, ProofResult::Absent, Some(told)),
        (true, ProofResult::Counts, None),
        (false, ProofResult::Absent, None),
        (false, ProofResult::Counts, None),
    ] {
        let lines = shown(&policy, &bounce(result).sent_lately(Ok(sent_lately)));
        let found = lines.iter().find(|line| line.contains("weak_evidence"));
        assert_eq!(
            found.map(String::as_str),
            expected,
            "{sent_lately} {result:?}"
        );
    }
}
