//! Looks in a notification for what proves that it answers a message of ours: asks the store and DNS, one proof after
//! the other, and no more than is needed.

mod author;
mod dkim;
mod ledger;
mod replay;
mod weak;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant as Monotonic,
};

use super::message::Engine;
use crate::{
    core::{
        address::Mailbox,
        header::Headers,
        printable::printable,
        proof::{
            self, ProofKind,
            evidence::{Evidence, ProofFinding, ProofResult},
            ledger::{self as entries, Remembered},
            proven::Proven,
            returned::NotificationReport,
            watermark,
        },
    },
    dns::Budgeted,
    observe::Warnings,
    store::{Store, Unavailable},
};

/// How much of a Message-ID is told, in octets.
const LONGEST_SHOWN: usize = 120;

/// What is asked about one notification.
pub(super) struct Search<'a> {
    pub(super) engine: &'a Engine,
    /// The headers of the notification itself, and what was read of its body.
    pub(super) headers: &'a Headers,
    pub(super) body: &'a [u8],
    /// Whom it was sent to, tags included.
    pub(super) recipients: Vec<Mailbox>,
    /// The same, each with its tag and without.
    pub(super) addressees: Vec<Mailbox>,
    pub(super) report: &'a NotificationReport,
    /// Whether it answers a message by its Message-ID, and returns nothing: a receipt, an out of office note.
    pub(super) is_reply: bool,
    /// In seconds since 1970.
    pub(super) now: u64,
    /// Whether DNS may be asked.
    pub(super) asks_dns: bool,
    /// Whether what it proves is used up by that; not where somebody only wants to know.
    pub(super) counts: bool,
    pub(super) warnings: &'a Warnings,
    /// It did not answer once, and is not waited for again.
    pub(super) store_down: AtomicBool,
}

impl Search<'_> {
    /// Asks for one proof after the other until one counts; where none does, for all else that speaks for it.
    pub(super) async fn evidence(&self, lookup: &Budgeted) -> Evidence {
        let mut evidence = Evidence {
            status: self.report.status,
            delivery: self.report.delivery,
            cut: self.report.cut,
            ..Evidence::default()
        };
        let mut unlisted = Vec::new();
        for kind in ProofKind::ALL {
            let findings = match kind {
                // RCPT has shown it.
                ProofKind::Batv => Vec::new(),
                ProofKind::Watermark => self.watermarks().await,
                ProofKind::Ledger => self.message_ids().await,
                ProofKind::Dkim => self.signatures(lookup, &mut unlisted).await,
                ProofKind::Dkim2 => self.chains(lookup).await,
            };
            evidence.findings.extend(findings);
            if evidence.is_settled() {
                return evidence;
            }
        }
        evidence.findings.extend(self.unlisted(unlisted).await);
        if evidence.is_settled() {
            return evidence;
        }
        (evidence.weak, evidence.weak_unanswered) = self.weak(lookup).await;
        evidence
    }

    async fn watermarks(&self) -> Vec<ProofFinding> {
        let settings = &self.engine.policy.proof;
        if settings.keys.is_empty() {
            return Vec::new();
        }
        let looked = |result, text: String| ProofFinding {
            kind: ProofKind::Watermark,
            result,
            text,
        };
        let (today, lifetime) = (proof::today(self.now), settings.lifetime_days());
        let mut found = Vec::new();
        for (at, headers) in self.returned().enumerate() {
            found.push(
                match watermark::verify(headers, &settings.keys, today, lifetime) {
                    watermark::WatermarkResult::Absent => continue,
                    // What the returned message had attached, an old one of ours say, does not speak against it.
                    watermark::WatermarkResult::Wrong | watermark::WatermarkResult::Expired if at > 0 => continue,
                    watermark::WatermarkResult::Unverifiable => looked(
                        ProofResult::Absent,
                        "the watermark can't be verified: its headers did not come back as they left"
                            .to_owned(),
                    ),
                    watermark::WatermarkResult::Wrong => looked(
                        ProofResult::Wrong,
                        "the watermark was not made here for these headers".to_owned(),
                    ),
                    watermark::WatermarkResult::Expired => looked(
                        ProofResult::Expired,
                        "the watermark is ours, but its lifetime is over".to_owned(),
                    ),
                    watermark::WatermarkResult::Valid { message_id, .. } => {
                        let id = entries::message_id(&message_id).unwrap_or(message_id);
                        // A store that is down leaves it to To: and Cc:.
                        let remembered = self.remembered(&id).await.unwrap_or_default();
                        let what = format!("the watermark of {} is ours", shown(&id));
                        let proven = Proven::of_headers(&id, headers, remembered);
                        self.worth(ProofKind::Watermark, what, proven).await
                    }
                },
            );
            if found.last().is_some_and(ProofFinding::settles) {
                break;
            }
        }
        self.or_absent(ProofKind::Watermark, found, "no watermark of ours")
    }

    /// What was found; or that nothing was.
    fn or_absent(
        &self,
        kind: ProofKind,
        found: Vec<ProofFinding>,
        nothing: &str,
    ) -> Vec<ProofFinding> {
        if !found.is_empty() {
            return found;
        }
        let text = match self.report.returned.len() {
            0 => format!("{nothing}: it returns no message"),
            _ => format!("{nothing} in what it returns"),
        };
        vec![ProofFinding {
            kind,
            result: ProofResult::Absent,
            text,
        }]
    }

    fn returned(&self) -> impl Iterator<Item = &Headers> {
        self.report
            .returned
            .iter()
            .map(|returned| &returned.headers)
    }

    /// What the ledger has of a message, where there is one.
    async fn remembered(&self, id: &[u8]) -> Result<Option<Remembered>, Unavailable> {
        let settings = &self.engine.policy.proof;
        if !settings.ledger.remember {
            return Ok(None);
        }
        let (keys, keep) = (&settings.keys, settings.ledger.keep_days());
        let today = proof::today(self.now);
        let hashes = entries::hashes(keys, entries::Hashed::MessageId, id, today, keep);
        match self.ask(|store| store.sent(hashes)).await {
            Some(answer) => answer,
            None => Ok(None),
        }
    }

    /// Asks the store; not again, once it did not answer. `None` where there is no store, or it is not asked again.
    async fn ask<'s, T, F>(
        &'s self,
        question: impl FnOnce(&'s dyn Store) -> F,
    ) -> Option<Result<T, Unavailable>>
    where
        F: Future<Output = Result<T, Unavailable>> + 's,
    {
        let store = self.engine.store.as_deref()?;
        if self.store_down.load(Ordering::Relaxed) {
            return None;
        }
        let answer = question(store).await;
        if let Err(unavailable) = &answer {
            self.store_down.store(true, Ordering::Relaxed);
            warn_of_store(self.warnings, unavailable);
        }
        Some(answer)
    }
}

fn warn_of_store(warnings: &Warnings, unavailable: &Unavailable) {
    let text = format!("not asked, so judged without it: {unavailable}");
    warnings.warn("store", &text, Monotonic::now());
}

fn shown(id: &[u8]) -> String {
    printable(id, LONGEST_SHOWN)
}
