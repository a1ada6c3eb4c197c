//! Servers that don't answer, and the time that takes.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use hickory_resolver::proto::{
    op::{Message, Query, ResponseCode},
    rr::{Name, RecordType},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UdpSocket,
    time,
};

use super::{
    super::DnsSettings,
    IMPATIENCE, PATIENCE, SLACK, budgeted, failed, impatient, resolver_of, resolver_with,
    responder::{Responder, Said, answer, code, message, sockets, txt},
};
use crate::spf::Lookup;

#[tokio::test]
async fn error_codes_are_errors_at_once() {
    let server = Responder::start(|name, _| match name {
        "servfail.test." => code(ResponseCode::ServFail),
        "refused.test." => code(ResponseCode::Refused),
        "formerr.test." => code(ResponseCode::FormErr),
        "notimp.test." => code(ResponseCode::NotImp),
        _ => code(14.into()),
    })
    .await;
    let dns = budgeted(&resolver_of(&[&server]));
    for (name, mnemonic) in [
        ("servfail.test", "SERVFAIL"),
        ("refused.test", "REFUSED"),
        ("formerr.test", "FORMERR"),
        ("notimp.test", "NOTIMP"),
        ("unknown.test", "RCODE 14"),
    ] {
        let (cause, took) = failed(dns.txt(name)).await;
        assert!(cause.ends_with(mnemonic), "{name}: {cause}");
        assert!(took < SLACK, "{name}: {took:?}");
    }
    let unanswered = dns.txt("servfail.test").await.unwrap_err();
    assert!(
        unanswered.why.starts_with("TXT servfail.test: "),
        "{unanswered}"
    );
}

#[tokio::test]
async fn malformed_answers_are_errors() {
    // A response with one question and one answer, of which neither follows.
    let server =
        Responder::start(|_, _| Some(Said::Bytes(vec![0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]))).await;
    let (cause, took) = failed(budgeted(&resolver_of(&[&server])).txt("a.test")).await;
    assert!(cause.ends_with("malformed answer"), "{cause}");
    // It is asked for over TCP too, where hickory waits on for a better one.
    assert!(took < PATIENCE + SLACK, "{took:?}");
}

/// hickory compares the questions over UDP only.
#[tokio::test]
async fn answers_to_another_question_are_errors() {
    let times = AtomicUsize::new(0);
    let server = Responder::start(move |name, _| {
        let mut said = message(vec![txt(name, 60, &[b'x'; 1_600])]);
        if times.fetch_add(1, Ordering::Relaxed) > 0 {
            let other = Name::from_ascii("other.test.").unwrap();
            said.queries = vec![Query::query(other, RecordType::TXT)];
        }
        Some(Said::Message(Box::new(said)))
    })
    .await;
    let (cause, _) = failed(budgeted(&resolver_of(&[&server])).txt("a.test")).await;
    assert!(cause.ends_with("answer to another question"), "{cause}");
}

#[tokio::test]
async fn silence_ends_with_the_attempts_or_the_budget() {
    let silent = Responder::start(|_, _| None).await;
    let resolver = impatient(&[&silent]);
    let dns = budgeted(&resolver);

    let (cause, took) = failed(dns.txt("a.test")).await;
    assert!(cause.contains("no answer within 300ms"), "{cause}");
    assert!(
        took >= 2 * IMPATIENCE && took < 2 * IMPATIENCE + SLACK,
        "{took:?}"
    );

    let (cause, took) = failed(dns.txt("b.test")).await;
    assert_eq!(cause, "time budget of 900ms spent");
    assert!(took < IMPATIENCE + SLACK, "{took:?}");

    let (_, took) = failed(dns.txt("c.test")).await;
    assert!(took < SLACK, "{took:?}");
}

