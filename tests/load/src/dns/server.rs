//! The sockets: one port, UDP and TCP.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    Known,
    packet::{answer, question},
};

/// How often a thread without work looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

type Zone = dyn Fn(&str) -> Known + Send + Sync;

/// A running server; dropping it ends it.
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    zone: Box<Zone>,
    delay: AtomicU64,
    silent: AtomicBool,
    asked: AtomicU64,
    ended: AtomicBool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

impl Dns {
    /// Answers over UDP and TCP on this address, from this function: it gets the name in lower case, without its last dot.
    ///
    /// # Errors
    /// The address can't be had.
    pub fn start(
        address: SocketAddr,
        zone: impl Fn(&str) -> Known + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let (udp, tcp) = bind(address)?;
        let address = udp.local_addr()?;
        udp.set_nonblocking(true)?;
        tcp.set_nonblocking(true)?;
        let state = Arc::new(State {
            zone: Box::new(zone),
            delay: AtomicU64::new(0),
            silent: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        thread::Builder::new()
            .name("dns".to_owned())
            .spawn(move || {
                // Only the end of the sockets ends it, and then those who ask see it.
                let _ = serve(&udp, &tcp, &shared);
            })?;
        Ok(Self { address, state })
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How long each answer takes from now on.
    pub fn set_delay(&self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.state.delay.store(micros, Ordering::Relaxed);
    }

    /// Whether there are no answers at all from now on.
    pub fn set_silent(&self, silent: bool) {
        self.state.silent.store(silent, Ordering::Relaxed);
    }

    /// How many questions there were.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.state.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
    }
}

impl State {
    /// The answer to a packet, if there is to be one.
    fn answer(&self, packet: &[u8], udp: bool) -> Option<Vec<u8>> {
        let question = question(packet)?;
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.silent.load(Ordering::Relaxed) {
            return None;
        }
        answer(packet, &question, &(self.zone)(&question.name), udp)
    }

    fn delay(&self) -> Duration {
        Duration::from_micros(self.delay.load(Ordering::Relaxed))
    }
}

/// An answer that is to be sent at its time.
type Waiting = Reverse<(Instant, SocketAddr, Vec<u8>)>;

/// Both sockets on one port. The one that the kernel gives for UDP can be another's for TCP.
fn bind(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries = if address.port() == 0 { 100 } else { 1 };
    loop {
        tries -= 1;
        let udp = UdpSocket::bind(address)?;
        match TcpListener::bind(udp.local_addr()?) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            tcp => return Ok((udp, tcp?)),
        }
    }
}

fn serve(udp: &UdpSocket, tcp: &TcpListener, state: &Arc<State>) -> io::Result<()> {
    let mut waiting: BinaryHeap<Waiting> = BinaryHeap::new();
    let mut buffer = [0; 4096];
    while !state.ended.load(Ordering::Relaxed) {
        let now = Instant::now();
        while waiting.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
            if let Some(Reverse((_, to, bytes))) = waiting.pop() {
                // Who asked may be gone.
                let _ = udp.send_to(&bytes, to);
            }
        }
        let due = waiting
            .peek()
            .map(|Reverse((due, ..))| due.saturating_duration_since(now));
        let wait = due.unwrap_or(LOOK).min(LOOK);
        let wait = Timespec {
            tv_sec: 0,
            tv_nsec: wait.subsec_nanos().into(),
        };
        let mut sockets = [
            PollFd::new(udp, PollFlags::IN),
            PollFd::new(tcp, PollFlags::IN),
        ];
        match poll(&mut sockets, Some(&wait)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        while let Ok((length, from)) = udp.recv_from(&mut buffer) {
            let answer = state.answer(buffer.get(..length).unwrap_or_default(), true);
            match (answer, state.delay()) {
                (Some(bytes), Duration::ZERO) => {
                    let _ = udp.send_to(&bytes, from);
                }
                (Some(bytes), delay) => {
                    waiting.push(Reverse((Instant::now() + delay, from, bytes)));
                }
                (None, _) => {}
            }
        }
        while let Ok((stream, _)) = tcp.accept() {
            let state = Arc::clone(state);
            thread::Builder::new().spawn(move || connection(stream, &state))?;
        }
    }
    Ok(())
}

/// Few ask over TCP: each connection has a thread.
fn connection(mut stream: TcpStream, state: &State) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut packet = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut packet)?;
        if let Some(bytes) = state.answer(&packet, false) {
            thread::sleep(state.delay());
            let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
            stream.write_all(&[&length.to_be_bytes()[..], &bytes].concat())?;
        }
    }
}
