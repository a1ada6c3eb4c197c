//! Follows one question to its end, over all its aliases and messages.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    answer::{Data, DnsAnswer},
    question::Question,
    upstream::Upstream,
};

/// A resolver sends the whole chain in one message; a server that doesn't recurse, its own part only. Either way the
/// rest is asked for. RFC 1034 section 3.6.2 wants chains followed and loops signalled as an error.
pub(super) async fn chase(
    upstream: &Upstream,
    question: &Question,
    until: Instant,
) -> Result<DnsAnswer, String> {
    let record_type = question.record_type;
    let mut owner = question
        .wire_name()
        .ok_or("not a name that DNS can carry")?;
    let mut aliases = Vec::new();
    let mut chain_ttl = u32::MAX;
    loop {
        let reply = upstream.ask(&owner, record_type, until).await?;
        let asked = aliases.len();
        loop {
            if let Some((data, ttl)) = reply.records(&owner, record_type) {
                return Ok(answer(data, ttl.min(chain_ttl)));
            }
            let Some((target, ttl)) = reply.alias(&owner) else {
                break;
            };
            chain_ttl = chain_ttl.min(ttl);
            let target = target.clone();
            aliases.push(owner);
            if aliases.contains(&target) {
                return Err("CNAME loop".to_owned());
            }
            if aliases.len() > MAX_ALIASES {
                return Err(format!("more than {MAX_ALIASES} CNAMEs in a row"));
            }
            owner = target;
        }
        let void_ttl = reply.void_ttl(&owner);
        // RFC 6604 section 3: after an alias the response code speaks of the last name. NOERROR with neither
        // the target's records nor its SOA says nothing of the target; of the name asked, it says NODATA.
        let elsewhere = aliases.len() > asked && void_ttl.is_none();
        if reply.nxdomain || !elsewhere {
            // RFC 2308 section 5: a negative answer without a SOA is not cached.
            return Ok(answer(Vec::new(), void_ttl.unwrap_or(0).min(chain_ttl)));
        }
    }
}

const MAX_ALIASES: usize = 10;

fn answer(data: Vec<Data>, ttl: u32) -> DnsAnswer {
    DnsAnswer {
        data: Arc::from(data),
        ttl: Duration::from_secs(ttl.into()),
    }
}
