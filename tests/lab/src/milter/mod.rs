//! A milter client: the MTA's side of the protocol, by hand, for tests of the daemon.

mod reply;
mod stream;
pub mod wire;

pub use reply::{Change, Outcome, Reply};

use reply::Packet;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use stream::Stream;
use wire::{command, read_packet, step, strings, take_u32, write_packet};

/// How long the filter may take over one answer; Postfix's for a command.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one write to the filter holds of a body, at most; libmilter's chunk.
const BODY_CHUNK: usize = 65_535;

#[derive(Debug)]
pub struct Client {
    stream: Stream,
    agreed: Negotiated,
}

/// What the filter asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Negotiated {
    pub version: u32,
    /// The changes it may make.
    pub actions: u32,
    /// See [`wire::step`].
    pub steps: u32,
    /// The macros it wants, by stage: 0 connect, 1 HELO, 2 MAIL, 3 RCPT, 4 DATA, 5 end of message, 6 end of headers.
    pub macros: Vec<(u32, Vec<String>)>,
}

impl Negotiated {
    /// Reads the filter's answer.
    pub fn parse(data: &[u8]) -> io::Result<Self> {
        let (version, rest) = take_u32(data, "the version")?;
        let (actions, rest) = take_u32(rest, "the actions")?;
        let (steps, mut rest) = take_u32(rest, "the steps")?;
        let mut macros = Vec::new();
        while !rest.is_empty() {
            let (stage, after) = take_u32(rest, "a macro list's stage")?;
            let end = after
                .iter()
                .position(|&b| b == 0)
                .ok_or_else(|| io::Error::other("a macro list without its NUL"))?;
            let names = String::from_utf8(after[..end].to_vec()).map_err(io::Error::other)?;
            macros.push((stage, names.split_whitespace().map(str::to_owned).collect()));
            rest = &after[end + 1..];
        }
        Ok(Self {
            version,
            actions,
            steps,
            macros,
        })
    }
}

/// The client's address, as MTAs write it.
#[derive(Debug, Clone, Copy)]
pub enum Peer<'a> {
    /// As Postfix does.
    Inet(SocketAddr),
    /// As Sendmail does: `IPv6:` before an IPv6 address.
    Tagged(SocketAddr),
    Unix(&'a str),
    Unknown,
    /// Anything: family letter, port, address.
    Raw(u8, u16, &'a [u8]),
}

impl Peer<'_> {
    /// A stranger at this address, on the port 40000.
    pub fn at(addr: IpAddr) -> Self {
        Self::Inet(SocketAddr::new(addr, 40_000))
    }

    fn encode(self) -> Vec<u8> {
        let (family, port, address) = match self {
            Self::Inet(a) => (family(a), a.port(), a.ip().to_string().into_bytes()),
            Self::Tagged(a) => {
                let tag = if a.is_ipv6() { "IPv6:" } else { "" };
                (family(a), a.port(), format!("{tag}{}", a.ip()).into_bytes())
            }
            Self::Unix(path) => (b'L', 0, path.as_bytes().to_vec()),
            Self::Unknown => return vec![b'U'],
            Self::Raw(family, port, address) => (family, port, address.to_vec()),
        };
        [&[family][..], &port.to_be_bytes(), &address, b"\0"].concat()
    }
}

fn family(address: SocketAddr) -> u8 {
    if address.is_ipv6() { b'6' } else { b'4' }
}

