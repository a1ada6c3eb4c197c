//! What is answered while a domain is besieged, as tables; and what the sensors take notice of.

use backstop::core::{
    address::Mailbox,
    envelope::{Client, Recipient},
    outside::Unanswered as NoAnswer,
    policy::{
        Policy, Tag,
        WasLearned::{No, Unanswered, Yes},
    },
    proof::{
        Key, Keys, ProofKind,
        evidence::{Outside, ProofResult},
    },
    recipients::Known,
    reply::Reply,
    siege::Hit,
    spf::SpfResult::Temperror,
    verdict::{Reason, Verdict},
};

use crate::scenario::{self, Scenario, answer, mail, words};

const SITE: &str = "
mode: enforce
local: {domains: [example.org], networks: [10.0.0.0/8]}
exempt: {recipients: [abuse]}
null_sender: {exempt: {clients: [192.0.2.77]}, never_send: [noreply@example.org]}
recipients:
  - domain: example.org
    known: [{addresses: [jane]}]
    rules: [{match: 'shop-.*', mail: accept, bounces: accept}]
    catch_all: {mail: accept, bounces: accept}
dnsbl: [{zone: ips.backscatterer.org, action: tag}]
proof: {unproven: tag}
";

fn policy(changes: &[(&str, &str)]) -> Policy {
    scenario::policy(SITE, changes)
}

/// A bounce to somebody whom nobody knows, under siege.
fn bounce() -> Scenario {
    scenario::bounce()
        .to("joe@example.org")
        .listed(&["jane"])
        .besieged(No)
}

fn unreadable() -> Known {
    Known::Unanswered(NoAnswer::directory("no such file"))
}

fn at_rcpt(sent: &Scenario, policy: &Policy) -> String {
    answer(&sent.at_rcpt(policy).verdict)
}

#[test]
fn the_catch_all_is_closed_to_all_but_those_who_were_known_or_learned() {
    let policy = policy(&[]);
    let mail = bounce().from("bob@friend.example");
    for (asked, outcome) in [
        (bounce(), "reject siege_catch_all_bounce 550 5.7.1"),
        (bounce().siege(false), "accept nothing_found"),
        (bounce().besieged(Yes), "accept nothing_found"),
        // The store does not tell: nobody is refused for that.
        (
            bounce().besieged(Unanswered),
            "tempfail siege_catch_all_bounce 450 4.7.1",
        ),
        // A list does not tell: he may be on it.
        (
            bounce().known(unreadable()),
            "tempfail siege_catch_all_bounce 450 4.7.1",
        ),
        (bounce().to("jane@example.org"), "accept nothing_found"),
        (bounce().to("shop-1@example.org"), "accept nothing_found"),
        (
            bounce().to("postmaster@example.org"),
            "accept exempt_postmaster",
        ),
        (bounce().to("abuse@example.org"), "accept exempt_recipient"),
        (bounce().client("192.0.2.77"), "accept nothing_found"),
        (bounce().client("10.0.0.1"), "accept outgoing_network"),
        // A tag has proven it already, whatever the store says.
        (bounce().tag(Tag::Valid), "accept batv"),
        (bounce().tag(Tag::Valid).besieged(Unanswered), "accept batv"),
        // What never sends is refused as before, and by its own name.
        (
            bounce().to("noreply@example.org"),
            "reject never_sends 550 5.7.1",
        ),
        (mail, "tempfail siege_catch_all_mail 450 4.7.1"),
        (
            bounce().besieged(Yes).from("bob@friend.example"),
            "accept nothing_found",
        ),
    ] {
        assert_eq!(at_rcpt(&asked, &policy), outcome, "{asked:?}");
    }
}

