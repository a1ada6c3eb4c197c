//! Records: which TXT record is one (RFC 7208 section 4.5), and its grammar (section 12), checked as a whole
//! before anything is evaluated (4.6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::{macros::MacroString, trace::quoted};
use crate::core::spf::SpfResult;

const VERSION: &[u8] = b"v=spf1";

/// A record whose syntax is right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) directives: Vec<Directive>,
    pub(super) redirect: Option<Redirect>,
    pub(super) explanation: Option<MacroString>,
}

/// `redirect=`, and the text that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redirect {
    pub(super) target: MacroString,
    pub(super) text: String,
}

/// A mechanism, and the result where it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) result: SpfResult,
    pub(super) mechanism: Mechanism,
    /// As the record writes it, cut where it is long.
    pub(super) text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    All,
    /// `ip4` and `ip6`.
    Network(IpNet),
    /// The mechanisms that query DNS, for the target or, without one, for the domain itself.
    Asking(Asking, Option<MacroString>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    Include,
    A(Prefixes),
    Mx(Prefixes),
    Ptr,
    Exists,
}

/// `dual-cidr-length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefixes {
    pub(super) ip4: u8,
    pub(super) ip6: u8,
}

/// The term that is wrong, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{term}`: {reason}")]
pub(super) struct SyntaxError {
    term: String,
    reason: &'static str,
}

impl SyntaxError {
    /// Why, without the term.
    pub(super) fn reason(&self) -> &'static str {
        self.reason
    }
}

/// Whether a TXT record is an SPF record: its version ends in a blank or with the record (4.5).
pub(super) fn is_record(txt: &[u8]) -> bool {
    match txt.split_at_checked(VERSION.len()) {
        Some((version, rest)) => {
            version.eq_ignore_ascii_case(VERSION) && matches!(rest.first(), None | Some(b' '))
        }
        None => false,
    }
}

/// More than one SPF record where one is expected.
pub(super) struct Ambiguous;

/// The SPF record among the TXT records of a domain. 4.5: "If the resultant record set includes more than one record,
/// check_host() produces the "permerror" result".
pub(super) fn only_record(texts: &[Vec<u8>]) -> Result<Option<&[u8]>, Ambiguous> {
    let mut records = texts.iter().filter(|txt| is_record(txt));
    match (records.next(), records.next()) {
        (_, Some(_)) => Err(Ambiguous),
        (record, None) => Ok(record.map(Vec::as_slice)),
    }
}

impl Prefixes {
    /// A host.
    pub(super) const WHOLE: Self = Self { ip4: 32, ip6: 128 };

    /// The one for addresses of this family.
    pub(super) fn of(self, address: IpAddr) -> u8 {
        match address {
            IpAddr::V4(_) => self.ip4,
            IpAddr::V6(_) => self.ip6,
        }
    }
}

impl Record {
    /// Parses a TXT record for which [`is_record`] holds.
    pub(super) fn parse(txt: &[u8]) -> Result<Self, SyntaxError> {
        let mut record = Self::default();
        // `record = version terms *SP`, `terms = *( 1*SP ( directive / modifier ) )`.
        let terms = txt.split(|&byte| byte == b' ').skip(1);
        for term in terms.filter(|term| !term.is_empty()) {
            record.add(term).map_err(|reason| SyntaxError {
                term: quoted(term),
                reason,
            })?;
        }
        Ok(record)
    }

    fn add(&mut self, term: &[u8]) -> Result<(), &'static str> {
        if !term.iter().all(u8::is_ascii_graphic) {
            return Err("only visible ASCII and blanks are allowed in a record");
        }
        // 4.6.1: a modifier has its `=` before any `:` or `/`.
        let end = term
            .iter()
            .position(|byte| b"=:/".contains(byte))
            .unwrap_or(term.len());
        let (name, rest) = term.split_at(end);
        match rest.strip_prefix(b"=") {
            Some(value) => self.add_modifier(name, value, term),
            None => {
                self.directives.push(directive(name, rest, term)?);
                Ok(())
            }
        }
    }

    fn add_modifier(&mut self, name: &[u8], value: &[u8], term: &[u8]) -> Result<(), &'static str> {
        // 6: "MUST NOT appear in a record more than once each".
        if name.eq_ignore_ascii_case(b"redirect") {
            let redirect = Redirect {
                target: MacroString::domain_spec(value)?,
                text: quoted(term),
            };
            match self.redirect.replace(redirect) {
                None => Ok(()),
                Some(_) => Err("a record can have only one redirect"),
            }
        } else if name.eq_ignore_ascii_case(b"exp") {
            match self.explanation.replace(MacroString::domain_spec(value)?) {
                None => Ok(()),
                Some(_) => Err("a record can have only one exp"),
            }
        } else if is_modifier_name(name) {
            // 6: unknown modifiers are ignored, "no matter where, or how often"; but their syntax counts.
            MacroString::modifier_value(value).map(|_| ())
        } else {
            Err("the name of a modifier is a letter, then letters, digits, - _ or .")
        }
    }
}

