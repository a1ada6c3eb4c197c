//! Connections to one server, as many at a time as it may have.
//!
//! Not sqlx's own pool: that one tries a server which refuses the connection again until all the time is up, and then
//! only says that it is; a dead server must fail at once, and say why.

use futures_util::{StreamExt, TryStreamExt};
use sqlx::{
    AssertSqlSafe, Connection, Database, Encode, Error, Executor, IntoArguments, SqlSafeStr, Type,
};
use tokio::time::Instant;

use super::super::{
    attempts::{Attempts, Before},
    backend::Failure,
    idle::Idle,
    template::Asked,
    turns::{Turn, Turns},
};
use super::{query::Query, refusal::Fault};

/// How to connect to such a database.
pub(super) type Options<DB> = <<DB as Database>::Connection as Connection>::Options;

pub(super) struct Connections<DB: Database> {
    idle: Idle<DB::Connection>,
    turns: Turns,
    attempts: Attempts,
    query: Query,
    /// What keeps the server from working on a question for longer than anybody waits: a connection that is closed is
    /// one that it notices only when it answers.
    limit: Option<String>,
    /// The text of the query, as this kind of server wants it.
    text: String,
}

impl<DB: Database> Connections<DB> {
    pub fn new(
        most: u32,
        query: &Query,
        limit: Option<String>,
        parameter: fn(usize) -> String,
    ) -> Self {
        Self {
            idle: Idle::default(),
            turns: Turns::new(most),
            attempts: Attempts::default(),
            query: query.clone(),
            limit,
            text: query.text(parameter),
        }
    }

    /// Closes those that are idle.
    pub fn close(&self) {
        self.idle.clear();
    }
}

impl<DB: Database> Connections<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
    for<'q> &'q str: Encode<'q, DB>,
    for<'q> String: Encode<'q, DB> + Type<DB>,
{
    /// The first rows that the query finds, at most so many. A connection whose question is given up is closed, so no
    /// answer is ever taken for that of another question.
    pub async fn ask(
        &self,
        options: impl FnOnce() -> Result<Options<DB>, String>,
        asked: &Asked,
        most: usize,
        deadline: Instant,
    ) -> Result<Vec<DB::Row>, Failure> {
        let before = self.attempts.before();
        let turn = self.turn(asked, before, deadline).await?;
        let attempt = self.attempts.begin(before, deadline)?;
        if let Some(connection) = self.idle.pop(Instant::now()) {
            match self.ask_over(connection, asked, most).await {
                Ok(found) => {
                    turn.answered(!found.is_empty());
                    return Ok(found);
                }
                Err((Fault::Question, error)) => return Err(Failure::Question(error.to_string())),
                // Mostly, the server was restarted, and the other connections are dead too, or their statements old.
                Err((Fault::Statement | Fault::Server, _)) => self.close(),
            }
        }
        let answer = self.connect_and_ask(options, asked, most).await;
        match &answer {
            Ok(found) => turn.answered(!found.is_empty()),
            Err(Failure::Down(_)) => attempt.failed(),
            Err(Failure::Question(_)) => {}
        }
        answer
    }

    async fn turn(
        &self,
        asked: &Asked,
        before: Before,
        deadline: Instant,
    ) -> Result<Turn, Failure> {
        if let Some(turn) = self.turns.turn(asked.whose(), deadline).await {
            return Ok(turn);
        }
        self.attempts.since(before)?;
        Err(Failure::Question("all connections are busy".to_owned()))
    }

    async fn connect_and_ask(
        &self,
        options: impl FnOnce() -> Result<Options<DB>, String>,
        asked: &Asked,
        most: usize,
    ) -> Result<Vec<DB::Row>, Failure> {
        let down = |error: Error| Failure::Down(error.to_string());
        let options = options().map_err(Failure::Down)?;
        let mut connection = DB::Connection::connect_with(&options).await.map_err(down)?;
        if let Some(limit) = &self.limit {
            let limit = AssertSqlSafe(limit.as_str()).into_sql_str();
            connection.execute(limit).await.map_err(down)?;
        }
        let answer = self.ask_over(connection, asked, most).await;
        answer.map_err(|(fault, error)| match fault {
            Fault::Question | Fault::Statement => Failure::Question(error.to_string()),
            Fault::Server => down(error),
        })
    }

    /// Keeps the connection, unless it or the server is at fault that there is no answer.
    async fn ask_over(
        &self,
        mut connection: DB::Connection,
        asked: &Asked,
        most: usize,
    ) -> Result<Vec<DB::Row>, (Fault, Error)> {
        let answer = self.rows(&mut connection, asked, most).await;
        let answer = answer.map_err(|error| (Fault::of(&error), error));
        if matches!(answer, Ok(_) | Err((Fault::Question, _))) {
            self.idle.push(connection, Instant::now());
        }
        answer
    }

    async fn rows(
        &self,
        connection: &mut DB::Connection,
        asked: &Asked,
        most: usize,
    ) -> Result<Vec<DB::Row>, Error> {
        // The text is the administrator's; what a stranger chose is bound to it.
        let text = AssertSqlSafe(self.text.as_str()).into_sql_str();
        let mut query = sqlx::query(text);
        for placeholder in self.query.parameters() {
            query = query.bind(asked.part(placeholder).to_owned());
        }
        if most == 1 {
            // It has the server stop at the first.
            return Ok(query
                .fetch_optional(connection)
                .await?
                .into_iter()
                .collect());
        }
        query.fetch(connection).take(most).try_collect().await
    }
}
