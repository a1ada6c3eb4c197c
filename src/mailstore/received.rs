//! The client that sent a message to us, by the `Received` that our own MTA wrote.
//!
//! Every hop puts its `Received` on top, so the topmost are those of our own hosts. The first that names a client from
//! outside is the last to believe: strangers can have made up what stands below it.

use crate::core::{
    address::Domain,
    envelope::Client,
    header::Headers,
    network::Network,
    received::{Hop, Through},
};

/// The maximum of our own hops that a message can have passed.
const MAX_HOPS: usize = 30;

/// The client that sent the message to us. Where all hops are within `networks` or on one host, it is the first of them:
/// such mail is outgoing.
///
/// # Errors
/// What is missing, for the administrator.
pub fn client(headers: &Headers, networks: &[Network]) -> Result<Client, &'static str> {
    let mut inside = None;
    let mut any = false;
    for header in headers.all("Received").take(MAX_HOPS) {
        any = true;
        let hop = Hop::read(&header.unfolded());
        match (hop.through, hop.address) {
            (Through::Delivery, _) => {}
            (Through::Submission, _) => {
                inside = Some(Client {
                    local: true,
                    ..Client::default()
                });
            }
            (Through::Smtp, None) => {
                return Err("a Received above any stranger's names no client address");
            }
            (Through::Smtp, Some(address)) => {
                let client = Client {
                    // A client on loopback is our own: a content filter, or a local submission.
                    address: Some(address).filter(|address| !address.is_loopback()),
                    name: hop.name.as_deref().and_then(Domain::from_bytes),
                    local: address.is_loopback(),
                    helo: hop.helo,
                    login: hop.authenticated.then(|| b"as Received says".to_vec()),
                    daemon: None,
                };
                let is_ours = networks.iter().any(|network| network.contains(address));
                if !address.is_loopback() && !is_ours {
                    return Ok(client);
                }
                inside = Some(client);
            }
        }
    }
    match inside {
        Some(client) => Ok(client),
        None if any => Err("no Received names a client"),
        None => Err("there is no Received"),
    }
}

#[cfg(test)]
mod tests;
