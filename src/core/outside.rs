//! What is asked outside of the message, and may not answer.

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

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "DNS",
            Self::Directory => "the list of recipients",
            Self::Store => "the store",
        })
    }
}
