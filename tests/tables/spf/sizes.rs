//! Long records, many records, and the most that a stranger's record can make one check ask.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use lab::dns::{Server, Zone};

use super::{Case, Expected, judge, resolver};

/// A check of 64 KiB takes a few hundredths of a second; this is for machines under load.
const REASONABLE: Duration = Duration::from_secs(5);
/// The longest text whose answer fits into a DNS message of 65,535 octets, with room for the lengths of its strings.
const LONGEST: usize = 65_000;

/// RFC 7208 section 3.4: over 512 octets an answer needs EDNS, over the size told there it needs TCP.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_any_length_is_read_to_its_end() {
    for length in [
        100, 254, 255, 256, 400, 512, 600, 1232, 1300, 1600, 5_000, 16_384, 32_768, LONGEST,
    ] {
        let zone = Zone::new().txt("long.example.com", record_of(length));
        judge_in_time(zone, "long.example.com", "pass").await;
    }
}

/// Section 3.3: the strings of a record are joined, however many and however short.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_many_strings_is_read_to_its_end() {
    for size in [1, 2, 7, 255] {
        let record = record_of(8_000);
        let strings: Vec<Vec<u8>> = record.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        let zone = Zone::new().txt_strings("strings.example.com", &strings);
        judge_in_time(zone, "strings.example.com", "pass").await;
    }
}

/// Section 4.5: what isn't an SPF record is discarded, however much of it there is.
#[tokio::test(flavor = "multi_thread")]
async fn one_record_among_many_is_found() {
    let others = |zone: Zone| {
        (0..200).fold(zone, |zone, number| {
            zone.txt(
                "many.example.com",
                format!("verification-{number}={}", "x".repeat(200)),
            )
        })
    };
    let zone = others(Zone::new()).txt("many.example.com", "v=spf1 ip4:192.0.2.1 -all");
    judge_in_time(zone, "many.example.com", "pass").await;
    judge_in_time(others(Zone::new()), "many.example.com", "none").await;

    let records = (0..200).fold(Zone::new(), |zone, number| {
        zone.txt(
            "many.example.com",
            format!("v=spf1 ip4:192.0.2.1 note={number} -all"),
        )
    });
    judge_in_time(records, "many.example.com", "permerror").await;
}

/// Section 4.6.4: ten `mx` of ten exchanges each are the worst there is; the explanation may ask for the client's
/// name once more, and validates ten names at most.
#[tokio::test(flavor = "multi_thread")]
async fn the_worst_record_asks_a_bounded_number_of_questions() {
    let terms: String = (0..10)
        .map(|term| format!("mx:t{term}.example.com "))
        .collect();
    let mut zone = Zone::new()
        .txt(
            "worst.example.com",
            format!("v=spf1 {terms}-all exp=why.example.com"),
        )
        .txt("why.example.com", "%{p}%{p}%{p}");
    for term in 0..10 {
        for number in 0..10 {
            let exchange = format!("x{number}.t{term}.example.com");
            zone = zone
                .mx(&format!("t{term}.example.com"), number, &exchange)
                .a(&exchange, [198, 51, 100, 1].into());
        }
    }
    for number in 0..50 {
        zone = zone.ptr(
            "1.2.0.192.in-addr.arpa",
            &format!("p{number}.client.example.net"),
        );
    }
    let server = Server::start(zone).await;
    judge(&case("worst.example.com", "fail"), &resolver(&server))
        .await
        .unwrap();
    let terms = 10 * (1 + 10);
    let explanation = 1 + 1 + 10;
    // Side by side and one after the other: the same questions.
    assert_eq!(asked(&server), 1 + terms + explanation);
}

/// The questions, each once: a slow answer's is sent again, and a truncated one's comes over TCP, too.
fn asked(server: &Server) -> usize {
    let queries = server.queries().into_iter();
    let questions: HashSet<String> = queries
        .map(|(name, kind, _)| format!("{name} {kind}"))
        .collect();
    questions.len()
}

async fn judge_in_time(zone: Zone, domain: &str, result: &str) {
    let server = Server::start(zone).await;
    let resolver = resolver(&server);
    let start = Instant::now();
    judge(&case(domain, result), &resolver).await.unwrap();
    assert!(start.elapsed() < REASONABLE, "{:?}", start.elapsed());
}

fn case(domain: &str, result: &str) -> Case {
    Case {
        name: domain.to_owned(),
        ip: [192, 0, 2, 1].into(),
        helo: "client.example.net".to_owned(),
        mail_from: format!("a@{domain}"),
        expected: Expected {
            identity: Some("mailfrom".to_owned()),
            ..Expected::of(result)
        },
    }
}

/// A record of exactly so many octets whose last but one term matches the client.
fn record_of(length: usize) -> String {
    let (head, tail) = ("v=spf1", " ip4:192.0.2.1 -all");
    let middle = " ip4:198.51.100.1";
    let room = length - head.len() - tail.len();
    let blanks = " ".repeat(room % middle.len());
    format!("{head}{}{blanks}{tail}", middle.repeat(room / middle.len()))
}
