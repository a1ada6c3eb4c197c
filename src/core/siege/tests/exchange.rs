//! Hosts that share a record, and lose sight of each other.

use std::cmp::Ordering;

use super::{
    super::*,
    simulation::{HOUR, MINUTE, Random, START, Traffic},
};

/// A store that refuses to overwrite what it was not asked about.
#[derive(Default)]
struct Stored {
    bytes: Option<Vec<u8>>,
    version: u64,
    writes: u64,
}

impl Stored {
    fn write(&mut self, version: u64, bytes: Vec<u8>) -> bool {
        let same = self.version == version;
        if same {
            self.bytes = Some(bytes);
            self.version += 1;
            self.writes += 1;
        }
        same
    }
}

struct Host {
    local: Record,
    watched: Watched,
    pending: Deltas,
    changes: Vec<Change>,
    seen: u64,
}

impl Host {
    fn new() -> Self {
        Self {
            local: Record::new(START),
            watched: Watched::default(),
            pending: Deltas::default(),
            changes: Vec::new(),
            seen: 0,
        }
    }

    fn round(&mut self, shared: Option<&mut Stored>, now: u64) {
        let settings = Settings::default();
        let Some(shared) = shared else {
            self.changes
                .extend(self.local.step_alone(&settings, &self.pending, now));
            self.pending = Deltas::default();
            return;
        };
        let version = shared.version;
        let found = shared.bytes.as_deref().map(|bytes| Shared {
            bytes,
            written: version.cmp(&self.seen),
        });
        self.watched.go_on(now);
        let (local, pending) = (&self.local, &self.pending);
        let done = Record::exchange(found, local, pending, &self.watched, now, &settings);
        assert!(!done.damaged);
        if done.must_write {
            assert!(shared.write(version, done.record.to_bytes()));
        }
        self.seen = shared.version;
        self.local = done.record;
        self.pending = Deltas::default();
        self.changes.extend(done.change);
    }
}

/// A flood that is spread over three hosts is one flood: each has a third, all know within a round, one of them tells.
#[test]
fn three_hosts_see_one_flood() {
    let mut shared = Stored::default();
    let mut hosts = [Host::new(), Host::new(), Host::new()];
    let mut random = Random::new(3);
    let flood = Traffic::flood(400.0 / 3.0);
    for now in (START..START + MINUTE).step_by(1) {
        for host in &mut hosts {
            host.pending.add(&flood.deltas(&mut random, 1));
            host.round(Some(&mut shared), now);
        }
    }
    let now = START + MINUTE;
    for host in &mut hosts {
        host.round(Some(&mut shared), now);
        assert_eq!(host.local.state(now), State::Siege);
        let rate = host.local.status(&Settings::default(), now).rate;
        assert!((300.0..420.0).contains(&rate), "{rate}");
    }
    let told: Vec<_> = hosts.iter().flat_map(|host| &host.changes).collect();
    let first = |state| {
        told.iter()
            .filter(|change| change.to == state && change.cause == Cause::Rate)
            .count()
    };
    assert_eq!((first(State::Alert), first(State::Siege)), (1, 1));
    assert!(
        told.iter()
            .filter(|change| change.cause == Cause::Elsewhere)
            .count()
            >= 2
    );
}

/// While another host was faster, the round is made again, and nothing counts twice.
#[test]
fn a_lost_race_is_run_again() {
    let settings = Settings::default();
    let mut deltas = Deltas::default();
    deltas.hit(Hit::Unproven, 1, 0);
    let (local, watched) = (Record::new(START), Watched::default());
    let first = Record::exchange(None, &local, &deltas, &watched, START, &settings);
    let bytes = first.record.to_bytes();
    let written = Shared {
        bytes: &bytes,
        written: Ordering::Greater,
    };
    let again = Record::exchange(Some(written), &local, &deltas, &watched, START, &settings);
    assert_eq!(again.record.status(&settings, START).unproven, 2);
    assert!(again.must_write && again.record.sequence == 2);
}

#[test]
fn a_quiet_domain_is_seldom_written() {
    let mut shared = Stored::default();
    let mut host = Host::new();
    for now in START..START + HOUR {
        host.round(Some(&mut shared), now);
    }
    assert_eq!(shared.writes, 0, "nothing ever came");
    host.pending.hit(Hit::Refused, 1, 0);
    for now in START + HOUR..START + 3 * HOUR {
        host.round(Some(&mut shared), now);
    }
    assert_eq!(shared.writes, 1);
}

