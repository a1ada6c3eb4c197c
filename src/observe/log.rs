//! Writes log lines to standard error, with syslog's priority prefixes when systemd reads them.

use std::{env, io::Write};

use log::{Level, LevelFilter};

/// Sends log lines of `level` and above to standard error. `RUST_LOG` replaces the level where it is set, without a change
/// of the file. Call it once.
pub fn start_logging(level: LevelFilter) {
    // systemd sets it where standard error goes to the journal, which then reads `<N>` as in sd-daemon(3).
    let journal = env::var_os("JOURNAL_STREAM").is_some();
    let mut builder = env_logger::Builder::new();
    if is_level_from_environment() {
        builder.parse_default_env();
    } else {
        // `set_level` decides which of our lines are written, so that a reload can change it.
        builder
            .filter_level(LevelFilter::Warn)
            .filter_module("backstop", LevelFilter::Debug);
    }
    if journal {
        builder.format(|out, record| {
            // The message on a mistake in the file has several lines, and the journal reads each for itself.
            let priority = priority(record.level());
            let text = record.args().to_string();
            text.lines()
                .try_for_each(|line| writeln!(out, "<{priority}>{line}"))
        });
    } else {
        builder.format(|out, record| {
            let time = out.timestamp_millis();
            writeln!(out, "{time} {:5} {}", record.level(), record.args())
        });
    }
    builder.init();
    set_level(level);
}

/// Changes the least important level that is written.
pub fn set_level(level: LevelFilter) {
    if !is_level_from_environment() {
        log::set_max_level(level);
    }
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
