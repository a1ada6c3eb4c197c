mod bounds;
mod origin;

use super::*;
use crate::core::{
    address::ReversePath,
    envelope::Client,
    header::Headers,
    local::Local,
    notification::NotificationKind as Notice,
    proof::{
        ProofKind,
        evidence::{Missing, Outcome, Outside, Unproven, WeakEvidence, Why},
    },
    spf::{Identity, SpfResult},
    verdict::{Mode, Rule, UnderSiege},
};

const NOW: u64 = 1_800_000_000;

pub(super) fn local() -> Local {
    Local {
        domains: vec![
            "example.org".parse().unwrap(),
            ".example.net".parse().unwrap(),
        ]
        .into(),
        ..Local::default()
    }
}

fn envelope(client: &str, from: &str) -> Envelope {
    Envelope {
        client: Client {
            address: client.parse().ok(),
            helo: Some(b"mx.far.example".to_vec()),
            ..Client::default()
        },
        reverse_path: ReversePath::from_bytes(from.as_bytes()),
    }
}

fn rejected(mode: Mode) -> Verdict {
    Verdict::of(Rule::new(Action::Reject), mode, Reason::NeverSends)
}

fn policy() -> Policy {
    let mut config = crate::config::parse(std::path::Path::new("m.yaml"), "{}").unwrap();
    config.policy.local = local();
    config.policy
}

fn counted(envelope: &Envelope, rcpt: &str, verdict: &Verdict) -> Vec<(AttackKind, String)> {
    let recipient = Mailbox::from_bytes(rcpt.as_bytes());
    let counts = policy().attack(envelope, &recipient, verdict, None);
    counts
        .into_iter()
        .map(|count| (count.kind, count.text))
        .collect()
}

#[test]
fn a_bounce_is_counted_once_in_each_kind() {
    let verdict = rejected(Mode::Enforce);
    let counts = counted(
        &envelope("192.0.2.7", ""),
        "J\u{f6}e\r\n<b>@example.org",
        &verdict,
    );
    assert_eq!(
        counts,
        [
            (AttackKind::Reason, "reject never_sends".to_owned()),
            (AttackKind::Proof, "not_asked".to_owned()),
            (AttackKind::Host, "192.0.2.7".to_owned()),
            (AttackKind::Network, "192.0.2.0/24".to_owned()),
            (
                AttackKind::Recipient,
                "J\\xc3\\xb6e\\x0d\\x0a<b>@example.org".to_owned()
            ),
        ]
    );
    // Of what is in no list only these are counted: it takes nobody's place.
    let mut proven = Verdict::accept(Reason::NothingFound);
    proven.proof = Some(Outcome::by(ProofKind::Dkim));
    let mut refused_all_the_same = verdict.clone();
    refused_all_the_same.proof = proven.proof.clone();
    for (verdict, why, proof) in [
        (proven, "accept nothing_found", "dkim"),
        (refused_all_the_same, "reject never_sends", "dkim"),
        (Verdict::internal(), "tempfail internal", "not_asked"),
    ] {
        let expected = [
            (AttackKind::Reason, why.to_owned()),
            (AttackKind::Proof, proof.to_owned()),
        ];
        let counts = counted(&envelope("192.0.2.7", ""), "joe@example.org", &verdict);
        assert_eq!(counts, expected);
    }
    let long = format!("{}@example.org", "\r".repeat(5000));
    let (_, text) = counted(&envelope("192.0.2.7", ""), &long, &verdict)
        .pop()
        .unwrap();
    assert_eq!(text.len(), MAX_TEXT);
}

#[test]
fn only_strangers_bounces_to_us_are_counted() {
    let verdict = rejected(Mode::Enforce);
    for (client, from, rcpt, is_counted) in [
        ("192.0.2.7", "", "joe@example.org", true),
        (
            "192.0.2.7",
            "MAILER-DAEMON@far.example",
            "joe@example.org",
            true,
        ),
        ("192.0.2.7", "jane@far.example", "joe@example.org", false),
        ("127.0.0.1", "", "joe@example.org", false),
        // One whose address the MTA doesn't know is a stranger too.
        ("none", "", "joe@example.org", true),
        ("192.0.2.7", "", "joe@far.example", false),
        ("192.0.2.7", "", "postmaster", false),
    ] {
        let counts = counted(&envelope(client, from), rcpt, &verdict);
        assert_eq!(!counts.is_empty(), is_counted, "{client} {from} {rcpt}");
    }
    let mut bounce = Verdict::accept(Reason::NothingFound);
    bounce.notification = Some(Notification {
        kind: Notice::Dsn,
        evidence: vec![],
    });
    assert!(
        !counted(
            &envelope("192.0.2.7", "jane@far.example"),
            "joe@example.org",
            &bounce
        )
        .is_empty()
    );
}

