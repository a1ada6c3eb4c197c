//! Tags in addresses as tables, through RCPT and the headers: who is proven by one, who is refused for one, and what counts
//! as a guess.

use backstop::core::{
    dnsbl::Listing,
    outside::Outside,
    policy::{Policy, Tag},
    proof::{ProofKind, batv::Layout, evidence::ProofResult},
};

use crate::scenario::{
    DSN, Scenario, TODAY, YesOrNo, bounce, policy_with_keys, tagged, words, wrong,
};

const SITE: &str = "
mode: enforce
local: {domains: [example.org], networks: [10.0.0.0/8]}
null_sender: {never_send: [noreply@example.org]}
exempt: {recipients: [abuse]}
recipients:
  - domain: example.org
    known: [{addresses: [jane]}]
    catch_all: {mail: accept, bounces: reject}
dnsbl: [{zone: ips.backscatterer.org, action: reject}]
proof:
  key_file: /etc/backstop/keys
  batv: {sign: true, guess_limit: 5}
  unproven: reject
";
/// Read to its end, since the ledger may still prove it.
const KNOWN: &str = "accept nothing_found, accept nothing_found content";
const STRANGER: &str = "192.0.2.1";

fn policy(changes: &[(&str, &str)]) -> Policy {
    policy_with_keys(SITE, changes)
}

/// A bounce to this address.
fn to(rcpt: impl Into<String>) -> Scenario {
    bounce().to(rcpt).listed(&["jane"])
}

/// What it is answered at RCPT, and then at DATA or after the headers; whether its content is read, and its tag a guess.
fn found(policy: &Policy, sent: &Scenario) -> String {
    let stages = sent.stages(policy);
    let rcpt = words(&stages.rcpt.verdict);
    let Some(later) = stages.headers.or(stages.data) else {
        return rcpt;
    };
    let content = stages.content.map_or("", |_| " content");
    let guess = if stages.is_guess { " guess" } else { "" };
    format!("{rcpt}, {}{content}{guess}", words(&later.verdict))
}

/// What the content decides.
fn content(policy: &Policy, sent: &Scenario) -> String {
    let judgement = sent.stages(policy).content;
    words(&judgement.expect("it is not read").verdict)
}

const OLD_BOUNCE: &str = "From: Mail Delivery System <MAILER-DAEMON@mx.remote.example>\n\
    Subject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied\n";
const MDN: &str = "From: Bob <bob@remote.example>\nSubject: Read: Hello\n\
    Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n";
const AWAY: &str = "From: Bob <bob@remote.example>\nSubject: Out of office\n\
    Auto-Submitted: auto-replied\nIn-Reply-To: <1@example.org>\n";
const PERSON: &str =
    "From: Bob <bob@remote.example>\nSubject: Re: Hello\nIn-Reply-To: <1@example.org>\n";

/// Tags stand in every Return-Path, so with a sender a valid one is a proof only where the headers show a notification, and
/// at RCPT it opens no door; and nobody is refused for one that is wrong or old.
#[test]
fn with_a_sender_a_tag_counts_once_the_headers_show_a_bounce() {
    let policy = policy(&[]);
    let bounces = [
        ("mailer-daemon@mx.remote.example", DSN),
        ("mailer-daemon@mx.remote.example", OLD_BOUNCE),
        ("postmaster@remote.example", DSN),
        ("bounce-7@remote.example", DSN),
    ];
    let replies = [("bob@remote.example", MDN), ("bob@remote.example", AWAY)];
    let mail = [
        ("bob@remote.example", PERSON),
        ("mailer-daemon@mx.remote.example", PERSON),
    ];
    let kinds = [(&bounces[..], 'b'), (&replies, 'r'), (&mail, 'm')];
    for layout in [Layout::Prvs, Layout::SubAddress] {
        for address in ["jane@example.org", "noreply@example.org", "x@example.org"] {
            let valid = tagged(address, 0, layout);
            let tags = [
                ("valid", valid.clone(), 0),
                ("expired", tagged(address, 9, layout), 0),
                ("wrong", wrong(&valid), 0),
                ("unverified", valid, 5),
                ("none", address.to_owned(), 0),
            ];
            for (tag, rcpt, wrong_before) in tags {
                for (from, headers, kind) in kinds.iter().flat_map(|(all, kind)| {
                    all.iter().map(|(from, headers)| (*from, *headers, *kind))
                }) {
                    let sent = to(&*rcpt).from(from).headers(headers);
                    let sent = sent.wrong_before(wrong_before);
                    let at_eoh = match (kind, tag, address) {
                        ('b' | 'r', "valid", _) => "accept batv",
                        // As without a sender: nobody has looked, so it is not for good.
                        ('b', "unverified", _) => "tempfail batv_guessed",
                        ('b', _, "noreply@example.org") => "reject never_sends",
                        ('b', _, "x@example.org") => "reject catch_all_bounce",
                        ('b', ..) => "accept nothing_found content",
                        _ => "accept nothing_found",
                    };
                    let guess = if (kind, tag) == ('b', "wrong") {
                        " guess"
                    } else {
                        ""
                    };
                    let expected = format!("accept nothing_found, {at_eoh}{guess}");
                    assert_eq!(found(&policy, &sent), expected, "{tag} {sent:?}");
                }
            }
        }
    }
}