#[tokio::test]
async fn a_lost_datagram_is_sent_again_before_the_attempt_ends() {
    let times = AtomicUsize::new(0);
    let server = Responder::start(move |name, _| {
        let lost = times.fetch_add(1, Ordering::Relaxed) == 0;
        if lost {
            None
        } else {
            answer(vec![txt(name, 60, b"here")])
        }
    })
    .await;
    let resolver = resolver_with(DnsSettings {
        nameservers: vec![server.address.into()],
        ..DnsSettings::default()
    });
    let start = Instant::now();
    assert!(budgeted(&resolver).txt("a.test").await.is_ok());
    let timeout = Duration::from(DnsSettings::default().timeout);
    assert!(start.elapsed() < timeout, "{:?}", start.elapsed());
}

#[tokio::test]
async fn past_the_deadline_not_even_the_cache_answers() {
    let server = Responder::start(|name, _| answer(vec![txt(name, 60, b"here")])).await;
    let resolver = resolver_of(&[&server]);
    assert!(budgeted(&resolver).txt("a.test").await.is_ok());
    let late = resolver.budgeted(time::Instant::now());
    assert_eq!(
        failed(late.txt("a.test")).await.0,
        "time budget of 3s spent"
    );
}

#[tokio::test]
async fn nobody_there_ends_within_the_budget() {
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let refused = taken.local_addr().unwrap();
    drop(taken);
    let unreachable = "192.0.2.1:53".parse().unwrap();
    join_all([refused, unreachable].map(|address| async move {
        let budget = 3 * IMPATIENCE;
        let resolver = resolver_with(DnsSettings {
            nameservers: vec![address.into()],
            timeout: IMPATIENCE.into(),
            budget: budget.into(),
            ..DnsSettings::default()
        });
        let (_, took) = failed(budgeted(&resolver).txt("a.test")).await;
        assert!(took < budget + SLACK, "{address}: {took:?}");
    }))
    .await;
}

#[tokio::test]
async fn a_dead_server_is_skipped_and_then_asked_last() {
    let dead = Responder::start(|_, _| None).await;
    let alive = Responder::start(|name, _| answer(vec![txt(name, 60, b"here")])).await;
    let resolver = resolver_of(&[&dead, &alive]);

    let start = Instant::now();
    assert_eq!(
        budgeted(&resolver).txt("a.test").await,
        Ok(vec![b"here".to_vec()])
    );
    assert!(start.elapsed() < PATIENCE + SLACK, "{:?}", start.elapsed());
    let asked_the_dead = dead.seen().len();

    let start = Instant::now();
    for name in ["b.test", "c.test", "d.test"] {
        assert_eq!(
            budgeted(&resolver).txt(name).await,
            Ok(vec![b"here".to_vec()])
        );
    }
    assert!(start.elapsed() < SLACK, "{:?}", start.elapsed());
    assert_eq!(dead.seen().len(), asked_the_dead);
}

