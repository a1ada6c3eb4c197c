//! All mutants in one build: those that the compiler refuses are left out, and it is asked again.
use crate::{
    Outcome,
    mutants::{Id, LeftOut, Mutant, Work, write_line},
    rewrite::rewrite,
    wraps::Region,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::PathBuf,
    process::{Command, Stdio},
};

/// The regions of each file.
type Regions = BTreeMap<String, Vec<Region>>;

pub fn build(work: &Work) -> Outcome {
    let mutants = work.mutants()?;
    let mut left_out = work.left_out()?;
    let mut file = work.append("left_out.jsonl")?;
    let mut leave_out = |left_out: &mut std::collections::HashMap<Id, String>,
                         more: BTreeMap<Id, String>| {
        for (id, why) in more {
            if left_out.insert(id, why.clone()).is_none() {
                write_line(&mut file, &LeftOut { id, why })?;
            }
        }
        Outcome::Ok(())
    };
    loop {
        let mut files: BTreeMap<&str, Vec<(Id, &Mutant)>> = BTreeMap::new();
        for (id, mutant) in (1..).zip(&mutants) {
            let of_file = files.entry(&mutant.file).or_default();
            if !left_out.contains_key(&id) {
                of_file.push((id, mutant));
            }
        }
        let mut regions = Regions::new();
        for (path, mutants) in files {
            let source = std::fs::read_to_string(work.path("orig").join(path))?;
            let rewritten = rewrite(&source, &mutants)?;
            leave_out(&mut left_out, rewritten.left_out)?;
            std::fs::write(work.path("tree").join(path), rewritten.rendered.text)?;
            regions.insert(path.to_owned(), rewritten.rendered.regions);
        }
        let refused = refused(&cargo(work, &["check", "--lib", "--keep-going"])?, &regions)?;
        println!(
            "{} built, {} refused",
            mutants.len() - left_out.len(),
            refused.len()
        );
        if refused.is_empty() {
            break;
        }
        leave_out(&mut left_out, refused)?;
    }
    let built = cargo(work, &["test", "--no-run", "--lib", "--test", "tables"])?;
    let programs: BTreeMap<String, PathBuf> = built.iter().filter_map(program).collect();
    if programs.len() != 2 {
        return Err("the tests do not build: try `cargo test --no-run` in the tree".into());
    }
    std::fs::write(work.path("programs.json"), serde_json::to_vec(&programs)?)?;
    Ok(())
}

/// What cargo says in the tree.
fn cargo(work: &Work, arguments: &[&str]) -> Outcome<Vec<Value>> {
    let output = Command::new("cargo")
        .args(arguments)
        .args(["--quiet", "--message-format=json"])
        .current_dir(work.path("tree"))
        .stderr(Stdio::null())
        .output();
    let output = String::from_utf8(output?.stdout)?;
    let values = output
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    Ok(values.collect())
}

/// A test program that was built, and its name.
fn program(message: &Value) -> Option<(String, PathBuf)> {
    let test = message.pointer("/profile/test")?.as_bool()?;
    let path = message.get("executable")?.as_str().filter(|_| test)?;
    let kind = message.pointer("/target/kind/0")?.as_str()?;
    Some((kind.to_owned(), PathBuf::from(path)))
}

/// The mutants that the compiler refuses, each with its reason.
fn refused(messages: &[Value], regions: &Regions) -> Outcome<BTreeMap<Id, String>> {
    let mut refused = BTreeMap::new();
    for message in messages {
        let Some(message) = message.get("message").filter(|message| is_error(message)) else {
            continue;
        };
        let mut spans = Vec::new();
        collect(message, &mut spans);
        let text = message.get("message").and_then(Value::as_str);
        let why = text.unwrap_or_default().replace('\n', " ");
        let blamed = blamed(&spans, regions);
        if blamed.is_empty() && !spans.is_empty() {
            let rendered = message.get("rendered").and_then(Value::as_str);
            let rendered = rendered.unwrap_or(&why);
            return Err(format!("not the fault of a mutant:\n{rendered}").into());
        }
        refused.extend(blamed.into_iter().map(|id| (id, why.clone())));
    }
    Ok(refused)
}

fn is_error(message: &Value) -> bool {
    message.get("level").and_then(Value::as_str) == Some("error")
}

/// The spans of a message, the primary ones first, and those of what it says beside.
fn collect<'a>(message: &'a Value, spans: &mut Vec<&'a Value>) {
    let of = |key| {
        message
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let primary = |span: &&Value| span.get("is_primary").and_then(Value::as_bool) == Some(true);
    spans.extend(of("spans").filter(primary));
    spans.extend(of("spans").filter(|span| !primary(span)));
    for child in of("children") {
        collect(child, spans);
    }
}

/// The smallest mutant around the first span that has one, or else all that the first span that has some is around, or else the
/// one that follows the first span: what a function gives is refused where its signature says `impl Iterator`.
fn blamed(spans: &[&Value], regions: &Regions) -> BTreeSet<Id> {
    let places: Vec<_> = spans
        .iter()
        .filter_map(|span| place(span, regions))
        .collect();
    let around = places.iter().find_map(|(regions, span)| {
        let around = regions
            .iter()
            .filter(|region| region.range.start <= span.start && span.end <= region.range.end);
        around
            .min_by_key(|region| region.range.len())
            .map(|region| region.id)
    });
    if let Some(around) = around {
        return BTreeSet::from([around]);
    }
    let inside = places.iter().map(|(regions, span)| {
        let inside = regions
            .iter()
            .filter(|region| span.start <= region.range.start && region.range.end <= span.end);
        inside.map(|region| region.id).collect::<BTreeSet<_>>()
    });
    let follows = || {
        let (regions, span) = places.first()?;
        let after = regions
            .iter()
            .filter(|region| span.end <= region.range.start);
        let next = after.min_by_key(|region| region.range.start)?;
        Some(BTreeSet::from([next.id]))
    };
    inside
        .into_iter()
        .find(|inside| !inside.is_empty())
        .or_else(follows)
        .unwrap_or_default()
}

/// Where a span is in one of the files, or where the macro is called that it comes from.
fn place<'a>(span: &Value, regions: &'a Regions) -> Option<(&'a Vec<Region>, Range<usize>)> {
    if let Some(regions) = regions.get(span.get("file_name")?.as_str()?) {
        let octet = |key| usize::try_from(span.get(key)?.as_u64()?).ok();
        return Some((regions, octet("byte_start")?..octet("byte_end")?));
    }
    place(span.get("expansion")?.get("span")?, regions)
}
