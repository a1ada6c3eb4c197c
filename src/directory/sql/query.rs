//! The question to a database. The parts of an address are parameters of it, so nothing in an address is ever SQL.

use std::str::FromStr;

use super::super::template::{Placeholder, Template};
use crate::core::serde_text::deserialize_from_str;

/// A question that reads, with at least one placeholder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    template: Template,
    has_question_mark: bool,
}

/// Why a text is no question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It changes something, or does something else.
    #[error(
        "it must begin with SELECT or WITH; expected e.g. SELECT 1 FROM mailbox WHERE address = :address"
    )]
    NoSelect,
    /// It is the same for every address.
    #[error(
        "no part of an address stands in it; expected e.g. SELECT 1 FROM mailbox WHERE address = :address"
    )]
    NoPlaceholder,
    /// As in Postfix's tables.
    #[error(
        "no part of an address stands in it; use :address for Postfix's '%s', :local for '%u' and :domain \
         for '%d', without quotes"
    )]
    Postfix,
    /// It would be text.
    #[error("`:{0}` stands in quotes, where it would be nothing but text; use :{0} without quotes")]
    Quoted(String),
    /// A placeholder that there isn't.
    #[error("there is no `:{0}`; expected one of :address, :local and :domain")]
    Unknown(String),
    /// A parameter without a value.
    #[error("there is nothing to put at `${0}`; expected one of :address, :local and :domain")]
    Dollar(char),
    /// A quotation mark, or a comment, without its end.
    #[error(
        "something in it is opened with {0} and not closed; expected as many ends as beginnings"
    )]
    Open(&'static str),
}

impl Query {
    /// The text with the parameters written as the server wants them, by their number from 1.
    pub(super) fn text(&self, mut parameter: impl FnMut(usize) -> String) -> String {
        self.template.filled(|index, _| parameter(index + 1))
    }

    /// What each parameter is.
    pub(in crate::directory) fn parameters(&self) -> impl ExactSizeIterator<Item = Placeholder> {
        self.template.placeholders()
    }

    /// Whether a `?` stands in it, which is a parameter but for PostgreSQL.
    pub fn has_question_mark(&self) -> bool {
        self.has_question_mark
    }

    /// Reads a question, with placeholders or without.
    pub(super) fn read(text: &str) -> Result<Self, QueryError> {
        let first: String = text
            .trim_start_matches(|c: char| c.is_whitespace() || c == '(')
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect();
        if !["select", "with"].contains(&first.to_ascii_lowercase().as_str()) {
            return Err(QueryError::NoSelect);
        }
        let mut reader = Reader {
            rest: text,
            before: None,
            query: Self {
                template: Template::default(),
                has_question_mark: false,
            },
        };
        reader.read()?;
        Ok(reader.query)
    }
}

impl FromStr for Query {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        let query = Self::read(text)?;
        if query.parameters().len() > 0 {
            return Ok(query);
        }
        let postfix = ["%s", "%u", "%d"].iter().any(|word| text.contains(word));
        Err(if postfix {
            QueryError::Postfix
        } else {
            QueryError::NoPlaceholder
        })
    }
}

/// What may stand between two marks, where nothing is a placeholder.
const QUOTES: [(&str, &str); 5] = [
    ("'", "'"),
    ("\"", "\""),
    ("`", "`"),
    ("/*", "*/"),
    ("--", "\n"),
];

