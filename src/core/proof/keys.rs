//! The keys that sign, and their file: one key a line, the last one that isn't retired signs. Those of other programs are
//! there, too.

use std::{
    fmt,
    time::{Duration, UNIX_EPOCH},
};

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit};
use sha2::Sha256;

use super::{
    DAY,
    imported::{ImportedKey, Program},
    today,
};

/// The shortest secret that a key file can have, in octets: 128 bits.
pub const MIN_SECRET: usize = 16;
/// The longest one: more than a block of any hash adds nothing.
const MAX_SECRET: usize = 128;

/// A key. Its secret is shown nowhere but in the key file.
#[derive(Clone)]
pub struct Key {
    id: u8,
    created: u64,
    secret: Vec<u8>,
    retired: Option<u64>,
    /// HMAC that has taken the key in: that is half of the work for a short text, and the same for each.
    hmac: Box<Hmac<Sha256>>,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let facts = |key: &Self| (key.id, key.created, key.retired);
        facts(self) == facts(other) && self.secret == other.secret
    }
}

impl Eq for Key {}

impl Key {
    /// A key with an id of one digit. `created` and `retired` are days since 1970-01-01. `None` where the id has more
    /// than one digit.
    pub fn new(id: u8, created: u64, secret: &[u8], retired: Option<u64>) -> Option<Self> {
        // RFC 2104 section 2: HMAC takes keys of any length.
        let hmac = Box::new(Hmac::new_from_slice(secret).ok()?);
        (id <= 9).then(|| Self {
            id,
            created,
            secret: secret.to_vec(),
            retired,
            hmac,
        })
    }

    /// HMAC-SHA256 by this key, of no text yet.
    pub(super) fn hmac_sha256(&self) -> Hmac<Sha256> {
        Hmac::clone(&self.hmac)
    }

    /// The digit that a tag names it by.
    pub fn id(&self) -> u8 {
        self.id
    }

    /// The day on which it was retired, since 1970-01-01.
    pub fn retired(&self) -> Option<u64> {
        self.retired
    }

    /// The secret itself: for MACs, and never to be shown.
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// Whether a tag that it signed can still be within its lifetime, in days: one signed on the day the key was
    /// retired.
    fn is_live(&self, today: u64, lifetime: u64) -> bool {
        self.retired
            .is_none_or(|retired| today.saturating_sub(retired) <= lifetime)
    }

    fn line(&self) -> String {
        let secret = BASE64URL_NOPAD.encode(&self.secret);
        let retired = self.retired.map(|day| format!(" {}", date(day)));
        format!(
            "{} {} {secret}{}\n",
            self.id,
            date(self.created),
            retired.unwrap_or_default()
        )
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("created", &self.created)
            .field("retired", &self.retired)
            .finish_non_exhaustive()
    }
}

/// All keys, in the order of their file: oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    own: Vec<Key>,
    imported: Vec<ImportedKey>,
}

