//! Writes log lines to standard error, with syslog's priority prefixes when systemd reads them.

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
    // systemd sets it where standard error goes to the journal, which then reads `<N>` as in sd-daemon(3).
    let journal = env::var_os("JOURNAL_STREAM").is_some();
    let write_line = if journal { journal_lines } else { dated_line };
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

/// The message on a mistake in the file has several lines, and the journal reads each for itself.
fn journal_lines(out: &mut dyn Write, level: Level, text: fmt::Arguments) -> io::Result<()> {
    let priority = priority(level);
    let text = text.to_string();
    text.lines()
        .try_for_each(|line| writeln!(out, "<{priority}>{line}"))
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

/// The priorities of syslog(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
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
