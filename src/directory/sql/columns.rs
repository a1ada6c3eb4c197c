//! Which columns a query answers with: the server knows before there is a row.

use sqlx::{AssertSqlSafe, Column, Connection, Database, Executor, SqlSafeStr, Statement};

use super::connections::Options;

/// Their names, in their order.
pub(super) async fn of<DB>(options: &Options<DB>, query: String) -> Result<Vec<String>, String>
where
    DB: Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let error = |error: sqlx::Error| error.to_string();
    let mut connection = DB::Connection::connect_with(options).await.map_err(error)?;
    // The text is the administrator's.
    let text = AssertSqlSafe(query).into_sql_str();
    let statement = connection.prepare(text).await.map_err(error)?;
    let columns = statement.columns().iter();
    Ok(columns.map(|column| column.name().to_owned()).collect())
}
