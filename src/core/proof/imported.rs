//! Keys of the programs that signed mail before Backstop did. They verify what those signed, until they end, and never
//! sign: a change-over loses no bounce.

mod marks;

use std::{fmt, str::FromStr};

use data_encoding::BASE64URL_NOPAD;

pub(super) use self::marks::verify;
use super::{MIN_SECRET, date, day};
use crate::core::{address::Mailbox, pattern::AddressPattern};

/// The longest secret, in octets: batv-keygen writes 64.
pub const MAX_IMPORTED_SECRET: usize = 1024;
/// The longest secret that Exim signs with, in octets.
pub const MAX_EXIM_SECRET: usize = 64;
/// The longest header name, in octets: a line is no longer (RFC 5322 section 2.1.1).
const MAX_HEADER: usize = 998;

/// A program whose keys can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Program {
    /// batv-milter of batv-tools.
    BatvMilter,
    /// Exim, by its expansion `prvs`.
    Exim,
    /// MailScanner, by `Use Watermarking`.
    MailScanner,
    /// Haraka, by its plugin `bounce`.
    Haraka,
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::BatvMilter,
        Self::Exim,
        Self::MailScanner,
        Self::Haraka,
    ];

    /// The word in the key file and for `backstop keygen --import`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BatvMilter => "batv-milter",
            Self::Exim => "exim",
            Self::MailScanner => "mailscanner",
            Self::Haraka => "haraka",
        }
    }

    /// The program of this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|program| program.as_str() == word)
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a program puts into its mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marks {
    /// Tags with the digit 0.
    BatvMilter {
        /// Whose mail it signs with this key.
        signs: AddressPattern,
    },
    /// Tags.
    Exim {
        /// The digit that they name the key by.
        digit: u8,
    },
    /// A header with a time and a digest.
    MailScanner {
        /// Its name.
        header: String,
    },
    /// The header `X-Haraka-Bounce-Validation`.
    Haraka {
        /// What its HMAC is made with.
        algorithm: Algorithm,
    },
}

impl Marks {
    /// Who makes them.
    pub fn program(&self) -> Program {
        match self {
            Self::BatvMilter { .. } => Program::BatvMilter,
            Self::Exim { .. } => Program::Exim,
            Self::MailScanner { .. } => Program::MailScanner,
            Self::Haraka { .. } => Program::Haraka,
        }
    }

    /// Reads the last word of a key's line.
    fn read(program: Program, word: &str) -> Result<Self, &'static str> {
        match program {
            Program::BatvMilter => word
                .parse()
                .map(|signs| Self::BatvMilter { signs })
                .map_err(
                    |_| "the fifth word is whose mail it signed: joe@example.org or @example.org",
                ),
            Program::Exim => match word.as_bytes() {
                [digit @ b'0'..=b'9'] => Ok(Self::Exim {
                    digit: digit - b'0',
                }),
                _ => Err("the fifth word is the digit that the tags name the key by"),
            },
            Program::MailScanner => is_header_name(word)
                .then(|| Self::MailScanner {
                    header: word.to_owned(),
                })
                .ok_or("the fifth word is the name of the header, without a colon"),
            Program::Haraka => word
                .parse()
                .map(|algorithm| Self::Haraka { algorithm })
                .map_err(|UnknownAlgorithm| "the fifth word is sha1, sha256, sha384 or sha512"),
        }
    }
}

impl fmt::Display for Marks {
    /// The last word of a key's line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BatvMilter { signs } => signs.fmt(f),
            Self::Exim { digit } => digit.fmt(f),
            Self::MailScanner { header } => f.write_str(header),
            Self::Haraka { algorithm } => f.write_str(algorithm.as_str()),
        }
    }
}

/// Whether a header can have this name (RFC 5322 section 2.2).
pub fn is_header_name(name: &str) -> bool {
    let is_text = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    (1..=MAX_HEADER).contains(&name.len()) && name.bytes().all(is_text)
}

/// The hash of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-1.
    Sha1,
    /// SHA-256, Haraka's default.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// Its name for Node.js.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

