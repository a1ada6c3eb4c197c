//! DKIM signatures of ours as proof.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Search;
use crate::{
    core::{
        header::Header,
        outside::Unanswered,
        proof::{
            ProofKind,
            dkim::{Chain, OwnMessage, Signed},
            evidence::{ProofFinding, ProofResult},
            proven::Proven,
            returned::Returned,
        },
    },
    dkim,
    dns::Budgeted,
    spf::{Lookup, Mx},
};

impl Search<'_> {
    /// `unlisted` gets those that prove a message of ours to others than the report is about.
    pub(super) async fn signatures(
        &self,
        lookup: &Budgeted,
        unlisted: &mut Vec<OwnMessage>,
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

    async fn signature(&self, signed: Signed, unlisted: &mut Vec<OwnMessage>) -> ProofFinding {
        let own = match signed.own_message(self.engine.policy.proof.dkim.altered_body) {
            Err(finding) => return finding,
            Ok(own) => own,
        };
        let proven = Proven {
            id: &own.id,
            sent_to: own.sent_to.clone(),
            remembered: None,
        };
        let finding = self.worth(ProofKind::Dkim, own.text.clone(), proven).await;
        if finding.result == ProofResult::AboutAnother {
            unlisted.push(own);
        }
        finding
    }

    /// The DKIM2 chain, where somebody wants to follow the draft.
    pub(super) async fn chains(&self, lookup: &Budgeted) -> Vec<ProofFinding> {
        if !self.engine.policy.proof.dkim.dkim2 {
            return Vec::new();
        }
        if self.report.cut {
            return vec![ProofFinding {
                kind: ProofKind::Dkim2,
                result: ProofResult::Absent,
                text: "no DKIM2 chain can be verified in a part of a message".to_owned(),
            }];
        }
        let chain = if self.asks_dns {
            self.chain(lookup).await
        } else {
            self.chain(&NotAsked).await
        };
        let id = self
            .returned()
            .find_map(|headers| headers.first("Message-ID"));
        let id = id.map(Header::unfolded);
        let own = match chain.own_message(id.as_deref()) {
            Err(finding) => return vec![finding],
            Ok(own) => own,
        };
        let proven = Proven {
            id: &own.id,
            sent_to: own.sent_to,
            remembered: None,
        };
        vec![self.worth(ProofKind::Dkim2, own.text, proven).await]
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
    fn error<T>(question: String) -> Result<T, Unanswered> {
        Err(Unanswered::dns(format!("{question}: not asked")))
    }
}

impl Lookup for NotAsked {
    async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, Unanswered> {
        Self::error(format!("TXT {name}"))
    }

    async fn a(&self, name: &str) -> Result<Vec<Ipv4Addr>, Unanswered> {
        Self::error(format!("A {name}"))
    }

    async fn aaaa(&self, name: &str) -> Result<Vec<Ipv6Addr>, Unanswered> {
        Self::error(format!("AAAA {name}"))
    }

    async fn mx(&self, name: &str) -> Result<Vec<Mx>, Unanswered> {
        Self::error(format!("MX {name}"))
    }

    async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, Unanswered> {
        Self::error(format!("PTR {address}"))
    }
}
