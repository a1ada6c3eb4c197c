//! Bounces to addresses with a tag, as tables: what becomes of them at RCPT, and why.

use backstop::core::{
    policy::Policy,
    proof::{Keys, ProofKind, batv::Layout, evidence::Outcome},
    spf::SpfResult::{Fail, Temperror},
};

use crate::scenario::{self, Scenario, answer, policy_with_keys, wrong as with_wrong_digit};

const SITE: &str = "
mode: enforce
local: {domains: [example.org], networks: [10.0.0.0/8]}
null_sender:
  never_send: [noreply@example.org]
  exempt: {clients: [192.0.2.77]}
exempt: {clients: [192.0.2.99], recipients: [abuse]}
recipients:
  - domain: example.org
    known: [{addresses: [jane]}]
    rules: [{match: 'old-.*', mail: reject, bounces: reject}]
    catch_all: {mail: accept, bounces: reject}
dnsbl: [{zone: ips.backscatterer.org, action: reject}]
proof:
  key_file: /etc/backstop/keys
  batv:
    sign: true
    guess_limit: 5
";

fn policy(changes: &[(&str, &str)]) -> Policy {
    policy_with_keys(SITE, changes)
}

fn tagged(address: &str, days_ago: u64) -> String {
    scenario::tagged(address, days_ago, Layout::Prvs)
}

fn wrong(address: &str) -> String {
    with_wrong_digit(&tagged(address, 0))
}

/// A bounce against which nothing else speaks.
fn bounce() -> Scenario {
    scenario::bounce().listed(&["jane"])
}

fn outcome(policy: &Policy, sent: &Scenario) -> String {
    answer(&sent.at_rcpt(policy).verdict)
}

fn holds(policy: &Policy, table: Vec<(Scenario, &str)>) {
    for (number, (sent, expected)) in table.into_iter().enumerate() {
        let found = outcome(policy, &sent);
        assert_eq!(found, expected, "row {number}: {sent:?}");
    }
}

#[test]
fn a_bounce_proves_itself_by_its_tag() {
    let to = |rcpt: String| bounce().to(rcpt);
    holds(
        &policy(&[]),
        vec![
            (to(tagged("jane@example.org", 0)), "accept batv"),
            (to(tagged("jane@example.org", 7)), "accept batv"),
            (
                to(tagged("jane@example.org", 8)),
                "reject batv_expired 550 5.7.1",
            ),
            (to(wrong("jane@example.org")), "reject batv_wrong 550 5.7.1"),
            // Without a tag it is judged as before.
            (to("jane@example.org".to_owned()), "accept nothing_found"),
            (
                to("x@example.org".to_owned()),
                "reject catch_all_bounce 550 5.7.1",
            ),
        ],
    );
}

/// Whoever sent mail gets its bounces, whatever the rules for bounces say of his address.
#[test]
fn what_bounces_are_refused_for_does_not_apply_to_proven_ones() {
    let policy = policy(&[]);
    for address in ["noreply@example.org", "x@example.org", "jane@example.org"] {
        let to = |rcpt| bounce().to(rcpt);
        let proven = to(tagged(address, 0)).blocklisted().helo_spf(Temperror);
        assert_eq!(outcome(&policy, &proven), "accept batv", "{address}");
        assert_eq!(
            outcome(&policy, &to(wrong(address))),
            "reject batv_wrong 550 5.7.1"
        );
    }
    // What nobody may send to, nobody may.
    let closed = bounce().to(tagged("old-x@example.org", 0));
    assert_eq!(outcome(&policy, &closed), "reject rule_mail 550 5.7.1");
    // A client whose HELO is somebody else's is refused with any proof.
    let forged = bounce().to(tagged("jane@example.org", 0)).helo_spf(Fail);
    assert_eq!(outcome(&policy, &forged), "reject spf_helo_fail 550 5.7.23");
}

/// What the log and the reply say of it.
#[test]
fn a_bounce_that_had_to_have_a_tag_is_told_what_is_missing() {
    let policy = policy(&[("guess_limit: 5", "guess_limit: 5\n    required: true")]);
    for lately in [true, false] {
        let sent = bounce().to("jane@example.org").sent_lately(Ok(lately));
        let data = sent.stages(&policy).data.expect("it is refused before");
        let Some(Outcome::Unproven(unproven)) = data.verdict.proof else {
            panic!("{data:?}");
        };
        assert_eq!(unproven.weak.sender, lately);
        assert_eq!(unproven.missing.domain, "example.org".parse().ok());
        assert_eq!(unproven.missing.proofs, policy.proof.made());
        assert!(unproven.missing.proofs.contains(&ProofKind::Batv));
    }
}

