//! What can't work, or would be dangerous, in `proof`.

use std::time;

use super::Checks;
use crate::{
    config::path::Path,
    core::proof::{DAY, batv::Layout},
};

/// Tags count days modulo 1000; past a tenth of that, an old tag would soon count again.
const LONGEST_LIFETIME: u64 = 99 * DAY;

impl Checks<'_> {
    pub(super) fn proof(&mut self) {
        let batv = &self.file.proof.batv;
        let at = |key| Path::of(&["proof", "batv", key]);
        if batv.sign && batv.keys.is_none() {
            self.findings.error(
                &at("sign"),
                "`proof.batv.sign` is on, but there are no keys to sign with".to_owned(),
                "make one with `backstop keygen --file /etc/backstop/keys`, and name the file: `keys: /etc/backstop/keys`",
            );
        }
        if batv.sign && self.file.local.domains.is_empty() {
            self.findings.error(
                &at("sign"),
                "`proof.batv.sign` is on, but `local.domains` is empty, so there is no sender to sign".to_owned(),
                "only senders of your own domains are signed: list them in `local.domains`",
            );
        }
        let no_delimiter = self.file.local.recipient_delimiter.is_empty();
        if batv.layout == Layout::SubAddress && no_delimiter {
            self.findings.error(
                &at("layout"),
                "`sub_address` puts the tag behind a delimiter, but `local.recipient_delimiter` is empty".to_owned(),
                "use `prvs`, or say in `local.recipient_delimiter` what your MTA has",
            );
        }
        let lifetime = time::Duration::from(batv.lifetime);
        let whole_days = lifetime.subsec_nanos() == 0 && lifetime.as_secs().is_multiple_of(DAY);
        if !whole_days || !(DAY..=LONGEST_LIFETIME).contains(&lifetime.as_secs()) {
            self.findings.error(
                &at("lifetime"),
                format!(
                    "`proof.batv.lifetime` is {}, which is not between 1 and 99 whole days",
                    self.outline.scalar(&at("lifetime")).unwrap_or_default()
                ),
                "the default, 7d, is longer than MTAs try before they return a message",
            );
        }
    }
}
