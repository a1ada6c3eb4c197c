//! check_host() of RFC 7208, as plainly as it can be written: one question after the other, in the order of the record.
//! What the RFC leaves open is decided as in `src/spf`, and says so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    grammar::{self, Piece, Record, Test},
    zone::Zone,
};

pub struct Asked<'a> {
    pub zone: &'a Zone,
    pub client: IpAddr,
    pub local: &'a [u8],
    pub domain: &'a str,
    pub helo: &'a [u8],
    pub receiver: &'a str,
    pub now: u64,
}

pub struct Expected {
    pub result: &'static str,
    pub terms: u32,
    pub voids: u32,
    /// The term that matched, where it is short and plain.
    pub term: Option<String>,
    pub explanation: Option<String>,
}

enum Error {
    Temp,
    Perm,
}

struct Match {
    result: &'static str,
    term: String,
    exp: Option<(String, Vec<Piece>)>,
}

struct Check<'a> {
    asked: &'a Asked<'a>,
    terms: u32,
    voids: u32,
    /// The names of the client, once they were asked for, and whether there were none.
    names: Option<(Vec<String>, bool)>,
}

pub fn check(asked: &Asked<'_>) -> Expected {
    let mut check = Check {
        asked,
        terms: 0,
        voids: 0,
        names: None,
    };
    let (result, matched) = match check.host(asked.domain.to_owned()) {
        Ok(None) => ("none", None),
        Ok(Some(matched)) => (matched.result, Some(matched)),
        Err(Error::Temp) => ("temperror", None),
        Err(Error::Perm) => ("permerror", None),
    };
    let exp = matched.as_ref().filter(|matched| matched.result == "fail");
    let exp = exp.and_then(|matched| matched.exp.clone());
    Expected {
        result,
        terms: check.terms,
        voids: check.voids,
        term: matched
            .map(|matched| matched.term)
            .filter(|term| term.len() < 250 && !term.contains('\\')),
        explanation: exp.and_then(|(domain, exp)| check.explain(&domain, &exp)),
    }
}

