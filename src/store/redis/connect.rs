//! Connecting: the address, TLS, the password, and the schema.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    RedisConnectionInfo, RedisResult, TlsCertificates, aio::MultiplexedConnection, cmd,
};

use super::{LONGEST, failure::unavailable, sentinels::master};
use crate::{
    server::{Password, read_file},
    store::{
        Reason, Unavailable,
        url::{Address, RedisServer, Tls},
    },
};

/// How long a connection may take, with TLS and the password.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a batch may take; questions have less.
const ANSWER: Duration = Duration::from_secs(10);
/// The version of the schema, which is part of each key: `backstop:1:`.
const SCHEMA: u64 = 1;
const SCHEMA_KEY: &str = "backstop:schema";

/// A connection to a server with our schema, and the address of that server.
pub(super) async fn connect(
    name: &str,
    server: &RedisServer,
) -> Result<(MultiplexedConnection, String), Unavailable> {
    let failed = |error| unavailable(name, error);
    let client = client(name, server).await?;
    let settings = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(ANSWER));
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&settings)
        .await
        .map_err(failed)?;
    let schema = schema(&mut connection).await.map_err(failed)?;
    if schema > SCHEMA {
        let text = format!(
            "{name} has schema {schema} of a newer Backstop: run that version, or use another database"
        );
        return Err(Unavailable::new(Reason::Newer, text));
    }
    let at = client.get_connection_info().addr().to_string();
    Ok((connection, at))
}

/// The schema of the server; if it has none, it gets ours.
async fn schema(connection: &mut MultiplexedConnection) -> RedisResult<u64> {
    let stored: Option<u64> = cmd("GET").arg(SCHEMA_KEY).query_async(connection).await?;
    if stored.is_none() {
        // A replica or a full server refuses this, and can be read nevertheless. This key outlives all others.
        let mut set = cmd("SET");
        set.arg(SCHEMA_KEY)
            .arg(SCHEMA)
            .arg("NX")
            .arg("EX")
            .arg(LONGEST);
        let _ = set.exec_async(connection).await;
    }
    Ok(stored.unwrap_or(SCHEMA))
}

/// A client of the server; of the master, where sentinels know it.
pub(super) async fn client(name: &str, server: &RedisServer) -> Result<Client, Unavailable> {
    let unusable = |text| Unavailable::new(Reason::Denied, format!("{name}: {text}"));
    let login = login(server.user.as_deref(), server.password.as_ref())
        .map_err(unusable)?
        .set_db(server.database);
    let client = match &server.address {
        Address::BySentinels(sentinels) => return master(name, sentinels, login).await,
        Address::Tcp(host, port) => open(ConnectionAddr::Tcp(host.clone(), *port), login, None),
        Address::Unix(path) => open(ConnectionAddr::Unix(path.clone()), login, None),
        Address::Tls(host, port, tls) => {
            let certificates = tls.certificates().map_err(unusable)?;
            open(with_tls(host, *port), login, certificates)
        }
    };
    client.map_err(|error| unavailable(name, error))
}

/// # Errors
/// The password can't be read from its file.
pub(super) fn login(
    user: Option<&str>,
    password: Option<&Password>,
) -> Result<RedisConnectionInfo, String> {
    let mut login = RedisConnectionInfo::default();
    if let Some(user) = user {
        login = login.set_username(user);
    }
    if let Some(password) = password {
        login = login.set_password(password.read()?);
    }
    Ok(login)
}

pub(super) fn with_tls(host: &str, port: u16) -> ConnectionAddr {
    ConnectionAddr::TcpTls {
        host: host.to_owned(),
        port,
        insecure: false,
        tls_params: None,
    }
}

impl Tls {
    /// The certificates that are believed instead of the system's.
    ///
    /// # Errors
    /// The file can't be read.
    pub(super) fn certificates(&self) -> Result<Option<TlsCertificates>, String> {
        let root_cert = self.ca.as_deref().map(read_file).transpose()?;
        Ok(root_cert.map(|root_cert| TlsCertificates {
            client_tls: None,
            root_cert: Some(root_cert),
        }))
    }
}

fn open(
    address: ConnectionAddr,
    login: RedisConnectionInfo,
    certificates: Option<TlsCertificates>,
) -> RedisResult<Client> {
    let info: ConnectionInfo = address.into_connection_info()?.set_redis_settings(login);
    match certificates {
        None => Client::open(info),
        Some(certificates) => Client::build_with_tls(info, certificates),
    }
}