impl Keys {
    /// Reads the text of a key file.
    ///
    /// # Errors
    /// The first line that is neither a key nor a comment, and two keys in use with one id. No error shows a secret.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let mut keys = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what| KeyFileError {
                line: number + 1,
                what,
            };
            let program = line
                .split_ascii_whitespace()
                .next()
                .and_then(Program::named);
            if let Some(program) = program {
                let words = line.split_ascii_whitespace().skip(1);
                let key = ImportedKey::read(program, words).map_err(wrong)?;
                keys.imported.push(key);
                continue;
            }
            let key = key(line).map_err(wrong)?;
            if key.retired.is_none() && keys.in_use(key.id).is_some() {
                return Err(wrong("another key in use has this id already"));
            }
            keys.own.push(key);
        }
        Ok(keys)
    }

    /// The text of the key file.
    pub fn to_text(&self) -> String {
        let own = self.own.iter().map(Key::line);
        let imported = self.imported.iter().map(ImportedKey::line);
        let head = if self.imported.is_empty() {
            ""
        } else {
            HEAD_OF_IMPORTED
        };
        own.chain([head.to_owned()])
            .chain(imported)
            .fold(HEAD.to_owned(), |text, line| text + &line)
    }

    /// The one that signs: the newest that isn't retired.
    pub fn signing(&self) -> Option<&Key> {
        self.own.iter().rev().find(|key| key.retired.is_none())
    }

    /// Those whose tags count: a retired one for as long as its last tag lives, in days. Newest first.
    pub fn live(&self, today: u64, lifetime: u64) -> impl Iterator<Item = &Key> {
        let newest_first = self.own.iter().rev();
        newest_first.filter(move |key| key.is_live(today, lifetime))
    }

    /// The key in use with this id.
    pub fn in_use(&self, id: u8) -> Option<&Key> {
        self.own
            .iter()
            .find(|key| key.id == id && key.retired.is_none())
    }

    /// All that sign or did, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.own.iter()
    }

    /// How many of them there are.
    pub fn len(&self) -> usize {
        self.own.len()
    }

    /// Whether there is none, nor an imported one.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.imported.is_empty()
    }

    /// Those of other programs, ended or not.
    pub fn imported(&self) -> impl Iterator<Item = &ImportedKey> {
        self.imported.iter()
    }

    /// Those of other programs that verify.
    pub fn imported_live(&self, today: u64) -> impl Iterator<Item = &ImportedKey> {
        self.imported.iter().filter(move |key| today <= key.ends())
    }

    /// Adds a key of another program. One that is there already verifies until the new end.
    pub fn import(&mut self, key: ImportedKey) {
        self.imported.retain(|other| !other.is_same(&key));
        self.imported.push(key);
    }

    /// Removes the keys of other programs that verify no more; says how many.
    pub fn remove_ended(&mut self, today: u64) -> usize {
        let before = self.imported.len();
        self.imported.retain(|key| today <= key.ends());
        before - self.imported.len()
    }

    /// Adds a key, which signs from now on. It is given back where its id is in use.
    pub fn add(&mut self, key: Key) -> Result<(), Key> {
        self.insert(self.own.len(), key)
    }

    /// Adds a key that verifies from now on, and signs when the one that signs now is retired. It is given back where its
    /// id is in use.
    pub fn add_standby(&mut self, key: Key) -> Result<(), Key> {
        let signing = self.own.iter().rposition(|key| key.retired.is_none());
        self.insert(signing.unwrap_or(self.own.len()), key)
    }

    fn insert(&mut self, at: usize, key: Key) -> Result<(), Key> {
        if self.in_use(key.id).is_some() {
            return Err(key);
        }
        self.own.insert(at, key);
        Ok(())
    }

    /// Retires the key in use with this id; `false` where there is none.
    pub fn retire(&mut self, id: u8, today: u64) -> bool {
        let key = self
            .own
            .iter_mut()
            .find(|key| key.id == id && key.retired.is_none());
        key.is_some_and(|key| {
            key.retired = Some(today);
            true
        })
    }
}

impl FromIterator<Key> for Keys {
    fn from_iter<T: IntoIterator<Item = Key>>(keys: T) -> Self {
        Self {
            own: keys.into_iter().collect(),
            imported: Vec::new(),
        }
    }
}

/// Why a text is no key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct KeyFileError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: &'static str,
}

const HEAD: &str = "\
# Keys of backstop. Whoever reads this file can make bounces that pass for genuine: keep it 0600.
# A line is a key: id, day it was made, secret, and the day it was retired. The last one that isn't retired signs; the
# others are for tags that were signed before. `backstop keygen` adds a key, `backstop keygen --retire ID` retires one.
";

const HEAD_OF_IMPORTED: &str = "\
# Keys of other programs: program, day of import, secret, last day, and what the program needs besides. They never sign.
";

fn key(line: &str) -> Result<Key, &'static str> {
    let mut words = line.split_ascii_whitespace();
    let id = match words.next().map(str::as_bytes) {
        Some([digit @ b'0'..=b'9']) => digit - b'0',
        _ => {
            return Err(
                "a key begins with its id, one digit, or the program that it was imported from",
            );
        }
    };
    let created = words
        .next()
        .and_then(day)
        .ok_or("the second word is the day the key was made, such as 2026-01-31")?;
    let secret = words
        .next()
        .and_then(|word| BASE64URL_NOPAD.decode(word.as_bytes()).ok())
        .filter(|secret| (MIN_SECRET..=MAX_SECRET).contains(&secret.len()))
        .ok_or("the third word is the secret: 16 to 128 octets in base64url without padding")?;
    let retired = match words.next() {
        None => None,
        Some(word) => Some(day(word).ok_or("the fourth word is the day the key was retired")?),
    };
    match words.next() {
        None => Key::new(id, created, &secret, retired).ok_or("an id is one digit"),
        Some(_) => Err("a key has no more than four words"),
    }
}

/// A day since 1970-01-01, such as `2026-01-31`.
pub fn date(day: u64) -> String {
    // The last day that can be written; a clock that says more is wrong.
    let last = 253_402_300_799 / DAY;
    let seconds = Duration::from_secs(day.min(last) * DAY);
    let mut text = humantime::format_rfc3339_seconds(UNIX_EPOCH + seconds).to_string();
    text.truncate("2026-01-31".len());
    text
}

/// The day since 1970-01-01 of such a text.
pub fn day(date: &str) -> Option<u64> {
    if date.len() != "2026-01-31".len() {
        return None;
    }
    let time = humantime::parse_rfc3339(&format!("{date}T00:00:00Z")).ok()?;
    Some(today(time.duration_since(UNIX_EPOCH).ok()?.as_secs()))
}

#[cfg(test)]
mod tests;
