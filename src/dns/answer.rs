//! What one DNS message says about a name.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use hickory_resolver::proto::rr::{
    Name, RData, Record, RecordType,
    rdata::{CNAME, PTR, SOA},
};

use super::question::presentation;
use crate::spf::Mx;

/// The data of one record, out of the wire format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    Txt(Vec<u8>),
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Mx(Mx),
    Ptr(String),
}

impl Data {
    fn from_rdata(rdata: &RData) -> Option<Self> {
        Some(match rdata {
            // RFC 7208 section 3.3: the strings are joined without a blank.
            RData::TXT(txt) => Self::Txt(txt.txt_data.concat()),
            RData::A(a) => Self::A(a.0),
            RData::AAAA(aaaa) => Self::Aaaa(aaaa.0),
            RData::MX(mx) => Self::Mx(Mx {
                preference: mx.preference,
                exchange: presentation(mx.exchange.iter()),
            }),
            RData::PTR(PTR(name)) => Self::Ptr(presentation(name.iter())),
            _ => return None,
        })
    }

    /// The octets it takes.
    pub(super) fn size(&self) -> usize {
        let beyond = match self {
            Self::Txt(bytes) => bytes.len(),
            Self::Mx(mx) => mx.exchange.len(),
            Self::Ptr(name) => name.len(),
            Self::A(_) | Self::Aaaa(_) => 0,
        };
        size_of::<Self>() + beyond
    }
}

/// The answer to a question: records, or none, and for how long that is true.
#[derive(Clone, Debug)]
pub(super) struct DnsAnswer {
    pub(super) data: Arc<[Data]>,
    /// Zero: not to be cached.
    pub(super) ttl: Duration,
}

/// A message with the response code NOERROR or NXDOMAIN.
pub(super) struct DnsReply {
    pub(super) nxdomain: bool,
    pub(super) answers: Vec<Record>,
    pub(super) soa: Option<Record<SOA>>,
}

impl DnsReply {
    /// The records of that name and type, and their TTL in seconds, the shortest of them (RFC 2181 section 5.2).
    pub(super) fn records(
        &self,
        owner: &Name,
        record_type: RecordType,
    ) -> Option<(Vec<Data>, u32)> {
        let of_owner = || {
            self.answers
                .iter()
                .filter(|record| record.name == *owner && record.record_type() == record_type)
        };
        let ttl = of_owner().map(|record| seconds(record.ttl)).min()?;
        let data = of_owner()
            .filter_map(|record| Data::from_rdata(&record.data))
            .collect();
        Some((data, ttl.min(MAX_TTL)))
    }

    /// The name that this one is an alias of, and for how many seconds.
    pub(super) fn alias(&self, owner: &Name) -> Option<(&Name, u32)> {
        self.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(CNAME(target)) if record.name == *owner => {
                Some((target, seconds(record.ttl)))
            }
            _ => None,
        })
    }

    /// For how many seconds it is true that the name has no such record (RFC 2308 section 5). None without the SOA
    /// of the name's own zone: the server may not know that zone.
    pub(super) fn void_ttl(&self, owner: &Name) -> Option<u32> {
        let soa = self.soa.as_ref().filter(|soa| soa.name.zone_of(owner))?;
        let ttl = seconds(soa.ttl).min(seconds(soa.data.minimum));
        Some(ttl.min(MAX_VOID_TTL))
    }
}

// Resolvers cap at a day, too (RFC 8767 section 4 names a week at most).
const MAX_TTL: u32 = 24 * 60 * 60;
// RFC 2308 section 5: one to three hours work well.
const MAX_VOID_TTL: u32 = 60 * 60;

/// RFC 2181 section 8: a TTL with the top bit set is zero.
fn seconds(ttl: u32) -> u32 {
    if ttl > u32::MAX >> 1 { 0 } else { ttl }
}