/// Where the catch-all answers as strictly on quiet days, a siege changes neither the answer nor the reason, and what the store
/// has learned does not matter.
#[test]
fn a_catch_all_that_is_as_strict_on_quiet_days_answers_under_siege_too() {
    let mail = || bounce().from("bob@friend.example");
    for (rules, quiet, asked, outcome) in [
        (
            "bounces: reject",
            true,
            bounce(),
            "reject catch_all_bounce 550 5.7.1",
        ),
        (
            "bounces: tempfail",
            false,
            bounce(),
            "reject siege_catch_all_bounce 550 5.7.1",
        ),
        (
            "bounces: discard",
            false,
            bounce(),
            "reject siege_catch_all_bounce 550 5.7.1",
        ),
        (
            "bounces: {action: reject, monitor: true}",
            false,
            bounce(),
            "reject siege_catch_all_bounce 550 5.7.1",
        ),
        (
            "mail: tempfail",
            true,
            mail(),
            "tempfail catch_all_mail 450 4.1.1",
        ),
        (
            "mail: reject",
            true,
            mail(),
            "reject catch_all_mail 550 5.1.1",
        ),
        (
            "mail: tag",
            false,
            mail(),
            "tempfail siege_catch_all_mail 450 4.7.1",
        ),
        // Each is asked about its own kind of mail.
        (
            "bounces: reject",
            false,
            mail(),
            "tempfail siege_catch_all_mail 450 4.7.1",
        ),
        (
            "mail: reject",
            false,
            bounce(),
            "reject siege_catch_all_bounce 550 5.7.1",
        ),
        // A list that can't be read may know the recipient: that is asked to come again, and counts as a part of the flood.
        (
            "bounces: reject",
            false,
            bounce().known(unreadable()),
            "tempfail siege_catch_all_bounce 450 4.7.1",
        ),
    ] {
        let catch_all = format!("catch_all: {{{rules}}}");
        let policy = policy(&[("catch_all: {mail: accept, bounces: accept}", &catch_all)]);
        assert_eq!(at_rcpt(&asked, &policy), outcome, "{rules} {asked:?}");
        for learned in [Yes, Unanswered] {
            let asked = asked.clone().besieged(learned);
            let same = at_rcpt(&asked, &policy) == outcome;
            assert!(same || !quiet, "{rules} {asked:?}");
        }
        let calm = at_rcpt(&asked.siege(false), &policy);
        assert_eq!(calm == outcome, quiet, "{rules}");
    }
    // What both only monitor is said by the rule of quiet days.
    let monitored = [
        ("mode: enforce", "mode: monitor"),
        (
            "catch_all: {mail: accept, bounces: accept}",
            "catch_all: {bounces: reject}",
        ),
    ];
    assert_eq!(
        at_rcpt(&bounce(), &policy(&monitored)),
        "tag catch_all_bounce would=reject"
    );
}

#[test]
fn null_senders_are_answered_more_strictly() {
    let policy = policy(&[]);
    let to = |rcpt| bounce().to(rcpt).besieged(Yes);
    for (asked, outcome) in [
        // What it returns may prove it: that is not known before the message came.
        (to("jane@example.org").blocklisted(), "tag dnsbl"),
        (
            to("jane@example.org").earlier(1),
            "reject siege_extra_recipient 554 5.5.3",
        ),
        (
            to("jane@example.org").earlier(1).tag(Tag::Valid),
            "tempfail null_sender_extra_recipient 452 4.5.3",
        ),
        (
            to("jane@example.org").earlier(1).siege(false),
            "tempfail null_sender_extra_recipient 452 4.5.3",
        ),
        // Who must stay reachable is never refused for his company.
        (
            to("postmaster@example.org").earlier(1),
            "tempfail null_sender_extra_recipient 452 4.5.3",
        ),
        // Mail of a person goes to as many as he likes; lists are not asked about it.
        (
            to("jane@example.org").earlier(1).from("bob@friend.example"),
            "accept nothing_found",
        ),
    ] {
        assert_eq!(at_rcpt(&asked, &policy), outcome, "{asked:?}");
    }
}

