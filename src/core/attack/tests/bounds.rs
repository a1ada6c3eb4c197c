//! Where counts and samples end.

use super::*;

/// As much as there is room for, and one octet more.
#[test]
fn headers_are_kept_while_there_is_room() {
    let line = format!("X: {}\r\n", "z".repeat(1024 - 5));
    for (more, cut) in [("", false), ("Y: z\r\n", true)] {
        let sample = sample(&(line.repeat(16) + more), "");
        assert_eq!((sample.headers.0.len(), sample.cut), (16 * 1024, cut));
    }
}

/// What the MTA refused it refused, whatever we would have said.
#[test]
fn what_the_mta_refused_counts_as_refused() {
    let verdict = Verdict::accept(Reason::RefusedByMta {
        status: "5.1.1".to_owned(),
    });
    let counts = counted(&envelope("192.0.2.7", ""), "joe@example.org", &verdict);
    let (kind, why) = &counts[0];
    assert_eq!(*kind, AttackKind::Reason);
    assert!(why.starts_with("reject "), "{why}");
}

#[test]
fn an_hour_without_suspects_is_not_the_worst() {
    let mut calm = AttackSummary::default();
    calm.add(
        vec![row(
            100,
            AttackKind::Reason,
            Fate::Proven,
            "accept batv",
            90,
        )],
        None,
    );
    calm.add(
        [row(100, AttackKind::Host, Fate::Proven, "192.0.2.9", 90)],
        None,
    );
    assert_eq!(calm.worst_hour(), None);
    assert!(calm.hosts.is_empty());
    assert_eq!(calm.hosts.len(), 0);
    let proven = calm.hosts.named("192.0.2.9").map(AttackTally::all);
    assert_eq!((proven, calm.hosts.named("192.0.2.8")), (Some(90), None));
    calm.add(
        [row(101, AttackKind::Host, Fate::Refused, "192.0.2.9", 1)],
        None,
    );
    assert!(!calm.hosts.is_empty());
    assert_eq!(calm.hosts.len(), 1);
}

/// Strangers' words fill the store, and ours are few.
#[test]
fn only_what_strangers_choose_has_a_limit() {
    let limits = AttackKind::ALL.map(|kind| (kind, kind.max_per_hour().is_some()));
    assert_eq!(
        limits,
        [
            (AttackKind::Reason, false),
            (AttackKind::Proof, false),
            (AttackKind::Host, true),
            (AttackKind::Network, true),
            (AttackKind::Recipient, true),
            (AttackKind::Origin, true),
            (AttackKind::OriginHelo, true),
            (AttackKind::OriginCampaign, true),
            (AttackKind::Account, true),
        ]
    );
}

/// Administrators read them side by side.
#[test]
fn what_became_of_bounces_has_words_of_its_own() {
    let words: std::collections::BTreeSet<_> = Fate::ALL.into_iter().map(Fate::words).collect();
    assert_eq!(words.len(), Fate::ALL.len());
}