#[test]
fn names_below_a_domain_of_ours_are_one_domain() {
    let recipient = Mailbox::from_bytes(b"joe@made.up.example.net");
    let counts = policy().attack(
        &envelope("192.0.2.7", ""),
        &recipient,
        &rejected(Mode::Enforce),
        None,
    );
    assert!(
        counts.iter().all(|count| count.domain == "example.net"),
        "{counts:?}"
    );
}

#[test]
fn each_verdict_has_one_fate() {
    let of = |verdict: &Verdict| Fate::of(verdict);
    assert_eq!(of(&rejected(Mode::Enforce)), Fate::Refused);
    assert_eq!(of(&rejected(Mode::Monitor)), Fate::WouldRefuse);
    assert_eq!(of(&Verdict::internal()), Fate::Deferred);
    assert_eq!(of(&Verdict::accept(Reason::NothingFound)), Fate::Accepted);
    let by_mta = Verdict::accept(Reason::RefusedByMta {
        status: "5.1.1".to_owned(),
    });
    assert_eq!(of(&by_mta), Fate::RefusedByMta);
    let mut proven = Verdict::accept(Reason::NothingFound);
    proven.proof = Some(Outcome::by(ProofKind::Batv));
    assert_eq!(of(&proven), Fate::Proven);
    let envelope = envelope("192.0.2.7", "");
    let joe = Mailbox::from_bytes(b"joe@example.org");
    let sampled = [rejected(Mode::Enforce), rejected(Mode::Monitor)];
    assert!(
        sampled
            .iter()
            .all(|verdict| policy().is_sample(&envelope, &joe, verdict))
    );
    let not = [Verdict::internal(), by_mta, proven];
    assert!(
        !not.iter()
            .any(|verdict| policy().is_sample(&envelope, &joe, verdict))
    );
}

/// That DNS, the store or a list did not answer speaks against nobody.
#[test]
fn what_could_not_be_told_accuses_nobody() {
    let unproven = |why| {
        Outcome::Unproven(Unproven {
            why,
            weak: WeakEvidence::default(),
            missing: Missing::default(),
        })
    };
    let of = |action, mode, reason: &Reason| {
        let mut verdict = Verdict::of(Rule::new(action), mode, reason.clone());
        if let Reason::Proof(outcome) | Reason::Siege(UnderSiege::Unproven(outcome)) = reason {
            verdict.proof = Some(outcome.clone());
        }
        verdict
    };
    let (envelope, joe) = (
        envelope("192.0.2.7", ""),
        Mailbox::from_bytes(b"joe@example.org"),
    );
    let is_sample = |verdict: &Verdict| policy().is_sample(&envelope, &joe, verdict);
    let spf = |result| Reason::Spf {
        identity: Identity::Helo,
        domain: "mx.far.example".to_owned(),
        result,
        explanation: None,
        problem: None,
    };
    let closed = Reason::Siege(UnderSiege::CatchAll { bounce: true });
    for why in [
        Reason::Proof(unproven(Why::Unanswered(Outside::Dns))),
        Reason::Siege(UnderSiege::Unproven(unproven(Why::Unanswered(
            Outside::Store,
        )))),
        spf(SpfResult::Temperror),
        Reason::DirectoryUnavailable,
        Reason::Internal,
    ] {
        for (action, mode, fate) in [
            (Action::Tempfail, Mode::Enforce, Fate::Deferred),
            (Action::Quarantine, Mode::Enforce, Fate::Deferred),
            (Action::Reject, Mode::Enforce, Fate::Refused),
            (Action::Tempfail, Mode::Monitor, Fate::Accepted),
        ] {
            let softened = Verdict {
                unanswered: Some(Outside::Store),
                ..of(action, mode, &closed)
            };
            for verdict in [of(action, mode, &why), softened] {
                assert_eq!(Fate::of(&verdict), fate, "{verdict:?}");
                assert!(!is_sample(&verdict), "{verdict:?}");
            }
        }
    }
    // It was accepted a moment ago.
    let repeated = Reason::Proof(unproven(Why::Repeated));
    for (mode, fate) in [
        (Mode::Enforce, Fate::Deferred),
        (Mode::Monitor, Fate::Proven),
    ] {
        let verdict = of(Action::Tempfail, mode, &repeated);
        assert_eq!(Fate::of(&verdict), fate, "{verdict:?}");
        assert!(!is_sample(&verdict), "{verdict:?}");
    }
    // What is answered so by a rule is refused, for the time being.
    for why in [
        Reason::Proof(unproven(Why::Nothing)),
        closed,
        spf(SpfResult::Fail),
    ] {
        let verdict = of(Action::Tempfail, Mode::Enforce, &why);
        assert_eq!(Fate::of(&verdict), Fate::Refused, "{verdict:?}");
        assert!(is_sample(&verdict), "{verdict:?}");
    }
    // Refused for something else, but ours, or it might be.
    for outcome in [
        Outcome::by(ProofKind::Dkim),
        Outcome::Weak(WeakEvidence::default()),
        unproven(Why::Unanswered(Outside::Dns)),
    ] {
        let mut verdict = rejected(Mode::Enforce);
        verdict.proof = Some(outcome);
        assert!(!is_sample(&verdict), "{verdict:?}");
    }
}

