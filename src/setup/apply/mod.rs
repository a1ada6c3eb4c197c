//! Writes a plan, and takes it back.
//!
//! What is written is recorded before it is written, so that an undo is possible wherever a set-up ended.

mod edits;
mod files;
mod record;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use self::{
    edits::{edited, undone},
    files::{Ownership, digest},
    record::{Record, Records, Written},
};
use super::{
    decide::{Change, Plan, What},
    lines::FileText,
    machine::Machine,
};

/// The file as it is shipped, which nobody has changed.
const SHIPPED: &str = include_str!("../../../milter.yaml");
/// Who the daemon runs as.
const USER: &str = "backstop";

/// What is at the place of `milter.yaml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Present {
    /// Nothing, or a file without a word in it.
    Nothing,
    /// The shipped file, or one of an earlier set-up; nobody has changed it.
    Replaceable,
    /// A file that somebody made.
    Theirs,
}

/// A file with its new content.
struct Target {
    path: PathBuf,
    before: Option<Vec<u8>>,
    after: Vec<u8>,
    ownership: Ownership,
    hunks: Vec<edits::Hunk>,
}

/// What there is.
///
/// # Errors
/// It can't be read.
pub fn present(machine: &Machine, file: &Path) -> Result<Present, String> {
    let place = machine.place(file);
    let bytes = match fs::read(&place) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Present::Nothing),
        Err(error) => return Err(super::machine::why(file, &error)),
    };
    if bytes.trim_ascii().is_empty() {
        return Ok(Present::Nothing);
    }
    let is_ours = || Records::beside(&place).digest_of(&place) == Some(digest(&bytes));
    Ok(match bytes == SHIPPED.as_bytes() || is_ours() {
        true => Present::Replaceable,
        false => Present::Theirs,
    })
}

/// Writes `milter.yaml`, if it is not somebody's, the files with passwords, and the changes of the MTA. Gives the files that
/// were written; none if all is as planned already.
///
/// # Errors
/// What could not be written. What was written before is taken back.
pub fn apply(machine: &Machine, file: &Path, plan: &Plan) -> Result<Vec<PathBuf>, String> {
    if let Some(why) = &plan.blocked {
        return Err(why.clone());
    }
    let mut targets = Vec::new();
    if present(machine, file)? != Present::Theirs {
        targets.extend(passwords(machine, plan)?);
        targets.push(target(
            machine,
            file,
            plan.yaml.clone().into_bytes(),
            0o644,
        )?);
    }
    for (path, changes) in files_of(plan) {
        targets.push(edit(machine, &path, &changes)?);
    }
    targets.retain(|target| target.before.as_ref() != Some(&target.after));
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let records = Records::beside(&machine.place(file));
    let number = records.numbers().last().map_or(1, |last| last + 1);
    let mut record = Record::default();
    for (at, target) in targets.iter().enumerate() {
        let backup = target
            .before
            .as_ref()
            .map(|before| (at.to_string(), before));
        if let Some((name, before)) = &backup {
            records.keep(number, name, before)?;
        }
        record.files.push(Written {
            path: target.path.clone(),
            backup: backup.map(|(name, _)| name),
            digest: digest(&target.after),
            hunks: target.hunks.clone(),
        });
    }
    records.write(number, &record)?;
    for target in &targets {
        if let Err(why) = files::write(&target.path, &target.after, target.ownership) {
            return Err(match undo_one(&records, number) {
                Ok(_) => why,
                Err(also) => format!("{why}; and {also}"),
            });
        }
    }
    Ok(targets.into_iter().map(|target| target.path).collect())
}

/// What an undo did, in words.
#[derive(Debug, Default)]
pub struct Undone {
    /// Files that are as they were before, or are gone as they were.
    pub restored: Vec<PathBuf>,
    /// Files that others changed since, without our lines now.
    pub cleaned: Vec<PathBuf>,
    /// Files of ours that others changed since, and that stay.
    pub kept: Vec<PathBuf>,
}

/// Takes all set-ups back, the last one first.
///
/// # Errors
/// A file in which our lines have another form now: nothing of that set-up is taken back.
pub fn undo(machine: &Machine, file: &Path) -> Result<Undone, String> {
    let records = Records::beside(&machine.place(file));
    let mut all = Undone::default();
    for number in records.numbers().into_iter().rev() {
        let one = undo_one(&records, number)?;
        all.restored.extend(one.restored);
        all.cleaned.extend(one.cleaned);
        all.kept.extend(one.kept);
    }
    Ok(all)
}

/// Takes the last set-up back.
///
/// # Errors
/// As [`undo`].
pub fn undo_last(machine: &Machine, file: &Path) -> Result<Undone, String> {
    let records = Records::beside(&machine.place(file));
    let last = records.numbers().last().copied();
    last.map_or_else(
        || Ok(Undone::default()),
        |number| undo_one(&records, number),
    )
}

enum Step {
    Restore(Vec<u8>),
    Remove,
    Clean(Vec<u8>),
    Keep,
}

