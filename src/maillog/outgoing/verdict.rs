//! Whether a message was outgoing.

use super::{
    Joiner,
    message::{Message, Named, Number, Source},
};

/// How many filters a message can pass, one after the other.
const MAX_HOPS: usize = 8;

impl Joiner {
    /// Whether a message was outgoing, by what is known of it and of those that it came of.
    pub(super) fn is_outgoing(&self, message: &Message) -> bool {
        self.is_outgoing_within(message, MAX_HOPS)
    }

    fn is_outgoing_within(&self, message: &Message, hops: usize) -> bool {
        let Some(hops) = hops.checked_sub(1) else {
            return false;
        };
        let is_one = self.places.share(message.places);
        if message.came_of_others || !message.source.is_ours() || !is_one {
            return false;
        }
        if message.is_handed_on() {
            let mut parents = message.parents.iter();
            return parents.all(|parent| self.was_outgoing(*parent, hops));
        }
        match message.source {
            Source::Login => true,
            Source::User => self.is_first(message, hops),
            Source::Network(address) => {
                self.is_first(message, hops) && !self.may_hand_back(address, message.relay)
            }
            Source::Unknown | Source::Stranger => false,
        }
    }

    fn was_outgoing(&self, number: Number, hops: usize) -> bool {
        let message = self.messages.get(&number);
        message.is_some_and(|message| self.is_outgoing_within(message, hops))
    }

    /// Whether its Message-ID did not come from elsewhere before.
    fn is_first(&self, message: &Message, hops: usize) -> bool {
        match message.named {
            None | Some((_, Named::First)) => true,
            Some((name, Named::After(first))) => {
                self.names.is_ours(name) || self.was_outgoing(first, hops)
            }
        }
    }
}
