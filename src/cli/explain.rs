//! `backstop explain`: what would happen to a message, with every question, answer and reason, and the SMTP replies.

mod entry;
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
    asking::DnsOptions,
    now, print_json,
    stored::{ClientFrom, Given, Reconstructed, UNKNOWN, known, reconstruct},
};
use crate::{
    config::Located,
    core::{
        address::{Mailbox, ReversePath},
        envelope::{Client, Envelope, Recipient},
        understood::{self, MtaMacros},
    },
    engine::{Allowed, Engine, Mail, Rounds, whole},
    mailstore::{BodyLimit, MailStore, Stored},
};
use leaves::Leaves;
use report::{ExplainReport, MessageReport};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A message file, or an mbox with the message first; it gives what no option gives
    #[arg(long, value_name = "FILE")]
    eml: Option<PathBuf>,
    /// The client's address; without it, a local submission, or with --eml an unknown client
    #[arg(long, value_name = "IP")]
    client_ip: Option<IpAddr>,
    /// Read the client and its HELO from the topmost Received of --eml with a client outside of local.networks
    #[arg(
        long,
        value_name = "WHERE",
        requires = "eml",
        conflicts_with_all = ["client_ip", "helo", "auth", "daemon"]
    )]
    client_ip_from: Option<ClientFrom>,
    /// The name in HELO or EHLO
    #[arg(long, value_name = "NAME")]
    helo: Option<OsString>,
    /// The address in MAIL FROM, empty or <> for the null sender; with --eml, by default its Return-Path
    #[arg(long, value_name = "ADDRESS", required_unless_present = "eml")]
    mail_from: Option<OsString>,
    /// The address in RCPT TO; may be given several times; with --eml, by default its X-Original-To, Envelope-To,
    /// Delivered-To or Received
    #[arg(long, value_name = "ADDRESS", required_unless_present = "eml")]
    rcpt: Vec<OsString>,
    /// The client has logged in (as LOGIN)
    #[arg(long, value_name = "LOGIN", num_args = 0..=1, default_missing_value = "user")]
    auth: Option<OsString>,
    /// The macro {daemon_name} of the MTA
    #[arg(long, value_name = "NAME")]
    daemon: Option<OsString>,
    #[command(flatten)]
    dns: DnsOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The id of the message in X-Backstop.
const ID: &str = "explain";

pub(super) async fn explain(config: &Path, arguments: &Arguments) -> ExitCode {
    let (located, engine) = match arguments.dns.engine(config).await {
        Ok((config, engine)) => (Located::of(&config), Arc::new(engine)),
        Err(code) => return code,
    };
    if let Some(store) = engine.store.as_deref() {
        let mut rounds = Rounds::new(Arc::clone(&engine.sieges));
        rounds.look(&engine.policy, store).await;
        // One that does not answer has none, as in the daemon.
        let _ = engine.forged.follow(store, now()).await;
    }
    let policy = Arc::clone(&engine.policy);
    let limit = BodyLimit::ByHeaders(Arc::new(move |headers| policy.stored_body_limit(headers)));
    let read = |path| message(path, limit.clone());
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
            eprintln!("backstop explain: {why}; use --mail-from ADDRESS and --rcpt ADDRESS");
            return ExitCode::from(USAGE);
        }
    };
    let report = judged(engine, &located, &arguments.dns, case, stored).await;
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
fn message(path: &Path, limit: BodyLimit) -> Result<Stored, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if path.metadata().map_err(failed)?.is_dir() {
        return Err(format!(
            "{}: this is a folder; use `backstop replay`",
            path.display()
        ));
    }
    match MailStore::open(path, limit).map_err(failed)?.next() {
        Some(read) => read.map_err(|unreadable| unreadable.to_string()),
        None => Err(format!("{}: not a mail: it is empty", path.display())),
    }
}

/// The envelope: from the options, and from the message if there is one.
fn case(
    arguments: &Arguments,
    stored: Option<&Stored>,
    engine: &Engine,
) -> Result<Reconstructed, String> {
    let bytes = |text: &OsString| text.clone().into_vec();
    let address = arguments.client_ip.map(|address| address.to_canonical());
    let client = Client {
        address: address.or_else(|| stored.map(|_| UNKNOWN)),
        name: None,
        local: address.is_none() && stored.is_none(),
        helo: arguments.helo.as_ref().map(bytes),
        login: arguments.auth.as_ref().map(bytes),
        daemon: arguments.daemon.as_ref().map(bytes),
    };
    let from = arguments.mail_from.as_ref();
    let (local, host) = (&engine.policy.local, &arguments.dns.receiver);
    let macros = MtaMacros::default();
    let reverse_path =
        from.map(|from| understood::reverse_path(from.as_bytes(), macros, local, host));
    let mailbox = |rcpt: &OsString| understood::recipient(rcpt.as_bytes(), macros, local, host);
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
    located: &Located,
    dns: &DnsOptions,
    case: Reconstructed,
    stored: Option<Stored>,
) -> ExplainReport {
    let mut message = case.message(ID, &engine, &dns.receiver);
    let allowed = Allowed {
        spf_trace: true,
        ..case.allowed(dns.no_dns)
    };
    let mail = stored.as_ref().map(|stored| Mail {
        headers: &stored.headers,
        body: stored.body.octets(),
    });
    let whole = whole(&engine, &mut message, allowed, &case.recipients, mail).await;
    let client = known(&case.envelope.client);
    let mut report = ExplainReport::new((&engine.policy, located), &whole, client, message.spf());
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
