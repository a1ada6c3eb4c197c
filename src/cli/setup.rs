//! `backstop setup`: reads the mail system of this host, and shows or writes what Backstop needs there.

mod print;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

use super::{CONFIGURATION, NO, print_json, unavailable};
use crate::{
    config::{self, Diagnostics},
    core::address::Domain,
    dns::{DnsSettings, Nameserver},
    milter::ListenAddress,
    setup::{
        Machine,
        apply::{self, Present},
        decide::{Plan, What, plan},
        gather,
    },
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Write it, and keep what was there before
    #[arg(long, conflicts_with = "undo")]
    apply: bool,
    /// Take back what was written
    #[arg(long)]
    undo: bool,
    /// Where Backstop is to listen, in the words of milter.yaml [default: inet:8894@127.0.0.1]
    #[arg(long, value_name = "ADDRESS", conflicts_with = "undo")]
    listen: Option<ListenAddress>,
    /// A domain that a database or directory has which could not be listed; may be given several times
    #[arg(long, value_name = "DOMAIN")]
    domain: Vec<Domain>,
    /// Ask this name server about SPF instead of those of the system; may be given several times
    #[arg(long, value_name = "ADDRESS[:PORT]")]
    nameserver: Vec<Nameserver>,
    /// The folder of main.cf and master.cf, if not the one that Postfix uses by default
    #[arg(long, value_name = "FOLDER")]
    postfix: Option<PathBuf>,
    /// Read and write below this folder in place of /, as in an image of another host; no program and no server is asked
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn setup(file: &Path, arguments: &Arguments) -> ExitCode {
    let machine = Machine {
        root: arguments.root.as_deref().map(absolute),
        postfix: arguments.postfix.as_deref().map(absolute),
    };
    let file = absolute(file);
    if arguments.undo {
        return undo(&machine, &file, arguments.json);
    }
    let dns = DnsSettings {
        nameservers: arguments.nameserver.clone(),
        ..DnsSettings::default()
    };
    let facts = match gather::facts(&machine, &arguments.domain, &dns).await {
        Ok(facts) => facts,
        Err(why) => return unavailable(&why),
    };
    let (present, listen) = match present(&machine, &file) {
        Ok(found) => found,
        Err(Unusable::Unreadable(why)) => return unavailable(&why),
        Err(Unusable::Mistakes(mistakes)) => {
            eprintln!("{mistakes}");
            eprintln!(
                "backstop setup: correct it first, because its `listen` is what the MTA needs"
            );
            return ExitCode::from(CONFIGURATION);
        }
    };
    if arguments
        .listen
        .as_ref()
        .is_some_and(|wanted| present == Present::Theirs && *wanted != listen)
    {
        eprintln!(
            "backstop setup: {} is yours, and listens on {listen}: change it there, without --listen",
            file.display()
        );
        return ExitCode::from(CONFIGURATION);
    }
    let listen = arguments.listen.clone().unwrap_or(listen);
    let folder = file.parent().unwrap_or(Path::new("/"));
    let plan = plan(&facts, &listen, folder);
    // What is written must be right: nobody has looked at it yet.
    if let Err(mistakes) = config::parse(&file, &plan.yaml) {
        eprintln!("{mistakes}");
        return unavailable(
            "the file that would be written has mistakes, so nothing is written; please report this",
        );
    }
    if !arguments.apply {
        if arguments.json {
            print_json(&print::report(&file, present, &plan, &[]));
        } else {
            print::plan(&facts, &file, present, &plan);
        }
        return match plan.blocked {
            Some(_) => ExitCode::from(NO),
            None => ExitCode::SUCCESS,
        };
    }
    let written = match apply::apply(&machine, &file, &plan) {
        Ok(written) => written,
        Err(why) => {
            eprintln!("backstop setup: {why}");
            return ExitCode::from(NO);
        }
    };
    if let Err(why) = verify(&machine, &plan).await {
        eprintln!("backstop setup: {why}");
        match apply::undo_last(&machine, &file) {
            Ok(_) => eprintln!("backstop setup: all is as it was before"),
            Err(why) => eprintln!("backstop setup: {why}"),
        }
        return ExitCode::from(NO);
    }
    if arguments.json {
        print_json(&print::report(&file, present, &plan, &written));
    } else {
        let has_daemon = apply::daemon(&machine).is_some();
        print::written(&file, present, &plan, &written, has_daemon);
    }
    ExitCode::SUCCESS
}

/// From the root, as paths in files must be; only an empty path has no such form.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Why the file that is there can't be used.
enum Unusable {
    Unreadable(String),
    Mistakes(Diagnostics),
}

/// What is at the place of the file, and where the daemon listens.
fn present(machine: &Machine, file: &Path) -> Result<(Present, ListenAddress), Unusable> {
    let present = apply::present(machine, file).map_err(Unusable::Unreadable)?;
    let text = match present {
        Present::Theirs | Present::Replaceable => {
            machine.read(file).map_err(Unusable::Unreadable)?
        }
        Present::Nothing => "{}".to_owned(),
    };
    let config = config::parse(file, &text).map_err(Unusable::Mistakes)?;
    Ok((present, config.listen))
}

/// Whether Postfix reads what was written as it was meant.
async fn verify(machine: &Machine, plan: &Plan) -> Result<(), String> {
    for change in &plan.changes {
        let What::Parameter { name, value } = &change.what else {
            continue;
        };
        let Some(read) = machine.postconf(&["-n", name]).await? else {
            return Ok(());
        };
        let found = read.split_once('=').map_or("", |(_, value)| value.trim());
        if found != value {
            return Err(format!(
                "main.cf has `{name} = {value}` now, but Postfix reads `{found}`"
            ));
        }
    }
    Ok(())
}

fn undo(machine: &Machine, file: &Path, json: bool) -> ExitCode {
    match apply::undo(machine, file) {
        Ok(undone) if json => print_json(&print::Undone::of(&undone)),
        Ok(undone) => print::undone(&undone),
        Err(why) => {
            eprintln!("backstop setup: {why}");
            return ExitCode::from(NO);
        }
    }
    ExitCode::SUCCESS
}
