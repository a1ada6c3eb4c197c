//! Which address the MTA understood of the argument of MAIL or RCPT.
//!
//! RFC 5321 allows one spelling. Postfix and Sendmail admit many more, and deliver `<Joe <joe@own.test>>` as joe@own.test
//! and `<(c)>` as the null sender; a stranger writes them to get round what is said of the address. So what RFC 5321 parses
//! stands as parsed; of all else, the MTA's macro says what was understood, where it is known to hold that; and where
//! it isn't, the argument is read as leniently as an MTA reads it.

mod lenient;
mod strict;

use super::{
    address::{Domain, Host, Mailbox, ReversePath},
    local::Local,
    mta::Mta,
};

/// What the MTA says of an address beside the argument.
#[derive(Clone, Copy, Debug, Default)]
pub struct MtaMacros<'a> {
    /// Which MTA it is.
    pub mta: Mta,
    /// The macro `{mail_addr}` or `{rcpt_addr}`. An empty value is one.
    pub resolved: Option<&'a [u8]>,
    /// The macro `f`, of MAIL. An empty value is one.
    pub from: Option<&'a [u8]>,
}

impl<'a> MtaMacros<'a> {
    /// What the MTA understood of an argument that RFC 5321 doesn't parse.
    ///
    /// Sendmail's `{mail_addr}` and `{rcpt_addr}` hold what becomes of the address by aliases, virtusertable and the like:
    /// they don't say what was meant.
    fn understood(&self) -> Option<&'a [u8]> {
        match self.mta {
            Mta::Postfix => self.resolved,
            Mta::Sendmail => self.from,
            Mta::Unknown => None,
        }
    }
}

/// The sender. `host` is the MTA's own name.
pub fn reverse_path(
    argument: &[u8],
    macros: MtaMacros<'_>,
    local: &Local,
    host: &str,
) -> ReversePath {
    let path = strict::path(argument).or_else(|| {
        let understood = macros.understood();
        // Sendmail's `f` keeps what it didn't take apart, quotes around the whole address among it.
        understood.map(|address| strict::path(address).unwrap_or_else(|| read(address, local)))
    });
    match path.unwrap_or_else(|| read(argument, local)) {
        None => ReversePath::Null,
        Some(mailbox) => ReversePath::Mailbox(qualified(mailbox, local, host)),
    }
}

/// A recipient. `host` is the MTA's own name.
pub fn recipient(argument: &[u8], macros: MtaMacros<'_>, local: &Local, host: &str) -> Mailbox {
    if let Some(mailbox) = strict::path(argument).flatten() {
        return mailbox;
    }
    let written = read(argument, local);
    let is_bare = |mailbox: &Mailbox| *mailbox.host() == Host::Missing;
    let completed = written.as_ref().is_some_and(is_bare);
    // No recipient is empty: a macro that is holds none.
    let understood = macros.understood().filter(|address| !address.is_empty());
    let understood = understood
        .and_then(|address| strict::path(address).unwrap_or_else(|| read(address, local)))
        // Postfix completes with myorigin, by default its own name, of which our lists often say nothing.
        .filter(|mailbox| !(completed && is_own_name(mailbox, local, host)));
    let mailbox = understood.or(written);
    qualified(
        mailbox.unwrap_or_else(|| Mailbox::from_bytes(b"")),
        local,
        host,
    )
}

/// Whether its domain is the MTA's own name, and none of ours.
fn is_own_name(mailbox: &Mailbox, local: &Local, host: &str) -> bool {
    let domain = mailbox.domain();
    domain.is_some_and(|domain| {
        !local.is_ours(domain) && Domain::from_bytes(host.as_bytes()).as_ref() == Some(domain)
    })
}

/// Which address an MTA delivers one of ours to whose local part names one of ours again: `joe%own.test@own.test`,
/// `own.test!joe@own.test`, `"joe@own.test"@own.test`. Postfix does so for mydestination, Sendmail for its class w. For all
/// that is asked of the address as it was sent, it stands as parsed.
pub fn routed(mailbox: &Mailbox, local: &Local) -> Option<Mailbox> {
    if !local.is_ours_or_unqualified(mailbox) {
        return None;
    }
    let inner = read(&mailbox.local_unquoted(), local)?;
    let domain = inner.domain();
    domain
        .is_some_and(|domain| local.is_ours(domain))
        .then_some(inner)
}

/// The lenient reading; none for an address that is empty.
fn read(argument: &[u8], local: &Local) -> Option<Mailbox> {
    lenient::read(argument, |domain| local.is_ours(domain))
}

/// An address without a domain is one of this host (RFC 5321 section 4.5.1 has but `postmaster` so).
fn qualified(mailbox: Mailbox, local: &Local, host: &str) -> Mailbox {
    if *mailbox.host() != Host::Missing || mailbox.local().is_empty() {
        return mailbox;
    }
    match local.unqualified(host) {
        Some(domain) => mailbox.with_domain(&domain),
        None => mailbox,
    }
}

/// RFC 5322 section 3.2.3, and RFC 6531 section 3.3: every octet of UTF-8 beyond ASCII.
fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte) || !byte.is_ascii()
}

#[cfg(test)]
mod tests;
