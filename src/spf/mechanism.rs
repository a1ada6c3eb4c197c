//! The mechanisms that compare what DNS says with the client (RFC 7208 sections 5.3, 5.4, 5.5 and 5.7).

use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    Lookup,
    check_host::{Evaluation, Trouble},
    limits::MX_NAMES,
    name::Name,
    record::Prefixes,
    trace::quoted,
};
use crate::core::outside::Unanswered;

impl<L: Lookup> Evaluation<'_, L> {
    /// 5.3: `a`.
    pub(super) async fn a_matches(
        &mut self,
        prefixes: Prefixes,
        target: &Name,
    ) -> Result<bool, Trouble> {
        let addresses = self.addresses(target).await?;
        self.count_void(target, addresses.is_empty())?;
        Ok(self.is_among(&addresses, prefixes))
    }

    /// 5.4: `mx`. A domain without MX records has none: its own address is not taken instead.
    pub(super) async fn mx_matches(
        &mut self,
        prefixes: Prefixes,
        target: &Name,
    ) -> Result<bool, Trouble> {
        let exchanges = self.lookup.mx(&target.question()).await;
        self.trace_answers("MX", target.as_str(), &exchanges, |mx| {
            format!("{} {}", mx.preference, quoted(mx.exchange.as_bytes()))
        });
        let mut exchanges = exchanges?;
        self.count_void(target, exchanges.is_empty())?;
        // DNS answers come in any order; the result should not.
        exchanges.sort_by(|one, other| {
            (one.preference, &one.exchange).cmp(&(other.preference, &other.exchange))
        });
        let names = exchanges
            .iter()
            .filter_map(|mx| Name::from_bytes(mx.exchange.as_bytes()));
        for (asked, name) in names.enumerate() {
            // 4.6.4: "MUST NOT result in querying more than 10 address records": the error comes with the eleventh
            // query, so a match before it stands, as with every other limit.
            if asked == MX_NAMES {
                return Err(Trouble::Permerror(format!(
                    "{target} has more than {MX_NAMES} mail exchangers"
                )));
            }
            let addresses = self.addresses(&name).await?;
            self.count_void(&name, addresses.is_empty())?;
            if self.is_among(&addresses, prefixes) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// 5.5: `ptr`.
    pub(super) async fn ptr_matches(&mut self, target: &Name) -> Result<bool, Trouble> {
        let reverse = self.reverse_names().await;
        let found_nothing = reverse.found_nothing();
        let names = reverse.names();
        self.count_void(target, found_nothing)?;
        // Only a validated name that is the target or below it matters: the others need no validation.
        for name in names.iter().filter(|name| name.is_at_or_below(target)) {
            if self.is_validated(name).await {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// 5.7: `exists` asks for A records even where the client has an IPv6 address.
    pub(super) async fn exists_matches(&mut self, target: &Name) -> Result<bool, Trouble> {
        let addresses = self.lookup.a(&target.question()).await;
        self.trace_answers("A", target.as_str(), &addresses, ToString::to_string);
        let addresses = addresses?;
        self.count_void(target, addresses.is_empty())?;
        Ok(!addresses.is_empty())
    }

    /// The addresses of a name, of the client's family (5: "when <ip> is an IPv4 address, "A" records are
    /// fetched; when <ip> is an IPv6 address, "AAAA" records").
    pub(super) async fn addresses(&mut self, name: &Name) -> Result<Vec<IpAddr>, Unanswered> {
        let question = name.question();
        let (kind, addresses) = match self.values.client {
            IpAddr::V4(_) => (
                "A",
                self.lookup
                    .a(&question)
                    .await
                    .map(|found| found.into_iter().map(IpAddr::V4).collect()),
            ),
            IpAddr::V6(_) => (
                "AAAA",
                self.lookup
                    .aaaa(&question)
                    .await
                    .map(|found| found.into_iter().map(IpAddr::V6).collect()),
            ),
        };
        self.trace_answers(kind, name.as_str(), &addresses, ToString::to_string);
        addresses
    }

    fn is_among(&self, addresses: &[IpAddr], prefixes: Prefixes) -> bool {
        addresses.iter().any(|&address| {
            let prefix = match address {
                IpAddr::V4(_) => prefixes.ip4,
                IpAddr::V6(_) => prefixes.ip6,
            };
            IpNet::new(address, prefix).is_ok_and(|network| network.contains(&self.values.client))
        })
    }
}