#[test]
fn each_answer_is_a_rule_of_its_own() {
    for (siege, asked, outcome) in [
        (
            "siege: {catch_all: {bounces: {action: reject, monitor: true}}}",
            bounce(),
            "tag siege_catch_all_bounce would=reject",
        ),
        (
            "siege: {catch_all: {bounces: accept}}",
            bounce(),
            "accept nothing_found",
        ),
        (
            "siege: {catch_all: {mail: reject}}",
            bounce().from("bob@friend.example"),
            "reject siege_catch_all_mail 550 5.7.1",
        ),
        // Where nothing in a message can prove it, a listed host is answered before it comes.
        (
            "siege: {listed: tempfail}\nproof: {dkim: {verify: false}}",
            bounce().blocklisted().besieged(Yes),
            "tempfail siege_listed 450 4.7.1",
        ),
        (
            "proof: {dkim: {verify: false}}",
            bounce().blocklisted().siege(false),
            "tag dnsbl",
        ),
        (
            "proof: {dkim: {verify: false}}",
            bounce().blocklisted().tag(Tag::Valid).besieged(Yes),
            "accept batv",
        ),
        // What the siege lets pass is answered as on other days.
        (
            "siege: {extra_recipients: accept}",
            bounce().earlier(1).besieged(Yes),
            "tempfail null_sender_extra_recipient 452 4.5.3",
        ),
    ] {
        let policy = policy(&[("proof: {unproven: tag}", siege)]);
        assert_eq!(at_rcpt(&asked, &policy), outcome, "{siege}");
    }
    let monitored = policy(&[("mode: enforce", "mode: monitor")]);
    assert_eq!(
        at_rcpt(&bounce(), &monitored),
        "tag siege_catch_all_bounce would=reject"
    );
}

/// What the content decides.
fn content(sent: &Scenario, policy: &Policy) -> String {
    let judgement = sent.stages(policy).content;
    answer(&judgement.expect("it is not read").verdict)
}

#[test]
fn what_proves_nothing_is_refused_and_what_proves_something_is_not() {
    let policy = policy(&[]);
    for (siege, found, outcome) in [
        (
            true,
            (ProofKind::Dkim, ProofResult::Absent),
            "reject siege_unproven 550 5.7.1",
        ),
        (
            false,
            (ProofKind::Dkim, ProofResult::Absent),
            "tag unproven",
        ),
        (true, (ProofKind::Dkim, ProofResult::Counts), "accept dkim"),
        (
            true,
            (ProofKind::Ledger, ProofResult::Replayed),
            "reject siege_unproven 550 5.7.1",
        ),
        (
            true,
            (ProofKind::Watermark, ProofResult::Wrong),
            "reject watermark_wrong 550 5.7.1",
        ),
        // A flood brings copies, too.
        (
            true,
            (ProofKind::Dkim, ProofResult::CountsUnlisted),
            "reject siege_unproven 550 5.7.1",
        ),
        (
            false,
            (ProofKind::Dkim, ProofResult::CountsUnlisted),
            "accept dkim_unlisted",
        ),
        // It was accepted before, and is again, a little later.
        (
            true,
            (ProofKind::Ledger, ProofResult::Repeated),
            "tempfail proof_repeated 451 4.7.1",
        ),
        (
            false,
            (ProofKind::Ledger, ProofResult::Repeated),
            "tempfail proof_repeated 451 4.7.1",
        ),
        // What did not answer will: nothing is lost.
        (
            true,
            (ProofKind::Dkim, ProofResult::Unanswered(Outside::Dns)),
            "tempfail siege_unproven 451 4.7.1",
        ),
        (
            true,
            (ProofKind::Ledger, ProofResult::Unanswered(Outside::Store)),
            "tempfail siege_unproven 451 4.7.1",
        ),
        (
            false,
            (ProofKind::Ledger, ProofResult::Unanswered(Outside::Store)),
            "tag unproven",
        ),
    ] {
        let (kind, result) = found;
        let sent = bounce().to("jane@example.org").found(kind, result);
        let told = content(&sent.siege(siege), &policy);
        assert_eq!(told, outcome, "{siege} {found:?}");
    }
}

/// What they get does not depend on the siege: neither what proves a bounce, nor what is done for want of the store.
#[test]
fn those_who_help_get_after_data_what_they_get_on_other_days() {
    for unproven in ["tag", "reject"] {
        let policy = policy(&[("unproven: tag", &format!("unproven: {unproven}"))]);
        for found in [
            (ProofKind::Dkim, ProofResult::CountsUnlisted),
            (ProofKind::Dkim, ProofResult::Absent),
            (ProofKind::Ledger, ProofResult::Unanswered(Outside::Store)),
            (ProofKind::Watermark, ProofResult::Wrong),
            (ProofKind::Batv, ProofResult::Unanswered(Outside::Store)),
        ] {
            for rcpt in ["hostmaster", "noc", "security", "Noc+x"] {
                let (kind, result) = found;
                let sent = bounce().found(kind, result);
                let sent = sent.to(format!("{rcpt}@example.org"));
                let [calm, besieged] =
                    [false, true].map(|siege| content(&sent.clone().siege(siege), &policy));
                assert_eq!(calm, besieged, "{rcpt} {unproven} {found:?}");
            }
        }
    }
}

