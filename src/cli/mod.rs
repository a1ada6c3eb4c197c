//! The commands. Each turns its arguments into a call of the layers below, and the answer into text or JSON.
//!
//! Exit codes: 0 success, 1 the answer is no, 64 usage, 69 something outside is missing, 74 the output can't be written, 78
//! configuration (sysexits(3)).

// First, so that all others have its macros.
#[macro_use]
mod print;

pub mod advise;
mod asking;
mod check;
mod completions;
mod control;
mod daemon_user;
mod domains;
mod explain;
mod keygen;
mod ledger;
mod page;
mod progress;
mod reload;
mod replay;
mod report;
mod reports;
mod run;
mod setup;
mod siege;
mod spf;
mod status;
mod store_owner;
mod stored;
mod suspected;
mod tenants;
mod trace;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::UNIX_EPOCH,
};

use clap::{Parser, Subcommand, error::ErrorKind};
use serde::Serialize;

use self::daemon_user::DaemonUser;
use crate::{
    config::{self, Config},
    core::{moment::rfc3339, policy::Policy, proof},
    directory::{Directory, Event, tenants::Tenants},
    dns::{Resolver, SettingsError},
    engine::Engine,
    observe::end_logging,
    store::{self, Retention, Store},
};

/// The answer is no.
const NO: u8 = 1;
/// EX_USAGE of sysexits(3).
const USAGE: u8 = 64;
/// EX_UNAVAILABLE of sysexits(3).
const UNAVAILABLE: u8 = 69;
/// EX_IOERR of sysexits(3).
const OUTPUT: u8 = 74;
/// EX_CONFIG of sysexits(3).
const CONFIGURATION: u8 = 78;

/// What the shipped unit reads, too.
const DEFAULT_FILE: &str = "/etc/backstop/milter.yaml";

/// A milter that accepts the bounces of your own mail and refuses backscatter.
#[derive(Debug, Parser)]
#[command(name = "backstop", version, max_term_width = 100)]
pub struct Arguments {
    /// The configuration file
    #[arg(
        long,
        short,
        global = true,
        value_name = "FILE",
        default_value = DEFAULT_FILE
    )]
    config: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the milter (the default command)
    Run,
    /// Have the daemon read its configuration again, and wait for its answer
    Reload(reload::Arguments),
    /// Read the mail system of this host, and write milter.yaml and the lines for the MTA from that
    Setup(setup::Arguments),
    /// Show whether the daemon answers, whether its store and lists can be read, and which domains are besieged
    Status(status::Arguments),
    /// Check the configuration, its lists and its servers, and show what is on
    Check(check::Arguments),
    /// Show what would happen to a message, and why
    Explain(explain::Arguments),
    /// Judge a maildir, an mbox or a folder of .eml files, and count what would have happened
    Replay(replay::Arguments),
    /// Check SPF once, and show each step
    Spf(spf::Arguments),
    /// Show what your domains publish for SPF, DKIM and DMARC, what is wrong with it, and which records come next
    Advise(advise::Arguments),
    /// Report from the store how mail was answered in the last days
    Report(report::Arguments),
    /// Take in the DMARC reports that others send
    Reports(reports::Arguments),
    /// Show what became of a message, or of mail from or to an address, from the logs
    Trace(trace::Arguments),
    /// Begin or end a siege by hand
    Siege(siege::Arguments),
    /// Fill the ledger of outgoing mail from logs, and from folders of sent mail
    Ledger(ledger::Arguments),
    /// Make a key for signing, or retire one
    Keygen(keygen::Arguments),
    /// Print what makes a shell complete these commands and their options
    Completions(completions::Arguments),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let Arguments { config, command } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let asked = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            if !asked {
                eprintln!("{}", without_controls(&error.to_string()).trim_end());
                return ExitCode::from(USAGE);
            }
            print::note(error.print());
            return written(ExitCode::SUCCESS);
        }
    };
    if let Some(Command::Check(arguments)) = &command
        && let Some(user) = arguments.as_user()
    {
        // Threads would keep the user that they began as.
        let is_draft = config != Path::new(DEFAULT_FILE);
        let become_it = |user: DaemonUser| {
            user.become_it()?;
            if !is_draft {
                daemon_user::be_confined();
            }
            Ok(())
        };
        if let Err(why) = DaemonUser::find(Some(user)).and_then(become_it) {
            return unavailable(&why);
        }
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return unavailable(&format!("threads can't be started: {error}")),
    };
    let code = runtime.block_on(async {
        match command.unwrap_or(Command::Run) {
            Command::Run => run::run(&config).await,
            Command::Reload(arguments) => reload::reload(&arguments).await,
            Command::Setup(arguments) => setup::setup(&config, &arguments).await,
            Command::Status(arguments) => status::status(&config, &arguments).await,
            Command::Check(arguments) => check::check(&config, &arguments).await,
            Command::Explain(arguments) => explain::explain(&config, &arguments).await,
            Command::Replay(arguments) => replay::replay(&config, &arguments).await,
            Command::Spf(arguments) => spf::spf(&arguments).await,
            Command::Advise(arguments) => advise::advise(&config, &arguments).await,
            Command::Report(arguments) => report::report(&config, &arguments).await,
            Command::Reports(arguments) => reports::reports(&config, &arguments).await,
            Command::Trace(arguments) => trace::trace(&arguments),
            Command::Siege(arguments) => siege::siege(&config, &arguments).await,
            Command::Ledger(arguments) => ledger::ledger(&config, &arguments).await,
            Command::Keygen(arguments) => keygen::keygen(&arguments),
            Command::Completions(arguments) => completions::completions(&arguments),
        }
    });
    // A list on a disk that hangs must not delay the exit.
    runtime.shutdown_background();
    written(code)
}

