//! What is asked outside of the message, and can fail to answer: the one form of an outage, from the adapter that met it to
//! the reply.

use std::fmt;

/// An outside part that did not answer. Where several did not, the greatest counts: it decides what is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outside {
    /// A name server: SPF records, DNS lists and keys are published there.
    Dns,
    /// A list of recipients: a file, SQL or LDAP.
    Directory,
    /// The store.
    Store,
}

impl Outside {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Dns, Self::Directory, Self::Store];
}

/// A question that got no answer. Never "there is none", which is an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unanswered {
    /// Who did not answer.
    pub outside: Outside,
    /// What was asked and what went wrong, for people: `TXT example.org: SERVFAIL`.
    pub why: String,
}

impl Unanswered {
    /// DNS did not answer: SERVFAIL, REFUSED, a timeout, a spent budget.
    pub fn dns(why: impl Into<String>) -> Self {
        Self {
            outside: Outside::Dns,
            why: why.into(),
        }
    }

    /// A list of recipients can't be read, or its server does not answer.
    pub fn directory(why: impl Into<String>) -> Self {
        Self {
            outside: Outside::Directory,
            why: why.into(),
        }
    }
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "DNS",
            Self::Directory => "the list of recipients",
            Self::Store => "the store",
        })
    }
}
