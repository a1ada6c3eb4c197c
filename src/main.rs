//! Arguments in, exit code out; everything else is the library's.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    backstop::cli::main()
}
