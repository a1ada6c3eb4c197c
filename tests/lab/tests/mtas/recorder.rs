//! A filter that writes down all it is told, and lets everything pass.

use lab::milter::wire::{command, read_packet, split_strings, step, write_packet};
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// One command of the MTA, with the macros that came before it.
#[derive(Debug, Clone)]
pub struct Said {
    pub command: u8,
    pub data: Vec<u8>,
    pub macros: BTreeMap<String, String>,
}

#[derive(Debug)]
pub struct Recorder {
    pub addr: SocketAddr,
    said: Arc<Mutex<Vec<Said>>>,
}

/// What the recorder asks for when it negotiates.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish {
    pub steps: u32,
    /// Macros for CONNECT.
    pub at_connect: &'static str,
}

impl Recorder {
    pub fn start(wish: Wish) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let recorder = Self {
            addr: listener.local_addr()?,
            said: Arc::default(),
        };
        let said = Arc::clone(&recorder.said);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let said = Arc::clone(&said);
                thread::spawn(move || {
                    // The MTA hangs up, sooner or later.
                    let _ = converse(stream, wish, &said);
                });
            }
        });
        Ok(recorder)
    }

    /// Everything said so far, in order; of one MTA session only if there was but one at a time.
    pub fn said(&self) -> Vec<Said> {
        self.said.lock().unwrap().clone()
    }

    /// What was said with this command.
    pub fn all(&self, command: u8) -> Vec<Said> {
        self.said()
            .into_iter()
            .filter(|s| s.command == command)
            .collect()
    }
}

impl Said {
    pub fn strings(&self) -> Vec<String> {
        split_strings(&self.data)
            .into_iter()
            .map(|s| String::from_utf8_lossy(&s).into_owned())
            .collect()
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.macros.get(name).map(String::as_str)
    }
}

fn converse(mut stream: TcpStream, wish: Wish, said: &Mutex<Vec<Said>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut macros = BTreeMap::new();
    loop {
        let (kind, data) = read_packet(&mut stream)?;
        if kind == command::MACROS {
            let mut parts = split_strings(&data[1..]).into_iter();
            while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
                macros.insert(
                    String::from_utf8_lossy(&name).into_owned(),
                    String::from_utf8_lossy(&value).into_owned(),
                );
            }
            continue;
        }
        said.lock().unwrap().push(Said {
            command: kind,
            data,
            macros: std::mem::take(&mut macros),
        });
        match kind {
            command::NEGOTIATE => {
                let mut answer = [6, 0x1ff, wish.steps].map(u32::to_be_bytes).concat();
                if !wish.at_connect.is_empty() {
                    answer.extend_from_slice(&0u32.to_be_bytes());
                    answer.extend_from_slice(wish.at_connect.as_bytes());
                    answer.push(0);
                }
                write_packet(&mut stream, kind, &answer)?;
            }
            command::ABORT | command::QUIT_NEW_CONNECTION => {}
            command::QUIT => return Ok(()),
            _ if unanswered(kind) & wish.steps != 0 => {}
            _ => write_packet(&mut stream, b'c', b"")?,
        }
    }
}

/// The step that says this command gets no answer.
fn unanswered(command: u8) -> u32 {
    match command {
        command::CONNECT => step::NR_CONNECT,
        command::HELO => step::NR_HELO,
        command::MAIL => step::NR_MAIL,
        command::RCPT => step::NR_RCPT,
        command::DATA => step::NR_DATA,
        command::HEADER => step::NR_HEADER,
        command::END_OF_HEADERS => step::NR_END_OF_HEADERS,
        command::BODY => step::NR_BODY,
        command::UNKNOWN => step::NR_UNKNOWN,
        _ => 0,
    }
}
