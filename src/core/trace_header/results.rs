//! Reads the `Authentication-Results` (RFC 8601) that our own host wrote into a message which is stored.

use super::forgeries;
use crate::core::{
    address::Domain,
    header::{Header, Headers},
    received::{Hop, Through},
};

/// The most hops of our own that a message can have passed.
const MAX_HOPS: usize = 30;
/// The most results that are read in a message.
const MAX_RESULTS: usize = 64;

/// What our own host found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnResults {
    /// What DMARC said of an author's domain (`dmarc=`, `header.from=`); of several, the topmost.
    pub dmarc: Option<(Domain, bool)>,
    /// The domains of MAIL FROM that SPF passed for.
    pub spf: Vec<Domain>,
    /// The domains whose DKIM signatures passed.
    pub dkim: Vec<Domain>,
}

impl OwnResults {
    /// Those in these headers. `id` is our authserv-id; without one it is the name of our host that got the message from outside,
    /// as an MTA has it. `is_ours` says which addresses are those of our own hosts.
    ///
    /// What a stranger wrote in this name is not there any more where the message came through the filter, which deletes it
    /// ([`super::Forgeries`]). Below the `Received` of the host that handed the message to us, nothing is read in any case.
    pub fn of(
        headers: &Headers,
        id: Option<&str>,
        is_ours: impl Fn(std::net::IpAddr) -> bool,
    ) -> Self {
        let (own, by) = own(headers, is_ours);
        let by = by.unwrap_or_default();
        let id = id.map_or(by.as_slice(), str::as_bytes);
        let mut results = Self::default();
        if id.is_empty() {
            return results;
        }
        let fields = own
            .into_iter()
            .filter(|header| header.is("Authentication-Results"))
            .filter(|header| forgeries::names(header.value(), id));
        let statements = fields.flat_map(|header| statements(&header.without_comments()));
        for statement in statements.take(MAX_RESULTS) {
            results.add(&statement);
        }
        results
    }

    fn add(&mut self, statement: &[Vec<u8>]) {
        let Some((method, result)) = statement.first().and_then(|first| pair(first)) else {
            return;
        };
        // `dkim/1` is its first version.
        let method = method
            .split(|byte| *byte == b'/')
            .next()
            .unwrap_or_default();
        let passes = result.eq_ignore_ascii_case(b"pass");
        let domain = |names: &[&str]| {
            let pairs = statement.iter().skip(1).filter_map(|word| pair(word));
            let mut named = pairs.filter(|(name, _)| {
                names
                    .iter()
                    .any(|one| name.eq_ignore_ascii_case(one.as_bytes()))
            });
            let (_, value) = named.next()?;
            let at = value
                .iter()
                .rposition(|byte| *byte == b'@')
                .map_or(0, |at| at + 1);
            Domain::from_bytes(value.get(at..)?)
        };
        if method.eq_ignore_ascii_case(b"dmarc") {
            let author = domain(&["header.from"]);
            self.dmarc = self.dmarc.take().or(author.map(|author| (author, passes)));
        } else if passes && method.eq_ignore_ascii_case(b"spf") {
            self.spf.extend(domain(&["smtp.mailfrom"]));
        } else if passes && method.eq_ignore_ascii_case(b"dkim") {
            self.dkim
                .extend(domain(&["header.d"]).or_else(|| domain(&["header.i"])));
        }
    }
}

/// The headers that our own hosts put on top, and those directly below: some MTAs put what a milter adds below their own `Received`.
/// Also the name of the host that got the message from outside.
fn own(
    headers: &Headers,
    is_ours: impl Fn(std::net::IpAddr) -> bool,
) -> (Vec<&Header>, Option<Vec<u8>>) {
    let mut own = Vec::new();
    let mut hops = 0;
    let mut border = None;
    for header in headers.iter() {
        if header.is("Received") {
            hops += 1;
            if border.is_some() || hops > MAX_HOPS {
                break;
            }
            let hop = Hop::read(&header.unfolded());
            let is_outside = hop
                .address
                .is_none_or(|address| !address.is_loopback() && !is_ours(address));
            if hop.through == Through::Smtp && is_outside {
                border = Some(hop.by);
            }
        } else {
            own.push(header);
        }
    }
    (own, border.flatten())
}

/// The statements of an Authentication-Results without comments, each as its words; a quoted word without its quotes.
fn statements(value: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut statements = vec![vec![]];
    let mut word = Vec::new();
    let mut quoted = false;
    let mut escaped = false;
    let end = |statements: &mut Vec<Vec<Vec<u8>>>, word: &mut Vec<u8>| {
        let word = std::mem::take(word);
        if let Some(last) = statements.last_mut().filter(|_| !word.is_empty()) {
            last.push(word);
        }
    };
    for &byte in value {
        match byte {
            _ if escaped => {
                word.push(byte);
                escaped = false;
            }
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => word.push(byte),
            b';' => {
                end(&mut statements, &mut word);
                statements.push(vec![]);
            }
            b' ' | b'\t' | b'\r' | b'\n' => end(&mut statements, &mut word),
            _ => word.push(byte),
        }
    }
    end(&mut statements, &mut word);
    // The first is the authserv-id.
    statements.into_iter().skip(1).map(joined).collect()
}

