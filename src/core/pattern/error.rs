//! Why an entry of a list can't be used, and what to write instead.

use crate::core::address::{Domain, NotADomain};

/// Why a text is not an entry of a list; it is the administrator's own, from `milter.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not a domain name.
    #[error(transparent)]
    Domain(#[from] NotADomain),
    /// No address, domain or local part.
    #[error("`{}` is not an address; expected user@example.org, @example.org, user or {{match: 'news-.*'}}", .0.escape_debug())]
    NotAnAddress(String),
    /// A pattern as other programs write it, and what to write for it.
    #[error("`{}` looks like a pattern, but would be compared as it stands; use {write}, or the part before the @ in \"double quotes\" (inside the 'single' ones of YAML), if it means just this address", .text.escape_debug())]
    OtherPattern {
        /// As it stands.
        text: String,
        /// What was probably meant.
        write: String,
    },
    /// A pattern for a whole address where one for its local part belongs, and what to write for it.
    #[error("`{}` has an @, but a pattern is compared with what stands before the @; use {write}", .text.escape_debug())]
    WholeAddress {
        /// As it stands.
        text: String,
        /// The same in two keys.
        write: String,
    },
    /// Names below a domain, as other programs write them.
    #[error("`{}` is not a domain name; use .{} for all names below it", .0.escape_debug(), .1)]
    Below(String, Domain),
}
