//! The first sentence: the worst that is to be said, or that all is calm.

use super::{PartState, View, grouped, sieges::besieged};
use crate::{
    core::{
        policy::Modes,
        siege::{State, Status},
        verdict::Mode,
    },
    observe::Answered,
};

pub(super) struct Headline {
    /// `well`, `alert` or `ill`.
    pub class: &'static str,
    pub text: String,
    /// What follows it.
    pub lead: Vec<String>,
}

pub(super) fn headline(view: &View) -> Headline {
    let (class, text) = worst(view);
    Headline {
        class,
        text,
        lead: vec![lead(view)],
    }
}

fn worst(view: &View) -> (&'static str, String) {
    let mut ill = view
        .parts
        .iter()
        .filter(|part| part.state == PartState::Ill);
    if let Some(first) = ill.next() {
        let text = match ill.next() {
            None => format!("Mail is deferred: {} fails", first.name),
            Some(_) => "Mail is deferred: more than one part fails".to_owned(),
        };
        return ("ill", text);
    }
    match view.accounts.as_slice() {
        [] => {}
        [one] => return ("alert", format!("{} may be abused", one.account)),
        several => return ("alert", format!("{} accounts may be abused", several.len())),
    }
    let besieged = besieged(view);
    match besieged.as_slice() {
        [] => {}
        [None, ..] => return ("alert", "All your domains together are besieged".to_owned()),
        [Some(domain)] => return ("alert", format!("{domain} is besieged")),
        several => {
            let count = several.len().max(view.sieges.besieged());
            return ("alert", format!("{count} domains are besieged"));
        }
    }
    let is_unwell = view.parts.iter().any(|part| part.state == PartState::Alert);
    let is_unusual = |(_, status): &(_, Status)| status.state == State::Alert;
    if view.sieges.statuses.iter().any(is_unusual) {
        return ("alert", "More backscatter than usual".to_owned());
    }
    match is_unwell || view.reload_failed() {
        true => ("alert", "Calm, but not all is well".to_owned()),
        false => ("well", "All is calm".to_owned()),
    }
}

fn lead(view: &View) -> String {
    let tally = view.hour.tally();
    let (all, refused) = (tally.judged(), tally.of(Answered::Refused));
    let (would, deferred) = (
        tally.of(Answered::WouldRefuse),
        tally.of(Answered::Deferred),
    );
    let recipients = match all {
        1 => "1 recipient".to_owned(),
        all => format!("{} recipients", grouped(all)),
    };
    match (view.modes, all) {
        (Modes::OfEach(_), 0) => {
            "Each domain is in the mode that its row in tenants says. None came in the last hour."
                .to_owned()
        }
        (Modes::OfEach(_), _) => format!(
            "Each domain is in the mode that its row in tenants says. Of {recipients} in the last hour, {} were refused{}, and \
             enforcing would have refused {} more.",
            grouped(refused),
            too(deferred),
            grouped(would)
        ),
        (Modes::One(Mode::Monitor), 0) => {
            "Monitoring: mail is judged, and nothing is refused. None came in the last hour."
                .to_owned()
        }
        (Modes::One(Mode::Enforce), 0) => "Enforcing. No mail came in the last hour.".to_owned(),
        (Modes::One(Mode::Monitor), _) => format!(
            "Monitoring: mail is judged, and nothing is refused. Of {recipients} in the last hour, enforcing would have \
             refused {}.",
            grouped(would)
        ),
        (Modes::One(Mode::Enforce), _) => format!(
            "Enforcing. Of {recipients} in the last hour, {} were refused{}.",
            grouped(refused),
            too(deferred)
        ),
    }
}

fn too(deferred: u64) -> String {
    match deferred {
        0 => String::new(),
        deferred => format!(", and {} deferred", grouped(deferred)),
    }
}
