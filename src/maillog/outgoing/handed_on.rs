//! Which message came of which.

use std::net::{IpAddr, Ipv4Addr};

use super::{
    Joiner,
    message::{Number, Source},
};
use crate::maillog::{Delivery, handed_on_as};

impl Joiner {
    pub(super) fn delivery(&mut self, place: usize, delivery: &Delivery<'_>, time: u64) {
        let number = self.get(place, delivery.id, time, |_| true);
        let recipients = || delivery.recipients();
        self.change(number, |message| {
            for recipient in recipients() {
                message.add_recipient(recipient);
            }
            if delivery.is_final {
                let ended = u32::try_from(recipients().count()).unwrap_or(u32::MAX);
                message.ended = message.ended.saturating_add(ended);
            }
        });
        if delivery.is_sent && self.is_of_ours(delivery) {
            let relay = self.places.hash(delivery.relay);
            self.change(number, |message| message.relay = Some(relay));
            if let Some(id) = handed_on_as(delivery.answer) {
                self.handed_on(number, id, relay, time);
            }
        }
        let is_over = self.messages.get(&number).is_some_and(|message| {
            message.ends_by_deliveries
                && message.removed.is_none()
                && message.ended >= message.count
        });
        if is_over {
            self.leaves(number, time);
        }
    }

    /// Whether it went to a host of ours. What others answer is theirs to choose.
    fn is_of_ours(&self, delivery: &Delivery<'_>) -> bool {
        let in_networks = |address: IpAddr| address.is_loopback() || self.local.has_client(address);
        delivery.is_to_socket() || delivery.address().is_some_and(in_networks)
    }

    fn handed_on(&mut self, parent: Number, id: &[u8], relay: u64, time: u64) {
        let keys: Vec<u64> = self.places.keys(id).collect();
        let mut is_known = false;
        for key in keys {
            if let Some(&child) = self.queued.get(&key)
                && child != parent
            {
                is_known = true;
                self.link(parent, child, Some(relay));
            }
        }
        if !is_known {
            let id = self.places.hash(id);
            self.awaited.put(id, (parent, time));
        }
    }

    /// One message came of another.
    pub(super) fn link(&mut self, parent: Number, child: Number, relay: Option<u64>) {
        let mut has_room = false;
        let mut of_user = false;
        self.change(parent, |message| {
            has_room = message.add_child(child);
            of_user = message.source == Source::User;
        });
        self.change(child, |message| match has_room {
            true => message.add_parent(parent),
            false => message.came_of_others = true,
        });
        // What sendmail(8) is given, it hands to the daemon of its host: nothing comes back that way.
        if !of_user {
            self.filter_relays.extend(relay);
            self.is_filter(child);
        }
    }

    /// The client of this message hands back what it was given.
    pub(super) fn is_filter(&mut self, number: Number) {
        let source = self.messages.get(&number).map(|message| message.source);
        let Some(Source::Network(address)) = source else {
            return;
        };
        if !self.filters.insert(of_host(address)) {
            return;
        }
        let doubtful = std::mem::take(&mut self.doubtful);
        for (client, relay, message) in doubtful {
            match self.may_hand_back(client, relay) {
                true => self.seen.without_beginning += 1,
                false => self.doubtful.push_back((client, relay, message)),
            }
        }
    }

    /// Whether a message of this client can be one that it was given before. What goes to the filter was not there yet.
    pub(super) fn may_hand_back(&self, client: IpAddr, relay: Option<u64>) -> bool {
        let goes_to_filter = relay.is_some_and(|relay| self.filter_relays.contains(&relay));
        self.filters.contains(&of_host(client)) && !goes_to_filter
    }
}

/// All addresses of loopback are one host.
fn of_host(address: IpAddr) -> IpAddr {
    match address.is_loopback() {
        true => Ipv4Addr::LOCALHOST.into(),
        false => address,
    }
}
