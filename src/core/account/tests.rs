use std::path::Path;

use super::*;
use crate::core::{
    address::ReversePath,
    attack::{AttackCount, AttackKind, AttackRow, Fate},
    envelope::Client,
    policy::Policy,
    proof::{
        ProofKind,
        evidence::{Missing, Unproven, WeakEvidence, Why},
    },
    verdict::Reason,
};

/// An hour, since 1970.
const NOW: u64 = 500_000;

fn policy(siege: &str) -> Policy {
    let yaml = format!("local: {{domains: [example.org]}}\nsiege: {siege}");
    crate::config::parse(Path::new("m.yaml"), &yaml)
        .unwrap()
        .policy
}

/// So many bounces from so many networks.
fn rows(account: &str, hour: u64, networks: u64, each: u64) -> Vec<AttackRow> {
    let row = |network: u64| AttackRow {
        hour,
        count: AttackCount {
            kind: AttackKind::Account,
            domain: "example.org".to_owned(),
            fate: Fate::Proven,
            text: format!("{account} 198.18.{network}.0/24"),
        },
        times: each,
    };
    (0..networks).map(row).collect()
}

const JOE: &str = "joe@example.org";

fn found(policy: &Policy, rows: Vec<AttackRow>) -> Vec<Flood> {
    let is_excepted = |account: &str| policy.is_excepted(&Mailbox::from_bytes(account.as_bytes()));
    floods(rows, &policy.siege, is_excepted)
}

#[test]
fn a_flood_is_many_from_many_networks_within_an_hour() {
    let policy = policy("{accounts: {floor: 30, except: [news@example.org]}}");
    for (networks, each, is_flood) in [
        (30, 1, true),
        (29, 1, false),
        (5, 6, true),
        // Of four, each counts for a fifth at most.
        (4, 1_000, false),
        (1, u64::MAX, false),
        (40, 100, true),
    ] {
        let floods = found(&policy, rows(JOE, NOW, networks, each));
        assert_eq!(!floods.is_empty(), is_flood, "{networks} x {each}");
    }
    // The same over two hours are none.
    let two = [rows(JOE, NOW, 20, 1), rows(JOE, NOW + 1, 20, 1)].concat();
    assert_eq!(found(&policy, two), []);
    for account in ["news@example.org", "news+4711@example.org"] {
        assert_eq!(found(&policy, rows(account, NOW, 40, 9)), [], "{account}");
    }
}

#[test]
fn what_is_said_of_a_flood() {
    let policy = policy("{}");
    let all = [
        rows(JOE, NOW, 30, 2),
        rows(JOE, NOW + 1, 3, 1),
        rows(JOE, NOW + 20, 41, 1),
        // A day later: another flood.
        rows(JOE, NOW + 44, 30, 1),
        rows("ann@example.org", NOW + 3, 30, 1),
    ];
    let floods = found(&policy, all.concat());
    let said: Vec<_> = floods
        .iter()
        .map(|flood| {
            let Flood {
                account,
                first,
                last,
                bounces,
                networks,
                ..
            } = flood;
            (&**account, first - NOW, last - NOW, *bounces, *networks)
        })
        .collect();
    assert_eq!(
        said,
        [
            (JOE, 44, 44, 30, 30),
            (JOE, 0, 20, 60 + 3 + 41, 41),
            ("ann@example.org", 3, 3, 30, 30),
        ]
    );
    assert!(floods[1].is_on(NOW + 43) && !floods[1].is_on(NOW + 44));
}

/// Eight times what is usual is a flood; a flood is not learned, what came within a day of one neither, and no hour for more
/// than half of what would be one.
#[test]
fn what_is_usual_is_no_flood() {
    let policy = policy("{}");
    let days = |from: u64, to: u64, networks: u64| -> Vec<AttackRow> {
        let hours = (from..to).map(|day| day * 24);
        hours
            .flat_map(|hour| rows(JOE, NOW + hour, networks, 1))
            .collect()
    };
    let limit = |before: Vec<AttackRow>, day: u64| {
        let now = rows(JOE, NOW + day * 24, 1_000, 1);
        let floods = found(&policy, [before, now].concat());
        floods.first().map(|flood| flood.limit)
    };
    // 10 a day are usual.
    assert_eq!(limit(days(0, 20, 10), 20), Some(80.0));
    // Older than four weeks.
    assert_eq!(limit(days(0, 20, 10), 60), Some(30.0));
    // Within the last day.
    assert_eq!(limit(days(0, 1, 10), 0), Some(30.0));
    // Just below the limit: half of it is learned.
    assert_eq!(limit(days(0, 1, 29), 2), Some(8.0 * 15.0));
    // Floods, day after day.
    assert_eq!(limit(days(0, 20, 40), 22), Some(30.0));
}

/// Counts of others, and of a newer version, say nothing.
#[test]
fn other_counts_are_no_accounts() {
    let policy = policy("{}");
    let mut all = rows(JOE, NOW, 40, 9);
    for (at, row) in all.iter_mut().enumerate() {
        match at % 2 {
            0 => row.count.kind = AttackKind::Recipient,
            _ => row.count.text = String::new(),
        }
    }
    assert_eq!(found(&policy, all), []);
}

