//! A round: what is awake is stepped, and written.

use super::{
    super::{
        Change, Damaged, Deltas, Record, Settings, Shared,
        exchange::Exchanged,
        watched::{WATCHED, Watched},
    },
    Host, Known, Stored, note_above, record_name,
};
use crate::core::{address::Domain, local::Domains};

/// How many records are written in one round at most: the others come in the next.
const MAX_WRITES: usize = 2_000;

impl Host {
    /// A round with what the store has, by its clock and this host's, after all that it answered was
    /// [taken in](Self::take_in).
    pub fn round<'a>(
        &'a mut self,
        settings: &'a Settings,
        local_domains: &'a Domains,
        (store_now, host_now): (u64, u64),
    ) -> Round<'a> {
        self.ahead = store_now.checked_signed_diff(host_now).unwrap_or_default();
        self.watched.go_on(store_now);
        let waits_since = |known: &Known| known.waits_since.unwrap_or(u64::MAX);
        let awake = self.awake.iter();
        let mut names: Vec<_> = awake
            .map(|(name, known)| (waits_since(known), name.clone()))
            .collect();
        // What waits longest comes first; from the end.
        names.sort_unstable_by(|one, other| other.cmp(one));
        let there = self.watched_there.as_ref().map(|(there, _)| there);
        let is_known = !self.awake.is_empty() || !self.resting.is_empty();
        Round {
            watched_due: is_known && Watched::is_news(there, store_now),
            names: names.into_iter().map(|(_, name)| name).collect(),
            settings,
            local_domains,
            now: store_now,
            writes: 0,
            is_lost: false,
            done: Done::default(),
            host: self,
        }
    }
}

/// A round under way: one record after the other is stepped, and written unless another host was faster; then the next
/// round makes it good.
#[derive(Debug)]
pub struct Round<'a> {
    host: &'a mut Host,
    settings: &'a Settings,
    local_domains: &'a Domains,
    now: u64,
    /// The domains that are still to be stepped.
    names: Vec<Option<Domain>>,
    /// Whether it is to be written that somebody watches.
    watched_due: bool,
    /// How many records there were to write.
    writes: usize,
    /// Whether the store went away meanwhile.
    is_lost: bool,
    done: Done,
}

/// A record to write to the store, over the version that was seen there; see [`Round::next_writes`].
#[derive(Debug)]
pub struct Write {
    of: Of,
    /// The version of the record that the store has; 0 for none.
    pub seen: u64,
    /// What to write.
    pub bytes: Vec<u8>,
    /// Whether a stranger may have invented the name: of these the store keeps fewer.
    pub is_invented: bool,
}

/// What is written.
#[derive(Debug)]
enum Of {
    Domain(Option<Domain>, Box<Exchanged>),
    Watched(Watched),
}

impl Write {
    /// The name of the record.
    pub fn name(&self) -> &str {
        match &self.of {
            Of::Domain(domain, _) => record_name(domain.as_ref()),
            Of::Watched(_) => WATCHED,
        }
    }
}

/// What became of a [`Write`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It has this version now.
    Version(u64),
    /// Another host has written the record meanwhile.
    Raced,
    /// There was no room for this record; another one may still have its place.
    Full,
    /// The store did not do it, and can't be asked for more.
    Failed,
}

/// What a round did.
#[derive(Debug, Default)]
pub struct Done {
    /// What changed.
    pub changes: Vec<Change>,
    /// Records of the store that could not be read, by their names. That of a newer version is left as it is.
    pub unreadable: Vec<(String, Damaged)>,
    /// Domains that are calm, and no longer known here.
    pub idle: Vec<Domain>,
}

