//! Clients' rows: the same tables over YAML, CSV, SQLite, PostgreSQL, MariaDB and OpenLDAP.

mod outages;
mod sources;
mod values;

use std::sync::Arc;

use backstop::{
    config,
    core::{
        address::Domain, local::Local, outside::Unanswered, tenant::TenantAnswers, verdict::Mode,
    },
    directory::tenants::{RowMistake, TenantEvent, Tenants},
};

use super::RUNTIME;

fn domain(text: &str) -> Domain {
    text.parse().unwrap()
}

/// Those of a file with this below `tenants:`.
fn tenants(below: &str) -> Tenants {
    let yaml = format!("local: {{domains: [.example]}}\ntenants: {below}\n");
    let config = config::parse("/m.yaml".as_ref(), &yaml);
    Tenants::new(
        &config
            .unwrap_or_else(|wrong| panic!("{wrong}\n{yaml}"))
            .tenants,
    )
}

fn of(tenants: &Tenants, text: &str) -> Result<Arc<TenantAnswers>, Unanswered> {
    RUNTIME.block_on(tenants.of(&domain(text), &Local::default()))
}

/// The mode in a domain's row; none where the file answers.
fn mode(tenants: &Tenants, text: &str) -> Option<Mode> {
    of(tenants, text).unwrap_or_else(|why| panic!("{why}")).mode
}

/// What was told of a wrong row of a server.
fn told(tenants: &Tenants) -> Option<RowMistake> {
    tenants.refresh().into_iter().find_map(|event| match event {
        TenantEvent::Wrong { latest, .. } => Some(latest),
        _ => None,
    })
}
