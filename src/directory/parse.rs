//! The two forms of list files. A line that is not understood is reported, and the rest is read.

use std::collections::BTreeSet;

use memchr::memchr_iter;

use super::address_set::AddressSet;
use crate::core::{
    address::{Domain, Host, Mailbox},
    pattern::{is_local_part, looks_like_pattern},
};

/// More addresses than this are a mistake; they would take some 200 MB.
const MOST_ADDRESSES: usize = 2_000_000;
/// The longest line, in octets: twice the longest address, and then some.
const LONGEST_LINE: usize = 1_000;
/// How many skipped lines are reported one by one.
pub(super) const TOLD: usize = 10;

/// Why an entry is none that would be compared as it stands.
const PATTERN: &str = "a pattern; use a rule: rules: [{match: ...}] in milter.yaml, or the part before the @ in \
                       \"quotes\" if it means just this address";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// One address or local part a line; `#` begins a comment.
    Text,
    /// postmap(1) and aliases(5): a key, then its value; a line that begins with a blank continues the one before.
    PostfixMap,
}

#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub addresses: AddressSet,
    /// Domains of which a line means all (`@example.org`), Postfix's own way to write a catch-all; and how many such
    /// lines there are.
    pub whole_domains: BTreeSet<Domain>,
    pub whole_domain_lines: usize,
    pub skipped: Vec<String>,
    pub skipped_count: usize,
}

/// Reads a list.
///
/// # Errors
/// A list of more than two million addresses.
pub(super) fn parse(format: Format, bytes: &[u8]) -> Result<Parsed, String> {
    let lines = memchr_iter(b'\n', bytes).count().min(MOST_ADDRESSES);
    let mut parsed = Parsed {
        addresses: AddressSet::for_about(lines),
        ..Parsed::default()
    };
    for (number, found) in entries(format, bytes) {
        match found.and_then(entry) {
            Ok(Entry::Mailbox(mailbox)) => parsed
                .addresses
                .insert(mailbox.local_key(), mailbox.domain()),
            Ok(Entry::WholeDomain(domain)) => {
                parsed.whole_domain_lines += 1;
                parsed.whole_domains.insert(domain);
            }
            Err(why) => {
                parsed.skipped_count += 1;
                if parsed.skipped.len() < TOLD {
                    parsed.skipped.push(format!("line {number}: {why}"));
                }
            }
        }
        if parsed.addresses.len() + parsed.whole_domains.len() > MOST_ADDRESSES {
            return Err(format!("more than {MOST_ADDRESSES} addresses"));
        }
    }
    Ok(parsed)
}

/// What stands in each line that has an entry, or why it is none; with the number of the line, from 1.
pub(super) fn entries(
    format: Format,
    bytes: &[u8],
) -> impl Iterator<Item = (usize, Result<&[u8], &'static str>)> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut lines = bytes.split(|&byte| byte == b'\n').zip(1..);
    std::iter::from_fn(move || {
        loop {
            let (line, number) = lines.next()?;
            let found = match format {
                Format::Text => text_line(line),
                Format::PostfixMap => map_key(line, || {
                    let mut rest = lines.clone().map(|(line, _)| line);
                    let next = rest.find(|line| !is_ignored(line));
                    next.filter(|line| continues(line)).unwrap_or_default()
                }),
            };
            if let Some(found) = found.transpose() {
                return Some((number, found));
            }
        }
    })
}

type Line<'a> = Result<Option<&'a [u8]>, &'static str>;

fn text_line(line: &[u8]) -> Line<'_> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    bounded(line)?;
    let (address, rest) = line.split_at(end_of_word(line, |byte| byte.is_ascii_whitespace()));
    match rest.trim_ascii_start() {
        [] | [b'#', ..] => Ok(Some(address)),
        _ => Err("more than one word; expected one a line"),
    }
}

/// `next`: the line that continues this one, where one does.
fn map_key<'a>(line: &'a [u8], next: impl FnOnce() -> &'a [u8]) -> Line<'a> {
    if continues(line) || is_ignored(line) {
        return Ok(None);
    }
    let line = to_tag(line.trim_ascii());
    if line.starts_with(b"/") || line.starts_with(b"if ") || line.starts_with(b"endif") {
        return Err(PATTERN);
    }
    let end = end_of_word(line, |byte| byte.is_ascii_whitespace() || byte == b':');
    let (key, value) = line.split_at(end);
    // Values have no bound: an alias can go to hundreds.
    bounded(key)?;
    let value = value.trim_ascii();
    let value = if value.is_empty() { next() } else { value };
    Ok((!refuses(value)).then_some(key))
}

/// postmap(1): "A logical line starts with non-whitespace text. A line that starts with whitespace continues a logical
/// line."
fn continues(line: &[u8]) -> bool {
    line.first().is_some_and(u8::is_ascii_whitespace)
}

/// Empty lines and comments continue nothing, and are continued by nothing.
fn is_ignored(line: &[u8]) -> bool {
    matches!(line.trim_ascii(), [] | [b'#', ..])
}

