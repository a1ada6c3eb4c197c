//! Whether a message's sender is so surely forged that a notice to it would be backscatter of our own.

use super::{Accepted, Asker, Message, Negotiated, Open, Part};
use crate::core::{
    address::{Domain, ReversePath},
    forwarded::{NoDsn, without_notice},
    policy::Vouched,
    proof::dkim::{SignatureResult, Signed},
    spf::SpfResult,
};

impl Message {
    /// Why no notice of this message is to go to its sender; none where one may. What did not answer changes nothing.
    pub(super) fn no_dsn(
        &self,
        negotiated: Negotiated,
        asker: &Asker<'_>,
    ) -> Result<Option<NoDsn>, Open> {
        let policy = &*self.policy;
        let is_wanted = negotiated.change_recipients
            && policy.outgoing(&self.envelope).is_none()
            && self.accepted.iter().any(|one| self.is_silenced(one));
        let (true, ReversePath::Mailbox(sender)) = (is_wanted, &self.envelope.reverse_path) else {
            return Ok(None);
        };
        let Some(answers) = self.spf() else {
            return Ok(None);
        };
        let Some(check) = &answers.mail_from else {
            return Ok(None);
        };
        // Who forwards mail to us fails SPF in good faith.
        if policy.vouched_forwarder(&self.envelope, answers) != Vouched::No {
            return Ok(None);
        }
        match check.result {
            SpfResult::Fail => return Ok(Some(NoDsn::Spf)),
            SpfResult::Temperror => return Ok(None),
            _ => {}
        }
        let passes = check.result == SpfResult::Pass;
        let fails = self.fails_dmarc(sender.domain().filter(|_| passes), asker)?;
        Ok(fails.then_some(NoDsn::Dmarc))
    }

    /// Notes in the verdicts that no notice is to go to the sender, where that is wanted for the recipient.
    pub(super) fn silence(&mut self, why: Option<NoDsn>) {
        let silenced = self.accepted.iter().map(|one| self.is_silenced(one));
        let silenced: Vec<bool> = silenced.collect();
        for (accepted, silenced) in self.accepted.iter_mut().zip(silenced) {
            accepted.verdict.no_dsn = why.filter(|_| silenced);
        }
    }

    /// Whether no notice is wanted of what becomes of the message for this recipient, if its sender is forged.
    pub(super) fn is_silenced(&self, accepted: &Accepted) -> bool {
        let listed = &self.policy.outbound.forwarded.no_dsn;
        let mailbox = &accepted.addressed.recipient.mailbox;
        accepted.verdict.is_accepted()
            && listed
                .find(mailbox, &self.policy.local.recipient_delimiter)
                .is_some()
            && without_notice(&accepted.parameters).is_some()
    }

    /// Whether DMARC fails (RFC 9989 section 5.4) for a domain that asks to act on it. `authenticated`: the domain of MAIL
    /// FROM, where SPF passes for it. Of several authors nobody can say whose policy holds.
    fn fails_dmarc(&self, authenticated: Option<&Domain>, asker: &Asker<'_>) -> Result<bool, Open> {
        let Some(facts) = &self.facts else {
            return Ok(false);
        };
        let claims = &facts.claims;
        let [author] = claims.addresses.as_slice() else {
            return Ok(false);
        };
        let Some(author) = author
            .domain()
            .filter(|_| !claims.cut && claims.from_headers == 1)
        else {
            return Ok(false);
        };
        if authenticated.is_some_and(|domain| author.is_in_line_with(domain)) {
            return Ok(false);
        }
        let Ok(Some(published)) = asker.dmarc(author)? else {
            return Ok(false);
        };
        let organization = &published.organization;
        if !published.enforces || authenticated.is_some_and(|one| one.is_at_or_below(organization))
        {
            return Ok(false);
        }
        let Ok(signed) = asker.signatures(Part::Author(organization.clone()))? else {
            return Ok(false);
        };
        Ok(signed.iter().all(is_worthless))
    }
}

/// Whether somebody else can have written the signature. One that covers little, or is old, was still made by its domain.
fn is_worthless(signed: &Signed) -> bool {
    matches!(
        signed.outcome,
        SignatureResult::Failed(_) | SignatureResult::NoKey(_)
    )
}
