//! How surprising a verdict is, given what happened to the message since.
//!
//! A message that would not be accepted is surprising if signs say that it was wanted; an accepted one, if signs say that
//! it was not. Each sign has a weight, and the weights add up:
//!
//! | refused, discarded or held, although                   | weight |
//! |--------------------------------------------------------|--------|
//! | its owner answered it                                  | 4 |
//! | its owner flagged it                                   | 3 |
//! | it is proven to answer a message of ours               | 3 |
//! | SPF passes for MAIL FROM                               | 2 |
//! | it is in a folder, neither junk nor trash              | 2 |
//! | a list has the recipient                               | 1 |
//! | its owner opened and kept it                           | 1 |
//! | it claims to answer a message                          | 1 |
//! | and it would be lost (reject, discard)                 | 1 |
//!
//! | accepted, although                                     | weight |
//! |--------------------------------------------------------|--------|
//! | it is in a junk folder                                 | 3 |
//! | it has the null sender, and is no notification         | 3 |
//! | it has the null sender, and its recipient is on no list| 2 |
//! | SPF fails (softfail: 1)                                | 2 |
//! | it has the null sender                                 | 1 |
//!
//! Refused mail in a junk folder is not surprising, nor is accepted mail that its owner answered, flagged or filed.
//! Outgoing mail is not judged.

use crate::{
    core::{
        header::Headers,
        message::Message,
        proof::evidence::Outcome,
        recipients::Known,
        spf::SpfResult,
        verdict::{Reason, Verdict},
    },
    engine::Course,
    mailstore::{FolderKind, Marks},
};

/// A surprising verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Surprise {
    /// The sum of the weights, from 1.
    pub(super) score: u32,
    /// The signs, in words.
    pub(super) because: Vec<&'static str>,
    pub(super) verdict: Verdict,
}

impl Surprise {
    fn add(&mut self, holds: bool, weight: u32, because: &'static str) {
        if holds {
            self.score += weight;
            self.because.push(because);
        }
    }
}

/// What is known about the message.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) message: &'a Message,
    pub(super) headers: &'a Headers,
    pub(super) is_notification: bool,
    pub(super) marks: Marks,
}

/// How surprising the verdict on this recipient is; none if it is not.
pub(super) fn surprise(found: Found<'_>, course: &Course) -> Option<Surprise> {
    let Found { message, marks, .. } = found;
    let verdict = &course.last().verdict;
    if let Reason::Outgoing(_) = verdict.reason {
        return None;
    }
    let mail_from = message.spf().and_then(|spf| spf.mail_from.as_ref());
    let case = Facts {
        null: message.envelope().reverse_path.is_null(),
        spf: mail_from.map(|check| check.result),
        has_lists: message
            .policy()
            .recipients_of(&course.rcpt.addressed.recipient)
            .is_some_and(|(_, entry)| entry.has_lists),
        known: course.rcpt.lookups.known.clone(),
        found,
        marks,
    };
    let mut found = Surprise {
        score: 0,
        because: Vec::new(),
        verdict: verdict.clone(),
    };
    if verdict.action.acts() {
        case.wanted(&mut found);
    } else {
        case.unwanted(&mut found);
    }
    (found.score > 0).then_some(found)
}

struct Facts<'a> {
    null: bool,
    spf: Option<SpfResult>,
    has_lists: bool,
    known: Known,
    found: Found<'a>,
    marks: Marks,
}

impl Facts<'_> {
    fn wanted(&self, found: &mut Surprise) {
        let Marks {
            seen,
            answered,
            flagged,
            place,
        } = self.marks;
        if place == FolderKind::Junk {
            return;
        }
        let is_answer = self.is_answer();
        let proven = matches!(found.verdict.proof, Some(Outcome::Genuine { .. }));
        let passes = !self.null && self.spf == Some(SpfResult::Pass);
        found.add(answered, 4, "its owner answered it");
        found.add(flagged, 3, "its owner flagged it");
        found.add(proven, 3, "it is proven to answer a message of ours");
        found.add(passes, 2, "SPF passes for MAIL FROM");
        found.add(place == FolderKind::Filed, 2, "it was filed");
        let listed = matches!(self.known, Known::Listed(_));
        found.add(listed, 1, "a list has the recipient");
        let kept = seen && place != FolderKind::Trash;
        found.add(kept, 1, "its owner opened and kept it");
        found.add(is_answer && !proven, 1, "it claims to answer a message");
        let lost = found.verdict.action.is_final();
        found.add(lost && found.score > 0, 1, "it would be lost");
    }

    fn unwanted(&self, found: &mut Surprise) {
        let Marks {
            answered,
            flagged,
            place,
            ..
        } = self.marks;
        if answered || flagged || place == FolderKind::Filed {
            return;
        }
        let null = self.null;
        let no_notification = null && !self.found.is_notification;
        let unlisted = null && self.has_lists && self.known == Known::NotListed;
        found.add(place == FolderKind::Junk, 3, "it is in a junk folder");
        found.add(no_notification, 3, "null sender, and no notification");
        found.add(unlisted, 2, "null sender, and a recipient on no list");
        found.add(self.spf == Some(SpfResult::Fail), 2, "SPF fails");
        found.add(self.spf == Some(SpfResult::Softfail), 1, "SPF softfails");
        found.add(null, 1, "null sender");
    }

    /// Whether its headers claim that it answers a message. That proves nothing, whatever message they name: anybody can
    /// know how our hosts write their ids.
    fn is_answer(&self) -> bool {
        ["In-Reply-To", "References"]
            .iter()
            .any(|name| self.found.headers.has(name))
    }
}