/// The store goes for ten minutes while a flood comes. Each host counts on; when it is back, in whichever order they
/// return, they agree, and no bounce is lost or counted twice.
#[test]
fn hosts_that_were_alone_agree_when_they_meet() {
    let mut outcomes = Vec::new();
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let mut shared = Stored::default();
        let mut hosts = [Host::new(), Host::new(), Host::new()];
        let mut random = Random::new(9);
        let mut sent = 0;
        for now in START..START + 5 * MINUTE {
            let away = now >= START + 2 * MINUTE;
            // The second host gets the most, the third nothing.
            for (host, rate) in hosts.iter_mut().zip([30.0, 300.0, 0.0]) {
                let rate = if away { rate } else { 1.0 };
                let deltas = Traffic::flood(rate).deltas(&mut random, 1);
                sent += deltas.hits();
                host.pending.add(&deltas);
                host.round((!away).then_some(&mut shared), now);
            }
        }
        let now = START + 5 * MINUTE;
        let states = hosts.each_ref().map(|host| host.local.state(now));
        assert_eq!(states, [State::Siege, State::Siege, State::Calm]);
        for at in order.into_iter().chain(order) {
            hosts[at].round(Some(&mut shared), now);
        }
        let [one, two, three] = hosts.map(|host| host.local);
        assert!(one == two && two == three);
        let status = one.status(&Settings::default(), now);
        assert_eq!(status.unproven + status.refused, sent);
        outcomes.push((status, one.machine, one.windows));
    }
    assert!(
        outcomes.windows(2).all(|pair| pair[0] == pair[1]),
        "{outcomes:?}"
    );
}

/// One host alone on its store, which is away for hours: what the store has is old, and does not come back to life.
#[test]
fn what_nobody_else_wrote_meanwhile_is_older() {
    let mut shared = Stored::default();
    let mut host = Host::new();
    let mut random = Random::new(1);
    for now in START..START + 2 * MINUTE {
        host.pending
            .add(&Traffic::flood(400.0).deltas(&mut random, 1));
        host.round(Some(&mut shared), now);
    }
    for now in START + 2 * MINUTE..START + 3 * HOUR {
        host.round(None, now);
    }
    let now = START + 3 * HOUR;
    assert_eq!(host.local.state(now), State::Calm);
    host.round(Some(&mut shared), now);
    assert_eq!(host.local.state(now), State::Calm);
    let stored = Record::from_bytes(shared.bytes.as_deref().unwrap()).unwrap();
    assert_eq!(stored, host.local);
}

/// A store that lost or damaged what it had, or has an old copy of it, ends no siege.
#[test]
fn a_store_that_forgot_ends_no_siege() {
    let mut shared = Stored::default();
    let mut host = Host::new();
    let mut random = Random::new(1);
    let mut old = None;
    for now in START..START + 5 * MINUTE {
        host.pending
            .add(&Traffic::flood(400.0).deltas(&mut random, 1));
        host.round(Some(&mut shared), now);
        old = old.or_else(|| shared.bytes.clone());
    }
    let now = START + 5 * MINUTE;
    let mut damaged = shared.bytes.clone().unwrap();
    damaged[20] ^= 1;
    for shared in [None, Some(damaged), old] {
        let settings = Settings::default();
        let nothing = Deltas::default();
        let shared = shared.as_deref().map(|bytes| Shared {
            bytes,
            written: Ordering::Less,
        });
        let done = Record::exchange(shared, &host.local, &nothing, &host.watched, now, &settings);
        assert_eq!(done.record.state(now), State::Siege);
        assert!(done.must_write && done.change.is_none());
    }
}

/// It lost what it had while hosts were alone, one of which saw a flood: what that one wrote there then is not taken for
/// what was there before, whichever host had written more often.
#[test]
fn a_calm_host_does_not_wipe_out_what_another_saw_alone() {
    for ahead in 0..4 {
        let mut shared = Stored::default();
        let mut hosts = [Host::new(), Host::new()];
        let mut random = Random::new(5);
        let mut sent = 1;
        hosts[1].pending.hit(Hit::Unproven, 0, 0);
        for at in [1, 0] {
            hosts[at].round(Some(&mut shared), START);
        }
        for recipient in 1..=ahead {
            sent += 1;
            hosts[0].pending.hit(Hit::Unproven, recipient, 0);
            hosts[0].round(Some(&mut shared), START);
        }
        for now in START + MINUTE..START + 2 * MINUTE {
            let deltas = Traffic::flood(300.0).deltas(&mut random, 1);
            sent += deltas.hits();
            hosts[1].pending.add(&deltas);
            hosts.iter_mut().for_each(|host| host.round(None, now));
        }
        let now = START + 2 * MINUTE;
        let states = hosts.each_ref().map(|host| host.local.state(now));
        assert_eq!(states, [State::Calm, State::Siege], "{ahead}");
        shared.bytes = None;
        for at in [1, 0, 1, 0] {
            hosts[at].round(Some(&mut shared), now);
        }
        let [one, two] = hosts.map(|host| host.local);
        assert_eq!(one, two);
        assert_eq!(one.state(now), State::Siege, "{ahead}");
        let status = one.status(&Settings::default(), now);
        assert_eq!(status.unproven + status.refused, sent, "{ahead}");
    }
}

