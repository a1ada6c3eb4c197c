//! The files of the work directory.
use crate::Outcome;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, HashMap},
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::PathBuf,
};

/// A mutant's number: its place in `list.json`, from 1.
pub type Id = u32;

/// A mutant, as `cargo mutants --list --json` gives it.
#[derive(Deserialize)]
pub struct Mutant {
    pub file: String,
    pub name: String,
    pub genre: String,
    pub replacement: String,
    pub span: Span,
}

#[derive(Deserialize)]
pub struct Span {
    pub start: Place,
    pub end: Place,
}

/// From 1; columns are characters.
#[derive(Deserialize)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// A mutant that is in no build.
#[derive(Serialize, Deserialize)]
pub struct LeftOut {
    pub id: Id,
    pub why: String,
}

/// What a test reached.
#[derive(Clone, Serialize, Deserialize)]
pub struct Trace {
    pub program: String,
    pub test: String,
    /// Processor time in seconds, with what the program itself takes to start.
    pub seconds: f64,
    pub passed: bool,
    /// Whether the test catches panics, so that the first one must not end the program.
    pub catches: bool,
    pub ids: Vec<Id>,
    /// How many these are, where they are not here.
    #[serde(skip)]
    pub reaches: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// A test failed.
    Killed,
    /// A test took far more processor time than it does, or waited for ever.
    Hung,
    /// All tests that reach it passed.
    Survived,
    /// The tests that were run passed; the long ones were not run.
    Short,
    Unreached,
}

/// What became of a mutant.
#[derive(Serialize, Deserialize)]
pub struct Outcomes {
    pub id: Id,
    pub fate: Fate,
    /// Tests that reach it.
    pub tests: usize,
}

pub struct Work(pub PathBuf);

impl Work {
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn mutants(&self) -> Outcome<Vec<Mutant>> {
        Ok(serde_json::from_reader(BufReader::new(File::open(
            self.path("list.json"),
        )?))?)
    }

    /// The test programs, by name.
    pub fn programs(&self) -> Outcome<BTreeMap<String, PathBuf>> {
        Ok(serde_json::from_reader(BufReader::new(File::open(
            self.path("programs.json"),
        )?))?)
    }

    /// The lines of a file of JSON lines; none if there is no file.
    pub fn lines<T: DeserializeOwned>(&self, name: &str) -> Outcome<Vec<T>> {
        let Ok(file) = File::open(self.path(name)) else {
            return Ok(Vec::new());
        };
        let mut lines = Vec::new();
        for line in BufReader::new(file).lines() {
            lines.push(serde_json::from_str(&line?)?);
        }
        Ok(lines)
    }

    pub fn left_out(&self) -> Outcome<HashMap<Id, String>> {
        let lines: Vec<LeftOut> = self.lines("left_out.jsonl")?;
        Ok(lines.into_iter().map(|line| (line.id, line.why)).collect())
    }

    /// Opens a file to append lines to it.
    pub fn append(&self, name: &str) -> Outcome<File> {
        Ok(OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path(name))?)
    }
}

/// Whether a mutant is in a file whose path begins so; in any, if none is given.
pub fn is_in(mutant: &Mutant, beginnings: &[String]) -> bool {
    let begins = |beginning: &String| mutant.file.starts_with(beginning);
    beginnings.is_empty() || beginnings.iter().any(begins)
}

/// Writes a line at once, so that what was done is known however this ends.
pub fn write_line(file: &mut File, line: &impl Serialize) -> Outcome {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(file.write_all(&text)?)
}
