//! What is asked again, and what isn't.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use hickory_resolver::proto::{op::ResponseCode, rr::RecordType};
use tokio::time::{Instant, sleep, timeout};

use super::{
    super::DnsSettings,
    PATIENCE, budgeted, resolver_of, resolver_with,
    responder::{Responder, answer, cname, code, code_with, soa, txt},
};
use crate::spf::Lookup;

#[tokio::test]
async fn answers_last_for_their_ttl() {
    let server = Responder::start(|name, _| match name {
        "long.test." => answer(vec![txt(name, 60, b"x")]),
        "short.test." => answer(vec![txt(name, 60, b"x"), txt(name, 3, b"x")]),
        "alias.test." => answer(vec![cname(name, 3, "t.test."), txt("t.test.", 60, b"x")]),
        "zero.test." => answer(vec![txt(name, 0, b"x")]),
        "negative.test." => answer(vec![txt(name, 1 << 31, b"x")]),
        "nx.test." => code_with(ResponseCode::NXDomain, vec![], Some(soa("test.", 60, 60))),
        "nx-ttl.test." => code_with(ResponseCode::NXDomain, vec![], Some(soa("test.", 3, 60))),
        "nodata.test." => code_with(ResponseCode::NoError, vec![], Some(soa("test.", 60, 3))),
        "no-soa.test." => code(ResponseCode::NXDomain),
        _ => panic!("{name}"),
    })
    .await;
    let resolver = resolver_of(&[&server]);
    // The name, and for how many seconds it is not asked for again.
    for (name, ttl) in [
        ("long.test", Some(60)),
        ("short.test", Some(3)),
        ("alias.test", Some(3)),
        ("zero.test", None),
        ("negative.test", None),
        ("nx.test", Some(60)),
        ("nx-ttl.test", Some(3)),
        ("nodata.test", Some(3)),
        ("no-soa.test", None),
    ] {
        for spelling in [name.to_owned(), name.to_uppercase()] {
            budgeted(&resolver).txt(&spelling).await.unwrap();
        }
        let cached = resolver.cached_ttl(name, RecordType::TXT);
        assert_eq!(cached, ttl.map(Duration::from_secs), "{name}");
        let line = format!("udp TXT {name}");
        let seen = server.seen();
        let asked = seen.iter().filter(|seen| **seen == line).count();
        assert_eq!(asked, if ttl.is_some() { 1 } else { 2 }, "{name}");
    }
}

