//! All that is simulated, side by side on as many threads as there are processors.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use backstop::core::siege::Settings;

use super::{
    domains::Domains,
    flood::{FOLDS, Flood, NETWORKS, OnOff, Outcome, Ramp, Rhythm, holds, ramp},
    random::Random,
    run::{Run, Year},
    site::{DAY, HOUR, MINUTE, Site},
};

/// Messages a day.
pub const SIZES: [f64; 6] = [10.0, 100.0, 1e3, 1e4, 1e5, 1e6];
/// A siege is wanted within a minute of floods so many times as strong as the usual, from so many networks or more.
const WANTED: f64 = 20.0;
const MANY: u64 = 10;
/// Minutes on, and off.
const RHYTHMS: [(u64, u64); 6] = [(1, 9), (5, 31), (10, 110), (10, 200), (20, 520), (30, 1410)];
/// How many times as strong, after how many minutes, and for how many days.
const RAMPS: [(f64, u64, u64); 4] = [
    (2.0, 10, 1),
    (2.0, 60, 1),
    (2.0, DAY / MINUTE, 14),
    (1.5, 7 * DAY / MINUTE, 84),
];

/// How much is simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Days of the year.
    pub days: u64,
    /// Messages a day of each site.
    pub sizes: Vec<f64>,
    /// Of each site so many.
    pub seeds: u64,
    /// How often each flood comes.
    pub floods: u64,
    /// How often the weakest one comes from which a siege is wanted within a minute.
    pub weakest: u64,
    /// Folds of floods.
    pub folds: Vec<f64>,
    /// The site that patient attackers come to.
    pub patient: f64,
    /// How many domains a flood is spread over.
    pub domains: u64,
    /// Whether each kind of attacker comes once only, as in the test.
    pub brief: bool,
}

impl Plan {
    /// A year of all.
    #[must_use]
    pub fn year(seeds: u64) -> Self {
        Self {
            days: 365,
            sizes: SIZES.to_vec(),
            seeds,
            floods: 8,
            weakest: 112,
            folds: FOLDS.to_vec(),
            patient: 100.0,
            domains: 500,
            brief: false,
        }
    }
}

/// What came of one site.
#[derive(Clone, Debug, Default)]
pub struct Result {
    /// Messages a day.
    pub messages: f64,
    /// Its year.
    pub year: Year,
    /// Floods on it after that.
    pub floods: Vec<(Flood, Outcome)>,
    /// Attackers who come and go.
    pub rhythms: Vec<(OnOff, Rhythm)>,
    /// Attackers who grow: from how many networks, how many times as strong after how many minutes.
    pub ramps: Vec<(u64, f64, u64, Ramp)>,
    /// What holds a siege, by the number of networks: hits a minute, and the part of the limit.
    pub holds: Vec<(u64, Option<(f64, f64)>)>,
}

/// All results.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// By site.
    pub sites: Vec<Result>,
    /// Floods over 500 domains: seconds until all are besieged, and how many were by themselves.
    pub domains: Vec<(Flood, Option<u64>, usize)>,
}

impl Results {
    /// Simulates it.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let mut jobs = Vec::new();
        // What takes longest first.
        for seed in 0..plan.seeds {
            jobs.extend(plan.sizes.iter().rev().map(|messages| (*messages, seed)));
        }
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = || {
            while let Some((messages, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let result = simulate(plan, *messages, *seed);
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                done.push((*messages, *seed, result));
            }
        };
        thread::scope(|scope| {
            let threads = thread::available_parallelism().map_or(1, usize::from);
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        let mut sites = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        sites.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        Self {
            sites: sites.into_iter().map(|(_, _, result)| result).collect(),
            domains: domains(plan),
        }
    }

    /// All floods.
    pub fn floods(&self) -> impl Iterator<Item = &(Flood, Outcome)> {
        self.sites.iter().flat_map(|site| &site.floods)
    }

    /// What is not as it is wanted; nothing, where all is.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for site in &self.sites {
            if let Some(first) = site.year.first {
                failures.push(format!(
                    "{} messages a day: {} false sieges, the first on day {}",
                    site.messages,
                    site.year.sieges,
                    first / DAY
                ));
            }
        }
        let spread = self.domains.iter().map(|(flood, entry, _)| (flood, *entry));
        let single = self.floods().map(|(flood, outcome)| (flood, outcome.entry));
        for (flood, entry) in single.chain(spread) {
            let wanted = flood.fold >= WANTED && flood.networks >= MANY;
            if flood.networks == 1 && entry.is_some() {
                failures.push(format!("one network began a siege: {flood:?}"));
            }
            if wanted && entry.is_none_or(|entry| entry > 60) {
                failures.push(format!("{flood:?}: begun after {entry:?} s"));
            }
        }
        for site in &self.sites {
            let alone = |networks: &u64| *networks == 1;
            let held = site
                .holds
                .iter()
                .any(|(networks, held)| alone(networks) && held.is_some());
            let besieged = |rhythm: &Rhythm| rhythm.besieged > 0.0;
            let rhythms = &site.rhythms;
            let begun = rhythms
                .iter()
                .any(|(attacker, came)| alone(&attacker.networks) && besieged(came));
            let ramps = &site.ramps;
            let grown = ramps
                .iter()
                .any(|(networks, .., came)| alone(networks) && came.noticed.is_some());
            if held || begun || grown {
                failures.push(format!(
                    "{} messages a day: one network began or held a siege",
                    site.messages
                ));
            }
        }
        failures
    }
}

