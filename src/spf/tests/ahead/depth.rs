//! A check lasts as many round trips as its records are nested.

use std::time::Duration;

use super::{
    super::{Session, V4, V6, zone_of},
    slow::{Answering, Slow, timed},
};
use crate::core::spf::{Identity, SpfResult};

pub(super) const TRIP: Duration = Duration::from_millis(20);

pub(super) const ZONE: &str = "
    a.example TXT v=spf1 ip4:198.51.100.1 -all
    b.example TXT v=spf1 a:b1.example a:b2.example -all
    b1.example A 198.51.100.1
    b2.example A 198.51.100.2
    c.example TXT v=spf1 mx -all
    c.example MX 1 c1.example
    c.example MX 2 c2.example
    c1.example A 198.51.100.3
    c1.example AAAA 2001:db8:ffff::1
    c2.example A 198.51.100.4
    c2.example AAAA 2001:db8:ffff::2
    d.example TXT v=spf1 include:a.example include:b.example include:c.example ?all
    deep.example TXT v=spf1 include:d.example ?all
    in-addr.example TXT v=spf1 -all
    yes.example TXT v=spf1 ip4:192.0.2.0/24 -all
    self.example TXT v=spf1 include:self.example -all
    host.example A 198.51.100.9
    void.example MX 1 void1.example
    void.example MX 2 void2.example
    example.org A 198.51.100.5
    example.org AAAA 2001:db8:ffff::3
    example.org MX 1 mx1.example
    example.org MX 2 mx2.example
    mx1.example A 198.51.100.6
    mx1.example AAAA 2001:db8:ffff::4
    mx2.example A 198.51.100.7
    mx2.example AAAA 2001:db8:ffff::5
    192.0.2.1 PTR p1.example.org
    192.0.2.1 PTR p2.example.org
    192.0.2.1 PTR p.example
    p1.example.org A 198.51.100.8
    p2.example.org A 192.0.2.1
    p.example A 192.0.2.1
    v.in-addr.example.org A 127.0.0.2
    words.example TXT no
";

/// The terms, the result, the round trips, and the questions that are sent.
const TABLE: &[(&str, SpfResult, u32, usize)] = &[
    ("", SpfResult::Neutral, 1, 1),
    ("ip4:192.0.2.1 a mx -all", SpfResult::Pass, 1, 1),
    ("a a:b1.example a:b2.example -all", SpfResult::Fail, 2, 4),
    ("mx -all", SpfResult::Fail, 3, 4),
    ("exists:host.example -all", SpfResult::Pass, 2, 2),
    ("a exists:host.example -all", SpfResult::Pass, 2, 3),
    // Three includes, a and mx: records, a and the exchanges' names, then what these lead to.
    (
        "include:a.example include:b.example include:c.example a mx -all",
        SpfResult::Fail,
        4,
        13,
    ),
    (
        "include:a.example include:a.example include:b.example a mx -all",
        SpfResult::Fail,
        3,
        9,
    ),
    ("include:d.example -all", SpfResult::Fail, 5, 10),
    ("include:deep.example -all", SpfResult::Fail, 6, 11),
    ("redirect=a.example", SpfResult::Fail, 2, 2),
    ("a mx redirect=b.example", SpfResult::Fail, 3, 8),
    (
        "include:a.example redirect=deep.example",
        SpfResult::Neutral,
        6,
        11,
    ),
    // Macros that are known.
    (
        "a:%{d} include:%{v}.example redirect=b.%{d}",
        SpfResult::Permerror,
        2,
        4,
    ),
    // %{p} is found out step by step.
    ("a:%{p}.example mx -all", SpfResult::Fail, 5, 8),
    // An `exists` with macros waits for its turn.
    ("a exists:v.%{v}.%{d} -all", SpfResult::Pass, 3, 3),
    ("ptr -all", SpfResult::Pass, 3, 4),
    ("a mx ptr -all", SpfResult::Pass, 3, 8),
    ("exp=words.example a -all", SpfResult::Fail, 3, 3),
    // What is behind a match is not asked once the match is known; here it is not, so it is.
    ("include:yes.example a mx -all", SpfResult::Pass, 2, 4),
    ("-all a mx", SpfResult::Fail, 1, 1),
    // The limit on terms is met before the last two.
    (
        "a a a a a a a a a a a:b1.example a:b2.example -all",
        SpfResult::Permerror,
        2,
        2,
    ),
    (
        "include:a.example include:b.example include:c.example include:a.example include:a.example \
         include:a.example include:a.example a:b1.example a:b2.example -all",
        SpfResult::Permerror,
        4,
        9,
    ),
    ("include:self.example -all", SpfResult::Permerror, 2, 2),
    // Two queries that find nothing are allowed.
    (
        "a:no1.example a:no2.example a:no3.example -all",
        SpfResult::Permerror,
        2,
        4,
    ),
    (
        "mx:void.example a:no1.example a:no2.example a:no3.example -all",
        SpfResult::Permerror,
        3,
        7,
    ),
    ("include:no.example -all", SpfResult::Permerror, 2, 2),
    ("a:dead.example a mx -all", SpfResult::Temperror, 2, 4),
];

