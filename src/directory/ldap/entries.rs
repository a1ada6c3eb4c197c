//! Lists what a directory has: the domains of ours, or those of a set-up, and not an answer about one address.

use std::collections::HashMap;

use ldap3::{
    SearchEntry,
    adapters::{Adapter, EntriesOnly, PagedResults},
};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{
    super::{backend::Failure, limits::WholeList},
    Ldap,
    client::{Client, SIZE_LIMIT_EXCEEDED},
};

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
    limit: WholeList,
) -> Result<Vec<HashMap<String, Vec<String>>>, String> {
    let name = server.url.to_string();
    let filter = filter.to_owned();
    let listed = async move { list(server, &filter, attributes, limit).await };
    // ldap3 panics on an entry that is none. The task ends with the set, so that those that hang don't pile up.
    let mut task = JoinSet::new();
    task.spawn(listed);
    let answer = match timeout(limit.timeout, task.join_next()).await {
        Ok(Some(Ok(answer))) => answer,
        Ok(Some(Err(_)) | None) => Err("its answer can't be read".to_owned()),
        Err(_elapsed) => Err(format!(
            "no answer within {} s",
            limit.timeout.as_secs_f32()
        )),
    };
    answer.map_err(|why| format!("{name}: {why}"))
}

async fn list(
    server: Ldap,
    filter: &str,
    attributes: Vec<String>,
    limit: WholeList,
) -> Result<Vec<HashMap<String, Vec<String>>>, String> {
    let (base, scope) = (server.base.clone(), server.scope.into());
    let login = server.bind_dn.clone();
    let client = Client::new(server);
    let mut connection = match client.connected(Instant::now() + limit.timeout).await {
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
        if found.len() > limit.most {
            return Err(format!("more than {} entries", limit.most));
        }
    }
    let result = search.finish().await;
    if result.rc == SIZE_LIMIT_EXCEEDED {
        return Err(cut_off(found.len(), login.as_deref()));
    }
    result.success().map_err(error)?;
    Ok(found)
}

/// A part of a list is none: what is not in it would no longer be ours.
fn cut_off(shown: usize, login: Option<&str>) -> String {
    let who = match login {
        Some(dn) => format!("dn.exact=\"{dn}\""),
        None => "anonymous".to_owned(),
    };
    format!(
        "sizeLimitExceeded: it shows this login {shown} entries, and there are more; let it see all of them (OpenLDAP: `limits {who} \
         size=unlimited` in the database's part of slapd.conf, or olcLimits)"
    )
}
