//! The questions of a check, and their answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Lookup, Mx, name::Name};
use crate::core::outside::Unanswered;

/// A question, its name in the form of [`Lookup`]'s names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Question {
    Txt(String),
    A(String),
    Aaaa(String),
    Mx(String),
    Ptr(IpAddr),
}

/// What DNS says to a question; the variant is that of the question.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Txt(Vec<Vec<u8>>),
    A(Vec<Ipv4Addr>),
    Aaaa(Vec<Ipv6Addr>),
    Mx(Vec<Mx>),
    Ptr(Vec<String>),
}

pub(super) type Answered = Result<Answer, Unanswered>;

impl Question {
    /// The addresses of a name, of the client's family (RFC 7208 section 5: "when <ip> is an IPv4 address, "A" records
    /// are fetched; when <ip> is an IPv6 address, "AAAA" records").
    pub(super) fn addresses(name: &Name, client: IpAddr) -> Self {
        match client {
            IpAddr::V4(_) => Self::A(name.question()),
            IpAddr::V6(_) => Self::Aaaa(name.question()),
        }
    }

    pub(super) async fn ask<L: Lookup>(&self, lookup: &L) -> Answered {
        Ok(match self {
            Self::Txt(name) => Answer::Txt(lookup.txt(name).await?),
            Self::A(name) => Answer::A(lookup.a(name).await?),
            Self::Aaaa(name) => Answer::Aaaa(lookup.aaaa(name).await?),
            Self::Mx(name) => Answer::Mx(lookup.mx(name).await?),
            Self::Ptr(address) => Answer::Ptr(lookup.ptr(*address).await?),
        })
    }
}

impl Answer {
    pub(super) fn txt(self) -> Vec<Vec<u8>> {
        match self {
            Self::Txt(texts) => texts,
            _ => Vec::new(),
        }
    }

    /// A or AAAA records.
    pub(super) fn addresses(self) -> Vec<IpAddr> {
        match self {
            Self::A(addresses) => addresses.into_iter().map(IpAddr::V4).collect(),
            Self::Aaaa(addresses) => addresses.into_iter().map(IpAddr::V6).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn mx(self) -> Vec<Mx> {
        match self {
            Self::Mx(exchanges) => exchanges,
            _ => Vec::new(),
        }
    }

    pub(super) fn ptr(self) -> Vec<String> {
        match self {
            Self::Ptr(names) => names,
            _ => Vec::new(),
        }
    }

    /// The octets of what a stranger wrote into it, roughly.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Txt(texts) => texts.iter().map(Vec::len).sum(),
            Self::A(addresses) => size_of_val(addresses.as_slice()),
            Self::Aaaa(addresses) => size_of_val(addresses.as_slice()),
            Self::Mx(exchanges) => exchanges.iter().map(|mx| mx.exchange.len()).sum(),
            Self::Ptr(names) => names.iter().map(String::len).sum(),
        }
    }
}

/// The names of mail exchangers in the order in which they are asked for. DNS answers come in any order; the result of
/// a check should not.
pub(super) fn in_order(mut exchanges: Vec<Mx>) -> impl Iterator<Item = Name> {
    exchanges.sort_by(|one, other| {
        (one.preference, &one.exchange).cmp(&(other.preference, &other.exchange))
    });
    exchanges
        .into_iter()
        .filter_map(|mx| Name::from_bytes(mx.exchange.as_bytes()))
}
