//! Checks whether a daemon serves at an address.

use std::{io, time::Duration};

use milter::EitherStream;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::address::ListenAddress;

/// The maximum wait for an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// The offer of Postfix: version 6, all actions and all that can be left out.
const OFFER: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";
const QUIT: &[u8] = b"\0\0\0\x01Q";
/// The longest answer; the names of macros are in it.
const MAX_ANSWER: u32 = 4096;

/// Connects, and negotiates as an MTA does: a daemon that hangs still has its connections accepted, by the kernel.
///
/// # Errors
/// What the system says, or that nothing came in 3 s.
pub async fn reach(address: &ListenAddress) -> io::Result<()> {
    let negotiated = async {
        negotiate(match address {
            ListenAddress::Inet { host, port, .. } => {
                EitherStream::Tcp(TcpStream::connect((host.as_str(), *port)).await?)
            }
            ListenAddress::Unix(path) => EitherStream::Unix(UnixStream::connect(path).await?),
        })
        .await
    };
    timeout(PATIENCE, negotiated)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Offers what an MTA offers, reads the answer, and says good-bye.
pub(super) async fn negotiate(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let no_milter = || io::Error::new(io::ErrorKind::InvalidData, "what answers is no milter");
    let closed = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => {
            io::Error::new(error.kind(), "it closes connections at once")
        }
        _ => error,
    };
    stream.write_all(OFFER).await.map_err(closed)?;
    let length = stream.read_u32().await.map_err(closed)?;
    if !(1..=MAX_ANSWER).contains(&length) {
        return Err(no_milter());
    }
    let mut answer = Vec::new();
    let mut rest = (&mut stream).take(length.into());
    rest.read_to_end(&mut answer).await?;
    if answer.first() != Some(&b'O') {
        return Err(no_milter());
    }
    // Who has answered may close at once.
    let _ = stream.write_all(QUIT).await;
    Ok(())
}