/// A hash that Node.js may know, but no key here is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownAlgorithm;

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// In any of the spellings of Node.js.
    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        let text = text.to_ascii_lowercase();
        let bare = text.strip_prefix("rsa-").unwrap_or(&text);
        let bare = bare.strip_suffix("withrsaencryption").unwrap_or(bare);
        [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == bare)
            .ok_or(UnknownAlgorithm)
    }
}

/// A key of another program. Its secret is shown nowhere but in the key file.
#[derive(Clone, PartialEq, Eq)]
pub struct ImportedKey {
    marks: Marks,
    imported: u64,
    ends: u64,
    secret: Vec<u8>,
}

impl ImportedKey {
    /// A key that was imported on one day, and verifies until another: both since 1970-01-01.
    ///
    /// # Errors
    /// A secret that the program could not have, and an end before the beginning.
    pub fn new(
        marks: Marks,
        imported: u64,
        ends: u64,
        secret: &[u8],
    ) -> Result<Self, &'static str> {
        let longest = match marks {
            Marks::Exim { .. } => MAX_EXIM_SECRET,
            _ => MAX_IMPORTED_SECRET,
        };
        if !(1..=longest).contains(&secret.len()) {
            return Err(match marks {
                Marks::Exim { .. } => "a secret of Exim has 1 to 64 octets",
                _ => "an imported secret has 1 to 1024 octets",
            });
        }
        if ends < imported {
            return Err("the key ends before the day it was imported");
        }
        Ok(Self {
            marks,
            imported,
            ends,
            secret: secret.to_vec(),
        })
    }

    /// What it verifies.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// The last day on which it verifies, since 1970-01-01.
    pub fn ends(&self) -> u64 {
        self.ends
    }

    /// For how many days it verifies. No tag that it made counts for longer.
    pub fn days(&self) -> u64 {
        self.ends.saturating_sub(self.imported)
    }

    /// Whether its secret is shorter than any that [`Keys`](super::Keys) makes of its own.
    pub fn is_short(&self) -> bool {
        self.secret.len() < MIN_SECRET
    }

    /// The secret itself: for MACs, and never to be shown.
    pub(super) fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// Whether both are the same key, until whenever they verify.
    pub fn is_same(&self, other: &Self) -> bool {
        self.marks == other.marks && self.secret == other.secret
    }

    /// Whether a tag with this digit, in this address, can be its.
    pub(super) fn signs(&self, digit: u8, address: &Mailbox) -> bool {
        match &self.marks {
            Marks::BatvMilter { signs } => digit == 0 && signs.matches(address, ""),
            Marks::Exim { digit: own } => *own == digit,
            Marks::MailScanner { .. } | Marks::Haraka { .. } => false,
        }
    }

    /// Its line of the key file.
    pub(super) fn line(&self) -> String {
        format!(
            "{} {} {} {} {}\n",
            self.marks.program(),
            date(self.imported),
            BASE64URL_NOPAD.encode(&self.secret),
            date(self.ends),
            self.marks
        )
    }

    /// Reads the words of its line behind the first.
    pub(super) fn read<'a>(
        program: Program,
        mut words: impl Iterator<Item = &'a str>,
    ) -> Result<Self, &'static str> {
        let imported = words
            .next()
            .and_then(day)
            .ok_or("the second word is the day the key was imported, such as 2026-01-31")?;
        let secret = words
            .next()
            .and_then(|word| BASE64URL_NOPAD.decode(word.as_bytes()).ok())
            .ok_or("the third word is the secret, in base64url without padding")?;
        let ends = words
            .next()
            .and_then(day)
            .ok_or("the fourth word is the last day on which the key verifies")?;
        let marks = words
            .next()
            .ok_or("an imported key has five words")
            .and_then(|word| Marks::read(program, word))?;
        match words.next() {
            None => Self::new(marks, imported, ends, &secret),
            Some(_) => Err("an imported key has no more than five words"),
        }
    }
}

impl fmt::Debug for ImportedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportedKey")
            .field("marks", &self.marks)
            .field("imported", &self.imported)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
