//! Mail with the null sender that announces no answer to a message: no notification at all, or a report. A proof in its
//! content is looked for first; where there is none, it gets a rule of its own.

use std::ops::ControlFlow::{self, Break, Continue};

use super::{
    Case, HeaderFacts, Policy, SpfAnswers, Vouched, proving::in_words, soften::softened, walk::Walk,
};
use crate::core::{
    envelope::Envelope,
    from_header::Claims,
    notification::Notification,
    outside::Outside,
    proof::{
        Weak,
        evidence::{Evidence, Forged, Outcome, Why},
    },
    spf::SpfResult,
    verdict::{Reason, Verdict},
};

const NOT_A_NOTIFICATION: &str = "null_sender.not_a_notification";
const REPORTS: &str = "null_sender.unauthenticated_reports";
/// So many signs that every newsletter has, too, make an automatic reply likely; none makes it certain.
const SIGNS_OF_A_REPLY: usize = 2;

impl Policy {
    /// The answer at the end of the headers, where nothing in the content could change it.
    pub(super) fn unannounced(
        &self,
        case: &Case<'_>,
        facts: &HeaderFacts,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        let null = case.envelope.reverse_path.is_null();
        // A proven bounce is one, whatever its headers look like.
        let proven = case.is_proven_by_tag(None);
        if !null || proven || self.spares_null_sender(case) || self.content_decides(case, facts) {
            return Continue(());
        }
        match &facts.notification {
            Some(notification) if !notification.is_report() => Continue(()),
            Some(_) => {
                let vouched = self.helo_vouches(case.spf, &facts.claims);
                self.report(case, vouched, None, walk)
            }
            None => {
                let rule = self.null_sender.not_a_notification;
                let reason = Reason::NotANotification;
                walk.apply(NOT_A_NOTIFICATION, no_sign(facts), rule, reason)
            }
        }
    }

    /// The answer where the content was read. `report`: it says that it is one, and shows no sign of a bounce. `signed`:
    /// whether a DKIM signature vouches for its author.
    pub(super) fn unannounced_content(
        &self,
        case: &Case<'_>,
        facts: &HeaderFacts,
        report: bool,
        evidence: &Evidence,
        signed: &Vouched<String>,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        // Neither weak evidence nor a watermark that is wrong says much here: a message of ours may well be attached.
        let besieged = self.is_besieged(case);
        let outcome = evidence.outcome(besieged, Ok(false), Weak::Ignore, self.missing(case));
        match &outcome {
            Outcome::Genuine { .. } => {
                walk.prove(&outcome);
                return Break(Verdict::accept(Reason::Proof(outcome)));
            }
            Outcome::Unproven(unproven) if unproven.why == Why::Repeated => {
                let rule = match report {
                    true => self.null_sender.unauthenticated_reports,
                    false => self.null_sender.not_a_notification,
                };
                let finding = in_words(unproven, false);
                return self.repeated(rule, finding, outcome, walk);
            }
            Outcome::Forged(Forged::BatvWrong | Forged::BatvExpired) => {
                return self.forged(case, outcome, evidence.unanswered(), walk);
            }
            _ => {}
        }
        let vouched = match report {
            true => self.helo_vouches(case.spf, &facts.claims).or(signed),
            false => Vouched::No,
        };
        if let Vouched::Yes(_) = vouched {
            return self.report(case, vouched, None, walk);
        }
        let unanswered = evidence.unanswered().max(vouched.unanswered());
        self.besieged_listed(case, unanswered, walk)?;
        if self.makes_proofs() {
            self.besieged_unproven(case, &outcome, unanswered, walk)?;
        }
        if report {
            return self.report(case, vouched, unanswered, walk);
        }
        let rule = self.null_sender.not_a_notification;
        let replies = self.answers(case).unproven_replies();
        let like_a_reply =
            facts.weak_signs.len() >= SIGNS_OF_A_REPLY && self.makes_proofs() && !self.is_srs(case);
        if like_a_reply && rule.stricter(replies) != rule {
            let finding = format!("{}, and nothing in it proves anything", no_sign(facts));
            let rule = softened(replies, unanswered, besieged);
            return walk.apply(
                "proof.unproven_replies",
                finding,
                rule,
                Reason::Proof(outcome),
            );
        }
        let rule = softened(rule, unanswered, besieged);
        walk.apply(
            NOT_A_NOTIFICATION,
            no_sign(facts),
            rule,
            Reason::NotANotification,
        )
    }

    /// The answer to a report. `unanswered`: what else did not answer that could have proven it.
    fn report(
        &self,
        case: &Case<'_>,
        vouched: Vouched<String>,
        unanswered: Option<Outside>,
        walk: &mut Walk,
    ) -> ControlFlow<Verdict> {
        let unanswered = unanswered.max(vouched.unanswered());
        if let Vouched::Yes(why) = vouched {
            walk.note(REPORTS, why);
            return Continue(());
        }
        let finding = match unanswered {
            Some(outside) => {
                format!("nothing vouches for its author, and {outside} did not answer")
            }
            None => "nothing vouches for its author".to_owned(),
        };
        let rule = softened(
            self.null_sender.unauthenticated_reports,
            unanswered,
            self.is_besieged(case),
        );
        walk.apply(REPORTS, finding, rule, Reason::UnauthenticatedReport)
    }

    /// Whether the host may speak for the authors of a message without a sender.
    fn helo_vouches(&self, spf: &SpfAnswers, claims: &Claims) -> Vouched<String> {
        let Some(helo) = &spf.helo else {
            return Vouched::No;
        };
        let aligned = helo.domain.parse().is_ok_and(|name| claims.are_of(&name));
        match helo.result {
            SpfResult::Pass if aligned => Vouched::Yes(format!(
                "SPF passes for HELO {}, which is in line with From:",
                helo.domain
            )),
            SpfResult::Temperror if aligned => Vouched::Unanswered,
            _ => Vouched::No,
        }
    }

    /// Whether only a DKIM signature of its author can still vouch for it: it is a report.
    pub(in crate::core) fn author_may_vouch(
        &self,
        envelope: &Envelope,
        spf: &SpfAnswers,
        facts: &HeaderFacts,
    ) -> bool {
        let notification = facts.notification.as_ref();
        envelope.reverse_path.is_null()
            && notification.is_some_and(Notification::is_report)
            && !matches!(self.helo_vouches(spf, &facts.claims), Vouched::Yes(_))
    }
}

fn no_sign(facts: &HeaderFacts) -> String {
    let none = "null sender, and nothing in the headers says that it is a notification";
    if facts.weak_signs.is_empty() {
        return none.to_owned();
    }
    let signs: Vec<_> = facts.weak_signs.iter().map(ToString::to_string).collect();
    let are_signs = match signs.len() {
        1 => "is a sign",
        _ => "are signs",
    };
    format!(
        "{none}: {} {are_signs} that newsletters have, too",
        signs.join(" and ")
    )
}
