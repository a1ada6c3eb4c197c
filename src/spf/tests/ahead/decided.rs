//! What is known decides what is still asked: of the terms behind it, nothing where it ends the check in any case.

use super::{
    super::{Session, V4, V6, zone_of},
    depth::{TRIP, ZONE},
    slow::{Answering, Slow, timed},
};
use crate::core::spf::{Identity, SpfResult};

/// Beside those of [`ZONE`].
const MORE: &str = "
    leaf.example TXT v=spf1 a:l1.example ?all
    l1.example A 198.51.100.11
    l1.example AAAA 2001:db8:ffff::11
    near.example A 192.0.2.200
    near.example AAAA 2001:db8::8000:0:0:1
    exact.example A 192.0.2.1
    both.example A 198.51.100.1
    both.example A 192.0.2.200
    mixed.example MX 1 near.example
    mixed.example MX 2 b1.example
    sure.example TXT v=spf1 a:host.example +all
    unsure.example TXT v=spf1 -a:host.example +all
    none.example TXT v=spf1 ?a:host.example ?a:near.example
    moved.example TXT v=spf1 redirect=yes.example
    lost.example TXT v=spf1 redirect=a..b
    wrong.example TXT v=spf1 a:
    two.example TXT v=spf1 -all
    two.example TXT v=spf1 +all
    p2.example.org.x.example A 198.51.100.1
    dead.example DEAD
    2001:db8::1 DEAD
";

/// The term between the others, the result, the round trips, and the questions that are sent.
type Row<'a> = (&'a str, SpfResult, u32, usize);

/// The record is `mx TERM include:leaf.example -all`. The `mx` takes three round trips, and the term is known after two,
/// where it needs one question: what the include leads to is one more, unless nothing can come of it.
const TABLE: &[Row<'_>] = &[
    ("exists:host.example", SpfResult::Pass, 3, 6),
    ("-exists:host.example", SpfResult::Fail, 3, 6),
    ("exists:no1.example", SpfResult::Fail, 3, 7),
    ("a:exact.example", SpfResult::Pass, 3, 6),
    ("a:near.example", SpfResult::Fail, 3, 7),
    ("a:near.example/24", SpfResult::Pass, 3, 6),
    ("a:near.example/25", SpfResult::Fail, 3, 7),
    ("a:both.example/24", SpfResult::Pass, 3, 6),
    ("a:both.example/25", SpfResult::Fail, 3, 7),
    // Two questions, one after the other: what comes behind is asked beside the second.
    ("mx:mixed.example/24", SpfResult::Pass, 3, 9),
    ("mx:mixed.example/25", SpfResult::Fail, 3, 9),
    ("ptr", SpfResult::Pass, 3, 9),
    ("include:yes.example", SpfResult::Pass, 3, 6),
    ("-include:yes.example", SpfResult::Fail, 3, 6),
    ("?include:yes.example", SpfResult::Neutral, 3, 6),
    ("include:in-addr.example", SpfResult::Fail, 3, 7),
    // It passes, whether the `a` matches or not; here it may.
    ("include:sure.example", SpfResult::Pass, 3, 7),
    ("include:unsure.example", SpfResult::Pass, 3, 8),
    ("include:none.example", SpfResult::Fail, 3, 9),
    ("include:moved.example", SpfResult::Pass, 3, 8),
    // Errors.
    ("include:lost.example", SpfResult::Permerror, 3, 6),
    ("include:wrong.example", SpfResult::Permerror, 3, 6),
    ("include:two.example", SpfResult::Permerror, 3, 6),
    ("include:no.example", SpfResult::Permerror, 3, 6),
    ("include:words.example", SpfResult::Permerror, 3, 6),
    ("include:a..b", SpfResult::Permerror, 3, 4),
    ("include:dead.example", SpfResult::Temperror, 3, 6),
    ("a:dead.example", SpfResult::Temperror, 3, 6),
    ("exists:dead.example", SpfResult::Temperror, 3, 6),
    ("mx:dead.example", SpfResult::Temperror, 3, 6),
    // No name, so no match, and no question.
    ("a:a..b", SpfResult::Fail, 3, 6),
    // Not asked ahead, but known where another term asked it.
    ("exists:%{d}", SpfResult::Pass, 4, 7),
    ("a exists:%{d}", SpfResult::Pass, 3, 6),
    // The third query that finds nothing.
    ("a:no1.example a:no2.example", SpfResult::Fail, 3, 8),
    (
        "a:no1.example a:no2.example a:no3.example",
        SpfResult::Permerror,
        3,
        8,
    ),
    (
        "mx:no.example a:no1.example a:no2.example",
        SpfResult::Permerror,
        3,
        8,
    ),
    (
        "exists:no1.example exists:no2.example exists:no3.example",
        SpfResult::Permerror,
        3,
        8,
    ),
    ("mx:void.example a:no1.example", SpfResult::Permerror, 3, 10),
    // The eleventh exchange.
    ("mx:ten.example", SpfResult::Fail, 3, 17),
    ("mx:eleven.example", SpfResult::Permerror, 3, 16),
    // The eleventh term.
    ("a a a a a a a", SpfResult::Fail, 3, 7),
    ("a a a a a a a a", SpfResult::Permerror, 3, 6),
    ("a a a a a a a include:moved.example", SpfResult::Pass, 3, 8),
    (
        "a a a a a a a a include:moved.example",
        SpfResult::Permerror,
        3,
        6,
    ),
    // %{p} is a term of its own.
    ("a:%{p}.example", SpfResult::Fail, 6, 10),
    ("a a a a a a a a:%{p}.example", SpfResult::Permerror, 6, 9),
    // The client's names are no query that finds nothing.
    (
        "a:no1.example a:no2.example a:%{p}.x.example",
        SpfResult::Fail,
        6,
        12,
    ),
];