#[test]
fn as_many_round_trips_as_records_are_nested() {
    let mut wrong = Vec::new();
    for (terms, result, trips, questions) in TABLE {
        let zone = zone_of(
            &format!("v=spf1 {terms}"),
            &format!("{ZONE}\ndead.example DEAD"),
        );
        let slow = Slow::new(&zone, |_| Answering::After(TRIP)).remembering();
        let session = Session::new(V4, "mail.example.org", "user@example.org");
        let (check, took) = timed(session, Identity::MailFrom, &slow);
        let found = (check.result, took, slow.sent());
        if found != (*result, TRIP * *trips, *questions) {
            wrong.push((
                terms,
                found.0,
                took.as_millis() / TRIP.as_millis(),
                found.2,
                check.problem,
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Where there is no room, or nothing is missing, it is as if nothing were ever asked ahead.
#[test]
fn without_room_one_question_follows_the_other() {
    for client in [V4, V6] {
        for (terms, ..) in TABLE {
            let zone = zone_of(&format!("v=spf1 {terms}"), ZONE);
            let session = Session::new(client, "mail.example.org", "user@example.org");
            let at_once = Slow::new(&zone, |_| Answering::After(Duration::ZERO));
            let (expected, took) = timed(session, Identity::MailFrom, &at_once);
            assert_eq!(took, Duration::ZERO);
            let questions = zone.forget(0);

            let crowded = Slow::new(&zone, |_| Answering::After(TRIP)).crowded();
            let (check, took) = timed(session, Identity::MailFrom, &crowded);
            assert_eq!(check, expected);
            assert_eq!(zone.forget(0), questions, "{terms}");
            assert_eq!(took, TRIP * questions.len() as u32);
        }
    }
}

/// One answer is missing in the cache, at any place: what is there is not sent, and what follows the gap goes side by
/// side.
#[test]
fn one_gap_costs_one_round_trip() {
    let terms = "include:a.example include:b.example include:c.example a mx -all";
    let zone = zone_of(&format!("v=spf1 {terms}"), ZONE);
    let session = Session::new(V4, "mail.example.org", "user@example.org");
    let at_once = Slow::new(&zone, |_| Answering::After(Duration::ZERO));
    let (expected, _) = timed(session, Identity::MailFrom, &at_once);
    let questions = zone.forget(0);
    assert_eq!(questions.len(), 13);
    for gap in &questions {
        let slow = Slow::new(&zone, |question| {
            Answering::After(if question == gap {
                TRIP
            } else {
                Duration::ZERO
            })
        });
        let (check, took) = timed(session, Identity::MailFrom, &slow);
        assert_eq!(check, expected, "{gap}");
        assert_eq!((took, slow.sent()), (TRIP, 1), "{gap}");
    }
}
