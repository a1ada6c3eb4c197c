//! The options of commands that judge a message by hand: which servers they ask, and under which name.

use std::{path::Path, process::ExitCode};

use clap::Args;

use super::{engine, load, open_store_to_ask, unavailable};
use crate::{config::Config, dns::Nameserver, engine::Engine};

#[derive(Debug, Args)]
pub(super) struct Asking {
    /// The receiving host's name, for SPF's macro %{r}
    #[arg(long, value_name = "NAME", default_value = "unknown")]
    pub(super) receiver: String,
    /// Ask this name server instead of the configured ones; may be given several times
    #[arg(long, value_name = "ADDRESS[:PORT]")]
    nameserver: Vec<Nameserver>,
    /// Ask no name server: SPF and DNS lists have nothing to say
    #[arg(long)]
    pub(super) no_dns: bool,
}

impl Asking {
    /// The configuration, and the engine that it makes.
    pub(super) async fn engine(&self, path: &Path) -> Result<(Config, Engine), ExitCode> {
        let mut config = load(path)?;
        if !self.nameserver.is_empty() {
            config.dns.nameservers.clone_from(&self.nameserver);
        }
        let store = open_store_to_ask(&config);
        let made = engine(&config, None, store);
        let (engine, _) = made.map_err(|error| unavailable(&error.to_string()))?;
        if !self.no_dns {
            // A list is asked about clients only after it has proved sane.
            let _ = engine
                .blocklists
                .self_test(&engine.policy.dnsbl, &engine.resolver)
                .await;
        }
        Ok((config, engine))
    }
}