#[test]
fn what_is_known_decides_what_is_asked() {
    let from_v4 = Session::new(V4, "mail.example.org", "user@example.org");
    let from_v6 = Session::new(V6, "mail.example.org", "user@example.org");
    let nameless = Session::new("192.0.2.9", "mail.example.org", "user@example.org");
    let international = Session::new(V4, "mail.example.org", "\u{e4}@example.org");
    let others: &[(Session<'_>, Row<'_>)] = &[
        (from_v6, ("a:near.example//64", SpfResult::Pass, 3, 6)),
        (from_v6, ("a:near.example//65", SpfResult::Fail, 3, 7)),
        // The client's names can't be known, which is no error.
        (from_v6, ("ptr", SpfResult::Fail, 3, 7)),
        // That the client has no names is the third query that finds nothing.
        (
            nameless,
            (
                "a:no1.example a:no2.example a:%{p}.x.example",
                SpfResult::Permerror,
                3,
                8,
            ),
        ),
        // Terms that match nothing (RFC 8616 section 4).
        (
            international,
            ("include:%{l}.example", SpfResult::Fail, 3, 6),
        ),
        (international, ("a:%{l}.example", SpfResult::Fail, 3, 6)),
    ];
    let exchanges = |name: &str, count: u32| -> String {
        let exchanges = 1..=count;
        let lines = exchanges
            .map(|at| format!("{name} MX {at} {at}.{name}\n{at}.{name} A 198.51.100.20\n"));
        lines.collect()
    };
    let many = exchanges("ten.example", 10) + &exchanges("eleven.example", 11);
    let mut wrong = Vec::new();
    let rows = TABLE.iter().map(|row| (from_v4, *row));
    for (session, row) in rows.chain(others.iter().copied()) {
        let (term, result, trips, questions) = row;
        let zone = zone_of(
            &format!("v=spf1 mx {term} include:leaf.example -all"),
            &format!("{ZONE}{MORE}{many}"),
        );
        let slow = Slow::new(&zone, |_| Answering::After(TRIP)).remembering();
        let (check, took) = timed(session, Identity::MailFrom, &slow);
        if (check.result, took, slow.sent()) != (result, TRIP * trips, questions) {
            let trips = took.as_millis() / TRIP.as_millis();
            wrong.push((term, check.result, trips, slow.sent(), check.problem));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The record, the question that takes longer than others, the result, the round trips, and the questions that are sent. Each
/// round trip that it is not decided asks one more record of the chain.
const CHAINED: &[(&str, &str, SpfResult, u32, usize)] = &[
    // What decided was not foreseen, and its explanation takes a round trip more.
    (
        "-a:%{p} redirect=r1.example exp=words.example",
        "",
        SpfResult::Fail,
        5,
        8,
    ),
    // The names match, and what comes before them is not known yet.
    (
        "mx ptr redirect=r1.example",
        "A mx1.example",
        SpfResult::Pass,
        7,
        9,
    ),
    // The only name that counts does not, and the eleventh term ends it.
    (
        "mx ptr:p1.example.org redirect=r1.example",
        "A mx1.example",
        SpfResult::Permerror,
        9,
        14,
    ),
];

#[test]
fn nothing_is_asked_ahead_of_what_was_decided() {
    let chain = (1..9).map(|at| format!("r{at}.example TXT v=spf1 redirect=r{}.example\n", at + 1));
    let lines = chain.fold(ZONE.to_owned(), |lines, line| lines + &line);
    let mut wrong = Vec::new();
    for &(record, late, result, trips, questions) in CHAINED {
        let zone = zone_of(&format!("v=spf1 {record}"), &lines);
        let slow = Slow::new(&zone, |question| match question == late {
            true => Answering::After(TRIP * 5),
            false => Answering::After(TRIP),
        })
        .remembering();
        let session = Session::new(V4, "mail.example.org", "user@example.org");
        let (check, took) = timed(session, Identity::MailFrom, &slow);
        if (check.result, took, slow.sent()) != (result, TRIP * trips, questions) {
            let trips = took.as_millis() / TRIP.as_millis();
            wrong.push((record, check.result, trips, slow.sent(), check.trace));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