/// `name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )`.
fn is_modifier_name(name: &[u8]) -> bool {
    name.first().is_some_and(u8::is_ascii_alphabetic)
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// The longest name of a mechanism, `redirect` among them.
const LONGEST_MECHANISM: usize = 8;

/// `name` is what stands left of the first `:` or `/`, `rest` starts with it.
fn directive(name: &[u8], rest: &[u8], term: &[u8]) -> Result<Directive, &'static str> {
    let (result, name) = match name.split_first() {
        Some((b'+', name)) => (SpfResult::Pass, name),
        Some((b'-', name)) => (SpfResult::Fail, name),
        Some((b'~', name)) => (SpfResult::Softfail, name),
        Some((b'?', name)) => (SpfResult::Neutral, name),
        _ => (SpfResult::Pass, name),
    };
    let mut lower = [0; LONGEST_MECHANISM];
    let known = lower.get_mut(..name.len()).unwrap_or_default();
    for (lower, byte) in known.iter_mut().zip(name) {
        *lower = byte.to_ascii_lowercase();
    }
    let mechanism = match &*known {
        b"all" if rest.is_empty() => Mechanism::All,
        b"all" => return Err("all takes no argument"),
        b"include" => Mechanism::Asking(Asking::Include, Some(target(rest)?)),
        b"a" => {
            let (target, prefixes) = hosts(rest)?;
            Mechanism::Asking(Asking::A(prefixes), target)
        }
        b"mx" => {
            let (target, prefixes) = hosts(rest)?;
            Mechanism::Asking(Asking::Mx(prefixes), target)
        }
        b"ptr" if rest.is_empty() => Mechanism::Asking(Asking::Ptr, None),
        b"ptr" => Mechanism::Asking(Asking::Ptr, Some(target(rest)?)),
        b"ip4" => Mechanism::Network(ip4_network(argument(rest)?)?),
        b"ip6" => Mechanism::Network(ip6_network(argument(rest)?)?),
        b"exists" => Mechanism::Asking(Asking::Exists, Some(target(rest)?)),
        b"redirect" | b"exp" => {
            return Err("redirect and exp are modifiers, written with = and without + - ~ or ?");
        }
        _ => {
            return Err("unknown mechanism; expected all, include, a, mx, ptr, ip4, ip6 or exists");
        }
    };
    Ok(Directive {
        result,
        mechanism,
        text: quoted(term),
    })
}

/// What follows the `:` that must be there.
fn argument(rest: &[u8]) -> Result<&[u8], &'static str> {
    match rest.strip_prefix(b":") {
        Some(argument) => Ok(argument),
        None => Err("a : and an argument must follow the name of this mechanism"),
    }
}

fn target(rest: &[u8]) -> Result<MacroString, &'static str> {
    MacroString::domain_spec(argument(rest)?)
}

/// `[ ":" domain-spec ] [ dual-cidr-length ]`.
fn hosts(rest: &[u8]) -> Result<(Option<MacroString>, Prefixes), &'static str> {
    let (spec, prefixes) = dual_cidr_length(rest)?;
    let target = match spec.strip_prefix(b":") {
        Some(spec) => Some(MacroString::domain_spec(spec).map_err(|reason| {
            if ip4_network(spec).is_ok() {
                "an address instead of a domain name; use ip4"
            } else {
                reason
            }
        })?),
        None if spec.is_empty() => None,
        None => return Err(PREFIX_SYNTAX),
    };
    Ok((target, prefixes))
}

const PREFIX_SYNTAX: &str =
    "a prefix length is /0 to /32 for IPv4, //0 to //128 for IPv6, without leading zeros";

/// Takes `[ ip4-cidr-length ] [ "/" ip6-cidr-length ]` off the right end. It can stand only there: no
/// `domain-spec` ends in a slash and digits.
fn dual_cidr_length(text: &[u8]) -> Result<(&[u8], Prefixes), &'static str> {
    let (text, ip6) = match split_prefix(text, b"//") {
        Some((text, digits)) => (text, prefix_length(digits, 128)?),
        None => (text, 128),
    };
    let (text, ip4) = match split_prefix(text, b"/") {
        Some((text, digits)) => (text, prefix_length(digits, 32)?),
        None => (text, 32),
    };
    Ok((text, Prefixes { ip4, ip6 }))
}

/// Splits `text` at its last slashes, where only digits follow.
fn split_prefix<'a>(text: &'a [u8], slashes: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let digits = text
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (text, digits) = text.split_at(text.len() - digits);
    Some((text.strip_suffix(slashes)?, digits))
}

/// `"0" / %x31-39 *DIGIT`, up to `longest`.
fn prefix_length(digits: &[u8], longest: u8) -> Result<u8, &'static str> {
    if digits.len() > 1 && digits.starts_with(b"0") || !digits.iter().all(u8::is_ascii_digit) {
        return Err(PREFIX_SYNTAX);
    }
    std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .filter(|length| *length <= longest)
        .ok_or(PREFIX_SYNTAX)
}

fn ip4_network(text: &[u8]) -> Result<IpNet, &'static str> {
    let (address, prefix) = network_parts(text, 32)?;
    // Std's parser takes four numbers without leading zeros, nothing else: the RFC's `qnum`.
    let address: Ipv4Addr = address.parse().map_err(|_| ADDRESS_SYNTAX)?;
    IpNet::new(address.into(), prefix).map_err(|_| PREFIX_SYNTAX)
}

fn ip6_network(text: &[u8]) -> Result<IpNet, &'static str> {
    let (address, prefix) = network_parts(text, 128)?;
    let address: Ipv6Addr = address.parse().map_err(|_| ADDRESS_SYNTAX)?;
    IpNet::new(address.into(), prefix).map_err(|_| PREFIX_SYNTAX)
}

const ADDRESS_SYNTAX: &str =
    "not an address of this family; expected e.g. ip4:192.0.2.0/24 or ip6:2001:db8::/32";

fn network_parts(text: &[u8], longest: u8) -> Result<(&str, u8), &'static str> {
    let text = std::str::from_utf8(text).map_err(|_| ADDRESS_SYNTAX)?;
    match text.split_once('/') {
        Some((address, digits)) => Ok((address, prefix_length(digits.as_bytes(), longest)?)),
        None => Ok((text, longest)),
    }
}
