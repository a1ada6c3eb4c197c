//! One connection, between the kernel and the milter crate.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use milter::EitherStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
    time::{Sleep, sleep},
};

use super::{
    counters::OpenConnection,
    framing::{Framing, Violation},
    replies::Replies,
};

/// The maximum wait for the first packet to begin, for a packet that began to be complete, and for a reply to be read.
/// Between packets an MTA can idle; the milter crate bounds that.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads what the MTA writes, as long as it keeps to the protocol and is fast enough; else the connection is closed, and
/// the reason counted. What we write is held back where a reply follows that carries it along.
///
/// On the heap, because the milter crate moves it through several futures, and each has room for it.
#[derive(Debug)]
pub struct Stream(Box<Guarded>);

#[derive(Debug)]
struct Guarded {
    socket: EitherStream<TcpStream, UnixStream>,
    framing: Framing,
    /// What was checked and could not stay where it was read, such as a CONNECT that was kept until it was complete. It is
    /// mostly empty.
    checked: Vec<u8>,
    replies: Replies,
    violation: Option<Violation>,
    reading: Deadline,
    /// The packet that `reading` is for.
    timed_packet: Option<u64>,
    writing: Deadline,
    open: OpenConnection,
}

impl Stream {
    /// A connection that was just accepted.
    pub fn new(socket: EitherStream<TcpStream, UnixStream>, open: OpenConnection) -> Self {
        acknowledge_at_once(&socket);
        Self(Box::new(Guarded {
            socket,
            framing: Framing::new(),
            checked: Vec::new(),
            replies: Replies::default(),
            violation: None,
            reading: Deadline::default(),
            timed_packet: None,
            writing: Deadline::default(),
            open,
        }))
    }

    #[cfg(test)]
    pub(in crate::milter) fn socket(&self) -> &EitherStream<TcpStream, UnixStream> {
        &self.0.socket
    }
}

impl Guarded {
    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let now = self.checked.len().min(buf.remaining());
        buf.put_slice(self.checked.get(..now).unwrap_or_default());
        self.checked.drain(..now);
        if self.checked.is_empty() {
            self.checked = Vec::new();
        }
    }

    /// Pending while the MTA has time to write; then what it has done.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<Violation> {
        let begun = self.framing.begun();
        if begun > 0 && !self.framing.mid_packet() {
            self.reading.clear();
            if self.framing.between_messages() {
                self.replies.rest();
            }
            return Poll::Pending;
        }
        if self.timed_packet != Some(begun) {
            self.timed_packet = Some(begun);
            self.reading.clear();
        }
        ready!(self.reading.poll_passed(cx));
        Poll::Ready(match begun {
            0 => Violation::Silent,
            _ => Violation::SlowPacket,
        })
    }

    fn violated(&mut self, violation: Violation) {
        self.open.violated(violation);
        self.violation = Some(violation);
    }

    /// Writes all that waits.
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.replies.unwritten().is_empty() {
            // The crate flushes once more before it closes: the same error, without waiting.
            if self.violation == Some(Violation::SlowReader) {
                let kind = io::ErrorKind::TimedOut;
                return Poll::Ready(Err(io::Error::new(kind, Violation::SlowReader)));
            }
            let unwritten = self.replies.unwritten();
            match Pin::new(&mut self.socket).poll_write(cx, unwritten) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(written) => {
                    self.replies.wrote(written?);
                    self.writing.clear();
                }
                Poll::Pending => {
                    ready!(self.writing.poll_passed(cx));
                    self.violated(Violation::SlowReader);
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self.get_mut().0;
        // Whoever waits for the MTA owes it nothing.
        ready!(this.poll_write_out(cx))?;
        loop {
            if !this.checked.is_empty() {
                this.hand_over(buf);
                return Poll::Ready(Ok(()));
            }
            // Only now, after the good packets before it were read.
            if let Some(violation) = this.violation {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, violation)));
            }
            let start = buf.filled().len();
            match Pin::new(&mut this.socket).poll_read(cx, buf) {
                Poll::Ready(result) => result?,
                // The deadline counts only where nothing is there to read: while a callback runs, we do not read, and that is
                // not the MTA's fault.
                Poll::Pending => {
                    let violation = ready!(this.poll_too_slow(cx));
                    this.violated(violation);
                    continue;
                }
            }
            let Some(chunk @ [_, ..]) = buf.filled().get(start..) else {
                return Poll::Ready(Ok(()));
            };
            let passes = this.framing.passes(chunk);
            let rest = chunk.get(passes..).unwrap_or_default();
            if let Err(violation) = this.framing.filter(rest, &mut this.checked) {
                this.violated(violation);
            }
            buf.set_filled(start + passes);
            acknowledge_at_once(&this.socket);
            if passes > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self.get_mut().0;
        if this.replies.is_full() {
            ready!(this.poll_write_out(cx))?;
        }
        Poll::Ready(Ok(this.replies.take(buf)))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self.get_mut().0;
        if this.replies.due().is_empty() {
            return Poll::Ready(Ok(()));
        }
        this.poll_write_out(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self.get_mut().0;
        ready!(this.poll_write_out(cx))?;
        Pin::new(&mut this.socket).poll_shutdown(cx)
    }
}

