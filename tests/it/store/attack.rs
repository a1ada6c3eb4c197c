//! What a store keeps for the attack report, whichever it is: counts by hour, and samples.

use std::net::IpAddr;

use backstop::{
    core::{
        attack::{
            AttackCount, AttackKind, AttackRow, Fate, HOUR, MAX_SAMPLES, Octets, SAMPLE_DAYS,
            SAMPLES_AN_HOUR, Sample, hour,
        },
        proof::DAY,
    },
    store::Store,
};

use super::place::{Place, now, until, until_written};

on_both! {
    bounces_add_up_by_hour
    an_hour_tells_only_so_many_apart
    reasons_are_all_told_apart
    counts_of_a_flood_are_one_write
    one_kind_is_read_by_itself
    samples_are_kept_as_they_came
    one_network_leaves_few_samples
    old_samples_go
    there_are_only_so_many_samples
}

pub fn count(kind: AttackKind, fate: Fate, text: &str) -> AttackCount {
    AttackCount {
        kind,
        domain: "example.org".to_owned(),
        fate,
        text: text.to_owned(),
    }
}

fn host(text: &str) -> AttackCount {
    count(AttackKind::Host, Fate::Refused, text)
}

async fn bounces_add_up_by_hour(place: Place) {
    let store = place.open().await;
    let hour = hour(now());
    let reason = || count(AttackKind::Reason, Fate::Accepted, "tag unproven");
    for _ in 0..3 {
        store.count_attack(hour, vec![host("192.0.2.7"), reason()]);
    }
    store.count_attack(hour, vec![]);
    until_written(&*store).await;
    store.count_attack(hour, vec![host("192.0.2.7")]);
    store.count_attack(hour - 5, vec![host("2001:db8::1"), host("\\x0a<b>")]);
    until_written(&*store).await;

    let row = |hour, count, times| AttackRow { hour, count, times };
    let of_hour = [row(hour, reason(), 3), row(hour, host("192.0.2.7"), 4)];
    assert_eq!(store.attack(hour..=hour).await.unwrap(), of_hour);
    let all = store.attack(0..=u64::MAX).await.unwrap();
    assert_eq!(all.len(), 4);
    assert_eq!(all[0], row(hour - 5, host("2001:db8::1"), 1));
    assert_eq!(store.attack(hour + 1..=hour + 9).await, Ok(vec![]));
    let (first, last) = (hour, hour - 1);
    assert_eq!(store.attack(first..=last).await, Ok(vec![]));
    // Neither report counts what the other does.
    assert_eq!(store.coverage(0..=u64::MAX).await, Ok(vec![]));
    drop(store);
    let store = place.open().await;
    assert_eq!(store.attack(0..=u64::MAX).await.unwrap(), all);
}

async fn an_hour_tells_only_so_many_apart(place: Place) {
    let store = place.open().await;
    let hour = hour(now());
    for number in 0..400 {
        store.count_attack(
            hour,
            vec![host(&format!("10.0.{}.{}", number / 200, number % 200))],
        );
    }
    until_written(&*store).await;
    // What is there counts on, and other hours and kinds have room.
    store.count_attack(hour, vec![host("10.0.0.0"), host("10.9.9.9")]);
    store.count_attack(hour - 1, vec![host("10.9.9.9")]);
    store.count_attack(
        hour,
        vec![count(
            AttackKind::Recipient,
            Fate::Refused,
            "joe@example.org",
        )],
    );
    until_written(&*store).await;
    let rows = store.attack(hour - 1..=hour).await.unwrap();
    assert_eq!(rows.len(), 250 + 1 + 1 + 1);
    let times = |count: &AttackCount| {
        let row = rows
            .iter()
            .find(|row| row.hour == hour && row.count == *count);
        row.map(|row| row.times)
    };
    assert_eq!(times(&host("")), Some(151));
    assert_eq!(times(&host("10.0.0.0")), Some(2));
    assert_eq!(times(&host("10.9.9.9")), None);
    assert_eq!(rows.iter().map(|row| row.times).sum::<u64>(), 404);
}

/// The words for them are ours: those of many domains don't crowd each other out.
async fn reasons_are_all_told_apart(place: Place) {
    let store = place.open().await;
    let hour = hour(now());
    for number in 0..300 {
        let domain = format!("d{number}.example");
        let of = |kind, text| AttackCount {
            domain: domain.clone(),
            ..count(kind, Fate::Refused, text)
        };
        let counts = vec![
            of(AttackKind::Reason, "reject unproven"),
            of(AttackKind::Proof, "unproven"),
        ];
        store.count_attack(hour, counts);
    }
    until_written(&*store).await;
    let rows = store.attack(hour..=hour).await.unwrap();
    assert_eq!(rows.len(), 600);
    assert!(rows.iter().all(|row| !row.count.text.is_empty()));
}

async fn counts_of_a_flood_are_one_write(place: Place) {
    let store = place.open().await;
    let hour = hour(now());
    for _ in 0..20 {
        for _ in 0..400 {
            store.count_attack(hour, vec![host("192.0.2.7")]);
        }
        store.flush().await;
    }
    until_written(&*store).await;
    let rows = store.attack(hour..=hour).await.unwrap();
    assert_eq!((rows.len(), rows[0].times), (1, 8_000));
    assert_eq!(store.health().lost.counts, 0);
}

