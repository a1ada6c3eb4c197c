//! The packets of one connection, on their way to the milter crate. What the crate would hang on ends the connection here;
//! what it can't read is repaired: some CONNECTs, macro packets without a macro, and macro packets that did not come.
//! Pure: bytes in, bytes out.

use super::{connect, phase::Phase};

/// The length of a packet and its command.
const HEAD: usize = 5;

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
    /// The stages of [`MACROS_OF_ITS_OWN`] whose macros came since the last command of that stage.
    announced: [bool; MACROS_OF_ITS_OWN.len()],
}

#[derive(Debug)]
enum Part {
    /// Length and command, as far as they came.
    Head(Head),
    /// How much of a payload is still to be passed on.
    Payload(usize),
    /// The stage of a macro packet, and how much follows it. Where nothing does, a macro without name and value is added.
    Macros(usize),
    /// A CONNECT payload, as far as it came, and its whole length.
    Connect(Vec<u8>, usize),
}

/// The first octets of a packet, as far as they came: four of the length, one command.
#[derive(Debug, Default)]
struct Head {
    octets: [u8; HEAD],
    came: usize,
}

impl Head {
    /// Takes from `input` up to the `wanted`th octet.
    fn take(&mut self, input: &mut &[u8], wanted: usize) {
        if let Some(room) = self.octets.get_mut(self.came..wanted) {
            let (taken, rest) = input.split_at(room.len().min(input.len()));
            for (to, octet) in room.iter_mut().zip(taken) {
                *to = *octet;
            }
            self.came += taken.len();
            *input = rest;
        }
    }
}

impl Part {
    fn next_packet() -> Self {
        Self::Head(Head::default())
    }
}

impl Framing {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::default(),
            part: Part::next_packet(),
            begun: 0,
            announced: [false; MACROS_OF_ITS_OWN.len()],
        }
    }

    /// How many packets have begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// Whether a packet has begun and is not complete.
    pub(super) fn mid_packet(&self) -> bool {
        !self.before_packet()
    }

    /// Whether the MTA can be silent for long: where it has no message for us, mostly for as long as it likes.
    pub(super) fn between_messages(&self) -> bool {
        self.before_packet() && self.phase.between_messages()
    }

    fn before_packet(&self) -> bool {
        matches!(&self.part, Part::Head(head) if head.came == 0)
    }

    /// How much at the front of what the MTA wrote the milter crate can read as it is: mostly all of it. The rest is for
    /// [`filter`](Self::filter).
    pub(super) fn passes(&mut self, input: &[u8]) -> usize {
        let mut rest = input;
        loop {
            if let Part::Payload(left) = &mut self.part {
                let (now, later) = rest.split_at(rest.len().min(*left));
                rest = later;
                *left -= now.len();
                if *left > 0 {
                    break;
                }
                self.part = Part::next_packet();
            }
            let Some(payload) = self.passing_head(rest) else {
                break;
            };
            let (_head, later) = rest.split_at(HEAD);
            rest = later;
            self.part = Part::Payload(payload);
        }
        input.len() - rest.len()
    }

    /// The length of the payload after the head in front, if that packet passes as it is; it then has begun.
    fn passing_head(&mut self, input: &[u8]) -> Option<usize> {
        let (&[a, b, c, d, command], payload) = input.split_first_chunk::<HEAD>()?;
        let length = u32::from_be_bytes([a, b, c, d]);
        let mut phase = self.phase;
        if !self.before_packet()
            || check_length(length).is_err()
            || phase.advance(command) != Ok(command)
        {
            return None;
        }
        let of_its_own = |stage| MACROS_OF_ITS_OWN.iter().position(|&one| one == stage);
        let (stage, came) = match (command, payload.first()) {
            (b'C', _) => return None,
            (b'D', Some(&stage)) if length > 2 => (of_its_own(stage), true),
            (b'D', _) => return None,
            _ => (of_its_own(command), false),
        };
        if let Some(announced) = stage.and_then(|stage| self.announced.get_mut(stage)) {
            if !came && !*announced {
                return None;
            }
            *announced = came;
        }
        self.phase = phase;
        self.begun += 1;
        Some(length as usize - 1)
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
                    if head.came == 0 {
                        self.begun += 1;
                    }
                    // The length is checked before the command has come.
                    head.take(&mut input, if head.came < 4 { 4 } else { HEAD });
                    let [a, b, c, d, command] = head.octets;
                    let length = u32::from_be_bytes([a, b, c, d]);
                    match head.came {
                        4 => check_length(length)?,
                        HEAD => {
                            let command = self.phase.advance(command)?;
                            self.announce_none(command, output);
                            self.part = begin(length as usize, command, output)?;
                        }
                        _ => {}
                    }
                }
                Part::Payload(left) => {
                    *left -= move_up_to(&mut input, output, *left);
                    if *left == 0 {
                        self.part = Part::next_packet();
                    }
                }
                Part::Macros(left) => {
                    let left = *left;
                    let stage = input.first().copied();
                    move_up_to(&mut input, output, 1);
                    for (own, announced) in MACROS_OF_ITS_OWN.iter().zip(&mut self.announced) {
                        *announced |= Some(*own) == stage;
                    }
                    self.part = match left {
                        0 => {
                            output.extend_from_slice(NO_MACRO);
                            Part::next_packet()
                        }
                        left => Part::Payload(left),
                    };
                }
                Part::Connect(payload, length) => {
                    let missing = *length - payload.len();
                    move_up_to(&mut input, payload, missing);
                    if payload.len() == *length {
                        put_packet(b'C', &connect::readable(payload), output);
                        self.part = Part::next_packet();
                    }
                }
            }
        }
        Ok(())
    }

    /// Before a command whose macros did not come: that there are none.
    fn announce_none(&mut self, command: u8, output: &mut Vec<u8>) {
        for (own, announced) in MACROS_OF_ITS_OWN.iter().zip(&mut self.announced) {
            if *own == command && !std::mem::take(announced) {
                put_packet(b'D', &[&[command], NO_MACRO].concat(), output);
            }
        }
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
        0 => Part::next_packet(),
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