/// The exit code, unless the output could not be written: then who reads it must not take what is there for all.
fn written(code: ExitCode) -> ExitCode {
    match print::failure() {
        None => code,
        Some(error) => {
            eprintln!("backstop: the output can't be written: {error}");
            ExitCode::from(OUTPUT)
        }
    }
}

/// The text without control characters: it quotes an argument, which may come from a log, and a terminal would obey them.
fn without_controls(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' { '?' } else { c })
        .collect()
}

/// Loads the configuration, or prints its mistakes.
fn load(path: &Path) -> Result<Config, ExitCode> {
    config::load(path).map_err(|diagnostics| {
        eprintln!("{diagnostics}");
        ExitCode::from(CONFIGURATION)
    })
}

/// Makes the engine for a configuration, and reads its lists. A list that is unreadable now keeps what `former` has read
/// from it. Where there is a `former` one, it goes on as it was until [`succeed`] is called.
fn engine(
    config: &Config,
    former: Option<&Engine>,
    store: Option<Arc<dyn Store>>,
) -> Result<(Engine, Vec<Event>), SettingsError> {
    let lists = config.directories.clone();
    let directory = match former {
        Some(former) => former.directory.succeeded_by(lists),
        None => Directory::new(lists),
    };
    let tenants = match former {
        Some(former) => former.tenants.succeeded_by(&config.tenants),
        None => Tenants::new(&config.tenants),
    };
    let mut events = directory.refresh();
    events.extend(tenants.refresh().into_iter().map(Event::from));
    let engine = Engine {
        policy: Arc::new(config.policy.clone()),
        resolver: Resolver::new(&config.dns)?,
        directory,
        tenants,
        blocklists: former.map_or_else(Arc::default, |former| Arc::clone(&former.blocklists)),
        guesses: former.map_or_else(Arc::default, |former| Arc::clone(&former.guesses)),
        remembered: former.map_or_else(Arc::default, |former| Arc::clone(&former.remembered)),
        signatures: former.map_or_else(Arc::default, |former| Arc::clone(&former.signatures)),
        timings: former.map_or_else(Arc::default, |former| Arc::clone(&former.timings)),
        dkim_keys: config.dkim_keys.clone(),
        sieges: former.map_or_else(Arc::default, |former| Arc::clone(&former.sieges)),
        forged: former.map_or_else(Arc::default, |former| Arc::clone(&former.forged)),
        accounts: former.map_or_else(Arc::default, |former| Arc::clone(&former.accounts)),
        domains: Arc::clone(&config.lists),
        store,
    };
    Ok((engine, events))
}

/// Whether anything reads or writes the store.
fn uses_store(config: &Config) -> bool {
    let Policy { proof, siege, .. } = &config.policy;
    let watched = (siege.watch || config.policy.monitors()) && !config.has_no_domain();
    watched || proof.signs() || config.policy.looks_for_proofs() || config.report.keep_samples
}

/// The store, if anything uses it. What `former` has lost is counted on.
fn open_store(config: &Config, former: Option<&Arc<dyn Store>>) -> Option<Arc<dyn Store>> {
    let losses = former.map_or_else(Arc::default, |former| former.losses());
    uses_store(config).then(|| store::open_after(&config.store, retention(config), losses))
}

/// How much the store keeps.
fn retention(config: &Config) -> Retention {
    let Policy { proof, siege, .. } = &config.policy;
    Retention {
        ledger_days: proof.ledger.keep_days(),
        learned_days: siege.learn.keep_days(),
        max_learned: siege.learn.max_addresses,
    }
}

/// The store for reading. A missing file is not made: it would belong to the user who runs the command.
fn open_store_to_ask(config: &Config) -> Option<Arc<dyn Store>> {
    let is_there = config.store.file().is_none_or(Path::exists);
    is_there.then(|| open_store(config, None)).flatten()
}

/// The same, whatever uses it: reports of others are there without any setting.
fn open_store_to_ask_always(config: &Config) -> Option<Arc<dyn Store>> {
    let is_there = config.store.file().is_none_or(Path::exists);
    is_there.then(|| store::open(&config.store, retention(config)))
}

/// Days since 1970-01-01.
fn today() -> u64 {
    proof::today(now())
}

/// Seconds since 1970.
fn now() -> u64 {
    UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}

fn unavailable(what: &str) -> ExitCode {
    // What was logged before it is read before it.
    end_logging();
    eprintln!("backstop: {what}");
    ExitCode::from(UNAVAILABLE)
}

/// Prints a value as one JSON object.
fn print_json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("backstop: the JSON can't be written: {error}"),
    }
}
