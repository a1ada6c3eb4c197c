//! Something to each of some questions, in the order in which they came.

use std::collections::HashMap;

use super::Question;

/// So many are found as fast by looking through them. Most messages ask fewer; one with thousands of recipients asks about
/// each.
const FEW: usize = 16;

/// Values by their questions.
#[derive(Clone, Debug)]
pub(super) struct ByQuestion<V> {
    list: Vec<(Question, V)>,
    /// The place of each question; empty as long as there are few.
    places: HashMap<Question, usize>,
}

impl<V> Default for ByQuestion<V> {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl<V> ByQuestion<V> {
    pub(super) fn find(&self, question: &Question) -> Option<&V> {
        let place = if self.list.len() > FEW {
            self.places.get(question).copied()
        } else {
            self.list.iter().position(|(of, _)| of == question)
        };
        self.list.get(place?).map(|(_, value)| value)
    }

    /// Unless there is one to this question.
    pub(super) fn add(&mut self, question: Question, value: V) {
        if self.find(&question).is_some() {
            return;
        }
        let place = self.list.len();
        if place == FEW {
            self.note_places();
        }
        if place >= FEW {
            self.places.insert(question.clone(), place);
        }
        self.list.push((question, value));
    }

    pub(super) fn retain(&mut self, is_kept: impl Fn(&Question) -> bool) {
        self.list.retain(|(question, _)| is_kept(question));
        self.places.clear();
        if self.list.len() > FEW {
            self.note_places();
        }
    }

    pub(super) fn into_questions(self) -> Vec<Question> {
        let list = self.list.into_iter();
        list.map(|(question, _)| question).collect()
    }

    fn note_places(&mut self) {
        let questions = self.list.iter().map(|(question, _)| question.clone());
        let places = questions
            .enumerate()
            .map(|(place, question)| (question, place));
        self.places = places.collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::address::Domain;

    #[test]
    fn many_are_found_like_few() {
        let question = |number: usize| {
            let domain: Domain = format!("d{number}.example").parse().unwrap();
            Question::Siege(domain)
        };
        for count in [0, 1, FEW - 1, FEW, FEW + 1, 5 * FEW] {
            let mut values = ByQuestion::default();
            for number in 0..count {
                values.add(question(number), number);
                values.add(question(number), 1_000);
            }
            for number in 0..count {
                assert_eq!(values.find(&question(number)), Some(&number), "{count}");
            }
            assert_eq!(values.find(&question(count)), None, "{count}");
            let is_kept = |of: &Question| *of != question(0) && *of != question(3);
            values.retain(is_kept);
            for number in 0..count {
                let kept = ![0, 3].contains(&number);
                assert_eq!(values.find(&question(number)).is_some(), kept, "{count}");
            }
            let expected: Vec<_> = (0..count).map(question).filter(is_kept).collect();
            assert_eq!(values.into_questions(), expected, "{count}");
        }
    }
}
