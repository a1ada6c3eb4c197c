//! The order of checks, and how they combine. The first decisive answer wins; every answer is recorded.

mod answers;
mod besieged;
mod company;
mod eoh;
mod from;
mod outgoing;
mod proving;
mod rcpt;
mod replies;
mod sensed;
mod soften;
mod srs;
mod tag;
#[cfg(test)]
mod tests;
mod unannounced;
mod vouched;
mod walk;

use std::{net::IpAddr, ops::ControlFlow, sync::Arc};

use super::{
    dnsbl::{Dnsbl, Listing},
    envelope::{Client, Envelope, Recipient},
    exempt::Exemptions,
    forgery::Forgery,
    forwarded::Outbound,
    header_rules::{HeaderRules, Matches},
    local::Local,
    notification::Notification,
    null_sender::NullSender,
    outside::Outside,
    proof::{
        self,
        evidence::{Evidence, Outcome},
    },
    recipients::{DomainRecipients, Known, Recipients},
    siege,
    spf::SpfCheck,
    spf_rules::SpfRules,
    tenant::TenantAnswers,
    verdict::{Exempt, Mode, Outgoing, Reason, Verdict},
};
pub use answers::{DomainAnswers, Modes};
pub use besieged::{Siege, WasLearned};
pub use company::Company;
pub use eoh::{HeaderFacts, settle};
pub use from::{Claim, EnvelopeAlone, Standing, Vouchers, Vouching};
pub use outgoing::{Departure, NotSigned};
pub use tag::{Addressed, Otherwise, Tag};
pub use vouched::Vouched;
use walk::Walk;
pub use walk::{Check, Judgement};

/// Everything in `milter.yaml` that decides.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Whether verdicts act.
    pub mode: Mode,
    /// Who we are.
    pub local: Local,
    /// Who is not judged.
    pub exempt: Exemptions,
    /// What SPF results mean.
    pub spf: SpfRules,
    /// What claims on our own domains mean.
    pub forgery: Forgery,
    /// What the null sender may do.
    pub null_sender: NullSender,
    /// What our recipients are.
    pub recipients: Recipients,
    /// Lists of hosts that send backscatter.
    pub dnsbl: Vec<Dnsbl>,
    /// What headers mean.
    pub headers: HeaderRules,
    /// What becomes of mail that is sent on.
    pub outbound: Outbound,
    /// How bounces prove to be ours.
    pub proof: proof::ProofSettings,
    /// What a flood is, and what is answered while it lasts.
    pub siege: siege::Settings,
    /// Whether samples of refused bounces are kept for the attack report.
    pub keep_samples: bool,
    /// Whether the report of what would be refused names whole addresses of senders.
    pub keep_senders: bool,
    /// Whether a rule is monitored by itself.
    pub has_monitored_rules: bool,
    /// Whether clients may have answers of their own, in `tenants`.
    pub has_tenants: bool,
    /// Whether the modes of their rows count; `replay` shows what is answered where all enforce.
    pub has_modes: bool,
}

/// What DNS said of the client and the names it used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpfAnswers {
    /// The check of the HELO name.
    pub helo: Option<Arc<SpfCheck>>,
    /// The check of MAIL FROM.
    pub mail_from: Option<Arc<SpfCheck>>,
    /// Whether the client may send for a domain in `spf.trusted_forwarders`, and for which.
    pub forwarder: Vouched<String>,
}

/// All the facts about one recipient of one message.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The envelope up to MAIL.
    pub envelope: &'a Envelope,
    /// What DNS said.
    pub spf: &'a SpfAnswers,
    /// The recipient, without a tag of ours.
    pub recipient: &'a Recipient,
    /// What the tag it was addressed by says.
    pub tag: Option<Tag>,
    /// How many recipients of this message were accepted before.
    pub earlier: usize,
    /// Whether a list knows the recipient.
    pub known: &'a Known,
    /// What each of `dnsbl` said of the client; empty where they were not asked.
    pub listings: &'a [Listing],
    /// That the recipient's domain is besieged, where it is.
    pub siege: Option<Siege>,
    /// The row of the recipient's domain in `tenants`, where it was asked for.
    pub tenant: Option<&'a TenantAnswers>,
    /// Whether somebody reads what each check finds, which then is written.
    pub is_read: bool,
}

impl Policy {
    /// Why the message is outgoing and not judged; none where it comes from a stranger.
    pub fn outgoing(&self, envelope: &Envelope) -> Option<Outgoing> {
        self.local.outgoing(&envelope.client)
    }

    /// The client's address, where it is a private one and yet judged as a stranger's: likely a proxy or NAT stands before
    /// the MTA, and hides who sends. Where the file names it, that is meant so.
    pub fn hides_strangers(&self, client: &Client) -> Option<IpAddr> {
        let address = client.private_address()?;
        let named = self.exempt.client(client).is_some()
            || self.spf.forwarder_network(address).is_some()
            || self.local.outgoing(client).is_some();
        (!named).then_some(address)
    }

    /// Whether mail to this recipient is judged: a stranger sends it, and the MTA has not refused the recipient.
    pub(in crate::core) fn judges(&self, envelope: &Envelope, recipient: &Recipient) -> bool {
        self.outgoing(envelope).is_none() && recipient.refused.is_none()
    }

