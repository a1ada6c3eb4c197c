//! The value of a key in a tenant's row: YAML text as in `milter.yaml`, read by the types of the file's own keys, within
//! limits; a list of addresses can be one of words, too. What a tenant must not have is no value: what throws mail away, what
//! holds it in the host's queue, an address of somebody else.

use saphyr_parser::{Event, Parser};
use serde::{Deserialize, de::DeserializeOwned};
use serde_yaml::Value;

use super::TenantKey;
use crate::{
    core::{
        address::Domain,
        null_sender::NeverSend,
        pattern::{AddressList, AddressPattern, DomainPattern, EntryError},
        recipients::ClassAnswer,
        siege,
        tenant::TenantAnswers,
        verdict::{Action, Rule},
    },
    directory::cells::Cell,
};

/// The longest value, in octets.
pub(super) const LONGEST_VALUE: usize = 16 << 10;
/// The most addresses in a list, and of those the most regular expressions: a compiled one can take up a megabyte.
const MOST_ADDRESSES: usize = 200;
const MOST_PATTERNS: usize = 5;
/// The longest regular expression, in octets.
const LONGEST_PATTERN: usize = 256;

/// Reads what a row has for a key into the row's answers; nothing where that is NULL or an empty text.
///
/// # Errors
/// Why it can't be used.
pub(super) fn set(
    answers: &mut TenantAnswers,
    key: TenantKey,
    cell: &Cell,
    domain: &Domain,
) -> Result<(), String> {
    let text = match cell {
        Cell::Empty => return Ok(()),
        Cell::Other(what) => return Err(format!("it is {what}, not a text")),
        Cell::Text(text) => text,
        Cell::Values(values) => match &values[..] {
            [] => return Ok(()),
            [text] if !key.is_list() || is_whole(text) => text,
            values if key.is_list() => {
                let mut items = Vec::new();
                for text in values {
                    match words(text)? {
                        Some(words) => items.extend(words),
                        None => items.push(read(text)?),
                    }
                }
                return set_list(answers, key, items.into_iter().collect(), domain);
            }
            several => return Err(format!("it has {} values; expected one", several.len())),
        },
    };
    if text.trim().is_empty() {
        return Ok(());
    }
    if key.is_list()
        && let Some(words) = words(text)?
    {
        return set_list(answers, key, words.into_iter().collect(), domain);
    }
    match key {
        TenantKey::Mode => answers.mode = Some(read(text)?),
        TenantKey::CatchAll => answers.catch_all = Some(class_answer(read(text)?)?),
        TenantKey::Unknown => answers.unknown = Some(class_answer(read(text)?)?),
        TenantKey::Unproven => answers.unproven = Some(rule(read(text)?)?),
        TenantKey::UnprovenReplies => answers.unproven_replies = Some(rule(read(text)?)?),
        TenantKey::SiegeUnproven => answers.siege_unproven = Some(rule(read(text)?)?),
        TenantKey::SiegeCatchAll => {
            let SiegeCatchAll(answer) = read(text)?;
            answers.siege_catch_all = Some(class_answer(answer)?);
        }
        TenantKey::NeverSend => {
            let never: NeverSend = read(text)?;
            own(&never.addresses, domain)?;
            rule(never.rule)?;
            answers.never_send = Some(Box::new(never));
        }
        TenantKey::ExemptRecipients => {
            return set_list(answers, key, read(text)?, domain);
        }
    }
    Ok(())
}

/// Whether one value of an attribute is a whole list, and not one address of it.
fn is_whole(text: &str) -> bool {
    let text = text.trim_start();
    text.is_empty() || text.starts_with('[') || text.starts_with("{addresses")
}

/// Addresses between commas, blanks and ends of lines, as the databases of panels keep them, and as main.cf has lists; none
/// where the text is more than words to YAML.
fn words(text: &str) -> Result<Option<Vec<AddressPattern>>, String> {
    let words = match text.trim_start().starts_with('@') {
        // No YAML begins with it.
        true => {
            within_limits(text)?;
            text.to_owned()
        }
        false => match read(text)? {
            Value::String(words) => words,
            Value::Bool(_) | Value::Number(_) => text.to_owned(),
            _ => return Ok(None),
        },
    };
    let words = words.split(|c: char| c == ',' || c.is_whitespace());
    let addresses: Result<Vec<_>, EntryError> = words
        .filter(|word| !word.is_empty())
        .map(str::parse)
        .collect();
    addresses.map(Some).map_err(|why| why.to_string())
}

