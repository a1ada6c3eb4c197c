//! What `tests/mutants/run` is made of; its header says what it is for. Each step reads what the one before has written:
//!
//! | step      | what it does in the work directory |
//! |-----------|------------------------------------|
//! | `build`   | `list.json`, `orig` -> `tree`, `left_out.jsonl`: all mutants that the compiler takes, in one build |
//! | `trace`   | `traces.jsonl`: which mutants each test reaches, and its processor time |
//! | `run`     | `results.jsonl`: which of them a test notices; goes on where it was stopped |
//! | `figures` | prints a table |
//! | `alive`   | prints what no test noticed or reached |

mod build;
mod campaign;
mod figures;
mod mutants;
mod process;
mod rewrite;
mod trace;
mod wraps;

use std::{error::Error, process::ExitCode};

/// What a step gives. Nothing here is worth more than its words.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let step = arguments.next().unwrap_or_default();
    let work = arguments.next().unwrap_or_default();
    let work = mutants::Work(std::path::absolute(&work).unwrap_or_else(|_| work.into()));
    let rest: Vec<String> = arguments.collect();
    let outcome = match step.as_str() {
        "build" => build::build(&work),
        "trace" => trace::trace(&work, &rest),
        "run" => campaign::run(&work, &rest),
        "figures" => figures::figures(&work),
        "alive" => figures::alive(&work, &rest),
        _ => Err("use build, trace, run, figures or alive, and the work directory".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
