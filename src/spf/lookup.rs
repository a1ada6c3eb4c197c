//! The DNS that an SPF check asks, as a trait: the daemon answers through [`crate::dns`], tables through a map.

use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::core::outside::Unanswered;

/// A mail exchanger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mx {
    /// The lower, the better (RFC 5321 section 5.1).
    pub preference: u16,
    /// Its name, in the form of [`Lookup`]'s names; empty for the null MX of RFC 7505.
    pub exchange: String,
}

/// Answers DNS questions. CNAMEs are followed by the answerer. An empty list is a void answer: the name does not
/// exist, or has no record of that type (RFC 7208 section 4.6.4). NXDOMAIN is such an answer, too, and not
/// [`Unanswered`].
///
/// `name` is lower case and has two labels at least, without the trailing dot; no label is empty or over 63
/// octets, and the name is 253 octets at most. Between the dots stand the very octets of the labels, any of
/// `0x20..=0x7E`: a backslash is a backslash and no master-file escape, a blank or a quote is just that
/// (`%{l}` and `%_` put them there, RFC 7208 section 7). So a name is turned into labels by splitting it at the
/// dots, not by a parser of zone files. Names in answers have the same form, in any case; one that has an octet
/// outside that range or a dot inside a label can be given in any form that no query can match.
pub trait Lookup: Sync {
    /// TXT records; the strings of each record joined without a blank (RFC 7208 section 3.3).
    fn txt(&self, name: &str) -> impl Future<Output = Result<Vec<Vec<u8>>, Unanswered>> + Send;
    /// A records.
    fn a(&self, name: &str) -> impl Future<Output = Result<Vec<Ipv4Addr>, Unanswered>> + Send;
    /// AAAA records.
    fn aaaa(&self, name: &str) -> impl Future<Output = Result<Vec<Ipv6Addr>, Unanswered>> + Send;
    /// MX records.
    fn mx(&self, name: &str) -> impl Future<Output = Result<Vec<Mx>, Unanswered>> + Send;
    /// The names that the address maps back to (in-addr.arpa, ip6.arpa).
    fn ptr(&self, address: IpAddr) -> impl Future<Output = Result<Vec<String>, Unanswered>> + Send;
    /// Whether there is room for questions ahead of need. Where there is not, only those that are needed are asked.
    fn has_room(&self) -> bool {
        true
    }
}