/// What RCPT asks of mail with a sender it asks of this too: the client's standing with the lists, a siege.
#[test]
fn with_a_sender_a_tag_changes_nothing_at_rcpt() {
    let policy = policy(&[]);
    let listed = [Listing::Listed([127, 0, 0, 2].into())];
    for address in ["jane@example.org", "x@example.org", "abuse@example.org"] {
        for from in ["mailer-daemon@mx.remote.example", "bob@remote.example"] {
            for (listings, siege) in [(&listed[..], false), (&[], true), (&listed, true)] {
                let at_rcpt = |rcpt: String| {
                    let sent = to(rcpt).from(from).headers(PERSON);
                    let sent = sent.listings(listings).siege(siege);
                    words(&sent.at_rcpt(&policy).verdict)
                };
                let plain = at_rcpt(address.to_owned());
                let valid = tagged(address, 0, Layout::Prvs);
                for rcpt in [wrong(&valid), tagged(address, 9, Layout::Prvs), valid] {
                    assert_eq!(at_rcpt(rcpt.clone()), plain, "{from} {rcpt}");
                }
            }
        }
    }
}

/// A bounce to a tag that is wrong or old: the tags in `local`, what the store knows; the answers at RCPT and after the
/// headers; and, where its content is read, the answers where that proves nothing, where it proves something, and where
/// DNS did not answer.
#[test]
fn a_bad_tag_is_refused_once_nothing_else_can_prove_its_bounce() {
    const YES: YesOrNo = Ok(true);
    const NO: YesOrNo = Ok(false);
    const DOWN: YesOrNo = Err(Outside::Store);
    const WAITS: &str = "accept nothing_found, accept nothing_found content guess";
    const WRONG: &str = "reject batv_wrong";
    const BATV: &str = "dkim: {verify: false}";
    const LEDGER: &str = "ledger: {remember: true}, dkim: {verify: false}";
    let forged = ["reject batv_wrong", "accept dkim", "tempfail batv_wrong"];
    let unknown = ["tag batv_wrong", "accept dkim", "tag batv_wrong"];
    let sent_with_it = ["reject unproven", "accept dkim", "tempfail unproven"];
    for (proof, required, sent, signed, at_rcpt, at_eom) in [
        (BATV, false, NO, YES, WRONG, None),
        ("weak_evidence: accept", false, NO, NO, WRONG, None),
        ("weak_evidence: ignore", false, NO, YES, WAITS, Some(forged)),
        (
            "weak_evidence: ignore",
            false,
            NO,
            DOWN,
            WAITS,
            Some(unknown),
        ),
        (LEDGER, false, NO, NO, WAITS, Some(forged)),
        (LEDGER, false, YES, NO, KNOWN, Some(sent_with_it)),
        (LEDGER, false, DOWN, NO, WAITS, Some(unknown)),
        (
            "watermark: {sign: true}",
            false,
            YES,
            DOWN,
            WAITS,
            Some(forged),
        ),
        ("dkim: {dkim2: true}", false, NO, DOWN, WAITS, Some(forged)),
        ("weak_evidence: ignore", true, YES, YES, WRONG, None),
        ("watermark: {sign: true}", true, YES, YES, WRONG, None),
        (LEDGER, true, NO, YES, WRONG, None),
        (LEDGER, true, YES, NO, KNOWN, Some(sent_with_it)),
        (LEDGER, true, DOWN, NO, WAITS, Some(unknown)),
    ] {
        let batv = format!("batv: {{sign: true, required: {required}}}\n  {proof}");
        let proof_keys = proof.replace("}, ", "}\n  ");
        let batv = batv.replace(proof, &proof_keys);
        let policy = policy(&[("batv: {sign: true, guess_limit: 5}", &batv)]);
        let valid = tagged("jane@example.org", 0, Layout::Prvs);
        let sent_to_it = to(wrong(&valid))
            .sent_with_tag(sent)
            .signatures_left(signed);
        let what = format!("{proof} {required} {sent:?} {signed:?}");
        let answers = [
            ProofResult::Absent,
            ProofResult::Counts,
            ProofResult::Unanswered(Outside::Dns),
        ];
        assert_eq!(found(&policy, &sent_to_it), at_rcpt, "{what}");
        let Some(at_eom) = at_eom else { continue };
        for (answer, expected) in answers.into_iter().zip(at_eom) {
            let sent = sent_to_it.clone().found(ProofKind::Dkim, answer);
            assert_eq!(content(&policy, &sent), expected, "{what} {answer:?}");
        }
        // What shows no notification is read too, and proves nothing here.
        let expected = match (sent, signed) {
            (Ok(true), _) => "tag not_a_notification",
            (Err(_), _) => "tag batv_wrong",
            (_, Err(_)) if proof == "weak_evidence: ignore" => "tag batv_wrong",
            _ => WRONG,
        };
        let expected = if proof.starts_with("watermark") {
            WRONG
        } else {
            expected
        };
        let ordinary = sent_to_it
            .headers(PERSON)
            .found(ProofKind::Dkim, ProofResult::Absent);
        assert_eq!(content(&policy, &ordinary), expected, "{what}");
    }
}

