//! `Authentication-Results` (RFC 8601).

use std::borrow::Cow;

use super::{
    SpfTrace,
    fold::Folded,
    received_spf::problem,
    words::{quoted, token_or_quoted},
};
use crate::core::spf::{Identity, SpfCheck};

impl SpfTrace<'_> {
    /// The value of Authentication-Results.
    ///
    /// It shows SPF, and DMARC where the author is ours. What else we know has no registered method, and RFC 8601 section
    /// 2.7.6 asks readers to ignore a header that names an unregistered one, SPF and all: our own findings stand in
    /// X-Backstop.
    pub fn authentication_results(&self) -> String {
        let mut value = Folded::new("Authentication-Results");
        value.push(&token_or_quoted(self.authserv_id.as_bytes()));
        let mut any = false;
        for check in self.checks() {
            any = true;
            value.end_statement();
            value.push_joined(&["spf=", check.result.as_str()]);
            // RFC 8601 section 2.2: the reason comes before the properties.
            if let Some(problem) = problem(check) {
                value.push_prose(&format!("reason={}", quoted(problem.as_bytes())));
            }
            let (name, domain) = property(check);
            value.push_joined(&[name, &domain]);
        }
        if let Some(dmarc) = self.dmarc {
            any = true;
            value.end_statement();
            value.push_joined(&["dmarc=", dmarc.result.as_str()]);
            value.push_joined(&["header.from=", dmarc.author.as_str()]);
        }
        if !any {
            value.end_statement();
            value.push("none");
        }
        value.finish()
    }
}

/// RFC 8601 section 2.7.2: `smtp.mailfrom` or `smtp.helo`, by the domain that was asked.
///
/// Of a sender, too, it is the domain alone, as section 2.2 allows: SPF speaks for nothing else, and OpenDMARC 1.4.2
/// compares all of the value with the sender's domain, so that it reads any address as a failure. The address stands in
/// Received-SPF.
fn property(check: &SpfCheck) -> (&'static str, Cow<'_, str>) {
    let name = match check.identity {
        Identity::MailFrom => "smtp.mailfrom=",
        Identity::Helo => "smtp.helo=",
    };
    (name, token_or_quoted(check.domain.as_bytes()))
}
