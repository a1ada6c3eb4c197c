//! The facts of one message's envelope, and which way it goes.

use std::net::IpAddr;

use serde::Deserialize;

use super::{
    address::{Domain, Mailbox, ReversePath},
    authserv_id::{self, AuthservId},
    network::Network,
    pattern::DomainPattern,
    verdict::Outgoing,
};

/// Who hands the message over, as far as the MTA told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Its address; none for a local submission.
    pub address: Option<IpAddr>,
    /// What it said in HELO or EHLO; none for a local submission.
    pub helo: Option<Vec<u8>>,
    /// The login of SMTP AUTH.
    pub login: Option<Vec<u8>>,
    /// The MTA's `{daemon_name}`: Postfix's `milter_macro_daemon_name`, Sendmail's daemon option `Name`.
    pub daemon: Option<Vec<u8>>,
}

/// One message's envelope up to MAIL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Who hands it over.
    pub client: Client,
    /// MAIL FROM.
    pub reverse_path: ReversePath,
}

/// What a recipient is, as far as the MTA told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// RCPT TO.
    pub mailbox: Mailbox,
    /// The enhanced code with which the MTA refused it already (RCPT_REJ), if it did.
    pub refused: Option<String>,
}

/// `local:` of `milter.yaml`: who we are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Local {
    /// The domains whose mail we receive and send.
    pub domains: Vec<DomainPattern>,
    /// Clients whose mail is outgoing.
    pub networks: Vec<Network>,
    /// What mail of a client that logged in is.
    pub authenticated: Authenticated,
    /// MTA daemons whose mail is outgoing, by `{daemon_name}`.
    pub daemons: Vec<String>,
    /// The characters that divide `user` from an extension, as in Postfix's `recipient_delimiter`.
    pub recipient_delimiter: String,
    /// Who we are in Authentication-Results; none for the MTA's own name.
    #[serde(deserialize_with = "authserv_id::unless_empty")]
    pub authserv_id: Option<AuthservId>,
}

impl Default for Local {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            networks: ["127.0.0.0/8", "::1"]
                .iter()
                .filter_map(|text| text.parse().ok())
                .collect(),
            authenticated: Authenticated::Outgoing,
            daemons: vec!["ORIGINATING".to_owned()],
            recipient_delimiter: "+".to_owned(),
            authserv_id: None,
        }
    }
}

/// What mail of a client that logged in is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authenticated {
    /// Outgoing: not judged.
    Outgoing,
    /// Judged like a stranger's.
    Judged,
}

impl Local {
    /// Whether the domain is one of ours.
    pub fn is_ours(&self, domain: &Domain) -> bool {
        self.ours(domain).is_some()
    }

    /// The one of our domains that this is, or lies below. However many names a stranger makes up, there are no more of
    /// these than the file lists.
    pub fn ours(&self, domain: &Domain) -> Option<&Domain> {
        let pattern = self
            .domains
            .iter()
            .find(|pattern| pattern.matches(domain))?;
        let (DomainPattern::Itself(ours) | DomainPattern::Below(ours)) = pattern;
        Some(ours)
    }

    /// Whether a host of this name may be ours: it is one of our domains, or lies below one.
    pub fn has_host(&self, name: &Domain) -> bool {
        self.domains.iter().any(|pattern| match pattern {
            DomainPattern::Itself(domain) | DomainPattern::Below(domain) => {
                name.is_at_or_below(domain)
            }
        })
    }

    /// Why mail of this client is outgoing; none where it comes from a stranger.
    pub fn outgoing(&self, client: &Client) -> Option<Outgoing> {
        let in_daemons = |daemon: &Vec<u8>| {
            self.daemons
                .iter()
                .any(|name| name.as_bytes() == daemon.as_slice())
        };
        if client.login.is_some() && self.authenticated == Authenticated::Outgoing {
            return Some(Outgoing::Authenticated);
        }
        let Some(address) = client.address else {
            return Some(Outgoing::Local);
        };
        if self
            .networks
            .iter()
            .any(|network| network.contains(address))
        {
            return Some(Outgoing::Network);
        }
        if client.daemon.as_ref().is_some_and(in_daemons) {
            return Some(Outgoing::Daemon);
        }
        // Mail handed in without a TCP client may come as a loopback client that never says HELO; a refusal would leave
        // it in the queue. Nobody from outside can be on loopback.
        (address.is_loopback() && client.helo.is_none()).then_some(Outgoing::Local)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn direction() {
        let local = Local {
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            ..Local::default()
        };
        let client =
            |address: &str, helo: Option<&str>, login: Option<&str>, daemon: Option<&str>| Client {
                address: address.parse().ok(),
                helo: helo.map(Into::into),
                login: login.map(Into::into),
                daemon: daemon.map(Into::into),
            };
        for (client, outgoing) in [
            (
                client("192.0.2.1", Some("mx.example"), None, Some("mail")),
                None,
            ),
            (
                client("192.0.2.1", Some("mx.example"), Some("joe"), None),
                Some(Outgoing::Authenticated),
            ),
            (
                client("10.1.2.3", Some("pc"), None, None),
                Some(Outgoing::Network),
            ),
            (
                client("::ffff:10.1.2.3", Some("pc"), None, None),
                Some(Outgoing::Network),
            ),
            (
                client("192.0.2.1", Some("pc"), None, Some("ORIGINATING")),
                Some(Outgoing::Daemon),
            ),
            (client("127.0.0.1", None, None, None), Some(Outgoing::Local)),
            (client("127.0.0.1", Some("localhost"), None, None), None),
            (client("none", None, None, None), Some(Outgoing::Local)),
        ] {
            assert_eq!(local.outgoing(&client), outgoing, "{client:?}");
        }
        let judged = Local {
            authenticated: Authenticated::Judged,
            ..local
        };
        assert_eq!(
            judged.outgoing(&client("192.0.2.1", Some("pc"), Some("joe"), None)),
            None
        );
    }
}
