//! What a check is asked, and the identity that it takes from it (RFC 7208 sections 2.3, 2.4, 4.1, 4.3).

use std::{
    net::IpAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{Lookup, check_host::Evaluation, expansion::Values, name::Name, trace::quoted};
use crate::core::{
    address::{Domain, Mailbox, bracketless},
    spf::{Identity, SpfCheck, SpfResult},
};

/// The SMTP session as far as SPF sees it.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The client; an IPv4-mapped IPv6 address is the IPv4 address it carries (RFC 7208 section 5).
    pub client: IpAddr,
    /// The argument of HELO or EHLO as sent.
    pub helo: &'a [u8],
    /// The argument of MAIL FROM as sent, with or without angle brackets, without ESMTP parameters; empty for
    /// the null sender. [`crate::core::address::ReversePath::to_bytes`] will do.
    pub mail_from: &'a [u8],
    /// When; for `%{t}`.
    pub now: SystemTime,
    /// The receiver's own name, for `%{r}`; empty where it has none to tell.
    pub receiver: &'a str,
}

/// Checks the HELO identity (RFC 7208 section 2.3); the sender is postmaster@HELO.
///
/// Makes at most 10 terms' worth of questions, and never waits by itself: the lookup keeps the time budget.
pub async fn check_helo<L: Lookup>(lookup: &L, query: &Query<'_>) -> SpfCheck {
    check(lookup, query, Subject::helo(query.helo, Identity::Helo)).await
}

/// Checks the MAIL FROM identity (RFC 7208 section 2.4); the null sender is checked as postmaster@HELO.
///
/// Makes at most 10 terms' worth of questions, and never waits by itself: the lookup keeps the time budget.
pub async fn check_mail_from<L: Lookup>(lookup: &L, query: &Query<'_>) -> SpfCheck {
    check(lookup, query, Subject::mail_from(query)).await
}

/// The local part of a sender that has none (RFC 7208 sections 2.4 and 4.3).
const POSTMASTER: &[u8] = b"postmaster";

/// Who is checked.
struct Subject<'a> {
    identity: Identity,
    local: Vec<u8>,
    /// What should be a domain, as written; none where the reverse-path has no `@`.
    host: Option<&'a [u8]>,
}

impl<'a> Subject<'a> {
    fn helo(helo: &'a [u8], identity: Identity) -> Self {
        Self {
            identity,
            local: POSTMASTER.to_vec(),
            host: Some(helo),
        }
    }

    fn mail_from(query: &Query<'a>) -> Self {
        let path = bracketless(query.mail_from);
        if path.is_empty() {
            return Self::helo(query.helo, Identity::MailFrom);
        }
        let mailbox = Mailbox::from_bytes(path);
        let local = match mailbox.local() {
            // 4.3: "If the <sender> has no local-part, substitute the string "postmaster"".
            b"" => POSTMASTER,
            local => local,
        };
        Self {
            identity: Identity::MailFrom,
            local: local.to_vec(),
            // The last `@` divides: a quoted local part can hold one.
            host: path
                .iter()
                .rposition(|&byte| byte == b'@')
                .and_then(|at| path.get(at + 1..)),
        }
    }
}

async fn check<L: Lookup>(lookup: &L, query: &Query<'_>, subject: Subject<'_>) -> SpfCheck {
    let asked = quoted(subject.host.unwrap_or(&subject.local));
    let mut check = SpfCheck::new(subject.identity, asked, SpfResult::None);
    let Some((domain, name)) = subject.host.and_then(fully_qualified) else {
        // 4.3: "malformed [...] or is not a multi-label domain name [...] the result "none"".
        let what = match check.domain.as_str() {
            "" => "no name was given".to_owned(),
            asked => format!("`{asked}` is not a fully qualified domain name"),
        };
        let problem = format!("{what}, so no SPF record can be asked for");
        check.trace.push(format!("{}: {problem}", check.identity));
        check.problem = Some(problem);
        return check;
    };
    check.domain = domain.as_str().to_owned();
    let helo = ascii_form(query.helo);
    let values = Values {
        local: &subject.local,
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
    let mut evaluation = Evaluation::new(lookup, values);
    evaluation.trace.add(|| {
        let helo = match query.helo {
            b"" => "no HELO".to_owned(),
            helo => format!("HELO {}", quoted(helo)),
        };
        format!(
            "{}: {} from {}, {helo}",
            check.identity,
            quoted(&[&subject.local, b"@".as_slice(), name.as_str().as_bytes()].concat()),
            values.client,
        )
    });
    evaluation.run(name.clone(), &mut check).await;
    check
}

/// The domain in its comparable form, and as written where it is ASCII.
fn fully_qualified(host: &[u8]) -> Option<(Domain, Name)> {
    let domain = Domain::from_bytes(host)?;
    let name = match ascii_form(host) {
        Some(ascii) => Name::from_bytes(&ascii)?,
        None => Name::from_bytes(host)?,
    };
    Some((domain, name))
}

/// U-labels as A-labels, which is what the macros expand to (RFC 8616 section 4); none where it is ASCII already
/// or no domain.
fn ascii_form(host: &[u8]) -> Option<Vec<u8>> {
    (!host.is_ascii())
        .then(|| Domain::from_bytes(host))
        .flatten()
        .map(|domain| domain.as_str().as_bytes().to_vec())
}
