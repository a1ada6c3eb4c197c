//! The URL of a server or of a file: read, shown without its password, and its mistakes explained, in one place.

use std::{
    borrow::Cow,
    fmt,
    net::IpAddr,
    ops::Range,
    path::{Path, PathBuf},
    str::FromStr,
};

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, de};
use url::{Position, Url};

use super::Password;

/// The scheme of a file: `sqlite:/var/lib/mail.db`.
const FILE: &str = "sqlite";

/// A URL in `milter.yaml`, and what it names. It is shown without its password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl<T> {
    shown: String,
    password: Option<Password>,
    target: T,
}

/// What the URLs of one key of `milter.yaml` name.
pub trait Target: Sized {
    /// The schemes that there are.
    const SCHEMES: &'static [&'static str];

    /// Those of them whose URLs may name several hosts: `scheme://HOST:PORT,HOST:PORT/`.
    const OF_SEVERAL: &'static [&'static str] = &[];

    /// What is expected in place of a mistake: the end of a message, which begins with "use" or "expected".
    fn expected(mistake: UrlMistake) -> &'static str;

    /// What `sqlite:PATH` names, where [`Self::SCHEMES`] has it.
    fn file(path: PathBuf) -> Result<Self, UrlMistake>;

    /// What the URL of a server names.
    fn server(url: &Parts) -> Result<Self, UrlMistake>;
}

/// What is wrong with a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlMistake {
    /// There is no such server or file.
    Scheme,
    /// A file or a socket without its folder.
    Path,
    /// No host, or none that can be read.
    Server,
    /// The same where a password may be the reason.
    Credentials,
    /// Nobody to log in as.
    User,
    /// No database, or none that can be.
    Database,
    /// An option, a path or something else that these URLs don't have.
    Part,
    /// One password here, and another in a file.
    Passwords,
    /// No name of a master that sentinels know.
    Master,
}

/// Why a text is no such URL. It shows no part of the text, which may have a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}; {expected}{}", mistake.as_str(), mistake.hint())]
pub struct UrlError {
    /// What is wrong.
    pub mistake: UrlMistake,
    expected: &'static str,
}

impl UrlMistake {
    fn as_str(self) -> &'static str {
        match self {
            Self::Scheme => "this kind of URL is not supported here",
            Self::Path => "the path is not absolute",
            Self::Server | Self::Credentials => "the server is missing or malformed",
            Self::User => "the user is missing",
            Self::Database => "the database is missing or malformed",
            Self::Part => "the URL has a part that is not allowed here",
            Self::Passwords => "the password stands in the URL and in a file",
            Self::Master => "the name of the master is missing or malformed",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::Credentials => {
                "; in a password, write @ : / ? # and % as %40 %3a %2f %3f %23 and %25"
            }
            _ => "",
        }
    }
}

impl<T> ServerUrl<T> {
    /// The URL of the file at this path.
    pub(crate) fn of_file(path: &str, target: T) -> Self {
        Self {
            shown: format!("{FILE}:{path}"),
            password: None,
            target,
        }
    }

    /// What it names.
    pub fn target(&self) -> &T {
        &self.target
    }

    /// The same with this password, as if it stood in it.
    #[must_use]
    pub fn with_password(mut self, password: Option<String>) -> Self {
        self.password = password.map(Password::Written);
        self
    }

    /// The password that stands in it.
    pub fn password(&self) -> Option<&Password> {
        self.password.as_ref()
    }
}

impl<T: Target> ServerUrl<T> {
    fn parse(text: &str) -> Result<Self, UrlMistake> {
        let (scheme, rest) = text.split_once(':').ok_or(UrlMistake::Scheme)?;
        if !T::SCHEMES.contains(&scheme) {
            return Err(UrlMistake::Scheme);
        }
        if scheme == FILE {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            return Ok(Self::of_file(path, T::file(absolute(path)?)?));
        }
        let parts = Parts::parse(text, T::OF_SEVERAL.contains(&scheme))?;
        Ok(Self {
            target: T::server(&parts)?,
            password: parts.password()?,
            shown: parts.without_password(),
        })
    }
}

impl<T: Target> FromStr for ServerUrl<T> {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text).map_err(|mistake| {
            let mistake = match mistake {
                UrlMistake::Server if text.contains('@') => UrlMistake::Credentials,
                other => other,
            };
            let expected = T::expected(mistake);
            UrlError { mistake, expected }
        })
    }
}

impl<T> fmt::Display for ServerUrl<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl<T> fmt::Debug for ServerUrl<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de, T: Target> Deserialize<'de> for ServerUrl<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The parts of a server's URL, decoded.
pub struct Parts {
    /// With the first of its hosts.
    url: Url,
    /// The hosts behind it, each with a comma before it.
    more: String,
}

