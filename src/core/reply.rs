//! Every SMTP reply is made here: codes that agree with each other and with the action, text that is printable,
//! bounded, and says what the sender can do.

mod wording;

use std::{fmt, net::IpAddr};

use super::verdict::Verdict;
use wording::{Wording, wording};

/// The longest reply line in octets, without CRLF (RFC 5321 section 4.5.3.1.5: 512 with it).
const MAX_LINE: usize = 510;
/// What Sendmail puts in front of the text of every line: `<RECIPIENT>... `, with a path of up to 256 octets
/// (RFC 5321 section 4.5.3.1.3).
const SENDMAILS_PREFIX: usize = 256 + 4;
/// More lines than this help nobody. The longest text of ours, with a stranger's longest explanation, takes fewer.
const MAX_LINES: usize = 8;

/// A 4xx or 5xx reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The SMTP code (RFC 5321 section 4.2).
    pub code: u16,
    /// Class, subject and detail of the enhanced code (RFC 3463).
    pub enhanced: (u8, u16, u16),
    /// The text, one entry a line: printable ASCII, each line at most 510 octets with its codes.
    pub lines: Vec<String>,
}

impl Reply {
    /// The reply that a verdict calls for; none where the recipient is accepted.
    pub fn to(verdict: &Verdict, client: Option<IpAddr>) -> Option<Self> {
        let class = verdict.action.reply_class()?;
        let Wording {
            permanent,
            transient,
            subject,
            detail,
            text,
        } = wording(verdict, client);
        let code = if class == 5 { permanent } else { transient };
        let codes = format!("{code} {class}.{subject}.{detail} ");
        let room = MAX_LINE.saturating_sub(codes.len() + SENDMAILS_PREFIX);
        let lines = wrapped(&text, room);
        Some(Self {
            code,
            enhanced: (class, subject, detail),
            lines,
        })
    }

    /// The enhanced status code as text.
    pub fn enhanced_text(&self) -> String {
        let (class, subject, detail) = self.enhanced;
        format!("{class}.{subject}.{detail}")
    }
}

impl fmt::Display for Reply {
    /// As it goes over the wire, without the CRLF of the last line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.lines.len().saturating_sub(1);
        for (number, line) in self.lines.iter().enumerate() {
            let (dash, end) = if number == last {
                (' ', "")
            } else {
                ('-', "\r\n")
            };
            write!(f, "{}{dash}{} {line}{end}", self.code, self.enhanced_text())?;
        }
        Ok(())
    }
}

