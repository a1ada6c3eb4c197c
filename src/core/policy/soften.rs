//! What an outage makes of a rule: the one place where an answer is softened because something did not answer.

use crate::core::{
    outside::Outside,
    verdict::{Action, Rule},
};

/// A rule as it is applied, and what did not answer that could have changed its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Softened {
    pub(super) rule: Rule,
    /// None where the rule does nothing that could be missed, or everything answered.
    pub(super) unanswered: Option<Outside>,
}

impl From<Rule> for Softened {
    /// A rule whose verdict no outside part could have changed.
    fn from(rule: Rule) -> Self {
        Self {
            rule,
            unanswered: None,
        }
    }
}

/// The rule while this did not answer; it is for the caller to know that the answer could have changed the verdict.
///
/// Nothing is refused, thrown away or held for want of an answer. Name servers and lists of recipients are back within
/// hours, so the mail is asked to come again. A dead store may outlast the queues of senders, so on calm days mail is let
/// in with a tag; in a flood that would open the door to it. Monitoring stays monitoring.
pub(super) fn softened(rule: Rule, unanswered: Option<Outside>, besieged: bool) -> Softened {
    let acts = rule.action.acts();
    let Some(outside) = unanswered.filter(|_| acts) else {
        return rule.into();
    };
    let action = match outside {
        Outside::Store if !besieged => Action::Tag,
        Outside::Store | Outside::Dns | Outside::Directory => Action::Tempfail,
    };
    Softened {
        rule: Rule { action, ..rule },
        unanswered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_refused_dropped_or_held_for_want_of_an_answer() {
        use Action::*;
        for action in Action::ALL {
            for outside in [None].into_iter().chain(Outside::ALL.map(Some)) {
                for (besieged, monitor) in [false, true].map(|b| [(b, false), (b, true)]).concat() {
                    let rule = Rule { action, monitor };
                    let expected = match (action, outside) {
                        (_, None) => action,
                        (Accept | Tag, _) => action,
                        (_, Some(Outside::Store)) if !besieged => Tag,
                        _ => Tempfail,
                    };
                    let softened = softened(rule, outside, besieged);
                    let place = format!("{action} {outside:?} {besieged}");
                    assert_eq!(softened.rule.action, expected, "{place}");
                    assert_eq!(softened.rule.monitor, monitor, "{place}");
                    let acts = !matches!(action, Accept | Tag);
                    assert_eq!(softened.unanswered, outside.filter(|_| acts), "{place}");
                }
            }
        }
    }
}
