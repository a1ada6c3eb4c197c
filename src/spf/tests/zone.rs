//! A DNS of the tests: a table of records, which also keeps what it was asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Mutex,
};

use crate::{
    core::outside::Unanswered,
    spf::{Lookup, Mx},
};

#[derive(Default)]
pub(super) struct Zone {
    txt: BTreeMap<String, Vec<Vec<u8>>>,
    a: BTreeMap<String, Vec<Ipv4Addr>>,
    aaaa: BTreeMap<String, Vec<Ipv6Addr>>,
    mx: BTreeMap<String, Vec<Mx>>,
    ptr: BTreeMap<IpAddr, Vec<String>>,
    dead: BTreeSet<String>,
    asked: Mutex<Vec<String>>,
}

impl Zone {
    /// Lines of `name TYPE value`; the type `DEAD` makes every question about the name fail.
    pub(super) fn new(lines: &str) -> Self {
        let mut zone = Self::default();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut fields = line.splitn(3, ' ');
            let name = fields.next().unwrap().to_ascii_lowercase();
            let kind = fields.next().unwrap();
            let value = fields.next().unwrap_or_default();
            match kind {
                "TXT" => zone.add_txt(&name, value.as_bytes()),
                "A" => zone.a.entry(name).or_default().push(value.parse().unwrap()),
                "AAAA" => zone
                    .aaaa
                    .entry(name)
                    .or_default()
                    .push(value.parse().unwrap()),
                "MX" => {
                    let (preference, exchange) = value.split_once(' ').unwrap_or((value, ""));
                    zone.mx.entry(name).or_default().push(Mx {
                        preference: preference.parse().unwrap(),
                        exchange: exchange.to_owned(),
                    });
                }
                "PTR" => {
                    let names = zone.ptr.entry(name.parse().unwrap()).or_default();
                    names.push(value.to_owned());
                }
                "DEAD" => drop(zone.dead.insert(name)),
                other => panic!("{other}"),
            }
        }
        zone
    }

    pub(super) fn add_txt(&mut self, name: &str, value: &[u8]) {
        self.txt
            .entry(name.to_owned())
            .or_default()
            .push(value.to_vec());
    }

    /// The questions so far, as `TYPE name`.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Forgets the questions behind the first `kept`, and returns them.
    pub(super) fn forget(&self, kept: usize) -> Vec<String> {
        self.asked.lock().unwrap().split_off(kept)
    }

    fn answer<K: Ord, T: Clone>(
        &self,
        kind: &str,
        name: &str,
        key: &K,
        records: &BTreeMap<K, Vec<T>>,
    ) -> Result<Vec<T>, Unanswered> {
        let question = format!("{kind} {name}");
        self.asked.lock().unwrap().push(question.clone());
        if self.dead.contains(name) {
            return Err(Unanswered::dns(format!("{question}: SERVFAIL")));
        }
        Ok(records.get(key).cloned().unwrap_or_default())
    }

    /// What [`Lookup`] promises of each name.
    fn checked(name: &str) -> String {
        assert!(name.len() <= 253, "{name}");
        assert!(name.contains('.'), "{name}");
        assert!(
            name.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{name}"
        );
        assert!(
            !name.bytes().any(|byte| byte.is_ascii_uppercase()),
            "{name}"
        );
        assert!(
            name.split('.').all(|label| (1..=63).contains(&label.len())),
            "{name}"
        );
        name.to_owned()
    }
}

impl Lookup for Zone {
    async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, Unanswered> {
        self.answer("TXT", name, &Self::checked(name), &self.txt)
    }

    async fn a(&self, name: &str) -> Result<Vec<Ipv4Addr>, Unanswered> {
        self.answer("A", name, &Self::checked(name), &self.a)
    }

    async fn aaaa(&self, name: &str) -> Result<Vec<Ipv6Addr>, Unanswered> {
        self.answer("AAAA", name, &Self::checked(name), &self.aaaa)
    }

    async fn mx(&self, name: &str) -> Result<Vec<Mx>, Unanswered> {
        self.answer("MX", name, &Self::checked(name), &self.mx)
    }

    async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, Unanswered> {
        self.answer("PTR", &address.to_string(), &address, &self.ptr)
    }
}
