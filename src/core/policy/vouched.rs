//! Whether SPF spares mail its rules: a trusted forwarder.

use std::{fmt, sync::Arc};

use super::{Policy, SpfAnswers};
use crate::core::{
    address::Domain,
    envelope::Envelope,
    outside::Outside,
    spf::{SpfCheck, SpfResult},
    verdict::Entry,
};

/// Whether something spares mail its rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Vouched<T> {
    /// It does: what.
    Yes(T),
    /// It does not.
    No,
    /// DNS did not answer, or was not asked.
    #[default]
    Unanswered,
}

/// What spares mail its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Voucher {
    /// The entry of `milter.yaml`.
    pub(super) entry: Option<Entry>,
    /// The same for the administrator.
    pub(super) why: String,
}

impl Voucher {
    fn forwarder(written: impl fmt::Display, why: String) -> Vouched<Self> {
        Vouched::Yes(Self {
            entry: Some(Entry::new("spf.trusted_forwarders", written)),
            why,
        })
    }
}

impl Vouched<String> {
    /// Whether one of two does. What did not answer might.
    pub fn or(self, other: &Self) -> Self {
        match (&self, other) {
            (Self::Yes(_), _) => self,
            (_, Self::Yes(_)) | (Self::No, _) => other.clone(),
            (Self::Unanswered, _) => self,
        }
    }
}

impl<T> Vouched<T> {
    /// What did not answer.
    pub(super) fn unanswered(&self) -> Option<Outside> {
        matches!(self, Self::Unanswered).then_some(Outside::Dns)
    }
}

impl Policy {
    /// Whether it would excuse what SPF answered, or what From: may claim, that the client is a trusted forwarder; and that is
    /// not known yet.
    pub(in crate::core) fn forwarder_may_excuse(
        &self,
        envelope: &Envelope,
        spf: &SpfAnswers,
    ) -> bool {
        let trusted = matches!(self.trusted_forwarder(envelope, spf), Vouched::Yes(_));
        let speaks_against = |check: &Option<Arc<SpfCheck>>| {
            check
                .as_ref()
                .is_some_and(|check| !self.spf.rule(check).accepts())
        };
        let claims_ours = envelope
            .reverse_path
            .domain()
            .is_some_and(|domain| self.local.is_ours(domain))
            && mail_from(spf) != SpfResult::Pass
            && !self.forgery.mail_from.accepts();
        let from_is_judged = self.forgery.header_from.action.acts();
        !trusted
            && (self.silences(spf)
                || speaks_against(&spf.helo)
                || speaks_against(&spf.mail_from)
                || claims_ours
                || from_is_judged)
    }

    /// Whether SPF may take the sender's notices away.
    fn silences(&self, spf: &SpfAnswers) -> bool {
        !self.outbound.forwarded.no_dsn.is_empty() && mail_from(spf) != SpfResult::Pass
    }

    /// Whether the client is a trusted forwarder, whichever.
    pub(in crate::core) fn vouched_forwarder(
        &self,
        envelope: &Envelope,
        spf: &SpfAnswers,
    ) -> Vouched<()> {
        match self.trusted_forwarder(envelope, spf) {
            Vouched::Yes(_) => Vouched::Yes(()),
            Vouched::No => Vouched::No,
            Vouched::Unanswered => Vouched::Unanswered,
        }
    }

    /// Whether the client is a trusted forwarder.
    pub(super) fn trusted_forwarder(
        &self,
        envelope: &Envelope,
        spf: &SpfAnswers,
    ) -> Vouched<Voucher> {
        if let Some(address) = envelope.client.address
            && let Some(network) = self.spf.forwarder_network(address)
        {
            let why = format!("{address} is in spf.trusted_forwarders");
            return Voucher::forwarder(network, why);
        }
        if self.spf.forwarder_domains().next().is_none() {
            return Vouched::No;
        }
        let by_helo = self.forwarder_by_helo(spf);
        match &spf.forwarder {
            _ if matches!(by_helo, Vouched::Yes(_)) => by_helo,
            Vouched::Yes(domain) => Voucher::forwarder(
                domain,
                format!("the client may send for {domain}, which is in spf.trusted_forwarders"),
            ),
            Vouched::No => by_helo,
            Vouched::Unanswered => Vouched::Unanswered,
        }
    }

    fn forwarder_by_helo(&self, spf: &SpfAnswers) -> Vouched<Voucher> {
        let Some(helo) = &spf.helo else {
            return Vouched::No;
        };
        let name = helo.domain.parse::<Domain>().ok();
        let forwarders = |name: Domain| {
            let mut domains = self.spf.forwarder_domains();
            let domain = domains.find(|domain| name.is_at_or_below(domain))?;
            Some((name, domain))
        };
        match (name.and_then(forwarders), helo.result) {
            (Some((name, domain)), SpfResult::Pass) => Voucher::forwarder(
                domain,
                format!("HELO {name} passes SPF and is in spf.trusted_forwarders"),
            ),
            (Some(_), SpfResult::Temperror) => Vouched::Unanswered,
            _ => Vouched::No,
        }
    }
}

/// What SPF says of MAIL FROM; as good as unanswered where it was not asked, for a refusal would be our own failure.
pub(super) fn mail_from(spf: &SpfAnswers) -> SpfResult {
    let check = spf.mail_from.as_ref();
    check.map_or(SpfResult::Temperror, |check| check.result)
}
