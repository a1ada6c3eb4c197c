//! A regular expression that is checked when it is read, and compiled when a text may match it: a file can have
//! thousands of them, and most meet no such text.

use std::sync::{Arc, OnceLock};

use regex::bytes::{self, Regex};
use regex_syntax::{
    ParserBuilder,
    hir::{Class, Hir, HirKind},
};

use super::required::{self, Folded};

/// The compiled size that one pattern can have, in bytes: about a thousand alternatives.
pub const PATTERN_SIZE: usize = 1 << 20;

/// A regular expression in which letters match in either case.
#[derive(Clone, Debug)]
pub(in crate::core) struct Expression(Arc<Checked>);

#[derive(Debug)]
struct Checked {
    pattern: String,
    /// See [`required::of`].
    required: Option<Vec<Vec<u8>>>,
    may_be_empty: bool,
    compiled: OnceLock<Option<Regex>>,
}

/// What a pattern is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core) enum Texts {
    /// Text alone: a pattern for octets that are none is a mistake.
    Utf8,
    /// Any octets.
    Octets,
}

impl Expression {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A mistake in the pattern, and one that compiles to more than [`PATTERN_SIZE`].
    pub(in crate::core) fn new(pattern: String, texts: Texts) -> Result<Self, regex::Error> {
        let parsed = ParserBuilder::new()
            .case_insensitive(true)
            .utf8(texts == Texts::Utf8)
            .build()
            .parse(&pattern)
            .ok();
        let compiled = match &parsed {
            Some(hir) if largest(hir) <= PATTERN_SIZE / 2 => OnceLock::new(),
            // What is wrong, if anything, the compiler says.
            None if texts == Texts::Utf8 => {
                let whole = regex::RegexBuilder::new(&pattern)
                    .case_insensitive(true)
                    .build();
                return Err(match whole {
                    Err(error) => error,
                    Ok(_) => regex::Error::Syntax(pattern),
                });
            }
            _ => OnceLock::from(Some(compiled(&pattern)?)),
        };
        let shortest = parsed.as_ref().map(|hir| hir.properties().minimum_len());
        Ok(Self(Arc::new(Checked {
            required: parsed.as_ref().and_then(required::of),
            may_be_empty: shortest.is_none_or(|shortest| shortest.is_none_or(|octets| octets == 0)),
            compiled,
            pattern,
        })))
    }

    /// Whether it matches somewhere in the text.
    pub(in crate::core) fn matches(&self, text: &[u8]) -> bool {
        if self.0.compiled.get().is_none() && !self.may_match(text) {
            return false;
        }
        let compiled = self
            .0
            .compiled
            .get_or_init(|| compiled(&self.0.pattern).ok());
        compiled.as_ref().is_some_and(|regex| regex.is_match(text))
    }

    /// See [`required::of`].
    pub(in crate::core) fn required(&self) -> Option<&[Vec<u8>]> {
        self.0.required.as_deref()
    }

    fn may_match(&self, text: &[u8]) -> bool {
        let Some(required) = self.required() else {
            return self.0.may_be_empty || !text.is_empty();
        };
        let folded = Folded::of(text);
        required.iter().any(|one| folded.contains(one))
    }
}

fn compiled(pattern: &str) -> Result<Regex, regex::Error> {
    bytes::RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(PATTERN_SIZE)
        .build()
}

