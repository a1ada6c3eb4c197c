//! What a text must contain to match a pattern: by this a thousand patterns are asked at the price of one.

use std::{borrow::Cow, collections::HashMap};

use aho_corasick::AhoCorasick;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::{expression::Expression, local_part::LocalPartPattern};

/// Shorter ones are in nearly every text.
const SHORTEST: usize = 2;
/// With more alternatives, a pattern is asked as if it required nothing.
const MAX_ALTERNATIVES: usize = 256;

/// Every text that matches contains one of these, as [`Folded`] compares; none where that can't be said.
pub(super) fn of(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let Part { exact, required } = part(hir);
    better(exact.and_then(alone), required)
}

/// What a part of a pattern says.
#[derive(Default)]
struct Part {
    /// The one text that it matches.
    exact: Option<Vec<u8>>,
    /// See [`of`].
    required: Option<Vec<Vec<u8>>>,
}

impl Part {
    fn exact(text: Vec<u8>) -> Self {
        Self {
            exact: Some(text),
            required: None,
        }
    }

    fn required(required: Option<Vec<Vec<u8>>>) -> Self {
        Self {
            exact: None,
            required,
        }
    }
}

fn part(hir: &Hir) -> Part {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Part::exact(Vec::new()),
        HirKind::Literal(literal) if literal.0.is_ascii() => {
            Part::exact(literal.0.to_ascii_lowercase())
        }
        HirKind::Literal(literal) => {
            let runs = literal.0.split(|byte| !byte.is_ascii());
            let longest = runs.max_by_key(|run| run.len()).unwrap_or_default();
            Part::required(alone(longest.to_ascii_lowercase()))
        }
        HirKind::Class(class) => match letter(class) {
            Some(letter) => Part::exact(vec![letter]),
            None => Part::default(),
        },
        HirKind::Capture(capture) => part(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min == 0 => Part::default(),
        HirKind::Repetition(repetition) => {
            let Part { exact, required } = part(&repetition.sub);
            Part::required(better(exact.and_then(alone), required))
        }
        HirKind::Concat(parts) => joined(parts),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for alternative in parts {
                match of(alternative) {
                    Some(required) if all.len() + required.len() <= MAX_ALTERNATIVES => {
                        all.extend(required);
                    }
                    _ => return Part::default(),
                }
            }
            Part::required(Some(all))
        }
    }
}

/// Neighbours that match one text each match one longer text together.
fn joined(parts: &[Hir]) -> Part {
    let mut run = Vec::new();
    let mut is_exact = true;
    let mut best = None;
    for next in parts {
        let Part { exact, required } = part(next);
        match exact {
            Some(text) => run.extend(text),
            None => {
                is_exact = false;
                best = better(best, alone(std::mem::take(&mut run)));
                best = better(best, required);
            }
        }
    }
    if is_exact {
        return Part::exact(run);
    }
    Part::required(better(best, alone(run)))
}

fn alone(text: Vec<u8>) -> Option<Vec<Vec<u8>>> {
    (text.len() >= SHORTEST).then(|| vec![text])
}

/// The one that fewer texts contain.
fn better(one: Option<Vec<Vec<u8>>>, other: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    let shortest = |required: &[Vec<u8>]| required.iter().map(Vec::len).min().unwrap_or_default();
    match (one, other) {
        (Some(one), Some(other)) if shortest(&other) > shortest(&one) => Some(other),
        (None, other) => other,
        (one, _) => one,
    }
}

/// The ASCII letter that a class means, in either case or in one: what [`Folded`] makes the same.
fn letter(class: &Class) -> Option<u8> {
    let fold = |letter: char| match letter {
        '\u{17f}' => Some(b's'),
        '\u{212a}' => Some(b'k'),
        letter => u8::try_from(letter)
            .ok()
            .filter(u8::is_ascii)
            .map(|byte| byte.to_ascii_lowercase()),
    };
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class
            .iter()
            .map(|range| (range.start(), range.end()))
            .collect(),
        Class::Bytes(class) => {
            let ranges = class.iter();
            ranges
                .map(|range| (char::from(range.start()), char::from(range.end())))
                .collect()
        }
    };
    let mut letters = ranges
        .into_iter()
        .map(|(start, end)| (start == end).then(|| fold(start))?);
    let first = letters.next()??;
    letters.all(|letter| letter == Some(first)).then_some(first)
}

/// A text in which letters compare as they do in patterns: the long s and the Kelvin sign are the other cases of two
/// letters of ASCII (Unicode's CaseFolding.txt).
pub(super) struct Folded<'a>(Cow<'a, [u8]>);

impl<'a> Folded<'a> {
    pub(super) fn of(text: &'a [u8]) -> Self {
        const LONG_S: &[u8] = "\u{17f}".as_bytes();
        const KELVIN: &[u8] = "\u{212a}".as_bytes();
        if text.is_ascii() {
            return Self(Cow::Borrowed(text));
        }
        let mut folded = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            if let Some(after) = after.strip_prefix(LONG_S.get(1..).unwrap_or_default())
                && byte == 0xc5
            {
                folded.push(b's');
                rest = after;
            } else if let Some(after) = after.strip_prefix(KELVIN.get(1..).unwrap_or_default())
                && byte == 0xe2
            {
                folded.push(b'k');
                rest = after;
            } else {
                folded.push(byte);
            }
        }
        Self(Cow::Owned(folded))
    }

    /// Whether the text has these octets, which are in lower case, in whatever case.
    pub(super) fn contains(&self, octets: &[u8]) -> bool {
        let mut places = self.0.windows(octets.len().max(1));
        places.any(|place| place.eq_ignore_ascii_case(octets))
    }
}

