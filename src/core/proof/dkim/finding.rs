//! What DKIM proves: the one place where the outcome of a verification becomes a finding.

use super::{Altered, Chain, SignatureResult, Signed};
use crate::core::{
    address::Mailbox,
    proof::{
        ProofKind,
        evidence::{ProofFinding, ProofResult},
        ledger::{message_id, shown},
    },
};

/// A message that our signature shows to be ours. Whether it proves the notification depends on whom that is about, and on
/// how often the message has come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnMessage {
    /// What shows it, for people.
    pub text: String,
    /// Its Message-ID, without brackets.
    pub id: Vec<u8>,
    /// Whom it was sent to, as its signed headers say; empty where the proof itself comes from a recipient.
    pub sent_to: Vec<Mailbox>,
}

impl Signed {
    /// The message that the signature shows to be ours.
    ///
    /// # Errors
    /// What was found, where it shows none. `altered` is `proof.dkim.altered_body`.
    pub fn own_message(&self, altered: Altered) -> Result<OwnMessage, ProofFinding> {
        let named = format!("the DKIM signature of {} ({})", self.domain, self.selector);
        let finding = |(result, text): (_, String)| ProofFinding {
            kind: ProofKind::Dkim,
            result,
            text: format!("{named} {text}"),
        };
        let text = self.outcome.shows(altered).map_err(finding)?;
        let id = self.message.message_id.as_deref().and_then(message_id);
        let Some(id) = id else {
            let text = format!("{text}, but what is signed has no Message-ID");
            return Err(finding((ProofResult::TooLittle, text)));
        };
        Ok(OwnMessage {
            text: format!("{named} {text}, of {}", shown(&id)),
            id,
            sent_to: self.message.recipients.clone(),
        })
    }
}

impl SignatureResult {
    /// What is said of a signature that shows a message to be ours; else what it comes to, and what is said of that.
    fn shows(&self, altered: Altered) -> Result<&'static str, (ProofResult, String)> {
        const ALTERED: &str = "verifies for the headers, but its body was altered";
        let (result, text) = match self {
            Self::Whole => return Ok("verifies, body and all"),
            Self::HeadersOnly => return Ok("verifies for the headers"),
            Self::HeadersOnlyAltered => match altered {
                Altered::Accept => return Ok("verifies for the headers (headers_only(altered))"),
                Altered::Weak => (ProofResult::TooLittle, ALTERED.to_owned()),
                Altered::Ignore => (ProofResult::Wrong, ALTERED.to_owned()),
            },
            Self::Weak => {
                let text = "verifies, but leaves Message-ID, Date or its time unsigned";
                (ProofResult::TooLittle, text.to_owned())
            }
            Self::Expired => (ProofResult::Expired, "verifies, but is too old".to_owned()),
            Self::Failed(why) => (ProofResult::Wrong, format!("does not verify: {why}")),
            Self::NoKey(why) => (ProofResult::Absent, format!("has no key: {why}")),
            Self::Unanswered(unanswered) => {
                let outside = unanswered.outside;
                let text =
                    format!("can't be verified, because {outside} did not answer: {unanswered}");
                (ProofResult::Unanswered(outside), text)
            }
        };
        Err((result, text))
    }
}

