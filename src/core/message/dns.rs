//! What DNS says of the client: SPF, and the lists of hosts that send backscatter. It is asked at the first recipient that
//! needs it, for the whole message.

use std::sync::Arc;

use super::{Asker, Message, Open};
use crate::core::{
    dnsbl::{self, Listing},
    envelope::Recipient,
    outside::{Outside, Unanswered},
    policy::{SpfAnswers, Vouched},
    printable::printable,
    spf::{Identity, SpfCheck, SpfResult},
};

/// The longest name of DNS (RFC 1035 section 2.3.4), in octets.
const MAX_NAME: usize = 255;

/// What DNS said where nothing was asked.
pub(super) static NOTHING: Dns = Dns {
    spf: SpfAnswers {
        helo: None,
        mail_from: None,
        forwarder: Vouched::Unanswered,
    },
    listings: Vec::new(),
};

/// What DNS said of the client.
#[derive(Clone, Debug)]
pub(super) struct Dns {
    pub(super) spf: SpfAnswers,
    /// In the order of `dnsbl`; empty where that is not asked about such mail.
    pub(super) listings: Vec<Listing>,
}

impl Message {
    /// None where this recipient needs none of it. Nobody's DNS is asked for what is not judged, nor for a recipient that
    /// the MTA has refused: in a flood of guesses that is nearly all.
    pub(super) fn ask_dns(
        &self,
        recipient: &Recipient,
        asker: &Asker<'_>,
    ) -> Result<Option<Dns>, Open> {
        let policy = &*self.policy;
        let is_exempt = policy.exempt.client(&self.envelope.client).is_some();
        if !policy.judges(&self.envelope, recipient) || is_exempt {
            return Ok(None);
        }
        if self.envelope.client.address.is_none() {
            return Ok(Some(NOTHING.clone()));
        }
        let asks_lists =
            !policy.dnsbl.is_empty() && dnsbl::is_asked_about(&self.envelope.reverse_path);
        let listings = asks_lists.then(|| self.listings(asker));
        let spf = self.spf_answers(asker);
        Ok(Some(Dns {
            spf: spf?,
            listings: listings.transpose()?.unwrap_or_default(),
        }))
    }

    fn listings(&self, asker: &Asker<'_>) -> Result<Vec<Listing>, Open> {
        let why = match asker.listings()? {
            Ok(Some(listings)) => return Ok(listings.to_vec()),
            Ok(None) => "not asked".to_owned(),
            Err(outside) => format!("{outside} did not answer in time"),
        };
        let lists = self.policy.dnsbl.iter();
        Ok(lists
            .map(|_| Listing::Unanswered(Unanswered::dns(why.clone())))
            .collect())
    }

    fn spf_answers(&self, asker: &Asker<'_>) -> Result<SpfAnswers, Open> {
        let helo = self.spf_check(Identity::Helo, asker);
        // RFC 7208 section 2.4: with the null sender the one answers for the other.
        if self.envelope.reverse_path.is_null() && helo == Err(Open) {
            return Err(Open);
        }
        let mail_from = self.spf_check(Identity::MailFrom, asker);
        let (helo, mail_from) = (helo?, mail_from?);
        if helo.is_none() && mail_from.is_none() {
            return Ok(NOTHING.spf.clone());
        }
        let answers = SpfAnswers {
            helo,
            mail_from,
            forwarder: Vouched::No,
        };
        let forwarder = match self.policy.forwarder_may_excuse(&self.envelope, &answers) {
            true => self.forwarder(asker)?,
            false => Vouched::No,
        };
        Ok(SpfAnswers {
            forwarder,
            ..answers
        })
    }

    fn spf_check(
        &self,
        identity: Identity,
        asker: &Asker<'_>,
    ) -> Result<Option<Arc<SpfCheck>>, Open> {
        Ok(match asker.spf(identity)? {
            Ok(check) => check.cloned(),
            Err(outside) => Some(Arc::new(self.late(identity, outside))),
        })
    }

    /// RFC 7208 section 2.6.6: a check that did not end is a temperror.
    fn late(&self, identity: Identity, outside: Outside) -> SpfCheck {
        let helo = self.envelope.client.helo.as_deref().unwrap_or_default();
        let domain = match (identity, self.envelope.reverse_path.domain()) {
            (Identity::MailFrom, Some(domain)) => domain.to_string(),
            _ => printable(helo, MAX_NAME),
        };
        SpfCheck {
            problem: Some(format!("{outside} did not answer in time")),
            ..SpfCheck::new(identity, domain, SpfResult::Temperror)
        }
    }

    /// The first domain of `spf.trusted_forwarders` that the client may send for.
    fn forwarder(&self, asker: &Asker<'_>) -> Result<Vouched<String>, Open> {
        let domains = self.policy.spf.forwarder_domains();
        let asked: Vec<_> = domains
            .map(|domain| (domain, asker.forwarder(domain)))
            .collect();
        let mut vouched = Vouched::No;
        for (domain, result) in asked {
            match result? {
                Ok(SpfResult::Pass) => return Ok(Vouched::Yes(domain.to_string())),
                Ok(SpfResult::Temperror) | Err(_) => vouched = Vouched::Unanswered,
                Ok(_) => {}
            }
        }
        Ok(vouched)
    }
}
