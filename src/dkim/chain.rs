//! DKIM2 as proof, after draft-ietf-dkim-dkim2-spec-03, which mail-auth 0.13.3 follows: the host that bounces a message
//! signs the notification, and returns the message with our own signature on top. The draft can still change, so this is
//! off by default.
//!
//! mail-auth asks a resolver of its own, but only for what a cache does not have. So we look up all keys beforehand,
//! within our bounds and through our resolver, and give it a cache that has an answer to everything. Its own resolver has
//! no server.

use std::{borrow::Borrow, collections::HashMap, hash::Hash, time::Instant};

use mail_auth::{
    AuthenticatedMessage, DnsError, Error, MessageAuthenticator, Parameters, ResolverCache, Txt,
    dkim2::{Dkim2Dsn, Dkim2DsnFailure, Envelope, Signature},
    hickory_resolver::config::{ResolverConfig, ResolverOpts},
};

use super::{
    key::{self, DkimKeys},
    signature::CLOCK_SKEW,
};
use crate::{
    core::{
        address::{Domain, Mailbox},
        outside::Unanswered,
        proof::dkim::{Chain, SignatureResult},
    },
    spf::Lookup,
};

/// The most signatures in notification and returned message together, as each costs a DNS question and a verification.
const MAX_SIGNATURES: usize = 8;

/// Finds out whether the DKIM2 chain of a notification proves that it returns a message of ours.
///
/// `notification` is all of it, headers and body, lines ending in CRLF: where it was cut, the hash is wrong. `recipients`
/// are those of RCPT TO, tags included. `now` is in seconds since 1970, `lifetime` in seconds; mail-auth looks at the clock
/// as well, and accepts nothing older than fourteen days.
pub async fn verify_dsn(
    notification: &[u8],
    recipients: &[Mailbox],
    is_ours: impl Fn(&Domain) -> bool,
    keys: &DkimKeys,
    lookup: &impl Lookup,
    now: u64,
    lifetime: u64,
) -> Chain {
    let Ok(dsn) = Dkim2Dsn::parse(notification) else {
        return Chain::Unsigned;
    };
    let (domain, names) = match worth_asking(&dsn, is_ours, now, lifetime) {
        Ok(found) => found,
        Err(chain) => return chain,
    };
    let recipients: Vec<String> = recipients
        .iter()
        .filter_map(|recipient| String::from_utf8(recipient.to_bytes()).ok())
        .collect();
    let keyring = match Keyring::look_up(names, keys, lookup).await {
        Ok(keyring) => keyring,
        Err(unanswered) => return Chain::Unanswered(unanswered),
    };
    let no_servers = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
    let Ok(mail_auth) = MessageAuthenticator::new(no_servers, ResolverOpts::default()) else {
        return Chain::Unanswered(Unanswered::dns("mail-auth has no resolver"));
    };
    let parameters = Parameters::new(&dsn).with_txt_cache(&keyring);
    let envelope = Envelope::new("<>", recipients.as_slice());
    match mail_auth.verify_dkim2_dsn(parameters, envelope).await {
        Ok(_) => Chain::Genuine(domain),
        Err(failure) => Chain::Failed(why(failure)),
    }
}

/// The domain of ours whose signature came back, and the names of the keys; where the chain can't count, why.
fn worth_asking(
    dsn: &Dkim2Dsn<'_>,
    is_ours: impl Fn(&Domain) -> bool,
    now: u64,
    lifetime: u64,
) -> Result<(Domain, Vec<Option<Domain>>), Chain> {
    let both = [&dsn.raw, &dsn.returned].map(|message| signatures(message));
    let [Some(_), Some(newest)] = both
        .each_ref()
        .map(|of_one| of_one.iter().max_by_key(|one| one.i))
    else {
        return Err(Chain::Unsigned);
    };
    let names: Vec<_> = both
        .iter()
        .flatten()
        .flat_map(|one| key_names(one))
        .collect();
    if names.len() > MAX_SIGNATURES {
        return Err(Chain::Failed("there are too many signatures"));
    }
    // To undo a change, mail-auth makes the message anew after its recipe, and a recipe can make a gigabyte.
    if was_changed(&dsn.raw) || was_changed(&dsn.returned) {
        return Err(Chain::Failed("the message was changed on its way"));
    }
    let Some(domain) = newest.d.parse().ok().filter(is_ours) else {
        return Err(Chain::Failed(
            "the newest signature of the returned message is not ours",
        ));
    };
    if newest.t > now.saturating_add(CLOCK_SKEW) || now.saturating_sub(newest.t) > lifetime {
        return Err(Chain::Failed(
            "the returned message was not signed within proof.lifetime",
        ));
    }
    Ok((domain, names))
}

fn signatures<'a>(message: &'a AuthenticatedMessage<'_>) -> Vec<&'a Signature> {
    let headers = message.dkim2_signatures.iter();
    headers.map(|header| &header.header).collect()
}

/// The names of the keys that it is signed with; `None` for what can't be a name.
fn key_names(signature: &Signature) -> Vec<Option<Domain>> {
    let domain: Option<Domain> = signature.d.parse().ok();
    let of = |selector: &str| key::name(selector, domain.as_ref()?);
    let values = signature.s.iter();
    values.map(|value| of(&value.selector)).collect()
}

fn was_changed(message: &AuthenticatedMessage<'_>) -> bool {
    let mut instances = message.dkim2_instances.iter();
    instances.any(|instance| instance.header.recipe.is_some())
}

fn why(failure: Dkim2DsnFailure) -> &'static str {
    match failure {
        Dkim2DsnFailure::DsnUnparseable | Dkim2DsnFailure::ReturnedUnparseable => {
            "it can't be read"
        }
        Dkim2DsnFailure::DsnNotSigned => "the notification is not signed",
        Dkim2DsnFailure::ReturnedNotSigned => "the returned message is not signed",
        Dkim2DsnFailure::DsnChainFailed => "the notification is not what was signed",
        Dkim2DsnFailure::ReturnedChainFailed => "the returned message is not what was signed",
        Dkim2DsnFailure::NotAligned => {
            "the signer of the notification is not the recipient of the message"
        }
    }
}

/// What was looked up beforehand, by the names that mail-auth uses.
struct Keyring(HashMap<Box<str>, Txt>);

impl Keyring {
    async fn look_up(
        names: Vec<Option<Domain>>,
        keys: &DkimKeys,
        lookup: &impl Lookup,
    ) -> Result<Self, Unanswered> {
        let mut answers = HashMap::new();
        for name in names.into_iter().flatten() {
            let asked = format!("{name}.").into_boxed_str();
            if answers.contains_key(&asked) {
                continue;
            }
            let answer = match keys.published(&name, lookup).await {
                Ok(key) => Txt::DomainKey(key),
                Err(SignatureResult::Unanswered(unanswered)) => return Err(unanswered),
                Err(_) => unknown(),
            };
            answers.insert(asked, answer);
        }
        Ok(Self(answers))
    }
}

impl ResolverCache<Box<str>, Txt> for Keyring {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        Some(self.0.get(name).cloned().unwrap_or_else(unknown))
    }

    fn remove<Q>(&self, _name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _name: Box<str>, _answer: Txt, _valid_until: Instant) {}
}

fn unknown() -> Txt {
    Txt::Error(Error::Dns(DnsError::InvalidRecordType))
}