#[test]
fn a_listed_host_is_refused_unless_its_bounce_proves_to_be_ours() {
    let policy = policy(&[("unproven: tag", "unproven: tag}\nsiege: {unproven: accept")]);
    for (siege, found, outcome) in [
        (true, ProofResult::Absent, "reject siege_listed 550 5.7.1"),
        (true, ProofResult::Wrong, "reject siege_listed 550 5.7.1"),
        (
            true,
            ProofResult::Unanswered(Outside::Dns),
            "tempfail siege_listed 450 4.7.1",
        ),
        (true, ProofResult::Counts, "accept dkim"),
        (false, ProofResult::Absent, "tag unproven"),
    ] {
        let sent = bounce()
            .to("jane@example.org")
            .blocklisted()
            .siege(siege)
            .found(ProofKind::Dkim, found);
        assert_eq!(at_rcpt(&sent, &policy), "tag dnsbl");
        assert_eq!(content(&sent, &policy), outcome, "{siege} {found:?}");
    }
    // What is no notification may return something too.
    for (found, outcome) in [
        (ProofResult::Absent, "reject siege_listed 550 5.7.1"),
        (ProofResult::Counts, "accept dkim"),
    ] {
        let sent = bounce()
            .to("jane@example.org")
            .blocklisted()
            .headers("Content-Type: text/plain\n")
            .found(ProofKind::Dkim, found);
        let headers = sent.stages(&policy).headers.unwrap();
        assert_eq!(answer(&headers.verdict), "accept nothing_found");
        assert_eq!(content(&sent, &policy), outcome);
    }
}

#[test]
fn the_reply_says_why_today_and_not_yesterday() {
    let policy = policy(&[]);
    let judgement = bounce().at_rcpt(&policy);
    let reply = Reply::to(&judgement.verdict, None).unwrap().to_string();
    let text: Vec<_> = reply
        .split("\r\n")
        .filter_map(|line| line.get(10..))
        .collect();
    let text = text.join(" ");
    assert!(
        text.contains("flooded with bounces of forged mail"),
        "{text}"
    );
}

#[test]
fn refusals_and_what_proves_nothing_are_sensed_in_either_mode() {
    for mode in ["mode: enforce", "mode: monitor"] {
        let policy = policy(&[
            ("mode: enforce", mode),
            (
                "catch_all: {mail: accept, bounces: accept}",
                "catch_all: {mail: reject, bounces: reject}",
            ),
        ]);
        let calm = bounce().siege(false);
        for (asked, hit) in [
            (calm, Some(Hit::Refused)),
            (bounce(), Some(Hit::Refused)),
            (bounce().to("jane@example.org"), None),
            // Mail with a sender is no backscatter, and what goes out no flood.
            (bounce().from("bob@friend.example"), None),
            (bounce().client("10.0.0.1"), None),
            (bounce().to("joe@elsewhere.example"), None),
            // We can't tell, so it counts for nothing.
            (bounce().known(unreadable()).siege(false), None),
        ] {
            let verdict = asked.at_rcpt(&policy).verdict;
            let found = asked.sensed(&policy, &verdict);
            assert_eq!(found, hit, "{mode} {verdict:?}");
        }
        for (found, hit) in [
            ((ProofKind::Dkim, ProofResult::Absent), Some(Hit::Unproven)),
            (
                (ProofKind::Watermark, ProofResult::Wrong),
                Some(Hit::Forged),
            ),
            ((ProofKind::Dkim, ProofResult::Counts), None),
            // Proven, and accepted a moment ago.
            ((ProofKind::Dkim, ProofResult::Repeated), None),
            // It is no more than weak.
            (
                (ProofKind::Dkim, ProofResult::CountsUnlisted),
                Some(Hit::Unproven),
            ),
            (
                (ProofKind::Dkim, ProofResult::Unanswered(Outside::Dns)),
                None,
            ),
        ] {
            let (kind, result) = found;
            let jane = bounce().to("jane@example.org").found(kind, result);
            let verdict = jane.verdict(&policy);
            let found = jane.sensed(&policy, &verdict);
            assert_eq!(found, hit, "{mode} {verdict:?}");
        }
    }
}