/// Blanks may stand around the `=` of a word.
fn joined(words: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut joined: Vec<Vec<u8>> = Vec::with_capacity(words.len());
    for word in words {
        match joined.last_mut() {
            Some(last) if last.ends_with(b"=") || word.starts_with(b"=") => {
                last.extend_from_slice(&word);
            }
            _ => joined.push(word),
        }
    }
    joined
}

fn pair(word: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = word.iter().position(|byte| *byte == b'=')?;
    Some((word.get(..at)?, word.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BORDER: &str = "Received: from mail.far.example (mail.far.example [192.0.2.1]) by mx.example.org (Postfix) with ESMTPS id 1;\n Sat, 28 Nov 2026 13:00:00 +0000\n";
    const INSIDE: &str = "Received: from mx.example.org (mx.example.org [10.0.0.1]) by store.example.org with LMTP id 2; Sat, 28 Nov 2026 13:00:01 +0000\n";
    const BELOW: &str =
        "Received: from x (x [203.0.113.1]) by mail.far.example; Sat, 28 Nov 2026 12:59:00 +0000\n";

    /// The results in words.
    fn read(headers: &str, id: Option<&str>) -> String {
        let headers = Headers::parse(headers.as_bytes()).0;
        let inside = |address: std::net::IpAddr| address.to_string().starts_with("10.");
        let found = OwnResults::of(&headers, id, inside);
        let dmarc = found
            .dmarc
            .map(|(author, passes)| format!("dmarc {author} {passes}"));
        let spf = found.spf.iter().map(|domain| format!("spf {domain}"));
        let dkim = found.dkim.iter().map(|domain| format!("dkim {domain}"));
        let all: Vec<_> = dmarc.into_iter().chain(spf).chain(dkim).collect();
        all.join(", ")
    }

    #[test]
    fn what_was_found_is_read() {
        for (value, expected) in [
            (
                "dmarc=pass (p=REJECT sp=none) header.from=far.example",
                "dmarc far.example true",
            ),
            (
                "dmarc=fail header.from=far.example",
                "dmarc far.example false",
            ),
            (
                "dmarc=none header.from=far.example",
                "dmarc far.example false",
            ),
            ("dmarc=pass", ""),
            ("spf=pass smtp.mailfrom=far.example", "spf far.example"),
            (
                "spf=pass smtp.mailfrom=\"a b\"@far.example",
                "spf far.example",
            ),
            (
                "spf=pass reason=\"a; dkim=pass header.d=x.example\" smtp.mailfrom=a@far.example",
                "spf far.example",
            ),
            ("spf=fail smtp.mailfrom=far.example", ""),
            ("spf=pass smtp.helo=far.example", ""),
            (
                "dkim=pass (2048-bit key; unprotected) header.d=far.example header.i=@far.example header.s=s1",
                "dkim far.example",
            ),
            ("dkim = pass header.i = @Far.Example", "dkim far.example"),
            ("dkim/1=pass header.d=far.example", "dkim far.example"),
            (
                "dkim=fail header.d=far.example; dkim=pass header.d=b.example",
                "dkim b.example",
            ),
            ("arc=pass; iprev=pass policy.iprev=192.0.2.1", ""),
            ("none", ""),
            (";;=;=pass; dkim=; =pass header.d=x.example", ""),
            (
                "dmarc=pass header.from=a.example; dmarc=fail header.from=b.example",
                "dmarc a.example true",
            ),
        ] {
            let headers = format!(
                "Authentication-Results: mx.example.org;\n {value}\n{BORDER}From: a@far.example\n"
            );
            assert_eq!(read(&headers, None), expected, "{value}");
            assert_eq!(read(&headers, Some("mx.example.org")), expected, "{value}");
        }
    }

    #[test]
    fn only_our_own_are_read() {
        let ours = "Authentication-Results: mx.example.org; dkim=pass header.d=far.example\n";
        let theirs = "Authentication-Results: mx.far.example; dkim=pass header.d=bot.example\n";
        let forged =
            "Authentication-Results: (x) mx.example.org 1; dkim=pass header.d=bot.example\n";
        for (headers, id, expected) in [
            (format!("{ours}{BORDER}{BELOW}"), None, "dkim far.example"),
            // As Postfix and Sendmail place what a milter inserts.
            (format!("{BORDER}{ours}{BELOW}"), None, "dkim far.example"),
            (
                format!("{INSIDE}{ours}{BORDER}{BELOW}"),
                None,
                "dkim far.example",
            ),
            (
                format!("{BORDER}{theirs}{ours}{BELOW}"),
                None,
                "dkim far.example",
            ),
            // What stood in the message when it came to the host that handed it to us.
            (format!("{BORDER}{BELOW}{forged}"), None, ""),
            (
                format!("{ours}{BORDER}{BELOW}{forged}"),
                None,
                "dkim far.example",
            ),
            (format!("{BORDER}{theirs}{BELOW}"), None, ""),
            // Another name was set.
            (format!("{ours}{BORDER}"), Some("example.org"), ""),
            (
                format!("{ours}{BORDER}"),
                Some("MX.Example.ORG"),
                "dkim far.example",
            ),
            // Who would have written it is not known.
            (ours.to_owned(), None, ""),
            (ours.to_owned(), Some("mx.example.org"), "dkim far.example"),
            (format!("{ours}{}", INSIDE), None, ""),
            (String::new(), Some("mx.example.org"), ""),
        ] {
            assert_eq!(read(&headers, id), expected, "{id:?} {headers}");
        }
    }
}
