//! Checks of `siege`.

use super::{Checks, proof::whole_days};
use crate::{
    config::path::Path,
    core::{duration::Duration, pattern::DomainPattern, proof::DAY, siege::MAX_DOMAINS},
};

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;
/// Days with mail that a recipient needs to be learned.
const MAX_DAYS: u32 = 30;
/// The learned addresses fill the store.
const MAX_KEEP: u64 = 400 * DAY;
const MAX_ADDRESSES: u64 = 10_000_000;
/// With less than twice the baseline, every busy hour would be a flood.
const FACTORS: std::ops::RangeInclusive<u32> = 2..=100;
/// One network counts for a fifth of it.
const ACCOUNT_FLOORS: std::ops::RangeInclusive<u32> = 5..=100_000;
const FLOORS: std::ops::RangeInclusive<u32> = 1..=100_000;

impl Checks<'_> {
    pub(super) fn siege(&mut self) {
        self.flood();
        self.stays();
        self.accounts();
        self.learning();
        self.catch_all_without_keys();
        self.more_than_are_shared();
        if self
            .file
            .siege
            .notify
            .first()
            .is_some_and(|command| !command.starts_with('/'))
        {
            self.findings.error(
                &Path::of(&["siege", "notify"]).index(0),
                "the command does not begin with a `/`".to_owned(),
                "use the full path of a program, with each argument as an item, because no shell runs it: \
                 `notify: [/usr/local/sbin/siege-changed, postmaster@example.org]`",
            );
        }
    }

    /// The store has room for a limited number of domains.
    fn more_than_are_shared(&mut self) {
        let domains = &self.file.local.domains;
        let named = |pattern: &&DomainPattern| matches!(pattern, DomainPattern::Itself(_));
        let count = domains.iter().filter(named).count();
        if self.file.siege.watch && count > MAX_DOMAINS {
            self.findings.warning(
                &Path::of(&["local", "domains"]),
                format!("there are {count} domains; hosts share the sieges of about {MAX_DOMAINS}, and those alone outlive a restart"),
                "each host watches the other domains alone, and learns no baseline for them; \
                 use `siege: {watch: false}` to watch for no floods at all",
            );
        }
    }

    fn flood(&mut self) {
        let siege = &self.file.siege;
        if !FACTORS.contains(&siege.factor) {
            self.findings.error(
                &Path::of(&["siege", "factor"]),
                format!("`siege.factor` is {}; expected 2 to 100", siege.factor),
                "use the default, 8: a flood is then eight times the domain's usual rate",
            );
        }
        if !FLOORS.contains(&siege.floor) {
            self.findings.error(
                &Path::of(&["siege", "floor"]),
                format!("`siege.floor` is {}; expected 1 to 100000", siege.floor),
                "use the default, 20 bounces a minute, or `watch: false` to watch for no floods",
            );
        }
    }

    fn accounts(&mut self) {
        let except = Path::of(&["siege", "accounts", "except"]);
        self.addresses(&except, &self.file.siege.accounts.except);
        let floor = self.file.siege.accounts.floor;
        if !ACCOUNT_FLOORS.contains(&floor) {
            self.findings.error(
                &Path::of(&["siege", "accounts", "floor"]),
                format!("`siege.accounts.floor` is {floor}; expected 5 to 100000"),
                "use the default, 30 proven bounces of one sender's mail within an hour",
            );
        }
    }

    fn stays(&mut self) {
        let siege = &self.file.siege;
        let spans = [
            (
                "min_duration",
                siege.min_duration,
                MINUTE,
                DAY,
                "1m to 1d",
                "use the default, 30m",
            ),
            (
                "quiet",
                siege.quiet,
                10 * MINUTE,
                DAY,
                "10m to 1d",
                "use the default, 1h",
            ),
            (
                "max_duration",
                siege.max_duration,
                HOUR,
                30 * DAY,
                "1h to 30d",
                "use the default, 3d",
            ),
        ];
        for (key, span, least, most, range, help) in spans {
            if !(Duration::from_secs(least)..=Duration::from_secs(most)).contains(&span) {
                let at = Path::of(&["siege", key]);
                let written = self.outline.scalar(&at).unwrap_or_default();
                let message = format!("`siege.{key}` is {written}; expected {range}");
                self.findings.error(&at, message, help);
            } else if key != "max_duration" && span >= siege.max_duration {
                self.findings.error(
                    &Path::of(&["siege", key]),
                    format!(
                        "`siege.{key}` is {span}, not shorter than `siege.max_duration`, {}",
                        siege.max_duration
                    ),
                    "use a longer `max_duration`: a siege ends then at the latest",
                );
            }
        }
    }

    fn learning(&mut self) {
        let learn = &self.file.siege.learn;
        let at = |key| Path::of(&["siege", "learn", key]);
        if !(1..=MAX_DAYS).contains(&learn.days) {
            self.findings.error(
                &at("days"),
                format!("`siege.learn.days` is {}; expected 1 to 30", learn.days),
                "use the default, 2, or `max_addresses: 0` to learn no address",
            );
        }
        if !whole_days(learn.keep, MAX_KEEP) {
            let keep = at("keep");
            self.findings.error(
                &keep,
                format!(
                    "`siege.learn.keep` is {}; expected 1 to 400 whole days",
                    self.outline.scalar(&keep).unwrap_or_default()
                ),
                "use the default, 180d",
            );
        }
        if learn.max_addresses > MAX_ADDRESSES {
            self.findings.error(
                &at("max_addresses"),
                format!(
                    "`siege.learn.max_addresses` is {}; the maximum is {MAX_ADDRESSES}",
                    learn.max_addresses
                ),
                "use the default, 1000000",
            );
        }
    }

    /// Without keys no address is learned, so a siege would close a catch-all to every address that no list has.
    fn catch_all_without_keys(&mut self) {
        let siege = &self.file.siege;
        if !siege.watch
            || !siege.catch_all.mail.action.keeps_out()
            || self.file.proof.key_file.is_some()
        {
            return;
        }
        let mut entries = self.file.recipients.iter().enumerate();
        let first = entries.find(|(_, entry)| {
            let catch_all = entry.catch_all.as_ref();
            catch_all.is_some_and(|answer| !answer.mail.action.keeps_out())
        });
        if let Some((index, entry)) = first {
            self.findings.warning(
                &Path::of(&["recipients"]).index(index).key("catch_all"),
                format!(
                    "under siege, mail to all addresses of `{}` except the known ones gets `{}`: without `proof.key_file` no \
                     address is learned",
                    entry.domain, siege.catch_all.mail.action
                ),
                "use `backstop keygen --file /etc/backstop/keys` and `proof: {key_file: /etc/backstop/keys}`; or accept such \
                 mail: `siege: {catch_all: {mail: accept}}`",
            );
        }
    }
}
