//! Who is not judged, although a stranger.

use serde::{Deserialize, Deserializer};

use super::{
    address::Mailbox,
    envelope::Client,
    network::Network,
    pattern::{AddressList, AddressPattern},
    verdict::{Entry, Exempt},
};

/// `exempt:` of `milter.yaml`, and `null_sender.exempt`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exemptions {
    /// Clients that are never judged: backup MX hosts, say.
    pub clients: Vec<Network>,
    /// Recipients that get their mail from any sender.
    pub recipients: AddressList,
}

impl Exemptions {
    /// `exempt:` where the file says nothing: abuse@ is where others report spam (RFC 2142 section 4), which looks like
    /// spam.
    pub fn unjudged() -> Self {
        Self {
            recipients: "abuse".parse::<AddressPattern>().into_iter().collect(),
            ..Self::default()
        }
    }

    /// `exempt:` of the file.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn deserialize_unjudged<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, default)]
        struct Unjudged {
            clients: Vec<Network>,
            recipients: AddressList,
        }

        impl Default for Unjudged {
            fn default() -> Self {
                let Exemptions {
                    clients,
                    recipients,
                } = Exemptions::unjudged();
                Self {
                    clients,
                    recipients,
                }
            }
        }

        let Unjudged {
            clients,
            recipients,
        } = Unjudged::deserialize(deserializer)?;
        Ok(Self {
            clients,
            recipients,
        })
    }
}

/// The entry that exempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exempting<'a> {
    /// Of `clients`.
    Client(&'a Network),
    /// Of `recipients`.
    Recipient(&'a AddressPattern),
}

impl Exempting<'_> {
    /// Why what it exempts is not judged.
    pub fn exempt(self) -> Exempt {
        match self {
            Self::Client(_) => Exempt::Client,
            Self::Recipient(_) => Exempt::Recipient,
        }
    }

    /// Which of `exempt`.
    pub fn entry(self) -> Entry {
        match self {
            Self::Client(network) => Entry::new("exempt.clients", network),
            Self::Recipient(pattern) => Entry::new("exempt.recipients", pattern),
        }
    }

    /// Which of `null_sender.exempt`.
    pub fn null_sender_entry(self) -> Entry {
        match self {
            Self::Client(network) => Entry::new("null_sender.exempt.clients", network),
            Self::Recipient(pattern) => Entry::new("null_sender.exempt.recipients", pattern),
        }
    }
}

impl Exemptions {
    /// The entry of `clients` that has this client.
    pub fn client(&self, client: &Client) -> Option<&Network> {
        let address = client.address?;
        let mut clients = self.clients.iter();
        clients.find(|network| network.contains(address))
    }

    /// By which entry this client's mail to this recipient is exempt, if it is. `delimiters` divide an address from its
    /// extension.
    pub fn exempting(
        &self,
        client: &Client,
        recipient: &Mailbox,
        delimiters: &str,
    ) -> Option<Exempting<'_>> {
        let of_client = self.client(client).map(Exempting::Client);
        of_client.or_else(|| {
            let of_recipient = self.recipients.find(recipient, delimiters);
            of_recipient.map(Exempting::Recipient)
        })
    }
}
