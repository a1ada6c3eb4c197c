//! Where log lines go: standard error, with syslog's priority prefixes when systemd reads them.

use std::{env, io::Write};

use log::{Level, LevelFilter};

/// Sends log lines of `level` and above to standard error. `RUST_LOG` is heeded, for a closer look without touching
/// the file. Call it once.
pub fn start_logging(level: LevelFilter) {
    // systemd sets it where standard error goes to the journal, which then reads `<N>` as sd-daemon(3) tells.
    let journal = env::var_os("JOURNAL_STREAM").is_some();
    let mut builder = env_logger::Builder::new();
    builder
        .filter_level(LevelFilter::Warn)
        .filter_module("backstop", level)
        .parse_default_env();
    if journal {
        builder
            .format(|out, record| writeln!(out, "<{}>{}", priority(record.level()), record.args()));
    } else {
        builder.format(|out, record| {
            writeln!(
                out,
                "{} {:5} {}",
                out.timestamp_millis(),
                record.level(),
                record.args()
            )
        });
    }
    builder.init();
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
