//! The sentences of RFC 7208 as tables, over a DNS that is a table too.

mod ahead;
mod expansion;
mod explanation;
mod grammar;
mod hostile;
mod identity;
mod limits;
mod mechanisms;
mod records;
mod trace;
mod zone;

use std::{
    net::IpAddr,
    time::{Duration, UNIX_EPOCH},
};

use futures_util::FutureExt;
use zone::Zone;

use super::{Lookup, SpfQuery, check_helo, check_mail_from};
use crate::core::{
    address::ReversePath,
    spf::{Identity, SpfCheck},
};

/// A client, its HELO and its MAIL FROM.
#[derive(Clone, Copy)]
struct Session<'a> {
    client: &'a str,
    helo: &'a [u8],
    mail_from: &'a [u8],
}

impl<'a> Session<'a> {
    const fn new(client: &'a str, helo: &'a str, mail_from: &'a str) -> Self {
        Self {
            client,
            helo: helo.as_bytes(),
            mail_from: mail_from.as_bytes(),
        }
    }

    /// Checks it as the daemon does, and with every step: nothing else differs.
    fn check(&self, identity: Identity, zone: &Zone) -> SpfCheck {
        let asked = zone.asked().len();
        let untraced = at_once(self.check_once(identity, zone, false));
        let questions = zone.forget(asked);
        let traced = at_once(self.check_once(identity, zone, true));
        assert_eq!(zone.asked().get(asked..), Some(&*questions));
        let trace = Vec::new();
        assert_eq!(
            untraced,
            SpfCheck {
                trace,
                ..traced.clone()
            }
        );
        traced
    }

    async fn check_once(&self, identity: Identity, lookup: &impl Lookup, traced: bool) -> SpfCheck {
        let query = SpfQuery {
            client: self.client.parse::<IpAddr>().unwrap(),
            helo: self.helo,
            mail_from: &ReversePath::from_bytes(self.mail_from),
            now: UNIX_EPOCH + Duration::from_secs(1_234_567_890),
            receiver: "mx.receiver.example",
            traced,
        };
        match identity {
            Identity::Helo => check_helo(lookup, &query).await,
            Identity::MailFrom => check_mail_from(lookup, &query).await,
        }
    }
}

/// Runs what never waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

/// MAIL FROM:<user@example.org> from 192.0.2.1 or 2001:db8::1, where example.org publishes `record`.
fn check_record(record: &str, zone_lines: &str, client: &str) -> SpfCheck {
    check_record_over(&zone_of(record, zone_lines), client)
}

fn zone_of(record: &str, zone_lines: &str) -> Zone {
    let mut zone = Zone::new(zone_lines);
    zone.add_txt("example.org", record.as_bytes());
    zone
}

fn check_record_over(zone: &Zone, client: &str) -> SpfCheck {
    Session::new(client, "mail.example.org", "user@example.org").check(Identity::MailFrom, zone)
}

const V4: &str = "192.0.2.1";
const V6: &str = "2001:db8::1";
