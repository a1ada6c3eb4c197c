//! Opens a file, and unpacks it where it is compressed: Dovecot keeps messages as gzip, zstd, bzip2, xz or LZ4 under names
//! that don't show it, and logs that were rotated away are all of these.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::{READ_AT_ONCE, lz4};

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

/// The most memory that unpacking xz may take, in KiB: `xz -9` takes 65 MiB.
const XZ_MEMORY: u32 = 96 * 1024;

/// Not the form of lz4(1).
const DOVECOT_LZ4: &str = "Dovecot's LZ4";

/// Opens a file for reading. A mail that was made to fill a disk ends early.
///
/// # Errors
/// It can't be opened, or is compressed in a way that is not read here.
pub(super) fn open(path: &Path) -> io::Result<BufReader<Source>> {
    open_to_unpack(path, ALWAYS_ALLOWED)
}

/// The same, where it can unpack to so much in any case.
pub(super) fn open_to_unpack(path: &Path, always: u64) -> io::Result<BufReader<Source>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    unpacked(file, length.saturating_mul(MAX_TIMES).max(always))
}

/// Reads a file, and at most so many octets of it where it is compressed.
///
/// # Errors
/// It can't be read, or is compressed in a way that is not read here.
pub(super) fn unpacked(file: File, most: u64) -> io::Result<BufReader<Source>> {
    let mut file = BufReader::with_capacity(READ_AT_ONCE, file);
    let packing = packing(file.fill_buf()?);
    let octets: Box<dyn Read + Send> = match packing {
        None => Box::new(file),
        Some("gzip") => Box::new(MultiGzDecoder::new(file)),
        Some("bzip2") => Box::new(MultiBzDecoder::new(file)),
        Some("xz") => Box::new(XzReader::new_mem_limit(file, true, XZ_MEMORY)),
        Some("zstd") => Box::new(Frames(Some(frame(file)?))),
        Some(DOVECOT_LZ4) => Box::new(lz4::Chunks::new(file)?),
        Some(other) => {
            let why =
                format!("compressed as {other}; expected gzip, zstd, xz, bzip2 or plain text");
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
    };
    let source = Source {
        octets,
        packing,
        left: match packing {
            None => u64::MAX,
            Some(_) => most,
        },
    };
    Ok(BufReader::with_capacity(READ_AT_ONCE, source))
}

/// The program that compressed a file which begins like this. No header of a mail begins so.
fn packing(start: &[u8]) -> Option<&'static str> {
    const SIGNS: [(&[u8], &str); 8] = [
        (b"\x1f\x8b", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"LZIP\x01", "lzip"),
        (lz4::SIGN, DOVECOT_LZ4),
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

/// Packs, as the programs do whose files are read here.
#[cfg(test)]
pub(super) mod pack {
    use std::io::Write;

    use lzma_rust2::{XzOptions, XzWriter};

    pub fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    pub fn bzip2(text: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    pub fn zstd(text: &[u8]) -> Vec<u8> {
        use ruzstd::encoding::{CompressionLevel, compress_to_vec};
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    pub fn xz(text: &[u8]) -> Vec<u8> {
        let mut encoder = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    pub type Packer = fn(&[u8]) -> Vec<u8>;

    pub const PACKERS: [Packer; 5] = [|text| text.to_vec(), gzip, bzip2, zstd, xz];
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{
        pack::{PACKERS, bzip2, gzip, xz, zstd},
        *,
    };
    use crate::mailstore::{MailStore, reverse_path};

    const MAIL: &str = "Return-Path: <a@b.example>\nFrom: a@b.example\nSubject: packed\n\nbody\n";

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
                b"\x04\x22\x4d\x18x".to_vec(),
                "compressed as lz4; expected gzip",
            ),
            (b"LZIP\x01x".to_vec(), "compressed as lzip; expected"),
            (b"\xfd7zXZ\0\0\x04".to_vec(), "compressed as xz: "),
            (
                b"Dovecot-LZ4\r\x2a\x9b\xc5\xff\xff\xff\xff".to_vec(),
                "Dovecot's LZ4, with chunks of",
            ),
            (b"\x1f\x9dx".to_vec(), "compressed as compress"),
            (b"CRYPTED\x03\x07x".to_vec(), "mail_crypt"),
            (cut(gzip(MAIL.as_bytes())), "compressed as gzip: "),
            (cut(bzip2(MAIL.as_bytes())), "compressed as bzip2: "),
            (cut(zstd(MAIL.as_bytes())), "compressed as zstd: "),
            (cut(xz(MAIL.as_bytes())), "compressed as xz: "),
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
            (
                xz(&many),
                "compressed as xz, to less than 1/100 of its size",
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

    #[test]
    fn unpacking_xz_takes_no_more_memory_than_its_own_program_asks_for() {
        // Behind 12 octets the header of a block, which gives the size of the dictionary.
        let with_dictionary = |size: u8| {
            let mut packed = xz(MAIL.as_bytes());
            assert_eq!(packed[12..16], [2, 0, 0x21, 1]);
            packed[16] = size;
            let mut sum = flate2::Crc::new();
            sum.update(&packed[12..20]);
            packed[20..24].copy_from_slice(&sum.sum().to_le_bytes());
            packed
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.eml");
        // 64 MiB, as `xz -9` has it, 96 MiB, and 4 GiB.
        for (size, is_read) in [(28, true), (29, false), (40, false)] {
            fs::write(&path, with_dictionary(size)).unwrap();
            let said = read(&path).concat();
            assert_eq!(said == "packed", is_read, "{size}: {said}");
            assert_eq!(said.contains("compressed as xz: "), !is_read, "{said}");
        }
    }
}
