//! What a check is asked, and the identity that it takes from it (RFC 7208 sections 2.3, 2.4, 4.1, 4.3).

use std::{
    net::IpAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    Lookup,
    check_host::Evaluation,
    expansion::Values,
    name::Name,
    trace::{Trace, quoted},
};
use crate::core::{
    address::{Domain, Host, Mailbox, ReversePath},
    spf::{Identity, SpfCheck, SpfResult},
};

/// The SMTP session as far as SPF sees it.
#[derive(Clone, Copy, Debug)]
pub struct SpfQuery<'a> {
    /// The client; an IPv4-mapped IPv6 address is the IPv4 address it carries (RFC 7208 section 5).
    pub client: IpAddr,
    /// The argument of HELO or EHLO as sent.
    pub helo: &'a [u8],
    /// MAIL FROM.
    pub mail_from: &'a ReversePath,
    /// When; for `%{t}`.
    pub now: SystemTime,
    /// The receiver's own name, for `%{r}`; empty where it has none to give.
    pub receiver: &'a str,
    /// Whether [`SpfCheck::trace`] is wanted.
    pub traced: bool,
}

/// Checks the HELO identity (RFC 7208 section 2.3); the sender is postmaster@HELO.
///
/// Makes at most 10 terms' worth of questions, and never waits by itself: the lookup keeps the time budget.
pub async fn check_helo<L: Lookup>(lookup: &L, query: &SpfQuery<'_>) -> SpfCheck {
    check(lookup, query, Subject::helo(query.helo, Identity::Helo)).await
}

/// Checks the MAIL FROM identity (RFC 7208 section 2.4); the null sender is checked as postmaster@HELO.
///
/// Makes at most 10 terms' worth of questions, and never waits by itself: the lookup keeps the time budget.
pub async fn check_mail_from<L: Lookup>(lookup: &L, query: &SpfQuery<'_>) -> SpfCheck {
    let subject = match query.mail_from {
        // 2.4: "When the reverse-path is null, this document defines the "MAIL FROM" identity to be the mailbox
        // composed of the local-part "postmaster" and the "HELO" identity".
        ReversePath::Null => Subject::helo(query.helo, Identity::MailFrom),
        ReversePath::Mailbox(mailbox) => Subject::mail_from(mailbox),
    };
    check(lookup, query, subject).await
}

/// The local part of a sender that has none (RFC 7208 sections 2.4 and 4.3).
const POSTMASTER: &[u8] = b"postmaster";

/// Who is checked: the `<sender>` and the first `<domain>` of RFC 7208 section 4.1.
struct Subject<'a> {
    identity: Identity,
    local: &'a [u8],
    /// The domain, and the name of it that is asked; none where `asked` is not fully qualified.
    domain: Option<(Domain, Name)>,
    /// What should be a domain, as written; the local part where there is no `@`.
    asked: &'a [u8],
}

impl<'a> Subject<'a> {
    fn helo(helo: &'a [u8], identity: Identity) -> Self {
        // U-labels are asked as A-labels; an ASCII name keeps its case, for macros.
        let domain = Domain::from_bytes(helo).and_then(|domain| {
            let name = ascii_form(helo);
            let name = Name::from_bytes(name.as_deref().unwrap_or(helo))?;
            Some((domain, name))
        });
        Self {
            identity,
            local: POSTMASTER,
            domain,
            asked: helo,
        }
    }

    fn mail_from(mailbox: &'a Mailbox) -> Self {
        let (domain, asked) = match mailbox.host() {
            Host::Domain(domain) => {
                let asked = domain.as_str().as_bytes();
                let name = Name::from_bytes(asked);
                (name.map(|name| (domain.clone(), name)), asked)
            }
            Host::Other(bytes) => (None, bytes.as_slice()),
            Host::Missing => (None, mailbox.local()),
        };
        Self {
            identity: Identity::MailFrom,
            // 4.3: "If the <sender> has no local-part, substitute the string "postmaster" for the local-part".
            local: match mailbox.local() {
                b"" => POSTMASTER,
                local => local,
            },
            domain,
            asked,
        }
    }
}

async fn check<L: Lookup>(lookup: &L, query: &SpfQuery<'_>, subject: Subject<'_>) -> SpfCheck {
    let mut trace = Trace::new(query.traced);
    let asked = quoted(subject.asked);
    let mut check = SpfCheck::new(subject.identity, asked, SpfResult::None);
    let Some((domain, name)) = subject.domain else {
        // 4.3: "malformed [...] or is not a multi-label domain name [...] the result "none"".
        let what = match check.domain.as_str() {
            "" => "no name was given".to_owned(),
            asked => format!("`{asked}` is not a fully qualified domain name"),
        };
        let problem = format!("{what}, so no SPF record can be asked for");
        trace.add(|| format!("{}: {problem}", check.identity));
        check.trace = trace.into_lines();
        check.problem = Some(problem);
        return check;
    };
    check.domain = domain.as_str().to_owned();
    let helo = ascii_form(query.helo);
    let values = Values {
        local: subject.local,
        sender_domain: name.as_str().as_bytes(),
        domain: name.as_str().as_bytes(),
        client: query.client.to_canonical(),
        helo: helo.as_deref().unwrap_or(query.helo),
        validated_name: b"unknown",
        receiver: query.receiver.as_bytes(),
        now: query
            .now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
    };
    trace.add(|| {
        let helo = match query.helo {
            b"" => "no HELO".to_owned(),
            helo => format!("HELO {}", quoted(helo)),
        };
        format!(
            "{}: {} from {}, {helo}",
            check.identity,
            quoted(&[subject.local, b"@".as_slice(), name.as_str().as_bytes()].concat()),
            values.client,
        )
    });
    let evaluation = Evaluation::new(lookup, values, trace);
    evaluation.run(name.clone(), &mut check).await;
    check
}

/// U-labels as A-labels, which is what the macros expand to (RFC 8616 section 4); none where it is ASCII already
/// or no domain.
fn ascii_form(host: &[u8]) -> Option<Vec<u8>> {
    (!host.is_ascii())
        .then(|| Domain::from_bytes(host))
        .flatten()
        .map(|domain| domain.as_str().as_bytes().to_vec())
}