/// A tag is answered at RCPT where nothing else could prove the bounce: whatever that answer is, its content decides nothing.
#[test]
fn a_bounce_whose_bad_tag_was_let_in_is_not_read() {
    let wrong = to(wrong(&tagged("jane@example.org", 0, Layout::Prvs)));
    let old = to(tagged("jane@example.org", 9, Layout::Prvs));
    for (sent, expected) in [
        (wrong, "tag batv_wrong, accept nothing_found guess"),
        (old, "tag batv_expired, accept nothing_found"),
    ] {
        let change = "unproven: reject\n  forged: tag\n  dkim: {verify: false}";
        let policy = policy(&[("unproven: reject", change)]);
        assert_eq!(found(&policy, &sent), expected, "{sent:?}");
    }
}

/// A tag that ends before its bounce came may still be proven by a ledger that keeps longer.
#[test]
fn an_old_tag_waits_as_a_wrong_one_does() {
    let old = to(tagged("jane@example.org", 9, Layout::Prvs));
    let batv = policy(&[("unproven: reject", "dkim: {verify: false}")]);
    assert_eq!(found(&batv, &old), "reject batv_expired");
    let ledger = policy(&[("unproven: reject", "ledger: {remember: true}")]);
    let early = found(&ledger, &old);
    assert_eq!(early, "accept nothing_found, accept nothing_found content");
    for (result, expected) in [
        (ProofResult::Absent, "reject batv_expired"),
        (ProofResult::Counts, "accept dkim"),
    ] {
        let old = old.clone().found(ProofKind::Dkim, result);
        assert_eq!(content(&ledger, &old), expected);
    }
}

/// What it says of the sender alone is weak evidence.
#[test]
fn that_mail_was_sent_with_it_is_weak_evidence() {
    let policy = policy(&[(
        "unproven: reject",
        "ledger: {remember: true}\n  weak_evidence: accept",
    )]);
    let sent = to("prvs=5999abcdef=jane@example.org")
        .sent_with_tag(Ok(true))
        .found(ProofKind::Dkim, ProofResult::Absent);
    assert_eq!(content(&policy, &sent), "accept weak_evidence");
}

/// The store is asked about bad tags of bounces that are judged, and about no others.
#[test]
fn the_store_is_asked_about_bad_tags_alone() {
    let policy = policy(&[("unproven: reject", "ledger: {remember: true}")]);
    let valid = tagged("jane@example.org", 0, Layout::Prvs);
    let exempt = wrong(&tagged("abuse@example.org", 0, Layout::Prvs));
    for (client, from, rcpt, wrong_before, asks) in [
        (STRANGER, "", wrong(&valid), 0, true),
        (STRANGER, "", valid.clone(), 0, false),
        (
            STRANGER,
            "",
            tagged("jane@example.org", 9, Layout::Prvs),
            0,
            false,
        ),
        (STRANGER, "", wrong(&valid), 5, false),
        (STRANGER, "", "jane@example.org".to_owned(), 0, false),
        (STRANGER, "", exempt, 0, false),
        (STRANGER, "bob@remote.example", wrong(&valid), 0, false),
        ("10.0.0.1", "", wrong(&valid), 0, false),
    ] {
        let sent = to(rcpt).client(client).from(from);
        let questions = sent.wrong_before(wrong_before).questions(&policy);
        assert_eq!(questions.contains("ledger"), asks, "{questions:?}");
        assert!(!questions.contains("signatures"), "{questions:?}");
    }
}

