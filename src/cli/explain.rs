//! `backstop explain`: what would be done with a message, every question, answer and reason, and the SMTP replies.

mod leaves;
mod report;

use std::{
    ffi::OsString,
    net::IpAddr,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::Args;

use super::{
    NO, USAGE,
    asking::Asking,
    now, print_json,
    stored::{ClientFrom, Given, Reconstructed, UNKNOWN, known, reconstruct},
};
use crate::{
    core::{
        address::{Mailbox, ReversePath},
        envelope::{Client, Envelope, Recipient},
        understood::{self, MtaMacros},
    },
    engine::{Engine, Mail, Rounds, whole},
    mailstore::{MailStore, Stored},
};
use leaves::Leaves;
use report::{MessageReport, Report};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A message file (or an mbox, of which the first message is taken); what no option gives is read from it
    #[arg(long, value_name = "FILE")]
    eml: Option<PathBuf>,
    /// The client's address; leave it out for a local submission, or with --eml for an unknown stranger
    #[arg(long, value_name = "IP")]
    client_ip: Option<IpAddr>,
    /// Read the client and its HELO from the topmost Received of --eml that names one outside of local.networks
    #[arg(
        long,
        value_name = "WHERE",
        requires = "eml",
        conflicts_with_all = ["client_ip", "helo", "auth", "daemon"]
    )]
    client_ip_from: Option<ClientFrom>,
    /// What the client says in HELO or EHLO
    #[arg(long, value_name = "NAME")]
    helo: Option<OsString>,
    /// MAIL FROM; empty or <> for the null sender; of --eml, its Return-Path
    #[arg(long, value_name = "ADDRESS", required_unless_present = "eml")]
    from: Option<OsString>,
    /// RCPT TO; may be given several times; of --eml, its X-Original-To, Envelope-To, Delivered-To or Received
    #[arg(long, value_name = "ADDRESS", required_unless_present = "eml")]
    rcpt: Vec<OsString>,
    /// The client has logged in (as LOGIN)
    #[arg(long, value_name = "LOGIN", num_args = 0..=1, default_missing_value = "user")]
    auth: Option<OsString>,
    /// The MTA's {daemon_name}
    #[arg(long, value_name = "NAME")]
    daemon: Option<OsString>,
    #[command(flatten)]
    asking: Asking,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What X-Backstop calls the message.
const ID: &str = "explain";

pub(super) async fn explain(config: &Path, arguments: &Arguments) -> ExitCode {
    let engine = match arguments.asking.engine(config).await {
        Ok((_, engine)) => Arc::new(engine),
        Err(code) => return code,
    };
    if let Some(store) = engine.store.as_deref() {
        let mut rounds = Rounds::new(Arc::clone(&engine.sieges));
        rounds.look(&engine.policy, store).await;
    }
    let max_body = engine.policy.proof.body_limit.octets();
    let read = |path| message(path, max_body);
    let stored = match arguments.eml.as_deref().map(read).transpose() {
        Ok(stored) => stored,
        Err(why) => {
            eprintln!("backstop explain: {why}");
            return ExitCode::from(NO);
        }
    };
    let case = match case(arguments, stored.as_ref(), &engine) {
        Ok(case) => case,
        Err(why) => {
            eprintln!("backstop explain: {why}; use --from ADDRESS and --rcpt ADDRESS");
            return ExitCode::from(USAGE);
        }
    };
    let report = judged(engine, &arguments.asking, case, stored).await;
    if arguments.json {
        print_json(&report);
    } else {
        report.print();
    }
    if report.refuses() {
        ExitCode::from(NO)
    } else {
        ExitCode::SUCCESS
    }
}

/// The first message in the file.
fn message(path: &Path, max_body: usize) -> Result<Stored, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if path.metadata().map_err(failed)?.is_dir() {
        return Err(format!(
            "{}: a folder; `backstop replay` reads those",
            path.display()
        ));
    }
    match MailStore::open(path, max_body).map_err(failed)?.next() {
        Some(read) => read.map_err(|unreadable| unreadable.to_string()),
        None => Err(format!("{}: not a mail: it is empty", path.display())),
    }
}

/// The envelope: from the options, and from the message where there is one.
fn case(
    arguments: &Arguments,
    stored: Option<&Stored>,
    engine: &Engine,
) -> Result<Reconstructed, String> {
    let bytes = |text: &OsString| text.clone().into_vec();
    let address = arguments.client_ip.map(|address| address.to_canonical());
    let client = Client {
        address: address.or_else(|| stored.map(|_| UNKNOWN)),
        local: address.is_none() && stored.is_none(),
        helo: arguments.helo.as_ref().map(bytes),
        login: arguments.auth.as_ref().map(bytes),
        daemon: arguments.daemon.as_ref().map(bytes),
    };
    let from = arguments.from.as_ref();
    let (local, host) = (&engine.policy.local, &arguments.asking.receiver);
    let told = MtaMacros::default();
    let reverse_path =
        from.map(|from| understood::reverse_path(from.as_bytes(), told, local, host));
    let mailbox = |rcpt: &OsString| understood::recipient(rcpt.as_bytes(), told, local, host);
    let recipients: Vec<Mailbox> = arguments.rcpt.iter().map(mailbox).collect();
    let Some(stored) = stored else {
        let recipients = recipients.into_iter().map(|mailbox| Recipient {
            mailbox,
            refused: None,
        });
        return Ok(Reconstructed {
            envelope: Envelope {
                client,
                reverse_path: reverse_path.unwrap_or(ReversePath::Null),
            },
            recipients: recipients.collect(),
            sources: Vec::new(),
            client_unknown: None,
        });
    };
    let is_given = client.helo.is_some() || client.login.is_some() || client.daemon.is_some();
    let given = Given {
        client: (address.is_some() || is_given).then_some(client),
        client_from: arguments.client_ip_from,
        reverse_path,
        recipients,
        rcpt_default: None,
    };
    let networks = &engine.policy.local.networks;
    reconstruct(stored, &given, networks).map_err(|why| format!("{}: {why}", stored.name))
}

async fn judged(
    engine: Arc<Engine>,
    asking: &Asking,
    case: Reconstructed,
    stored: Option<Stored>,
) -> Report {
    let mut message = case.message(ID, &engine, &asking.receiver);
    let allowed = case.allowed(asking.no_dns);
    let mail = stored.as_ref().map(|stored| Mail {
        headers: &stored.headers,
        body: stored.body.octets(),
    });
    let whole = whole(&engine, &mut message, allowed, &case.recipients, mail).await;
    let client = known(&case.envelope.client);
    let mut report = Report::new(engine.policy.mode, &whole, client, message.spf());
    if !message.accepted().is_empty() {
        let departure = message.departure(now());
        let sender = &case.envelope.reverse_path;
        report.leaves = Leaves::of(sender, departure, stored.is_some());
    }
    if let Some(stored) = &stored {
        report.message = Some(MessageReport::new(stored, &case, &whole));
    }
    report
}
