//! Checks of `proof`.

use std::time;

use super::Checks;
use crate::{
    config::path::Path,
    core::{
        duration::Duration,
        proof::{DAY, batv::Layout},
        size::Size,
    },
    dkim,
};

/// Tags count days modulo 1000. With a longer lifetime, an old tag would soon be valid again.
const MAX_LIFETIME: u64 = 99 * DAY;
/// Less would cut the headers that an ordinary bounce returns.
const MIN_BODY: Size = Size::kib(4);
/// Each bounce in progress may use this much memory.
const MAX_BODY: Size = Size::kib(1024);
/// The ledger grows with it.
const MAX_KEEP: u64 = 400 * DAY;

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
                "`sub_address` puts the tag after a delimiter, but `local.recipient_delimiter` is empty".to_owned(),
                "use `prvs`, or set `local.recipient_delimiter` to the delimiter of your MTA",
            );
        }
    }

    /// All that we add to outgoing mail, or remember of it, needs a key and a sender of ours.
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
                    format!("`{}` is on, but needs a key, and `proof.key_file` is empty", key.join(".")),
                    "use `backstop keygen --file /etc/backstop/keys` to make one, and `proof: {key_file: /etc/backstop/keys}`",
                );
            }
            if self.file.local.has_no_domain() {
                self.findings.error(
                    &Path::of(key),
                    format!(
                        "`{}` is on, but `local.domains` is empty, so no sender is yours",
                        key.join(".")
                    ),
                    "list your domains in `local.domains`; only mail of their senders is signed or remembered",
                );
            }
        }
    }

    /// What proves that a bounce returns our mail.
    fn content(&mut self) {
        let proof = &self.file.proof;
        if proof.batv.required && proof.key_file.is_none() {
            self.findings.error(
                &Path::of(&["proof", "batv", "required"]),
                "`proof.batv.required` is on, but needs a key, and `proof.key_file` is empty".to_owned(),
                "use `backstop keygen --file /etc/backstop/keys` to make one, and `proof: {key_file: /etc/backstop/keys}`",
            );
        }
        let refuses = !proof.unproven.monitor && proof.unproven.action.acts();
        let excepted =
            !proof.batv.except.recipients.is_empty() || !proof.batv.except.senders.is_empty();
        if proof.batv.required && refuses && excepted {
            self.findings.warning(
                &Path::of(&["proof", "batv", "required"]),
                format!(
                    "`proof.batv.required` is on, but mail that `except` names leaves without a tag, and its bounces get `{}`",
                    proof.unproven.action
                ),
                "turn `required` off, so that a bounce without a tag can be proven by the message that it returns",
            );
        }
        if !(MIN_BODY..=MAX_BODY).contains(&proof.body_limit) {
            self.findings.error(
                &Path::of(&["proof", "body_limit"]),
                format!(
                    "`proof.body_limit` is {}; expected {MIN_BODY} to {MAX_BODY}",
                    proof.body_limit
                ),
                "use the default, 64K: it has room for the headers that nearly all bounces return",
            );
        }
        if let Err((number, what)) = dkim::DkimKeys::new(&proof.dkim) {
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
        if !whole_days(lifetime, MAX_LIFETIME) {
            self.findings.error(
                &at,
                format!(
                    "`proof.lifetime` is {}; expected 1 to 99 whole days",
                    self.outline.scalar(&at).unwrap_or_default()
                ),
                "use the default, 7d: MTAs return a message sooner",
            );
        }
        let at = Path::of(&["proof", "ledger", "keep"]);
        let keep = self.file.proof.ledger.keep;
        if !whole_days(keep, MAX_KEEP) {
            self.findings.error(
                &at,
                format!(
                    "`proof.ledger.keep` is {}; expected 1 to 400 whole days",
                    self.outline.scalar(&at).unwrap_or_default()
                ),
                "use the default, 30d",
            );
        } else if keep < lifetime {
            self.findings.error(
                &at,
                format!("`proof.ledger.keep` is {keep}, shorter than `proof.lifetime`, {lifetime}"),
                "use at least the lifetime: bounces may name a message as long as that",
            );
        }
    }
}

/// Whether it is one whole day or more, and at most `most` seconds.
pub(super) fn whole_days(span: Duration, most: u64) -> bool {
    let span = time::Duration::from(span);
    let whole = span.subsec_nanos() == 0 && span.as_secs().is_multiple_of(DAY);
    whole && (DAY..=most).contains(&span.as_secs())
}
