//! Connecting: the address, TLS, the password, and the schema.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    RedisConnectionInfo, RedisResult, TlsCertificates, aio::MultiplexedConnection, cmd,
};

use super::{LONGEST, failure::unavailable};
use crate::{
    server::read_file,
    store::{
        Reason, Unavailable,
        url::{Address, RedisServer},
    },
};

/// How long a connection may take, with TLS and the password.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a batch may take; questions have less.
const ANSWER: Duration = Duration::from_secs(10);
/// The version of the schema, which is part of each key: `backstop:1:`.
const SCHEMA: u64 = 1;
const SCHEMA_KEY: &str = "backstop:schema";

/// A connection to a server with our schema.
pub(super) async fn connect(
    name: &str,
    server: &RedisServer,
) -> Result<MultiplexedConnection, Unavailable> {
    let failed = |error| unavailable(name, error);
    let client = client(name, server)?;
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
    Ok(connection)
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

fn client(name: &str, server: &RedisServer) -> Result<Client, Unavailable> {
    let unusable = |text| Unavailable::new(Reason::Denied, format!("{name}: {text}"));
    let mut login = RedisConnectionInfo::default().set_db(server.database);
    if let Some(user) = &server.user {
        login = login.set_username(user);
    }
    if let Some(password) = &server.password {
        login = login.set_password(password.read().map_err(unusable)?);
    }
    let client = match &server.address {
        Address::Tcp(host, port) => open(ConnectionAddr::Tcp(host.clone(), *port), login, None),
        Address::Unix(path) => open(ConnectionAddr::Unix(path.clone()), login, None),
        Address::Tls(host, port, ca) => {
            let address = ConnectionAddr::TcpTls {
                host: host.clone(),
                port: *port,
                insecure: false,
                tls_params: None,
            };
            let ca = match ca {
                Some(path) => Some(read_file(path).map_err(unusable)?),
                None => None,
            };
            open(address, login, ca)
        }
    };
    client.map_err(|error| unavailable(name, error))
}

/// `ca` has the certificates to trust instead of the system's, in PEM.
fn open(
    address: ConnectionAddr,
    login: RedisConnectionInfo,
    ca: Option<Vec<u8>>,
) -> RedisResult<Client> {
    let info: ConnectionInfo = address.into_connection_info()?.set_redis_settings(login);
    let Some(root_cert) = ca else {
        return Client::open(info);
    };
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert: Some(root_cert),
    };
    Client::build_with_tls(info, certificates)
}
