//! What can't work, or would be dangerous, in `proof`.

use std::time;

use super::Checks;
use crate::{
    config::path::Path,
    core::{
        duration::Duration,
        proof::{DAY, batv::Layout},
        size::Size,
        verdict::Action,
    },
    dkim,
};

/// Tags count days modulo 1000; past a tenth of that, an old tag would soon count again.
const LONGEST_LIFETIME: u64 = 99 * DAY;
/// Less would cut the headers that come back in an ordinary bounce.
const LEAST_BODY: Size = Size::kib(4);
/// Each bounce in progress may cost this much.
const MOST_BODY: Size = Size::kib(1024);
/// What the ledger keeps grows with it.
const LONGEST_KEEP: u64 = 400 * DAY;

impl Checks<'_> {
    pub(super) fn proof(&mut self) {
        self.signed();
        self.life();
        self.content();
        let senders = &self.file.proof.batv.except.senders;
        self.addresses(&Path::of(&["proof", "batv", "except", "senders"]), senders);
        let no_delimiter = self.file.local.recipient_delimiter.is_empty();
        if self.file.proof.batv.layout == Layout::SubAddress && no_delimiter {
            self.findings.error(
                &Path::of(&["proof", "batv", "layout"]),
                "`sub_address` puts the tag behind a delimiter, but `local.recipient_delimiter` is empty".to_owned(),
                "use `prvs`, or say in `local.recipient_delimiter` what your MTA has",
            );
        }
    }

    /// Whatever is made for outgoing mail takes a key, and a sender that is ours.
    fn signed(&mut self) {
        let proof = &self.file.proof;
        let made = [
            (proof.batv.sign, ["proof", "batv", "sign"]),
            (proof.watermark.sign, ["proof", "watermark", "sign"]),
            (proof.ledger.remember, ["proof", "ledger", "remember"]),
        ];
        for (_, key) in made.iter().filter(|(on, _)| *on) {
            if proof.key_file.is_none() {
                self.findings.error(
                    &Path::of(key),
                    format!("`{}` is on, but there are no keys for it", key.join(".")),
                    "make one with `backstop keygen --file /etc/backstop/keys`, and name the file: `proof: {key_file: /etc/backstop/keys}`",
                );
            }
            if self.file.local.domains.is_empty() {
                self.findings.error(
                    &Path::of(key),
                    format!(
                        "`{}` is on, but `local.domains` is empty, so there is no sender of yours",
                        key.join(".")
                    ),
                    "it is done for senders of your own domains only: list them in `local.domains`",
                );
            }
        }
    }

    /// What bounces are told from others by.
    fn content(&mut self) {
        let proof = &self.file.proof;
        if proof.batv.required && proof.key_file.is_none() {
            self.findings.error(
                &Path::of(&["proof", "batv", "required"]),
                "`proof.batv.required` is on, but there are no keys, so no bounce could have a tag".to_owned(),
                "make one with `backstop keygen --file /etc/backstop/keys`, and name the file: `proof: {key_file: /etc/backstop/keys}`",
            );
        }
        let refuses = !proof.unproven.monitor
            && !matches!(proof.unproven.action, Action::Accept | Action::Tag);
        let excepted =
            !proof.batv.except.recipients.is_empty() || !proof.batv.except.senders.is_empty();
        if proof.batv.required && refuses && excepted {
            self.findings.warning(
                &Path::of(&["proof", "batv", "required"]),
                format!(
                    "`proof.batv.required` is on, but what `except` names leaves without a tag: its bounces get `{}`",
                    proof.unproven.action
                ),
                "without `required`, a bounce that has no tag may prove itself by what it returns",
            );
        }
        if !(LEAST_BODY..=MOST_BODY).contains(&proof.body_limit) {
            self.findings.error(
                &Path::of(&["proof", "body_limit"]),
                format!(
                    "`proof.body_limit` is {}, which is not between {LEAST_BODY} and {MOST_BODY}",
                    proof.body_limit
                ),
                "the default, 64K, has room for the headers that come back in nearly all bounces",
            );
        }
        if let Err((number, what)) = dkim::Keys::new(&proof.dkim) {
            self.findings.error(
                &Path::of(&["proof", "dkim", "keys"]).index(number),
                "this DKIM key can't be used".to_owned(),
                &what,
            );
        }
    }

    fn life(&mut self) {
        let at = Path::of(&["proof", "lifetime"]);
        let lifetime = self.file.proof.lifetime;
        if !whole_days(lifetime, LONGEST_LIFETIME) {
            self.findings.error(
                &at,
                format!(
                    "`proof.lifetime` is {}, which is not between 1 and 99 whole days",
                    self.outline.scalar(&at).unwrap_or_default()
                ),
                "the default, 7d, is longer than MTAs try before they return a message",
            );
        }
        let at = Path::of(&["proof", "ledger", "keep"]);
        let keep = self.file.proof.ledger.keep;
        if !whole_days(keep, LONGEST_KEEP) {
            self.findings.error(
                &at,
                format!(
                    "`proof.ledger.keep` is {}, which is not between 1 and 400 whole days",
                    self.outline.scalar(&at).unwrap_or_default()
                ),
                "the default is 30d",
            );
        } else if keep < lifetime {
            self.findings.error(
                &at,
                format!(
                    "`proof.ledger.keep` is {keep}, which is less than `proof.lifetime`, {lifetime}"
                ),
                "what a bounce may still name must still be remembered: make it at least as long",
            );
        }
    }
}

/// Whether it is whole days, 1 to `most` seconds.
pub(super) fn whole_days(span: Duration, most: u64) -> bool {
    let span = time::Duration::from(span);
    let whole = span.subsec_nanos() == 0 && span.as_secs().is_multiple_of(DAY);
    whole && (DAY..=most).contains(&span.as_secs())
}