    /// The settings for the recipient's domain, with their place in the file, if it has any.
    pub fn recipients_of(&self, recipient: &Recipient) -> Option<(usize, &DomainRecipients)> {
        let domain = recipient.mailbox.domain()?;
        self.recipients.entry(domain, &self.local.domains)
    }

    /// Judges one recipient by its envelope.
    pub fn judge(&self, case: &Case<'_>) -> Judgement {
        let mut walk = self.walk(case);
        let end = self.at_rcpt(case, &mut walk);
        let mut judgement = walk.judgement(end);
        name_proof(&mut judgement.verdict);
        judgement
    }

    /// Judges one recipient when its message is about to come, after its envelope was accepted. A client that only asked
    /// whether the address exists (a callout) is gone by now. `sent_lately`: the store has mail of the recipient's, which
    /// is worth asking where [`lacks_tag`](Self::lacks_tag) says so.
    pub fn judge_data(&self, case: &Case<'_>, sent_lately: bool) -> Judgement {
        let mut walk = self.walk(case);
        let end = self.at_data(case, sent_lately, &mut walk);
        walk.judgement(end)
    }

    /// Judges one recipient by the headers, after its envelope was accepted. `matches` is what `headers` of this
    /// policy find in them; `claim` is the address of ours in From: with the weakest voucher.
    pub fn judge_headers(
        &self,
        case: &Case<'_>,
        facts: &HeaderFacts,
        matches: &Matches<'_>,
        claim: Option<&Claim>,
    ) -> Judgement {
        let mut walk = self.walk(case);
        let end = self.at_eoh(case, facts, matches, claim, &mut walk);
        let mut judgement = walk.judgement(end);
        name_proof(&mut judgement.verdict);
        judgement
            .verdict
            .notification
            .clone_from(&facts.notification);
        judgement
    }

    /// Judges one recipient by the content of the message, where [`content_decides`](Self::content_decides) says so.
    /// `sent_lately`: the store has mail that the recipient sent, or it did not answer. `signed`: whether the DKIM signature of its author
    /// vouches for it.
    pub fn judge_content(
        &self,
        case: &Case<'_>,
        facts: &HeaderFacts,
        evidence: &Evidence,
        sent_lately: Result<bool, Outside>,
        signed: &Vouched<String>,
    ) -> Judgement {
        let mut walk = self.walk(case);
        let notification = facts.notification.clone();
        let notification = match evidence.status && case.envelope.reverse_path.is_null() {
            true => Notification::with_status_part(notification, evidence.delivery),
            false => notification,
        };
        let evidence = &evidence.below(case.tag_looked());
        self.note_proofs(evidence, &mut walk);
        let end = match &notification {
            Some(_) if self.is_reply_with_sender(case, facts) => {
                self.reply_with_sender(case, evidence, sent_lately, &mut walk)
            }
            // What says that it is a report, and shows a bounce, is the SRS daemon's as bounces are.
            Some(notification) if !notification.is_report() && self.is_srs(case) => {
                self.left_to_srs(case, &mut walk);
                ControlFlow::Continue(())
            }
            Some(notification) if !notification.is_report() => {
                self.at_eom(case, notification, evidence, sent_lately, &mut walk)
            }
            unannounced => {
                let report = unannounced.is_some();
                self.unannounced_content(case, facts, report, evidence, signed, &mut walk)
            }
        };
        let mut judgement = walk.judgement(end);
        judgement.verdict.notification = notification;
        judgement
    }

    /// A walk of this recipient's mail that nothing has been asked on.
    fn walk(&self, case: &Case<'_>) -> Walk {
        Walk::new(self.answers(case).mode(), case.is_read)
    }

    /// Why this recipient's mail is not judged.
    fn exempt_by(&self, case: &Case<'_>) -> Option<Exempt> {
        self.answers(case).exempt_by(case.envelope, case.recipient)
    }

    fn exemption(&self, case: &Case<'_>, walk: &mut Walk) -> Option<Exempt> {
        let why = self.exempt_by(case);
        if let Some(why) = why {
            let text = match why {
                Exempt::Postmaster => "postmaster is always reachable",
                Exempt::Recipient => "the recipient is in exempt.recipients",
                Exempt::Client => "the client is in exempt.clients",
            };
            walk.note("exempt", text);
        }
        why
    }

    /// The verdict on who is exempt.
    fn exempted(&self, case: &Case<'_>, why: Exempt) -> Verdict {
        let (client, mailbox) = (&case.envelope.client, &case.recipient.mailbox);
        let entry = match why {
            Exempt::Postmaster => None,
            Exempt::Recipient | Exempt::Client => self.answers(case).exempt_entry(client, mailbox),
        };
        Verdict::accept(Reason::Exempt(why)).by(entry)
    }
}

/// What is proven, or left to the SRS daemon, is accepted because of that, where nothing else is the reason.
fn name_proof(verdict: &mut Verdict) {
    if let Some(proof @ (Outcome::Genuine { .. } | Outcome::Srs)) = &verdict.proof
        && verdict.reason == Reason::NothingFound
    {
        if let Outcome::Genuine { .. } = proof {
            verdict.by = None;
        }
        verdict.reason = Reason::Proof(proof.clone());
    }
}
