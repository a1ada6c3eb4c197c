//! An SMTP server that takes everything and hands it to the test as it came.

use crate::{mta::PATIENCE, process::wait_until};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A message, and the envelope it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub client: IpAddr,
    /// Without angle brackets; "" is the null sender.
    pub sender: String,
    /// What stood behind the sender: `SIZE=700 BODY=8BITMIME`.
    pub parameters: String,
    /// Without angle brackets.
    pub recipients: Vec<String>,
    /// What stood behind each of them: `NOTIFY=NEVER`.
    pub recipient_parameters: Vec<String>,
    /// Byte for byte, lines ending in CRLF, dots undone.
    pub message: Vec<u8>,
}

/// Listens until the process ends.
#[derive(Debug)]
pub struct Sink {
    addr: SocketAddr,
    mail: Arc<Mutex<Vec<Mail>>>,
}

impl Sink {
    /// Listens on a port of its own of 127.0.0.1.
    pub fn start() -> io::Result<Self> {
        Self::start_saying(EHLO, |_| false)
    }

    /// The same for a next hop that doesn't take all recipients, over SMTP or LMTP.
    pub fn start_refusing(refuses: fn(&str) -> bool) -> io::Result<Self> {
        Self::start_saying(EHLO, refuses)
    }

    /// The same without 8BITMIME: what is not ASCII must be encoded before it is sent here.
    pub fn start_7bit() -> io::Result<Self> {
        Self::start_saying(EHLO_7BIT, |_| false)
    }

    fn start_saying(ehlo: &'static [u8], refuses: fn(&str) -> bool) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let sink = Self {
            addr: listener.local_addr()?,
            mail: Arc::default(),
        };
        let mail = Arc::clone(&sink.mail);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mail = Arc::clone(&mail);
                thread::spawn(move || {
                    // The client hangs up, sooner or later.
                    let _ = converse(stream, ehlo, refuses, &mail);
                });
            }
        });
        Ok(sink)
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What came so far, in order.
    pub fn mail(&self) -> Vec<Mail> {
        self.mail.lock().unwrap().clone()
    }

    /// How many messages came so far.
    pub fn count(&self) -> usize {
        self.mail.lock().unwrap().len()
    }

    /// The first message to `recipient`, compared as it was written; waits for it, at most a minute.
    pub fn wait_for_mail(&self, recipient: &str) -> io::Result<Mail> {
        let mut found = None;
        wait_until(PATIENCE, || {
            found = self
                .mail()
                .into_iter()
                .find(|mail| mail.recipients.iter().any(|address| address == recipient));
            Ok(found.is_some())
        })
        .and_then(|()| found.ok_or_else(|| io::ErrorKind::NotFound.into()))
        .map_err(|e| io::Error::other(format!("no mail to {recipient}: {e}\n{:?}", self.mail())))
    }
}

/// 8BITMIME keeps the client from rewriting what it sends; DSN lets it pass RET on.
const EHLO: &[u8] = b"250-sink.lab.test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN\r\n";
const EHLO_7BIT: &[u8] = b"250-sink.lab.test\r\n250 DSN\r\n";

fn converse(
    stream: TcpStream,
    ehlo: &[u8],
    refuses: fn(&str) -> bool,
    mail: &Mutex<Vec<Mail>>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let client = stream.peer_addr()?.ip();
    let mut reader = BufReader::new(stream);
    reader.get_mut().write_all(b"220 sink.lab.test ESMTP\r\n")?;
    let mut coming = None;
    let mut is_lmtp = false;
    loop {
        let line = read_line(&mut reader)?;
        let line = String::from_utf8_lossy(&line);
        let verb: String = line.chars().take(4).collect();
        let answer: &[u8] = match verb.to_ascii_uppercase().as_str() {
            "EHLO" => ehlo,
            "LHLO" => {
                is_lmtp = true;
                ehlo
            }
            "MAIL" => {
                let (sender, parameters) = path(&line);
                coming = Some(Mail {
                    client,
                    sender,
                    parameters,
                    recipients: Vec::new(),
                    recipient_parameters: Vec::new(),
                    message: Vec::new(),
                });
                b"250 2.1.0 Ok\r\n"
            }
            "RCPT" if refuses(&path(&line).0) => b"550 5.1.1 No such user\r\n",
            "RCPT" => match &mut coming {
                Some(mail) => {
                    let (recipient, parameters) = path(&line);
                    mail.recipients.push(recipient);
                    mail.recipient_parameters.push(parameters);
                    b"250 2.1.5 Ok\r\n"
                }
                None => b"503 5.5.1 MAIL first\r\n",
            },
            "DATA" => match coming.take() {
                Some(mut one) => {
                    reader.get_mut().write_all(b"354 Go on\r\n")?;
                    one.message = read_message(&mut reader)?;
                    // RFC 2033 section 4.2: one reply for each recipient.
                    for _ in one.recipients.iter().skip(1).filter(|_| is_lmtp) {
                        reader.get_mut().write_all(b"250 2.0.0 Taken\r\n")?;
                    }
                    mail.lock().unwrap().push(one);
                    b"250 2.0.0 Taken\r\n"
                }
                None => b"503 5.5.1 MAIL first\r\n",
            },
            "RSET" => {
                coming = None;
                b"250 2.0.0 Ok\r\n"
            }
            "HELO" | "NOOP" => b"250 Ok\r\n",
            "QUIT" => return reader.get_mut().write_all(b"221 2.0.0 Bye\r\n"),
            _ => b"502 5.5.1 Not here\r\n",
        };
        reader.get_mut().write_all(answer)?;
    }
}

/// The address between the angle brackets, and what stands behind them.
fn path(line: &str) -> (String, String) {
    let after = line.split_once('<').map_or("", |(_, after)| after);
    let (address, parameters) = after.rsplit_once('>').unwrap_or((after, ""));
    (address.to_owned(), parameters.trim().to_owned())
}

fn read_message(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let line = read_line(reader)?;
        match line.strip_prefix(b".") {
            Some(b"\r\n") => return Ok(message),
            Some(rest) => message.extend_from_slice(rest),
            None => message.extend_from_slice(&line),
        }
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    if line.ends_with(b"\n") {
        return Ok(line);
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::Client;

    #[test]
    fn takes_all_as_it_came() {
        let sink = Sink::start().unwrap();
        let mut client = Client::connect(sink.addr()).unwrap();
        assert!(client.ehlo("b.test").unwrap().is_positive());
        assert_eq!(client.rcpt("nobody@b.test").unwrap().code, 503);
        client
            .command(b"mail from:<> BODY=8BITMIME RET=HDRS")
            .unwrap();
        client.rcpt("a@b.test").unwrap();
        client.rcpt("\"c>\"@b.test").unwrap();
        let message = b"Subject: x\r\n\r\n.\r\n..\xff\r\n\r\n";
        assert_eq!(client.data(message).unwrap().code, 250);
        client.message("d@b.test", "e@b.test", b"2\r\n").unwrap();
        client.quit().unwrap();
        let mail = sink.wait_for_mail("\"c>\"@b.test").unwrap();
        assert_eq!(mail.client, IpAddr::from([127, 0, 0, 1]));
        assert_eq!(mail.sender, "");
        assert_eq!(mail.parameters, "BODY=8BITMIME RET=HDRS");
        assert_eq!(mail.recipients, ["a@b.test", "\"c>\"@b.test"]);
        assert_eq!(mail.message, message);
        assert_eq!(sink.mail()[1].sender, "d@b.test");
    }
}
