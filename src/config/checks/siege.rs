//! What can't work, or would be dangerous, in `siege`.

use super::{Checks, proof::whole_days};
use crate::{
    config::path::Path,
    core::{
        duration::Duration,
        pattern::DomainPattern,
        proof::DAY,
        siege::MOST_DOMAINS,
        verdict::{Action, Rule},
    },
};

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;
/// Days of mail that a recipient needs to be learned.
const MOST_DAYS: u32 = 30;
/// What is learned is kept in the store, and grows with it.
const LONGEST_KEEP: u64 = 400 * DAY;
const MOST_ADDRESSES: u64 = 10_000_000;
/// Below twice the usual, every busy hour would be a flood.
const FACTORS: std::ops::RangeInclusive<u32> = 2..=100;
const FLOORS: std::ops::RangeInclusive<u32> = 1..=100_000;

impl Checks<'_> {
    pub(super) fn siege(&mut self) {
        self.flood();
        self.stays();
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
                "it is run without a shell: name the program with its folder, and each argument by itself: \
                 `notify: [/usr/local/sbin/siege-changed, postmaster@example.org]`",
            );
        }
    }

    /// The store has places for so many.
    fn more_than_are_shared(&mut self) {
        let domains = &self.file.local.domains;
        let named = |pattern: &&DomainPattern| matches!(pattern, DomainPattern::Itself(_));
        let count = domains.iter().filter(named).count();
        if self.file.siege.watch && count > MOST_DOMAINS {
            self.findings.warning(
                &Path::of(&["local", "domains"]),
                format!("of {count} domains, the sieges of about {MOST_DOMAINS} are shared by hosts, and outlive a restart"),
                "each host watches the rest by itself, and does not learn what is usual for them; \
                 to watch for no floods at all, write `siege: {watch: false}`",
            );
        }
    }

    fn flood(&mut self) {
        let siege = &self.file.siege;
        if !FACTORS.contains(&siege.factor) {
            self.findings.error(
                &Path::of(&["siege", "factor"]),
                format!(
                    "`siege.factor` is {}, which is not between 2 and 100",
                    siege.factor
                ),
                "it is how many times its usual rate a domain's must be; the default is 10",
            );
        }
        if !FLOORS.contains(&siege.floor) {
            self.findings.error(
                &Path::of(&["siege", "floor"]),
                format!("`siege.floor` is {}, which is not between 1 and 100000", siege.floor),
                "it counts bounces a minute; the default is 20. To watch for no floods, write `watch: false`",
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
                "1m and 1d",
                "the default is 30m",
            ),
            (
                "quiet",
                siege.quiet,
                10 * MINUTE,
                DAY,
                "10m and 1d",
                "the default is 1h",
            ),
            (
                "max_duration",
                siege.max_duration,
                HOUR,
                30 * DAY,
                "1h and 30d",
                "the default is 3d",
            ),
        ];
        for (key, span, least, most, between, help) in spans {
            if !(Duration::from_secs(least)..=Duration::from_secs(most)).contains(&span) {
                let at = Path::of(&["siege", key]);
                let written = self.outline.scalar(&at).unwrap_or_default();
                let message = format!("`siege.{key}` is {written}, which is not between {between}");
                self.findings.error(&at, message, help);
            } else if key != "max_duration" && span >= siege.max_duration {
                self.findings.error(
                    &Path::of(&["siege", key]),
                    format!(
                        "`siege.{key}` is {span}, which is not shorter than `siege.max_duration`, {}",
                        siege.max_duration
                    ),
                    "a siege ends after `max_duration` at the latest; make that longer",
                );
            }
        }
    }

    fn learning(&mut self) {
        let learn = &self.file.siege.learn;
        let at = |key| Path::of(&["siege", "learn", key]);
        if !(1..=MOST_DAYS).contains(&learn.days) {
            self.findings.error(
                &at("days"),
                format!(
                    "`siege.learn.days` is {}, which is not between 1 and 30",
                    learn.days
                ),
                "the default is 2. To learn nobody, write `max_addresses: 0`",
            );
        }
        if !whole_days(learn.keep, LONGEST_KEEP) {
            let keep = at("keep");
            self.findings.error(
                &keep,
                format!(
                    "`siege.learn.keep` is {}, which is not between 1 and 400 whole days",
                    self.outline.scalar(&keep).unwrap_or_default()
                ),
                "the default is 180d",
            );
        }
        if learn.max_addresses > MOST_ADDRESSES {
            self.findings.error(
                &at("max_addresses"),
                format!(
                    "`siege.learn.max_addresses` is {}, more than {MOST_ADDRESSES}",
                    learn.max_addresses
                ),
                "the default is 1000000",
            );
        }
    }

    /// Without keys nobody is learned, so a siege would close a catch-all to all that no list knows.
    fn catch_all_without_keys(&mut self) {
        let siege = &self.file.siege;
        if !siege.watch || lets_in(siege.catch_all.mail) || self.file.proof.key_file.is_some() {
            return;
        }
        let mut entries = self.file.recipients.iter().enumerate();
        let first = entries.find(|(_, entry)| {
            let catch_all = entry.catch_all.as_ref();
            catch_all.is_some_and(|answer| lets_in(answer.mail))
        });
        if let Some((index, entry)) = first {
            self.findings.warning(
                &Path::of(&["recipients"]).index(index).key("catch_all"),
                format!(
                    "under siege, mail to all of {} but its known addresses gets `{}`: there are no keys, so no \
                     address is learned",
                    entry.domain, siege.catch_all.mail.action
                ),
                "make keys with `backstop keygen --file /etc/backstop/keys` and name the file: `proof: {key_file: \
                 /etc/backstop/keys}`; or let such mail in: `siege: {catch_all: {mail: accept}}`",
            );
        }
    }
}

fn lets_in(rule: Rule) -> bool {
    !matches!(
        rule.action,
        Action::Tempfail | Action::Reject | Action::Discard
    )
}
