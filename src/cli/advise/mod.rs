//! `backstop advise`: what our domains publish, what is wrong with that, and which records come next.

mod counted;
mod gather;
mod text;

use std::{path::Path, process::ExitCode, time::Duration};

use clap::Args;
use tokio::time::Instant;

use self::counted::Counts;
pub use self::{
    gather::{Known, Lists, advise as advise_on, facts},
    text::text,
};
use super::{
    USAGE, domains::load_with_domains, engine, open_store_to_ask_always, print_json, unavailable,
};
use crate::{
    config::Config,
    core::{
        address::{Domain, Mailbox},
        advise::facts::{NotCounted, Purpose, Sender},
        pattern::DomainPattern,
    },
    dns::{Budgeted, Nameserver},
    engine::Engine,
    setup::{Leaving, Machine, leaving},
};

/// How long the questions about one domain may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Domains of yours [default: those of local.domains]
    #[arg(value_name = "DOMAIN")]
    domains: Vec<Domain>,
    /// Only programs send with these domains: no user writes to mailing lists with them
    #[arg(long, requires = "domains", conflicts_with = "never_sends")]
    transactional: bool,
    /// Nothing is sent with these domains
    #[arg(long, requires = "domains")]
    never_sends: bool,
    /// Somebody who sends for these domains: an address, a network, or the `include` that a service publishes; may be given
    /// several times
    #[arg(long, value_name = "IP|include:NAME")]
    sender: Vec<Sender>,
    /// A selector of your DKIM keys; may be given several times
    #[arg(long, value_name = "NAME")]
    selector: Vec<Domain>,
    /// Where aggregate reports are to go [default: what is published, else postmaster]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    rua: Option<String>,
    /// Ask this name server instead of the configured ones; may be given several times
    #[arg(long, value_name = "ADDRESS[:PORT]")]
    nameserver: Vec<Nameserver>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// An address that can stand in `rua`.
fn address(text: &str) -> Result<String, String> {
    let text = text.strip_prefix("mailto:").unwrap_or(text);
    let mailbox = Mailbox::from_bytes(text.as_bytes());
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b",;!?\"".contains(&byte));
    match mailbox.domain() {
        Some(domain)
            if is_plain && !mailbox.local().is_empty() && domain.as_str().contains('.') =>
        {
            Ok(text.to_owned())
        }
        _ => Err("expected a mail address, e.g. dmarc@example.org".to_owned()),
    }
}

/// How many domains it looks at without having them named.
const MAX_UNNAMED: usize = 200;

pub(super) async fn advise(path: &Path, arguments: &Arguments) -> ExitCode {
    let mut config = match load_with_domains(path).await {
        Ok(config) => config,
        Err(code) => return code,
    };
    if !arguments.nameserver.is_empty() {
        config.dns.nameservers.clone_from(&arguments.nameserver);
    }
    let domains = match arguments.domains.is_empty() {
        true => own_domains(&config),
        false => arguments.domains.clone(),
    };
    if domains.is_empty() {
        eprintln!(
            "backstop advise: local.domains names no domain; name one, e.g. `backstop advise example.org`"
        );
        return ExitCode::from(USAGE);
    }
    if arguments.domains.is_empty() && domains.len() > MAX_UNNAMED {
        eprintln!(
            "backstop advise: you have {} domains, and each takes dozens of DNS queries; name up to {MAX_UNNAMED}, e.g. \
             `backstop advise {}`",
            domains.len(),
            domains.first().map_or("example.org", Domain::as_str)
        );
        return ExitCode::from(USAGE);
    }
    let engine = match engine(&config, None, None) {
        Ok((engine, _)) => engine,
        Err(error) => return unavailable(&error.to_string()),
    };
    let tested = engine
        .blocklists
        .self_test(&config.policy.dnsbl, &engine.resolver);
    let _ = tested.await;
    let counts = Counts::read(&config, open_store_to_ask_always(&config)).await;
    let leaving = leaving(&Machine::default()).await;
    let mut all = Vec::new();
    for domain in &domains {
        let known = known(&config, &counts, &leaving, domain, arguments);
        let lists = Lists {
            lists: &config.policy.dnsbl,
            tested: &engine.blocklists,
        };
        let lookup = lookup(&engine);
        all.push(advise_on(domain, known, lists, &lookup).await);
    }
    if arguments.json {
        print_json(&serde_json::json!({ "domains": all }));
    } else {
        let texts: Vec<String> = all.iter().map(text).collect();
        println!("{}", texts.join("\n\n"));
    }
    ExitCode::SUCCESS
}

/// The domains of ours that have a name. What stands for all below one names none.
pub(super) fn own_domains(config: &Config) -> Vec<Domain> {
    let patterns = config.policy.local.domains.iter();
    patterns
        .filter_map(|pattern| match pattern {
            DomainPattern::Itself(domain) => Some(domain.clone()),
            DomainPattern::Below(_) => None,
        })
        .collect()
}

/// DNS for the questions about one domain.
pub(super) fn lookup(engine: &Engine) -> Budgeted {
    engine.resolver.budgeted(Instant::now() + PATIENCE)
}

fn known(
    config: &Config,
    counts: &Counts,
    leaving: &Leaving,
    domain: &Domain,
    arguments: &Arguments,
) -> Known {
    let purpose = match (arguments.transactional, arguments.never_sends) {
        (true, _) => Purpose::Transactional,
        (_, true) => Purpose::NeverSends,
        _ => Purpose::People,
    };
    let mut selectors = counts.selectors(domain);
    let configured = config.policy.proof.dkim.keys.iter();
    let configured = configured.filter(|key| key.domain == *domain);
    let configured = configured.map(|key| key.selector.to_ascii_lowercase());
    let given = arguments.selector.iter().map(ToString::to_string);
    for selector in given.chain(configured) {
        if !selectors.iter().any(|(other, _)| *other == selector) {
            selectors.push((selector, None));
        }
    }
    let lists = config.policy.forgery.mailing_lists.iter();
    Known {
        purpose,
        senders: arguments.sender.clone(),
        selectors,
        hosts: leaving.hosts.clone(),
        unknown_hosts: leaving.unknown.clone(),
        reports_to: arguments.rua.clone(),
        mailing_lists: lists.map(ToString::to_string).collect(),
        mail: counts.traffic(domain),
        reported: counts.reported(domain),
    }
}

/// What `check` compares `milter.yaml` with: the domain's own records, and what its SPF says of the hosts that mail leaves by.
pub(super) fn known_to_check(leaving: &Leaving) -> Known {
    Known {
        purpose: Purpose::People,
        senders: Vec::new(),
        selectors: Vec::new(),
        hosts: leaving.hosts.clone(),
        unknown_hosts: Vec::new(),
        reports_to: None,
        mailing_lists: Vec::new(),
        mail: Err(NotCounted::Off("not asked")),
        reported: Err(NotCounted::Off("not asked")),
    }
}
