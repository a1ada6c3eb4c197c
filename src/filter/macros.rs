//! What the MTA says beside its commands, in macros.

use std::ffi::CStr;

use milter::Macros;

use crate::core::{
    address::{Host, Mailbox, bracketless},
    mta::{Mta, refused::Route},
};

/// Which MTA asks: what the other macros hold depends on it.
pub(super) fn mta(macros: &Macros) -> Mta {
    macros
        .get(c"v")
        .map(|version| Mta::from_version(version.to_bytes()))
        .unwrap_or_default()
}

/// The code with which the MTA refused the recipient, if it did.
///
/// To be asked where RCPT_REJ was negotiated: else such recipients don't come, and a mailer named `error` is one that
/// delivers.
pub(super) fn refused_by_mta(macros: &Macros) -> Option<String> {
    let bytes = |name| macros.get(name).map(CStr::to_bytes).unwrap_or_default();
    mta(macros).refused(Route {
        mailer: bytes(c"{rcpt_mailer}"),
        host: bytes(c"{rcpt_host}"),
        addr: bytes(c"{rcpt_addr}"),
    })
}

/// The address, with the domain that Postfix gives it where it has none. Postfix makes joe@example.org of `joe`,
/// `joe%example.org` and `example.org!joe` (append_at_myorigin, allow_percent_hack, swap_bangpath), and delivers that: it
/// is what the rules are for. RFC 5321 knows no such addresses but `postmaster`. Sendmail's macro holds what becomes of
/// the address by aliases and virtusertable, which is none of ours to judge.
pub(super) fn completed(macros: &Macros, mailbox: Mailbox, macro_name: &CStr) -> Mailbox {
    if *mailbox.host() != Host::Missing || mta(macros) != Mta::Postfix {
        return mailbox;
    }
    value(macros, macro_name)
        .map(|address| Mailbox::from_bytes(bracketless(&address)))
        .filter(|complete| complete.domain().is_some())
        .unwrap_or(mailbox)
}

/// Its bytes, where it is set and not empty.
pub(super) fn value(macros: &Macros, name: &CStr) -> Option<Vec<u8>> {
    macros
        .get(name)
        .map(|value| value.to_bytes().to_vec())
        .filter(|value| !value.is_empty())
}
