//! An SMTP client that does as it is told: any bytes, from any loopback address, as any client (XCLIENT).

use data_encoding::BASE64;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// The longest reply line we read: twice RFC 5321 4.5.3.1.5.
const LONGEST_LINE: u64 = 1024;

/// How long one read or write may take; above a milter's usual budgets, below a test's patience.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Client {
    reader: BufReader<TcpStream>,
    /// What the server said on connecting.
    pub greeting: Reply,
}

/// Who we claim to be (Postfix XCLIENT). `None` says that it is not known.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    pub addr: IpAddr,
    /// The verified name.
    pub name: Option<&'a str>,
    pub helo: Option<&'a str>,
    /// The authenticated user.
    pub login: Option<&'a str>,
}

impl Identity<'_> {
    /// A nameless stranger at `addr`.
    pub fn stranger(addr: IpAddr) -> Self {
        Self {
            addr,
            name: None,
            helo: None,
            login: None,
        }
    }
}

impl Client {
    /// Connects and reads the greeting.
    pub fn connect(server: SocketAddr) -> io::Result<Self> {
        Self::greeted(TcpStream::connect_timeout(&server, PATIENCE)?)
    }

    /// The same from the address `source` of this machine: all of 127.0.0.0/8 will do.
    pub fn connect_from(server: SocketAddr, source: IpAddr) -> io::Result<Self> {
        use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
        let family = match server {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        bind(&socket, &SocketAddr::new(source, 0))?;
        connect(&socket, &server)?;
        Self::greeted(TcpStream::from(socket))
    }

    /// Sends all at once, and resets the connection before the server can ask who it is.
    pub fn send_and_reset(server: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.write_all(bytes)?;
        rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
        Ok(())
    }

    fn greeted(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        let greeting = read_reply(&mut reader)?;
        Ok(Self { reader, greeting })
    }

    /// How long one read or write may take; 30 seconds if not set.
    pub fn patience(&self, limit: Duration) -> io::Result<()> {
        self.reader.get_ref().set_read_timeout(Some(limit))?;
        self.reader.get_ref().set_write_timeout(Some(limit))
    }

    pub fn ehlo(&mut self, name: &str) -> io::Result<Reply> {
        self.command(format!("EHLO {name}").as_bytes())
    }

    /// Becomes somebody else. Postfix starts the session anew: EHLO comes next.
    pub fn xclient(&mut self, who: &Identity<'_>) -> io::Result<Reply> {
        let mut line = String::from("XCLIENT ADDR=");
        if who.addr.is_ipv6() {
            line.push_str("IPV6:");
        }
        let _ = write!(line, "{}", who.addr);
        // Postfix keeps what it isn't told, and that would be the true client's.
        for (attribute, value) in [("NAME", who.name), ("HELO", who.helo), ("LOGIN", who.login)] {
            let value = value.map_or_else(|| "[UNAVAILABLE]".to_owned(), xtext);
            let _ = write!(line, " {attribute}={value}");
        }
        self.command(line.as_bytes())
    }

    /// AUTH PLAIN (RFC 4616).
    pub fn auth_plain(&mut self, user: &str, password: &str) -> io::Result<Reply> {
        let response = BASE64.encode(format!("\0{user}\0{password}").as_bytes());
        self.command(format!("AUTH PLAIN {response}").as_bytes())
    }

    /// `sender` without angle brackets; "" is the null sender.
    pub fn mail(&mut self, sender: &str) -> io::Result<Reply> {
        self.command(format!("MAIL FROM:<{sender}>").as_bytes())
    }

    /// `recipient` without angle brackets.
    pub fn rcpt(&mut self, recipient: &str) -> io::Result<Reply> {
        self.command(format!("RCPT TO:<{recipient}>").as_bytes())
    }

    /// DATA and the message, dots doubled, all other bytes as they are: lines must end in CRLF already. Gives the final
    /// reply, or the one to DATA if that was not 354.
    pub fn data(&mut self, message: &[u8]) -> io::Result<Reply> {
        let reply = self.command(b"DATA")?;
        if reply.code != 354 {
            return Ok(reply);
        }
        let mut bytes = Vec::with_capacity(message.len() + 8);
        for line in message.split_inclusive(|&b| b == b'\n') {
            if line.starts_with(b".") {
                bytes.push(b'.');
            }
            bytes.extend_from_slice(line);
        }
        if !bytes.is_empty() && !bytes.ends_with(b"\r\n") {
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b".\r\n");
        self.send(&bytes)?;
        self.reply()
    }

    /// MAIL, RCPT, DATA for one recipient; gives the first refusal, or the reply to the message.
    pub fn message(&mut self, sender: &str, recipient: &str, message: &[u8]) -> io::Result<Reply> {
        for reply in [self.mail(sender)?, self.rcpt(recipient)?] {
            if !reply.is_positive() {
                return Ok(reply);
            }
        }
        self.data(message)
    }

    pub fn rset(&mut self) -> io::Result<Reply> {
        self.command(b"RSET")
    }

    pub fn quit(mut self) -> io::Result<Reply> {
        self.command(b"QUIT")
    }

    /// Sends any bytes and CRLF, and reads the reply.
    pub fn command(&mut self, line: &[u8]) -> io::Result<Reply> {
        self.send(&[line, b"\r\n"].concat())?;
        self.reply()
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    pub fn reply(&mut self) -> io::Result<Reply> {
        read_reply(&mut self.reader)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    /// The enhanced status code (RFC 2034) of the first line, if there is one: `5.7.23`.
    pub enhanced: Option<String>,
    /// The text of each line, after code and enhanced code; printable ASCII if the server keeps to RFC 5321 4.2.
    pub lines: Vec<String>,
}

impl Reply {
    /// 2xx or 3xx.
    pub fn is_positive(&self) -> bool {
        self.code < 400
    }

    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}

fn read_reply(reader: &mut impl BufRead) -> io::Result<Reply> {
    let mut reply: Option<Reply> = None;
    loop {
        let mut bytes = Vec::new();
        reader
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server closed the connection",
            ));
        }
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end_matches(['\r', '\n']);
        let malformed = || io::Error::other(format!("not an SMTP reply: {line:?}"));
        let code = line
            .get(..3)
            .and_then(|c| c.parse().ok())
            .ok_or_else(malformed)?;
        let last = match line.as_bytes().get(3) {
            None | Some(b' ') => true,
            Some(b'-') => false,
            Some(_) => return Err(malformed()),
        };
        let (enhanced, text) = split_enhanced(line.get(4..).unwrap_or_default());
        let reply = reply.get_or_insert(Reply {
            code,
            enhanced,
            lines: Vec::new(),
        });
        if reply.code != code {
            return Err(malformed());
        }
        reply.lines.push(text.to_owned());
        if last {
            return Ok(reply.clone());
        }
    }
}

