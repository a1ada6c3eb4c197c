//! `backstop completions`: what makes a shell complete the commands.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(super) fn completions(arguments: &Arguments) -> ExitCode {
    let mut script = Vec::new();
    let mut command = super::Arguments::command();
    let name = command.get_name().to_owned();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    println!("{}", String::from_utf8_lossy(&script).trim_end());
    ExitCode::SUCCESS
}
