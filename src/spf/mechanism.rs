//! The mechanisms that compare what DNS says with the client (RFC 7208 sections 5.3, 5.4, 5.5 and 5.7).

use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    Lookup,
    check_host::{Evaluation, Trouble},
    limits::MX_NAMES,
    name::Name,
    question::{Answer, Question, in_order},
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
        let exchanges = self.dns.ask(Question::Mx(target.question())).await;
        let exchanges = exchanges.map(Answer::mx);
        self.trace_answers("MX", target.as_str(), &exchanges, |mx| {
            format!("{} {}", mx.preference, quoted(mx.exchange.as_bytes()))
        });
        let exchanges = exchanges?;
        self.count_void(target, exchanges.is_empty())?;
        for (asked, name) in in_order(exchanges).enumerate() {
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
        let addresses = self.dns.ask(Question::A(target.question())).await;
        let addresses = addresses.map(Answer::addresses);
        self.trace_answers("A", target.as_str(), &addresses, ToString::to_string);
        let addresses = addresses?;
        self.count_void(target, addresses.is_empty())?;
        Ok(!addresses.is_empty())
    }

    /// The addresses of a name, of the client's family.
    pub(super) async fn addresses(&mut self, name: &Name) -> Result<Vec<IpAddr>, Unanswered> {
        let client = self.values.client;
        let addresses = self.dns.ask(Question::addresses(name, client)).await;
        let addresses = addresses.map(Answer::addresses);
        let kind = match client {
            IpAddr::V4(_) => "A",
            IpAddr::V6(_) => "AAAA",
        };
        self.trace_answers(kind, name.as_str(), &addresses, ToString::to_string);
        addresses
    }

    fn is_among(&self, addresses: &[IpAddr], prefixes: Prefixes) -> bool {
        addresses.iter().any(|&address| {
            IpNet::new(address, prefixes.of(address))
                .is_ok_and(|network| network.contains(&self.values.client))
        })
    }
}
