//! The DNS of the targets: what was written into it, and what chance says of every other name.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::atomic::{AtomicUsize, Ordering},
};

use backstop::{
    core::outside::Unanswered,
    spf::{Lookup, Mx},
};

use super::super::input::Input;

type Answer<T> = Result<Vec<T>, ()>;

#[derive(Debug, Default)]
pub struct Zone {
    /// Where it is none, other names do not exist.
    seed: Option<u8>,
    txt: BTreeMap<String, Answer<Vec<u8>>>,
    a: BTreeMap<String, Answer<Ipv4Addr>>,
    aaaa: BTreeMap<String, Answer<Ipv6Addr>>,
    mx: BTreeMap<String, Answer<(u16, String)>>,
    ptr: BTreeMap<IpAddr, Answer<String>>,
    asked: AtomicUsize,
}

/// A number that depends on nothing but its arguments.
fn chance(seed: u8, kind: &str, name: &str) -> u64 {
    let bytes = [&[seed], kind.as_bytes(), name.as_bytes()].concat();
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    hash ^ hash >> 29
}

const NAMES: [&str; 8] = [
    "n0.example",
    "n1.example",
    "n2.example",
    "n3.example",
    "n4.example",
    "n5.example",
    "sub.n0.example",
    "void.example",
];
const TARGETS: [&str; 20] = [
    "n1.example",
    "n2.example",
    "n3.example",
    "n4.example",
    "n5.example",
    "void.example",
    "N0.Example.",
    "sub.n0.example",
    "%{d}",
    "sub.%{o}",
    "%{l}.n1.example",
    "%{p}",
    "%{p2}.n2.example",
    "%{i}.%{v}.n3.example",
    "%{ir}.n4.example",
    "%{S}.n5.example",
    "%{h}",
    "%{d1r}.example",
    "%{l-+}._x.n1.example",
    "%%%_%-.n2.example",
];
const TERMS: [&str; 20] = [
    "include:T",
    "a:T",
    "mx:T",
    "exists:T",
    "ptr:T",
    "redirect=T",
    "exp=T",
    "a",
    "mx",
    "ptr",
    "a:T/24",
    "mx:T//64",
    "a/8//8",
    "ip4:192.0.2.0/28",
    "ip6:2001:db8::/32",
    "all",
    "ip4:198.51.100.77",
    "x-y=T",
    "include:T",
    "mx:T",
];
const QUALIFIERS: [&str; 8] = ["", "", "", "", "-", "~", "?", "+"];
const IP4: [&str; 4] = ["192.0.2.1", "192.0.2.9", "198.51.100.77", "203.0.113.1"];
const IP6: [&str; 3] = ["2001:db8::1", "2001:db8:1::1", "::1"];
const CLIENTS: [&str; 4] = ["192.0.2.1", "192.0.2.9", "198.51.100.77", "2001:db8::1"];

impl Zone {
    /// Chance answers what was not written into it.
    pub fn of_chance(seed: u8) -> Self {
        Self {
            seed: Some(seed),
            ..Self::default()
        }
    }

    /// Up to eight names with everything.
    pub fn of_pieces(input: &mut Input<'_>) -> Self {
        let mut zone = Self::default();
        for client in CLIENTS {
            let answer = zone_answer(input, 12, |input| input.one_of(&NAMES).to_owned());
            zone.ptr.insert(client.parse().unwrap(), answer);
        }
        for name in NAMES.iter().take(7).map(|name| (*name).to_owned()) {
            let a = zone_answer(input, 3, |input| input.one_of(&IP4).parse().unwrap());
            zone.a.insert(name.clone(), a);
            let aaaa = zone_answer(input, 3, |input| input.one_of(&IP6).parse().unwrap());
            zone.aaaa.insert(name.clone(), aaaa);
            let mx = zone_answer(input, 14, |input| {
                (u16::from(input.byte() % 3), input.one_of(&NAMES).to_owned())
            });
            zone.mx.insert(name.clone(), mx);
            let txt = match input.below(32) {
                0 => Err(()),
                1 => Ok(Vec::new()),
                2 => Ok(vec![written(input), written(input)]),
                3 => Ok(vec![b"v=spf10 all".to_vec(), written(input)]),
                4 => Ok(vec![
                    b"%{i} is not %{o}, says %{d}%{c}%{r}%{t}%{p}".to_vec(),
                ]),
                _ => Ok(vec![written(input)]),
            };
            zone.txt.insert(name, txt);
        }
        zone
    }

    pub fn txt(&mut self, name: &str, text: &[u8]) {
        self.txt.insert(name.to_owned(), Ok(vec![text.to_vec()]));
    }