fn row(hour: u64, kind: AttackKind, fate: Fate, text: &str, times: u64) -> AttackRow {
    let count = AttackCount {
        kind,
        domain: "example.org".to_owned(),
        fate,
        text: text.to_owned(),
    };
    AttackRow { hour, count, times }
}

#[test]
fn what_is_stored_is_read_again() {
    for kind in AttackKind::ALL {
        for fate in Fate::ALL {
            let AttackRow { count, .. } = row(1, kind, fate, "x", 1);
            let stored = AttackCount::stored(kind.as_str(), "example.org", fate.as_str(), "x");
            assert_eq!(stored, Some(count));
        }
    }
    assert_eq!(AttackCount::stored("new", "", "refused", ""), None);
    assert_eq!(AttackCount::stored("host", "", "new", ""), None);
}

fn summary(rows: Vec<AttackRow>, domain: Option<&str>) -> AttackSummary {
    let mut summary = AttackSummary::default();
    summary.add(rows, domain);
    summary
}

/// Three months of ever new hosts don't fill the memory, and the frequent ones are reported.
#[test]
fn a_summary_is_bounded() {
    let mut summary = AttackSummary::default();
    let often = || row(1, AttackKind::Host, Fate::Refused, "192.0.2.7", 5);
    for number in 0..110_000_u64 {
        let host = format!("host {number}");
        summary.add(
            [row(number, AttackKind::Host, Fate::Refused, &host, 1)],
            None,
        );
        if number % 1_000 == 0 {
            summary.add([often()], None);
        }
    }
    let hosts = &summary.hosts;
    assert!(hosts.len() <= 100_000, "{}", hosts.len());
    assert_eq!(hosts.top(1)[0].0, "192.0.2.7");
    assert_eq!(hosts.top(1)[0].1.all(), 5 * 110);
    let named: u64 = hosts
        .top(usize::MAX)
        .iter()
        .map(|(_, tally)| tally.all())
        .sum();
    assert_eq!(named + hosts.others.all(), 110_000 + 5 * 110);
}