impl Check<'_> {
    fn host(&mut self, mut domain: String) -> Result<Option<Match>, Error> {
        let mut redirected = false;
        loop {
            let Some(record) = self.record(&domain)? else {
                // 6.1
                return if redirected {
                    Err(Error::Perm)
                } else {
                    Ok(None)
                };
            };
            for term in &record.terms {
                if self.matches(&term.test, &domain)? {
                    return Ok(Some(Match {
                        result: term.result,
                        term: term.text.clone(),
                        exp: record.exp.clone().map(|exp| (domain.clone(), exp)),
                    }));
                }
            }
            let Some(redirect) = &record.redirect else {
                return Ok(Some(Match {
                    result: "neutral",
                    term: "default".to_owned(),
                    exp: None,
                }));
            };
            self.count_term()?;
            domain = self
                .target(Some(redirect), &domain)?
                .map_err(|_| Error::Perm)?;
            redirected = true;
        }
    }

    fn record(&mut self, domain: &str) -> Result<Option<Record>, Error> {
        let texts = self.asked.zone.ask_txt(domain).map_err(|()| Error::Temp)?;
        if self.terms > 0 {
            self.count_void(texts.is_empty())?;
        }
        let records: Vec<_> = texts.iter().filter(|txt| grammar::is_record(txt)).collect();
        match records.as_slice() {
            [] => Ok(None),
            [one] => grammar::record(one).map(Some).ok_or(Error::Perm),
            _ => Err(Error::Perm),
        }
    }

    fn matches(&mut self, test: &Test, domain: &str) -> Result<bool, Error> {
        let client = self.asked.client;
        match test {
            Test::All => return Ok(true),
            Test::Ip4(network, prefix) => {
                return Ok(within(client, IpAddr::V4(*network), *prefix, 0));
            }
            Test::Ip6(network, prefix) => {
                return Ok(within(client, IpAddr::V6(*network), 0, *prefix));
            }
            _ => self.count_term()?,
        }
        let spec = match test {
            Test::Include(spec) | Test::Exists(spec) => Some(spec),
            Test::A(spec, ..) | Test::Mx(spec, ..) | Test::Ptr(spec) => spec.as_ref(),
            Test::All | Test::Ip4(..) | Test::Ip6(..) => None,
        };
        let target = match self.target(spec, domain)? {
            Ok(target) => target,
            // 4.3 and 5.2. A name that macros spoil matches nothing (4.8 leaves it open; RFC 8616 section 4).
            Err(NoName::Malformed) if matches!(test, Test::Include(_)) => return Err(Error::Perm),
            Err(_) => return Ok(false),
        };
        match test {
            Test::Include(_) => match self.host(target)? {
                Some(matched) => Ok(matched.result == "pass"),
                None => Err(Error::Perm),
            },
            Test::A(_, ip4, ip6) => {
                let addresses = self.addresses(&target).map_err(|()| Error::Temp)?;
                self.count_void(addresses.is_empty())?;
                Ok(addresses
                    .iter()
                    .any(|&address| within(client, address, *ip4, *ip6)))
            }
            Test::Mx(_, ip4, ip6) => {
                let mut exchanges = self.asked.zone.ask_mx(&target).map_err(|()| Error::Temp)?;
                self.count_void(exchanges.is_empty())?;
                exchanges.sort();
                let names = exchanges
                    .iter()
                    .filter_map(|(_, exchange)| name(exchange.as_bytes()));
                for (number, name) in names.enumerate() {
                    if number == 10 {
                        return Err(Error::Perm);
                    }
                    let addresses = self.addresses(&name).map_err(|()| Error::Temp)?;
                    self.count_void(addresses.is_empty())?;
                    if addresses
                        .iter()
                        .any(|&address| within(client, address, *ip4, *ip6))
                    {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Test::Ptr(_) => {
                let (names, none) = self.reverse();
                self.count_void(none)?;
                Ok(names.iter().any(|name| {
                    is_at_or_below(name, &target)
                        && self.addresses(name).unwrap_or_default().contains(&client)
                }))
            }
            Test::Exists(_) => {
                let addresses = self.asked.zone.ask_a(&target).map_err(|()| Error::Temp)?;
                self.count_void(addresses.is_empty())?;
                Ok(!addresses.is_empty())
            }
            Test::All | Test::Ip4(..) | Test::Ip6(..) => Ok(false),
        }
    }

    fn count_term(&mut self) -> Result<(), Error> {
        if self.terms == 10 {
            return Err(Error::Perm);
        }
        self.terms += 1;
        Ok(())
    }

    fn count_void(&mut self, void: bool) -> Result<(), Error> {
        self.voids += u32::from(void);
        if void && self.voids > 2 {
            Err(Error::Perm)
        } else {
            Ok(())
        }
    }

    /// The names that the client's address maps back to: the first ten, asked once.
    fn reverse(&mut self) -> (Vec<String>, bool) {
        if self.names.is_none() {
            let answers = self.asked.zone.ask_ptr(self.asked.client);
            let none = answers == Ok(Vec::new());
            let names = answers.unwrap_or_default();
            let names = names
                .iter()
                .take(10)
                .filter_map(|text| name(text.as_bytes()));
            self.names = Some((names.collect(), none));
        }
        self.names.clone().unwrap_or_default()
    }

    fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, ()> {
        Ok(match self.asked.client {
            IpAddr::V4(_) => self
                .asked
                .zone
                .ask_a(name)?
                .into_iter()
                .map(IpAddr::V4)
                .collect(),
            IpAddr::V6(_) => self
                .asked
                .zone
                .ask_aaaa(name)?
                .into_iter()
                .map(IpAddr::V6)
                .collect(),
        })
    }

    fn target(
        &mut self,
        spec: Option<&Vec<Piece>>,
        domain: &str,
    ) -> Result<Result<String, NoName>, Error> {
        let Some(spec) = spec else {
            return Ok(Ok(domain.to_owned()));
        };
        // 4.6.4 counts %{p}, once.
        if has(spec, b"p") && self.names.is_none() {
            self.count_term()?;
            let (_, none) = self.reverse();
            self.count_void(none)?;
        }
        Ok(self.name_of(spec, domain))
    }

    fn name_of(&mut self, spec: &[Piece], domain: &str) -> Result<String, NoName> {
        if has(spec, b"sl") && !self.asked.local.is_ascii() {
            return Err(NoName::Internationalized);
        }
        name(&self.expanded(spec, domain)).ok_or(NoName::Malformed)
    }

    fn expanded(&mut self, pieces: &[Piece], domain: &str) -> Vec<u8> {
        let mut text = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Octet(byte) => text.push(*byte),
                Piece::Escape(escape) => text.extend_from_slice(escape.as_bytes()),
                Piece::Expand {
                    letter,
                    digits,
                    reverse,
                    delimiters,
                } => {
                    let mut value = self.value(letter.to_ascii_lowercase(), domain);
                    if digits.is_some() || *reverse || !delimiters.is_empty() {
                        let delimiters: &[u8] = if delimiters.is_empty() {
                            b"."
                        } else {
                            delimiters
                        };
                        let mut parts: Vec<&[u8]> =
                            value.split(|byte| delimiters.contains(byte)).collect();
                        if *reverse {
                            parts.reverse();
                        }
                        while digits.is_some_and(|digits| parts.len() > digits) {
                            parts.remove(0);
                        }
                        value = parts.join(&b'.');
                    }
                    for byte in value {
                        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
                        if letter.is_ascii_uppercase() && !plain {
                            text.extend(format!("%{byte:02X}").into_bytes());
                        } else {
                            text.push(byte);
                        }
                    }
                }
            }
        }
        text
    }

    fn value(&mut self, letter: u8, domain: &str) -> Vec<u8> {
        let Asked {
            client,
            local,
            domain: sender_domain,
            helo,
            receiver,
            now,
            ..
        } = *self.asked;
        match letter {
            b's' => [local, b"@", sender_domain.as_bytes()].concat(),
            b'l' => local.to_vec(),
            b'o' => sender_domain.into(),
            b'd' => domain.into(),
            b'i' => match client {
                IpAddr::V4(address) => address.to_string().into(),
                IpAddr::V6(address) => {
                    let digits = format!("{:032X}", address.to_bits());
                    let digits: Vec<String> = digits.chars().map(String::from).collect();
                    digits.join(".").into()
                }
            },
            b'p' => self.validated(domain).into(),
            b'v' if client.is_ipv4() => b"in-addr".to_vec(),
            b'v' => b"ip6".to_vec(),
            b'h' => helo.to_vec(),
            b'c' => client.to_string().into(),
            b'r' => receiver.into(),
            b't' => now.to_string().into(),
            _ => unreachable!(),
        }
    }

    /// 7.3: the domain itself, else a name below it, else any.
    fn validated(&mut self, domain: &str) -> String {
        let (names, _) = self.reverse();
        let client = self.asked.client;
        let mut validated: Vec<String> = names
            .into_iter()
            .filter(|name| self.addresses(name).unwrap_or_default().contains(&client))
            .collect();
        validated.sort_by_key(|name| match name {
            name if name.eq_ignore_ascii_case(domain) => 0,
            name if is_at_or_below(name, domain) => 1,
            _ => 2,
        });
        validated.into_iter().next().unwrap_or("unknown".to_owned())
    }

    /// 6.2.
    fn explain(&mut self, domain: &str, exp: &[Piece]) -> Option<String> {
        let target = self.name_of(exp, domain).ok()?;
        let texts = self.asked.zone.ask_txt(&target).ok()?;
        let [text] = texts.as_slice() else {
            return None;
        };
        let pieces = grammar::macro_string(text, true)?;
        let mut text = self.expanded(&pieces, domain);
        text.truncate(400);
        let shown = text.iter().map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '?',
        });
        let shown: String = shown.collect();
        (!shown.trim().is_empty()).then_some(shown)
    }
}

