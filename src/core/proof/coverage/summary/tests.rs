use super::*;

fn sent(day: u64, domain: &str, made: &[ProofKind], times: u64) -> Vec<CoverageRow> {
    let left = ProofKind::OUTGOING
        .into_iter()
        .filter(|kind| !made.contains(kind));
    let left: Vec<_> = left.map(|kind| (kind, "off")).collect();
    CoverageCount::of_outgoing(domain, made, &left)
        .into_iter()
        .map(|count| CoverageRow { day, count, times })
        .collect()
}

#[test]
fn what_was_counted_is_summed() {
    let rows = [
        sent(100, "example.org", &[ProofKind::Batv, ProofKind::Ledger], 3),
        sent(101, "example.org", &[ProofKind::Ledger], 1),
        sent(101, "example.org", &[], 1),
        sent(101, "-", &[], 50),
    ];
    let summary = CoverageSummary::of(rows.into_iter().flatten());
    assert_eq!(summary.first_day, Some(100));
    let ours = summary.ours();
    assert_eq!((ours.messages, ours.provable), (5, 4));
    assert_eq!(ours.by.get(&ProofKind::Batv), Some(&3));
    assert_eq!(ours.by.get(&ProofKind::Ledger), Some(&4));
    assert_eq!(
        ours.without.get(&(ProofKind::Batv, "off".to_owned())),
        Some(&2)
    );
    assert_eq!(ours.share(ours.provable), 800);
}

#[test]
fn a_day_is_one_line() {
    assert_eq!(
        CoverageSummary::default().to_string(),
        "0 messages sent; 0 notifications came"
    );
    let mut rows = sent(100, "example.org", &[ProofKind::Ledger], 199);
    rows.extend(sent(100, "example.org", &[], 2));
    let bounce = |outcome: &str, times| CoverageRow {
        day: 100,
        count: CoverageCount::Bounce {
            outcome: outcome.to_owned(),
        },
        times,
    };
    rows.extend([bounce("unproven", 7), bounce("ledger", 3)]);
    let refused = |recipient: &str| CoverageRow {
        day: 100,
        count: CoverageCount::WouldRefuse {
            recipient: recipient.to_owned(),
        },
        times: 2,
    };
    rows.extend([refused("a@example.org"), refused("b@example.org")]);
    assert_eq!(
        CoverageSummary::of(rows).to_string(),
        "201 messages sent, 99.0 % of them can prove their bounces; 10 notifications came: ledger 3, unproven 7; \
         4 unproven bounces to 2 addresses that send mail"
    );
}

fn settings(remember: bool) -> ProofSettings {
    let mut settings = ProofSettings::default();
    settings.ledger.remember = remember;
    settings
}

#[test]
fn it_is_safe_when_nothing_speaks_against_it() {
    let remembering = settings(true);
    let enough = sent(100, "example.org", &[ProofKind::Watermark], 995);
    let lacking = |times| sent(107, "example.org", &[], times);
    let summary = |rows: [&[CoverageRow]; 2]| CoverageSummary::of(rows.concat());
    assert_eq!(
        summary([&enough, &lacking(5)]).doubts(107, &remembering),
        []
    );
    assert_eq!(
        summary([&enough, &lacking(6)]).doubts(107, &remembering),
        [Doubt::Unprovable {
            domain: "example.org".to_owned(),
            share: 994
        }]
    );
    assert_eq!(
        summary([&enough, &[]]).doubts(106, &remembering),
        [Doubt::TooShort {
            days: 6,
            lifetime: 7
        }]
    );
    assert_eq!(
        summary([&[], &sent(1, "-", &[], 9)]).doubts(107, &remembering),
        [Doubt::NoMail]
    );
    // A domain of which nothing was sent lacks nothing.
    let lost = CoverageRow {
        day: 107,
        count: CoverageCount::Outgoing {
            domain: "example.net".to_owned(),
            outcome: "ledger:lost".to_owned(),
        },
        times: 3,
    };
    let only_lost = summary([&[], std::slice::from_ref(&lost)]);
    assert_eq!(only_lost.lost_by_ledger(), 3);
    assert_eq!(only_lost.doubts(107, &remembering), [Doubt::NoMail]);
    assert_eq!(summary([&enough, &[lost]]).doubts(107, &remembering), []);
    let refused = CoverageRow {
        day: 107,
        count: CoverageCount::WouldRefuse {
            recipient: "joe@example.org".to_owned(),
        },
        times: 2,
    };
    let unproven = CoverageRow {
        day: 107,
        count: CoverageCount::Bounce {
            outcome: CoverageCount::UNPROVEN.to_owned(),
        },
        times: 3,
    };
    let unproven = summary([&enough, &[unproven]]);
    assert_eq!(unproven.doubts(107, &remembering), []);
    assert_eq!(
        unproven.doubts(107, &settings(false)),
        [Doubt::NotRemembered(3)]
    );
    let doubts = summary([&enough, &[refused]]).doubts(107, &remembering);
    let [would_refuse] = doubts.as_slice() else {
        panic!("{doubts:?}");
    };
    assert!(
        would_refuse
            .to_string()
            .starts_with("2 bounces to 1 addresses")
    );
    assert_eq!(
        Doubt::Unprovable {
            domain: "example.org".to_owned(),
            share: 994
        }
        .to_string(),
        "only 99.4 % of the mail from example.org can prove its bounces"
    );
}

