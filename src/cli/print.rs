//! `println!` and `eprintln!` of the commands. Those of std panic when standard output can't be written. Here a reader that has
//! gone, as in `backstop explain ... | head -1`, is no error, and the exit code still has the result; what could not be
//! written for another reason, such as a full disk, is one, and the exit code says so.

use std::{
    fmt,
    io::{self, Write},
    sync::OnceLock,
};

static FAILED: OnceLock<io::Error> = OnceLock::new();

macro_rules! println {
    () => {
        println!("")
    };
    ($($text:tt)+) => {
        $crate::cli::print::line(format_args!($($text)+))
    };
}

macro_rules! eprintln {
    ($($text:tt)*) => {
        crate::observe::print_error(format_args!($($text)*))
    };
}

/// Writes a line to standard output.
pub(super) fn line(text: fmt::Arguments) {
    note(writeln!(io::stdout(), "{text}"));
}

/// Why some of what was printed is not written; what waits is written first.
pub(super) fn failure() -> Option<&'static io::Error> {
    note(io::stdout().flush());
    FAILED.get()
}

/// Keeps the first error.
pub(super) fn note(written: io::Result<()>) {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _ = FAILED.set(error);
        }
        _ => {}
    }
}