/// A tag was made for one domain, and its bounce came to the other: an MTA behind us masquerades.
#[test]
fn a_tag_counts_for_hosts_of_a_domain_of_ours_and_for_no_other_domain() {
    let local = "{domains: [example.org, mx.example.org, a.mx.example.org, xexample.org, example.net, .wild.example, wild.example], networks: [10.0.0.0/8]}";
    let policy = policy(&[("{domains: [example.org], networks: [10.0.0.0/8]}", local)]);
    for (made_for, came_to, counts) in [
        ("mx.example.org", "example.org", true),
        ("example.org", "mx.example.org", true),
        ("a.mx.example.org", "example.org", true),
        ("a.mx.example.org", "mx.example.org", true),
        ("wild.example", "mx.wild.example", true),
        ("mx.wild.example", "a.b.mx.wild.example", true),
        // Names that the file doesn't write out can't all be tried.
        ("mx.wild.example", "wild.example", false),
        ("mx.example.org", "example.net", false),
        ("example.org", "xexample.org", false),
        ("xexample.org", "example.org", false),
        ("mx.wild.example", "mx.example.org", false),
    ] {
        for layout in [Layout::Prvs, Layout::SubAddress] {
            let made = |days_ago| {
                let made = tagged(&format!("jane@{made_for}"), days_ago, layout);
                made.replace(made_for, came_to)
            };
            for (rcpt, reason) in [
                (
                    made(0),
                    if counts {
                        "accept batv"
                    } else {
                        "reject batv_wrong"
                    },
                ),
                (
                    made(9),
                    if counts {
                        "reject batv_expired"
                    } else {
                        "reject batv_wrong"
                    },
                ),
                (wrong(&made(0)), "reject batv_wrong"),
                // The user is no less part of it.
                (made(0).replace("jane", "joan"), "reject batv_wrong"),
            ] {
                let told = words(&to(&*rcpt).at_rcpt(&policy).verdict);
                assert_eq!(told, reason, "{made_for}: {rcpt}");
            }
        }
    }
}

/// Another signer's form can't be verified. Where every bounce must have a tag, the ledger alone speaks for it.
#[test]
fn the_ledger_speaks_for_other_forms_of_tags_too() {
    let required = "ledger: {remember: true}\n  batv: {sign: true, required: true}";
    let policy = policy(&[
        ("batv: {sign: true, guess_limit: 5}", required),
        ("bounces: reject", "bounces: accept"),
    ]);
    for rcpt in [
        "btv1==0123abcdef==jane@example.org",
        "msprvs1=0123abcdef=jane@example.org",
        "prvs=jane=0123abcdef@example.org",
    ] {
        for (sent, early, late) in [
            (Ok(false), "accept nothing_found, reject unproven", None),
            (Ok(true), KNOWN, Some("reject unproven")),
            (Err(Outside::Store), KNOWN, Some("tag unproven")),
        ] {
            let sent = to(rcpt)
                .sent_with_tag(sent)
                .found(ProofKind::Dkim, ProofResult::Absent);
            // The MTA is asked for the whole of it: that is no tag of ours to take off.
            assert!(!sent.addressed(&policy).is_untagged());
            assert_eq!(found(&policy, &sent), early, "{sent:?}");
            let content = sent.stages(&policy).content;
            let content = content.map(|content| words(&content.verdict));
            assert_eq!(content.as_deref(), late, "{sent:?}");
        }
    }
}

/// Of all names below a domain, the MTA's own is known.
#[test]
fn a_tag_made_for_the_mtas_own_name_counts_at_the_domain_above() {
    let local = "{domains: [wild.example, .wild.example, example.org], networks: [10.0.0.0/8]}";
    let policy = policy(&[("{domains: [example.org], networks: [10.0.0.0/8]}", local)]);
    for (made_for, came_to, host, expected) in [
        (
            "mx.wild.example",
            "wild.example",
            "mx.wild.example",
            Some(Tag::Valid),
        ),
        (
            "mx.wild.example",
            "wild.example",
            "MX.Wild.Example.",
            Some(Tag::Valid),
        ),
        ("mx.wild.example", "wild.example", "mx2.wild.example", None),
        ("mx.wild.example", "example.org", "mx.wild.example", None),
        (
            "mx.foreign.example",
            "wild.example",
            "mx.foreign.example",
            None,
        ),
        ("mx.wild.example", "wild.example", "unknown", None),
    ] {
        let made = tagged(&format!("jane@{made_for}"), 0, Layout::Prvs);
        let rcpt = made.replace(made_for, came_to);
        let addressed = to(rcpt).addressed(&policy);
        let found = policy.tag_of_host(&addressed, host, TODAY);
        assert_eq!(
            found,
            expected.or(addressed.tag),
            "{made_for} {came_to} {host}"
        );
    }
}