/// Breaks the text into lines that fit: at blanks, or within a word that is longer than a line. Control characters
/// and everything beyond ASCII become `?`: replies are US-ASCII (RFC 5321 section 4.2.1), and a stranger's CRLF must not
/// start a reply of its own.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let printable: Vec<char> = text
        .chars()
        .map(|c| {
            if c == ' ' || c.is_ascii_graphic() {
                c
            } else {
                '?'
            }
        })
        .collect();
    let words = printable
        .split(|&c| c == ' ')
        .flat_map(|word| word.chunks(room));
    let mut lines = vec![String::new()];
    for word in words {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.extend(word);
        } else if line.len() + 1 + word.len() <= room {
            line.push(' ');
            line.extend(word);
        } else if lines.len() < MAX_LINES {
            lines.push(word.iter().collect());
        } else {
            break;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::{
        proof::{
            ProofKind,
            evidence::{Forged, Missing, Outcome, Outside, Unproven, WeakEvidence, Why},
        },
        recipients::Class,
        spf::{Identity, SpfResult},
        verdict::{Action, Mode, Reason, Rule},
    };

    fn spf_reason(result: SpfResult, explanation: Option<String>) -> Reason {
        let domain = "example.com".to_owned();
        Reason::Spf {
            identity: Identity::MailFrom,
            domain,
            result,
            explanation,
            problem: None,
        }
    }

    fn reply(action: Action, reason: Reason) -> Option<String> {
        let verdict = Verdict::of(Rule::new(action), Mode::Enforce, reason);
        Reply::to(&verdict, "192.0.2.1".parse().ok()).map(|reply| reply.to_string())
    }

    /// RFC 7372 section 3.2, RFC 5321 sections 4.5.3.1.10 and 4.2.
    #[test]
    fn codes_are_the_fields_own() {
        let bounce = |class| Reason::Recipient {
            class,
            bounce: true,
        };
        let mail = |class| Reason::Recipient {
            class,
            bounce: false,
        };
        for (action, reason, starts) in [
            (
                Action::Reject,
                spf_reason(SpfResult::Fail, None),
                "550 5.7.23 ",
            ),
            (
                Action::Reject,
                spf_reason(SpfResult::Softfail, None),
                "550 5.7.23 ",
            ),
            (
                Action::Tempfail,
                spf_reason(SpfResult::Temperror, None),
                "451 4.7.24 ",
            ),
            (
                Action::Reject,
                spf_reason(SpfResult::Permerror, None),
                "550 5.7.24 ",
            ),
            (
                Action::Tempfail,
                spf_reason(SpfResult::Fail, None),
                "451 4.7.23 ",
            ),
            (
                Action::Tempfail,
                Reason::NullSenderExtraRecipient,
                "452 4.5.3 ",
            ),
            (
                Action::Reject,
                Reason::NullSenderExtraRecipient,
                "554 5.5.3 ",
            ),
            (Action::Reject, Reason::NeverSends, "550 5.7.1 "),
            (Action::Reject, bounce(Class::CatchAll), "550 5.7.1 "),
            (Action::Reject, mail(Class::CatchAll), "550 5.1.1 "),
            (Action::Reject, mail(Class::Unknown), "550 5.1.1 "),
            (Action::Reject, bounce(Class::Unknown), "550 5.1.1 "),
            (Action::Tempfail, mail(Class::Unknown), "450 4.1.1 "),
            (Action::Tempfail, Reason::DirectoryUnavailable, "451 4.3.0 "),
            (Action::Tempfail, Reason::Stopping, "451 4.3.2 "),
            (Action::Tempfail, Reason::Internal, "451 4.3.0 "),
        ] {
            let reply = reply(action, reason.clone()).unwrap();
            assert!(reply.starts_with(starts), "{reason:?}: {reply}");
        }
    }

    #[test]
    fn what_is_accepted_has_no_reply() {
        for action in [
            Action::Accept,
            Action::Tag,
            Action::Discard,
            Action::Quarantine,
        ] {
            assert_eq!(reply(action, Reason::NeverSends), None);
        }
    }

    #[test]
    fn a_strangers_words_are_marked_as_theirs() {
        let text = reply(
            Action::Reject,
            spf_reason(SpfResult::Fail, Some("see http://x/?a=%41".to_owned())),
        )
        .unwrap();
        assert!(
            text.ends_with("the domain example.com explains: see http://x/?a=%41"),
            "{text}"
        );
    }

    #[test]
    fn a_postmaster_learns_which_proof_was_missing() {
        let unproven = |why, proofs: &[ProofKind]| {
            Reason::Proof(Outcome::Unproven(Unproven {
                why,
                weak: WeakEvidence::default(),
                missing: Missing {
                    domain: "example.org".parse().ok(),
                    proofs: proofs.to_vec(),
                },
            }))
        };
        let forged = |forged| Reason::Proof(Outcome::Forged(forged));
        for (action, reason, starts, says) in [
            (
                Action::Reject,
                unproven(Why::Nothing, &[ProofKind::Ledger, ProofKind::Dkim]),
                "550",
                &[
                    "example.org",
                    "no Message-ID of ours, no valid DKIM signature of ours",
                ][..],
            ),
            (
                Action::Reject,
                unproven(Why::NoTag, &[ProofKind::Batv]),
                "550",
                &["example.org", "(prvs=)"],
            ),
            (
                Action::Reject,
                unproven(Why::Replayed, &[]),
                "550",
                &["returned too often"],
            ),
            (
                Action::Tempfail,
                unproven(Why::Repeated, &[]),
                "451",
                &["five minutes", "try again later"],
            ),
            (
                Action::Tempfail,
                unproven(Why::Unanswered(Outside::Dns), &[]),
                "451",
                &["try again later"],
            ),
            (
                Action::Tempfail,
                unproven(Why::Nothing, &[]),
                "450",
                &["example.org"],
            ),
            (
                Action::Reject,
                forged(Forged::WatermarkWrong),
                "550",
                &["X-Backstop-Watermark"],
            ),
            (
                Action::Reject,
                forged(Forged::WatermarkExpired),
                "550",
                &["too old"],
            ),
        ] {
            let text = reply(action, reason).unwrap();
            let class = text.chars().next().unwrap();
            let text: String = text.split("\r\n").flat_map(|line| line.get(10..)).collect();
            assert!(text.len() < 420, "{text}");
            assert!(says.iter().all(|word| text.contains(word)), "{text}");
            assert_eq!(Some(class), starts.chars().next());
        }
    }

    /// 400 octets are the most that `spf` lets through, 253 the longest domain.
    #[test]
    fn the_longest_explanation_arrives_whole() {
        let domain = format!("{}.example", "x".repeat(245));
        for explanation in ["y".repeat(400), "why not ".repeat(50)] {
            let verdict = Verdict::of(
                Rule::new(Action::Reject),
                Mode::Enforce,
                Reason::Spf {
                    identity: Identity::Helo,
                    domain: domain.clone(),
                    result: SpfResult::Fail,
                    explanation: Some(explanation.clone()),
                    problem: None,
                },
            );
            let lines = Reply::to(&verdict, None).unwrap().lines.concat();
            let bare = |text: &str| text.replace(' ', "");
            assert!(bare(&lines).ends_with(&bare(&explanation)), "{lines}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_reply(explanation in ".{0,3000}") {
            let verdict = Verdict::of(
                Rule::new(Action::Reject),
                Mode::Enforce,
                spf_reason(SpfResult::Fail, Some(explanation)),
            );
            let wire = Reply::to(&verdict, None).unwrap().to_string();
            prop_assert!(wire.split("\r\n").count() <= MAX_LINES);
            for line in wire.split("\r\n") {
                prop_assert!(line.len() + SENDMAILS_PREFIX <= MAX_LINE);
                prop_assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
                prop_assert!(line.starts_with("550"));
            }
        }
    }
}
