//! What is answered more strictly while the recipient's domain is besieged. Each is asked before its like of quieter
//! days, which still decides where the siege lets something pass.

use std::ops::ControlFlow::{self, Continue};

use super::{Case, Check, Judgement, Policy, soften::softened, walk::Walk};
use crate::core::{
    address::Domain,
    dnsbl::Listing,
    outside::Outside,
    proof::evidence::Outcome,
    recipients::{Class, Known, lookup_keys},
    verdict::{Entry, Reason, UnderSiege, Verdict},
};

/// Who runs the network, its DNS and its security (RFC 2142 sections 4 and 7): a siege refuses them nothing.
const HELPERS: [&[u8]; 3] = [b"hostmaster", b"noc", b"security"];

/// The check that depends on what was learned.
const CATCH_ALL: &str = "siege.catch_all";

/// That the recipient's domain is besieged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Siege {
    /// Whether the recipient was learned before.
    pub learned: WasLearned,
}

/// Whether the store has learned that an address is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WasLearned {
    /// It has.
    Yes,
    /// It has not, or was not asked, for nothing depends on it.
    No,
    /// It did not answer.
    Unanswered,
}

impl Judgement {
    /// Whether the recipient is refused, and was so before it mattered whether it was learned.
    pub(in crate::core) fn ignores_learning(&self) -> bool {
        let by_learning = |check: &Check| check.name == CATCH_ALL;
        !self.verdict.is_accepted() && !self.checks.iter().any(by_learning)
    }
}

impl Policy {
    /// Whether a siege closes the catch-all to this recipient, unless it was learned: it is in no list.
    pub(in crate::core) fn closes_catch_all(&self, case: &Case<'_>) -> bool {
        let bounce = case.envelope.reverse_path.is_null();
        !self.answers(case).siege_catch_all().rule(bounce).accepts()
            && !case.is_proven_by_tag(None)
            && self.judges(case.envelope, case.recipient)
            && self.exempt_by(case).is_none()
            && self.is_caught(case)
            && !self.is_closed_anyway(case, bounce)
    }

    /// Whether the catch-all answers as strictly on quiet days, whoever was learned. Then its own rule decides: the answer and
    /// its reason stay what they are, and a flood costs the store nothing. What a list that can't be read makes of that
    /// rule is no sign of a flood, so the siege's decides there.
    fn is_closed_anyway(&self, case: &Case<'_>, bounce: bool) -> bool {
        let Some((_, entry)) = self.recipients_of(case.recipient) else {
            return false;
        };
        let answers = self.answers(case);
        let (_, quiet) = answers.rest(entry);
        let quiet = quiet.rule(bounce);
        let besieged = answers.siege_catch_all().rule(bounce);
        quiet.action.acts()
            && quiet.stricter(besieged) == quiet
            && !matches!(case.known, Known::Unanswered(_))
    }

    /// Whether nothing but the catch-all of its domain takes mail to the recipient.
    pub fn is_caught(&self, case: &Case<'_>) -> bool {
        let entry = self.recipients_of(case.recipient);
        entry.is_some_and(|(_, entry)| {
            let (mailbox, known) = (&case.recipient.mailbox, case.known);
            let (class, _) = self.answers(case).class(entry, mailbox, known, false);
            class == Class::CatchAll && !self.is_srs(case)
        })
    }

    pub(super) fn besieged_extra_recipient(
        &self,
        case: &Case<'_>,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        let Some(domain) = self.besieged(case) else {
            return Continue(());
        };
        let finding = format!("{domain} is besieged, and the null sender has a recipient already");
        walk.apply(
            "siege.extra_recipients",
            finding,
            self.siege.extra_recipients,
            Reason::Siege(UnderSiege::ExtraRecipient),
        )
    }

    /// The catch-all is closed to all but those who were learned. Who is on a list, or has a rule of their own, is not
    /// the catch-all's.
    pub(super) fn besieged_catch_all(
        &self,
        case: &Case<'_>,
        bounce: bool,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        let (Some(domain), Some(siege)) = (self.besieged(case), case.siege) else {
            return Continue(());
        };
        if !self.is_caught(case) || self.is_closed_anyway(case, bounce) {
            return Continue(());
        }
        let (finding, unanswered) = match siege.learned {
            // Had the list been readable, the recipient might have been known.
            WasLearned::No if matches!(case.known, Known::Unanswered(_)) => {
                ("and a list can't be read", Some(Outside::Directory))
            }
            WasLearned::Yes => {
                let finding = "but this address was in use before";
                walk.note(CATCH_ALL, format_args!("{domain} is besieged, {finding}"));
                return Continue(());
            }
            WasLearned::No => ("and this address is not known", None),
            WasLearned::Unanswered => (
                "and the store does not answer whether this address is in use",
                Some(Outside::Store),
            ),
        };
        let finding = format_args!("{domain} is besieged, {finding}");
        let rule = self.answers(case).siege_catch_all().rule(bounce);
        let rule = softened(rule, unanswered, true);
        let reason = Reason::Siege(UnderSiege::CatchAll { bounce });
        walk.apply(CATCH_ALL, finding, rule, reason)
    }

    /// `unanswered`: what was asked in vain for a proof.
    pub(super) fn besieged_listed(
        &self,
        case: &Case<'_>,
        unanswered: Option<Outside>,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        let Some(domain) = self.besieged(case) else {
            return Continue(());
        };
        if self.spares_null_sender(case) {
            return Continue(());
        }
        let rule = softened(self.siege.listed, unanswered, true);
        for (list, listing) in self.dnsbl.iter().zip(case.listings) {
            if matches!(listing, Listing::Listed(_)) {
                let zone = list.zone.clone();
                let finding = format!("{domain} is besieged, and {zone} lists the client");
                let by = Some(Entry::new("dnsbl", &zone));
                let reason = Reason::Siege(UnderSiege::Listed { zone });
                walk.apply_by("siege.listed", finding, rule, reason, by)?;
            }
        }
        Continue(())
    }

    /// `unanswered`: what was asked in vain for a proof.
    pub(super) fn besieged_unproven(
        &self,
        case: &Case<'_>,
        outcome: &Outcome,
        unanswered: Option<Outside>,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        let Some(domain) = self.besieged(case) else {
            return Continue(());
        };
        let finding = format!("{domain} is besieged, and this notification proves nothing");
        let rule = softened(self.answers(case).siege_unproven(), unanswered, true);
        let reason = Reason::Siege(UnderSiege::Unproven(outcome.clone()));
        walk.apply("siege.unproven", finding, rule, reason)
    }

    pub(super) fn is_besieged(&self, case: &Case<'_>) -> bool {
        self.besieged(case).is_some()
    }

    /// The domain that is besieged, where that decides something: a bounce with a tag of ours is accepted as always,
    /// SRS addresses are the SRS daemon's, and whoever helps in a flood is reached.
    fn besieged<'a>(&self, case: &Case<'a>) -> Option<&'a Domain> {
        let mailbox = &case.recipient.mailbox;
        let local = mailbox.local_key();
        let mut keys = lookup_keys(&local, &self.local.recipient_delimiter);
        if case.is_proven_by_tag(None)
            || self.is_srs(case)
            || keys.any(|key| HELPERS.contains(&key))
        {
            return None;
        }
        case.siege?;
        mailbox.domain()
    }
}