    /// How many questions there were.
    pub fn questions(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    pub fn ask_txt(&self, name: &str) -> Answer<Vec<u8>> {
        answer(&self.txt, &name.to_ascii_lowercase(), || {
            match chance(self.seed?, "txt", &name.to_ascii_lowercase()) % 8 {
                0 => Some(Err(())),
                1 => None,
                2 => Some(Ok(vec![b"v=spf1".to_vec(), b"v=spf1 -all".to_vec()])),
                3 => Some(Ok(vec![b"v=spf1 a ?all".to_vec(), b"else".to_vec()])),
                4 => Some(Ok(vec![b"v=spf1 mx redirect=%{d2}".to_vec()])),
                _ => Some(Ok(vec![b"v=spf1 ip4:192.0.2.0/24 -all".to_vec()])),
            }
        })
    }

    pub fn ask_a(&self, name: &str) -> Answer<Ipv4Addr> {
        answer(&self.a, &name.to_ascii_lowercase(), || {
            let chance = chance(self.seed?, "a", &name.to_ascii_lowercase());
            match chance % 8 {
                0 => Some(Err(())),
                1 => None,
                _ => Some(Ok(vec![
                    IP4[(chance >> 8) as usize % IP4.len()].parse().unwrap(),
                ])),
            }
        })
    }

    pub fn ask_aaaa(&self, name: &str) -> Answer<Ipv6Addr> {
        answer(&self.aaaa, &name.to_ascii_lowercase(), || {
            let chance = chance(self.seed?, "aaaa", &name.to_ascii_lowercase());
            match chance % 8 {
                0 => Some(Err(())),
                1 => None,
                _ => Some(Ok(vec![
                    IP6[(chance >> 8) as usize % IP6.len()].parse().unwrap(),
                ])),
            }
        })
    }

    pub fn ask_mx(&self, name: &str) -> Answer<(u16, String)> {
        answer(&self.mx, &name.to_ascii_lowercase(), || {
            let chance = chance(self.seed?, "mx", &name.to_ascii_lowercase());
            let exchange = |number: u64| (number as u16 % 3, format!("mx{number}.{name}"));
            match chance % 8 {
                0 => Some(Err(())),
                1 => None,
                2 => Some(Ok(vec![(0, String::new())])),
                _ => Some(Ok((0..chance >> 8 & 15).map(exchange).collect())),
            }
        })
    }

    pub fn ask_ptr(&self, address: IpAddr) -> Answer<String> {
        answer(&self.ptr, &address, || {
            let chance = chance(self.seed?, "ptr", &address.to_string());
            let name = |number: u64| format!("{number}.N0.example");
            match chance % 8 {
                0 => Some(Err(())),
                1 => None,
                _ => Some(Ok((0..chance >> 8 & 15).map(name).collect())),
            }
        })
    }

    fn count<T>(&self, answer: Answer<T>) -> Result<Vec<T>, Unanswered> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        answer.map_err(|()| Unanswered::dns("SERVFAIL".to_owned()))
    }
}

/// What [`Lookup`] promises of names.
fn checked(name: &str) -> &str {
    assert!(
        name.len() <= 253 && name.contains('.') && !name.ends_with('.'),
        "{name}"
    );
    let octets = |byte: u8| (b' '..=b'~').contains(&byte) && !byte.is_ascii_uppercase();
    assert!(name.bytes().all(octets), "{name}");
    assert!(
        name.split('.').all(|label| (1..=63).contains(&label.len())),
        "{name}"
    );
    name
}

impl Lookup for Zone {
    async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, Unanswered> {
        self.count(self.ask_txt(checked(name)))
    }

    async fn a(&self, name: &str) -> Result<Vec<Ipv4Addr>, Unanswered> {
        self.count(self.ask_a(checked(name)))
    }

    async fn aaaa(&self, name: &str) -> Result<Vec<Ipv6Addr>, Unanswered> {
        self.count(self.ask_aaaa(checked(name)))
    }

    async fn mx(&self, name: &str) -> Result<Vec<Mx>, Unanswered> {
        let answers = self.count(self.ask_mx(checked(name)))?.into_iter();
        let mx = |(preference, exchange)| Mx {
            preference,
            exchange,
        };
        Ok(answers.map(mx).collect())
    }

    async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, Unanswered> {
        self.count(self.ask_ptr(address))
    }
}

fn answer<K: Ord, T: Clone>(
    records: &BTreeMap<K, Answer<T>>,
    key: &K,
    otherwise: impl Fn() -> Option<Answer<T>>,
) -> Answer<T> {
    let written = records.get(key).cloned();
    written.or_else(otherwise).unwrap_or(Ok(Vec::new()))
}

fn zone_answer<T>(
    input: &mut Input<'_>,
    most: usize,
    one: impl Fn(&mut Input<'_>) -> T,
) -> Answer<T> {
    match input.byte() {
        0xff => Err(()),
        byte => Ok((0..usize::from(byte) % (most + 1))
            .map(|_| one(input))
            .collect()),
    }
}

fn written(input: &mut Input<'_>) -> Vec<u8> {
    let mut text = "v=spf1".to_owned();
    for _ in 0..input.below(14) {
        let (qualifier, term) = (input.one_of(&QUALIFIERS), input.one_of(&TERMS));
        let qualifier = if term.contains('=') { "" } else { qualifier };
        let target = if term.contains('T') {
            input.one_of(&TARGETS)
        } else {
            ""
        };
        text += &format!(" {qualifier}{}", term.replace('T', target));
    }
    text.into_bytes()
}