struct Reader<'a> {
    rest: &'a str,
    before: Option<char>,
    query: Query,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), QueryError> {
        while let Some(c) = self.rest.chars().next() {
            let quote = QUOTES.iter().find(|(open, _)| self.rest.starts_with(open));
            if let Some(&(open, close)) = quote {
                self.quoted(open, close)?;
            } else if c == ':' && self.begins_a_word() {
                self.placeholder()?;
            } else {
                let next = self.rest.chars().nth(1);
                if let (true, Some(digit)) = (c == '$', next)
                    && digit.is_ascii_digit()
                {
                    return Err(QueryError::Dollar(digit));
                }
                self.query.has_question_mark |= c == '?';
                self.take(c.len_utf8());
            }
        }
        Ok(())
    }

    /// Not in `a::text`, which is PostgreSQL's cast, nor in `a[1:n]`, which are some of a list.
    fn begins_a_word(&self) -> bool {
        let before = self.before;
        before.is_none_or(|before| before != ':' && !before.is_ascii_alphanumeric())
            && self
                .rest
                .chars()
                .nth(1)
                .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
    }

    fn placeholder(&mut self) -> Result<(), QueryError> {
        let word = word(self.rest.get(1..).unwrap_or_default());
        let placeholder =
            Placeholder::named(word).ok_or_else(|| QueryError::Unknown(word.to_owned()))?;
        self.rest = self.rest.get(1 + word.len()..).unwrap_or_default();
        self.before = None;
        self.query.template.place(placeholder);
        Ok(())
    }

    /// Up to the mark that closes it. A doubled quotation mark closes and opens again, which comes to the same.
    fn quoted(&mut self, open: &'static str, close: &str) -> Result<(), QueryError> {
        let inner = self.rest.get(open.len()..).unwrap_or_default();
        let length = match inner.find(close) {
            Some(length) => length,
            // A comment may end with the text.
            None if open == "--" => inner.len(),
            None => return Err(QueryError::Open(open)),
        };
        let text = inner.get(..length).unwrap_or_default();
        if open.len() == 1
            && let Some(word) = text.strip_prefix(':').map(word)
            && word.len() + 1 == text.len()
            && Placeholder::named(word).is_some()
        {
            return Err(QueryError::Quoted(word.to_owned()));
        }
        self.take((open.len() + length + close.len()).min(self.rest.len()));
        Ok(())
    }

    /// Takes this many octets as they are.
    fn take(&mut self, octets: usize) {
        let (taken, rest) = self
            .rest
            .split_at_checked(octets)
            .unwrap_or((self.rest, ""));
        taken.chars().for_each(|c| self.query.template.push(c));
        self.before = taken.chars().next_back();
        self.rest = rest;
    }
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

deserialize_from_str!(Query);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbered(text: &str) -> String {
        let query: Query = text
            .parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        query.text(|number| format!("${number}"))
    }

    #[test]
    fn placeholders_become_parameters() {
        for (text, sent) in [
            (
                "SELECT 1 FROM m WHERE a = :address",
                "SELECT 1 FROM m WHERE a = $1",
            ),
            (
                "select 1 from m where a=:local||'@'||:domain;",
                "select 1 from m where a=$1||'@'||$2;",
            ),
            (
                "SELECT 1 FROM m WHERE a = :address OR a = '@' || :domain AND b::text = '10:30' AND c[1:n] = 1",
                "SELECT 1 FROM m WHERE a = $1 OR a = '@' || $2 AND b::text = '10:30' AND c[1:n] = 1",
            ),
            (
                "WITH x AS (SELECT 'it''s :this' AS \":that\") -- not :these\nSELECT /* :or those */ 1 FROM x WHERE a=:address -- ü",
                "WITH x AS (SELECT 'it''s :this' AS \":that\") -- not :these\nSELECT /* :or those */ 1 FROM x WHERE a=$1 -- ü",
            ),
            (
                " (SELECT 'é' WHERE a = :address)",
                " (SELECT 'é' WHERE a = $1)",
            ),
        ] {
            assert_eq!(numbered(text), sent);
        }
        let query: Query = "SELECT :domain, :local, :domain".parse().unwrap();
        use Placeholder::{Domain, Local};
        assert_eq!(
            query.parameters().collect::<Vec<_>>(),
            [Domain, Local, Domain]
        );
    }

    #[test]
    fn what_can_not_be_asked_is_told_so() {
        use QueryError::{Dollar, NoPlaceholder, NoSelect, Open, Postfix, Quoted, Unknown};
        let word = |word: &str| word.to_owned();
        for (text, error) in [
            ("", NoSelect),
            ("DELETE FROM m WHERE a = :address", NoSelect),
            ("selection :address", NoSelect),
            ("SELECT 1 FROM m", NoPlaceholder),
            ("SELECT 1 FROM m -- :address", NoPlaceholder),
            ("SELECT 1 FROM m WHERE a = '%s'", Postfix),
            (
                "SELECT 1 FROM m WHERE a = ':address'",
                Quoted(word("address")),
            ),
            ("SELECT 1 FROM m WHERE a = :adress", Unknown(word("adress"))),
            ("SELECT 1 FROM m WHERE a = $1", Dollar('1')),
            ("SELECT 1 FROM m WHERE a = 'b AND c = :address", Open("'")),
            ("SELECT 1 /* FROM m WHERE c = :address", Open("/*")),
        ] {
            assert_eq!(text.parse::<Query>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "SELECT (:address|:|'|\"|\\$|--|/\\*|\\PC){0,12}") {
            if let Ok(query) = text.parse::<Query>() {
                // Nothing is lost or added but the placeholders.
                let names = query.template.filled(|_, placeholder| {
                    match placeholder {
                        Placeholder::Address => ":address",
                        Placeholder::Local => ":local",
                        Placeholder::Domain => ":domain",
                    }
                    .to_owned()
                });
                prop_assert_eq!(names, text);
            }
        }
    }
}
