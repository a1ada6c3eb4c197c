//! Asks a database.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions, MySql, Postgres, Sqlite,
    mysql::{MySqlConnectOptions, MySqlSslMode},
    postgres::{PgConnectOptions, PgSslMode},
    sqlite::SqliteConnectOptions,
};
use tokio::time::Instant;

use super::{
    Sql,
    cells::Wanted,
    columns,
    connections::Connections,
    rows,
    url::{Kind, Place, Server},
};
use crate::directory::{
    backend::Failure, cells::Cells, limits::WholeList, remote::Times, template::Asked,
};

/// A database, and its connections.
pub(in crate::directory) struct Client {
    name: String,
    settings: Sql,
    connections: Kinds,
}

enum Kinds {
    Sqlite(Connections<Sqlite>),
    Postgres(Connections<Postgres>),
    Mysql(Connections<MySql>),
}

impl Client {
    /// One that is not connected yet.
    pub fn new(settings: Sql) -> Self {
        let (most, query) = (settings.connections, &settings.query);
        let timeout = settings.timeout.into();
        let question_mark = |_| "?".to_owned();
        let connections = match settings.url.target() {
            Place::Sqlite(_) => Kinds::Sqlite(Connections::new(most, query, None, question_mark)),
            Place::Server(server) => match server.kind {
                Kind::Postgres => {
                    let number = |number| format!("${number}");
                    let limit = Some(postgres_limit(timeout));
                    Kinds::Postgres(Connections::new(most, query, limit, number))
                }
                Kind::Mysql => {
                    let limit = Some(mysql_limit(timeout));
                    Kinds::Mysql(Connections::new(most, query, limit, question_mark))
                }
            },
        };
        Self {
            name: settings.url.to_string(),
            settings,
            connections,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn times(&self) -> Times {
        self.settings.times()
    }

    /// Whether the query finds a row.
    pub async fn lists(&self, asked: &Asked, deadline: Instant) -> Result<bool, Failure> {
        let rows = self.found(asked, Wanted::Any, deadline).await?;
        Ok(!rows.is_empty())
    }

    /// The rows that the query finds, each with its columns, up to the second.
    pub async fn rows_for(&self, asked: &Asked, deadline: Instant) -> Result<Vec<Cells>, Failure> {
        self.found(asked, Wanted::Columns, deadline).await
    }

    async fn found(
        &self,
        asked: &Asked,
        wanted: Wanted,
        deadline: Instant,
    ) -> Result<Vec<Cells>, Failure> {
        let most = wanted.most();
        match (&self.connections, self.settings.url.target()) {
            (Kinds::Sqlite(connections), Place::Sqlite(path)) => {
                let options = || Ok(sqlite(path, self.settings.timeout.into()));
                let rows = connections.ask(options, asked, most, deadline).await?;
                Ok(wanted.of(&rows))
            }
            (Kinds::Postgres(connections), Place::Server(server)) => {
                let options = || self.postgres(server);
                let rows = connections.ask(options, asked, most, deadline).await?;
                Ok(wanted.of(&rows))
            }
            (Kinds::Mysql(connections), Place::Server(server)) => {
                let options = || self.mysql(server);
                let rows = connections.ask(options, asked, most, deadline).await?;
                Ok(wanted.of(&rows))
            }
            // Each was made for the other.
            _ => Err(Failure::Down("it is another kind of database".to_owned())),
        }
    }

    /// The first column of all rows that a query finds.
    pub(super) async fn rows(&self, query: &str, limit: WholeList) -> Result<Vec<String>, String> {
        let WholeList { timeout, most } = limit;
        match self.settings.url.target() {
            Place::Sqlite(path) => {
                let options = sqlite(path, timeout);
                rows::of::<Sqlite>(&options, None, query, most).await
            }
            Place::Server(server) => match server.kind {
                Kind::Postgres => {
                    let (options, before) = (self.postgres(server)?, postgres_limit(timeout));
                    rows::of::<Postgres>(&options, Some(before), query, most).await
                }
                Kind::Mysql => {
                    let (options, before) = (self.mysql(server)?, mysql_limit(timeout));
                    rows::of::<MySql>(&options, Some(before), query, most).await
                }
            },
        }
    }

    /// The columns of the rows that the query finds, asked of a connection of its own.
    pub async fn columns(&self) -> Result<Vec<String>, String> {
        let query = &self.settings.query;
        let question_mark = |_| "?".to_owned();
        match self.settings.url.target() {
            Place::Sqlite(path) => {
                let options = sqlite(path, self.settings.timeout.into());
                columns::of::<Sqlite>(&options, query.text(question_mark)).await
            }
            Place::Server(server) => match server.kind {
                Kind::Postgres => {
                    let text = query.text(|number| format!("${number}"));
                    columns::of::<Postgres>(&self.postgres(server)?, text).await
                }
                Kind::Mysql => {
                    let text = query.text(question_mark);
                    columns::of::<MySql>(&self.mysql(server)?, text).await
                }
            },
        }
    }

    pub fn disconnect(&self) {
        match &self.connections {
            Kinds::Sqlite(connections) => connections.close(),
            Kinds::Postgres(connections) => connections.close(),
            Kinds::Mysql(connections) => connections.close(),
        }
    }

    /// The password is read again for each connection, so that a new one needs no reload.
    fn password(&self) -> Result<Option<String>, String> {
        let password = self.settings.password();
        password.map(|password| password.read()).transpose()
    }

    fn postgres(&self, server: &Server) -> Result<PgConnectOptions, String> {
        let mode = if self.settings.is_verified() {
            PgSslMode::VerifyFull
        } else {
            PgSslMode::Disable
        };
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(&server.host)
            .port(server.port)
            .username(&server.user)
            .database(&server.database)
            .application_name("backstop")
            .ssl_mode(mode)
            .disable_statement_logging();
        if let Some(folder) = &server.socket {
            options = options.socket(folder);
        }
        if let Some(password) = self.password()? {
            options = options.password(&password);
        }
        if let Some(ca) = &self.settings.ca {
            options = options.ssl_root_cert(ca);
        }
        Ok(options)
    }

    fn mysql(&self, server: &Server) -> Result<MySqlConnectOptions, String> {
        let mode = if self.settings.is_verified() {
            MySqlSslMode::VerifyIdentity
        } else {
            MySqlSslMode::Disabled
        };
        let mut options = MySqlConnectOptions::new()
            .host(&server.host)
            .port(server.port)
            .username(&server.user)
            .database(&server.database)
            .ssl_mode(mode)
            // The query means what it means in the server's own client.
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            .disable_statement_logging();
        if let Some(socket) = &server.socket {
            options = options.socket(socket);
        }
        if let Some(password) = self.password()? {
            options = options.password(&password);
        }
        if let Some(ca) = &self.settings.ca {
            options = options.ssl_ca(ca);
        }
        Ok(options)
    }
}

/// A file of somebody else's, which is read and neither made nor changed.
fn sqlite(path: &Path, busy: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .create_if_missing(false)
        .busy_timeout(busy)
        .disable_statement_logging()
}

/// Behind pgbouncer this can't be an option of the connection.
fn postgres_limit(timeout: Duration) -> String {
    format!("SET statement_timeout = {}", timeout.as_millis())
}

/// A lock is waited for in whole seconds. MariaDB and MySQL have different names for the rest, and each reads what
/// stands in a comment of its own.
fn mysql_limit(timeout: Duration) -> String {
    let milliseconds = timeout.as_millis();
    let seconds = timeout.as_secs_f64();
    format!(
        "SET SESSION lock_wait_timeout = {:.0}\
         /*M!100101 , SESSION max_statement_time = {seconds:.3} */\
         /*!50708 , SESSION max_execution_time = {milliseconds} */",
        seconds.ceil()
    )
}
