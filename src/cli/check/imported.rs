//! The keys of other programs: until when they verify, and which can be removed.

use super::CheckReport;
use crate::core::proof::{ImportedKey, ProofSettings, date};

pub(super) fn look(proof: &ProofSettings, today: u64, report: &mut CheckReport) {
    let Some(file) = &proof.key_file else {
        return;
    };
    for key in proof.keys.imported() {
        let (what, ends) = (described(key), date(key.ends()));
        if today <= key.ends() {
            report.on.push(format!("{what} verifies until {ends}"));
            continue;
        }
        let file = file.display();
        let ended = format!(
            "{what} in {file} verified until {ends}, and can be removed: use `backstop keygen --file {file} --remove-ended`"
        );
        report.warnings.push(ended.into());
    }
}

fn described(key: &ImportedKey) -> String {
    let marks = key.marks();
    format!("the key of {} ({marks})", marks.program())
}
