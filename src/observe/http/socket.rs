//! The sockets that pages are served on.

use std::{io, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
};

/// A socket that listens.
#[derive(Debug)]
pub enum HttpSocket {
    /// On a port.
    Tcp(Arc<TcpListener>),
    /// On a file.
    Unix(UnixListener),
}

/// Somebody who asks.
pub(super) struct Visitor {
    pub stream: Box<dyn Connection>,
    /// Whether it came by a loopback address or a file, as only who may log in here can.
    pub is_near: bool,
}

pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

impl HttpSocket {
    pub(super) async fn accept(&self) -> io::Result<Visitor> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                let local = stream.local_addr();
                Ok(Visitor {
                    is_near: local.is_ok_and(|local| local.ip().to_canonical().is_loopback()),
                    stream: Box::new(stream),
                })
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok(Visitor {
                    is_near: true,
                    stream: Box::new(stream),
                })
            }
        }
    }
}
