//! What a server is logged in to with, which is never shown.

use std::{
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, de};

use super::read_file;

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
    /// One that is written, not in a file. Errors omit it.
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
            E::custom("YAML reads this as a number or a word of its own; use 'single quotes'")
        }

        deserializer.deserialize_any(Text)
    }
}

/// The first line of a file that others may not read.
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
