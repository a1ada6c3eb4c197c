//! The packets of one connection, on their way to the milter crate. What the crate would hang on ends the connection here;
//! what it can't read is repaired: some CONNECTs, macro packets without a macro, and macro packets that did not come.
//! Pure: bytes in, bytes out.

use super::{connect, phase::Phase};

/// The maximum of a packet, in octets after its length: command and payload. MTAs write body chunks of up to 65535
/// octets, and shorter headers.
const MAX_PACKET: usize = 128 * 1024 + 1;

/// The maximum of a CONNECT packet. It holds a host name and an address, and is the only one that is kept until it is
/// complete.
const MAX_CONNECT: usize = 1024;

/// MAIL and RCPT: their macros (a login, the refusal of a recipient) belong to one message or recipient, and the milter
/// crate keeps them until others of the stage come. An MTA need not send any.
const MACROS_OF_ITS_OWN: [u8; 2] = [b'M', b'R'];

/// A macro with neither name nor value.
const NO_MACRO: &[u8] = b"\0\0";

/// Why we closed a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Violation {
    /// A packet of length 0, which has no command.
    #[error("a packet without a command")]
    Empty,
    /// A packet larger than any MTA writes. A client of another protocol looks like this, too.
    #[error("a packet too large for the milter protocol")]
    TooLarge,
    /// A command that the protocol doesn't have.
    #[error("a command that the milter protocol doesn't have")]
    UnknownCommand,
    /// A command that is not allowed after those before it.
    #[error("a command out of order")]
    OutOfOrder,
    /// Nothing came after the connection was made.
    #[error("no packet in time after connecting")]
    Silent,
    /// A packet that began and was not finished in time.
    #[error("a packet not finished in time")]
    SlowPacket,
    /// A reply that the client did not read in time.
    #[error("a reply not read in time")]
    SlowReader,
}

impl Violation {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Empty,
        Self::TooLarge,
        Self::UnknownCommand,
        Self::OutOfOrder,
        Self::Silent,
        Self::SlowPacket,
        Self::SlowReader,
    ];

    /// The one word for it in metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge => "too_large",
            Self::UnknownCommand => "unknown_command",
            Self::OutOfOrder => "out_of_order",
            Self::Silent => "silent",
            Self::SlowPacket => "slow_packet",
            Self::SlowReader => "slow_reader",
        }
    }
}

/// The state of a connection: where in a packet it is, and which commands can come.
#[derive(Debug)]
pub(super) struct Framing {
    phase: Phase,
    part: Part,
    begun: u64,
    /// The stages whose macros came since the last command of that stage.
    announced: Vec<u8>,
}

#[derive(Debug)]
enum Part {
    /// Length and command, as far as they came.
    Head(Vec<u8>),
    /// How much of a payload is still to be passed on.
    Payload(usize),
    /// The stage of a macro packet, and how much follows it. Where nothing does, a macro without name and value is added.
    Macros(usize),
    /// A CONNECT payload, as far as it came, and its whole length.
    Connect(Vec<u8>, usize),
}

impl Framing {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::default(),
            part: Part::Head(Vec::new()),
            begun: 0,
            announced: Vec::new(),
        }
    }

    /// How many packets have begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// Whether a packet has begun and is not complete.
    pub(super) fn mid_packet(&self) -> bool {
        !matches!(&self.part, Part::Head(head) if head.is_empty())
    }

    /// Takes what the MTA wrote, and appends to `output` what the milter crate is to read. After a violation,
    /// `output` ends with the last good packet, and the connection has to be closed.
    pub(super) fn filter(
        &mut self,
        mut input: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        while !input.is_empty() {
            match &mut self.part {
                Part::Head(head) => {
                    if head.is_empty() {
                        self.begun += 1;
                    }
                    // The length is checked before the command has come.
                    let wanted = if head.len() < 4 { 4 } else { 5 };
                    move_up_to(&mut input, head, wanted - head.len());
                    self.part = match head.as_slice() {
                        [a, b, c, d] => {
                            check_length(u32::from_be_bytes([*a, *b, *c, *d]))?;
                            continue;
                        }
                        [a, b, c, d, command] => {
                            let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
                            let command = self.phase.advance(*command)?;
                            if MACROS_OF_ITS_OWN.contains(&command) {
                                let before = self.announced.len();
                                self.announced.retain(|&stage| stage != command);
                                if self.announced.len() == before {
                                    put_packet(b'D', &[&[command], NO_MACRO].concat(), output);
                                }
                            }
                            begin(length, command, output)?
                        }
                        _ => continue,
                    };
                }
                Part::Payload(left) => {
                    *left -= move_up_to(&mut input, output, *left);
                    if *left == 0 {
                        self.part = Part::Head(Vec::new());
                    }
                }
                Part::Macros(left) => {
                    let left = *left;
                    let mut stage = Vec::with_capacity(1);
                    move_up_to(&mut input, &mut stage, 1);
                    output.extend_from_slice(&stage);
                    if MACROS_OF_ITS_OWN.iter().any(|known| stage == [*known]) {
                        self.announced.retain(|known| stage != [*known]);
                        self.announced.append(&mut stage);
                    }
                    self.part = match left {
                        0 => {
                            output.extend_from_slice(NO_MACRO);
                            Part::Head(Vec::new())
                        }
                        left => Part::Payload(left),
                    };
                }
                Part::Connect(payload, length) => {
                    let missing = *length - payload.len();
                    move_up_to(&mut input, payload, missing);
                    if payload.len() == *length {
                        put_packet(b'C', &connect::readable(payload), output);
                        self.part = Part::Head(Vec::new());
                    }
                }
            }
        }
        Ok(())
    }
}

fn check_length(length: u32) -> Result<(), Violation> {
    match length as usize {
        0 => Err(Violation::Empty),
        1..=MAX_PACKET => Ok(()),
        _ => Err(Violation::TooLarge),
    }
}

/// The part that follows a head. The head is written now, unless the packet is a CONNECT.
fn begin(length: usize, command: u8, output: &mut Vec<u8>) -> Result<Part, Violation> {
    let payload = length.saturating_sub(1);
    if command == b'C' {
        return match length {
            // A CONNECT without a payload is never complete. The milter crate ends the session on it, too.
            1 => Err(Violation::Empty),
            2..=MAX_CONNECT => Ok(Part::Connect(Vec::with_capacity(payload), payload)),
            _ => Err(Violation::TooLarge),
        };
    }
    if command == b'D' && payload > 0 {
        let left = payload - 1;
        let added = if left == 0 { NO_MACRO.len() } else { 0 };
        put_head(length + added, command, output);
        return Ok(Part::Macros(left));
    }
    put_head(length, command, output);
    Ok(match payload {
        0 => Part::Head(Vec::new()),
        left => Part::Payload(left),
    })
}

fn put_packet(command: u8, payload: &[u8], output: &mut Vec<u8>) {
    put_head(payload.len() + 1, command, output);
    output.extend_from_slice(payload);
}

/// The length was checked to be far below 2^32.
fn put_head(length: usize, command: u8, output: &mut Vec<u8>) {
    output.extend_from_slice(&(length as u32).to_be_bytes());
    output.push(command);
}

/// Moves at most `max` octets, and gives how many it moved.
fn move_up_to(input: &mut &[u8], to: &mut Vec<u8>, max: usize) -> usize {
    let (taken, rest) = input.split_at(max.min(input.len()));
    to.extend_from_slice(taken);
    *input = rest;
    taken.len()
}

#[cfg(test)]
mod tests;