impl Parts {
    /// A URL whose only bare `@` stands before its host.
    ///
    /// RFC 3986 3.3 has a bare `@` in a path too. But in `user:@host/secret@host` it is the end of a password that
    /// was not encoded, and what follows its `/` would be taken for a path, and shown.
    fn parse(text: &str, has_several: bool) -> Result<Self, UrlMistake> {
        let more = match has_several {
            true => further_hosts(text),
            false => 0..0,
        };
        let (before, after) = (text.get(..more.start), text.get(more.end..));
        let first = match more.is_empty() {
            true => text.to_owned(),
            false => [before, after].into_iter().flatten().collect(),
        };
        let url = Url::parse(&first).map_err(|_| UrlMistake::Server)?;
        let bare = text.matches('@').count();
        let behind_host = url[Position::BeforeHost..].contains('@');
        if url.has_host() && (bare > 1 || behind_host) {
            return Err(UrlMistake::Server);
        }
        let more = text.get(more).unwrap_or_default().to_owned();
        Ok(Self { url, more })
    }

    /// The URL as it was written, password included.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What stands before the first colon.
    pub fn scheme(&self) -> &str {
        self.url.scheme()
    }

    /// Whether something stands where the host does.
    pub fn has_host(&self) -> bool {
        self.url.has_host()
    }

    /// The host, an IPv6 address without its brackets.
    ///
    /// # Errors
    /// There is none.
    pub fn host(&self) -> Result<String, UrlMistake> {
        let host = self.url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or(UrlMistake::Server)?;
        Ok(host.trim_matches(['[', ']']).to_owned())
    }

    /// All hosts with their ports, IPv6 addresses without their brackets.
    ///
    /// # Errors
    /// There is none, or one that can't be read.
    pub fn hosts(&self) -> Result<Vec<(String, Option<u16>)>, UrlMistake> {
        let mut hosts = vec![(self.host()?, self.port())];
        for host in self.more.split(',').skip(1) {
            let url = Url::parse(&format!("host://{host}")).map_err(|_| UrlMistake::Server)?;
            let is_alone = url.username().is_empty() && url[Position::AfterPort..].is_empty();
            let one = Self {
                url,
                more: String::new(),
            };
            is_alone.then_some(()).ok_or(UrlMistake::Server)?;
            hosts.push((one.host()?, one.port()));
        }
        Ok(hosts)
    }

    /// The port, where there is one.
    pub fn port(&self) -> Option<u16> {
        self.url.port()
    }

    /// The user, if there is one.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn user(&self) -> Result<Option<String>, UrlMistake> {
        let user = decoded(self.url.username())?;
        Ok(Some(user).filter(|user| !user.is_empty()))
    }

    /// The password, if there is one.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn password(&self) -> Result<Option<Password>, UrlMistake> {
        let password = self.url.password().map(decoded).transpose()?;
        Ok(password.map(Password::Written))
    }

    /// The path, with the slash it begins with.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn path(&self) -> Result<String, UrlMistake> {
        decoded(self.url.path())
    }

    /// The options behind `?`.
    ///
    /// # Errors
    /// Something follows them.
    pub fn options(
        &self,
    ) -> Result<impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)>, UrlMistake> {
        match self.url.fragment() {
            Some(_) => Err(UrlMistake::Part),
            None => Ok(self.url.query_pairs()),
        }
    }

    fn without_password(self) -> String {
        let mut url = self.url;
        if url.password().is_some() {
            // Where there is a password there is a host, so it can be set.
            let _ = url.set_password(Some("***"));
        }
        let (first, rest) = (&url[..Position::AfterPort], &url[Position::AfterPort..]);
        let shown = [first, &self.more, rest].concat();
        shown.trim_end_matches('/').to_owned()
    }
}

/// Where the hosts behind the first stand, with the comma before each; empty where there is one only. A user and a password
/// may have commas too.
fn further_hosts(text: &str) -> Range<usize> {
    let from = text.find("://").map_or(text.len(), |at| at + "://".len());
    let rest = text.get(from..).unwrap_or_default();
    let authority = rest
        .find(['/', '?', '#'])
        .map_or(text.len(), |at| from + at);
    let hosts = rest.get(..authority - from).unwrap_or_default();
    let hosts = hosts.rfind('@').map_or(from, |at| from + at + 1);
    let comma = text.get(hosts..authority).and_then(|hosts| hosts.find(','));
    comma.map_or(0..0, |at| hosts + at..authority)
}

/// A path that names a file from the root on.
///
/// # Errors
/// It does not.
pub(crate) fn absolute(path: &str) -> Result<PathBuf, UrlMistake> {
    let path = Path::new(path);
    let names_a_file = path.is_absolute() && path.file_name().is_some();
    names_a_file
        .then(|| path.to_owned())
        .ok_or(UrlMistake::Path)
}

/// A part of a URL as it was meant; empty where it isn't there.
///
/// # Errors
/// It is not UTF-8.
pub(crate) fn decoded(part: &str) -> Result<String, UrlMistake> {
    let text = percent_decode_str(part).decode_utf8();
    text.map(Cow::into_owned).map_err(|_| UrlMistake::Server)
}

/// Whether a host is this one.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
