//! Whether SPF spares mail its rules: a trusted forwarder, a mailing list, or one of us.

use super::{Case, Policy, SpfAnswers};
use crate::core::{
    address::Domain,
    envelope::Envelope,
    outside::Outside,
    spf::{SpfCheck, SpfResult},
    verdict::Action,
};

/// Whether something spares mail its rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Vouched {
    /// It does: what, for the administrator.
    Yes(String),
    /// It does not.
    No,
    /// DNS did not answer, or was not asked.
    #[default]
    Unanswered,
}

impl Vouched {
    /// What did not answer.
    pub(super) fn unanswered(&self) -> Option<Outside> {
        matches!(self, Self::Unanswered).then_some(Outside::Dns)
    }
}

impl Policy {
    /// Whether a trusted forwarder could explain what SPF answered, or what From: will claim, so that
    /// `spf.trusted_forwarders` is worth asking.
    pub fn needs_forwarder(&self, envelope: &Envelope, spf: &SpfAnswers) -> bool {
        let trusted = matches!(self.trusted_forwarder(envelope, spf), Vouched::Yes(_));
        let speaks_against = |check: &Option<SpfCheck>| {
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
        let from_is_judged = !matches!(
            self.forgery.header_from.action,
            Action::Accept | Action::Tag
        );
        !trusted
            && (speaks_against(&spf.helo)
                || speaks_against(&spf.mail_from)
                || claims_ours
                || from_is_judged)
    }

    /// Whether the client is a trusted forwarder.
    pub(super) fn trusted_forwarder(&self, envelope: &Envelope, spf: &SpfAnswers) -> Vouched {
        if let Some(address) = envelope
            .client
            .address
            .filter(|address| self.spf.trusts_address(*address))
        {
            return Vouched::Yes(format!("{address} is in spf.trusted_forwarders"));
        }
        if self.spf.forwarder_domains().next().is_none() {
            return Vouched::No;
        }
        let by_helo = self.forwarder_by_helo(spf);
        match &spf.forwarder {
            _ if matches!(by_helo, Vouched::Yes(_)) => by_helo,
            Vouched::Yes(domain) => Vouched::Yes(format!(
                "the client may send for {domain}, which is in spf.trusted_forwarders"
            )),
            Vouched::No => by_helo,
            Vouched::Unanswered => Vouched::Unanswered,
        }
    }

    fn forwarder_by_helo(&self, spf: &SpfAnswers) -> Vouched {
        let Some(helo) = &spf.helo else {
            return Vouched::No;
        };
        let name = helo.domain.parse::<Domain>().ok();
        let is_forwarders = |name: &Domain| {
            let mut domains = self.spf.forwarder_domains();
            domains.any(|domain| name.is_at_or_below(domain))
        };
        match (name.filter(is_forwarders), helo.result) {
            (Some(name), SpfResult::Pass) => Vouched::Yes(format!(
                "HELO {name} passes SPF and is in spf.trusted_forwarders"
            )),
            (Some(_), SpfResult::Temperror) => Vouched::Unanswered,
            _ => Vouched::No,
        }
    }

    /// Whether a stranger's message may carry an address of this domain of ours in From:; `None` for one that was not
    /// read. Each way needs SPF to pass, for everything else in a message can be made up.
    pub(super) fn may_claim(&self, case: &Case<'_>, claimed: Option<&Domain>) -> Vouched {
        let forwarder = self.trusted_forwarder(case.envelope, case.spf);
        if matches!(forwarder, Vouched::Yes(_)) {
            return forwarder;
        }
        let Some(sender) = case.envelope.reverse_path.domain() else {
            return forwarder;
        };
        let in_line = claimed.is_some_and(|claimed| claimed.is_in_line_with(sender));
        let why = if self.forgery.lists.iter().any(|list| list.matches(sender)) {
            format!("{sender} is in forgery.lists, and its SPF passes")
        } else if self.local.is_ours(sender) && in_line {
            format!("SPF passes for {sender}")
        } else {
            return forwarder;
        };
        match mail_from(case.spf) {
            SpfResult::Pass => Vouched::Yes(why),
            SpfResult::Temperror => Vouched::Unanswered,
            _ => forwarder,
        }
    }
}

/// What SPF says of MAIL FROM; as good as unanswered where it was not asked, for a refusal would be our own failure.
pub(super) fn mail_from(spf: &SpfAnswers) -> SpfResult {
    let check = spf.mail_from.as_ref();
    check.map_or(SpfResult::Temperror, |check| check.result)
}
