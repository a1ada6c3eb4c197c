//! The packets of one connection, on their way to the milter crate: what it would hang on ends the connection
//! here, and what it can't read is mended: some CONNECTs, macro packets without a macro, and those that didn't come. Pure:
//! bytes in, bytes out.

use super::{connect, phase::Phase};

/// The largest packet, in octets after its length: command and payload. MTAs write body chunks of up to 65535
/// octets, and headers of less.
const LARGEST_PACKET: usize = 128 * 1024 + 1;

/// The largest CONNECT packet; it holds a host name and an address, and is the only one that is held back whole.
const LARGEST_CONNECT: usize = 1024;

/// MAIL and RCPT: what their macros say (a login, the refusal of a recipient) is true of one message or recipient, and the
/// milter crate keeps it until other macros of the stage come. An MTA need not send any.
const MACROS_OF_ITS_OWN: [u8; 2] = [b'M', b'R'];

/// A macro with neither name nor value.
const NO_MACRO: &[u8] = b"\0\0";

/// Why a connection was closed by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Violation {
    /// A packet of length 0, which has no command.
    #[error("a packet without a command")]
    Empty,
    /// A packet larger than any MTA writes; also what a client of some other protocol looks like.
    #[error("a packet too large for the milter protocol")]
    TooLarge,
    /// A command that the protocol doesn't have.
    #[error("a command that the milter protocol doesn't have")]
    UnknownCommand,
    /// A command that its predecessors don't allow.
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

/// Where in its packets, and in the order of its commands, a connection stands.
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
    /// What is left of a payload that passes through.
    Payload(usize),
    /// The stage of a macro packet, and how much follows it. Where nothing does, a macro without name and value is added:
    /// the milter crate skips a packet without a macro, and those of an earlier message would stay.
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

    /// Takes what the MTA wrote and appends to `output` what the milter crate shall read. After a violation,
    /// `output` ends with the last good packet, and the connection is to be closed.
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
                    // The length is judged before the command has come.
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
        1..=LARGEST_PACKET => Ok(()),
        _ => Err(Violation::TooLarge),
    }
}