/// A line of Sendmail's access table without its tag: `To:user@example.org REJECT`. An alias has no blank behind its colon
/// and a second word.
fn to_tag(line: &[u8]) -> &[u8] {
    const TAG: usize = b"To:".len();
    let behind = line
        .split_at_checked(TAG)
        .filter(|(tag, _)| tag.eq_ignore_ascii_case(b"To:"));
    let Some((_, rest)) = behind.filter(|(_, rest)| !continues(rest)) else {
        return line;
    };
    let end = end_of_word(rest, |byte| byte.is_ascii_whitespace());
    let has_value = rest.get(end..).is_some_and(|value| !value.is_empty());
    if has_value && !rest.contains(&b',') {
        rest
    } else {
        line
    }
}

/// Whether the MTA refuses what stands there, or throws it away: `error:` in Sendmail's virtusertable, mailertable and
/// access table and in Postfix's transport table, `discard:` there, and REJECT, DISCARD and codes of either's access
/// table. What is put off (`retry:`, 4xx) may exist, and a mailbox of a name like `reject` does.
fn refuses(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    let end = value.iter().position(u8::is_ascii_whitespace);
    let (word, rest) = value.split_at(end.unwrap_or(value.len()));
    let begins = |prefix: &[u8]| {
        word.split_at_checked(prefix.len())
            .is_some_and(|(front, _)| front.eq_ignore_ascii_case(prefix))
    };
    let is_code =
        matches!(word, [b'5', tens, units] if tens.is_ascii_digit() && units.is_ascii_digit());
    begins(b"error:")
        || begins(b"discard:")
        || word == b"REJECT"
        || word == b"DISCARD"
        || (is_code && !rest.is_empty())
}

fn bounded(text: &[u8]) -> Result<(), &'static str> {
    if text.len() > LONGEST_LINE {
        Err("longer than any address")
    } else {
        Ok(())
    }
}

/// Where the first word ends; within double quotes nothing ends it.
fn end_of_word(line: &[u8], ends: impl Fn(u8) -> bool) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, &byte) in line.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if !quoted && ends(byte) => return at,
            _ => {}
        }
    }
    line.len()
}

/// What one line means.
enum Entry {
    Mailbox(Mailbox),
    WholeDomain(Domain),
}

