//! Checks of `forgery`.

use super::{Checks, is_single_label};
use crate::{config::path::Path, core::pattern::DomainPattern};

impl Checks<'_> {
    pub(super) fn forgery(&mut self) {
        let forgery = &self.file.forgery;
        let section = Path::of(&["forgery"]);
        for (index, list) in forgery.mailing_lists.iter().enumerate() {
            self.mailing_list(&section.key("mailing_lists").index(index), list);
        }
        for (index, provider) in forgery.mailbox_providers.iter().enumerate() {
            if self.has_ours(provider) {
                self.findings.error(
                    &section.key("mailbox_providers").index(index),
                    format!("`{provider}` is, or contains, a domain of yours, and mail from there would be refused"),
                    "remove it; this list is for domains where strangers have addresses",
                );
            }
        }
        let rule = forgery.header_from;
        let refuses = !rule.monitor && rule.action.keeps_out();
        let nothing_vouches = forgery.mailing_lists.is_empty()
            && self.file.spf.trusted_forwarders.is_empty()
            && !self.file.proof.ledger.remember;
        if refuses && nothing_vouches && !self.file.local.has_no_domain() {
            self.findings.warning(
                &section.key("header_from"),
                "posts of your users to mailing lists come back with your domain in From:, and those that the list has changed \
                 would be refused"
                    .to_owned(),
                "use `proof.ledger.remember: true`, which knows them, or list them in `forgery.mailing_lists`, and forwarders in \
                 `spf.trusted_forwarders`; with `tag` the log shows which there are",
            );
        }
    }

    fn mailing_list(&mut self, path: &Path, list: &DomainPattern) {
        let (DomainPattern::Itself(domain) | DomainPattern::Below(domain)) = list;
        if self.has_ours(list) {
            self.findings.error(
                path,
                format!("`{list}` is, or contains, a domain of yours: forged mail would be accepted"),
                "remove it; mail from a sender of yours for which SPF passes is accepted without it",
            );
        } else if is_single_label(domain) {
            self.findings.error(
                path,
                format!(
                    "`{list}` would let every host with a name below .{domain} use your domains in From:"
                ),
                "use the domain that the mailing list has in MAIL FROM, such as lists.example",
            );
        }
    }

    /// Whether the pattern and `local.domains` have names in common.
    pub(super) fn has_ours(&self, pattern: &DomainPattern) -> bool {
        self.file.local.domains.overlap(pattern)
    }
}
