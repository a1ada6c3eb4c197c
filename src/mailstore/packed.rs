//! Opens a file, and unpacks it where it is compressed: Dovecot keeps messages as gzip, zstd or bzip2 under names that
//! don't show it.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::READ_AT_ONCE;

/// How many times its size a file can unpack to, and how much it can in any case: mail shrinks to a tenth at best, a file
/// that was made to fill a disk to a thousandth.
const MAX_TIMES: u64 = 100;
const ALWAYS_ALLOWED: u64 = 16 * 1024 * 1024;

/// What a file holds, unpacked.
pub(super) struct Source {
    octets: Box<dyn Read + Send>,
    packing: Option<&'static str>,
    /// How much more it can unpack to.
    left: u64,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("packing", &self.packing)
            .finish_non_exhaustive()
    }
}

/// Opens a file for reading.
///
/// # Errors
/// It can't be opened, or is compressed in a way that is not read here.
pub(super) fn open(path: &Path) -> io::Result<BufReader<Source>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut file = BufReader::with_capacity(READ_AT_ONCE, file);
    let packing = packing(file.fill_buf()?);
    let octets: Box<dyn Read + Send> = match packing {
        None => Box::new(file),
        Some("gzip") => Box::new(MultiGzDecoder::new(file)),
        Some("bzip2") => Box::new(MultiBzDecoder::new(file)),
        Some("zstd") => Box::new(Frames(Some(frame(file)?))),
        Some(other) => {
            let why = format!("compressed as {other}; expected gzip, zstd, bzip2 or plain text");
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
    };
    let source = Source {
        octets,
        packing,
        left: match packing {
            None => u64::MAX,
            Some(_) => length.saturating_mul(MAX_TIMES).max(ALWAYS_ALLOWED),
        },
    };
    Ok(BufReader::with_capacity(READ_AT_ONCE, source))
}

/// The program that compressed a file which begins like this. No header of a mail begins so.
fn packing(start: &[u8]) -> Option<&'static str> {
    const SIGNS: [(&[u8], &str); 7] = [
        (b"\x1f\x8b", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"Dovecot-LZ4\r\x2a\x9b\xc5", "Dovecot's LZ4"),
        (b"\x1f\x9d", "compress"),
        (b"CRYPTED\x03\x07", "Dovecot's mail_crypt"),
    ];
    // Behind its sign and the size of its blocks stands the first block, or the end.
    let bzip2 = matches!(
        start,
        [
            b'B',
            b'Z',
            b'h',
            b'1'..=b'9',
            b'1',
            b'A',
            b'Y',
            b'&',
            b'S',
            b'Y',
            ..
        ] | [
            b'B',
            b'Z',
            b'h',
            b'1'..=b'9',
            0x17,
            b'r',
            b'E',
            b'8',
            b'P',
            0x90,
            ..
        ]
    );
    let named = SIGNS.iter().find(|(sign, _)| start.starts_with(sign));
    named
        .map(|(_, name)| *name)
        .or_else(|| bzip2.then_some("bzip2"))
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.octets.read(buffer);
        let Some(packing) = self.packing else {
            return read;
        };
        let octets = read.map_err(|error| {
            io::Error::new(error.kind(), format!("compressed as {packing}: {error}"))
        })?;
        let left = self.left.checked_sub(octets as u64);
        self.left = left.ok_or_else(|| {
            let why = format!("compressed as {packing}, to less than 1/{MAX_TIMES} of its size");
            io::Error::new(io::ErrorKind::InvalidData, why)
        })?;
        Ok(octets)
    }
}

type Frame = StreamingDecoder<BufReader<File>, FrameDecoder>;

/// The frames of a zstd file, one after the other (RFC 8878 section 3.1).
struct Frames(Option<Frame>);

