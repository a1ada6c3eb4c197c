//! Checks a client against a record that is not published yet: everything else is asked of DNS as always.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::SystemTime,
};

use super::{Lookup, Mx, SpfQuery, check_mail_from};
use crate::core::{
    address::{Domain, Mailbox, ReversePath},
    outside::Unanswered,
    spf::SpfCheck,
};

/// What our engine says of this client, were the domain to publish this record.
pub async fn try_record<L: Lookup>(
    lookup: &L,
    domain: &Domain,
    record: &[u8],
    client: IpAddr,
) -> SpfCheck {
    let lookup = Proposed {
        lookup,
        domain,
        record,
    };
    check_domain(&lookup, domain, client).await
}

/// What it says of this client for mail of the domain's postmaster.
pub async fn check_domain<L: Lookup>(lookup: &L, domain: &Domain, client: IpAddr) -> SpfCheck {
    let mail_from = ReversePath::Mailbox(Mailbox::postmaster(domain));
    let query = SpfQuery {
        client,
        helo: domain.as_str().as_bytes(),
        mail_from: &mail_from,
        now: SystemTime::now(),
        receiver: "",
        traced: false,
    };
    check_mail_from(lookup, &query).await
}

/// DNS, with another record in one place.
struct Proposed<'a, L> {
    lookup: &'a L,
    domain: &'a Domain,
    record: &'a [u8],
}

impl<L: Lookup> Lookup for Proposed<'_, L> {
    async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, Unanswered> {
        match name == self.domain.as_str() {
            true => Ok(vec![self.record.to_vec()]),
            false => self.lookup.txt(name).await,
        }
    }

    async fn a(&self, name: &str) -> Result<Vec<Ipv4Addr>, Unanswered> {
        self.lookup.a(name).await
    }

    async fn aaaa(&self, name: &str) -> Result<Vec<Ipv6Addr>, Unanswered> {
        self.lookup.aaaa(name).await
    }

    async fn mx(&self, name: &str) -> Result<Vec<Mx>, Unanswered> {
        self.lookup.mx(name).await
    }

    async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, Unanswered> {
        self.lookup.ptr(address).await
    }

    fn has_room(&self) -> bool {
        self.lookup.has_room()
    }
}
