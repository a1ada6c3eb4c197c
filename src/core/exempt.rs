//! Who is not judged, although a stranger.

use serde::Deserialize;

use super::{
    address::Mailbox, envelope::Client, network::Network, pattern::AddressPattern, verdict::Exempt,
};

/// `exempt:` of `milter.yaml`, and `null_sender.exempt`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exemptions {
    /// Clients that are never judged: backup MX hosts, say.
    pub clients: Vec<Network>,
    /// Recipients that get their mail whoever sends it.
    pub recipients: Vec<AddressPattern>,
}

impl Exemptions {
    /// Why this client's mail to this recipient is exempt, if it is.
    pub fn of(&self, client: &Client, recipient: &Mailbox) -> Option<Exempt> {
        if client
            .address
            .is_some_and(|address| self.clients.iter().any(|network| network.contains(address)))
        {
            return Some(Exempt::Client);
        }
        self.recipients
            .iter()
            .any(|pattern| pattern.matches(recipient))
            .then_some(Exempt::Recipient)
    }
}
