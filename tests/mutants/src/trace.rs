//! Which mutants each test reaches.
use crate::{
    Outcome,
    mutants::{Trace, Work, write_line},
    process::{Ended, Run, of_children},
};
use std::{collections::HashSet, fs, path::Path, process::Command};

/// Processor time that no test takes, in seconds.
const AT_MOST: u64 = 600;

/// `only`: the beginnings of program and name, such as `lib spf::`, of the tests that are traced; all unless given.
pub fn trace(work: &Work, only: &[String]) -> Outcome {
    let known: Vec<Trace> = work.lines("traces.jsonl")?;
    let known: HashSet<_> = known
        .into_iter()
        .map(|trace| (trace.program, trace.test))
        .collect();
    let mut file = work.append("traces.jsonl")?;
    for (name, path) in work.programs()? {
        for test in tests(&path, &work.path("tree"))? {
            let full = format!("{name} {test}");
            let wanted = only.is_empty() || only.iter().any(|only| full.starts_with(only));
            if wanted && !known.contains(&(name.clone(), test.clone())) {
                let trace = one(work, &name, &path, test)?;
                if !trace.passed {
                    println!(
                        "{name} {} fails without a mutant, and is not used",
                        trace.test
                    );
                }
                write_line(&mut file, &trace)?;
            }
        }
    }
    Ok(())
}

fn tests(program: &Path, directory: &Path) -> Outcome<Vec<String>> {
    let output = Command::new(program)
        .args(["--list", "--format", "terse"])
        .current_dir(directory)
        .output()?;
    let output = String::from_utf8(output.stdout)?;
    let tests = output
        .lines()
        .filter_map(|line| line.strip_suffix(": test"));
    Ok(tests.map(str::to_owned).collect())
}

fn one(work: &Work, name: &str, program: &Path, test: String) -> Outcome<Trace> {
    let file = work.path("reached");
    let tests = [test.clone()];
    let run = |abort: bool| {
        if file.exists() {
            fs::remove_file(&file)?;
        }
        let mut variables = vec![
            ("MUTANT", "trace".to_owned()),
            ("MUTANT_FILE", file.to_string_lossy().into_owned()),
        ];
        if abort {
            variables.push(("MUTANT_ABORT", "1".to_owned()));
        }
        let run = Run {
            program,
            directory: &work.path("tree"),
            tests: &tests,
            variables: &variables,
            at_most: AT_MOST,
        };
        run.run()
    };
    let before = of_children()?;
    let mut ended = run(true)?;
    let seconds = of_children()? - before;
    let catches = ended != Ended::Passed;
    if catches {
        ended = run(false)?;
    }
    let reached = fs::read_to_string(&file).unwrap_or_default();
    Ok(Trace {
        program: name.to_owned(),
        test,
        seconds,
        passed: ended == Ended::Passed,
        catches,
        ids: reached
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect(),
        reaches: 0,
    })
}
