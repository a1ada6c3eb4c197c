//! The name under which we publish our results (RFC 8601 section 2.5).

use std::{fmt, str::FromStr};

/// The longest, in octets: it stands on one line with the first words of its header, and a host's name fits it.
const MAX_LENGTH: usize = 253;

/// An authserv-id: a token (RFC 2045 section 5.1), mostly a host's name. RFC 8601 section 2.2 would have a
/// quoted-string too, which programs that read the header by regular expression would miss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthservId(String);

impl AuthservId {
    /// The id as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no authserv-id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` can't name us in Authentication-Results; expected a host's name such as mx.example.org: ASCII without \
     blanks and without ( ) < > @ , ; : \\ \" / [ ] ? =, at most {MAX_LENGTH} characters"
)]
pub struct NoAuthservId(String);

impl FromStr for AuthservId {
    type Err = NoAuthservId;

    fn from_str(text: &str) -> Result<Self, NoAuthservId> {
        let is_token = (1..=MAX_LENGTH).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte));
        if is_token {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoAuthservId(text.to_owned()))
        }
    }
}

impl fmt::Display for AuthservId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_tokens() {
        for id in ["mx.example.org", "example.org", "mx1", "a_b-c!"] {
            let parsed: AuthservId = id.parse().unwrap();
            assert_eq!((parsed.as_str(), parsed.to_string()), (id, id.to_owned()));
        }
        let long = "x".repeat(MAX_LENGTH + 1);
        for wrong in [
            "",
            "mx example",
            "mx.example.org;",
            "\"mx\"",
            "bücher.example",
            "mx\r\nX: y",
            &long,
        ] {
            assert!(wrong.parse::<AuthservId>().is_err(), "{wrong:?}");
        }
    }
}