impl Client {
    /// Connects over TCP and negotiates, offering all that protocol 6 has.
    pub fn tcp(filter: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&filter, PATIENCE)?;
        stream.set_nodelay(true)?;
        Self::over(Stream::Tcp(stream))
    }

    /// The same over a unix socket.
    pub fn unix(path: &Path) -> io::Result<Self> {
        Self::over(Stream::Unix(UnixStream::connect(path)?))
    }

    /// Connects over TCP, and says nothing yet: for [`Client::send`] and [`Client::negotiate`].
    pub fn silent(filter: SocketAddr) -> io::Result<Self> {
        let stream = Stream::Tcp(TcpStream::connect_timeout(&filter, PATIENCE)?);
        stream.patience(PATIENCE)?;
        Ok(Self {
            stream,
            agreed: Negotiated::default(),
        })
    }

    fn over(stream: Stream) -> io::Result<Self> {
        stream.patience(PATIENCE)?;
        let mut client = Self {
            stream,
            agreed: Negotiated::default(),
        };
        client.negotiate(wire::VERSION, wire::ALL_ACTIONS, step::ALL)?;
        Ok(client)
    }

    /// How long the filter may take over one answer; 30 seconds if not set.
    pub fn patience(&self, limit: Duration) -> io::Result<()> {
        self.stream.patience(limit)
    }

    pub fn negotiated(&self) -> &Negotiated {
        &self.agreed
    }

    /// Offers version, actions and steps, and keeps the filter's choice. It may not choose what wasn't offered.
    pub fn negotiate(&mut self, version: u32, actions: u32, steps: u32) -> io::Result<()> {
        let offer = [version, actions, steps].map(u32::to_be_bytes).concat();
        self.send_packet(command::NEGOTIATE, &offer)?;
        let (kind, data) = read_packet(&mut self.stream)?;
        if kind != command::NEGOTIATE {
            return Err(io::Error::other(format!(
                "the filter answers the negotiation with {:?}",
                char::from(kind)
            )));
        }
        let agreed = Negotiated::parse(&data)?;
        if agreed.version > version || agreed.actions & !actions != 0 || agreed.steps & !steps != 0
        {
            return Err(io::Error::other(format!(
                "the filter wants what was not offered: {agreed:?}"
            )));
        }
        self.agreed = agreed;
        Ok(())
    }

    /// The macros for a coming command, without braces where the name is one letter: `("i", ..)`, `("{auth_authen}", ..)`.
    pub fn macros(&mut self, command: u8, macros: &[(&str, &str)]) -> io::Result<()> {
        let pairs = macros
            .iter()
            .flat_map(|(n, v)| [n.as_bytes(), v.as_bytes()]);
        let data = [&[command][..], &strings(pairs)].concat();
        self.send_packet(command::MACROS, &data)
    }

    pub fn connect(&mut self, hostname: &str, peer: Peer<'_>) -> io::Result<Reply> {
        let data = [hostname.as_bytes(), b"\0", &peer.encode()].concat();
        self.stage(command::CONNECT, &data, step::NO_CONNECT, step::NR_CONNECT)
    }

    pub fn helo(&mut self, name: &str) -> io::Result<Reply> {
        let data = strings([name.as_bytes()]);
        self.stage(command::HELO, &data, step::NO_HELO, step::NR_HELO)
    }

    /// `sender` without angle brackets; ESMTP parameters one by one.
    pub fn mail(&mut self, sender: &str, esmtp: &[&str]) -> io::Result<Reply> {
        let data = path_and_parameters(sender, esmtp);
        self.stage(command::MAIL, &data, step::NO_MAIL, step::NR_MAIL)
    }

    /// `recipient` without angle brackets; ESMTP parameters one by one.
    pub fn rcpt(&mut self, recipient: &str, esmtp: &[&str]) -> io::Result<Reply> {
        let data = path_and_parameters(recipient, esmtp);
        self.stage(command::RCPT, &data, step::NO_RCPT, step::NR_RCPT)
    }

    pub fn data(&mut self) -> io::Result<Reply> {
        self.stage(command::DATA, &[], step::NO_DATA, step::NR_DATA)
    }

    /// One header field. With [`step::HEADER_LEADING_SPACE`] agreed on, the space after the colon is part of the value.
    pub fn header(&mut self, name: &[u8], value: &[u8]) -> io::Result<Reply> {
        let data = strings([name, value]);
        self.stage(command::HEADER, &data, step::NO_HEADERS, step::NR_HEADER)
    }

    pub fn eoh(&mut self) -> io::Result<Reply> {
        self.stage(
            command::END_OF_HEADERS,
            &[],
            step::NO_END_OF_HEADERS,
            step::NR_END_OF_HEADERS,
        )
    }

    /// The body in chunks as an MTA cuts it, until the filter wants no more.
    pub fn body(&mut self, bytes: &[u8]) -> io::Result<Reply> {
        for chunk in bytes.chunks(BODY_CHUNK) {
            let reply = self.stage(command::BODY, chunk, step::NO_BODY, step::NR_BODY)?;
            if reply != Reply::Continue {
                return Ok(reply);
            }
        }
        Ok(Reply::Continue)
    }

    /// The end of the message: the changes, and the verdict.
    pub fn eom(&mut self) -> io::Result<Outcome> {
        self.send_packet(command::END_OF_MESSAGE, &[])?;
        let mut changes = Vec::new();
        loop {
            match self.packet()? {
                Packet::Change(change) => changes.push(change),
                Packet::Progress => {}
                Packet::Reply(reply) => return Ok(Outcome { changes, reply }),
            }
        }
    }

    /// Ends the message, not the session. The filter doesn't answer.
    pub fn abort(&mut self) -> io::Result<()> {
        self.send_packet(command::ABORT, &[])
    }

    /// Ends the session; the connection stays for another, that begins with [`Client::connect`].
    pub fn quit_new_connection(&mut self) -> io::Result<()> {
        self.send_packet(command::QUIT_NEW_CONNECTION, &[])
    }

    /// Ends session and connection, and waits for the filter to close its side.
    pub fn quit(mut self) -> io::Result<()> {
        self.send_packet(command::QUIT, &[])?;
        // To the end, for a signal may interrupt a single read.
        match io::copy(&mut self.stream.take(1), &mut io::sink())? {
            0 => Ok(()),
            _ => Err(io::Error::other("the filter says something after QUIT")),
        }
    }

    /// A packet of any type and content. No answer is read.
    pub fn send_packet(&mut self, kind: u8, data: &[u8]) -> io::Result<()> {
        write_packet(&mut self.stream, kind, data)
    }

    /// Bytes as they are, packet or not.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next answer of the filter.
    pub fn reply(&mut self) -> io::Result<Reply> {
        loop {
            match self.packet()? {
                Packet::Reply(reply) => return Ok(reply),
                Packet::Progress => {}
                Packet::Change(change) => {
                    return Err(io::Error::other(format!(
                        "the filter changes the message before its end: {change:?}"
                    )));
                }
            }
        }
    }

    /// A stage that the filter doesn't want is not sent, and an answer it won't give is not awaited: both continue.
    fn stage(
        &mut self,
        kind: u8,
        data: &[u8],
        unwanted: u32,
        unanswered: u32,
    ) -> io::Result<Reply> {
        if self.agreed.steps & unwanted != 0 {
            return Ok(Reply::Continue);
        }
        self.send_packet(kind, data)?;
        if self.agreed.steps & unanswered != 0 {
            return Ok(Reply::Continue);
        }
        self.reply()
    }

    fn packet(&mut self) -> io::Result<Packet> {
        let (kind, data) = read_packet(&mut self.stream)?;
        reply::parse(kind, &data)
    }
}

fn path_and_parameters(path: &str, esmtp: &[&str]) -> Vec<u8> {
    let path = format!("<{path}>");
    strings(std::iter::once(path.as_bytes()).chain(esmtp.iter().map(|p| p.as_bytes())))
}