async fn one_kind_is_read_by_itself(place: Place) {
    let store = place.open().await;
    let hour = hour(now());
    let account = |network: &str| {
        let text = format!("joe@example.org {network}");
        count(AttackKind::Account, Fate::Proven, &text)
    };
    for ago in [0, 1, 600] {
        let counts = vec![account("192.0.2.0/24"), host("192.0.2.7")];
        store.count_attack(hour - ago, counts);
    }
    store.count_attack(
        hour,
        vec![account("192.0.2.0/24"), account("198.51.100.0/24")],
    );
    until_written(&*store).await;
    let row = |hour, count, times| AttackRow { hour, count, times };
    let of = async |hours| store.attack_of(AttackKind::Account, hours).await.unwrap();
    let expected = [
        row(hour - 600, account("192.0.2.0/24"), 1),
        row(hour - 1, account("192.0.2.0/24"), 1),
        row(hour, account("192.0.2.0/24"), 2),
        row(hour, account("198.51.100.0/24"), 1),
    ];
    assert_eq!(of(0..=u64::MAX).await, expected);
    assert_eq!(of(hour - 1..=hour - 1).await, expected[1..2]);
    let (first, last) = (hour, hour - 1);
    assert_eq!(of(first..=last).await, []);
    let hosts = store
        .attack_of(AttackKind::Host, 0..=u64::MAX)
        .await
        .unwrap();
    assert_eq!(hosts.len(), 3);
}

fn sample(client: &str, at: u64, id: &str) -> Sample {
    Sample {
        at,
        id: id.to_owned(),
        client: client.parse::<IpAddr>().unwrap(),
        name: None,
        helo: Octets(b"mx\xff\0\r\n".to_vec()),
        mail_from: Octets::default(),
        recipients: vec![Octets(b"joe@example.org".to_vec())],
        action: "reject".to_owned(),
        reason: "unproven".to_owned(),
        done: true,
        proof: "unproven".to_owned(),
        headers: Octets(b"Subject: \xe9\r\n".to_vec()),
        body: Octets((0..=255).collect()),
        cut: false,
    }
}

async fn kept(store: &dyn Store) -> Vec<Sample> {
    store.samples(0..=u64::MAX).await.unwrap()
}

async fn samples_are_kept_as_they_came(place: Place) {
    let store = place.open().await;
    let at = now();
    let samples = [
        sample("192.0.2.7", at - 10, "a"),
        sample("2001:db8::1", at, "b"),
    ];
    for sample in samples.iter().rev() {
        store.keep_sample(sample.clone());
    }
    until_written(&*store).await;
    assert_eq!(kept(&*store).await, samples);
    assert_eq!(store.samples(at - 10..=at - 1).await.unwrap(), samples[..1]);
    assert_eq!(store.samples(at + 1..=at + 9).await, Ok(vec![]));
    drop(store);
    let store = place.open().await;
    assert_eq!(kept(&*store).await, samples);
}

async fn one_network_leaves_few_samples(place: Place) {
    let store = place.open().await;
    // The middle of an hour, so that all of them fall into it.
    let at = hour(now()) * HOUR + 100;
    for number in 0..50 {
        store.keep_sample(sample(&format!("192.0.2.{number}"), at + number, "a"));
    }
    store.keep_sample(sample("198.51.100.7", at, "b"));
    store.keep_sample(sample("192.0.2.7", at - HOUR, "c"));
    until_written(&*store).await;
    let samples = kept(&*store).await;
    let of = |id: &str| samples.iter().filter(|sample| sample.id == id).count();
    assert_eq!((of("a") as u64, of("b"), of("c")), (SAMPLES_AN_HOUR, 1, 1));
}

async fn old_samples_go(place: Place) {
    let store = place.open().await;
    let now = now();
    store.keep_sample(sample("192.0.2.7", now - SAMPLE_DAYS * DAY - 60, "old"));
    store.keep_sample(sample("192.0.2.7", now - SAMPLE_DAYS * DAY + 3, "old soon"));
    store.keep_sample(sample("192.0.2.7", now - SAMPLE_DAYS * DAY + 600, "young"));
    until_written(&*store).await;
    drop(store);
    // Nothing is written any more.
    until("it is old", async || self::now() > now + 3).await;
    let store = place.open().await;
    until("the old ones are gone", async || {
        let samples = kept(&*store).await;
        samples.len() == 1 && samples[0].id == "young"
    })
    .await;
}

async fn there_are_only_so_many_samples(place: Place) {
    let store = place.open().await;
    let at = now() - 5_000;
    for number in 0..1_100_u64 {
        let client = format!("10.{}.{}.1", number / 200, number % 200);
        store.keep_sample(sample(&client, at + number, &format!("{number:04}")));
        if number % 90 == 89 {
            until_written(&*store).await;
        }
    }
    until_written(&*store).await;
    drop(store);
    let store = place.open().await;
    let samples = kept(&*store).await;
    assert_eq!(samples.len(), MAX_SAMPLES);
    assert_eq!((&*samples[0].id, &*samples[999].id), ("0100", "1099"));
}
