//! What a store keeps by domain of ours, whichever it is: thousands of domains, in sums.

use backstop::core::{
    attack::{AttackCount, AttackKind, AttackTally, Fate, KEEP_DAYS},
    proof::{
        DAY, ProofKind,
        coverage::{CoverageCount, CoverageSummary},
    },
    siege::{self, SiegeEvent},
};

use super::place::{Place, now, today, until, until_written};

on_both! {
    reasons_are_summed_up_by_day_and_domain
    thousands_of_domains_are_counted_each
    coverage_is_summed_up_over_days
    beginnings_and_ends_of_sieges_are_kept
    what_is_old_goes
}

fn reason(domain: &str, fate: Fate, why: &str) -> AttackCount {
    AttackCount {
        kind: AttackKind::Reason,
        domain: domain.to_owned(),
        fate,
        text: why.to_owned(),
    }
}

fn tally(counted: &[(Fate, u64)]) -> AttackTally {
    let mut tally = AttackTally::default();
    counted
        .iter()
        .for_each(|(fate, times)| tally.add(*fate, *times));
    tally
}

async fn reasons_are_summed_up_by_day_and_domain(place: Place) {
    let store = place.open().await;
    // A day whose hours are all over: of later ones Redis is not asked.
    let today = today() - 1;
    let (refused, accepted) = (Fate::Refused, Fate::Accepted);
    for hour in [today * 24, today * 24 + 1, today * 24 + 23] {
        let host = AttackCount {
            kind: AttackKind::Host,
            ..reason("a.example", refused, "192.0.2.1")
        };
        store.count_attack(
            hour,
            vec![reason("a.example", refused, "reject unproven"), host],
        );
        store.count_attack(hour, vec![reason("b.example", accepted, "tag unproven")]);
    }
    until_written(&*store).await;
    store.count_attack(
        today * 24,
        vec![reason("a.example", refused, "reject unproven")],
    );
    store.count_attack(
        today * 24,
        vec![reason("a.example", accepted, "accept batv")],
    );
    // The last hour of the day before.
    store.count_attack(
        today * 24 - 1,
        vec![reason("a.example", refused, "reject dnsbl by x")],
    );
    until_written(&*store).await;
    drop(store);
    let store = place.open().await;
    let rows = store.attack_days(today - 1..=today).await.unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            let AttackCount {
                kind,
                domain,
                fate,
                text,
            } = &row.count;
            assert_eq!(*kind, AttackKind::Reason);
            (row.hour, &**domain, *fate, &**text, row.times)
        })
        .collect();
    let (yesterday, hour) = ((today - 1) * 24, today * 24);
    assert_eq!(
        told,
        [
            (yesterday, "a.example", refused, "reject dnsbl by x", 1),
            (hour, "a.example", refused, "reject unproven", 4),
            (hour, "a.example", accepted, "accept batv", 1),
            (hour, "b.example", accepted, "tag unproven", 3),
        ]
    );
    let sums = [
        (
            "a.example".to_owned(),
            tally(&[(refused, 5), (accepted, 1)]),
        ),
        ("b.example".to_owned(), tally(&[(accepted, 3)])),
    ];
    assert_eq!(store.attack_sums(today - 1..=today).await.unwrap(), sums);
    let of_today = store.attack_sums(today..=today).await.unwrap();
    assert_eq!(of_today[0].1, tally(&[(refused, 4), (accepted, 1)]));
    assert_eq!(store.attack_sums(today + 1..=today + 2).await, Ok(vec![]));
    assert_eq!(store.attack_days(today + 1..=today + 2).await, Ok(vec![]));
    // The hours are as they were.
    assert_eq!(
        store.attack(hour..=hour + 23).await.unwrap().len(),
        4 + 3 + 3
    );
}