fn split_enhanced(text: &str) -> (Option<String>, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let numbers: Vec<&str> = word.split('.').collect();
    let is_code = numbers.len() == 3
        && matches!(numbers[0], "2" | "4" | "5")
        && numbers
            .iter()
            .all(|n| (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()));
    if is_code {
        (Some(word.to_owned()), rest)
    } else {
        (None, text)
    }
}

/// RFC 3461 section 4, as XCLIENT wants it.
fn xtext(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match byte {
            b'+' | b'=' => {
                let _ = write!(out, "+{byte:02X}");
            }
            b'!'..=b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "+{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies() {
        let wire =
            b"250-mx\r\n250 HELP\r\n550-5.7.23 no\r\n550 5.7.23 really\r\n354 go\r\n220 1.2 x\r\n";
        let mut reader = BufReader::new(&wire[..]);
        let mut next = || read_reply(&mut reader).unwrap();
        assert_eq!(next().lines, ["mx", "HELP"]);
        let refused = next();
        assert_eq!(refused.code, 550);
        assert_eq!(refused.enhanced.as_deref(), Some("5.7.23"));
        assert_eq!(refused.lines, ["no", "really"]);
        assert_eq!(next().enhanced, None);
        assert_eq!(next().lines, ["1.2 x"]);
        assert_eq!(
            read_reply(&mut reader).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }

    #[test]
    fn what_is_no_reply() {
        for wire in [
            "hello\r\n",
            "25\r\n",
            "250x\r\n",
            "250-a\r\n251 b\r\n",
            "\r\n",
        ] {
            assert!(
                read_reply(&mut BufReader::new(wire.as_bytes())).is_err(),
                "{wire:?}"
            );
        }
    }

    #[test]
    fn xtext_of_odd_names() {
        assert_eq!(xtext("a+b =c"), "a+2Bb+20+3Dc");
        assert_eq!(xtext("ü"), "+C3+BC");
    }
}
