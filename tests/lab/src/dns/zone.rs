//! The names a server knows, what they hold, and how they misbehave.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
    ops::Bound,
    time::Duration,
};

use hickory_proto::rr::{
    Name, RData, RecordType,
    rdata::{CNAME, NS, PTR},
};

use super::{Error, rdata};

/// The TTL of a name that sets none, in seconds.
const DEFAULT_TTL: u32 = 60;

/// How a name misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers SERVFAIL.
    Servfail,
    /// Answers REFUSED.
    Refused,
    /// Answers FORMERR.
    Formerr,
    /// Never answers.
    Silence,
    /// Answers over UDP with TC and no records; over TCP in full.
    Truncate,
    /// Hangs up on the question when it comes over TCP.
    NoTcp,
    /// Answers with the question's id and bytes that can't be parsed.
    Garbage,
    /// Answers late.
    Delay(Duration),
}

/// Which questions a fault befalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of the name's.
    Every,
    /// Those for one type.
    Type(RecordType),
    /// Those for types of which the name holds no record.
    Absent,
}

/// All that a server knows. It plays the whole DNS: every name that is neither here nor above a name that is does
/// not exist. The root holds an SOA and an NS of its own until a zone gives it others.
#[derive(Clone, Debug)]
pub struct Zone {
    nodes: BTreeMap<Name, Node>,
}

/// What stands at one name.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    records: Vec<RData>,
    ttl: Option<u32>,
    faults: Vec<(Scope, Fault)>,
}

/// The builder is for tests: it panics on what can't be a name, an address or a record.
impl Zone {
    /// No names but the root.
    pub fn new() -> Self {
        let mut zone = Self {
            nodes: BTreeMap::new(),
        };
        zone.own_the_root().expect("well-formed");
        zone
    }

    /// Reads the YAML form; the module of the same name shows all of it.
    ///
    /// # Errors
    /// Where the text is no YAML, or an entry is none that a zone can hold.
    pub fn from_yaml(text: &str) -> Result<Self, Error> {
        super::yaml::zone(text)
    }

    /// Whether some name has this fault.
    pub fn has_fault(&self, fault: Fault) -> bool {
        let mut faults = self.nodes.values().flat_map(|node| &node.faults);
        faults.any(|(_, one)| *one == fault)
    }

    /// Adds any record.
    pub fn record(mut self, name: &str, data: RData) -> Self {
        self.add(name, data)
            .unwrap_or_else(|error| panic!("{error}"));
        self
    }

    /// Adds an A record.
    pub fn a(self, name: &str, address: Ipv4Addr) -> Self {
        self.record(name, RData::A(address.into()))
    }

    /// Adds an AAAA record.
    pub fn aaaa(self, name: &str, address: Ipv6Addr) -> Self {
        self.record(name, RData::AAAA(address.into()))
    }

    /// Adds a TXT record, cut into as many character-strings as its length needs.
    pub fn txt(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let strings = rdata::pieces(text.as_ref());
        self.txt_strings(name, &strings)
    }

    /// Adds a TXT record of exactly these character-strings, each of at most 255 octets; none makes a record that
    /// RFC 1035 doesn't allow and hickory can't read.
    pub fn txt_strings(self, name: &str, strings: &[Vec<u8>]) -> Self {
        let data = rdata::txt(strings).unwrap_or_else(|error| panic!("{name}: {error}"));
        self.record(name, data)
    }

    /// Adds an MX record.
    pub fn mx(self, name: &str, preference: u16, exchange: &str) -> Self {
        let data =
            rdata::mx(preference, exchange).unwrap_or_else(|error| panic!("{name}: {error}"));
        self.record(name, data)
    }

    /// Adds a PTR record; the name is the reversed one, `1.2.0.192.in-addr.arpa`.
    pub fn ptr(self, name: &str, target: &str) -> Self {
        self.record(name, RData::PTR(PTR(known(target))))
    }

    /// Adds a CNAME record.
    pub fn cname(self, name: &str, target: &str) -> Self {
        self.record(name, RData::CNAME(CNAME(known(target))))
    }

    /// Adds an NS record.
    pub fn ns(self, name: &str, target: &str) -> Self {
        self.record(name, RData::NS(NS(known(target))))
    }

    /// Sets the TTL of all the name's records, in seconds; 60 otherwise.
    pub fn ttl(mut self, name: &str, seconds: u32) -> Self {
        self.node(known(name)).ttl = Some(seconds);
        self
    }

