//! The two forms of list files. A line that is not understood is told of, and does not lose the rest.

use std::collections::BTreeSet;

use super::address_set::AddressSet;
use crate::core::{
    address::{Domain, Host, Mailbox},
    pattern::{is_local_part, looks_like_pattern},
};

/// More addresses than this are a mistake; they would take some 200 MB.
const MOST_ADDRESSES: usize = 2_000_000;
/// The longest line, in octets: twice the longest address, and then some.
const LONGEST_LINE: usize = 1_000;
/// So many skipped lines are told one by one.
const TOLD: usize = 10;

/// Why an entry is none that would be compared as it stands.
const PATTERN: &str = "a pattern; right would be a rule: rules: [{match: ...}] in milter.yaml, or the part before the @ in \
                       \"quotes\" if it means just this address";

#[derive(Clone, Copy, Debug)]
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
    let mut parsed = Parsed::default();
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let address = match format {
            Format::Text => text_line(line),
            Format::PostfixMap => map_key(line),
        };
        match address.and_then(|address| address.map(entry).transpose()) {
            Ok(Some(Entry::Mailbox(mailbox))) => parsed
                .addresses
                .insert(mailbox.local_key(), mailbox.domain()),
            Ok(Some(Entry::WholeDomain(domain))) => {
                parsed.whole_domain_lines += 1;
                parsed.whole_domains.insert(domain);
            }
            Ok(None) => {}
            Err(why) => {
                parsed.skipped_count += 1;
                if parsed.skipped.len() < TOLD {
                    parsed.skipped.push(format!("line {}: {why}", number + 1));
                }
            }
        }
        if parsed.addresses.len() + parsed.whole_domains.len() > MOST_ADDRESSES {
            return Err(format!("more than {MOST_ADDRESSES} addresses"));
        }
    }
    Ok(parsed)
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
        _ => Err("more than one word; right would be one address a line"),
    }
}

fn map_key(line: &[u8]) -> Line<'_> {
    let continues = line.first().is_some_and(u8::is_ascii_whitespace);
    let line = line.trim_ascii();
    if continues || line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    if line.starts_with(b"/") || line.starts_with(b"if ") || line.starts_with(b"endif") {
        return Err(PATTERN);
    }
    let end = end_of_word(line, |byte| byte.is_ascii_whitespace() || byte == b':');
    let (key, _value) = line.split_at(end);
    // Values have no bound: an alias can go to hundreds.
    bounded(key)?;
    Ok(Some(key))
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
        return Err("not an address; right would be user@example.org or user");
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
