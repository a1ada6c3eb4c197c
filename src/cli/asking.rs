//! The options of `explain` and `replay` about DNS.

use std::{path::Path, process::ExitCode};

use clap::Args;

use super::{domains::load_with_domains, engine, open_store_to_ask, unavailable};
use crate::{config::Config, dns::Nameserver, engine::Engine};

#[derive(Debug, Args)]
pub(super) struct DnsOptions {
    /// The name of the receiving host, for the SPF macro %{r}
    #[arg(long, value_name = "NAME", default_value = "unknown")]
    pub(super) receiver: String,
    /// Ask this name server instead of the configured ones; may be given several times
    #[arg(long, value_name = "ADDRESS[:PORT]")]
    nameserver: Vec<Nameserver>,
    /// Ask no name server, so that SPF and DNS lists have no result
    #[arg(long)]
    pub(super) no_dns: bool,
}

impl DnsOptions {
    /// The configuration, and its engine.
    pub(super) async fn engine(&self, path: &Path) -> Result<(Config, Engine), ExitCode> {
        let mut config = load_with_domains(path).await?;
        if !self.nameserver.is_empty() {
            config.dns.nameservers.clone_from(&self.nameserver);
        }
        let store = open_store_to_ask(&config);
        let made = engine(&config, None, store);
        let (engine, _) = made.map_err(|error| unavailable(&error.to_string()))?;
        if !self.no_dns {
            // A list is used only after it has passed its test.
            let _ = engine
                .blocklists
                .self_test(&engine.policy.dnsbl, &engine.resolver)
                .await;
        }
        Ok((config, engine))
    }
}