impl Chain {
    /// The message that the chain shows to be ours. `id` is the value of the returned message's Message-ID field.
    ///
    /// # Errors
    /// What was found, where it shows none.
    pub fn own_message(&self, id: Option<&[u8]>) -> Result<OwnMessage, ProofFinding> {
        let finding = |result, text| ProofFinding {
            kind: ProofKind::Dkim2,
            result,
            text,
        };
        let domain = match self {
            Self::Genuine(domain) => domain,
            Self::Unsigned => {
                let text = "no DKIM2 chain".to_owned();
                return Err(finding(ProofResult::Absent, text));
            }
            Self::Failed(why) => {
                let text = format!("the DKIM2 chain does not verify: {why}");
                return Err(finding(ProofResult::Wrong, text));
            }
            Self::Unanswered(unanswered) => {
                let outside = unanswered.outside;
                let text = format!(
                    "the DKIM2 chain can't be verified, because {outside} did not answer: {unanswered}"
                );
                return Err(finding(ProofResult::Unanswered(outside), text));
            }
        };
        let text = format!("the DKIM2 chain leads to the signature of {domain}");
        let Some(id) = id.and_then(message_id) else {
            let text = format!("{text}, but there is no Message-ID");
            return Err(finding(ProofResult::TooLittle, text));
        };
        Ok(OwnMessage {
            text,
            id,
            // The chain itself says that it comes from a recipient.
            sent_to: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        outside::{Outside, Unanswered},
        proof::dkim::SignedFields,
    };

    fn unanswered() -> Unanswered {
        Unanswered::dns("TXT s1._domainkey.example.org: SERVFAIL")
    }

    /// What is found, without what stands before it: `own: ` and what shows the message, or the result.
    fn found(outcome: Result<OwnMessage, ProofFinding>) -> String {
        match outcome {
            Ok(own) => {
                assert_eq!(own.id, b"1@example.org");
                format!("own: {}", own.text)
            }
            Err(finding) => format!("{:?}: {}", finding.result, finding.text),
        }
    }

    #[test]
    fn a_signature_that_verifies_shows_a_message_of_ours() {
        use Altered::*;
        let altered = "verifies for the headers, but its body was altered";
        for (outcome, proves) in [
            (
                SignatureResult::Whole,
                ["own: verifies, body and all, of 1@example.org"; 3],
            ),
            (
                SignatureResult::HeadersOnly,
                ["own: verifies for the headers, of 1@example.org"; 3],
            ),
            (
                SignatureResult::HeadersOnlyAltered,
                [
                    "own: verifies for the headers (headers_only(altered)), of 1@example.org",
                    &format!("TooLittle: {altered}"),
                    &format!("Wrong: {altered}"),
                ],
            ),
            (
                SignatureResult::Weak,
                ["TooLittle: verifies, but leaves Message-ID, Date or its time unsigned"; 3],
            ),
            (
                SignatureResult::Expired,
                ["Expired: verifies, but is too old"; 3],
            ),
            (
                SignatureResult::Failed("h= has no From"),
                ["Wrong: does not verify: h= has no From"; 3],
            ),
            (
                SignatureResult::NoKey("no key is published"),
                ["Absent: has no key: no key is published"; 3],
            ),
            (
                SignatureResult::Unanswered(unanswered()),
                ["Unanswered(Dns): can't be verified, because DNS did not answer: TXT s1._domainkey.example.org: SERVFAIL";
                    3],
            ),
        ] {
            for (altered, proves) in [Accept, Weak, Ignore].into_iter().zip(proves) {
                let signed = Signed {
                    domain: "example.org".parse().unwrap(),
                    selector: "s1".to_owned(),
                    outcome: outcome.clone(),
                    signed_at: None,
                    message: SignedFields {
                        message_id: Some(b"<1@example.org>".to_vec()),
                        date: None,
                        recipients: vec![Mailbox::from_bytes(b"bob@friend.example")],
                    },
                };
                let own = signed.own_message(altered);
                if let Ok(own) = &own {
                    assert_eq!(own.sent_to, signed.message.recipients);
                }
                let found = found(own).replace("the DKIM signature of example.org (s1) ", "");
                assert_eq!(found, proves, "{outcome:?} {altered:?}");
                let nameless = Signed {
                    message: SignedFields::default(),
                    ..signed
                };
                let finding = nameless.own_message(altered).unwrap_err();
                assert_eq!(finding.kind, ProofKind::Dkim);
                if proves.starts_with("own") {
                    assert_eq!(finding.result, ProofResult::TooLittle, "{outcome:?}");
                }
            }
        }
    }

    #[test]
    fn a_chain_that_verifies_shows_a_message_of_ours() {
        let genuine = || Chain::Genuine("example.org".parse().unwrap());
        let id = Some(b"<1@example.org>".as_slice());
        for (chain, id, proves) in [
            (
                genuine(),
                id,
                "own: the DKIM2 chain leads to the signature of example.org",
            ),
            (
                genuine(),
                None,
                "TooLittle: the DKIM2 chain leads to the signature of example.org, but there is no Message-ID",
            ),
            (Chain::Unsigned, id, "Absent: no DKIM2 chain"),
            (
                Chain::Failed("it can't be read"),
                id,
                "Wrong: the DKIM2 chain does not verify: it can't be read",
            ),
            (
                Chain::Unanswered(unanswered()),
                id,
                "Unanswered(Dns): the DKIM2 chain can't be verified, because DNS did not answer: \
                 TXT s1._domainkey.example.org: SERVFAIL",
            ),
        ] {
            assert_eq!(found(chain.own_message(id)), proves);
        }
        let late = Unanswered {
            outside: Outside::Store,
            why: "late".to_owned(),
        };
        let finding = Chain::Unanswered(late).own_message(id).unwrap_err();
        assert_eq!(finding.kind, ProofKind::Dkim2);
        assert_eq!(finding.result, ProofResult::Unanswered(Outside::Store));
    }
}