fn set_list(
    answers: &mut TenantAnswers,
    key: TenantKey,
    addresses: AddressList,
    domain: &Domain,
) -> Result<(), String> {
    own(&addresses, domain)?;
    match key {
        TenantKey::NeverSend => {
            answers.never_send = Some(Box::new(NeverSend {
                addresses,
                ..NeverSend::default()
            }));
        }
        _ => answers.exempt_recipients = Some(Box::new(addresses)),
    }
    Ok(())
}

/// `siege.catch_all` has other defaults than the answers of `recipients`.
#[derive(Deserialize)]
struct SiegeCatchAll(
    #[serde(deserialize_with = "siege::Settings::deserialize_catch_all")] ClassAnswer,
);

/// Reads YAML within the limits.
fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    within_limits(text)?;
    if text.contains('&') && has_anchor(text) {
        return Err("YAML reads `&` here as an anchor; put such a text in 'quotes'".to_owned());
    }
    serde_yaml::from_str(text).map_err(|error| wrong(&error))
}

fn within_limits(text: &str) -> Result<(), String> {
    if text.len() > LONGEST_VALUE {
        let length = text.len();
        return Err(format!(
            "it has {length} octets; the maximum is {LONGEST_VALUE}"
        ));
    }
    if text
        .chars()
        .any(|c| c.is_control() && !"\n\r\t".contains(c))
    {
        return Err("it has a control character".to_owned());
    }
    Ok(())
}

/// Aliases of an anchor make a small text large. After a mistake the parser gives the same one for ever.
fn has_anchor(text: &str) -> bool {
    let mut events = Parser::new_from_str(text).map_while(Result::ok);
    events.any(|(event, _)| {
        matches!(
            event,
            Event::Scalar(_, _, 1.., _)
                | Event::SequenceStart(1.., _)
                | Event::MappingStart(1.., _)
        )
    })
}

/// What serde says, without the place in a text of one line.
fn wrong(error: &serde_yaml::Error) -> String {
    let mut text = error.to_string();
    if let Some(at) = error.location() {
        let place = format!(" at line {} column {}", at.line(), at.column());
        if let Some(rest) = text.strip_suffix(&place) {
            text.truncate(rest.len());
        }
    }
    text
}

fn class_answer(answer: ClassAnswer) -> Result<ClassAnswer, String> {
    let ClassAnswer { mail, bounces } = answer;
    rule(mail)?;
    rule(bounces)?;
    Ok(answer)
}

/// A tenant must not have mail vanish, and must not fill the queue of the host: a message that is held is held for all of its
/// recipients, and only the host can let it go.
fn rule(rule: Rule) -> Result<Rule, String> {
    match rule.action {
        Action::Discard => Err("`discard` throws mail away, which no tenant may".to_owned()),
        Action::Quarantine => {
            Err("`quarantine` holds mail in the queue of the host, which no tenant may".to_owned())
        }
        Action::Accept | Action::Tag | Action::Tempfail | Action::Reject => Ok(rule),
    }
}

/// Whether all of these addresses are the domain's own, and few enough.
fn own(addresses: &AddressList, domain: &Domain) -> Result<(), String> {
    if addresses.len() > MOST_ADDRESSES {
        let count = addresses.len();
        return Err(format!(
            "it has {count} addresses; the maximum is {MOST_ADDRESSES}"
        ));
    }
    let mut patterns = 0;
    for address in addresses.iter() {
        match address {
            AddressPattern::Local(local) if *local == domain.as_str().as_bytes() => {
                return Err(format!(
                    "`{domain}` is a domain; use '@{domain}' for all its addresses"
                ));
            }
            AddressPattern::Mailbox(_, other) if other != domain => {
                return Err(foreign(address, domain));
            }
            AddressPattern::Local(_) | AddressPattern::Mailbox(..) => {}
            AddressPattern::Domain(whole) => is_of(whole, address, domain)?,
            AddressPattern::Match(pattern, within) => {
                patterns += 1;
                if patterns > MOST_PATTERNS {
                    return Err(format!("it has more than {MOST_PATTERNS} patterns"));
                }
                if pattern.as_str().len() > LONGEST_PATTERN {
                    return Err(format!("a pattern is longer than {LONGEST_PATTERN} octets"));
                }
                if let Some(within) = within {
                    is_of(within, address, domain)?;
                }
            }
        }
    }
    Ok(())
}

fn is_of(pattern: &DomainPattern, address: &AddressPattern, domain: &Domain) -> Result<(), String> {
    match pattern {
        DomainPattern::Itself(itself) if itself == domain => Ok(()),
        DomainPattern::Itself(_) | DomainPattern::Below(_) => Err(foreign(address, domain)),
    }
}

fn foreign(address: &AddressPattern, domain: &Domain) -> String {
    format!("`{address}` is not of {domain}")
}

#[cfg(test)]
mod tests;