/// No limit of an hour or a day stops at some hundreds: the domains are the administrator's.
async fn thousands_of_domains_are_counted_each(place: Place) {
    const DOMAINS: u64 = 1_500;
    let store = place.open().await;
    let today = today();
    for number in 0..DOMAINS {
        let domain = format!("d{number:05}.example");
        let why = reason(&domain, Fate::Refused, "reject unproven");
        store.count_attack(today * 24, vec![why]);
        for count in CoverageCount::of_outgoing(&domain, &[ProofKind::Ledger], &[]) {
            store.count(today, count);
        }
        if number % 500 == 499 {
            until_written(&*store).await;
        }
    }
    until_written(&*store).await;
    let sums = store.attack_sums(today..=today).await.unwrap();
    assert_eq!(sums.len() as u64, DOMAINS);
    assert!(sums.iter().all(|(_, tally)| tally.all() == 1));
    let coverage = CoverageSummary::of(store.coverage_sums(today..=today).await.unwrap());
    assert_eq!(coverage.domains.len() as u64, DOMAINS);
    let (ours, all) = (coverage.ours(), DOMAINS);
    assert_eq!((ours.messages, ours.provable), (all, all));
}

async fn coverage_is_summed_up_over_days(place: Place) {
    let store = place.open().await;
    let today = today();
    for (day, domain, times) in [
        (today, "a.example", 3),
        (today - 2, "a.example", 2),
        (today - 1, "b.example", 1),
        (today - 20, "a.example", 100),
    ] {
        for _ in 0..times {
            for count in CoverageCount::of_outgoing(domain, &[ProofKind::Batv], &[]) {
                store.count(day, count);
            }
        }
    }
    let refused = CoverageCount::WouldRefuse {
        recipient: "joe@a.example".to_owned(),
    };
    store.count(today - 1, refused.clone());
    store.count(today, refused);
    until_written(&*store).await;
    let days = today - 9..=today;
    let sums = store.coverage_sums(days.clone()).await.unwrap();
    assert_eq!(sums.len(), 3 + 3 + 1);
    let summed = CoverageSummary::of(sums);
    assert_eq!(
        summed,
        CoverageSummary::of(store.coverage(days).await.unwrap())
    );
    assert_eq!(summed.first_day, Some(today - 2));
    assert_eq!(summed.domains["a.example"].messages, 5);
    assert_eq!(summed.would_refuse["joe@a.example"], 2);
    let brief = CoverageSummary::of(store.provable_sums(today - 9..=today).await.unwrap());
    assert_eq!(brief.first_day, Some(today - 2));
    let a = &brief.domains["a.example"];
    assert_eq!((a.messages, a.provable), (5, 5));
    assert!(a.by.is_empty() && brief.would_refuse.is_empty());
    assert_eq!(store.coverage_sums(today + 1..=today + 3).await, Ok(vec![]));
}

fn event(at: u64, domain: &str, begins: bool) -> SiegeEvent {
    SiegeEvent {
        at,
        domain: domain.parse().ok(),
        begins,
    }
}

async fn beginnings_and_ends_of_sieges_are_kept(place: Place) {
    let store = place.open().await;
    let now = now();
    let events = [
        event(now - 500, "a.example", true),
        event(now - 400, "b.example", true),
        event(now - 300, "", true),
        event(now - 300, "a.example", false),
        event(now - 100, "", false),
    ];
    for event in events.iter().rev() {
        store.note_siege(event.clone());
    }
    // Twice is once.
    store.note_siege(events[0].clone());
    until_written(&*store).await;
    store.note_siege(events[0].clone());
    until_written(&*store).await;
    drop(store);
    let store = place.open().await;
    assert_eq!(store.siege_events(0).await.unwrap(), events);
    assert_eq!(store.siege_events(now - 300).await.unwrap(), events[2..]);
    assert_eq!(store.siege_events(now).await, Ok(vec![]));
}

async fn what_is_old_goes(place: Place) {
    let store = place.open().await;
    let (now, today) = (now(), today());
    for day in [today - KEEP_DAYS, today - KEEP_DAYS + 2] {
        store.count_attack(day * 24, vec![reason("a.example", Fate::Refused, "x")]);
    }
    let oldest = now - siege::KEEP_DAYS * DAY;
    store.note_siege(event(oldest - 60, "a.example", true));
    store.note_siege(event(oldest + 600, "a.example", false));
    until_written(&*store).await;
    drop(store);
    // What is opened is pruned.
    let store = place.open().await;
    until("what is old is gone", async || {
        let events = store.siege_events(0).await.unwrap();
        let days = store.attack_days(0..=u64::MAX).await.unwrap();
        events == [event(oldest + 600, "a.example", false)] && days.len() == 1
    })
    .await;
}