fn undo_one(records: &Records, number: u32) -> Result<Undone, String> {
    let record = records.read(number)?;
    let mut steps = Vec::new();
    for written in record.files.iter().rev() {
        steps.push((written, step(records, number, written)?));
    }
    let mut undone = Undone::default();
    for (written, step) in steps {
        let path = &written.path;
        let ownership = || Ownership::of(path).unwrap_or(Ownership::new(0o644));
        match step {
            Step::Restore(bytes) => {
                files::write(path, &bytes, ownership())?;
                undone.restored.push(path.clone());
            }
            Step::Clean(bytes) => {
                files::write(path, &bytes, ownership())?;
                undone.cleaned.push(path.clone());
            }
            Step::Remove => match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(format!("{} can't be removed: {error}", path.display()));
                }
                _ => undone.restored.push(path.clone()),
            },
            Step::Keep => undone.kept.push(path.clone()),
        }
    }
    records.remove(number)?;
    Ok(undone)
}

/// What is to be done with a file.
fn step(records: &Records, number: u32, written: &Written) -> Result<Step, String> {
    let path = &written.path;
    let now = match fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(super::machine::why(path, &error)),
    };
    let before = match &written.backup {
        Some(name) => {
            let backup = records.folder(number).join(name);
            Some(fs::read(&backup).map_err(|error| super::machine::why(&backup, &error))?)
        }
        None => None,
    };
    Ok(match (now, before) {
        // Nobody made it again, so nobody misses it.
        (None, None) => Step::Remove,
        (Some(now), before) if digest(&now) == written.digest => {
            before.map_or(Step::Remove, Step::Restore)
        }
        (Some(now), Some(before)) if now == before => Step::Restore(before),
        (Some(now), _) if !written.hunks.is_empty() => {
            let text = FileText::of(&now);
            let clean = undone(&text.text, &written.hunks).map_err(|difference| {
                format!(
                    "{} was changed since, and our lines in it, too (-: as they were written, +: as they are). Take them out, \
                     and call `backstop setup --undo` again:\n{difference}",
                    path.display()
                )
            })?;
            Step::Clean(text.bytes_of(&clean))
        }
        _ => Step::Keep,
    })
}

/// The changes, by file.
fn files_of(plan: &Plan) -> Vec<(PathBuf, Vec<Change>)> {
    let mut found: Vec<(PathBuf, Vec<Change>)> = Vec::new();
    for change in &plan.changes {
        let path = plan.file_of(change);
        match found.iter_mut().find(|(one, _)| *one == path) {
            Some((_, changes)) => changes.push(change.clone()),
            None => found.push((path, vec![change.clone()])),
        }
    }
    found
}

fn edit(machine: &Machine, path: &Path, changes: &[Change]) -> Result<Target, String> {
    let place = machine.place(path);
    let before = machine
        .bytes(path)
        .map_err(|error| super::machine::why(path, &error))?;
    let text = FileText::of(&before);
    let (after, hunks) = edited(&text.text, changes.iter())?;
    let ownership = Ownership::of(&place).map_err(|error| super::machine::why(path, &error))?;
    Ok(Target {
        path: place,
        after: text.bytes_of(&after),
        before: Some(before),
        ownership,
        hunks,
    })
}

/// A file of ours as a whole.
fn target(machine: &Machine, path: &Path, after: Vec<u8>, mode: u32) -> Result<Target, String> {
    let place = machine.place(path);
    let folder = place.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)
        .map_err(|error| format!("{} can't be made: {error}", folder.display()))?;
    let before = match fs::read(&place) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(super::machine::why(path, &error)),
    };
    let ownership = Ownership::of(&place).unwrap_or(Ownership::new(mode));
    Ok(Target {
        path: place,
        before,
        after,
        ownership,
        hunks: Vec::new(),
    })
}

/// The files with passwords, which only the daemon can read.
fn passwords(machine: &Machine, plan: &Plan) -> Result<Vec<Target>, String> {
    let mut targets = Vec::new();
    for (path, secret) in &plan.passwords {
        let bytes = format!("{}\n", secret.0).into_bytes();
        let mut target = target(machine, path, bytes, 0o600)?;
        if target
            .before
            .as_ref()
            .is_some_and(|before| *before != target.after)
        {
            return Err(format!(
                "{} is there already, with another password; move it away",
                path.display()
            ));
        }
        target.ownership = Ownership {
            user: daemon(machine).map(|(user, _)| user),
            group: daemon(machine).map(|(_, group)| group),
            mode: 0o600,
        };
        targets.push(target);
    }
    Ok(targets)
}

/// The numbers of the daemon's user, from /etc/passwd; none if there is none yet.
pub fn daemon(machine: &Machine) -> Option<(u32, u32)> {
    let accounts = machine.read(Path::new("/etc/passwd")).ok()?;
    let mut lines = accounts
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    lines.find_map(|fields| match fields.as_slice() {
        [USER, _, user, group, ..] => Some((user.parse().ok()?, group.parse().ok()?)),
        _ => None,
    })
}

impl Plan {
    /// The file that a change is in.
    pub fn file_of(&self, change: &Change) -> PathBuf {
        let name = match change.what {
            What::Parameter { .. } => "main.cf",
            What::Option { .. } | What::First { .. } => "master.cf",
            What::Mc { .. } => "sendmail.mc",
        };
        self.mta_folder.join(name)
    }
}