fn frame(file: BufReader<File>) -> io::Result<Frame> {
    StreamingDecoder::new(file)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(current) = &mut self.0 {
            let octets = current.read(buffer)?;
            if octets > 0 || buffer.is_empty() {
                return Ok(octets);
            }
            let rest = self.0.take().map(StreamingDecoder::into_inner);
            if let Some(mut rest) = rest
                && !rest.fill_buf()?.is_empty()
            {
                self.0 = Some(frame(rest)?);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;
    use crate::mailstore::{MailStore, reverse_path};

    const MAIL: &str = "Return-Path: <a@b.example>\nFrom: a@b.example\nSubject: packed\n\nbody\n";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn bzip2(text: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        use ruzstd::encoding::{CompressionLevel, compress_to_vec};
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    type Packer = fn(&[u8]) -> Vec<u8>;

    const PACKERS: [Packer; 4] = [|text| text.to_vec(), gzip, bzip2, zstd];

    /// The subjects of the messages there, or what is wrong.
    fn read(path: &Path) -> Vec<String> {
        let store = match MailStore::open(path, 1024) {
            Ok(store) => store,
            Err(error) => return vec![error.to_string()],
        };
        let subject = |entry: Result<crate::mailstore::Stored, _>| match entry {
            Ok(stored) => {
                assert!(reverse_path(&stored).is_some());
                assert!(stored.body.octets().starts_with(b"body"), "{stored:?}");
                stored.headers.first("Subject").unwrap().text()
            }
            Err(crate::mailstore::Unreadable { why, .. }) => why,
        };
        store.map(subject).collect()
    }

    #[test]
    fn what_is_compressed_is_read_like_any_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("maildir/cur")).unwrap();
        fs::create_dir_all(path("maildir/new")).unwrap();
        let mbox = format!("From a@b.example Mon Jan  1 00:00:00 2024\n{MAIL}\n").repeat(2);
        for pack in PACKERS {
            let packed = pack(MAIL.as_bytes());
            for name in ["maildir/cur/1.host,S=9:2,SZ", "one.eml", "one.eml.gz"] {
                fs::write(path(name), &packed).unwrap();
                assert_eq!(read(&path(name)), ["packed"], "{name}");
            }
            assert_eq!(read(folder.path()), ["packed"; 3]);
            fs::write(path("mbox"), pack(mbox.as_bytes())).unwrap();
            assert_eq!(read(&path("mbox")), ["packed", "packed"]);
            // Parts that were compressed apart, as `cat` joins them, are one file.
            let (front, back) = mbox.split_at(mbox.len() / 2);
            let parts = [pack(front.as_bytes()), pack(back.as_bytes())].concat();
            fs::write(path("mbox"), parts).unwrap();
            assert_eq!(read(&path("mbox")), ["packed", "packed"]);
            fs::remove_file(path("mbox")).unwrap();
        }
    }

    #[test]
    fn what_cannot_be_unpacked_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.eml");
        let cut = |packed: Vec<u8>| packed[..packed.len() / 2].to_vec();
        let many = b"X".repeat(17 * 1024 * 1024);
        for (octets, why) in [
            (
                b"\xfd7zXZ\0\0\x04".to_vec(),
                "compressed as xz; expected gzip",
            ),
            (b"\x04\x22\x4d\x18x".to_vec(), "compressed as lz4; expected"),
            (b"Dovecot-LZ4\r\x2a\x9b\xc5x".to_vec(), "Dovecot's LZ4"),
            (b"\x1f\x9dx".to_vec(), "compressed as compress"),
            (b"CRYPTED\x03\x07x".to_vec(), "mail_crypt"),
            (cut(gzip(MAIL.as_bytes())), "compressed as gzip: "),
            (cut(bzip2(MAIL.as_bytes())), "compressed as bzip2: "),
            (cut(zstd(MAIL.as_bytes())), "compressed as zstd: "),
            (
                gzip(&many),
                "compressed as gzip, to less than 1/100 of its size",
            ),
            (
                bzip2(&many),
                "compressed as bzip2, to less than 1/100 of its size",
            ),
            (
                zstd(&many),
                "compressed as zstd, to less than 1/100 of its size",
            ),
            // Texts that only begin alike.
            (b"BZh9: x\nbody".to_vec(), "none of its headers"),
        ] {
            fs::write(&path, &octets).unwrap();
            let said = read(&path).concat();
            assert!(said.contains(why), "{why}: {said}");
            let is_packed = !octets.starts_with(b"BZh9:");
            // Unpacking the large ones takes a while, and once is enough.
            if is_packed && !why.contains("1/100") {
                // In a folder, the others are read all the same.
                fs::write(folder.path().join("two.eml"), MAIL).unwrap();
                let said = read(folder.path());
                assert_eq!((said.len(), said[1].as_str()), (2, "packed"), "{said:?}");
            }
        }
    }
}
