//! What holds for every site, every message and every answer.

use proptest::prelude::*;
use regex::Regex;

use super::world::{World, answer};
use crate::core::{
    message::{Answer, Question},
    verdict::Action,
};

proptest! {
    /// The questions of a round don't depend on each other, so it does not matter which is answered first, nor whether the
    /// stage runs again in between.
    #[test]
    fn the_order_of_answers_never_matters(world in World::any(), seed: u64, order: u64) {
        let together = world.fate(|message, questions| {
            let answered = |question: Question| {
                let answer = answer(message, &question, seed);
                (question, answer)
            };
            questions.into_iter().map(answered).collect()
        });
        let mut turn = order;
        let one_by_one = world.fate(|message, mut questions| {
            turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let place = usize::try_from(turn >> 33).unwrap() % questions.len();
            let question = questions.swap_remove(place);
            let answer = answer(message, &question, seed);
            vec![(question, answer)]
        });
        prop_assert_eq!(together, one_by_one);
    }

    /// What nobody reads is not written; that is all.
    #[test]
    fn who_reads_what_is_found_changes_nothing(world in World::any(), seed: u64) {
        let fate = |message| world.fate_of(message, |message, questions| {
            let answered = |question: Question| {
                let answer = answer(message, &question, seed);
                (question, answer)
            };
            questions.into_iter().map(answered).collect()
        });
        let (read, unread) = (fate(world.message()), fate(world.message().unread()));
        let finding = Regex::new(r#"finding: "(?:[^"\\]|\\.)*""#).unwrap();
        let [read_words, unread_words] = [&read, &unread].map(|fate| finding.replace_all(&fate.all, ""));
        prop_assert_eq!(read_words, unread_words);
        prop_assert_eq!(read.actions, unread.actions);
    }

    /// An outage never refuses for good, nor drops, what would not have been, had everything answered.
    #[test]
    fn a_missing_answer_refuses_nothing(world in World::any(), seed: u64, missing: u64) {
        let answered = world.fate(|message, questions| {
            let answered = |question: Question| {
                let answer = answer(message, &question, seed);
                (question, answer)
            };
            questions.into_iter().map(answered).collect()
        });
        let with_outages = world.fate(|message, questions| {
            let answered = |(place, question): (usize, Question)| {
                let is_missing = missing.rotate_left(u32::try_from(place).unwrap() * 7) % 3 == 0;
                let answer = match question.outside().filter(|_| is_missing) {
                    Some(outside) => Answer::Unanswered(outside),
                    None => answer(message, &question, seed),
                };
                (question, answer)
            };
            questions.into_iter().enumerate().map(answered).collect()
        });
        for (before, after) in answered.actions.iter().zip(&with_outages.actions) {
            // Quarantine decides, too: what comes behind it was not looked at.
            let is_delivered = matches!(before, Action::Accept | Action::Tag);
            let is_lost = matches!(after, Action::Reject | Action::Discard);
            prop_assert!(
                !(is_delivered && is_lost),
                "{before} became {after}:\n{}\n{}",
                answered.all,
                with_outages.all
            );
        }
    }
}
