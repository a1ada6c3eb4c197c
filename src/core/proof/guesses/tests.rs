use super::*;

const START: u64 = 1_000;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn from(client: IpAddr) -> Guesser {
    Guesser {
        client,
        domain: "example.org".parse().unwrap(),
    }
}

fn guesser(client: &str) -> Guesser {
    from(ip(client))
}

#[test]
fn an_hour_is_remembered() {
    let mut guesses = Guesses::default();
    for client in ["192.0.2.1", "2001:db8::1"] {
        assert_eq!(guesses.wrong(ip(client), START), 0);
        for count in 1..=3 {
            guesses.note(&guesser(client), START);
            assert_eq!(guesses.wrong(ip(client), START), count);
        }
    }
    let client = ip("192.0.2.1");
    assert_eq!(guesses.wrong(ip("192.0.2.2"), START), 0);
    let later = START + MEMORY;
    assert_eq!(guesses.wrong(client, later - 1), 3);
    assert_eq!(guesses.wrong(client, later), 0);
    guesses.note(&from(client), later);
    assert_eq!(guesses.wrong(client, later), 1);
}

#[test]
fn what_was_no_guess_is_forgiven() {
    let mut guesses = Guesses::default();
    let one = guesser("192.0.2.1");
    guesses.forgive(&one, START);
    assert_eq!(guesses.wrong(one.client, START), 0);
    guesses.note(&one, START);
    guesses.note(&one, START);
    guesses.forgive(&guesser("192.0.2.2"), START);
    assert_eq!(guesses.wrong(one.client, START), 2);
    guesses.forgive(&one, START);
    assert_eq!(guesses.wrong(one.client, START), 1);
    // What belongs to an hour that is over is not taken off the next one.
    let later = START + MEMORY;
    guesses.forgive(&one, later);
    guesses.note(&one, later);
    assert_eq!(guesses.wrong(one.client, later), 1);
}

/// Clients that each send so many wrong tags, and what counts against another after them.
#[test]
fn neighbours_share_their_network() {
    let nth_64 = |n: u32| ip(&format!("2001:db8:0:{n:x}::1"));
    let nth_48 = |n: u32| ip(&format!("2001:db8:{:x}::1", n + 1));
    let nth_v4 = |n: u32| ip(&format!("192.0.2.{n}"));
    type Nth<'a> = &'a dyn Fn(u32) -> IpAddr;
    for (what, clients, nth, each, other, expected) in [
        ("the same /64", 1, &nth_64 as Nth, 9, "2001:db8::ffff", 9),
        ("another /64", 1, &nth_64, 9, "2001:db8:0:ffff::1", 0),
        ("nine of ten", 11, &nth_64, 9, "2001:db8:0:ffff::1", 9),
        ("all of the /48", 100, &nth_64, 1, "2001:db8:0:ffff::1", 10),
        ("another /48", 100, &nth_64, 1, "2001:db8:1::1", 0),
        ("many /48", 100, &nth_48, 9, "2001:db8:ffff::1", 0),
        ("IPv4 stands alone", 100, &nth_v4, 9, "192.0.2.200", 0),
        ("IPv4 in IPv6", 1, &nth_v4, 9, "::ffff:192.0.2.0", 9),
        ("and not one /48", 100, &nth_v4, 9, "::ffff:192.0.2.200", 0),
    ] {
        let mut guesses = Guesses::default();
        for n in 0..clients {
            for _ in 0..each {
                guesses.note(&from(nth(n)), START);
            }
        }
        assert_eq!(guesses.wrong(ip(other), START), expected, "{what}");
    }
}

#[test]
fn forgiving_counts_for_the_network_too() {
    let mut guesses = Guesses::default();
    let nth = |n: u32| from(ip(&format!("2001:db8:0:{n:x}::1")));
    for n in 0..100 {
        guesses.note(&nth(n), START);
    }
    let other = ip("2001:db8:0:ffff::1");
    assert_eq!(guesses.wrong(other, START), 10);
    guesses.forgive(&nth(1), START);
    assert_eq!(guesses.wrong(other, START), 9);
}

#[test]
fn many_clients_together_make_one_alert_an_hour_and_are_not_held_against_others() {
    let mut guesses = Guesses::default();
    let nth = |n: u32| from(IpAddr::from((n + (10 << 24)).to_be_bytes()));
    let elsewhere = Guesser {
        domain: "example.net".parse().unwrap(),
        ..nth(0)
    };
    for hour in 0..2 {
        let now = START + hour * MEMORY;
        assert!(!guesses.note(&elsewhere, now));
        let alerts: Vec<u32> = (1..=3 * ALERT)
            .filter(|&n| guesses.note(&nth(n), now))
            .collect();
        assert_eq!(alerts, [ALERT]);
        assert_eq!(guesses.wrong(nth(ALERT).client, now), 1);
        assert_eq!(guesses.wrong(ip("192.0.2.1"), now), 0);
    }
    // Slow ones are not.
    let mut guesses = Guesses::default();
    let apart = MEMORY / u64::from(ALERT) + 1;
    assert!((0..ALERT).all(|n| !guesses.note(&nth(n), START + u64::from(n) * apart)));
}

#[test]
fn it_does_not_grow_for_ever() {
    let mut guesses = Guesses::default();
    let nth = |n: usize| IpAddr::from((n as u32).to_be_bytes());
    let at = |n: usize| START + n.min(2) as u64;
    for n in 0..MAX_CLIENTS + 2 {
        guesses.note(&from(nth(n)), at(n));
    }
    let now = at(MAX_CLIENTS + 2);
    let sizes = |guesses: &Guesses| (guesses.clients.counts.len(), guesses.clients.order.len());
    assert_eq!(sizes(&guesses), (MAX_CLIENTS, MAX_CLIENTS));
    assert_eq!(guesses.wrong(nth(1), now), 0);
    assert_eq!(guesses.wrong(nth(2), now), 1);
    assert_eq!(guesses.wrong(nth(MAX_CLIENTS + 1), now), 1);
    // What is over makes room.
    guesses.note(&from(nth(7)), now + MEMORY);
    assert_eq!(sizes(&guesses), (1, 1));
}

#[test]
fn whoever_has_many_networks_does_not_make_their_own_forgotten() {
    let mut guesses = Guesses::default();
    let own = guesser("2001:db8::1");
    for _ in 0..10 {
        guesses.note(&own, START);
    }
    // A host that is at its limit is not looked at, so nothing is noted of it: a /48 adds a hundred hosts at most.
    for n in 1..=100 {
        guesses.note(&guesser(&format!("2001:db8:0:{n:x}::1")), START + 1);
    }
    assert_eq!(guesses.wrong(own.client, START + 2), 11);
}