#[test]
fn only_a_proven_bounce_says_something_of_its_sender() {
    let envelope = |client: &str| Envelope {
        client: Client {
            address: client.parse().ok(),
            ..Client::default()
        },
        reverse_path: ReversePath::Null,
    };
    let verdict = |proof| Verdict {
        proof,
        ..Verdict::accept(Reason::NothingFound)
    };
    let batv = || verdict(Some(Outcome::by(ProofKind::Batv)));
    let unproven = Outcome::Unproven(Unproven {
        why: Why::Nothing,
        weak: WeakEvidence::default(),
        missing: Missing::default(),
    });
    let stranger = || envelope("192.0.2.7");
    let watching = policy("{accounts: {except: [news@example.org]}}");
    for (name, policy, envelope, rcpt, verdict, account) in [
        ("proven", &watching, stranger(), JOE, batv(), Some(JOE)),
        (
            "an extension",
            &watching,
            stranger(),
            "Joe+x@Example.org",
            batv(),
            Some(JOE),
        ),
        (
            "unproven",
            &watching,
            stranger(),
            JOE,
            verdict(Some(unproven)),
            None,
        ),
        (
            "nobody looked",
            &watching,
            stranger(),
            JOE,
            verdict(None),
            None,
        ),
        ("ours", &watching, envelope("127.0.0.1"), JOE, batv(), None),
        ("no address", &watching, envelope(""), JOE, batv(), None),
        (
            "another domain",
            &watching,
            stranger(),
            "joe@far.example",
            batv(),
            None,
        ),
        (
            "excepted",
            &watching,
            stranger(),
            "news@example.org",
            batv(),
            None,
        ),
        (
            "nobody watches",
            &policy("{watch: false}"),
            stranger(),
            JOE,
            batv(),
            None,
        ),
    ] {
        let found =
            policy.proven_bounce(&envelope, &Mailbox::from_bytes(rcpt.as_bytes()), &verdict);
        let found = found.as_ref().map(|bounce| bounce.account.as_str());
        assert_eq!(found, account, "{name}");
    }
    let odd = Mailbox::from_bytes("\"a b\r\n\u{fc}\"@example.org".as_bytes());
    let bounce = watching.proven_bounce(&stranger(), &odd, &batv()).unwrap();
    assert!(
        bounce.account.bytes().all(|byte| byte.is_ascii_graphic()),
        "{bounce:?}"
    );
}

fn bounce(account: &str, network: &str) -> ProvenBounce {
    ProvenBounce {
        account: account.to_owned(),
        domain: "example.org".to_owned(),
        network: network.to_owned(),
    }
}

#[test]
fn few_bounces_of_an_hour_are_not_stored() {
    let mut gate = Gate::default();
    let mut count = |hour, account: &str, network: &str| {
        let passed = gate.count(hour, bounce(account, network), 30);
        (passed.counts.len(), passed.is_due)
    };
    for network in ["a", "b", "a", "c"] {
        assert_eq!(count(1, JOE, network), (0, false));
        assert_eq!(count(1, "ann@example.org", network), (0, false));
    }
    // The fifth brings the others along; at the sixth, and each sixth, it is time to look.
    assert_eq!(count(1, JOE, "a"), (5, false));
    assert_eq!(count(1, JOE, "a"), (1, true));
    assert_eq!(count(1, JOE, "a"), (1, false));
    // Another hour begins anew.
    assert_eq!(count(2, JOE, "a"), (0, false));
}

#[test]
fn what_one_host_counts_is_bounded() {
    let mut gate = Gate::default();
    let mut texts = std::collections::BTreeSet::new();
    for network in 0..1_000 {
        let passed = gate.count(1, bounce(JOE, &network.to_string()), 30);
        texts.extend(passed.counts.into_iter().map(|count| count.text));
    }
    assert_eq!(texts.len(), 41);
    assert!(texts.contains("joe@example.org others"), "{texts:?}");
    // Accounts of one bounce give way, and one that has passed stays.
    for account in 0..100_000 {
        gate.count(1, bounce(&account.to_string(), "a"), 30);
    }
    assert_eq!(gate.count(1, bounce(JOE, "a"), 30).counts.len(), 1);
}

#[test]
fn each_flood_is_announced_once_and_so_is_its_end() {
    let policy = policy("{}");
    let none = Announced::default();
    let floods = found(
        &policy,
        [rows(JOE, NOW, 30, 1), rows(JOE, NOW + 44, 30, 1)].concat(),
    );
    let begun = Announced::of(&floods, NOW + 44);
    let changes = begun.changes(&none, &floods);
    let [AccountChange::Begun(flood)] = changes.as_slice() else {
        panic!("{changes:?}");
    };
    assert_eq!((flood.first, changes[0].account().0), (NOW + 44, JOE));
    let read = Announced::from_bytes(&begun.to_bytes());
    assert_eq!(read, begun);
    assert_eq!(begun.changes(&read, &floods), []);
    let over = none.changes(&read, &[]);
    assert_eq!(
        over.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [format!(
            "account_suspected joe@example.org is over: a day without so many bounces; it began at {}",
            crate::core::moment::rfc3339((NOW + 44) * 3600)
        )]
    );
    // What others write there is no panic.
    for bytes in [
        &b""[..],
        b"\x01",
        b"\x02abc",
        b"\x01\xff\xff\xff\xff",
        &[1; 100],
    ] {
        assert_eq!(Announced::from_bytes(bytes), none, "{bytes:?}");
    }
    let many: Vec<AttackRow> = (0..500)
        .flat_map(|number| rows(&format!("{number:0>190}@example.org"), NOW, 5, 9))
        .collect();
    let many = Announced::of(&found(&policy, many), NOW);
    assert!(
        many.to_bytes().len() < 16 * 1024,
        "{}",
        many.to_bytes().len()
    );
}
