//! Lists what a database has: the domains of ours, or those of a set-up, and not an answer about one address.

use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, ColumnIndex, Connection, Decode, Executor, IntoArguments, SqlSafeStr, Type,
};
use tokio::time::timeout;

use super::{
    Client, Sql,
    cells::{NOT_UTF8, Texts, cell},
    connections::Options,
};
use crate::directory::{cells::Cell, limits::WholeList};

/// What stands for what can't be read.
const REPLACEMENT: &str = "\u{fffd}";

/// The first column of the rows that this query finds on this server, as texts.
///
/// # Errors
/// Why there are none.
pub async fn rows(server: Sql, query: &str, limit: WholeList) -> Result<Vec<String>, String> {
    let name = server.url.to_string();
    let client = Client::new(server);
    let listed = timeout(limit.timeout, client.rows(query, limit));
    let answer = match listed.await {
        Ok(answer) => answer,
        Err(_elapsed) => Err(format!(
            "no answer within {} s",
            limit.timeout.as_secs_f32()
        )),
    };
    answer.map_err(|why| format!("{name}: {why}"))
}

/// Those of one kind of database.
///
/// `before`: what keeps the server from working on it for longer than anybody waits.
pub(super) async fn of<DB>(
    options: &Options<DB>,
    before: Option<String>,
    query: &str,
    most: usize,
) -> Result<Vec<String>, String>
where
    DB: Texts,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'r> String: Decode<'r, DB> + Type<DB>,
    for<'r> Vec<u8>: Decode<'r, DB> + Type<DB>,
    usize: ColumnIndex<DB::Row>,
{
    let error = |error: sqlx::Error| error.to_string();
    let mut connection = DB::Connection::connect_with(options).await.map_err(error)?;
    if let Some(before) = before {
        let before = AssertSqlSafe(before).into_sql_str();
        connection.execute(before).await.map_err(error)?;
    }
    // The text is the administrator's or that of a table of the MTA, and nothing of a stranger's is in it.
    let text = AssertSqlSafe(query.to_owned()).into_sql_str();
    let mut stream = sqlx::query(text).fetch(&mut connection);
    let mut found = Vec::new();
    while let Some(row) = stream.try_next().await.map_err(error)? {
        match cell(&row, 0) {
            Cell::Empty => {}
            Cell::Text(text) => found.push(text),
            Cell::Values(texts) => found.extend(texts),
            // One of thousands: told with those that are no domains.
            Cell::Other(what) if what == NOT_UTF8 => found.push(REPLACEMENT.to_owned()),
            Cell::Other(what) => return Err(format!("its first column is {what}; expected texts")),
        }
        if found.len() > most {
            return Err(format!("more than {most} rows"));
        }
    }
    Ok(found)
}
