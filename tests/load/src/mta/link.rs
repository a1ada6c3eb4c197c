//! One connection to the filter.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    time::Instant,
};

use super::{
    Target,
    script::{Step, packet},
};

/// What Postfix's streams write at once, at most (VSTREAM_BUFSIZE), in octets.
const WRITE: usize = 4096;

/// Digits of a serial number.
pub(super) type Serial = [u8; 10];

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// The answer to the negotiation is awaited.
    Negotiation,
    /// The answer to this step of the session.
    Session(usize),
    /// Nothing: no message is due.
    Idle,
    /// The answer to this step of the message.
    Message(usize),
}

#[derive(Debug)]
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// A connection, and what is known of its message.
#[derive(Debug)]
pub(super) struct Link {
    stream: Stream,
    output: Vec<u8>,
    written: usize,
    input: Vec<u8>,
    read: usize,
    /// Whether the kernel has no room for what is to be written.
    pub(super) is_stuck: bool,
    pub(super) at: At,
    /// Messages still to be sent over it.
    pub(super) left: usize,
    /// Which of the mails is on its way.
    pub(super) mail: usize,
    pub(super) began: Instant,
    pub(super) serial: Serial,
    pub(super) recipients: usize,
}

impl Link {
    /// Connects.
    pub(super) fn open(target: &Target, messages: usize) -> io::Result<Self> {
        let began = Instant::now();
        let stream = match target {
            Target::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Stream::Unix(stream)
            }
            Target::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nonblocking(true)?;
                Stream::Tcp(stream)
            }
        };
        Ok(Self {
            stream,
            output: Vec::new(),
            written: 0,
            input: Vec::new(),
            read: 0,
            is_stuck: false,
            at: At::Negotiation,
            left: messages,
            mail: 0,
            began,
            serial: Serial::default(),
            recipients: 0,
        })
    }

    /// Adds a packet to what is to be written.
    pub(super) fn say(&mut self, kind: u8, data: &[u8]) -> io::Result<()> {
        packet(&mut self.output, kind, data)
    }

    /// Adds a step, with the serial number of the message in its places.
    pub(super) fn add(&mut self, step: &Step) {
        let start = self.output.len();
        self.output.extend_from_slice(&step.bytes);
        for place in &step.serials {
            let place = start + place;
            if let Some(room) = self.output.get_mut(place..place + self.serial.len()) {
                room.copy_from_slice(&self.serial);
            }
        }
    }

    /// Writes what there is, as far as the kernel takes it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.is_stuck = false;
        while let Some(rest @ [_, ..]) = self.output.get(self.written..) {
            let piece = rest.get(..WRITE).unwrap_or(rest);
            let written = match &mut self.stream {
                Stream::Unix(stream) => stream.write(piece),
                Stream::Tcp(stream) => stream.write(piece),
            };
            match written {
                Ok(octets) => self.written += octets,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_stuck = true;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.written = 0;
        Ok(())
    }

    /// Reads what is there into `buffer`, and keeps it. Says whether the filter is still connected.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let read = match &mut self.stream {
            Stream::Unix(stream) => stream.read(buffer),
            Stream::Tcp(stream) => stream.read(buffer),
        };
        match read {
            Ok(octets) => {
                self.input
                    .extend_from_slice(buffer.get(..octets).unwrap_or_default());
                Ok(octets > 0)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The next packet that is there completely: its type, and its data.
    pub(super) fn packet(&mut self) -> Option<(u8, &[u8])> {
        let unread = self.input.get(self.read..)?;
        let whole = unread
            .split_first_chunk::<4>()
            .map(|(length, _)| u32::from_be_bytes(*length) as usize + 4)
            .filter(|whole| *whole > 4 && *whole <= unread.len());
        let Some(whole) = whole else {
            self.input.drain(..self.read);
            self.read = 0;
            return None;
        };
        let start = self.read;
        self.read += whole;
        let (kind, data) = self.input.get(start + 4..self.read)?.split_first()?;
        Some((*kind, data))
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.stream {
            Stream::Unix(stream) => stream.as_fd(),
            Stream::Tcp(stream) => stream.as_fd(),
        }
    }
}
