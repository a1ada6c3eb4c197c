//! Whose word a mail with a report is: the domain in its From:, where the mail passes DMARC for that (RFC 9989).

use crate::core::{address::Domain, from_header::Claims, header::Headers, outside::Unanswered};

/// Why nobody's word is in a mail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unbelieved {
    /// Its author can't be told.
    #[error("its From: does not have one address")]
    NoAuthor,
    /// Our own host saw it fail.
    #[error("DMARC failed when it came, as Authentication-Results says")]
    Failed,
    /// Nothing shows whose it is.
    #[error(
        "neither our Authentication-Results nor a DKIM signature of its From: domain vouches for it"
    )]
    Unproven,
    /// DNS did not answer.
    #[error("DNS did not answer")]
    Unanswered,
}

impl From<Unanswered> for Unbelieved {
    fn from(_: Unanswered) -> Self {
        Self::Unanswered
    }
}

/// The author's domain, where there is one author beyond doubt.
///
/// # Errors
/// [`Unbelieved::NoAuthor`]
pub fn author(headers: &Headers) -> Result<Domain, Unbelieved> {
    let claims = Claims::of(headers);
    match claims.addresses.as_slice() {
        [author] if claims.from_headers == 1 && !claims.cut => {
            author.domain().cloned().ok_or(Unbelieved::NoAuthor)
        }
        _ => Err(Unbelieved::NoAuthor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_author_or_none() {
        for (headers, expected) in [
            ("From: a@far.example\n", Some("far.example")),
            (
                "From: \"b@bank.example\" <a@Far.Example>\n",
                Some("far.example"),
            ),
            ("From: a@far.example, b@far.example\n", None),
            ("From: a@far.example\nFrom: a@far.example\n", None),
            ("From: joe\n", None),
            ("From: a@[192.0.2.1]\n", None),
            ("From:\n", None),
            ("Sender: a@far.example\n", None),
        ] {
            let headers = Headers::parse(headers.as_bytes()).0;
            let found = author(&headers).ok();
            assert_eq!(found.as_ref().map(Domain::as_str), expected, "{headers:?}");
        }
    }
}
