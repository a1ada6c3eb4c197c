//! Runs the tests that reach a mutant, those likely to notice it first, until one fails.
use crate::{
    Outcome,
    mutants::{Fate, Id, Mutant, Outcomes, Trace, Work, is_in, write_line},
    process::{Ended, Run},
};
use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

/// Tests of one process: their processor time together, in seconds. The first that fails ends it, so the first ones are few.
const BATCHES: [f64; 5] = [0.06, 0.3, 1.5, 6.0, 30.0];

struct Campaign<'a> {
    work: &'a Work,
    mutants: Vec<Mutant>,
    programs: BTreeMap<String, PathBuf>,
    reached: HashMap<Id, Vec<Trace>>,
    /// Of the tests that one mutant gets, processor time in seconds.
    at_most: f64,
}

/// `rest`: the beginnings of the files whose mutants are run, all unless given. The order is one of chance, the same each
/// time: whatever it ends at, it was a sample. One that no test noticed is run again when more tests reach it than then.
/// `MUTANTS_SECONDS` says how much time all takes, `MUTANTS_LONGEST` how much processor time one mutant gets,
/// `MUTANTS_JOBS` how many run side by side.
pub fn run(work: &Work, rest: &[String]) -> Outcome {
    let number = |name: &str, unless: f64| {
        let value = std::env::var(name)
            .ok()
            .and_then(|value| value.parse().ok());
        value.unwrap_or(unless)
    };
    let campaign = Campaign {
        work,
        mutants: work.mutants()?,
        programs: work.programs()?,
        reached: reached(work.lines("traces.jsonl")?),
        at_most: number("MUTANTS_LONGEST", f64::INFINITY),
    };
    let left_out = work.left_out()?;
    let outcomes: Vec<Outcomes> = work.lines("results.jsonl")?;
    let done: HashMap<Id, Outcomes> = outcomes.into_iter().map(|one| (one.id, one)).collect();
    let is_done = |id: Id| {
        let killed = |fate: Fate| matches!(fate, Fate::Killed | Fate::Hung);
        let tests = campaign.reached.get(&id).map_or(0, Vec::len);
        let done = done.get(&id);
        left_out.contains_key(&id)
            || done.is_some_and(|done| {
                killed(done.fate) || done.fate != Fate::Short && done.tests >= tests
            })
    };
    let hasher = BuildHasherDefault::<DefaultHasher>::new();
    let mut wanted: Vec<_> = (1..)
        .zip(&campaign.mutants)
        .filter(|(id, mutant)| !is_done(*id) && is_in(mutant, rest))
        .map(|(id, mutant)| (hasher.hash_one(&mutant.name), id))
        .collect();
    wanted.sort_unstable();

    let until = Instant::now() + Duration::from_secs_f64(number("MUTANTS_SECONDS", 1e6));
    let next = AtomicUsize::new(0);
    let file = Mutex::new(work.append("results.jsonl")?);
    let worker = || -> Outcome {
        while Instant::now() < until {
            let at = next.fetch_add(1, Relaxed);
            let Some(&(_, id)) = wanted.get(at) else {
                break;
            };
            let outcome = campaign.one(id)?;
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            write_line(&mut file, &outcome)?;
            if at % 200 == 199 {
                println!("{} of {}", at + 1, wanted.len());
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let jobs = number("MUTANTS_JOBS", 2.0) as usize;
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            worker.join().map_err(|_| "a thread panicked")??;
        }
        Ok(())
    })
}

/// The tests that reach each mutant.
fn reached(traces: Vec<Trace>) -> HashMap<Id, Vec<Trace>> {
    let mut reached: HashMap<Id, Vec<Trace>> = HashMap::new();
    for mut trace in traces.into_iter().filter(|trace| trace.passed) {
        trace.reaches = trace.ids.len();
        for id in std::mem::take(&mut trace.ids) {
            reached.entry(id).or_default().push(trace.clone());
        }
    }
    reached
}

impl Campaign<'_> {
    fn one(&self, id: Id) -> Outcome<Outcomes> {
        let mutant = (id as usize)
            .checked_sub(1)
            .and_then(|at| self.mutants.get(at));
        let file = mutant.map_or("", |mutant| &mutant.file);
        let tests = self.reached.get(&id).map_or(&[][..], Vec::as_slice);
        let mut by_promise: Vec<_> = tests.iter().collect();
        by_promise.sort_by(|one, other| promise(other, file).total_cmp(&promise(one, file)));
        let (catch, simple): (Vec<_>, Vec<_>) = by_promise
            .into_iter()
            .partition(|trace: &&Trace| trace.catches);
        let tests = tests.len();
        let mut fate = if tests == 0 {
            Fate::Unreached
        } else {
            Fate::Survived
        };
        let mut spent = 0.0;
        for (abort, mut left) in [(true, simple), (false, catch)] {
            let mut batches = BATCHES.into_iter();
            while !left.is_empty() && fate == Fate::Survived {
                if spent >= self.at_most {
                    fate = Fate::Short;
                    break;
                }
                let batch = batch(&mut left, batches.next().unwrap_or(f64::INFINITY));
                let seconds = batch.iter().map(|trace| trace.seconds).sum();
                spent += seconds;
                fate = match self.run(id, &batch, seconds, abort)? {
                    Ended::Passed => fate,
                    Ended::Failed => Fate::Killed,
                    Ended::Hung => Fate::Hung,
                };
            }
        }
        Ok(Outcomes { id, fate, tests })
    }

    fn run(&self, id: Id, batch: &[&Trace], seconds: f64, abort: bool) -> Outcome<Ended> {
        let name = batch.first().map(|trace| trace.program.as_str());
        let program = name.and_then(|name| self.programs.get(name));
        let tests: Vec<String> = batch.iter().map(|trace| trace.test.clone()).collect();
        let mut variables = vec![("MUTANT", id.to_string())];
        if abort {
            variables.push(("MUTANT_ABORT", "1".to_owned()));
        }
        let run = Run {
            program: program.ok_or("a program that is not there")?,
            directory: &self.work.path("tree"),
            tests: &tests,
            variables: &variables,
            at_most: 5 + (8.0 * seconds) as u64,
        };
        run.run()
    }
}

/// The next tests to run, of one program; at least one.
fn batch<'a>(left: &mut Vec<&'a Trace>, seconds: f64) -> Vec<&'a Trace> {
    const MOST: usize = 500;
    let program = left.first().map(|trace| trace.program.clone());
    let mut batch: Vec<&Trace> = Vec::new();
    let mut sum = 0.0;
    left.retain(|trace| {
        let fits = batch.is_empty() || (sum + trace.seconds < seconds && batch.len() < MOST);
        let takes = fits && Some(&trace.program) == program.as_ref();
        if takes {
            sum += trace.seconds;
            batch.push(trace);
        }
        !takes
    });
    batch
}

/// How soon a test is run: a short one, one of the same module, and one that does not reach everything.
fn promise(trace: &Trace, file: &str) -> f64 {
    let module = file.trim_start_matches("src/").trim_end_matches(".rs");
    let module = module.trim_end_matches("/mod").split('/');
    let shared = match trace.program.as_str() {
        "lib" => module
            .zip(trace.test.split("::"))
            .take_while(|(one, other)| one == other)
            .count(),
        _ => 1,
    };
    let shared = shared as f64;
    (1.0 + 2.0 * shared * shared) / (trace.seconds + 0.01) / (trace.reaches as f64).sqrt()
}
