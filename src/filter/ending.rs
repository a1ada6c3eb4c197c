//! What is to be done with a message at its end.

use std::collections::BTreeSet;

use super::message::LetIn;
use crate::core::{trace_header::Tags, verdict::Action};

/// What is to be done with the message at its end.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Drop it: nobody is to get it.
    pub discard: bool,
    /// Recipients to take off, as the MTA wrote them.
    pub delete_recipients: Vec<Vec<u8>>,
    /// Hold it, for this reason.
    pub quarantine: Option<&'static str>,
    /// The value of X-Backstop, if there is something to say.
    pub x_backstop: Option<String>,
}

impl Ending {
    /// The end of a message that these recipients are to get. `id` is our own name for it.
    pub fn of(let_in: &[LetIn], id: &str) -> Self {
        let mut tags = Tags::default();
        let (mut discarded, mut delivered) = (BTreeSet::new(), BTreeSet::new());
        let mut quarantine = None;
        for LetIn { path, verdict, .. } in let_in {
            tags.note(verdict);
            match verdict.action {
                Action::Discard => discarded.insert(path),
                Action::Quarantine => {
                    quarantine = Some(verdict.reason.code());
                    delivered.insert(path)
                }
                Action::Accept | Action::Tag | Action::Tempfail | Action::Reject => {
                    delivered.insert(path)
                }
            };
        }
        Self {
            discard: delivered.is_empty() && !discarded.is_empty(),
            x_backstop: tags.x_backstop(id),
            // An MTA deletes every recipient of that path, so one that is delivered too is spared: a copy too many
            // rather than none.
            delete_recipients: discarded
                .difference(&delivered)
                .map(|path| path.to_vec())
                .collect(),
            quarantine,
        }
    }
}