/// Finds which of many patterns may match a text.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Everything that a pattern requires, and the patterns that require it.
    required: Option<(AhoCorasick, Vec<Vec<usize>>)>,
    /// Those that require nothing.
    others: Vec<usize>,
}

impl Index {
    /// Of these patterns, numbered from 0.
    pub fn of<'a>(patterns: impl IntoIterator<Item = &'a LocalPartPattern>) -> Self {
        Self::new(patterns.into_iter().map(LocalPartPattern::expression))
    }

    /// Of these expressions, numbered from 0.
    pub(in crate::core) fn new<'a>(patterns: impl Iterator<Item = &'a Expression>) -> Self {
        let mut others = Vec::new();
        let mut required: Vec<(&[u8], Vec<usize>)> = Vec::new();
        let mut places = HashMap::new();
        for (number, pattern) in patterns.enumerate() {
            let Some(texts) = pattern.required() else {
                others.push(number);
                continue;
            };
            for text in texts {
                let place = *places.entry(text.as_slice()).or_insert(required.len());
                match required.get_mut(place) {
                    Some((_, numbers)) => numbers.push(number),
                    None => required.push((text, vec![number])),
                }
            }
        }
        let (texts, numbers): (Vec<_>, Vec<_>) = required.into_iter().unzip();
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&texts);
        match automaton {
            Ok(automaton) => Self {
                required: (!texts.is_empty()).then_some((automaton, numbers)),
                others,
            },
            // Too much for it: then each is asked.
            Err(_) => {
                others.extend(numbers.into_iter().flatten());
                others.sort_unstable();
                others.dedup();
                Self {
                    required: None,
                    others,
                }
            }
        }
    }

    /// The numbers of the patterns that may match the text, in order.
    pub fn candidates(&self, text: &[u8]) -> Vec<usize> {
        let mut numbers = self.others.clone();
        if let Some((automaton, owners)) = &self.required {
            let mut seen = vec![false; owners.len()];
            let mut any = false;
            for found in automaton.find_overlapping_iter(Folded::of(text).0.as_ref()) {
                let place = found.pattern().as_usize();
                if let Some(seen @ false) = seen.get_mut(place) {
                    (*seen, any) = (true, true);
                    numbers.extend(owners.get(place).into_iter().flatten());
                }
            }
            if any {
                numbers.sort_unstable();
                numbers.dedup();
            }
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::{super::expression::Texts, *};

    #[test]
    fn the_longest_text_is_required() {
        for (pattern, required) in [
            ("casino", Some("casino")),
            ("casino|lottery", Some("casino lottery")),
            ("^re: .*lottery \\d+ won", Some("lottery ")),
            ("(?:win|won) .*prizes?", Some("prize")),
            ("(fish)+", Some("fish")),
            ("shop-[a-z0-9]+", Some("shop-")),
            ("\\bKAsk\\b", Some("kask")),
            ("a(b|c)d", None),
            ("x(ab|cd)y", Some("ab cd")),
            ("(ab)?c", None),
            ("\\d{4,}", None),
            (".*", None),
            ("grüße an alle", Some("e an alle")),
            ("casino|.", None),
            ("", None),
        ] {
            let expression = Expression::new(pattern.to_owned(), Texts::Utf8).unwrap();
            let found = expression.required().map(|all| {
                let all = all
                    .iter()
                    .map(|one| String::from_utf8(one.clone()).unwrap());
                all.collect::<Vec<_>>().join(" ")
            });
            assert_eq!(found.as_deref(), required, "{pattern}");
        }
    }

    #[test]
    fn so_many_alternatives_are_looked_for() {
        for (count, found) in [
            (MAX_ALTERNATIVES, Some(MAX_ALTERNATIVES)),
            (MAX_ALTERNATIVES + 1, None),
        ] {
            let all: Vec<_> = (0..count).map(|number| format!("{number:03}")).collect();
            let expression = Expression::new(all.join("|"), Texts::Utf8).unwrap();
            assert_eq!(expression.required().map(<[_]>::len), found);
        }
    }

    #[test]
    fn candidates_are_few() {
        let patterns: Vec<Expression> = (0..1000)
            .map(|number| format!("word{number}x.*offer"))
            .map(|pattern| Expression::new(pattern, Texts::Utf8).unwrap())
            .collect();
        let index = Index::new(patterns.iter());
        assert!(index.candidates(b"minutes of the meeting").is_empty());
        assert_eq!(index.candidates(b"WORD17x word999X word17x"), [17, 999]);
        let kelvin = Expression::new("word1k".to_owned(), Texts::Utf8).unwrap();
        assert_eq!(
            Index::new([&kelvin].into_iter()).candidates("word1\u{212a}".as_bytes()),
            [0]
        );
    }
}
