//! Lists what a directory has, once: for a set-up, which needs the domains and not an answer about one address.

use std::{collections::HashMap, time::Duration};

use ldap3::{
    SearchEntry,
    adapters::{Adapter, EntriesOnly, PagedResults},
};
use tokio::time::{Instant, timeout};

use super::{super::backend::Failure, Ldap, client::Client};

/// How long connecting and listing may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most entries.
const MAX_ENTRIES: usize = 10_000;
/// How many of them a server is asked for at a time (RFC 2696): some give no more in one answer.
const PAGE: i32 = 500;

/// The entries that a filter finds, each with these attributes in small letters, and their values.
///
/// # Errors
/// Why there are none.
pub async fn entries(
    server: Ldap,
    filter: &str,
    attributes: Vec<String>,
) -> Result<Vec<HashMap<String, Vec<String>>>, String> {
    let name = server.url.to_string();
    let filter = filter.to_owned();
    let listed = async move { list(server, &filter, attributes).await };
    // ldap3 panics on an entry that is none.
    let answer = match timeout(PATIENCE, tokio::spawn(listed)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_panic)) => Err("its answer can't be read".to_owned()),
        Err(_elapsed) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    answer.map_err(|why| format!("{name}: {why}"))
}

async fn list(
    server: Ldap,
    filter: &str,
    attributes: Vec<String>,
) -> Result<Vec<HashMap<String, Vec<String>>>, String> {
    let (base, scope) = (server.base.clone(), server.scope.into());
    let client = Client::new(server);
    let mut connection = match client.connected(Instant::now() + PATIENCE).await {
        Ok(connection) => connection,
        Err(Failure::Down(why) | Failure::Question(why)) => return Err(why),
    };
    let adapters: Vec<Box<dyn Adapter<_, _>>> = vec![
        Box::new(EntriesOnly::new()),
        Box::new(PagedResults::new(PAGE)),
    ];
    let error = |error: ldap3::LdapError| error.to_string();
    let mut search = connection
        .streaming_search_with(adapters, &base, scope, filter, attributes)
        .await
        .map_err(error)?;
    let mut found = Vec::new();
    while let Some(entry) = search.next().await.map_err(error)? {
        let attributes = SearchEntry::construct(entry).attrs.into_iter();
        found.push(
            attributes
                .map(|(name, values)| (name.to_ascii_lowercase(), values))
                .collect(),
        );
        if found.len() > MAX_ENTRIES {
            return Err(format!("more than {MAX_ENTRIES} entries"));
        }
    }
    search.finish().await.success().map_err(error)?;
    Ok(found)
}