#[test]
fn a_summary_adds_up() {
    let mut rows = vec![
        row(100, AttackKind::Reason, Fate::Refused, "reject unproven", 7),
        row(103, AttackKind::Reason, Fate::Refused, "reject unproven", 5),
        row(103, AttackKind::Reason, Fate::Proven, "accept batv", 90),
        row(103, AttackKind::Reason, Fate::Accepted, "", 1),
        row(100, AttackKind::Proof, Fate::Refused, "unproven", 12),
        row(100, AttackKind::Host, Fate::Refused, "192.0.2.7", 7),
        row(103, AttackKind::Host, Fate::Refused, "192.0.2.8", 5),
        row(103, AttackKind::Host, Fate::Proven, "192.0.2.9", 90),
        row(
            103,
            AttackKind::Reason,
            Fate::Deferred,
            "tempfail unproven",
            4,
        ),
        row(103, AttackKind::Host, Fate::Deferred, "192.0.2.10", 4),
        row(103, AttackKind::Host, Fate::Accepted, "", 1),
        row(
            100,
            AttackKind::Recipient,
            Fate::Refused,
            "joe@example.org",
            12,
        ),
    ];
    let mut other = row(
        101,
        AttackKind::Reason,
        Fate::Refused,
        "reject unproven",
        1000,
    );
    other.count.domain = "example.net".to_owned();
    rows.push(other);
    let summary = summary(rows.clone(), Some("example.org"));
    assert_eq!((summary.all.all(), summary.all.suspect()), (107, 13));
    assert_eq!(summary.worst_hour(), Some((100, 7)));
    assert_eq!(summary.reasons()[0], (Fate::Proven, "accept batv", 90));
    assert_eq!(summary.proofs["unproven"], 12);
    let hosts: Vec<_> = summary.hosts.top(9).iter().map(|(host, _)| *host).collect();
    assert_eq!(hosts, ["192.0.2.7", "192.0.2.8"]);
    assert_eq!((summary.hosts.len(), summary.hosts.others.all()), (2, 1));
    let series: Vec<_> = summary
        .series(99, 104, 2)
        .iter()
        .map(|(hour, tally)| (*hour, tally.all()))
        .collect();
    assert_eq!(series, [(99, 7), (101, 0), (103, 100)]);
    let by_hour = rows.chunk_by(|one, other| one.hour == other.hour);
    let mut whole = AttackSummary::default();
    by_hour.for_each(|rows| whole.add(rows.to_vec(), None));
    assert_eq!(whole.all.suspect(), 1013);
    assert_eq!(whole, self::summary(rows, None));
    let none = AttackSummary::default();
    assert_eq!(none.worst_hour(), None);
    assert!(none.hosts.is_empty() && none.series(5, 4, 1).is_empty());
}

/// A refused bounce with these headers and this body, as it is kept.
pub(super) fn sample(headers: &str, body: &str) -> Sample {
    let headers = Headers::parse(format!("{headers}\r\n").as_bytes()).0;
    let verdict = rejected(Mode::Enforce);
    let refused = [(b"joe@example.org".to_vec(), &verdict)];
    let envelope = envelope("192.0.2.7", "");
    Sample::new(
        NOW,
        "1a",
        &envelope,
        &refused,
        &headers,
        (body.as_bytes(), false),
    )
    .unwrap()
}

#[test]
fn a_sample_is_bounded() {
    let headers = "X: y\r\n".repeat(900) + &format!("Long: {}\r\n", "z".repeat(60_000));
    let sample = sample(&headers, &"b".repeat(100_000));
    assert!(sample.headers.0.len() + sample.body.0.len() <= MAX_SAMPLE_OCTETS);
    assert!(sample.cut && sample.headers.0.ends_with(b"X: y\r\n"));
    let text = serde_json::to_string(&sample).unwrap();
    assert!(text.len() < 2 * MAX_SAMPLE_OCTETS);
    assert_eq!(serde_json::from_str::<Sample>(&text).unwrap(), sample);
}

#[test]
fn what_became_of_bounces_is_added_up() {
    let mut tally = AttackTally::default();
    let mut times = 1;
    for fate in Fate::ALL {
        tally.add(fate, times);
        assert_eq!(tally.of(fate), times, "{}", fate.words());
        times *= 10;
    }
    // Refused by us and by the MTA; would be refused and accepted too; deferred and proven.
    assert_eq!(tally.kept_out(), 11);
    assert_eq!(tally.suspect(), 1_111);
    assert_eq!(tally.all(), 111_111);
}

#[test]
fn one_too_many_keeps_all_but_its_text() {
    let count = AttackCount::stored("recipient", "example.org", "refused", "a@example.org");
    let count = count.unwrap();
    let others = count.among_others();
    assert_eq!(others.text, "");
    assert_eq!(
        AttackCount {
            text: count.text.clone(),
            ..others
        },
        count
    );
}
