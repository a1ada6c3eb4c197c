//! Checks of `report`.

use super::Checks;
use crate::config::path::Path;

impl Checks<'_> {
    pub(super) fn report(&mut self) {
        if self.file.report.keep_samples && self.file.local.domains.is_empty() {
            self.findings.error(
                &Path::of(&["report", "keep_samples"]),
                "`report.keep_samples` is on, but `local.domains` is empty, so no bounce is to an address of yours"
                    .to_owned(),
                "list your domains: `local: {domains: [example.org]}`",
            );
        }
    }
}
