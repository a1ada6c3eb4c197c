//! Regular expressions for local parts, and what a local part can hold.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use serde::{Deserialize, Deserializer, de};

use super::{
    expression::{Expression, Texts},
    meant::{self, in_quotes},
};

/// A regular expression that must match all of a local part.
#[derive(Clone, Debug)]
pub struct LocalPartPattern {
    written: String,
    expression: Expression,
}

/// Why a text is no pattern for a local part, or not the one that was meant.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// No regular expression, or too large a one.
    #[error(transparent)]
    Regex(#[from] regex::Error),
    /// Perl's way to write one.
    #[error("the slashes around `{}` would be compared like any other character; use {}", .0.escape_debug(), in_quotes(.1))]
    Slashes(String, String),
    /// A shell's pattern.
    #[error("`{}` is a pattern of file names: here a `*` repeats the character before it; use {}, or {{0,}} in place of the `*` if that is meant", .0.escape_debug(), in_quotes(.1))]
    Glob(String, String),
}

impl LocalPartPattern {
    /// Reads the pattern; letters match in either case.
    ///
    /// # Errors
    /// A mistake in the pattern, one that compiles to more than a megabyte, and one that would never match what it was
    /// written for.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let written = || pattern.to_owned();
        if let Some(inner) = meant::between_slashes(pattern) {
            let inner = meant::without_host(inner).0.to_owned();
            return Err(PatternError::Slashes(written(), inner));
        }
        if meant::is_glob_alone(pattern) {
            return Err(PatternError::Glob(written(), meant::regex_of_glob(pattern)));
        }
        // Alone first, so that the message shows the pattern as written, without our brackets around it.
        Expression::new(written(), Texts::Octets)?;
        Ok(Self {
            written: written(),
            expression: Expression::new(format!("^(?:{pattern})$"), Texts::Octets)?,
        })
    }

    /// Whether it matches a local part in the form that compares.
    pub fn matches(&self, local_key: &[u8]) -> bool {
        self.expression.matches(local_key)
    }

    pub(super) fn expression(&self) -> &Expression {
        &self.expression
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

impl fmt::Display for LocalPartPattern {
    /// As it is written in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl PartialEq for LocalPartPattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for LocalPartPattern {}

impl Hash for LocalPartPattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.written.hash(state);
    }
}

impl<'de> Deserialize<'de> for LocalPartPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// RFC 5321 section 4.1.2 and RFC 6531 section 3.3; dots are taken wherever they stand, as MTAs do.
pub fn is_local_part(local: &[u8]) -> bool {
    let quoted = local.len() > 2 && local.starts_with(b"\"") && local.ends_with(b"\"");
    let plain = |byte: &u8| {
        byte.is_ascii_alphanumeric() || *byte >= 0x80 || b"!#$%&'*+-/=?^_`{|}~.".contains(byte)
    };
    !local.is_empty()
        && (quoted || local.iter().all(plain))
        && !local.iter().any(u8::is_ascii_control)
}
