//! What is written into a message about the verdict on it.

use super::verdict::{Action, Verdict};

/// What was noticed about a message: one entry for each distinct reason, however many recipients it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<String>);

/// There are fewer reasons than this that one message can collect.
const MOST_TAGS: usize = 8;

impl Tags {
    /// Notes a verdict that lets mail in and has something to say.
    pub fn note(&mut self, verdict: &Verdict) {
        if !matches!(verdict.action, Action::Tag | Action::Quarantine) || self.0.len() >= MOST_TAGS
        {
            return;
        }
        let would = verdict
            .would
            .map(|action| format!(" would={action}"))
            .unwrap_or_default();
        let tag = format!(
            "verdict={} reason={}{would}",
            verdict.action,
            verdict.reason.code()
        );
        if !self.0.contains(&tag) {
            self.0.push(tag);
        }
    }

    /// The value of X-Backstop; none where there is nothing to say. `id` is the one in the log.
    pub fn x_backstop(&self, id: &str) -> Option<String> {
        (!self.0.is_empty()).then(|| format!("{}; id={id}", self.0.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::verdict::{Mode, Reason, Rule};

    #[test]
    fn each_reason_is_told_once() {
        let mut tags = Tags::default();
        assert_eq!(tags.x_backstop("1a"), None);
        tags.note(&Verdict::accept(Reason::NothingFound));
        for _ in 0..3 {
            tags.note(&Verdict::of(
                Rule::new(Action::Reject),
                Mode::Monitor,
                Reason::NeverSends,
            ));
        }
        tags.note(&Verdict::of(
            Rule::new(Action::Quarantine),
            Mode::Enforce,
            Reason::NullSenderExtraRecipient,
        ));
        assert_eq!(
            tags.x_backstop("1a").unwrap(),
            "verdict=tag reason=never_sends would=reject, \
             verdict=quarantine reason=null_sender_extra_recipient; id=1a"
        );
    }
}
