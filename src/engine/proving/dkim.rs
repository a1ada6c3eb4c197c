//! DKIM signatures of ours as proof.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Search, replay::Unlisted, shown};
use crate::{
    core::proof::{
        ProofKind,
        dkim::{Altered, Chain, Outcome, Signed},
        evidence::{Outside, ProofFinding, ProofResult},
        ledger::message_id,
        proven::Proven,
        returned::Returned,
    },
    dkim,
    dns::Budgeted,
    spf::{Lookup, LookupError, Mx},
};

impl Search<'_> {
    /// `unlisted` gets those that prove a message of ours to others than the report is about.
    pub(super) async fn signatures(
        &self,
        lookup: &Budgeted,
        unlisted: &mut Vec<Unlisted>,
    ) -> Vec<ProofFinding> {
        if !self.engine.policy.proof.dkim.verify {
            return Vec::new();
        }
        let mut found = Vec::new();
        for returned in &self.report.returned {
            let signed = if self.asks_dns {
                self.verified(returned, lookup).await
            } else {
                self.verified(returned, &NotAsked).await
            };
            for signed in signed {
                found.push(self.signature(signed, unlisted).await);
                if found.last().is_some_and(ProofFinding::settles) {
                    return found;
                }
            }
        }
        self.or_absent(ProofKind::Dkim, found, "no DKIM signature of ours")
    }

    async fn verified(&self, returned: &Returned, lookup: &impl Lookup) -> Vec<Signed> {
        let Returned { raw, body, .. } = returned;
        let is_ours = |domain: &_| self.engine.policy.local.is_ours(domain);
        let keys = &self.engine.dkim_keys;
        let body = body.as_deref();
        dkim::verify(raw, body, is_ours, keys, lookup, self.now, self.lifetime()).await
    }

    async fn signature(&self, signed: Signed, unlisted: &mut Vec<Unlisted>) -> ProofFinding {
        let Signed {
            domain,
            selector,
            outcome,
            message,
            ..
        } = signed;
        let named = format!("the DKIM signature of {domain} ({selector})");
        let looked = |result, what: String| ProofFinding {
            kind: ProofKind::Dkim,
            result,
            text: format!("{named} {what}"),
        };
        let what = match outcome {
            Outcome::Whole => "verifies, body and all",
            Outcome::HeadersOnly => "verifies for the headers",
            Outcome::HeadersOnlyAltered => match self.engine.policy.proof.dkim.altered {
                Altered::Accept => "verifies for the headers (headers_only(altered))",
                Altered::Weak => {
                    let what = "verifies for the headers, but its body was altered";
                    return looked(ProofResult::TooLittle, what.to_owned());
                }
                Altered::Ignore => {
                    let what = "verifies for the headers, but its body was altered";
                    return looked(ProofResult::Wrong, what.to_owned());
                }
            },
            Outcome::Weak => {
                let what = "verifies, but leaves Message-ID, Date or its time unsigned";
                return looked(ProofResult::TooLittle, what.to_owned());
            }
            Outcome::Expired => {
                return looked(ProofResult::Expired, "verifies, but is too old".to_owned());
            }
            Outcome::Failed(why) => {
                return looked(ProofResult::Wrong, format!("does not verify: {why}"));
            }
            Outcome::NoKey(why) => {
                return looked(ProofResult::Absent, format!("has no key: {why}"));
            }
            Outcome::Unanswered(cause) => {
                let what = format!("can't be verified, for DNS did not answer: {cause}");
                return looked(ProofResult::Unanswered(Outside::Dns), what);
            }
        };
        let id = message.message_id.as_deref().and_then(message_id);
        let Some(id) = id else {
            let what = format!("{what}, but what is signed has no Message-ID");
            return looked(ProofResult::TooLittle, what);
        };
        let proven = Proven {
            id: &id,
            sent_to: message.recipients,
            remembered: None,
        };
        let what = format!("{named} {what}, of {}", shown(&id));
        let sent_to = proven.sent_to.clone();
        let looked = self.worth(ProofKind::Dkim, what.clone(), proven).await;
        if looked.result == ProofResult::AboutAnother {
            unlisted.push(Unlisted { what, id, sent_to });
        }
        looked
    }

    /// The DKIM2 chain, where somebody wants to follow the draft.
    pub(super) async fn chains(&self, lookup: &Budgeted) -> Vec<ProofFinding> {
        if !self.engine.policy.proof.dkim.dkim2 {
            return Vec::new();
        }
        let looked = |result, text: String| ProofFinding {
            kind: ProofKind::Dkim2,
            result,
            text,
        };
        if self.report.cut {
            let finding = "no DKIM2 chain can be verified in a part of a message".to_owned();
            return vec![looked(ProofResult::Absent, finding)];
        }
        let chain = if self.asks_dns {
            self.chain(lookup).await
        } else {
            self.chain(&NotAsked).await
        };
        vec![match chain {
            Chain::Unsigned => looked(ProofResult::Absent, "no DKIM2 chain".to_owned()),
            Chain::Failed(why) => looked(
                ProofResult::Wrong,
                format!("the DKIM2 chain does not verify: {why}"),
            ),
            Chain::Unanswered(cause) => looked(
                ProofResult::Unanswered(Outside::Dns),
                format!("the DKIM2 chain can't be verified, for DNS did not answer: {cause}"),
            ),
            Chain::Genuine(domain) => {
                let what = format!("the DKIM2 chain leads to the signature of {domain}");
                let id = self
                    .returned()
                    .find_map(|headers| headers.first("Message-ID"));
                match id.and_then(|header| message_id(&header.unfolded())) {
                    None => looked(
                        ProofResult::TooLittle,
                        format!("{what}, but there is no Message-ID"),
                    ),
                    Some(id) => {
                        let proven = Proven {
                            id: &id,
                            // The chain itself says that it comes from a recipient.
                            sent_to: Vec::new(),
                            remembered: None,
                        };
                        self.worth(ProofKind::Dkim2, what, proven).await
                    }
                }
            }
        }]
    }

    async fn chain(&self, lookup: &impl Lookup) -> Chain {
        let is_ours = |domain: &_| self.engine.policy.local.is_ours(domain);
        let keys = &self.engine.dkim_keys;
        dkim::verify_dsn(
            &self.notification(),
            &self.recipients,
            is_ours,
            keys,
            lookup,
            self.now,
            self.lifetime(),
        )
        .await
    }

    /// The whole notification as it came over SMTP, as far as the MTA tells it: line ends are CRLF again.
    fn notification(&self) -> Vec<u8> {
        [&self.raw_headers(), b"\r\n".as_slice(), self.body].concat()
    }

    /// Its header fields, in the same way.
    pub(super) fn raw_headers(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        for header in self.headers.iter() {
            octets.extend_from_slice(header.name());
            octets.extend_from_slice(b": ");
            for line in header.value().split(|&byte| byte == b'\n') {
                octets.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                octets.extend_from_slice(b"\r\n");
            }
        }
        octets
    }
}

/// A DNS that nobody is to ask.
pub(super) struct NotAsked;

impl NotAsked {
    fn error<T>(question: String) -> Result<T, LookupError> {
        let cause = "not asked".to_owned();
        Err(LookupError { question, cause })
    }
}

impl Lookup for NotAsked {
    async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, LookupError> {
        Self::error(format!("TXT {name}"))
    }

    async fn a(&self, name: &str) -> Result<Vec<Ipv4Addr>, LookupError> {
        Self::error(format!("A {name}"))
    }

    async fn aaaa(&self, name: &str) -> Result<Vec<Ipv6Addr>, LookupError> {
        Self::error(format!("AAAA {name}"))
    }

    async fn mx(&self, name: &str) -> Result<Vec<Mx>, LookupError> {
        Self::error(format!("MX {name}"))
    }

    async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, LookupError> {
        Self::error(format!("PTR {address}"))
    }
}