/// Nor where nobody noticed that it was gone, and the one who wrote first had just been started.
#[test]
fn a_store_is_told_again_what_it_lost_unnoticed() {
    let mut shared = Stored::default();
    let (mut old, mut new) = (Host::new(), Host::new());
    let mut random = Random::new(5);
    let mut sent = 0;
    for now in START..START + MINUTE {
        let deltas = Traffic::flood(300.0).deltas(&mut random, 1);
        sent += deltas.hits();
        old.pending.add(&deltas);
        old.round(Some(&mut shared), now);
    }
    let now = START + MINUTE;
    shared.bytes = None;
    new.pending.hit(Hit::Unproven, 1, 0);
    for _ in 0..2 {
        new.round(Some(&mut shared), now);
        old.round(Some(&mut shared), now);
    }
    assert_eq!(new.local.state(now), State::Siege);
    let status = new.local.status(&Settings::default(), now);
    // In the slots of ten seconds that both counted in, the more of the two.
    let counted = status.unproven + status.refused;
    assert!((sent..=sent + 1).contains(&counted), "{counted} {sent}");
}

/// A store that is set back to how it was in a siege begins none anew.
#[test]
fn an_old_copy_does_not_come_back_to_life() {
    let mut shared = Stored::default();
    let mut host = Host::new();
    let mut random = Random::new(1);
    let mut old = None;
    for now in START..START + 3 * HOUR {
        if now < START + 2 * MINUTE {
            let deltas = Traffic::flood(400.0).deltas(&mut random, 1);
            host.pending.add(&deltas);
        }
        host.round(Some(&mut shared), now);
        if now == START + 2 * MINUTE {
            old = Some((shared.bytes.clone(), shared.version));
        }
    }
    let now = START + 3 * HOUR;
    (shared.bytes, shared.version) = old.unwrap();
    for alone in [false, true] {
        if alone {
            host.round(None, now);
        }
        host.round(Some(&mut shared), now);
        assert_eq!(host.local.state(now), State::Calm, "{alone}");
    }
}

/// A host whose clock ran far ahead while it was alone does not move the time of the others.
#[test]
fn a_host_from_the_future_is_brought_back() {
    let mut shared = Stored::default();
    let mut hosts = [Host::new(), Host::new()];
    let mut random = Random::new(1);
    for now in START..START + 2 * MINUTE {
        hosts[0]
            .pending
            .add(&Traffic::flood(400.0).deltas(&mut random, 1));
        hosts[0].round(Some(&mut shared), now);
        hosts[1].round(Some(&mut shared), now);
    }
    let now = START + 2 * MINUTE;
    hosts[1].round(None, now + 365 * 24 * HOUR);
    hosts[0].pending.hit(Hit::Unproven, 1, 0);
    hosts[0].round(Some(&mut shared), now);
    hosts[1].round(Some(&mut shared), now + 1);
    hosts[0].round(Some(&mut shared), now + 2);
    assert_eq!(hosts[0].local.state(now), State::Siege);
    let since = hosts[0]
        .local
        .status(&Settings::default(), now)
        .latest_end
        .unwrap();
    assert!(since > now + 2 * 24 * HOUR, "{since}");
}

/// A store that seems to have an older state than this host has seen has one only where it was written less often, too.
#[test]
fn what_is_older_was_written_before_and_less_often() {
    let settings = Settings::default();
    for (written, of_store, own, found) in [
        (Ordering::Less, 1, 2, State::Calm),
        (Ordering::Less, 2, 2, State::Siege),
        (Ordering::Less, 3, 2, State::Siege),
        (Ordering::Equal, 2, 2, State::Siege),
        (Ordering::Greater, 2, 2, State::Siege),
        (Ordering::Greater, 1, 2, State::Siege),
    ] {
        let mut stored = Record::new(START);
        stored.sequence = of_store;
        stored.machine.state = State::Siege;
        stored.machine.besieged_since = START;
        stored.machine.last_loud = START;
        let bytes = stored.to_bytes();
        let mut local = Record::new(START);
        local.sequence = own;
        let shared = Shared {
            bytes: &bytes,
            written,
        };
        let nothing = Deltas::default();
        let watched = Watched::default();
        let done = Record::exchange(Some(shared), &local, &nothing, &watched, START, &settings);
        assert_eq!(done.record.state(START), found, "{written:?} {of_store}");
    }
}
