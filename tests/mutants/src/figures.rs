//! What is known of the mutants.
use crate::{
    Outcome,
    mutants::{Fate, Id, Mutant, Outcomes, Work, is_in},
};
use std::collections::{BTreeMap, HashMap};

const COLUMNS: [&str; 9] = [
    "listed",
    "not built",
    "in const",
    "built",
    "run",
    "killed",
    "hung",
    "alive",
    "unreached",
];

/// The last of what is known of each: a new run may be better.
fn fates(work: &Work) -> Outcome<HashMap<Id, Fate>> {
    let outcomes: Vec<Outcomes> = work.lines("results.jsonl")?;
    Ok(outcomes
        .into_iter()
        .map(|outcome| (outcome.id, outcome.fate))
        .collect())
}

/// Prints a table.
pub fn figures(work: &Work) -> Outcome {
    let fates = fates(work)?;
    let left_out = work.left_out()?;
    let mut table: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
    for (id, mutant) in (1..).zip(&work.mutants()?) {
        let mut columns = vec!["listed"];
        match left_out.get(&id) {
            Some(why) if why.contains("const") => columns.push("in const"),
            Some(_) => columns.push("not built"),
            None => columns.push("built"),
        }
        match fates.get(&id) {
            Some(Fate::Killed) => columns.extend(["run", "killed"]),
            Some(Fate::Hung) => columns.extend(["run", "hung"]),
            Some(Fate::Survived | Fate::Short) => columns.extend(["run", "alive"]),
            Some(Fate::Unreached) => columns.push("unreached"),
            None => {}
        }
        for row in [folder(mutant), "together".to_owned()] {
            let row = table.entry(row).or_default();
            for column in &columns {
                *row.entry(column).or_default() += 1;
            }
        }
    }
    println!("| folder | {} |", COLUMNS.join(" | "));
    println!("|---|{}", "--:|".repeat(COLUMNS.len()));
    for (folder, row) in table {
        let cells = COLUMNS.map(|column| row.get(column).copied().unwrap_or(0).to_string());
        println!("| `{folder}` | {} |", cells.join(" | "));
    }
    Ok(())
}

/// `src/spf`, `src/core/proof` and the like; files of no folder stand together.
fn folder(mutant: &Mutant) -> String {
    let folder: Vec<&str> = mutant.file.split('/').collect();
    match folder.as_slice() {
        [src, core, folder, _, ..] if *core == "core" => format!("{src}/{core}/{folder}"),
        [src, layer, ..] => format!("{src}/{layer}"),
        _ => String::new(),
    }
}

/// Prints what no test noticed or reached: number, fate, tests that reach it, name.
pub fn alive(work: &Work, prefixes: &[String]) -> Outcome {
    let fates = fates(work)?;
    for (id, mutant) in (1..).zip(&work.mutants()?) {
        let word = match fates.get(&id) {
            Some(Fate::Survived) => "survived",
            Some(Fate::Short) => "short",
            Some(Fate::Unreached) => "unreached",
            _ => continue,
        };
        if is_in(mutant, prefixes) {
            println!("{id} {word} {}", mutant.name);
        }
    }
    Ok(())
}
