//! Zones made by chance: with questions ahead of need, a check comes to the same as without, step by step.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use super::{
    super::{Session, V4, V6, zone::Zone},
    slow::{Answering, Slow, timed},
};
use crate::{
    core::spf::{Identity, SpfResult},
    spf::limits::{AHEAD, DNS_TERMS, VOID_LOOKUPS},
};

const ZONES: u64 = 3_000;

#[test]
fn ahead_of_need_or_not_a_check_is_the_same() {
    let mut seen = Seen::default();
    for seed in 0..ZONES {
        let mut chance = Chance::new(seed);
        let zone = zone(&mut chance);
        let session = Session::new(
            chance.one_of(&[V4, V4, V6]),
            "h0.example",
            chance.one_of(&["d0@d0.example", "\"a b\"@d0.example", "\u{e4}@d0.example"]),
        );
        let fails = |question: &str| chance_of(seed, "fails", question).is_multiple_of(40);
        let identity = Identity::MailFrom;
        let sequential = Slow::new(&zone, |question| match fails(question) {
            true => Answering::FailsAfter(Duration::ZERO),
            false => Answering::After(Duration::ZERO),
        });
        let (expected, _) = timed(session, identity, &sequential);
        let in_order = zone.forget(0);
        seen.note(&expected);
        for order in ["one", "other", "mostly cached"] {
            let delay = |question: &str| {
                let millis = match (order, chance_of(seed, order, question) % 100) {
                    ("mostly cached", 10..) | (_, 0..20) => 0,
                    (_, 20) => 8_000,
                    (_, other) => other,
                };
                Duration::from_millis(millis)
            };
            let slow = Slow::new(&zone, |question| match fails(question) {
                true => Answering::FailsAfter(delay(question)),
                false => Answering::After(delay(question)),
            });
            let (check, _) = timed(session, identity, &slow);
            assert_eq!(check, expected, "zone {seed}, {order}");
            let needed = in_order
                .iter()
                .filter(|question| !delay(question).is_zero());
            let needed = needed.count();
            assert!(slow.sent() <= needed + AHEAD, "zone {seed}, {order}");
            assert!(slow.most_under_way() <= AHEAD + 1);
            assert_eq!(slow.under_way(), 0, "what was not needed is dropped");
            seen.side_by_side += usize::from(slow.most_under_way() > 2);
            seen.in_vain += slow.sent().saturating_sub(needed);
        }
    }
    seen.is_enough();
}

/// What chance has reached, so that it is known to have reached it.
#[derive(Default)]
struct Seen {
    results: BTreeMap<&'static str, usize>,
    at_term_limit: usize,
    at_void_limit: usize,
    explained: usize,
    side_by_side: usize,
    in_vain: usize,
}

impl Seen {
    fn note(&mut self, check: &crate::core::spf::SpfCheck) {
        *self.results.entry(check.result.as_str()).or_default() += 1;
        let problem = check.problem.as_deref().unwrap_or_default();
        self.at_term_limit += usize::from(problem.contains("terms that query DNS"));
        self.at_void_limit += usize::from(problem.contains("find nothing"));
        self.explained += usize::from(check.explanation.is_some());
        assert!(check.lookups <= DNS_TERMS && check.void_lookups <= VOID_LOOKUPS + 1);
    }

    fn is_enough(&self) {
        for result in SpfResult::ALL {
            let times = self.results.get(result.as_str()).copied();
            assert!(times.unwrap_or_default() >= 30, "{result}: {times:?}");
        }
        for (what, times) in [
            ("at the limit of terms", self.at_term_limit),
            ("at the limit of void lookups", self.at_void_limit),
            ("explained", self.explained),
            ("side by side", self.side_by_side),
            ("in vain", self.in_vain),
        ] {
            assert!(times >= 30, "{what}: {times}");
        }
    }
}

