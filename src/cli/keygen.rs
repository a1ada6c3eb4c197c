//! `backstop keygen`: makes a key for signing, retires one, or imports those of another program.

mod import;

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
    value_parser,
};
use nix::unistd::Uid;
use serde::Serialize;

use super::{CONFIGURATION, USAGE, daemon_user::DaemonUser, print_json, today, unavailable};
use crate::{
    config::key_file::{self, Unusable},
    core::proof::{self, Key, Keys, MIN_SECRET, imported::Program},
};

/// The length of a secret in octets, enough for every hash that uses it.
const SECRET: usize = 32;
const IDS: u8 = 10;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The key file; made if it is missing
    #[arg(long, value_name = "PATH", default_value = "/etc/backstop/keys")]
    file: PathBuf,
    /// The id of the new key: a digit that no active key has [default: the next free one]
    #[arg(long, value_name = "DIGIT", value_parser = value_parser!(u8).range(0..=9), conflicts_with = "retire")]
    id: Option<u8>,
    /// Make a key that only verifies until the key that signs now is retired. Use this with several MX hosts, so that no
    /// host signs with a key that another one lacks
    #[arg(long, conflicts_with = "retire")]
    standby: bool,
    /// Make no key, but retire the one with this id: it no longer signs, and verifies tags until they expire
    #[arg(long, value_name = "DIGIT", value_parser = value_parser!(u8).range(0..=9))]
    retire: Option<u8>,
    /// Make no key, but import those of a program that signed your mail before: they verify its marks, and never sign
    #[arg(long, value_name = "PROGRAM", value_parser = program(), requires = "from", conflicts_with_all = ["retire", "standby"])]
    import: Option<Program>,
    /// What to import: batv-milter.conf, MailScanner.conf, Haraka's bounce.ini, or a file with Exim's secret alone (with --id,
    /// its key number)
    #[arg(long, value_name = "PATH", requires = "import")]
    from: Option<PathBuf>,
    /// The last day on which imported keys verify [default: when the marks that are made today end]
    #[arg(long, value_name = "DATE", value_parser = day, requires = "import")]
    until: Option<u64>,
    /// Make no key, but remove imported keys that verify no more
    #[arg(long, conflicts_with_all = ["id", "standby", "retire", "import"])]
    remove_ended: bool,
    /// As root: the user of the daemon, who gets the file [default: backstop]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What it did; also the JSON object.
#[derive(Serialize)]
struct KeygenReport {
    file: PathBuf,
    made: Option<u8>,
    retired: Option<u8>,
    signs: Option<u8>,
    keys: usize,
    imported: Vec<ImportReport>,
    removed: Option<usize>,
    #[serde(skip)]
    notes: Vec<String>,
}

/// An imported key; also the JSON object.
#[derive(Serialize)]
struct ImportReport {
    program: &'static str,
    marks: String,
    until: String,
}

/// What was done to the keys.
#[derive(Default)]
struct Done {
    made: Option<u8>,
    retired: Option<u8>,
    imported: Vec<ImportReport>,
    removed: Option<usize>,
    notes: Vec<String>,
}

/// Why it did nothing.
enum Failure {
    File(Unusable),
    /// The arguments do not fit these keys.
    Arguments(String),
    /// What is to be imported can't be.
    Import(String),
    Random(getrandom::Error),
}

impl From<Unusable> for Failure {
    fn from(error: Unusable) -> Self {
        Self::File(error)
    }
}

pub(super) fn keygen(arguments: &Arguments) -> ExitCode {
    let today = today();
    let owner = match owner(arguments) {
        Ok(owner) => owner,
        Err(why) => {
            eprintln!("backstop: {why}");
            return ExitCode::from(USAGE);
        }
    };
    let report: Result<KeygenReport, Failure> = key_file::change(&arguments.file, owner, |keys| {
        let done = done(keys, arguments, today)?;
        Ok(KeygenReport {
            file: arguments.file.clone(),
            made: done.made,
            retired: done.retired,
            signs: keys.signing().map(Key::id),
            keys: keys.len(),
            imported: done.imported,
            removed: done.removed,
            notes: done.notes,
        })
    });
    match report {
        Ok(report) => {
            if arguments.json {
                print_json(&report);
            } else {
                report.print();
            }
            ExitCode::SUCCESS
        }
        Err(failure) => failure.report(),
    }
}

/// Who gets a new file: the user of the daemon, where root makes it and there is such a user.
fn owner(arguments: &Arguments) -> Result<Option<(u32, u32)>, String> {
    let user = match arguments.user.as_deref() {
        None if !Uid::effective().is_root() => return Ok(None),
        None => DaemonUser::find(None).ok(),
        Some(name) => Some(DaemonUser::find(Some(name))?),
    };
    Ok(user.map(|user| (user.uid.as_raw(), user.gid.as_raw())))
}

fn program() -> impl TypedValueParser<Value = Program> {
    let words = PossibleValuesParser::new(Program::ALL.map(Program::as_str));
    words.try_map(|word| Program::named(&word).ok_or("no such program"))
}

