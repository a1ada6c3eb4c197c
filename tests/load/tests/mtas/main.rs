//! The load generator says to a filter what a real Postfix says: the same packets with the same macros, and as many of them
//! at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use lab::{
    milter::wire::{ALL_ACTIONS, VERSION, command, read_packet, split_strings, step, write_packet},
    postfix::{Options, Postfix},
    process::wait_until,
    smtp::{Client, Identity},
};
use load::mta::{Load, Mail, SERIAL, Target};

const PATIENCE: Duration = Duration::from_secs(30);

/// What Backstop negotiates.
const STEPS: u32 = step::NR_CONNECT
    | step::NR_HELO
    | step::NR_MAIL
    | step::NO_DATA
    | step::NR_HEADER
    | step::SKIP
    | step::NO_UNKNOWN
    | step::RCPT_REJ;
const MACROS: [(u32, &str); 4] = [
    (0, "j v {daemon_name} {client_addr}"),
    (2, "i f {auth_type} {auth_authen} {client_addr} {mail_addr}"),
    (3, "i {rcpt_mailer} {rcpt_host} {rcpt_addr}"),
    (5, "i"),
];

/// What a filter asks for, and answers to RCPT.
#[derive(Clone, Copy)]
struct Asks {
    steps: u32,
    macros: &'static [(u32, &'static str)],
    refuses: bool,
}

/// What one client said: the packets that came together, without waiting for an answer in between.
type Said = Vec<Vec<String>>;

/// A filter that writes down what is said to it, and accepts or refuses all recipients.
struct Recorder {
    address: SocketAddr,
    said: Arc<Mutex<Vec<Said>>>,
}

impl Recorder {
    fn start(asks: Asks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let said = Arc::<Mutex<Vec<Said>>>::default();
        let sessions = Arc::clone(&said);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sessions = Arc::clone(&sessions);
                thread::spawn(move || {
                    if let Ok(said) = converse(stream, asks) {
                        sessions.lock().unwrap().push(said);
                    }
                });
            }
        });
        Self { address, said }
    }

    /// The session in which a message came, once it is over.
    fn session(&self) -> Said {
        let mut found = None;
        wait_until(PATIENCE, || {
            let said = self.said.lock().unwrap();
            let mut said = said.iter();
            let is_one =
                |said: &&Said| said.iter().flatten().any(|packet| packet.starts_with("R "));
            found = said.find(is_one).cloned();
            Ok(found.is_some())
        })
        .unwrap();
        found.unwrap()
    }
}

fn converse(mut stream: TcpStream, asks: Asks) -> io::Result<Said> {
    let Asks {
        steps,
        macros,
        refuses,
    } = asks;
    stream.set_nodelay(true)?;
    let mut said = vec![Vec::new()];
    loop {
        let (kind, data) = read_packet(&mut stream)?;
        said.last_mut().unwrap().push(in_words(kind, &data));
        let unanswered = match kind {
            command::QUIT => return Ok(said),
            command::MACROS | command::ABORT => true,
            command::CONNECT => steps & step::NR_CONNECT != 0,
            command::HELO => steps & step::NR_HELO != 0,
            command::MAIL => steps & step::NR_MAIL != 0,
            command::HEADER => steps & step::NR_HEADER != 0,
            _ => false,
        };
        if unanswered {
            continue;
        }
        match kind {
            command::NEGOTIATE => {
                let mut answer = [VERSION, ALL_ACTIONS, steps].map(u32::to_be_bytes).concat();
                for (stage, names) in macros {
                    answer.extend_from_slice(&stage.to_be_bytes());
                    answer.extend_from_slice(names.as_bytes());
                    answer.push(0);
                }
                write_packet(&mut stream, kind, &answer)?;
            }
            command::RCPT if refuses => write_packet(&mut stream, b'r', b"")?,
            command::BODY if steps & step::SKIP != 0 => write_packet(&mut stream, b's', b"")?,
            _ => write_packet(&mut stream, b'c', b"")?,
        }
        said.push(Vec::new());
    }
}

