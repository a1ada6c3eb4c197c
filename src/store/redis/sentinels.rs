//! Which server is the master, as the sentinels say, and what a new master may not have got from the old one.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use redis::{
    Client, ConnectionAddr, RedisConnectionInfo, RedisResult, TlsMode,
    sentinel::{SentinelClientBuilder, SentinelServerType},
};
use tokio::time::timeout;

use super::{
    connect::{login, with_tls},
    failure::unavailable,
};
use crate::{
    core::proof::ledger::Sent,
    store::{Reason, Unavailable, url::Sentinels},
};

/// How long finding the master may take: three sentinels are asked at once, each for a second at most, and the master
/// whether it is one.
const FIND: Duration = Duration::from_secs(5);
/// How long an entry is kept for a new master, in seconds: a replica is behind by less, or sentinels do not choose it
/// (`down-after-milliseconds` is 30 s, where nobody set it).
const BEHIND: u64 = 120;
/// The maximum number of entries that are kept for a new master: 10 MB.
const MAX_KEPT: usize = 20_000;

/// A client of the server that the sentinels call the master, and that calls itself so.
pub(super) async fn master(
    name: &str,
    sentinels: &Sentinels,
    master_login: RedisConnectionInfo,
) -> Result<Client, Unavailable> {
    let unusable = |text| Unavailable::new(Reason::Denied, format!("{name}: {text}"));
    let own_login = login(sentinels.user.as_deref(), sentinels.password.as_ref());
    let own_login = own_login.map_err(unusable)?;
    let certificates = match &sentinels.tls {
        Some(tls) => tls.certificates().map_err(unusable)?,
        None => None,
    };
    let failed = |error| unavailable(name, error);
    let mut builder = builder(sentinels, &own_login, &master_login).map_err(failed)?;
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_sentinel_certificates(certificates.clone())
            .set_client_to_redis_certificates(certificates);
    }
    let mut client = builder.build().map_err(failed)?;
    match timeout(FIND, client.async_get_client()).await {
        Ok(found) => found.map_err(failed),
        Err(_) => {
            let text = format!(
                "{name}: no sentinel said within {} s which server is the master",
                FIND.as_secs()
            );
            Err(Unavailable::new(Reason::Down, text))
        }
    }
}

fn builder(
    sentinels: &Sentinels,
    own_login: &RedisConnectionInfo,
    master_login: &RedisConnectionInfo,
) -> RedisResult<SentinelClientBuilder> {
    let address = |(host, port): &(String, u16)| match sentinels.tls {
        Some(_) => with_tls(host, *port),
        None => ConnectionAddr::Tcp(host.clone(), *port),
    };
    let addresses: Vec<_> = sentinels.hosts.iter().map(address).collect();
    let mut builder =
        SentinelClientBuilder::new(addresses, &sentinels.master, SentinelServerType::Master)?
            .set_client_to_redis_db(master_login.db());
    if sentinels.tls.is_some() {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
    }
    if let Some(user) = master_login.username() {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = master_login.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(user) = own_login.username() {
        builder = builder.set_client_to_sentinel_username(user);
    }
    if let Some(password) = own_login.password() {
        builder = builder.set_client_to_sentinel_password(password);
    }
    Ok(builder)
}

/// The master that is used, and the entries of the ledger that a replica may not have yet when it takes the place of the
/// master: Redis copies to its replicas later than it answers.
#[derive(Debug, Default)]
pub(super) struct Master(Mutex<Followed>);

#[derive(Debug, Default)]
struct Followed {
    at: Option<String>,
    /// With the time at which each was written, in seconds since 1970.
    written: VecDeque<(u64, Sent)>,
    /// Whether no sentinel answered when they were last asked about it.
    is_unwatched: bool,
}

impl Master {
    /// Notes that the server at this address is used now. Gives the entries that it may not have, if it is another one than
    /// before.
    pub fn is_at(&self, address: String) -> Option<Vec<Sent>> {
        let mut followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = followed.at.replace(address);
        let is_another = before.is_some() && before != followed.at;
        let written = followed.written.iter();
        is_another.then(|| written.map(|(_, sent)| sent.clone()).collect())
    }

    /// Notes whether a sentinel answers; true if that is news.
    pub fn is_watched(&self, watched: bool) -> bool {
        let mut followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut followed.is_unwatched, !watched) == watched
    }

    /// Whether the server at this address is the one that is used.
    pub fn is_still(&self, address: &str) -> bool {
        let followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        followed.at.as_deref() == Some(address)
    }

    /// Keeps entries that were written at `now`, in seconds since 1970.
    pub fn wrote(&self, entries: &[Sent], now: u64) {
        let mut followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written = &mut followed.written;
        written.extend(entries.iter().map(|entry| (now, entry.clone())));
        let first = now.saturating_sub(BEHIND);
        let is_over = |written: &VecDeque<(u64, Sent)>| {
            let is_old = written.front().is_some_and(|(at, _)| *at < first);
            is_old || written.len() > MAX_KEPT
        };
        while is_over(written) {
            written.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(at: u64) -> Sent {
        Sent {
            at,
            message: None,
            sender: None,
            recipient_count: 1,
            recipients: Vec::new(),
            hosts: Vec::new(),
            domain: None,
        }
    }

    #[test]
    fn another_master_gets_what_the_last_one_got_lately() {
        let master = Master::default();
        assert_eq!(master.is_at("a".to_owned()), None);
        master.wrote(&[sent(1)], 1);
        // The store was down for hours.
        master.wrote(&[sent(50)], 9_950);
        assert_eq!(master.is_at("a".to_owned()), None);
        master.wrote(&[sent(10_050)], 10_050);
        assert!(master.is_still("a") && !master.is_still("b"));
        let times = |entries: Vec<Sent>| entries.iter().map(|entry| entry.at).collect::<Vec<_>>();
        assert_eq!(
            master.is_at("b".to_owned()).map(times),
            Some(vec![50, 10_050])
        );
    }

    #[test]
    fn sentinels_that_do_not_answer_are_told_once() {
        let master = Master::default();
        let news = [true, false, false, true, true].map(|watched| master.is_watched(watched));
        assert_eq!(news, [false, true, false, true, false]);
    }

    #[test]
    fn what_is_kept_for_it_is_bounded() {
        let master = Master::default();
        master.is_at("a".to_owned());
        for _ in 0..3 {
            master.wrote(&vec![sent(7); MAX_KEPT / 2], 7);
        }
        let kept = master.is_at("b".to_owned()).unwrap();
        assert_eq!(kept.len(), MAX_KEPT);
    }
}