    /// Makes the name misbehave. Of several faults a silence wins over garbage, and both over an error code.
    pub fn fault(mut self, name: &str, scope: Scope, fault: Fault) -> Self {
        self.node(known(name)).faults.push((scope, fault));
        self
    }

    fn own_the_root(&mut self) -> Result<(), Error> {
        self.add(
            ".",
            rdata::soa("ns.lab.invalid hostmaster.lab.invalid 1 3600 600 86400 60")?,
        )?;
        self.add(".", RData::NS(NS(rdata::name("ns.lab.invalid")?)))
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::new()
    }
}

/// What a name turned out to be.
pub(super) enum Found<'a> {
    /// A name of the zone, or one that a wildcard stands for.
    Node(&'a Node),
    /// No name of the zone, but names stand below it (RFC 8020: it exists).
    Above,
    /// It does not exist.
    Nothing,
}

impl Zone {
    /// Adds a record; a second SOA takes the place of the first.
    pub(super) fn add(&mut self, name: &str, data: RData) -> Result<(), Error> {
        let records = &mut self.node(rdata::name(name)?).records;
        if data.record_type() == RecordType::SOA {
            records.retain(|record| record.record_type() != RecordType::SOA);
        }
        records.push(data);
        Ok(())
    }

    /// The node of a name, made where there is none.
    pub(super) fn node(&mut self, name: Name) -> &mut Node {
        self.nodes.entry(name).or_default()
    }

    pub(super) fn find(&self, name: &Name) -> Found<'_> {
        if let Some(node) = self.nodes.get(name) {
            return Found::Node(node);
        }
        if self.is_above_another(name) {
            return Found::Above;
        }
        // RFC 4592 section 3.3.1: only the wildcard right below the closest encloser stands for the name.
        let mut encloser = name.base_name();
        while !self.nodes.contains_key(&encloser) && !self.is_above_another(&encloser) {
            encloser = encloser.base_name();
        }
        let wildcard = encloser.prepend_label("*").ok();
        match wildcard.and_then(|wildcard| self.nodes.get(&wildcard)) {
            Some(node) => Found::Node(node),
            None => Found::Nothing,
        }
    }

    /// The SOA that tells how long the absence of a name, or of a type, may be remembered (RFC 2308 section 3).
    pub(super) fn authority(&self, name: &Name) -> Option<(Name, &RData, u32)> {
        let mut owner = name.clone();
        loop {
            let node = self.nodes.get(&owner);
            let soa = node.and_then(|node| node.of(RecordType::SOA).next().map(|soa| (node, soa)));
            if let Some((node, soa)) = soa {
                return Some((owner, soa, node.ttl()));
            }
            if owner.is_root() {
                return None;
            }
            owner = owner.base_name();
        }
    }

    /// Names sort by their labels from the root down, so the first name behind this one is below it, or none is.
    fn is_above_another(&self, name: &Name) -> bool {
        self.nodes
            .range((Bound::Excluded(name), Bound::Unbounded))
            .next()
            .is_some_and(|(next, _)| name.zone_of(next))
    }
}

impl Node {
    /// The records that answer a question for this type; ANY is answered with all.
    pub(super) fn of(&self, kind: RecordType) -> impl Iterator<Item = &RData> {
        self.records
            .iter()
            .filter(move |record| kind == RecordType::ANY || record.record_type() == kind)
    }

    /// Where the name is an alias of.
    pub(super) fn alias(&self) -> Option<&Name> {
        self.records.iter().find_map(|record| match record {
            RData::CNAME(CNAME(target)) => Some(target),
            _ => None,
        })
    }

    pub(super) fn ttl(&self) -> u32 {
        self.ttl.unwrap_or(DEFAULT_TTL)
    }

    pub(super) fn set_ttl(&mut self, seconds: u32) {
        self.ttl = Some(seconds);
    }

    pub(super) fn add_fault(&mut self, scope: Scope, fault: Fault) {
        self.faults.push((scope, fault));
    }

    /// The faults that befall a question for this type.
    pub(super) fn faults(&self, kind: RecordType) -> impl Iterator<Item = Fault> {
        self.faults
            .iter()
            .filter(move |(scope, _)| match scope {
                Scope::Every => true,
                Scope::Type(only) => *only == kind,
                Scope::Absent => self.of(kind).next().is_none(),
            })
            .map(|(_, fault)| *fault)
    }
}

fn known(name: &str) -> Name {
    rdata::name(name).unwrap_or_else(|error| panic!("{error}"))
}
