//! The milter protocol, version 6, as bytes. A packet is its length in four octets (type included), its type, its data.

use std::io::{self, Read, Write};

/// What an MTA may send: no body chunk is longer than 65535 octets, no header much longer than Postfix's 60 KB.
const LONGEST_PACKET: u32 = 1 << 20;

pub const VERSION: u32 = 6;

/// Commands of the MTA.
pub mod command {
    pub const NEGOTIATE: u8 = b'O';
    pub const MACROS: u8 = b'D';
    pub const CONNECT: u8 = b'C';
    pub const HELO: u8 = b'H';
    pub const MAIL: u8 = b'M';
    pub const RCPT: u8 = b'R';
    pub const DATA: u8 = b'T';
    pub const HEADER: u8 = b'L';
    pub const END_OF_HEADERS: u8 = b'N';
    pub const BODY: u8 = b'B';
    pub const END_OF_MESSAGE: u8 = b'E';
    pub const ABORT: u8 = b'A';
    pub const UNKNOWN: u8 = b'U';
    pub const QUIT: u8 = b'Q';
    /// Quit, and a new session follows on the same connection.
    pub const QUIT_NEW_CONNECTION: u8 = b'K';
}

/// Steps of the protocol that the filter can do without (`NO_`), or won't answer (`NR_`).
pub mod step {
    pub const NO_CONNECT: u32 = 0x1;
    pub const NO_HELO: u32 = 0x2;
    pub const NO_MAIL: u32 = 0x4;
    pub const NO_RCPT: u32 = 0x8;
    pub const NO_BODY: u32 = 0x10;
    pub const NO_HEADERS: u32 = 0x20;
    pub const NO_END_OF_HEADERS: u32 = 0x40;
    pub const NR_HEADER: u32 = 0x80;
    pub const NO_UNKNOWN: u32 = 0x100;
    pub const NO_DATA: u32 = 0x200;
    pub const SKIP: u32 = 0x400;
    /// Refused recipients are sent too.
    pub const RCPT_REJ: u32 = 0x800;
    pub const NR_CONNECT: u32 = 0x1000;
    pub const NR_HELO: u32 = 0x2000;
    pub const NR_MAIL: u32 = 0x4000;
    pub const NR_RCPT: u32 = 0x8000;
    pub const NR_DATA: u32 = 0x1_0000;
    pub const NR_UNKNOWN: u32 = 0x2_0000;
    pub const NR_END_OF_HEADERS: u32 = 0x4_0000;
    pub const NR_BODY: u32 = 0x8_0000;
    /// Header values keep the space after the colon.
    pub const HEADER_LEADING_SPACE: u32 = 0x10_0000;
    pub const ALL: u32 = 0x1f_ffff;
}

/// Changes the filter may make, all of them: headers, body, recipients, quarantine, sender, macro lists.
pub const ALL_ACTIONS: u32 = 0x1ff;

/// Reads one packet: type and data.
pub fn read_packet(reader: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut length = [0; 4];
    reader.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length == 0 || length > LONGEST_PACKET {
        return Err(io::Error::other(format!(
            "a milter packet of {length} octets"
        )));
    }
    let mut kind = [0];
    reader.read_exact(&mut kind)?;
    let mut data = vec![0; length as usize - 1];
    reader.read_exact(&mut data)?;
    Ok((kind[0], data))
}

/// Writes one packet, in one piece.
pub fn write_packet(writer: &mut impl Write, kind: u8, data: &[u8]) -> io::Result<()> {
    let length = u32::try_from(data.len() + 1).map_err(io::Error::other)?;
    writer.write_all(&[&length.to_be_bytes()[..], &[kind], data].concat())
}

/// Each part and a NUL after it.
pub fn strings<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(part);
        out.push(0);
    }
    out
}

/// The other way; a last NUL that is missing is no matter.
pub fn split_strings(data: &[u8]) -> Vec<Vec<u8>> {
    let data = data.strip_suffix(b"\0").unwrap_or(data);
    data.split(|&b| b == 0).map(<[u8]>::to_vec).collect()
}

/// Takes a number off the front.
pub fn take_u32<'a>(data: &'a [u8], what: &str) -> io::Result<(u32, &'a [u8])> {
    data.split_first_chunk::<4>()
        .map(|(number, rest)| (u32::from_be_bytes(*number), rest))
        .ok_or_else(|| io::Error::other(format!("a milter packet ends within {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_back() {
        let mut wire = Vec::new();
        write_packet(&mut wire, b'H', b"mx\0").unwrap();
        assert_eq!(wire, b"\0\0\0\x04Hmx\0");
        assert_eq!(
            read_packet(&mut &wire[..]).unwrap(),
            (b'H', b"mx\0".to_vec())
        );
    }

    #[test]
    fn lengths_out_of_bounds() {
        for length in [0, LONGEST_PACKET + 1, u32::MAX] {
            let wire = [&length.to_be_bytes()[..], b"Habc"].concat();
            assert!(read_packet(&mut &wire[..]).is_err(), "{length}");
        }
    }

    #[test]
    fn empty_strings_are_kept() {
        let data = strings([&b"i"[..], b"", b"x"]);
        assert_eq!(split_strings(&data), [&b"i"[..], b"", b"x"]);
    }
}
