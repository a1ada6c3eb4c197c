//! The line of `milter.yaml` that spares mail a rule, where the file has a place for it: its other lines stay as they are.

mod flow;

use std::path;

use self::flow::quoted;
use super::{
    Config,
    outline::{Outline, Shape},
    parse,
    path::{Path, Step},
    text,
};
use crate::core::{
    address::Domain,
    recipients::{Scope, Scopes},
    would::Spare,
};

/// A change of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amendment {
    /// The line that changes, or that is new, from 1.
    pub line: usize,
    /// What stands there then, without its indentation.
    pub written: String,
    /// The whole file.
    pub text: String,
}

/// Why there is no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLine {
    /// The file spares such mail already.
    Spared,
    /// The file is written in a way that is not changed here.
    Elsewhere,
}

/// The line for the file that this configuration was read from.
///
/// # Errors
/// The file spares it already; or it can't be read, or has no place that takes the line.
pub fn sparing(config: &Config, spare: &Spare) -> Result<Amendment, NoLine> {
    if spare.is_in(&config.policy) {
        return Err(NoLine::Spared);
    }
    let text = text::of(&config.file).map_err(|_| NoLine::Elsewhere)?;
    amended(&config.file, &text, spare)
}

/// The same for a text. Whatever it gives is a file that can be read.
///
/// # Errors
/// As for [`sparing`].
pub fn amended(file: &path::Path, text: &str, spare: &Spare) -> Result<Amendment, NoLine> {
    let outline = Outline::read(text).map_err(|_| NoLine::Elsewhere)?;
    let (path, new) = place(&outline, spare);
    if already(&outline, &path, &new) {
        return Err(NoLine::Spared);
    }
    let amendment = added(text, &outline, &path, &new).ok_or(NoLine::Elsewhere)?;
    let reread = Outline::read(&amendment.text);
    let is_there = reread.is_ok_and(|outline| match &new {
        New::Item(item) if !item.starts_with('{') => already(&outline, &path, &new),
        New::Item(_) => outline.has_value(&path),
        New::Key(key, value) => outline.scalar(&path.key(key)) == Some(value),
    });
    match parse(file, &amendment.text) {
        Ok(_) if is_there => Ok(amendment),
        _ => Err(NoLine::Elsewhere),
    }
}

/// What is added below a path.
#[derive(Clone, Debug)]
enum New {
    /// An item of a list.
    Item(String),
    /// A key and its value.
    Key(String, String),
}

impl New {
    /// In brackets of its own.
    fn alone(&self) -> String {
        match self {
            Self::Item(item) => format!("[{item}]"),
            Self::Key(key, value) => format!("{{{key}: {value}}}"),
        }
    }

    /// On a line of its own.
    fn in_block(&self) -> String {
        match self {
            Self::Item(item) => format!("- {item}"),
            Self::Key(key, value) => format!("{key}: {value}"),
        }
    }

    /// Among others in brackets.
    fn in_flow(&self) -> String {
        match self {
            Self::Item(item) => item.clone(),
            Self::Key(key, value) => format!("{key}: {value}"),
        }
    }
}

/// Where it belongs, and what is added there.
fn place(outline: &Outline, spare: &Spare) -> (Path, New) {
    let keys = |keys: &[&str]| Path::of(keys);
    let client = |client: &std::net::IpAddr| New::Item(quoted(&client.to_string()));
    match spare {
        Spare::Client(address) => (keys(&["exempt", "clients"]), client(address)),
        Spare::NullSenderClient(address) => {
            (keys(&["null_sender", "exempt", "clients"]), client(address))
        }
        Spare::Forwarder(address) => (keys(&["spf", "trusted_forwarders"]), client(address)),
        Spare::MailingList(domain) => (
            keys(&["forgery", "mailing_lists"]),
            New::Item(quoted(domain.as_str())),
        ),
        Spare::SpfDomain(domain, result) => (
            keys(&["spf", "domains", domain.as_str()]),
            New::Key(result.clone(), "accept".to_owned()),
        ),
        Spare::Recipient(domain, address) => {
            let entries = keys(&["recipients"]);
            let entry = entry_of(outline, &entries, domain).unwrap_or(usize::MAX);
            let known = entries.index(entry).key("known");
            let mut lists = 0..outline.items(&known);
            let inline = lists.find(|index| outline.has(&known.index(*index).key("addresses")));
            match inline {
                Some(list) => (
                    known.index(list).key("addresses"),
                    New::Item(quoted(address)),
                ),
                None => (
                    known,
                    New::Item(format!("{{addresses: [{}]}}", quoted(address))),
                ),
            }
        }
    }
}

/// The entry of `recipients` that is for the domain.
fn entry_of(outline: &Outline, entries: &Path, domain: &Domain) -> Option<usize> {
    let scope = |index| {
        let scope = outline.scalar(&entries.index(index).key("domain"))?;
        Some((index, scope.parse::<Scope>().ok()?))
    };
    let scopes: Vec<_> = (0..outline.items(entries)).filter_map(scope).collect();
    let scopes: Scopes = scopes
        .iter()
        .map(|(index, scope)| (*index, scope))
        .collect();
    scopes.find(domain)
}

fn already(outline: &Outline, path: &Path, new: &New) -> bool {
    match new {
        New::Item(item) => (0..outline.items(path)).any(|index| {
            let found = outline.scalar(&path.index(index));
            found.is_some_and(|found| quoted(found) == *item)
        }),
        // A key that is there says something else, and stands where no second one may.
        New::Key(..) => false,
    }
}

/// Adds to the nearest thing above that the file has.
fn added(text: &str, outline: &Outline, path: &Path, new: &New) -> Option<Amendment> {
    let mut path = path.clone();
    let mut new = new.clone();
    while !outline.has_value(&path) {
        let value = new.alone();
        let Step::Key(key) = path.steps().last()? else {
            // The entry of a list that is not there.
            return None;
        };
        new = New::Key(quoted(key), value);
        path = path.parent()?;
    }
    if let New::Key(key, value) = &new
        && outline.has(&path.key(key))
    {
        // The key has no value, or one that is replaced.
        let place = outline.key(&path.key(key));
        return flow::with_value(text, place, value);
    }
    let place = outline.value(&path);
    match outline.shape(&path) {
        Shape::Empty if path.steps().is_empty() => Some(flow::at_the_end(text, &new.in_block())),
        Shape::Empty => flow::with_value(text, outline.key(&path), &new.alone()),
        Shape::List | Shape::Map if flow::opens(text, place) => {
            flow::inside(text, place, &new.in_flow())
        }
        Shape::Map if path.steps().is_empty() => Some(flow::at_the_end(text, &new.in_block())),
        Shape::List => flow::line_before(text, place, &new.in_block()),
        Shape::Map => {
            let keys = outline.keys(&path);
            let mut before = keys.iter().map(|key| outline.key(&path.key(key)));
            before.find_map(|place| flow::line_before(text, place, &new.in_block()))
        }
        Shape::Scalar => None,
    }
}

#[cfg(test)]
mod tests;
