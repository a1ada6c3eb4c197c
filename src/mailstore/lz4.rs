//! Dovecot's form of LZ4: behind its sign, the most octets that a chunk unpacks to; then chunks, each behind its length.

use std::io::{self, Cursor, Read};

/// What stands at the beginning.
pub(super) const SIGN: &[u8] = b"Dovecot-LZ4\r\x2a\x9b\xc5";
/// The most octets that a chunk may unpack to: Dovecot writes 64 KiB.
const LARGEST: u32 = 1 << 20;

/// What the chunks hold.
pub(super) struct Chunks<R> {
    octets: R,
    largest: usize,
    chunk: Cursor<Vec<u8>>,
}

impl<R: Read> Chunks<R> {
    /// Reads the front of a file.
    pub fn new(mut octets: R) -> io::Result<Self> {
        let mut front = [0; SIGN.len()];
        octets.read_exact(&mut front)?;
        let mut largest = [0; 4];
        octets.read_exact(&mut largest)?;
        let largest = u32::from_be_bytes(largest);
        if !(1..=LARGEST).contains(&largest) {
            let why = format!(
                "Dovecot's LZ4, with chunks of {largest} octets; expected at most {LARGEST}"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(Self {
            octets,
            largest: largest as usize,
            chunk: Cursor::default(),
        })
    }

    /// Unpacks the next chunk; `false` at the end.
    fn next(&mut self) -> io::Result<bool> {
        let mut length = [0; 4];
        let read = self.octets.read(&mut length)?;
        if read == 0 {
            return Ok(false);
        }
        self.octets
            .read_exact(length.get_mut(read..).unwrap_or_default())?;
        let length = u32::from_be_bytes(length);
        // What can't be compressed grows by a little.
        if length > LARGEST + LARGEST / 128 {
            let why = format!("a chunk of {length} octets");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let mut packed = vec![0; length as usize];
        self.octets.read_exact(&mut packed)?;
        let chunk = lz4_flex::block::decompress(&packed, self.largest);
        let chunk = chunk.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.chunk = Cursor::new(chunk);
        Ok(true)
    }
}

impl<R: Read> Read for Chunks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.chunk.read(buffer)?;
            if read > 0 || buffer.is_empty() || !self.next()? {
                return Ok(read);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(text: &[u8], largest: usize) -> Vec<u8> {
        let mut packed = [SIGN, &u32::try_from(largest).unwrap().to_be_bytes()].concat();
        for chunk in text.chunks(largest) {
            let chunk = lz4_flex::block::compress(chunk);
            packed.extend(u32::try_from(chunk.len()).unwrap().to_be_bytes());
            packed.extend(chunk);
        }
        packed
    }

    fn unpacked(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        Chunks::new(packed)?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let text = b"Subject: a line of a mail\r\n".repeat(10_000);
        for largest in [100, 65_536, 1 << 20] {
            assert_eq!(
                unpacked(&packed(&text, largest)).unwrap(),
                text,
                "{largest}"
            );
        }
        assert_eq!(unpacked(&packed(b"", 100)).unwrap(), b"");
    }

    #[test]
    fn what_is_damaged_is_an_error() {
        let whole = packed(&b"a line\n".repeat(100), 300);
        for length in [
            SIGN.len() - 1,
            SIGN.len() + 2,
            SIGN.len() + 6,
            whole.len() - 1,
        ] {
            assert!(unpacked(&whole[..length]).is_err(), "{length}");
        }
        let with = |largest: u32, length: u32| {
            [SIGN, &largest.to_be_bytes(), &length.to_be_bytes(), b"x"].concat()
        };
        for (largest, length) in [(0, 1), (u32::MAX, 1), (65_536, u32::MAX), (65_536, 1)] {
            assert!(
                unpacked(&with(largest, length)).is_err(),
                "{largest} {length}"
            );
        }
        // A chunk that unpacks to more than it may.
        let mut more = packed(&[b'a'; 5_000], 5_000);
        more.splice(SIGN.len()..SIGN.len() + 4, 100_u32.to_be_bytes());
        assert!(unpacked(&more).is_err());
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = unpacked(&[SIGN, &100_u32.to_be_bytes(), &octets].concat());
            let _ = unpacked(&octets);
        }
    }
}