#[test]
fn who_is_exempt_stays_so() {
    let exempt = |client, rcpt| bounce().client(client).to(rcpt).wrong_before(100);
    let jane = || wrong("jane@example.org");
    holds(
        &policy(&[]),
        vec![
            (
                exempt("192.0.2.1", wrong("postmaster@example.org")),
                "accept exempt_postmaster",
            ),
            (
                exempt("192.0.2.1", wrong("abuse@example.org")),
                "accept exempt_recipient",
            ),
            (exempt("192.0.2.99", jane()), "accept exempt_client"),
            (exempt("192.0.2.77", jane()), "accept nothing_found"),
            (exempt("10.0.0.1", jane()), "accept outgoing_network"),
        ],
    );
}

#[test]
fn mail_to_a_tagged_address_proves_nothing_and_need_not() {
    let policy = policy(&[]);
    for rcpt in [
        tagged("jane@example.org", 0),
        tagged("jane@example.org", 500),
        wrong("jane@example.org"),
        "jane@example.org".to_owned(),
    ] {
        let sent = bounce().from("bob@example.com").to(rcpt).wrong_before(100);
        assert_eq!(outcome(&policy, &sent), "accept nothing_found");
        let mailbox = sent.addressed(&policy).recipient.mailbox;
        assert_eq!(mailbox.to_bytes(), b"jane@example.org");
    }
}

#[test]
fn tags_of_others_are_left_alone() {
    let ours = tagged("jane@example.com", 0);
    for rcpt in [
        "prvs=jane=0123abcdef@example.org",
        "btv1==0123abcdef==jane@example.org",
        "msprvs1=0123abcdef=jane@example.org",
        "SRS0=HHH=TT=example.com=jane@example.org",
        "SRS1=HHH=example.com==HHH=TT=example.net=jane@example.org",
        &ours,
    ] {
        let sent = bounce().to(rcpt);
        let addressed = sent.addressed(&policy(&[]));
        assert_eq!(addressed.tag, None, "{rcpt}");
        assert!(!addressed.is_untagged(), "{rcpt}");
    }
}

#[test]
fn who_guesses_is_not_listened_to() {
    let guess = |wrong_before, rcpt| bounce().wrong_before(wrong_before).to(rcpt);
    let right = || tagged("jane@example.org", 0);
    holds(
        &policy(&[]),
        vec![
            (guess(4, right()), "accept batv"),
            (guess(5, right()), "tempfail batv_guessed 450 4.7.1"),
            (
                guess(5, wrong("jane@example.org")),
                "tempfail batv_guessed 450 4.7.1",
            ),
            (
                guess(5, "jane@example.org".to_owned()),
                "accept nothing_found",
            ),
        ],
    );
    let endless = policy(&[("guess_limit: 5", "guess_limit: 0")]);
    holds(&endless, vec![(guess(1000, right()), "accept batv")]);
}

#[test]
fn the_answer_to_forged_ones_is_the_files_to_say() {
    let bounce = |wrong_before| {
        bounce()
            .to(wrong("jane@example.org"))
            .wrong_before(wrong_before)
    };
    for (from, to, wrong, guessed) in [
        (
            "proof:\n",
            "proof:\n  forged: tag\n",
            "tag batv_wrong",
            "tag batv_guessed",
        ),
        (
            "proof:\n",
            "proof:\n  forged: {action: reject, monitor: true}\n",
            "tag batv_wrong would=reject",
            "tag batv_guessed would=tempfail",
        ),
        (
            "mode: enforce",
            "mode: monitor",
            "tag batv_wrong would=reject",
            "tag batv_guessed would=tempfail",
        ),
        (
            "proof:\n",
            "proof:\n  forged: accept\n",
            "accept nothing_found",
            "accept nothing_found",
        ),
    ] {
        let policy = policy(&[(from, to)]);
        holds(&policy, vec![(bounce(0), wrong), (bounce(5), guessed)]);
    }
}

/// Without keys there are no tags of ours, and an address that looks like one is an address.
#[test]
fn without_keys_nothing_changes() {
    let mut policy = policy(&[]);
    policy.proof.keys = Keys::default();
    let addressed = bounce()
        .to(tagged("jane@example.org", 0))
        .addressed(&policy);
    assert_eq!(addressed.tag, None);
    assert!(!addressed.is_untagged());
}
