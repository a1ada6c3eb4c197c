//! What is written into a message at its end, and what is taken out before.
//!
//! | module                   | what it does, in one sentence |
//! |--------------------------|-------------------------------|
//! | `received_spf`           | writes `Received-SPF` (RFC 7208 section 9.1), one for each check |
//! | `authentication_results` | writes `Authentication-Results` (RFC 8601) |
//! | `x_backstop`             | collects verdicts, and writes `X-Backstop` |
//! | `forgeries`              | finds the headers that only we write, in what a stranger sent |
//! | `results`                | reads the `Authentication-Results` that our own host wrote |
//! | `words`                  | makes a stranger's bytes the words of these grammars |
//! | `fold`                   | breaks a value into lines |
//!
//! All of it is our own: mail-auth writes both standard headers too, but `tests/mail_auth.rs` shows that it breaks
//! their grammar for the null sender, for IPv6, and for what a stranger can say in HELO; that it writes neither the
//! mechanism nor the problem nor the identity; and that it never folds.

mod authentication_results;
mod fold;
mod forgeries;
mod received_spf;
mod results;
mod words;
mod x_backstop;

#[cfg(test)]
mod tests;

use super::{address::Domain, envelope::Envelope, policy::SpfAnswers, spf::SpfCheck};
pub use forgeries::{Deletion, Forgeries};
pub use results::OwnResults;
pub use x_backstop::{Notice, Tags};

/// The local part of a sender that has none (RFC 7208 section 2.4).
const POSTMASTER: &[u8] = b"postmaster";

/// What `Received-SPF` and `Authentication-Results` are written from. The values have no CR and no blank in front:
/// lines end in LF, which is how the milter protocol wants them; Postfix and Sendmail make the line ends of SMTP of it.
#[derive(Clone, Copy, Debug)]
pub struct SpfTrace<'a> {
    /// The envelope up to MAIL.
    pub envelope: &'a Envelope,
    /// What DNS said.
    pub spf: &'a SpfAnswers,
    /// Our own host's name.
    pub receiver: &'a str,
    /// Who we are in Authentication-Results (RFC 8601 section 2.5).
    pub authserv_id: &'a str,
    /// The result of DMARC, where the author is ours.
    pub dmarc: Option<&'a DmarcTrace>,
}

/// The result of DMARC for an author's domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DmarcTrace {
    /// The domain in From:.
    pub author: Domain,
    /// What came of it.
    pub result: DmarcResult,
}

/// What came of DMARC, by the words that are registered for Authentication-Results (RFC 9989 section 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DmarcResult {
    /// Nothing is published for the domain.
    None,
    /// SPF or DKIM passes for an aligned domain.
    Pass,
    /// Neither does.
    Fail,
    /// DNS did not answer.
    Temperror,
}

impl DmarcResult {
    /// The word in the header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Temperror => "temperror",
        }
    }
}

impl SpfTrace<'_> {
    /// The checks to write, the most important first: that of MAIL FROM is what everybody means by `spf=`. Under
    /// the null sender it is that of HELO under another name (RFC 7208 section 2.4), and is written once.
    fn checks(&self) -> impl Iterator<Item = &SpfCheck> {
        let helo = match &self.spf.mail_from {
            Some(_) if self.envelope.reverse_path.is_null() => None,
            _ => self.spf.helo.as_deref(),
        };
        let mail_from = self.spf.mail_from.as_deref();
        mail_from.into_iter().chain(helo)
    }
}