fn simulate(plan: &Plan, messages: f64, seed: u64) -> Result {
    let mut random = Random::new(seed);
    // Floods come within the weeks after the year.
    let site = Site::new(messages, plan.days + 120, &mut random);
    let mut run = Run::new(site, Settings::default(), random);
    let year = run.days(plan.days);
    let mut result = Result {
        messages,
        year,
        ..Result::default()
    };
    // At night, and while the newsletter of Tuesday is on.
    let moments = [(3 * HOUR, 0), (DAY + 10 * HOUR, 0), (DAY + 3 * HOUR, 1)];
    for (at, recipients) in moments.into_iter().take(if plan.brief { 1 } else { 3 }) {
        let mut base = run.clone();
        while base.now % (7 * DAY) != at {
            base.minute(&[], &mut |_| {});
        }
        for fold in &plan.folds {
            for networks in NETWORKS {
                let times = match *fold {
                    WANTED if networks == MANY => plan.weakest,
                    // Of strong ones from many, one tells as much as six.
                    50.1.. => 1,
                    _ => plan.floods,
                };
                for number in 0..times {
                    let mut run = base.clone();
                    // Each from networks of its own.
                    let site = messages as u64 * 100 + seed;
                    let name = (site * 1_000_000 + at) * 1000 + number;
                    run.random = Random::new(name);
                    let flood = Flood {
                        fold: *fold,
                        networks,
                        recipients,
                        name,
                    };
                    // At any second of a window's slot.
                    let after = (number * 7 + seed) % 10;
                    let outcome = flood.come(run, after, number < plan.floods);
                    result.floods.push((flood, outcome));
                }
            }
        }
    }
    if plan.patient == messages && seed == 0 {
        patient(plan, &run, &mut result);
    }
    result
}

fn patient(plan: &Plan, run: &Run, result: &mut Result) {
    let (networks, kinds, days): (&[u64], _, _) = match plan.brief {
        true => (&[1, 10], 1, 1),
        false => (&[1, 3, 5, 10, 100], usize::MAX, 4),
    };
    for &networks in networks {
        if !plan.brief {
            result.holds.push((networks, holds(run, networks)));
        }
        for (on, off) in RHYTHMS.into_iter().take(kinds) {
            let attacker = OnOff { on, off, networks };
            let came = attacker.come(run.clone(), days);
            result.rhythms.push((attacker, came));
        }
        for (times, every, days) in RAMPS.into_iter().take(kinds) {
            let came = ramp(run.clone(), networks, times, every, days);
            result.ramps.push((networks, times, every, came));
        }
    }
}

fn domains(plan: &Plan) -> Vec<(Flood, Option<u64>, usize)> {
    let mut all = Vec::new();
    let within = if plan.brief { 120 } else { 900 };
    for fold in plan.folds.iter().copied().filter(|fold| *fold < 1000.0) {
        for networks in NETWORKS {
            let flood = Flood {
                fold,
                networks,
                recipients: 0,
                name: 0,
            };
            let settings = Settings::default();
            let stream = flood.stream(&settings, f64::from(settings.floor));
            let (entry, alone) =
                Domains::new(plan.domains, settings, Random::new(networks)).flooded(stream, within);
            all.push((flood, entry, alone));
        }
    }
    all
}