#[tokio::test]
async fn a_server_that_refuses_is_skipped() {
    for refusal in [ResponseCode::ServFail, ResponseCode::Refused] {
        let sour = Responder::start(move |_, _| code(refusal)).await;
        let sweet = Responder::start(|name, _| answer(vec![txt(name, 60, b"here")])).await;
        let dns = budgeted(&resolver_of(&[&sour, &sweet]));
        assert_eq!(dns.txt("a.test").await, Ok(vec![b"here".to_vec()]));
        assert_eq!(sour.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_refusal_explains_more_than_silence() {
    let silent = Responder::start(|_, _| None).await;
    let sour = Responder::start(|_, _| code(ResponseCode::ServFail)).await;
    let dns = budgeted(&impatient(&[&silent, &sour]));
    let (cause, took) = failed(dns.txt("a.test")).await;
    assert_eq!(cause, format!("name server {}: SERVFAIL", sour.address));
    assert!(took < IMPATIENCE + SLACK, "{took:?}");
}

/// RFC 2308 section 7.1: a failure isn't cached as an answer; nor is it here as a failure.
#[tokio::test]
async fn failures_are_asked_again() {
    let server = Responder::start(|_, _| code(ResponseCode::ServFail)).await;
    let dns = budgeted(&resolver_of(&[&server]));
    for _ in 0..3 {
        failed(dns.txt("a.test")).await;
    }
    assert_eq!(server.seen().len(), 3);
}

/// hickory keeps TCP connections. One that has died silently must not be used for ever.
#[tokio::test]
async fn a_tcp_connection_gone_silent_is_given_up() {
    let (tcp, udp) = sockets().await;
    let address = tcp.local_addr().unwrap();
    tokio::spawn(truncating(udp));
    let resolver = resolver_with(DnsSettings {
        nameservers: vec![address.into()],
        timeout: IMPATIENCE.into(),
        budget: Duration::from_secs(12).into(),
        ..DnsSettings::default()
    });
    let dns = budgeted(&resolver);
    let lookup = tokio::spawn(async move { dns.txt("a.test").await });
    let mut connections = Vec::new();
    for _ in 0..2 {
        let accepted = time::timeout(Duration::from_secs(10), tcp.accept()).await;
        connections.push(accepted.expect("a second attempt connects anew").unwrap());
    }
    assert!(lookup.await.unwrap().is_err());
}

/// What is truncated is asked again over one TCP connection for all. What ends it must not end the others' answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn truncated_answers_come_beside_those_that_end_the_connection() {
    let (tcp, udp) = sockets().await;
    let address = tcp.local_addr().unwrap();
    tokio::spawn(truncating(udp));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            tokio::spawn(async move {
                while let Ok(length) = stream.read_u16().await {
                    let mut request = vec![0; length.into()];
                    if stream.read_exact(&mut request).await.is_err() {
                        return;
                    }
                    let request = Message::from_vec(&request).unwrap();
                    let query = request.queries[0].clone();
                    let name = query.name().to_ascii();
                    let mut said = message(vec![txt(&name, 60, &[b'x'; 1_600])]);
                    said.metadata.id = request.id;
                    said.queries = vec![query];
                    let mut reply = said.to_vec().unwrap();
                    match name.as_bytes()[0] {
                        // Nobody finds the next length after that.
                        b'g' => reply = b"garbage".to_vec(),
                        b'c' => return,
                        _ => {
                            let length = reply.len() as u16;
                            reply.splice(0..0, length.to_be_bytes());
                        }
                    }
                    if stream.write_all(&reply).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let resolver = resolver_with(DnsSettings {
        nameservers: vec![address.into()],
        timeout: PATIENCE.into(),
        budget: Duration::from_secs(20).into(),
        ..DnsSettings::default()
    });
    let lookups = (0..60).map(|index| {
        let dns = budgeted(&resolver);
        async move {
            let kind = ["long", "garbage", "closed"][index % 3];
            let name = format!("{kind}{index}.test");
            (dns.txt(&name).await, name)
        }
    });
    for (outcome, name) in join_all(lookups).await {
        assert_eq!(
            outcome.is_ok(),
            name.starts_with("long"),
            "{name}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_probe_shows_who_answers() {
    let fine = Responder::start(|_, _| code(ResponseCode::NoError)).await;
    let sour = Responder::start(|_, _| code(ResponseCode::Refused)).await;
    let silent = Responder::start(|_, _| None).await;
    let probed = impatient(&[&fine, &sour, &silent]).probe().await;
    let [(first, fine_took), (_, sour_said), (_, silent_said)] = probed.as_slice() else {
        panic!("{probed:?}");
    };
    assert_eq!(first.address(), fine.address);
    assert!(fine_took.as_ref().unwrap() < &SLACK);
    assert_eq!(sour_said, &Err("REFUSED".to_owned()));
    assert_eq!(silent_said, &Err("no answer within 300ms".to_owned()));
    assert_eq!(fine.seen(), ["udp NS "]);
}

/// Truncates every answer.
async fn truncating(udp: UdpSocket) {
    let mut request = vec![0; 512];
    while let Ok((length, client)) = udp.recv_from(&mut request).await {
        // QR, TC, RA
        request[2] |= 0x82;
        request[3] = 0x80;
        udp.send_to(&request[..length], client).await.unwrap();
    }
}
