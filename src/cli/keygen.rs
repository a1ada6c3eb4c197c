//! `backstop keygen`: a new key to sign with, or an old one retired.

use std::{os::unix::fs::MetadataExt, path::PathBuf, process::ExitCode};

use clap::{Args, value_parser};
use serde::Serialize;

use super::{CONFIGURATION, USAGE, print_json, today, unavailable};
use crate::{
    config::key_file::{self, Unusable},
    core::proof::{Key, Keys},
};

/// As many bits as the widest hash that will use it needs.
const SECRET: usize = 32;
const IDS: u8 = 10;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The key file, made if it isn't there
    #[arg(long, value_name = "PATH", default_value = "/etc/backstop/keys")]
    file: PathBuf,
    /// The new key's id, a digit that no key in use has [default: the next one]
    #[arg(long, value_name = "DIGIT", value_parser = value_parser!(u8).range(0..=9), conflicts_with = "retire")]
    id: Option<u8>,
    /// The new key does not sign yet: it only verifies, until the one that signs now is retired. For several MX hosts, of
    /// which one would else sign with a key that another doesn't know yet
    #[arg(long, conflicts_with = "retire")]
    standby: bool,
    /// Make no key, but retire the one with this id: it signs no more, and its tags count for as long as they live
    #[arg(long, value_name = "DIGIT", value_parser = value_parser!(u8).range(0..=9))]
    retire: Option<u8>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What was done.
#[derive(Serialize)]
struct Report {
    file: PathBuf,
    made: Option<u8>,
    retired: Option<u8>,
    signs: Option<u8>,
    keys: usize,
}

/// Why nothing was done.
enum Failure {
    File(Unusable),
    /// It was asked for something that makes no sense with these keys.
    Asked(String),
    Random(getrandom::Error),
}

impl From<Unusable> for Failure {
    fn from(error: Unusable) -> Self {
        Self::File(error)
    }
}

pub(super) fn keygen(arguments: &Arguments) -> ExitCode {
    let today = today();
    let report: Result<Report, Failure> = key_file::change(&arguments.file, |keys| {
        let (made, retired) = match arguments.retire {
            Some(id) => (None, Some(retire(keys, id, today)?)),
            None => (Some(add(keys, arguments, today)?), None),
        };
        Ok(Report {
            file: arguments.file.clone(),
            made,
            retired,
            signs: keys.signing().map(Key::id),
            keys: keys.len(),
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
        Err(failure) => failure.told(),
    }
}

fn add(keys: &mut Keys, arguments: &Arguments, today: u64) -> Result<u8, Failure> {
    let id = match arguments.id {
        Some(id) => id,
        None => next_id(keys)
            .ok_or_else(|| Failure::Asked("all ten ids are in use; --retire one".to_owned()))?,
    };
    let mut secret = [0; SECRET];
    getrandom::fill(&mut secret).map_err(Failure::Random)?;
    let key = Key::new(id, today, &secret, None);
    let added = key.map(|key| match arguments.standby {
        true => keys.add_standby(key),
        false => keys.add(key),
    });
    if !matches!(added, Some(Ok(()))) {
        return Err(Failure::Asked(format!(
            "a key with id {id} is in use; --retire it, or take another id"
        )));
    }
    Ok(id)
}

/// The digit after that of the key that signs, so that one that was retired comes again as late as can be.
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
        Err(Failure::Asked(format!("no key with id {id} is in use")))
    }
}

impl Report {
    fn print(&self) {
        let file = self.file.display();
        if let Some(id) = self.made {
            match self.signs {
                Some(signs) if signs != id => println!(
                    "{file}: key {id} is new, and verifies from the next reload on; it signs when key {signs} is retired"
                ),
                _ => println!("{file}: key {id} is new, and signs from the next reload on"),
            }
        }
        if let Some(id) = self.retired {
            println!(
                "{file}: key {id} is retired; reload now, for what it signs from tomorrow on would not count to its end"
            );
            match self.signs {
                Some(id) => println!("key {id} signs"),
                None => println!("no key is left to sign with; `backstop keygen` makes one"),
            }
        }
        let root_owns = std::fs::metadata(&self.file).is_ok_and(|file| file.uid() == 0);
        if root_owns {
            println!("root owns the file; the daemon must: chown backstop {file}");
        }
    }
}

impl Failure {
    fn told(&self) -> ExitCode {
        match self {
            Self::File(error) => {
                eprintln!("backstop: {error}\nhelp: {}", error.help());
                ExitCode::from(CONFIGURATION)
            }
            Self::Asked(why) => {
                eprintln!("backstop: {why}");
                ExitCode::from(USAGE)
            }
            Self::Random(error) => unavailable(&format!("no random numbers: {error}")),
        }
    }
}
