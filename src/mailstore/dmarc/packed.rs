//! Unpacks what brings a report: gzip (RFC 9990 section 5.4), zip (RFC 7489 section 7.2.1.1), or nothing around it.

use std::io::{BufRead, BufReader, Read};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use rawzip::{CompressionMethod, ZipArchive};

use super::{Broken, limited::Limited, xml};
use crate::core::aggregate::Written;

/// The most octets of a report as it comes, and unpacked: twenty times the largest that mailbox providers send.
pub const MAX_PACKED: usize = 2 << 20;
pub(super) const MAX_UNPACKED: u64 = 40 << 20;
/// The most entries of an archive. A report is alone in it.
const MAX_ENTRIES: u64 = 8;
/// How much is unpacked at a time, in octets.
const AT_ONCE: usize = 16 * 1024;

/// What octets are, by how they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gzip,
    Zip,
    Xml,
    /// Another archive.
    Archive,
    Other,
}

impl Kind {
    pub fn of(start: &[u8]) -> Self {
        const ARCHIVES: [&[u8]; 6] = [
            b"BZh",
            b"\xfd7zXZ\0",
            b"\x28\xb5\x2f\xfd",
            b"7z\xbc\xaf\x27\x1c",
            b"Rar!",
            b"\x1f\x9d",
        ];
        let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
        if start.starts_with(b"\x1f\x8b") {
            Self::Gzip
        } else if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
            Self::Zip
        } else if text.trim_ascii_start().starts_with(b"<") {
            Self::Xml
        } else if ARCHIVES.iter().any(|sign| start.starts_with(sign)) {
            Self::Archive
        } else {
            Self::Other
        }
    }
}

/// The reports in these octets: as a rule one.
///
/// # Errors
/// What is wrong. Then nothing of it is taken.
pub fn reports(octets: &[u8]) -> Result<Vec<Written>, Broken> {
    if octets.len() > MAX_PACKED {
        return Err(Broken::TooLarge);
    }
    match Kind::of(octets) {
        Kind::Gzip => Ok(vec![unpacked(MultiGzDecoder::new(octets), &mut {
            MAX_UNPACKED
        })?]),
        Kind::Zip => zipped(octets),
        Kind::Xml => Ok(vec![report(octets)?]),
        Kind::Archive => Err(Broken::OtherArchive),
        Kind::Other => Err(Broken::NoReport),
    }
}

/// The report that a file holds as it is, or packed by gzip.
pub(super) fn report(octets: impl BufRead) -> Result<Written, Broken> {
    of_kind(octets, &mut { MAX_UNPACKED })
}

fn unpacked(octets: impl Read, left: &mut u64) -> Result<Written, Broken> {
    of_kind(BufReader::with_capacity(AT_ONCE, octets), left)
}

/// Reads a report, and takes its length from what may be left.
fn of_kind(mut octets: impl BufRead, left: &mut u64) -> Result<Written, Broken> {
    match Kind::of(octets.fill_buf().map_err(Broken::unpacking)?) {
        Kind::Xml => {
            let mut limited = Limited::new(octets, *left);
            let written = xml::read(&mut limited);
            *left = limited.left();
            written
        }
        Kind::Gzip | Kind::Zip | Kind::Archive => Err(Broken::Nested),
        Kind::Other => Err(Broken::NoReport),
    }
}

/// What the directory of the archive says of lengths is not believed: entries are read as far as they go, and must then have the
/// length and the checksum that it says.
fn zipped(octets: &[u8]) -> Result<Vec<Written>, Broken> {
    let failed = |error: rawzip::Error| Broken::Zip(error.to_string());
    let archive = ZipArchive::from_slice(octets).map_err(failed)?;
    let mut left = MAX_UNPACKED;
    let mut entries = archive.entries();
    let mut found = Vec::new();
    let mut read = 0;
    while let Some(entry) = entries.next_entry().map_err(failed)? {
        read += 1;
        if read > MAX_ENTRIES {
            return Err(Broken::ManyEntries);
        }
        // What macOS adds beside each file.
        let name = entry.file_path();
        let name: &[u8] = name.as_ref();
        if entry.is_dir() || name.starts_with(b"__MACOSX/") {
            continue;
        }
        if entry.flags().is_encrypted() {
            return Err(Broken::Encrypted);
        }
        let within = archive.get_entry(entry.wayfinder()).map_err(failed)?;
        let report = match entry.compression_method() {
            CompressionMethod::STORE => {
                unpacked(within.verifying_reader(within.data()), &mut left)?
            }
            CompressionMethod::DEFLATE => {
                let inflated = DeflateDecoder::new(within.data());
                unpacked(within.verifying_reader(inflated), &mut left)?
            }
            _ => return Err(Broken::Method),
        };
        found.push(report);
    }
    match found.is_empty() {
        true => Err(Broken::NoReport),
        false => Ok(found),
    }
}