/// A packet, without what differs from one session to the next: ports, serial numbers and queue ids. Of macros, the names.
fn in_words(kind: u8, data: &[u8]) -> String {
    let kind_of = char::from(kind);
    let texts = |data: &[u8]| {
        let texts = split_strings(data).into_iter();
        texts.map(|text| text.escape_ascii().to_string())
    };
    match kind {
        command::NEGOTIATE => format!("O {}", data.escape_ascii()),
        command::MACROS => {
            let names: Vec<_> = texts(&data[1..]).step_by(2).collect();
            format!("D {} {}", char::from(data[0]), names.join(" "))
        }
        command::CONNECT => {
            let name = data.iter().position(|octet| *octet == 0).unwrap();
            let (name, peer) = data.split_at(name + 1);
            let (family, address) = (char::from(peer[0]), &peer[3..]);
            let [name, address] = [name, address].map(|text| texts(text).collect::<String>());
            format!("C {name} {family} {address}")
        }
        command::BODY => format!("B {}", data.len()),
        _ if data.is_empty() => kind_of.to_string(),
        _ => {
            let texts: Vec<_> = texts(data).collect();
            format!("{kind_of} {}", without_numbers(&texts.join("|")))
        }
    }
}

/// Ten digits in a row are the serial number of a message.
fn without_numbers(text: &str) -> String {
    let mut words = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, digits) = rest.split_at(start);
        let end = digits.find(|c: char| !c.is_ascii_digit());
        let (digits, behind) = digits.split_at(end.unwrap_or(digits.len()));
        words.push_str(before);
        words.push_str(if digits.len() == SERIAL.len() {
            SERIAL
        } else {
            digits
        });
        rest = behind;
    }
    words + rest
}

/// Hands the message to Postfix over SMTP.
fn send(postfix: &Postfix, mail: &Mail, refuses: bool) {
    let mut client = Client::connect(postfix.smtp_addr()).unwrap();
    let who = Identity {
        name: Some(&mail.client_name),
        ..Identity::stranger(mail.client.parse().unwrap())
    };
    assert_eq!(client.xclient(&who).unwrap().code, 220);
    client.ehlo(&mail.helo).unwrap();
    if refuses {
        assert_eq!(client.mail(&mail.mail_from).unwrap().code, 250);
        assert_eq!(client.rcpt(&mail.recipients[0]).unwrap().code, 550);
        client.quit().unwrap();
        return;
    }
    let mut message: String = mail
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", value.replace('\n', "\r\n")))
        .collect();
    message.push_str("\r\n");
    message.push_str(&mail.body);
    let message = message.replace(SERIAL, "1234567890");
    let sender = mail.mail_from.replace(SERIAL, "1234567890");
    let reply = client.message(&sender, &mail.recipients[0], message.as_bytes());
    assert_eq!(reply.unwrap().code, 250);
    client.quit().unwrap();
}

#[test]
fn the_generator_says_what_postfix_says() {
    let ordinary = |body: String| Mail {
        body,
        ..Mail::ordinary(
            "192.0.2.1",
            "mx.example.com",
            &format!("{SERIAL}@example.com"),
            "info@example.org",
        )
    };
    let small = ordinary("Hello\r\n".repeat(300));
    let large = ordinary("A line that is somewhat longer.\r\n".repeat(4000));
    let none = step::NO_DATA | step::NO_HEADERS | step::NO_END_OF_HEADERS | step::NO_BODY;
    for (steps, macros, refuses, mail) in [
        (STEPS, &MACROS[..], false, &small),
        (STEPS, &MACROS[..], true, &small),
        (STEPS & !step::SKIP, &MACROS[..], false, &large),
        (none, &[], false, &small),
        (0, &[], false, &small),
    ] {
        let asks = Asks {
            steps,
            macros,
            refuses,
        };
        let filter = Recorder::start(asks);
        let postfix = Postfix::start(&Options {
            mailboxes: vec![mail.recipients[0].clone()],
            smtpd_milters: vec![format!("inet:{}", filter.address)],
            ..Options::default()
        })
        .unwrap();
        send(&postfix, mail, refuses);
        let expected = filter.session();
        let filter = Recorder::start(asks);
        let load = Load {
            target: &Target::Tcp(filter.address),
            mails: std::slice::from_ref(mail),
            connections: 1,
            messages: 1,
            rate: None,
        };
        // No time at all is enough for the message that each session begins with.
        load.run(Duration::ZERO).unwrap();
        assert_eq!(filter.session(), expected, "{steps:#x} {refuses}");
    }
}