/// Some domains with records that lead to each other, and hosts.
fn zone(chance: &mut Chance) -> Zone {
    let mut lines = String::new();
    for domain in 0..6 {
        let records = match chance.below(30) {
            0 => 0,
            1 => 2,
            _ => 1,
        };
        for _ in 0..records {
            lines.push_str(&format!("d{domain}.example TXT {}\n", record(chance)));
        }
        for exchange in 0..chance.one_of(&[0, 1, 2, 4, 12]) {
            let host = chance.below(14);
            let host = match chance.below(20) {
                0 => String::new(),
                1 => ".".to_owned(),
                _ => format!("h{host}.example"),
            };
            lines.push_str(&format!("d{domain}.example MX {} {host}\n", exchange % 3));
        }
        lines.push_str(&addresses(&format!("d{domain}.example"), chance));
    }
    for host in 0..12 {
        lines.push_str(&addresses(&format!("h{host}.example"), chance));
    }
    for client in [V4, V6] {
        for _ in 0..chance.one_of(&[0, 1, 3, 12]) {
            let name = match chance.below(2) {
                0 => format!("h{}.example", chance.below(14)),
                _ => format!("d{}.example", chance.below(6)),
            };
            lines.push_str(&format!("{client} PTR {name}\n"));
        }
    }
    lines.push_str("x.example TXT no, %{i} of %{p}\n");
    lines.push_str(chance.one_of(&["", "", "h1.example DEAD\n", "d3.example DEAD\n"]));
    Zone::new(&lines)
}

fn record(chance: &mut Chance) -> String {
    let terms: Vec<String> = (0..chance.below(7)).map(|_| term(chance)).collect();
    let end = chance.one_of(&[
        "",
        "",
        "-all",
        "~all",
        "+all",
        "redirect=d1.example",
        "redirect=%{d}",
    ]);
    let exp = chance.one_of(&[
        "",
        "",
        "exp=x.example",
        "exp=%{p}.example",
        "exp=h0.example",
    ]);
    let broken =
        chance.one_of(&[""; 24]).to_owned() + if chance.below(40) == 0 { "a/99" } else { "" };
    format!("v=spf1 {} {end} {exp} {broken}", terms.join(" "))
}

fn term(chance: &mut Chance) -> String {
    let qualifier = chance.one_of(&["", "", "", "+", "-", "~", "?"]);
    let (domain, host) = (chance.below(7), chance.below(14));
    let prefix = chance.one_of(&["", "", "", "/24", "//64", "/0", "/16//32"]);
    let term = match chance.below(20) {
        0..6 => format!("include:d{domain}.example"),
        6 | 7 => format!("a:h{host}.example{prefix}"),
        8 => format!("a{prefix}"),
        9 | 10 => format!("mx:d{domain}.example{prefix}"),
        11 => format!("mx{prefix}"),
        12 => chance
            .one_of(&["ptr", "ptr:example", "ptr:h1.example"])
            .to_owned(),
        13 => format!("exists:h{host}.example"),
        14 => chance
            .one_of(&[
                "exists:%{l}.example",
                "exists:%{i}.x.example",
                "exists:%{p}",
            ])
            .to_owned(),
        15 => chance
            .one_of(&[
                "include:%{l}.example",
                "include:%{h}",
                "include:%{p}",
                "include:%{o}",
            ])
            .to_owned(),
        16 => chance
            .one_of(&[
                "a:%{l}.example",
                "a:%{p}",
                "mx:%{d}",
                "a:%{l}%{l}",
                "mx:%{s}",
            ])
            .to_owned(),
        17 => format!("ip4:192.0.{}.0/24", chance.below(4)),
        18 => format!("ip6:2001:db8:{}::/48", chance.below(2)),
        _ => chance
            .one_of(&["a:a..b", "include:a..b", "exists:b..c"])
            .to_owned(),
    };
    format!("{qualifier}{term}")
}

fn addresses(name: &str, chance: &mut Chance) -> String {
    let four = [
        "",
        "",
        "192.0.2.1",
        "192.0.2.99",
        "198.51.100.1",
        "198.51.100.1",
    ];
    let six = ["", "", "2001:db8::1", "2001:db8::99", "2001:db8:1::1"];
    let mut lines = String::new();
    for (kind, addresses) in [("A", four.as_slice()), ("AAAA", &six)] {
        match chance.one_of(addresses) {
            "" => {}
            address => lines.push_str(&format!("{name} {kind} {address}\n")),
        }
    }
    lines
}

fn chance_of(seed: u64, what: &str, question: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, what, question).hash(&mut hasher);
    hasher.finish()
}

/// The same numbers for the same seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }
}
