//! Reads the macros that come beside the commands of the MTA.

use std::ffi::CStr;

use milter::Macros;

use crate::core::{
    mta::{
        Mta,
        refused::{self, Route},
    },
    understood::MtaMacros,
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
/// Only for where RCPT_REJ was negotiated: else such recipients don't come, and a mailer named `error` is one that
/// delivers.
pub(super) fn refused_by_mta(macros: &Macros, mta: Mta) -> Option<String> {
    let bytes = |name| macros.get(name).map(CStr::to_bytes).unwrap_or_default();
    let mailer = bytes(c"{rcpt_mailer}");
    // Most by far are not, and each macro is looked for in the macros of every stage.
    if mailer != refused::MAILER {
        return None;
    }
    mta.refused(Route {
        mailer,
        host: bytes(c"{rcpt_host}"),
        addr: bytes(c"{rcpt_addr}"),
    })
}

/// What the MTA says of the sender in macros, at MAIL.
pub(super) fn of_mail(macros: &Macros, mta: Mta) -> MtaMacros<'_> {
    MtaMacros {
        mta,
        resolved: macros.get(c"{mail_addr}").map(CStr::to_bytes),
        from: macros.get(c"f").map(CStr::to_bytes),
    }
}

/// What the MTA says of a recipient in macros. Of one that it refused, the macro holds the reason instead.
pub(super) fn of_rcpt(macros: &Macros, mta: Mta) -> MtaMacros<'_> {
    MtaMacros {
        mta,
        resolved: macros.get(c"{rcpt_addr}").map(CStr::to_bytes),
        from: None,
    }
}

/// Its bytes, where it is set and not empty.
pub(super) fn value(macros: &Macros, name: &CStr) -> Option<Vec<u8>> {
    macros
        .get(name)
        .map(|value| value.to_bytes().to_vec())
        .filter(|value| !value.is_empty())
}