/// What the MTA refuses itself is the clearest sign of a joe job.
#[test]
fn what_the_mta_refused_is_sensed() {
    let policy = policy(&[]);
    for (sent, hit) in [(bounce(), Some(Hit::Refused)), (mail(), None)] {
        let sent = sent.to("x1@example.org").refused_by_mta();
        let verdict = sent.at_rcpt(&policy).verdict;
        assert_eq!(sent.sensed(&policy, &verdict), hit);
    }
}

/// DNS that does not answer says nothing of the mail.
#[test]
fn our_own_failures_are_not_sensed() {
    let spf = "spf: {helo: {temperror: tempfail}}";
    let policy = policy(&[("proof: {unproven: tag}", spf)]);
    let sent = bounce()
        .to("jane@example.org")
        .siege(false)
        .helo_spf(Temperror);
    let verdict = sent.at_rcpt(&policy).verdict;
    assert_eq!(words(&verdict), "tempfail spf_helo_temperror");
    assert_eq!(sent.sensed(&policy, &verdict), None);
    assert_eq!(sent.sensed(&policy, &Verdict::internal()), None);
    // The MTA refused it: for the recipient's sake, or since it could not look.
    for (status, hit) in [("5.1.1", Some(Hit::Refused)), ("4.3.0", None)] {
        let refused = Verdict::accept(Reason::RefusedByMta {
            status: status.to_owned(),
        });
        assert_eq!(sent.sensed(&policy, &refused), hit, "{status}");
    }
}

#[test]
fn clients_are_told_apart_by_their_networks() {
    let with = |key: u8| {
        let mut policy = policy(&[]);
        let key = Key::new(1, 0, &[key; 32], None).unwrap();
        policy.proof.keys = Keys::default();
        policy.proof.keys.add(key).unwrap();
        policy
    };
    for policy in [policy(&[]), with(1)] {
        let network = |address: Option<&str>| {
            policy.sensed_network(&Client {
                address: address.map(|address| address.parse().unwrap()),
                ..Client::default()
            })
        };
        for (one, other, same) in [
            (Some("192.0.2.1"), Some("192.0.2.254"), true),
            (Some("192.0.2.1"), Some("::ffff:192.0.2.9"), true),
            (Some("192.0.2.1"), Some("192.0.3.1"), false),
            (Some("2001:db8:1::1"), Some("2001:db8:1:ffff::"), true),
            (Some("2001:db8:1::1"), Some("2001:db8:2::1"), false),
            // Whoever makes the MTA lose sight of its address has one network.
            (None, None, true),
            (None, Some("192.0.2.1"), false),
        ] {
            assert_eq!(network(one) == network(other), same, "{one:?} {other:?}");
        }
    }
    // Nobody else knows which ones share a counter.
    let client = Client::default();
    let hashes = [policy(&[]), with(1), with(2)].map(|policy| policy.sensed_network(&client));
    assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2]);
}

#[test]
fn recipients_of_one_mailing_are_one() {
    let policy = policy(&[]);
    let key = |rcpt: &str| {
        policy.sensed_recipient(&Recipient {
            mailbox: Mailbox::from_bytes(rcpt.as_bytes()),
            refused: None,
        })
    };
    assert_eq!(key("joe@example.org"), key("JOE+x@Example.ORG"));
    assert_eq!(key("shop-1@example.org"), key("shop-2@example.org"));
    assert_ne!(key("joe@example.org"), key("jane@example.org"));
    assert_ne!(key("joe@example.org"), key("shop-1@example.org"));
}

/// One user has all extensions, and nobody else's address is learned with it.
#[test]
fn what_is_learned_is_the_address_of_one_user() {
    let policy = policy(&[]);
    let form = |rcpt: &str| policy.learned_form(&Mailbox::from_bytes(rcpt.as_bytes()));
    for (one, other, same) in [
        ("joe@example.org", "JOE+x@Example.ORG", true),
        ("joe@example.org", "jane@example.org", false),
        ("joe@example.org", "joe@example.net", false),
        ("shop-1@example.org", "shop-2@example.org", false),
    ] {
        assert_eq!(form(one) == form(other), same, "{one} {other}");
    }
}