enum NoName {
    Malformed,
    Internationalized,
}

fn has(pieces: &[Piece], letters: &[u8]) -> bool {
    pieces.iter().any(
        |piece| matches!(piece, Piece::Expand { letter, .. } if letters.contains(&letter.to_ascii_lowercase())),
    )
}

/// 4.8 and 7.3: a name of two labels at least, cut on the left to 253 octets.
fn name(text: &[u8]) -> Option<String> {
    let text = text.strip_suffix(b".").unwrap_or(text);
    let mut labels: Vec<&[u8]> = text.split(|&byte| byte == b'.').collect();
    while labels.join(&b'.').len() > 253 {
        labels.remove(0);
    }
    let right = |label: &&[u8]| {
        (1..=63).contains(&label.len()) && label.iter().all(|byte| (b' '..=b'~').contains(byte))
    };
    (labels.len() >= 2 && labels.iter().all(right))
        .then(|| String::from_utf8_lossy(&labels.join(&b'.')).into_owned())
}

fn is_at_or_below(name: &str, parent: &str) -> bool {
    let (name, parent) = (name.to_ascii_lowercase(), parent.to_ascii_lowercase());
    name == parent || name.ends_with(&format!(".{parent}"))
}

/// Whether the first bits are the same.
fn within(client: IpAddr, network: IpAddr, ip4: u32, ip6: u32) -> bool {
    let same = |one: u128, other: u128, bits: u32, prefix: u32| {
        prefix == 0 || one >> (bits - prefix) == other >> (bits - prefix)
    };
    match (client, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => same(
            Ipv4Addr::to_bits(one).into(),
            Ipv4Addr::to_bits(other).into(),
            32,
            ip4,
        ),
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            same(Ipv6Addr::to_bits(one), Ipv6Addr::to_bits(other), 128, ip6)
        }
        _ => false,
    }
}
