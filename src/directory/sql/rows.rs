//! Lists what a database has, once: for a set-up, which needs the domains and not an answer about one address.

use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, ColumnIndex, Connection, Database, Decode, Executor, IntoArguments, Row,
    SqlSafeStr, Type,
};
use tokio::time::timeout;

use super::{Client, Sql, SqlUrl, connections::Options};

/// How long connecting and listing may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most rows.
const MAX_ROWS: usize = 10_000;

/// The first column of the rows that this query finds, as texts. The connection is as clear as that of Postfix, whose query
/// it is.
///
/// # Errors
/// Why there are none.
pub async fn rows(url: SqlUrl, query: &str) -> Result<Vec<String>, String> {
    let name = url.to_string();
    let client = Client::new(Sql::of_url(url)?);
    let listed = timeout(PATIENCE, client.rows(query));
    let answer = match listed.await {
        Ok(answer) => answer,
        Err(_elapsed) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    answer.map_err(|why| format!("{name}: {why}"))
}

/// Those of one kind of database.
pub(super) async fn of<DB>(options: &Options<DB>, query: &str) -> Result<Vec<String>, String>
where
    DB: Database,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'r> String: Decode<'r, DB> + Type<DB>,
    for<'r> Vec<u8>: Decode<'r, DB> + Type<DB>,
    usize: ColumnIndex<DB::Row>,
{
    let error = |error: sqlx::Error| error.to_string();
    let mut connection = DB::Connection::connect_with(options).await.map_err(error)?;
    // The text is that of a table of the MTA, and nothing of a stranger's is in it.
    let text = AssertSqlSafe(query.to_owned()).into_sql_str();
    let mut stream = sqlx::query(text).fetch(&mut connection);
    let mut found = Vec::new();
    while let Some(row) = stream.try_next().await.map_err(error)? {
        let bytes = || row.try_get::<Vec<u8>, _>(0).ok();
        let text = row.try_get::<String, _>(0).ok();
        found.extend(text.or_else(|| String::from_utf8(bytes()?).ok()));
        if found.len() > MAX_ROWS {
            return Err(format!("more than {MAX_ROWS} rows"));
        }
    }
    Ok(found)
}
