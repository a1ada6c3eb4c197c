//! Our watermark in the returned headers as proof.

use super::{Search, shown};
use crate::core::{
    message::Open,
    proof::{
        ProofKind,
        evidence::{ProofFinding, ProofResult},
        ledger::message_id,
        proven::Proven,
        watermark::{self, Signer},
    },
};

impl Search<'_> {
    pub(super) fn watermarks(&self) -> Result<Vec<ProofFinding>, Open> {
        if self.policy().proof.keys.is_empty() {
            return Ok(Vec::new());
        }
        let looked = |result, text: &str| ProofFinding {
            kind: ProofKind::Watermark,
            result,
            text: text.to_owned(),
        };
        let mut found = Vec::new();
        let returned = self.returned().zip(self.content.watermarks());
        for (at, (headers, watermark)) in returned.enumerate() {
            found.push(match watermark {
                watermark::WatermarkResult::Absent => continue,
                // What the returned message had attached, an old one of ours say, does not speak against it.
                watermark::WatermarkResult::Wrong | watermark::WatermarkResult::Expired
                    if at > 0 =>
                {
                    continue;
                }
                watermark::WatermarkResult::Unverifiable => looked(
                    ProofResult::Absent,
                    "the watermark can't be verified: its headers did not come back as they left",
                ),
                watermark::WatermarkResult::Wrong => looked(
                    ProofResult::Wrong,
                    "the watermark was not made here for these headers",
                ),
                watermark::WatermarkResult::Expired => looked(
                    ProofResult::Expired,
                    "the watermark is ours, but its lifetime is over",
                ),
                watermark::WatermarkResult::Valid {
                    message_id: signed,
                    signer,
                    ..
                } => {
                    let id = message_id(signed).unwrap_or_else(|| signed.clone());
                    // A store that is down leaves it to To: and Cc:.
                    let remembered = self.in_ledger(&id)?.unwrap_or_default().cloned();
                    let proven = Proven::of_headers(&id, headers, remembered);
                    let what = match signer {
                        Signer::Own(_) => format!("the watermark of {} is ours", shown(&id)),
                        Signer::Imported(program) => format!(
                            "the mark of {program} on {} is by a key that was imported",
                            shown(&id)
                        ),
                    };
                    self.worth(ProofKind::Watermark, what, &proven)?
                }
            });
            if found.last().is_some_and(ProofFinding::settles) {
                return Ok(found);
            }
        }
        Ok(self.or_absent(ProofKind::Watermark, found, "no watermark of ours"))
    }
}
