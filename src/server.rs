//! What the URLs of servers in `milter.yaml` have in common: their parts, and passwords that are never shown.

use std::{
    borrow::Cow,
    fmt,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, de};
use url::{Position, Url};

/// The largest file of a password or of certificates that is read, in octets.
const LARGEST_FILE: u64 = 1 << 20;

/// What proves that it is us.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Password {
    /// As it stands in `milter.yaml`.
    Written(String),
    /// The first line of this file.
    InFile(PathBuf),
}

impl Password {
    /// The password itself.
    ///
    /// # Errors
    /// A file that can't be read, that isn't text, that everybody may read, or whose first line is empty; no text shows
    /// what is in it.
    pub fn read(&self) -> Result<String, String> {
        match self {
            Self::Written(password) => Ok(password.clone()),
            Self::InFile(path) => first_line(path),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(_) => f.write_str("***"),
            Self::InFile(path) => path.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Password {
    /// One that is written, not in a file. What is wrong with it is told without it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl de::Visitor<'_> for Text {
            type Value = Password;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Password, E> {
                Ok(Password::Written(text.to_owned()))
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Password, E> {
                Err(unquoted())
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Password, E> {
                Err(unquoted())
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Password, E> {
                Err(unquoted())
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Password, E> {
                Err(unquoted())
            }
        }

        fn unquoted<E: de::Error>() -> E {
            E::custom(
                "YAML reads this as a number or a word of its own; right would be the same in 'single quotes'",
            )
        }

        deserializer.deserialize_any(Text)
    }
}

/// The first line of a file that nobody else may read.
fn first_line(path: &Path) -> Result<String, String> {
    let text = String::from_utf8(read_file(path)?)
        .map_err(|_| format!("{} is not text in UTF-8", path.display()))?;
    let mode = fs::metadata(path).map_or(0, |metadata| metadata.mode() & 0o7777);
    if mode & 0o007 != 0 {
        let path = path.display();
        return Err(format!(
            "{path} has mode {mode:04o}, so that everybody can read the password: chmod 640 {path}"
        ));
    }
    // RFC 4513 section 5.1.2: an LDAP server takes a name with an empty password for anonymous, and says yes.
    let password = text.lines().next().filter(|line| !line.is_empty());
    password
        .map(str::to_owned)
        .ok_or_else(|| format!("{} has no password in its first line", path.display()))
}

/// What is in a file that is small.
///
/// # Errors
/// Why it can't be read.
pub fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let read = || -> io::Result<Vec<u8>> {
        // Opening a pipe would wait for its writer.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut bytes = Vec::new();
        let file = File::open(path)?;
        file.take(LARGEST_FILE).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| format!("{} can't be read: {error}", path.display()))
}

/// A URL whose only bare `@` stands before its host; none where it is no URL, or has another.
///
/// RFC 3986 3.3 has a bare `@` in a path too. But in `user:@host/secret@host` it is the end of a password that
/// was not encoded, and what follows its `/` would be taken for a path, and shown.
pub fn parsed(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let bare = text.matches('@').count();
    let behind_host = url[Position::BeforeHost..].contains('@');
    (!url.has_host() || (bare <= 1 && !behind_host)).then_some(url)
}

/// The host of a URL, an IPv6 address without its brackets; none where it is empty.
pub fn host(url: &Url) -> Option<String> {
    let host = url.host_str().filter(|host| !host.is_empty())?;
    Some(host.trim_matches(['[', ']']).to_owned())
}

/// A part of a URL as it was meant; empty where it isn't there, none where it is not UTF-8.
pub fn decoded(part: &str) -> Option<String> {
    let text = percent_decode_str(part).decode_utf8().ok()?;
    Some(Cow::into_owned(text))
}

/// A path that names a file from the root on.
pub fn absolute(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(path);
    let names_a_file = path.is_absolute() && path.file_name().is_some();
    names_a_file.then_some(path)
}

/// The URL as it may be shown.
pub fn without_password(mut url: Url) -> String {
    if url.password().is_some() {
        // Where there is a password there is a host, so it can be set.
        let _ = url.set_password(Some("***"));
    }
    url.to_string()
}