#[tokio::test]
async fn an_answer_is_asked_for_again_after_its_ttl() {
    let server = Responder::start(|name, _| answer(vec![txt(name, 1, b"x")])).await;
    let resolver = resolver_of(&[&server]);
    let start = Instant::now();
    while server.seen().len() < 2 {
        budgeted(&resolver).txt("a.test").await.unwrap();
        sleep(Duration::from_millis(20)).await;
    }
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn types_are_cached_apart() {
    let server = Responder::start(|name, record_type| match record_type {
        RecordType::TXT => answer(vec![txt(name, 60, b"here")]),
        _ => code_with(ResponseCode::NoError, vec![], Some(soa("test.", 60, 60))),
    })
    .await;
    let dns = budgeted(&resolver_of(&[&server]));
    for _ in 0..2 {
        assert_eq!(dns.txt("a.test").await, Ok(vec![b"here".to_vec()]));
        assert_eq!(dns.a("a.test").await, Ok(Vec::new()));
    }
    assert_eq!(server.seen(), ["udp TXT a.test", "udp A a.test"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_ask_at_once_are_one_question() {
    const ASKERS: usize = 50;
    let asking = Arc::new(AtomicUsize::new(0));
    let all_asking = asking.clone();
    // TTL 0: it isn't the cache that makes one of fifty.
    let server = Responder::start(move |name, _| match name {
        "a.test." => answer(vec![cname(name, 0, "slow.test.")]),
        _ => {
            while all_asking.load(Ordering::SeqCst) < ASKERS {
                std::thread::sleep(Duration::from_millis(10));
            }
            answer(vec![txt(name, 0, b"here")])
        }
    })
    .await;
    let resolver = resolver_of(&[&server]);
    let lookups = (0..ASKERS).map(|index| {
        let dns = budgeted(&resolver);
        let (asking, server) = (asking.clone(), &server);
        async move {
            // hickory joins what is asked at the very same time, but not those who come between two messages.
            while index >= ASKERS / 2 && server.seen().len() < 2 {
                sleep(Duration::from_millis(1)).await;
            }
            let lookup = dns.txt("a.test");
            tokio::pin!(lookup);
            assert!(futures_util::poll!(&mut lookup).is_pending());
            asking.fetch_add(1, Ordering::SeqCst);
            lookup.await
        }
    });
    for outcome in join_all(lookups).await {
        assert_eq!(outcome, Ok(vec![b"here".to_vec()]));
    }
    assert_eq!(server.seen(), ["udp TXT a.test", "udp TXT slow.test"]);
}

#[tokio::test]
async fn the_first_asker_may_go_without_spoiling_it_for_the_others() {
    let server = Responder::start(|name, _| answer(vec![txt(name, 60, b"here")])).await;
    let resolver = resolver_of(&[&server]);

    let deadline = Instant::now() + Duration::from_millis(1);
    let hasty = resolver.budgeted(deadline);
    let gone = budgeted(&resolver);
    let patient = budgeted(&resolver);
    let (hasty, gone, patient) = tokio::join!(
        biased;
        async {
            // Starts the lookup, and keeps the runtime until its own time is up.
            let lookup = hasty.txt("a.test");
            tokio::pin!(lookup);
            assert!(futures_util::poll!(&mut lookup).is_pending());
            // Timers know whole milliseconds.
            while Instant::now() < deadline + Duration::from_millis(4) {
                std::thread::sleep(Duration::from_millis(1));
            }
            lookup.await
        },
        timeout(Duration::ZERO, gone.txt("a.test")),
        patient.txt("a.test"),
    );
    assert!(hasty.is_err());
    assert!(gone.is_err());
    assert_eq!(patient, Ok(vec![b"here".to_vec()]));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn the_cache_is_bounded_in_entries_and_octets() {
    let server = Responder::start(|name, _| {
        let length = if name.starts_with("large") {
            60_000
        } else {
            10
        };
        answer(vec![txt(name, 3600, &vec![b'x'; length])])
    })
    .await;
    let resolver = resolver_with(DnsSettings {
        nameservers: vec![server.address.into()],
        timeout: PATIENCE.into(),
        cache: 300,
        ..DnsSettings::default()
    });
    for index in 0..20 {
        let name = format!("large{index}.test");
        budgeted(&resolver).txt(&name).await.unwrap();
    }
    let (pieces, entries) = resolver.cache_load();
    assert!(
        pieces <= 300 && (1..=2).contains(&entries),
        "{pieces} {entries}"
    );
    for index in 0..1_000 {
        let name = format!("{index}.test");
        budgeted(&resolver).txt(&name).await.unwrap();
    }
    let (pieces, entries) = resolver.cache_load();
    assert!(pieces <= 300 && entries <= 300, "{pieces} {entries}");
}

#[tokio::test]
async fn no_cache_is_no_cache() {
    let server = Responder::start(|name, _| answer(vec![txt(name, 3600, b"here")])).await;
    let resolver = resolver_with(DnsSettings {
        nameservers: vec![server.address.into()],
        cache: 0,
        ..DnsSettings::default()
    });
    for _ in 0..2 {
        budgeted(&resolver).txt("a.test").await.unwrap();
    }
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_questions_at_once_are_answered_over_tcp_too() {
    let server = Responder::start(|name, _| answer(vec![txt(name, 60, &[b'x'; 1_600])])).await;
    let resolver = resolver_with(DnsSettings {
        nameservers: vec![server.address.into()],
        ..DnsSettings::default()
    });
    let lookups = (0..200).map(|index| {
        let dns = budgeted(&resolver);
        async move { dns.txt(&format!("{index}.test")).await }
    });
    for outcome in join_all(lookups).await {
        assert_eq!(outcome.unwrap()[0].len(), 1_600);
    }
}
