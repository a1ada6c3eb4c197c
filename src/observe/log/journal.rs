//! systemd's journal as the reader of standard error.

use std::{
    env, fmt, fs,
    io::{self, Write},
    os::unix::fs::MetadataExt,
};

use log::Level;

/// Whether the journal reads our standard error. systemd names its device and inode (systemd.exec(5), JOURNAL_STREAM); who was
/// started by a unit and writes elsewhere, such as a command in a terminal, has the name too.
pub(super) fn reads_us() -> bool {
    let Some(named) = env::var_os("JOURNAL_STREAM") else {
        return false;
    };
    let ours = fs::metadata("/proc/self/fd/2");
    ours.is_ok_and(|ours| *named == *format!("{}:{}", ours.dev(), ours.ino()))
}

/// Writes lines with their priority in front, as in sd-daemon(3). The message on a mistake in the file has several, and the
/// journal reads each for itself.
pub(super) fn lines(out: &mut dyn Write, level: Level, text: fmt::Arguments) -> io::Result<()> {
    let priority = priority(level);
    let text = text.to_string();
    text.lines()
        .try_for_each(|line| writeln!(out, "<{priority}>{line}"))
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

/// A line without the priority that [`lines`] put before it: a file that took what was meant for the journal has it.
pub fn without_priority(line: &str) -> &str {
    let rest = line.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    match rest {
        Some(("3" | "4" | "6" | "7", rest)) => rest,
        _ => line,
    }
}
