//! Writes log lines to standard error, with syslog's priority prefixes when systemd reads them.

mod journal;
mod queue;

use std::{
    env, fmt,
    io::{self, Write},
    panic::{self, PanicHookInfo},
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use env_logger::Target;
use log::{Level, LevelFilter};

pub use self::journal::without_priority;
use self::queue::Queue;
use crate::core::printable::printable;

/// How many octets of log lines wait for a reader that is slow or has stopped: some ten thousand lines.
const ROOM: usize = 4 << 20;

/// How long the end of the daemon waits for the reader of the log.
const LAST: Duration = Duration::from_secs(1);

/// How many octets of what a panic says are logged.
const MAX_PANIC: usize = 512;

static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

/// Sends log lines of `level` and above to standard error. `RUST_LOG` replaces the level where it is set, without a change
/// of the file. Call it once. Nobody who logs waits for the reader of the log: another thread writes, and what finds no
/// room is counted.
///
/// # Errors
/// The thread that writes can't be started.
pub fn start_logging(level: LevelFilter) -> io::Result<()> {
    let write_line = match journal::reads_us() {
        true => journal::lines,
        false => dated_line,
    };
    let tell = move |lost| {
        let mut line = Vec::new();
        let text =
            format_args!("the log's reader was slow or stopped: {lost} lines were lost here");
        // Writing to a Vec can't fail.
        let _ = write_line(&mut line, Level::Warn, text);
        line
    };
    let queue = Queue::start(io::stderr(), ROOM, tell)?;
    let mut builder = env_logger::Builder::new();
    if is_level_from_environment() {
        builder.parse_default_env();
    } else {
        // `set_level` decides which of our lines are written, so that a reload can change it.
        builder
            .filter_level(LevelFilter::Warn)
            .filter_module("backstop", LevelFilter::Debug);
    }
    builder.format(move |out, record| write_line(out, record.level(), *record.args()));
    builder.target(Target::Pipe(Box::new(Log(Arc::clone(&queue)))));
    builder.init();
    set_level(level);
    let _ = QUEUE.set(queue);
    // The default one writes to standard error itself, and would wait for its reader.
    panic::set_hook(Box::new(|panic| log::error!("{}", bug(panic))));
    Ok(())
}

/// Prints an error of a command to standard error: for the journal as one, for everybody else as it is. A reader that has
/// gone is no error.
pub fn print_error(text: fmt::Arguments) {
    let mut out = io::stderr();
    let _ = match journal::reads_us() {
        true => journal::lines(&mut out, Level::Error, text),
        false => writeln!(out, "{text}"),
    };
}

/// Whether the journal reads our standard error: what a service of its own says stands there beside what its unit's daemon
/// logs.
pub fn journal_reads_us() -> bool {
    journal::reads_us()
}

/// Waits until what was logged is written, but not for a reader that has stopped.
pub fn end_logging() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(LAST);
    }
}

/// How many log lines were lost since the start.
pub fn log_lines_lost() -> u64 {
    QUEUE.get().map_or(0, |queue| queue.lost())
}

/// Changes the least important level that is written.
pub fn set_level(level: LevelFilter) {
    if !is_level_from_environment() {
        log::set_max_level(level);
    }
}

fn dated_line(out: &mut dyn Write, level: Level, text: fmt::Arguments) -> io::Result<()> {
    let time = humantime::format_rfc3339_millis(SystemTime::now());
    writeln!(out, "{time} {level:5} {text}")
}

/// What a panic says may quote what a stranger sent.
fn bug(panic: &PanicHookInfo) -> String {
    let place = panic
        .location()
        .map_or_else(String::new, ToString::to_string);
    let said = panic.payload_as_str().unwrap_or_default();
    format!(
        "a bug of Backstop's at {place}, please report it: {}",
        printable(said.as_bytes(), MAX_PANIC)
    )
}

fn is_level_from_environment() -> bool {
    env::var_os(env_logger::DEFAULT_FILTER_ENV).is_some_and(|level| !level.is_empty())
}

/// Lines for the log that [`start_logging`] set up: env_logger gives each line whole.
struct Log(Arc<Queue>);

impl Write for Log {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.0.push(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