fn entry(address: &[u8]) -> Result<Entry, &'static str> {
    if std::str::from_utf8(address).is_ok_and(looks_like_pattern) {
        return Err(PATTERN);
    }
    if let Some(domain) = address.strip_prefix(b"@") {
        let domain = Domain::from_bytes(domain).ok_or("what follows the @ is not a domain name")?;
        return Ok(Entry::WholeDomain(domain));
    }
    let mailbox = Mailbox::from_bytes(address);
    if !is_local_part(mailbox.local()) {
        return Err("not an address; expected user@example.org or user");
    }
    match mailbox.host() {
        Host::Other(_) => Err("what follows the @ is not a domain name"),
        Host::Domain(_) | Host::Missing => Ok(Entry::Mailbox(mailbox)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn knows(parsed: &Parsed, address: &str) -> bool {
        let mailbox = Mailbox::from_bytes(address.as_bytes());
        parsed
            .addresses
            .contains(&mailbox.local_key(), mailbox.domain().unwrap())
    }

    fn whole(parsed: &Parsed) -> (Vec<&str>, usize) {
        let domains = parsed.whole_domains.iter().map(Domain::as_str);
        (domains.collect(), parsed.whole_domain_lines)
    }

    #[test]
    fn text_files() {
        let text = "\u{feff}# people\r\n\nInfo\n  sales@Example.org  # the shop\n\"john smith\"@example.org\n\
                    bücher@bücher.example\na b\n@example.org\nx@[192.0.2.1]\nuser: x\n*@example.org\n\
                    news*@example.org\n/^shop-.*$/\n\"old*\"@example.org # quoted, it is literal\n";
        let parsed = parse(Format::Text, text.as_bytes()).unwrap();
        for (address, known) in [
            ("info@example.org", true),
            ("info@example.net", true),
            ("SALES@example.org", true),
            ("sales@example.net", false),
            ("\"john smith\"@example.org", true),
            ("bücher@xn--bcher-kva.example", true),
            ("a@example.org", false),
            ("user@example.org", false),
            ("news1@example.org", false),
            ("news*@example.org", false),
            ("old*@example.org", true),
        ] {
            assert_eq!(knows(&parsed, address), known, "{address}");
        }
        let lines: Vec<_> = parsed
            .skipped
            .iter()
            .map(|line| line.split(':').next().unwrap())
            .collect();
        assert_eq!(
            lines,
            [
                "line 7", "line 9", "line 10", "line 11", "line 12", "line 13"
            ],
            "{:?}",
            parsed.skipped
        );
        let patterns = parsed
            .skipped
            .iter()
            .filter(|line| line.contains("a pattern"));
        assert_eq!(patterns.count(), 3);
        assert_eq!(whole(&parsed), (vec!["example.org"], 1));
    }

    /// postmap(1): "A logical line starts with non-whitespace text", and what follows indented belongs to it.
    #[test]
    fn postfix_maps() {
        let text = "# virtual(5)\ninfo@example.org joe,\n  nobody@example.org\n\n   # indented comment\n@example.org joe\n\
                    bare\tjoe\nuser+ext@example.org OK\n# aliases(5)\npostmaster: root\nabuse:root\n\
                    \"mail list\": \"|/usr/bin/list -x\", :include:/etc/list\nowner-list : joe\n\
                    /^shop-.*@example\\.org$/ joe\n";
        let parsed = parse(Format::PostfixMap, text.as_bytes()).unwrap();
        for (address, known) in [
            ("info@example.org", true),
            ("nobody@example.org", false),
            ("joe@example.org", false),
            ("bare@example.org", true),
            ("user+ext@example.org", true),
            ("postmaster@example.org", true),
            ("abuse@example.org", true),
            ("\"mail list\"@example.org", true),
            ("owner-list@example.org", true),
        ] {
            assert_eq!(knows(&parsed, address), known, "{address}");
        }
        assert_eq!(parsed.skipped_count, 1, "{:?}", parsed.skipped);
        assert_eq!(whole(&parsed), (vec!["example.org"], 1));
    }

    /// A key whose value says that the MTA refuses it is nobody's address.
    #[test]
    fn what_a_map_refuses_is_not_known() {
        for (line, known) in [
            ("x@example.org joe", true),
            // Sendmail's virtusertable.
            ("x@example.org error:nouser User unknown", false),
            ("x@example.org\terror:nouser 550 5.1.1 No such user", false),
            ("x@example.org error:5.1.1:550 User unknown", false),
            ("x@example.org ERROR:5.1.1:550 \"User unknown\"", false),
            ("x@example.org \"error:nouser User unknown\"", false),
            ("x@example.org error:tempfail:450 later", false),
            ("x@example.org joe@far.test", true),
            ("x@example.org %1@far.test", true),
            // Postfix's transport and relay_recipients.
            ("x@example.org error:5.1.1 gone", false),
            ("x@example.org error:", false),
            ("x@example.org discard:", false),
            ("x@example.org discard:silently", false),
            ("x@example.org retry:4.3.0 later", true),
            ("x@example.org smtp:[192.0.2.1]", true),
            ("x@example.org :", true),
            ("x@example.org OK", true),
            // Access tables of either.
            ("x@example.org REJECT", false),
            ("x@example.org REJECT 5.1.1 no such user", false),
            ("x@example.org DISCARD", false),
            ("x@example.org 550 no such user", false),
            ("x@example.org 554\tno", false),
            ("x@example.org 450 later", true),
            ("x@example.org RELAY", true),
            ("To:x@example.org REJECT", false),
            ("to:x@example.org ERROR:5.1.1:550 no", false),
            ("To:x@example.org RELAY", true),
            // The value on a line of its own.
            ("x@example.org\n  error:nouser", false),
            ("x@example.org\n\n# why\n\terror:nouser", false),
            ("x@example.org\n  joe", true),
            ("x@example.org\ny@example.org error:nouser", true),
            ("x@example.org joe\n  error:nouser", true),
            // Mailboxes of such names, and aliases.
            ("x@example.org reject", true),
            ("x@example.org error", true),
            ("x@example.org 550", true),
            ("x@example.org joe, REJECT", true),
            ("x: error@far.test", true),
            ("x: \"|/usr/bin/error: x\"", true),
            ("x:REJECT@far.test", true),
            ("x: /dev/null", true),
        ] {
            let parsed = parse(Format::PostfixMap, line.as_bytes()).unwrap();
            assert_eq!(knows(&parsed, "x@example.org"), known, "{line}");
            assert_eq!(parsed.skipped_count, 0, "{line}");
        }
        // `to` is an alias here, and no tag.
        let parsed = parse(Format::PostfixMap, b"to:joe\nto: ann, joe\nTo:a@b, c@d\n").unwrap();
        assert!(knows(&parsed, "to@example.org"));
        let parsed = parse(
            Format::PostfixMap,
            b"@example.org error:nouser No such user\n",
        )
        .unwrap();
        assert_eq!((parsed.whole_domain_lines, parsed.skipped_count), (0, 0));
    }

    #[test]
    fn many_bad_lines_are_counted_and_few_told() {
        let parsed = parse(Format::Text, "a b\n".repeat(1_000).as_bytes()).unwrap();
        assert_eq!((parsed.skipped.len(), parsed.skipped_count), (TOLD, 1_000));
        let long = "x".repeat(LONGEST_LINE + 1);
        let parsed = parse(Format::Text, long.as_bytes()).unwrap();
        assert_eq!((parsed.addresses.len(), parsed.skipped_count), (0, 1));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>(), text in "[ \t\r\n\"\\\\:@#a/.]{0,60}") {
            for format in [Format::Text, Format::PostfixMap] {
                prop_assert!(parse(format, &bytes).is_ok());
                prop_assert!(parse(format, text.as_bytes()).is_ok());
            }
        }
    }
}
