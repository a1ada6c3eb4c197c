//! The same check twice: with questions ahead of need, as the daemon makes it, and one after the other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use backstop::{
    core::{outside::Unanswered, spf::SpfCheck},
    dns::{Budgeted, Resolver},
    spf::{Lookup, Mx, SpfQuery, check_mail_from},
};
use tokio::{runtime::Handle, task::block_in_place, time::Instant};

/// The check, if it is the same in both ways: result, counts, problem and every step. It blocks, so that it wants a runtime
/// of several threads.
pub async fn check_in_both_ways(
    resolver: &Resolver,
    query: &SpfQuery<'_>,
) -> Result<SpfCheck, String> {
    let query = SpfQuery {
        traced: true,
        ..*query
    };
    let lookup = || resolver.budgeted(Instant::now() + resolver.budget());
    let ahead = check_mail_from(&lookup(), &query).await;
    let in_order = check_mail_from(&InOrder(lookup()), &query).await;
    match ahead == in_order {
        true => Ok(ahead),
        false => Err(format!("ahead {ahead:#?}, in order {in_order:#?}")),
    }
}

/// A DNS with every answer there at once, so that nothing is asked ahead.
struct InOrder(Budgeted);

fn now<T>(answer: impl Future<Output = T>) -> T {
    block_in_place(|| Handle::current().block_on(answer))
}

impl Lookup for InOrder {
    async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, Unanswered> {
        now(self.0.txt(name))
    }

    async fn a(&self, name: &str) -> Result<Vec<Ipv4Addr>, Unanswered> {
        now(self.0.a(name))
    }

    async fn aaaa(&self, name: &str) -> Result<Vec<Ipv6Addr>, Unanswered> {
        now(self.0.aaaa(name))
    }

    async fn mx(&self, name: &str) -> Result<Vec<Mx>, Unanswered> {
        now(self.0.mx(name))
    }

    async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, Unanswered> {
        now(self.0.ptr(address))
    }
}