/// About twice what it compiles to, in bytes: the compiler makes a state of each octet, and up to some forty of a range of
/// characters, which it writes as ranges of octets; of many ranges it makes fewer each.
fn largest(hir: &Hir) -> usize {
    const NODE: usize = 256;
    const RANGE: usize = 2048;
    const FEW: usize = 16;
    const ONE_OF_MANY: usize = 384;
    let all = |parts: &[Hir]| parts.iter().map(largest).fold(NODE, usize::saturating_add);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => NODE,
        HirKind::Literal(literal) => NODE.saturating_mul(literal.0.len() + 1),
        HirKind::Class(Class::Unicode(class)) => {
            let ranges = class.ranges().len();
            NODE + RANGE * ranges.min(FEW) + ONE_OF_MANY * ranges.saturating_sub(FEW)
        }
        HirKind::Class(Class::Bytes(class)) => NODE.saturating_mul(class.ranges().len() + 1),
        HirKind::Capture(capture) => largest(&capture.sub).saturating_add(2 * NODE),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => all(parts),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(repetition.min).max(repetition.min);
            let times = usize::try_from(most)
                .unwrap_or(usize::MAX)
                .saturating_add(2);
            let once = largest(&repetition.sub).saturating_add(NODE);
            once.saturating_mul(times)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Patterns of all kinds, and texts that have to do with them.
    fn pattern() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "[a-zA-Z]{1,4}",
            Just("\\d".to_owned()),
            Just("\\w".to_owned()),
            Just("\\bs".to_owned()),
            Just("[ks]".to_owned()),
            Just("k".to_owned()),
            Just(".*".to_owned()),
            Just("^".to_owned()),
            Just("$".to_owned()),
            Just("\\B".to_owned()),
            Just("(?-i:Sk)".to_owned()),
            Just("(?s-u:s.)".to_owned()),
            Just("ß".to_owned()),
            Just("äb".to_owned()),
            Just("[^a]".to_owned()),
            Just(String::new()),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 1..4).prop_map(|all| all.concat()),
                proptest::collection::vec(inner.clone(), 1..4)
                    .prop_map(|all| format!("({})", all.join("|"))),
                (
                    inner.clone(),
                    "\\*|\\+|\\?|\\{2\\}|\\{0,3\\}|\\{2,\\}|\\{1\\}"
                )
                    .prop_map(|(one, times)| format!("(?:{one}){times}")),
                inner.prop_map(|one| format!("(?-i:{one})")),
            ]
        })
    }

    fn text() -> impl Strategy<Value = String> {
        proptest::string::string_regex("[a-dksA-DKS0-2 \u{17f}\u{212a}äßÄ]{0,12}").unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// As `regex` itself says.
        #[test]
        fn what_matches_is_what_matches_when_compiled_at_once(
            pattern in pattern(),
            texts in proptest::collection::vec(text(), 1..20),
        ) {
            let whole = regex::RegexBuilder::new(&pattern)
                .case_insensitive(true)
                .size_limit(PATTERN_SIZE)
                .build();
            match (whole, Expression::new(pattern.clone(), Texts::Utf8)) {
                (Ok(whole), Ok(expression)) => {
                    let index = super::super::Index::new([&expression, &expression].into_iter());
                    for text in &texts {
                        let expected = whole.is_match(text);
                        let candidates = index.candidates(text.as_bytes());
                        prop_assert!(candidates == [0, 1] || candidates.is_empty() && !expected);
                        prop_assert!(expression.may_match(text.as_bytes()) || !expected);
                        prop_assert_eq!(expression.matches(text.as_bytes()), expected);
                    }
                }
                (Err(error), Err(ours)) => prop_assert_eq!(error.to_string(), ours.to_string()),
                (whole, ours) => prop_assert!(false, "{pattern}: {whole:?} {ours:?}"),
            }
        }
    }

    /// Unicode folds these two to letters of ASCII.
    #[test]
    fn a_long_s_and_the_sign_of_kelvin_are_letters() {
        let kiss = Expression::new("kiss".to_owned(), Texts::Utf8).unwrap();
        for (text, matches) in [
            ("kiss", true),
            ("\u{212a}i\u{17f}\u{17f}", true),
            ("KI\u{17f}S", true),
            ("\u{212b}iss", false),
            ("ki\u{ff}\u{ff}", false),
        ] {
            let text = text.as_bytes();
            assert_eq!(kiss.may_match(text), matches, "{text:?}");
            assert_eq!(kiss.matches(text), matches, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_compiled_at_once_can_be_compiled() {
        for unit in [
            "a",
            "ä",
            "\\d",
            "\\w",
            "[^a]",
            "(?:a|b)",
            "(a)",
            "a?",
            "\\b",
            "[\u{7f}-\u{10000}]",
        ] {
            for times in [1, 3, 20, 150] {
                for pattern in [
                    unit.repeat(times),
                    format!("(?:{unit}){{{times}}}"),
                    format!("(?:{unit}){{0,{times}}}"),
                ] {
                    let hir = ParserBuilder::new()
                        .case_insensitive(true)
                        .build()
                        .parse(&pattern)
                        .unwrap();
                    if largest(&hir) <= PATTERN_SIZE / 2 {
                        assert!(compiled(&pattern).is_ok(), "{pattern}");
                    }
                }
            }
        }
        for pattern in [
            "(\\w{99}){99}".to_owned(),
            format!("(?-u){}", "[0-9]".repeat(60_000)),
        ] {
            assert!(Expression::new(pattern, Texts::Utf8).is_err());
        }
        let common = Expression::new("^re: .*lottery (\\d+|won)".to_owned(), Texts::Utf8).unwrap();
        assert!(!common.matches(b"Re: minutes") && common.0.compiled.get().is_none());
        assert!(common.matches(b"Re: the LOTTERY won") && common.0.compiled.get().is_some());
    }
}