/// What follows a head, which is written now unless the packet is a CONNECT.
fn begin(length: usize, command: u8, output: &mut Vec<u8>) -> Result<Part, Violation> {
    let payload = length.saturating_sub(1);
    if command == b'C' {
        return match length {
            // Without a payload nothing would complete it. The milter crate closes the connection on it.
            1 => Err(Violation::Empty),
            2..=LARGEST_CONNECT => Ok(Part::Connect(Vec::with_capacity(payload), payload)),
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

/// Moves at most `most` octets, and says how many it were.
fn move_up_to(input: &mut &[u8], to: &mut Vec<u8>, most: usize) -> usize {
    let (taken, rest) = input.split_at(most.min(input.len()));
    to.extend_from_slice(taken);
    *input = rest;
    taken.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(command: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        put_packet(command, payload, &mut packet);
        packet
    }

    fn filter(input: &[u8]) -> (Vec<u8>, Result<(), Violation>) {
        let mut output = Vec::new();
        let result = Framing::new().filter(input, &mut output);
        (output, result)
    }

    fn negotiated() -> Vec<u8> {
        packet(b'O', &[0; 12])
    }

    #[test]
    fn a_message_passes_unchanged() {
        let session = [
            negotiated(),
            packet(b'D', b"Cj\0mx\0"),
            packet(b'C', b"client.example\x004\x04\xd2192.0.2.1\0"),
            packet(b'H', b"client.example\0"),
            packet(b'D', b"M{mail_addr}\0\0"),
            packet(b'M', b"<>\0"),
            packet(b'D', b"R{rcpt_mailer}\0local\0"),
            packet(b'R', b"<a@example.org>\0"),
            packet(b'T', b""),
            packet(b'L', b"Subject\0x\0"),
            packet(b'N', b""),
            packet(b'B', &[b'x'; 65535]),
            packet(b'E', b""),
            packet(b'Q', b""),
        ]
        .concat();
        assert_eq!(filter(&session), (session, Ok(())));
    }

    #[test]
    fn violations_leave_what_came_before() {
        let head = |length: u32, command: u8| {
            let mut head = length.to_be_bytes().to_vec();
            head.push(command);
            head
        };
        let too_large = LARGEST_PACKET as u32 + 1;
        for (bad, violation) in [
            (vec![0, 0, 0, 0], Violation::Empty),
            (too_large.to_be_bytes().to_vec(), Violation::TooLarge),
            (b"GET / HTTP/1.0".to_vec(), Violation::TooLarge),
            (head(LARGEST_CONNECT as u32 + 1, b'C'), Violation::TooLarge),
            (head(1, b'C'), Violation::Empty),
            (packet(b'x', b""), Violation::UnknownCommand),
            (packet(b'M', b"<>\0"), Violation::OutOfOrder),
        ] {
            let (output, result) = filter(&[negotiated(), bad].concat());
            assert_eq!((output, result), (negotiated(), Err(violation)));
        }
    }

    #[test]
    fn the_largest_packets_pass() {
        let connect = [&[b'x'; LARGEST_CONNECT - 3][..], b"\0U"].concat();
        let session = [
            negotiated(),
            packet(b'C', &connect),
            packet(b'D', &vec![b'x'; LARGEST_PACKET - 1]),
        ]
        .concat();
        assert_eq!(filter(&session), (session, Ok(())));
    }

    #[test]
    fn connect_is_mended_with_its_length() {
        let (output, result) = filter(
            &[
                negotiated(),
                packet(b'C', b"c\x006\0\x19IPv6:2001:db8::1\0"),
            ]
            .concat(),
        );
        assert_eq!(result, Ok(()));
        assert_eq!(
            output,
            [negotiated(), packet(b'C', b"c\x006\0\x192001:db8::1\0")].concat()
        );
    }

    #[test]
    fn macros_of_which_none_is_left_are_said_to_be_none() {
        for cut in 0..6 {
            let (now, later) = b"\0\0\0\x02DM".split_at(cut);
            let mut output = Vec::new();
            let mut framing = Framing::new();
            for part in [&negotiated(), now, later] {
                framing.filter(part, &mut output).unwrap();
            }
            assert_eq!(output, [negotiated(), packet(b'D', b"M\0\0")].concat());
            assert!(!framing.mid_packet());
        }
    }

    #[test]
    fn macros_of_an_earlier_message_or_recipient_do_not_stay() {
        let connected = [negotiated(), packet(b'C', b"c\0U")].concat();
        let mail = || packet(b'M', b"<>\0");
        let rcpt = || packet(b'R', b"<a@example.org>\0");
        let login = || packet(b'D', b"M{auth_authen}\0joe\0");
        let refused = || packet(b'D', b"R{rcpt_mailer}\0error\0");
        let none = |stage: u8| packet(b'D', &[&[stage], NO_MACRO].concat());
        let input = [login(), mail(), refused(), rcpt(), rcpt(), mail(), rcpt()];
        let output = [
            login(),
            mail(),
            refused(),
            rcpt(),
            none(b'R'),
            rcpt(),
            none(b'M'),
            mail(),
            none(b'R'),
            rcpt(),
        ];
        assert_eq!(
            filter(&[connected.clone(), input.concat()].concat()),
            ([connected, output.concat()].concat(), Ok(()))
        );
    }

    #[test]
    fn quit_nc_becomes_quit() {
        let (output, _) = filter(&[negotiated(), packet(b'K', b"")].concat());
        assert_eq!(output, [negotiated(), packet(b'Q', b"")].concat());
    }

    #[test]
    fn packets_are_timed_from_their_first_octet() {
        let mut framing = Framing::new();
        let mut output = Vec::new();
        assert!(!framing.mid_packet());
        for (i, byte) in negotiated().into_iter().enumerate() {
            framing.filter(&[byte], &mut output).unwrap();
            assert_eq!(framing.begun(), 1);
            assert_eq!(framing.mid_packet(), i < 16);
        }
    }

    /// Mostly well-formed packets, so that the deeper states are reached.
    fn session() -> impl Strategy<Value = Vec<u8>> {
        let command = prop::sample::select(b"ABCDEHKLMNOQRTUx".to_vec());
        let payload = prop::collection::vec(any::<u8>(), 0..40);
        let packets = prop::collection::vec((command, payload), 0..20);
        let tail = prop::collection::vec(any::<u8>(), 0..10);
        (packets, tail).prop_map(|(packets, tail)| {
            let mut session = negotiated();
            for (command, payload) in packets {
                session.extend(packet(command, &payload));
            }
            session.extend(tail);
            session
        })
    }

    proptest! {
        #[test]
        fn splitting_changes_nothing(input in session(), cuts in prop::collection::vec(1usize..30, 1..50)) {
            let mut framing = Framing::new();
            let mut output = Vec::new();
            let mut result = Ok(());
            let mut rest = input.as_slice();
            for cut in cuts.into_iter().cycle() {
                let (chunk, later) = rest.split_at(cut.min(rest.len()));
                rest = later;
                result = framing.filter(chunk, &mut output);
                if result.is_err() || rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!((output, result), filter(&input));
        }

        #[test]
        fn nothing_is_invented(input in prop::collection::vec(any::<u8>(), 0..200)) {
            let (output, _) = filter(&input);
            prop_assert!(output.len() <= input.len());
        }

        #[test]
        fn only_what_is_mended_grows(input in session()) {
            let (output, _) = filter(&input);
            // A CONNECT or a macro packet grows by two octets; one that is missing has eight.
            let of = |commands: &[u8]| input.iter().filter(|&b| commands.contains(b)).count();
            prop_assert!(output.len() <= input.len() + 2 * of(b"CD") + 8 * of(b"MR"));
        }

        /// Whatever came in, the milter crate reads whole packets of known commands.
        #[test]
        fn output_is_well_formed(input in session()) {
            let (output, _) = filter(&input);
            let mut rest = output.as_slice();
            while let Some((length, later)) = rest.split_first_chunk::<4>() {
                let length = u32::from_be_bytes(*length) as usize;
                prop_assert!((1..=LARGEST_PACKET).contains(&length));
                rest = later.get(length..).unwrap_or(&[]);
            }
            prop_assert!(rest.is_empty());
        }
    }
}
