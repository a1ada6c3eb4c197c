//! What a filter says.

use super::wire::{split_strings, take_u32};
use std::io;

/// The answer to one command of the MTA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Continue,
    Accept,
    Reject,
    Tempfail,
    Discard,
    /// 421 and out.
    Shutdown,
    ConnectionFailed,
    /// No more of this, please: body chunks, mostly.
    Skip,
    /// The SMTP reply, all lines of it, as the filter wrote it: `%` still doubled.
    ReplyCode(String),
}

/// A change to the message, at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    AddHeader {
        name: Vec<u8>,
        value: Vec<u8>,
    },
    /// `index` 0 is the top.
    InsertHeader {
        index: u32,
        name: Vec<u8>,
        value: Vec<u8>,
    },
    /// `index` counts the headers of this name, from 1. An empty value deletes.
    ChangeHeader {
        index: u32,
        name: Vec<u8>,
        value: Vec<u8>,
    },
    ChangeFrom {
        sender: Vec<u8>,
        esmtp: Vec<u8>,
    },
    AddRcpt {
        recipient: Vec<u8>,
        esmtp: Vec<u8>,
    },
    DeleteRcpt(Vec<u8>),
    ReplaceBody(Vec<u8>),
    Quarantine(Vec<u8>),
}

/// The answer to the end of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// In the filter's order.
    pub changes: Vec<Change>,
    pub reply: Reply,
}

impl Outcome {
    /// The values of the headers `name` that the filter adds or inserts, for reading: what isn't UTF-8 is replaced.
    pub fn added(&self, name: &str) -> Vec<String> {
        self.changes
            .iter()
            .filter_map(|change| match change {
                Change::AddHeader { name: n, value }
                | Change::InsertHeader { name: n, value, .. }
                    if n.eq_ignore_ascii_case(name.as_bytes()) =>
                {
                    Some(String::from_utf8_lossy(value).into_owned())
                }
                _ => None,
            })
            .collect()
    }
}

/// One packet of the filter.
#[derive(Debug)]
pub(super) enum Packet {
    Reply(Reply),
    Change(Change),
    /// Still busy.
    Progress,
}

pub(super) fn parse(kind: u8, data: &[u8]) -> io::Result<Packet> {
    let reply = match kind {
        b'c' => Reply::Continue,
        b'a' => Reply::Accept,
        b'r' => Reply::Reject,
        b't' => Reply::Tempfail,
        b'd' => Reply::Discard,
        b'4' => Reply::Shutdown,
        b'f' => Reply::ConnectionFailed,
        b's' => Reply::Skip,
        b'y' => {
            let text = data.strip_suffix(b"\0").unwrap_or(data);
            Reply::ReplyCode(String::from_utf8(text.to_vec()).map_err(io::Error::other)?)
        }
        b'p' => return Ok(Packet::Progress),
        _ => return parse_change(kind, data).map(Packet::Change),
    };
    Ok(Packet::Reply(reply))
}

fn parse_change(kind: u8, data: &[u8]) -> io::Result<Change> {
    Ok(match kind {
        b'h' => {
            let [name, value] = two(data);
            Change::AddHeader { name, value }
        }
        b'i' => {
            let (index, rest) = take_u32(data, "a header's index")?;
            let [name, value] = two(rest);
            Change::InsertHeader { index, name, value }
        }
        b'm' => {
            let (index, rest) = take_u32(data, "a header's index")?;
            let [name, value] = two(rest);
            Change::ChangeHeader { index, name, value }
        }
        b'e' => {
            let [sender, esmtp] = two(data);
            Change::ChangeFrom { sender, esmtp }
        }
        b'+' | b'2' => {
            let [recipient, esmtp] = two(data);
            Change::AddRcpt { recipient, esmtp }
        }
        b'-' => Change::DeleteRcpt(one(data)),
        b'b' => Change::ReplaceBody(data.to_vec()),
        b'q' => Change::Quarantine(one(data)),
        _ => {
            return Err(io::Error::other(format!(
                "the filter sent a packet of the unknown type {:?}",
                char::from(kind)
            )));
        }
    })
}

fn one(data: &[u8]) -> Vec<u8> {
    let [first, _] = two(data);
    first
}

fn two(data: &[u8]) -> [Vec<u8>; 2] {
    let mut parts = split_strings(data).into_iter();
    [
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    ]
}
