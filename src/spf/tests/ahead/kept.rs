//! An answer that came ahead of need is kept until the evaluation comes to it, unless it is large.

use std::iter;

use super::{
    super::{Session, V4, V6, zone_of},
    depth::TRIP,
    slow::{Answering, Slow, timed},
};
use crate::{core::spf::Identity, spf::limits::MAX_KEPT};

/// A term, the client, the octets of one piece of its answer, and the zone whose answer has so many pieces: they match
/// nobody, and lead nowhere.
type Kind<'a> = (&'a str, &'a str, usize, &'a dyn Fn(usize) -> String);

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(|at| line(at) + "\n").collect()
}

#[test]
fn what_is_large_is_asked_for_again() {
    let name = || "x".repeat(64);
    let texts = |octets: usize| {
        let record = "v=spf1 ?all";
        let other = iter::repeat_n('y', octets - record.len());
        format!(
            "big.example TXT {record}\nbig.example TXT {}",
            other.collect::<String>()
        )
    };
    let kinds: &[Kind<'_>] = &[
        ("include:big.example", V4, 1, &texts),
        ("a:big.example", V4, 4, &|count| {
            lines(count, |at| {
                format!("big.example A 198.18.{}.{}", at / 256, at % 256)
            })
        }),
        ("a:big.example", V6, 16, &|count| {
            lines(count, |at| format!("big.example AAAA 2001:db8:1::{at:x}"))
        }),
        ("mx:big.example", V4, 64, &|count| {
            lines(count, |_| format!("big.example MX 1 {}", name()))
        }),
        ("ptr", V4, 64, &|count| {
            lines(count, |_| format!("192.0.2.1 PTR {}", name()))
        }),
    ];
    for (term, client, octets, zone) in kinds {
        let most = MAX_KEPT / octets;
        for (pieces, questions) in [(most, 2), (most + 1, 3)] {
            let zone = zone_of(&format!("v=spf1 {term} -all"), &zone(pieces));
            let slow = Slow::new(&zone, |_| Answering::After(TRIP));
            let session = Session::new(client, "mail.example.org", "user@example.org");
            let (check, _) = timed(session, Identity::MailFrom, &slow);
            assert_eq!(slow.sent(), questions, "{term} {pieces}: {check:?}");
        }
    }
}
