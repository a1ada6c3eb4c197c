//! What SPF said: the facts that [`crate::spf`] finds out and the policy reads.

use std::fmt;

/// The seven results of RFC 7208 section 2.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpfResult {
    /// No usable domain, or it publishes no record (2.6.1).
    None,
    /// The domain says that it doesn't say (2.6.2).
    Neutral,
    /// The client is allowed to send for the domain (2.6.3).
    Pass,
    /// The client is not allowed to (2.6.4).
    Fail,
    /// The client is probably not allowed to (2.6.5).
    Softfail,
    /// DNS did not answer; a later try can succeed (2.6.6).
    Temperror,
    /// The published record is broken (2.6.7).
    Permerror,
}

impl SpfResult {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Neutral,
        Self::Pass,
        Self::Fail,
        Self::Softfail,
        Self::Temperror,
        Self::Permerror,
    ];

    /// The word that RFC 7208 section 9.1 writes into Received-SPF.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Neutral => "neutral",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Softfail => "softfail",
            Self::Temperror => "temperror",
            Self::Permerror => "permerror",
        }
    }
}

impl fmt::Display for SpfResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose word was checked (RFC 7208 sections 2.3 and 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// The name in HELO or EHLO.
    Helo,
    /// The reverse-path; postmaster@HELO for the null sender.
    MailFrom,
}

impl Identity {
    /// The word that RFC 7208 section 9.1 writes into Received-SPF.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Helo => "helo",
            Self::MailFrom => "mailfrom",
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One finished check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpfCheck {
    /// Whose word was checked.
    pub identity: Identity,
    /// The domain asked, as checked (for the null sender, HELO's); what a stranger wrote where it is no domain,
    /// with everything but printable ASCII escaped.
    pub domain: String,
    /// What came of it.
    pub result: SpfResult,
    /// The domain's own words for a fail (exp=, RFC 7208 section 6.2): a stranger's text, already cut down to
    /// printable ASCII and bounded.
    pub explanation: Option<String>,
    /// The term that matched, as the record writes it (`-all`, `include:example.net`), or `default` where no term
    /// did (RFC 7208 section 4.7); none where no record was evaluated.
    pub mechanism: Option<String>,
    /// Why the result is none, temperror or permerror: one line for the log and the administrator.
    pub problem: Option<String>,
    /// DNS-querying terms used, of the 10 allowed (RFC 7208 section 4.6.4).
    pub lookups: u32,
    /// Void lookups met, of the 2 allowed (RFC 7208 section 4.6.4).
    pub void_lookups: u32,
    /// Every step, in order, for `backstop spf` and `backstop explain`; empty where nobody wanted them.
    pub trace: Vec<String>,
}

impl SpfCheck {
    /// A check of which nothing but its result is known.
    pub fn new(identity: Identity, domain: String, result: SpfResult) -> Self {
        Self {
            identity,
            domain,
            result,
            explanation: None,
            mechanism: None,
            problem: None,
            lookups: 0,
            void_lookups: 0,
            trace: Vec::new(),
        }
    }
}
