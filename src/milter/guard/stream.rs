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
};

/// The maximum wait for the first packet to begin, for a packet that began to be complete, and for a reply to be read.
/// Between packets an MTA can idle; the milter crate bounds that.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads what the MTA writes, as long as it keeps to the protocol and is fast enough; else the connection is closed, and
/// the reason counted. What we write passes as it is.
#[derive(Debug)]
pub struct Stream {
    socket: EitherStream<TcpStream, UnixStream>,
    framing: Framing,
    /// What was read and checked, and did not fit into the milter crate's buffer. It is mostly empty; a CONNECT that was
    /// kept until it was complete can come out together with other packets.
    checked: Vec<u8>,
    violation: Option<Violation>,
    reading: Deadline,
    timed_packet: u64,
    writing: Deadline,
    open: OpenConnection,
}

impl Stream {
    /// A connection that was just accepted.
    pub(in crate::milter) fn new(
        socket: EitherStream<TcpStream, UnixStream>,
        open: OpenConnection,
    ) -> Self {
        let mut reading = Deadline::default();
        reading.set();
        acknowledge_at_once(&socket);
        Self {
            socket,
            framing: Framing::new(),
            checked: Vec::new(),
            violation: None,
            reading,
            timed_packet: 0,
            writing: Deadline::default(),
            open,
        }
    }

    #[cfg(test)]
    pub(in crate::milter) fn socket(&self) -> &EitherStream<TcpStream, UnixStream> {
        &self.socket
    }

    /// Takes what was read into `checked`, and sets or clears the deadline.
    fn check(&mut self, chunk: &[u8]) {
        if let Err(violation) = self.framing.filter(chunk, &mut self.checked) {
            self.violated(violation);
        }
        if !self.framing.mid_packet() {
            self.reading.clear();
        } else if self.framing.begun() != self.timed_packet {
            self.timed_packet = self.framing.begun();
            self.reading.set();
        }
    }

    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let (now, later) = self
            .checked
            .split_at(self.checked.len().min(buf.remaining()));
        buf.put_slice(now);
        // Most connections idle most of the time, so the buffer is given back.
        self.checked = later.to_vec();
    }

    fn violated(&mut self, violation: Violation) {
        self.open.violated(violation);
        self.violation = Some(violation);
    }

    fn too_slow(&self) -> Violation {
        match self.framing.begun() {
            0 => Violation::Silent,
            _ => Violation::SlowPacket,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
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
                    ready!(this.reading.poll_passed(cx));
                    this.violated(this.too_slow());
                    continue;
                }
            }
            let Some(chunk @ [_, ..]) = buf.filled().get(start..) else {
                return Poll::Ready(Ok(()));
            };
            this.check(chunk);
            buf.set_filled(start);
            acknowledge_at_once(&this.socket);
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // The crate flushes once more before it closes: the same error, without waiting.
        if this.violation != Some(Violation::SlowReader) {
            if let Poll::Ready(result) = Pin::new(&mut this.socket).poll_write(cx, buf) {
                this.writing.clear();
                return Poll::Ready(result);
            }
            this.writing.set_once();
            ready!(this.writing.poll_passed(cx));
            this.violated(Violation::SlowReader);
        }
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            Violation::SlowReader,
        )))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}

/// An MTA that writes in small pieces waits for our ACK where no reply comes (NR_*). Linux falls back to delayed ACKs by
/// itself (tcp(7)), so the option is set again after every read.
fn acknowledge_at_once(socket: &EitherStream<TcpStream, UnixStream>) {
    if let EitherStream::Tcp(stream) = socket {
        let _ = stream.set_quickack(true);
    }
}

#[derive(Debug, Default)]
struct Deadline(Option<Pin<Box<Sleep>>>);

impl Deadline {
    fn set(&mut self) {
        self.0 = Some(Box::pin(sleep(PATIENCE)));
    }

    fn set_once(&mut self) {
        if self.0.is_none() {
            self.set();
        }
    }

    fn clear(&mut self) {
        self.0 = None;
    }

    /// Pending for ever where no deadline is set.
    fn poll_passed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
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
