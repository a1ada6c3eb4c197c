//! Checks of `report`.

use super::Checks;
use crate::config::path::Path;

impl Checks<'_> {
    pub(super) fn report(&mut self) {
        if self.file.report.keep_samples && self.file.local.has_no_domain() {
            self.findings.error(
                &Path::of(&["report", "keep_samples"]),
                "`report.keep_samples` is on, but `local.domains` is empty, so no bounce is to an address of yours"
                    .to_owned(),
                "list your domains: `local: {domains: [example.org]}`",
            );
        }
        if self.file.report.abuse_contacts.is_some() && !self.file.report.keep_samples {
            self.findings.error(
                &Path::of(&["report", "abuse_contacts"]),
                "`report.abuse_contacts` names a zone, but `report.keep_samples` is off, so there is no bounce to report"
                    .to_owned(),
                "use `report: {keep_samples: true}` as well, or leave `abuse_contacts` empty",
            );
        }
    }
}