#[test]
fn a_ledger_that_is_young_or_has_gaps_does_not_remember() {
    let row = |day, outcome: &str, times| CoverageRow {
        day,
        count: CoverageCount::Outgoing {
            domain: "example.org".to_owned(),
            outcome: outcome.to_owned(),
        },
        times,
    };
    let whole = [row(10, "message", 1000), row(10, "ledger", 1000)];
    for (more, since, remembered) in [
        (vec![], 10, true),
        (vec![], 11, true),
        (vec![], 9, false),
        (vec![row(12, "message", 5)], 10, true),
        (vec![row(12, "message", 50)], 10, false),
        (
            vec![row(12, "ledger:no_message_id", 5), row(12, "message", 5)],
            10,
            true,
        ),
        (vec![row(12, "ledger:lost", 1)], 10, false),
    ] {
        let summary = CoverageSummary::of(whole.iter().cloned().chain(more.clone()));
        assert_eq!(
            summary.is_remembered("example.org", since),
            remembered,
            "{more:?}"
        );
        assert!(!summary.is_remembered("example.net", since));
    }
    assert!(!CoverageSummary::default().is_remembered("example.org", 10));
}

/// Who sent mail lately would lose a bounce: that is counted of bounces, and of what is answered before it is known what it is.
#[test]
fn what_would_be_refused_to_whoever_sends_is_counted() {
    use crate::core::{
        address::{Mailbox, ReversePath},
        notification::{Notification, NotificationKind},
        proof::evidence::{Missing, Outcome, Unproven, WeakEvidence, Why},
        verdict::{Reason, Verdict},
    };
    let callout = Notification::of_no_data(&ReversePath::Null).unwrap();
    let bounce = Notification {
        kind: NotificationKind::Bounce,
        ..callout.clone()
    };
    for (why, sender, notification, is_counted) in [
        (Why::Nothing, true, Some(&bounce), true),
        (Why::Nothing, true, Some(&callout), false),
        (Why::Nothing, true, None, false),
        (Why::NoTag, true, None, true),
        (Why::NoTag, false, None, false),
        (Why::Nothing, false, Some(&bounce), false),
    ] {
        let mut verdict = Verdict::accept(Reason::NothingFound);
        verdict.notification = notification.cloned();
        verdict.proof = Some(Outcome::Unproven(Unproven {
            why,
            weak: WeakEvidence {
                sender,
                ..WeakEvidence::default()
            },
            missing: Missing::default(),
        }));
        let recipient = Mailbox::from_bytes(b"joe@example.org");
        let counts = CoverageCount::of_bounce(&recipient, &verdict);
        let found = counts.contains(&CoverageCount::WouldRefuse {
            recipient: "joe@example.org".to_owned(),
        });
        assert_eq!(found, is_counted, "{why:?} {sender} {notification:?}");
    }
}