/// A day that a file can have.
fn day(text: &str) -> Result<u64, String> {
    proof::day(text).ok_or_else(|| "expected a day, such as 2026-01-31".to_owned())
}

fn done(keys: &mut Keys, arguments: &Arguments, today: u64) -> Result<Done, Failure> {
    if let Some(id) = arguments.retire {
        return Ok(Done {
            retired: Some(retire(keys, id, today)?),
            ..Done::default()
        });
    }
    if arguments.remove_ended {
        return Ok(Done {
            removed: Some(keys.remove_ended(today)),
            ..Done::default()
        });
    }
    if let (Some(program), Some(from)) = (arguments.import, &arguments.from) {
        return import(keys, arguments, program, from, today);
    }
    Ok(Done {
        made: Some(add(keys, arguments, today)?),
        ..Done::default()
    })
}

fn import(
    keys: &mut Keys,
    arguments: &Arguments,
    program: Program,
    from: &Path,
    today: u64,
) -> Result<Done, Failure> {
    let found = import::read(program, from, arguments.id, arguments.until, today)
        .map_err(Failure::Import)?;
    let mut done = Done::default();
    for key in found.keys {
        if key.is_short() {
            done.notes.push(format!(
                "its secret has fewer than {MIN_SECRET} octets, so others may find it out: let it end soon"
            ));
        }
        done.imported.push(ImportReport {
            program: program.as_str(),
            marks: key.marks().to_string(),
            until: proof::date(key.ends()),
        });
        keys.import(key);
    }
    done.notes.dedup();
    done.notes.extend(found.delimiter.map(|delimiter| {
        format!("its tags stand behind `{delimiter}`: local.recipient_delimiter must have it")
    }));
    Ok(done)
}

fn add(keys: &mut Keys, arguments: &Arguments, today: u64) -> Result<u8, Failure> {
    let id = match arguments.id {
        Some(id) => id,
        None => next_id(keys).ok_or_else(|| {
            Failure::Arguments("all ten ids are in use; use --retire DIGIT first".to_owned())
        })?,
    };
    let mut secret = [0; SECRET];
    getrandom::fill(&mut secret).map_err(Failure::Random)?;
    let key = Key::new(id, today, &secret, None);
    let added = key.map(|key| match arguments.standby {
        true => keys.add_standby(key),
        false => keys.add(key),
    });
    if !matches!(added, Some(Ok(()))) {
        return Err(Failure::Arguments(format!(
            "a key with id {id} is in use; use another id, or --retire {id} first"
        )));
    }
    Ok(id)
}

/// The next digit after that of the key that signs, so that retired digits are used again as late as possible.
fn next_id(keys: &Keys) -> Option<u8> {
    let newest = keys.signing().or(keys.iter().last());
    let first = newest.map_or(0, |key| key.id() + 1);
    (0..IDS)
        .map(|step| (first + step) % IDS)
        .find(|id| keys.in_use(*id).is_none())
}

fn retire(keys: &mut Keys, id: u8, today: u64) -> Result<u8, Failure> {
    if keys.retire(id, today) {
        Ok(id)
    } else {
        Err(Failure::Arguments(format!("no key with id {id} is in use")))
    }
}

impl KeygenReport {
    fn print(&self) {
        let file = self.file.display();
        if let Some(id) = self.made {
            match self.signs {
                Some(signs) if signs != id => println!(
                    "{file}: made key {id}; it verifies after the next reload, and signs when key {signs} is retired"
                ),
                _ => println!("{file}: made key {id}; it signs after the next reload"),
            }
        }
        if let Some(id) = self.retired {
            println!(
                "{file}: retired key {id}; reload today, because tags that it signs later expire too early"
            );
            match self.signs {
                Some(id) => println!("key {id} signs after the reload"),
                None => println!("no key is left for signing; use `backstop keygen` to make one"),
            }
        }
        for ImportReport {
            program,
            marks,
            until,
        } in &self.imported
        {
            println!(
                "{file}: imported a key of {program} ({marks}); it verifies after the next reload, until {until}"
            );
        }
        for note in &self.notes {
            println!("{note}");
        }
        if let Some(removed) = self.removed {
            println!("{file}: removed {removed} imported keys that verify no more");
        }
        let root_owns = std::fs::metadata(&self.file).is_ok_and(|file| file.uid() == 0);
        if root_owns {
            println!(
                "root owns the file, but the user of the daemon must: use `chown backstop {file}`"
            );
        }
    }
}

impl Failure {
    fn report(&self) -> ExitCode {
        match self {
            Self::File(error) => {
                eprintln!("backstop: {error}\nhelp: {}", error.help());
                ExitCode::from(CONFIGURATION)
            }
            Self::Arguments(why) => {
                eprintln!("backstop: {why}");
                ExitCode::from(USAGE)
            }
            Self::Import(why) => {
                eprintln!("backstop: {why}");
                ExitCode::from(CONFIGURATION)
            }
            Self::Random(error) => {
                unavailable(&format!("the system gives no random numbers: {error}"))
            }
        }
    }
}
