//! Which mutant is on: the one that the variable `MUTANT` names, or none. `MUTANT=trace` writes those that are reached.
use std::{
    fs::{File, OpenOptions},
    io::Write,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
};

const UNREAD: u32 = u32::MAX;
const TRACE: u32 = u32::MAX - 1;

static MUTANT: AtomicU32 = AtomicU32::new(UNREAD);
static SEEN: [AtomicBool; 65_536] = [const { AtomicBool::new(false) }; 65_536];
static FILE: Mutex<Option<File>> = Mutex::new(None);

/// Whether this one is on.
#[inline]
pub fn on(id: u32) -> bool {
    let mutant = MUTANT.load(Relaxed);
    if mutant < TRACE { mutant == id } else { seldom(id) }
}

#[cold]
fn seldom(id: u32) -> bool {
    if MUTANT.load(Relaxed) == UNREAD {
        // The first panic is enough: neither the other tests nor a smaller example are of interest.
        if std::env::var_os("MUTANT_ABORT").is_some() {
            std::panic::set_hook(Box::new(|panic| {
                if std::env::var_os("MUTANT_SAY").is_some() {
                    eprintln!("{panic}");
                }
                std::process::exit(101)
            }));
        }
        let mutant = std::env::var("MUTANT").unwrap_or_default();
        let trace = mutant == "trace";
        MUTANT.store(if trace { TRACE } else { mutant.parse().unwrap_or(0) }, Relaxed);
        return on(id);
    }
    if let Some(seen) = SEEN.get(id as usize)
        && !seen.swap(true, Relaxed)
        && let Ok(mut file) = FILE.lock()
    {
        let path = || std::env::var_os("MUTANT_FILE").unwrap_or_default();
        let open = || OpenOptions::new().create(true).append(true).open(path());
        if file.is_none() {
            *file = open().ok();
        }
        if let Some(file) = file.as_mut() {
            let _ = file.write_all(format!("{id}\n").as_bytes());
        }
    }
    false
}

/// One iterator or the other, where a function returns `impl Iterator`.
pub enum Either<A, B> {
    L(A),
    R(B),
}

impl<A: Iterator, B: Iterator<Item = A::Item>> Iterator for Either<A, B> {
    type Item = A::Item;

    fn next(&mut self) -> Option<A::Item> {
        match self {
            Self::L(one) => one.next(),
            Self::R(other) => other.next(),
        }
    }
}
