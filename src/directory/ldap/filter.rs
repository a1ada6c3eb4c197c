//! What is looked for in a directory (RFC 4515). The parts of an address stand in it as values, escaped.

use std::str::FromStr;

use super::super::template::{Placeholder, Template};
use crate::core::serde_text::deserialize_from_str;

/// A filter with at least one placeholder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Filter(Template);

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It is the same for every address.
    #[error("no part of an address stands in it; expected e.g. (mail=:address)")]
    NoPlaceholder,
    /// As in Postfix's tables.
    #[error(
        "no part of an address stands in it; use :address for Postfix's %s, :local for %u and :domain for %d"
    )]
    Postfix,
    /// A placeholder that there isn't.
    #[error("there is no `:{0}`; expected one of :address, :local and :domain")]
    Unknown(String),
    /// Where a stranger would choose what is compared.
    #[error("`:{0}` does not stand behind a `=`; expected a value, as in (mail=:address)")]
    NoValue(String),
    /// Brackets, mostly.
    #[error(
        "it is not a filter as RFC 4515 defines them; expected e.g. (&(objectClass=mailUser)(mail=:address))"
    )]
    Syntax,
}

impl Filter {
    /// What stands in its places.
    pub(in crate::directory) fn placeholders(&self) -> impl Iterator<Item = Placeholder> {
        self.0.placeholders()
    }

    /// The text with what stands in its places.
    pub(super) fn filled(&self, mut fill: impl FnMut(Placeholder) -> String) -> String {
        self.0.filled(|_, placeholder| fill(placeholder))
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut template = Template::default();
        let mut rest = text;
        // Whether what comes now is the value of an assertion.
        let mut value = false;
        while let Some(c) = rest.chars().next() {
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let word = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
            match (c, Placeholder::named(word)) {
                (':', Some(placeholder)) => {
                    if !value {
                        return Err(FilterError::NoValue(word.to_owned()));
                    }
                    template.place(placeholder);
                    rest = rest.get(word.len()..).unwrap_or_default();
                    continue;
                }
                // `smtp:joe` is a value, but one that begins so is a placeholder that was meant.
                (':', None) if value && !word.is_empty() && is_at_begin(text, rest) => {
                    return Err(FilterError::Unknown(word.to_owned()));
                }
                ('(' | ')', _) => value = false,
                ('=', _) => value = true,
                _ => {}
            }
            template.push(c);
        }
        if template.placeholders().len() == 0 {
            let postfix = ["%s", "%u", "%d"].iter().any(|word| text.contains(word));
            return Err(if postfix {
                FilterError::Postfix
            } else {
                FilterError::NoPlaceholder
            });
        }
        let filter = Self(template);
        #[cfg(feature = "ldap")]
        ldap3::parse_filter(filter.filled(|_| "x".to_owned())).map_err(|()| FilterError::Syntax)?;
        Ok(filter)
    }
}

/// Whether the colon before `rest` is the first character of a value.
fn is_at_begin(text: &str, rest: &str) -> bool {
    let before = text.len() - rest.len() - 1;
    text.get(..before)
        .is_some_and(|before| before.ends_with(['=', '*']))
}

deserialize_from_str!(Filter);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn placeholders_are_values() {
        let filled = |text: &str| {
            let filter = text.parse::<Filter>();
            filter.map(|filter| filter.filled(|placeholder| format!("<{placeholder:?}>")))
        };
        for (text, expected) in [
            ("(mail=:address)", "(mail=<Address>)"),
            (
                "(&(objectClass=mailUser)(|(uid=:local)(proxyAddresses=smtp::address)))",
                "(&(objectClass=mailUser)(|(uid=<Local>)(proxyAddresses=smtp:<Address>)))",
            ),
            ("(mail=*:domain)", "(mail=*<Domain>)"),
            ("(ou:dn:=:domain)", "(ou:dn:=<Domain>)"),
        ] {
            assert_eq!(filled(text), Ok(expected.to_owned()), "{text}");
        }
        use FilterError::{NoPlaceholder, NoValue, Postfix, Unknown};
        for (text, error) in [
            ("(mail=x)", NoPlaceholder),
            ("(mail=%s)", Postfix),
            ("(mail=:adress)", Unknown("adress".to_owned())),
            ("(:address=x)", NoValue("address".to_owned())),
            ("(&:local)", NoValue("local".to_owned())),
        ] {
            assert_eq!(filled(text), Err(error), "{text}");
        }
    }

    #[test]
    #[cfg(feature = "ldap")]
    fn a_bracket_too_few_is_no_filter() {
        for text in ["(mail=:address", "mail=:address)", "(&(a=b)(mail=:address)"] {
            assert_eq!(text.parse::<Filter>(), Err(FilterError::Syntax), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\(|\\)|=|\\*|:|:address|:local|ü|[a-z]|\\PC){0,12}") {
            let _ = text.parse::<Filter>();
        }
    }
}