impl Round<'_> {
    /// The next records to write, for [`Self::wrote`], at most so many; none when all are stepped.
    pub fn next_writes(&mut self, most: usize) -> Vec<Write> {
        let mut writes = Vec::new();
        if std::mem::take(&mut self.watched_due) && !self.is_lost {
            let watched = self.host.watched.clone();
            let there = self.host.watched_there.as_ref();
            writes.push(Write {
                seen: there.map_or(0, |(_, version)| *version),
                bytes: watched.to_bytes(),
                of: Of::Watched(watched),
                is_invented: false,
            });
        }
        while writes.len() < most
            && let Some(name) = self.names.pop()
        {
            if self.writes < MAX_WRITES {
                let write = self.step(name);
                self.writes += usize::from(write.is_some());
                writes.extend(write);
            }
        }
        writes
    }

    fn step(&mut self, name: Option<Domain>) -> Option<Write> {
        let Self {
            host,
            settings,
            now,
            ..
        } = self;
        let (settings, now) = (*settings, *now);
        let Host {
            awake,
            watched,
            above,
            ..
        } = &mut **host;
        let known = awake.get_mut(&name)?;
        if let Some(found) = &known.found
            && !self.is_lost
        {
            known.is_newer = false;
            if let Err(version @ Damaged::Version(_)) = Record::from_bytes(&found.bytes) {
                // A host that was upgraded first: what it knows is not to be overwritten.
                if known.seen != found.version {
                    let name = record_name(name.as_ref()).to_owned();
                    self.done.unreadable.push((name, version));
                }
                known.is_newer = true;
                known.seen = found.version;
                known.stored_at = None;
                known.found = None;
            }
        }
        if self.is_lost || known.is_newer {
            let change = known.alone(watched, settings, now);
            note_above(above, &name, known, settings);
            self.report(name, change);
            return None;
        }
        let Known {
            record,
            pending,
            seen,
            stored_at,
            found,
            ..
        } = &mut **known;
        let exchanged = match (&found, &stored_at) {
            (None, Some(written_at)) => record.go_on(*written_at, pending, watched, now, settings),
            (found, _) => {
                let shared = found.as_ref().map(|found| Shared {
                    bytes: &found.bytes,
                    written: found.version.cmp(seen),
                });
                Record::exchange(shared, record, pending, watched, now, settings)
            }
        };
        if exchanged.must_write {
            return Some(Write {
                seen: found.as_ref().map_or(*seen, |found| found.version),
                bytes: exchanged.record.to_bytes(),
                is_invented: name
                    .as_ref()
                    .is_some_and(|domain| !self.local_domains.names(domain)),
                of: Of::Domain(name, Box::new(exchanged)),
            });
        }
        if let Some(Stored { version, .. }) = found.take() {
            *seen = version;
            *stored_at = Some(exchanged.record.at);
        }
        *record = exchanged.record;
        note_above(above, &name, known, settings);
        self.report(name, exchanged.change);
        None
    }

    /// Takes over what became of a write.
    pub fn wrote(&mut self, write: Write, written: Written) {
        let (domain, exchanged) = match write.of {
            Of::Watched(watched) => return self.wrote_watched(watched, written),
            Of::Domain(domain, exchanged) => (domain, exchanged),
        };
        let Host {
            awake,
            watched,
            above,
            raced,
            ..
        } = &mut *self.host;
        let Some(known) = awake.get_mut(&domain) else {
            return;
        };
        let change = match written {
            Written::Version(version) => {
                if exchanged.damaged {
                    let name = record_name(domain.as_ref()).to_owned();
                    self.done.unreadable.push((name, Damaged::Content));
                }
                let Exchanged { record, change, .. } = *exchanged;
                **known = Known {
                    stored_at: Some(record.at),
                    record,
                    pending: Deltas::default(),
                    waits_since: None,
                    seen: version,
                    found: None,
                    is_newer: false,
                };
                change
            }
            Written::Raced => {
                // What was written meanwhile comes with the next answer; or there is nothing any more.
                known.found = None;
                raced.insert(record_name(domain.as_ref()).to_owned());
                return;
            }
            Written::Full | Written::Failed => {
                self.is_lost |= written == Written::Failed;
                known.alone(watched, self.settings, self.now)
            }
        };
        note_above(above, &domain, known, self.settings);
        self.report(domain, change);
    }

    fn wrote_watched(&mut self, watched: Watched, written: Written) {
        match written {
            Written::Version(version) => self.host.watched_there = Some((watched, version)),
            Written::Raced => {
                self.host.raced.insert(WATCHED.to_owned());
            }
            Written::Full => {}
            Written::Failed => self.is_lost = true,
        }
    }

    fn report(&mut self, name: Option<Domain>, change: Option<Change>) {
        let change = change.map(|change| change.of(name));
        self.done.changes.extend(change);
    }

    /// Ends the round, and makes room for other domains.
    pub fn end(self) -> Done {
        let now = self.now;
        self.host.above.retain(|_, until| *until > now);
        self.host.rest(self.settings, now);
        self.host.sweep(self.local_domains, self.settings, now);
        Done {
            idle: std::mem::take(&mut self.host.idle),
            ..self.done
        }
    }
}
