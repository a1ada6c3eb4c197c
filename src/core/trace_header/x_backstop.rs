//! `X-Backstop`: the verdict on the message.

use super::fold::Folded;
use crate::core::verdict::{Action, Reason, Verdict};

/// What was decided about a message that is accepted: one entry for each distinct verdict, however many recipients it
/// has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    noticed: Vec<String>,
    accepted: Vec<String>,
    proofs: Vec<String>,
}

/// What a message was recognised as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice<'a> {
    /// The kind of notification, in one word.
    pub kind: &'static str,
    /// By what it was recognised, in one word each.
    pub evidence: &'a [&'static str],
}

/// There are fewer verdicts than this that one message can collect.
const MAX_TAGS: usize = 8;

/// The maximum of evidence that is written.
const MAX_EVIDENCE: usize = 16;

impl Tags {
    /// Notes a verdict that accepts mail. Outgoing mail is not judged, so nothing is noted of it.
    pub fn note(&mut self, verdict: &Verdict) {
        let list = match (verdict.action, &verdict.reason) {
            (_, Reason::Outgoing(_)) => return,
            (action, _) if action.keeps_out() => return,
            (Action::Accept, _) => &mut self.accepted,
            _ => &mut self.noticed,
        };
        if let Some(proof) = &verdict.proof {
            let proof = proof.to_string();
            if self.proofs.len() < MAX_TAGS && !self.proofs.contains(&proof) {
                self.proofs.push(proof);
            }
        }
        let would = verdict
            .would
            .map(|action| format!(" would={action}"))
            .unwrap_or_default();
        let by = verdict
            .decided_by()
            .map(|entry| format!(" by={entry}"))
            .unwrap_or_default();
        let tag = format!(
            "verdict={} reason={}{would}{by}",
            verdict.action,
            verdict.reason.code()
        );
        if list.len() < MAX_TAGS && !list.contains(&tag) {
            list.push(tag);
        }
    }

    /// The value of X-Backstop: what was noticed, or else why it is accepted; none where nothing was judged. `id` is
    /// the one in the log. A verdict with its reason stays on one line, where the MTA's header checks find it.
    pub fn x_backstop(&self, notice: Option<Notice<'_>>, id: &str) -> Option<String> {
        let tags = if self.noticed.is_empty() {
            &self.accepted
        } else {
            &self.noticed
        };
        let (last, others) = tags.split_last()?;
        let mut value = Folded::new("X-Backstop");
        for tag in others {
            value.push(&format!("{tag},"));
        }
        value.push(&format!("{last};"));
        match notice {
            None => value.push("kind=-;"),
            Some(notice) => {
                let evidence: Vec<&str> =
                    notice.evidence.iter().copied().take(MAX_EVIDENCE).collect();
                value.push(&format!("kind={}", notice.kind));
                value.push(&format!("evidence={};", evidence.join(",")));
            }
        }
        if !self.proofs.is_empty() {
            value.push(&format!("proof={};", self.proofs.join(",")));
        }
        value.push(&format!("id={id}"));
        Some(value.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        proof::{ProofKind, evidence::Outcome},
        verdict::{Exempt, Mode, Outgoing, Rule},
    };

    fn monitored(reason: Reason) -> Verdict {
        Verdict::of(Rule::new(Action::Reject), Mode::Monitor, reason)
    }

    #[test]
    fn each_verdict_is_told_once() {
        let mut tags = Tags::default();
        assert_eq!(tags.x_backstop(None, "1a"), None);
        tags.note(&Verdict::accept(Reason::NothingFound));
        for _ in 0..3 {
            tags.note(&monitored(Reason::NeverSends));
        }
        tags.note(&Verdict::of(
            Rule::new(Action::Quarantine),
            Mode::Enforce,
            Reason::NullSenderExtraRecipient,
        ));
        assert_eq!(
            tags.x_backstop(None, "1a").unwrap(),
            "verdict=tag reason=never_sends would=reject,\n \
             verdict=quarantine reason=null_sender_extra_recipient; kind=-; id=1a"
        );
    }

    #[test]
    fn every_judged_message_has_one() {
        for (verdicts, value) in [
            (
                vec![Verdict::accept(Reason::NothingFound)],
                Some("verdict=accept reason=nothing_found; kind=-; id=1"),
            ),
            (
                vec![
                    Verdict::accept(Reason::Exempt(Exempt::Postmaster)),
                    Verdict::accept(Reason::NothingFound),
                ],
                Some(
                    "verdict=accept reason=exempt_postmaster,\n \
                     verdict=accept reason=nothing_found; kind=-; id=1",
                ),
            ),
            (
                vec![Verdict::accept(Reason::Outgoing(Outgoing::Network))],
                None,
            ),
            // Refused recipients get nothing, so no header is needed.
            (vec![Verdict::internal()], None),
            (vec![], None),
        ] {
            let mut tags = Tags::default();
            verdicts.iter().for_each(|verdict| tags.note(verdict));
            assert_eq!(tags.x_backstop(None, "1").as_deref(), value, "{verdicts:?}");
        }
    }

    #[test]
    fn what_it_proves_is_written_once() {
        let mut tags = Tags::default();
        for by in [ProofKind::Dkim, ProofKind::Dkim, ProofKind::Batv] {
            let outcome = Outcome::by(by);
            let mut verdict = Verdict::accept(Reason::Proof(outcome.clone()));
            verdict.proof = Some(outcome);
            tags.note(&verdict);
        }
        assert_eq!(
            tags.x_backstop(None, "1").unwrap(),
            "verdict=accept reason=dkim, verdict=accept reason=batv; kind=-;\n proof=dkim,batv; id=1"
        );
    }

    #[test]
    fn a_notification_is_named_with_its_evidence() {
        let mut tags = Tags::default();
        tags.note(&Verdict::accept(Reason::NothingFound));
        let notice = Notice {
            kind: "dsn",
            evidence: &["report_type", "auto_submitted"],
        };
        assert_eq!(
            tags.x_backstop(Some(notice), "1").unwrap(),
            "verdict=accept reason=nothing_found; kind=dsn\n \
             evidence=report_type,auto_submitted; id=1"
        );
        let notice = Notice {
            evidence: &["by_its_looks"; 1000],
            ..notice
        };
        let value = tags.x_backstop(Some(notice), "1").unwrap();
        assert!(value.lines().all(|line| line.len() < 998), "{value}");
    }
}
