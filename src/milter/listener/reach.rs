//! Checks whether a daemon listens on an address.

use std::{io, time::Duration};

use tokio::{
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::address::ListenAddress;

/// The maximum wait for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Connects, and closes the connection without sending anything.
///
/// # Errors
/// What the system says, or that nothing came in 3 s.
pub async fn reach(address: &ListenAddress) -> io::Result<()> {
    let connected = async {
        match address {
            ListenAddress::Inet { host, port, .. } => {
                TcpStream::connect((host.as_str(), *port)).await.map(drop)
            }
            ListenAddress::Unix(path) => UnixStream::connect(path).await.map(drop),
        }
    };
    timeout(PATIENCE, connected)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