/// An MTA that writes in small pieces waits for our ACK where no reply comes (NR_*). Linux falls back to delayed ACKs by
/// itself (tcp(7)), so the option is set again after every read.
fn acknowledge_at_once(socket: &EitherStream<TcpStream, UnixStream>) {
    if let EitherStream::Tcp(stream) = socket {
        let _ = stream.set_quickack(true);
    }
}

/// Begins when it is first polled.
#[derive(Debug, Default)]
struct Deadline(Option<Pin<Box<Sleep>>>);

impl Deadline {
    fn clear(&mut self) {
        self.0 = None;
    }

    fn poll_passed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.0.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        deadline.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::Instant,
    };

    use super::*;
    use crate::milter::Counters;

    const OPTNEG: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";

    fn connection() -> (UnixStream, Stream, Arc<Counters>) {
        let (mta, ours) = UnixStream::pair().unwrap();
        let counters = Arc::new(Counters::default());
        let open = counters.open(1).unwrap();
        (mta, Stream::new(EitherStream::Unix(ours), open), counters)
    }

    fn violation(error: &io::Error) -> Violation {
        *error
            .get_ref()
            .and_then(|inner| inner.downcast_ref())
            .unwrap()
    }

    #[tokio::test]
    async fn good_packets_are_read_before_the_bad_one_ends_the_connection() {
        let (mut mta, mut stream, counters) = connection();
        mta.write_all(OPTNEG).await.unwrap();
        mta.write_all(b"\0\0\0\x01x").await.unwrap();
        let mut read = Vec::new();
        let error = stream.read_to_end(&mut read).await.unwrap_err();
        assert_eq!(read, OPTNEG);
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(violation(&error), Violation::UnknownCommand);
        assert_eq!(
            counters.snapshot().violations,
            [(Violation::UnknownCommand, 1)].into()
        );
    }

    #[tokio::test]
    async fn a_held_back_connect_fits_into_any_buffer() {
        let (mut mta, mut stream, _) = connection();
        let connect = b"\0\0\0\x15Cc.example\x004\0\x19192.0.2.1\0";
        let length = connect.len() as u8 - 4;
        let mut session = [OPTNEG, connect].concat();
        session[OPTNEG.len() + 3] = length;
        for byte in &session {
            mta.write_u8(*byte).await.unwrap();
        }
        drop(mta);
        let mut read = Vec::new();
        let mut buf = [0; 3];
        loop {
            match stream.read(&mut buf).await.unwrap() {
                0 => break,
                n => read.extend_from_slice(&buf[..n]),
            }
        }
        assert_eq!(read, session);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_after_connecting_ends_it() {
        let (_mta, mut stream, counters) = connection();
        let start = Instant::now();
        let error = stream.read_u8().await.unwrap_err();
        assert_eq!(violation(&error), Violation::Silent);
        assert_eq!(start.elapsed().as_secs(), 30);
        drop(stream);
        assert_eq!(counters.snapshot().open, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dripping_packet_ends_it() {
        let (mut mta, mut stream, _) = connection();
        let start = Instant::now();
        let drip = tokio::spawn(async move {
            for byte in OPTNEG {
                sleep(Duration::from_secs(9)).await;
                if mta.write_u8(*byte).await.is_err() {
                    break;
                }
            }
        });
        let mut read = Vec::new();
        let error = stream.read_to_end(&mut read).await.unwrap_err();
        assert_eq!(violation(&error), Violation::SlowPacket);
        assert_eq!(start.elapsed().as_secs(), 9 + 30);
        drop(stream);
        drip.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn idling_between_packets_is_fine() {
        let (mut mta, mut stream, counters) = connection();
        mta.write_all(OPTNEG).await.unwrap();
        let mut read = [0; OPTNEG.len()];
        stream.read_exact(&mut read).await.unwrap();
        tokio::spawn(async move {
            sleep(Duration::from_secs(3600)).await;
            mta.write_all(b"\0\0\0\x01Q").await.unwrap();
        });
        let mut quit = [0; 5];
        stream.read_exact(&mut quit).await.unwrap();
        assert_eq!(quit, *b"\0\0\0\x01Q");
        assert_eq!(stream.read(&mut quit).await.unwrap(), 0);
        assert!(counters.snapshot().violations.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_ends_it() {
        let (_mta, mut stream, counters) = connection();
        let start = Instant::now();
        let error = stream.write_all(&vec![0; 16 << 20]).await.unwrap_err();
        assert_eq!(violation(&error), Violation::SlowReader);
        assert_eq!(start.elapsed().as_secs(), 30);
        assert!(stream.write_all(b"x").await.is_err());
        assert_eq!(start.elapsed().as_secs(), 30);
        assert_eq!(
            counters.snapshot().violations,
            [(Violation::SlowReader, 1)].into()
        );
    }
}
