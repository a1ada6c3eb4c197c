//! Public keys: from the configuration, or from the TXT record that their domain publishes (RFC 6376 section 3.6).

use std::{collections::HashMap, fmt, sync::Arc};

use data_encoding::BASE64;
use mail_auth::common::{parse::TxtRecordParser, verify::DomainKey};
use moka::sync::Cache;

use super::signature::Signature;
use crate::{
    core::{
        address::Domain,
        proof::dkim::{DkimSettings, SignatureResult, tags::Tags},
    },
    spf::Lookup,
};

/// Verifiers must not accept shorter ones (RFC 8301 section 3.2), in bits.
const MIN_RSA: usize = 1024;
/// The length of an Ed25519 key, in octets (RFC 8463 section 4).
const ED25519: usize = 32;

/// How many records are remembered with what was read in them: ours are a few, and those of strangers who report to us.
const MAX_READ: u64 = 200;
/// The longest record that is remembered, in octets: that of an RSA key of 16384 bits has some 2,800.
const MAX_REMEMBERED: usize = 4096;

/// The keys of `milter.yaml`, which are looked up before DNS; and what was read in the records of keys so far.
#[derive(Clone)]
pub struct DkimKeys {
    configured: HashMap<Domain, Vec<u8>>,
    read: Cache<Vec<u8>, Result<PublicKey, Unusable>>,
}

impl Default for DkimKeys {
    fn default() -> Self {
        Self {
            configured: HashMap::new(),
            read: Cache::new(MAX_READ),
        }
    }
}

impl fmt::Debug for DkimKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DkimKeys").field(&self.configured).finish()
    }
}

impl DkimKeys {
    /// The keys of the settings.
    ///
    /// # Errors
    /// The place in `keys`, from 0, of the first one that can't be used, and what was expected.
    pub fn new(settings: &DkimSettings) -> Result<Self, (usize, String)> {
        let mut keys = Self::default();
        for (at, key) in settings.keys.iter().enumerate() {
            let name = name(&key.selector, &key.domain).ok_or_else(|| {
                let selector = key.selector.escape_debug();
                let expected = "expected what stands before `._domainkey` in DNS, e.g. s2026";
                (at, format!("`{selector}` is not a selector; {expected}"))
            })?;
            let record = key.record.as_bytes();
            PublicKey::parse(record).map_err(|unusable| (at, unusable.expected().to_owned()))?;
            if keys.configured.insert(name, record.to_vec()).is_some() {
                let what = "this selector and domain have a key already; one of the two is enough";
                return Err((at, what.to_owned()));
            }
        }
        Ok(keys)
    }

    /// The key for a signature, or why there is none; and whether its domain only tests it (`t=y`).
    pub(super) async fn find(
        &self,
        name: &Domain,
        signature: &Signature<'_>,
        lookup: &impl Lookup,
    ) -> Result<(Arc<DomainKey>, bool), SignatureResult> {
        let key = self.key(name, lookup).await?;
        let is_test = key.is_test;
        Ok((key.for_signature(signature)?, is_test))
    }

    /// The key of this name, for whatever it is meant, or why there is none.
    pub(super) async fn published(
        &self,
        name: &Domain,
        lookup: &impl Lookup,
    ) -> Result<Arc<DomainKey>, SignatureResult> {
        self.key(name, lookup).await.map(|key| key.public)
    }

    async fn key(&self, name: &Domain, lookup: &impl Lookup) -> Result<PublicKey, SignatureResult> {
        let chosen = match self.configured.get(name) {
            Some(record) => self.read(record),
            None => {
                let records = lookup.txt(name.as_str()).await;
                self.choose(&records.map_err(SignatureResult::Unanswered)?)
            }
        };
        chosen.map_err(|unusable| SignatureResult::NoKey(unusable.why()))
    }

    /// RFC 6376 section 3.6.2.2 knows only one record; of several, the first that is a key counts.
    fn choose(&self, records: &[Vec<u8>]) -> Result<PublicKey, Unusable> {
        let mut any = Err(Unusable::Missing);
        for record in records {
            match self.read(record) {
                Err(Unusable::NotAKey) => any = Err(Unusable::NotAKey),
                other => return other,
            }
        }
        any
    }

    /// A few keys sign most of what is verified: what a record says is read once.
    fn read(&self, record: &[u8]) -> Result<PublicKey, Unusable> {
        if record.len() > MAX_REMEMBERED {
            return PublicKey::parse(record);
        }
        if let Some(read) = self.read.get(record) {
            return read;
        }
        let read = PublicKey::parse(record);
        self.read.insert(record.to_vec(), read.clone());
        read
    }
}

/// The name of the record, `s1._domainkey.example.org`. `None` where that can't be a name.
pub(super) fn name(selector: &str, domain: &Domain) -> Option<Domain> {
    format!("{selector}._domainkey.{domain}").parse().ok()
}

/// A key record.
#[derive(Clone)]
pub(super) struct PublicKey {
    pub(super) public: Arc<DomainKey>,
    pub(super) is_ed25519: bool,
    /// `t=s`: `i=` and `d=` name one domain.
    strict: bool,
    /// `t=y`: its domain tests DKIM, and asks to treat mail that it signs no better than other mail.
    is_test: bool,
}

/// Why a record is not a key for mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    Missing,
    NotAKey,
    Revoked,
    OtherHash,
    OtherService,
    NotRsa,
    ShortRsa,
    NotEd25519,
}

impl PublicKey {
    pub(super) fn parse(record: &[u8]) -> Result<Self, Unusable> {
        let tags = Tags::parse(record).ok_or(Unusable::NotAKey)?;
        let version = tags.value("v");
        if version.is_some_and(|version| version != b"DKIM1" || !tags.begins_with("v")) {
            return Err(Unusable::NotAKey);
        }
        let mut octets = tags.value("p").ok_or(Unusable::NotAKey)?.to_vec();
        octets.retain(|byte| !byte.is_ascii_whitespace());
        if octets.is_empty() {
            return Err(Unusable::Revoked);
        }
        let octets = BASE64.decode(&octets).map_err(|_| Unusable::NotAKey)?;
        let public = DomainKey::parse(record).map_err(|_| Unusable::NotAKey)?;
        if !tags.allows("h", &["sha256"]) {
            return Err(Unusable::OtherHash);
        }
        if !tags.allows("s", &["*", "email"]) {
            return Err(Unusable::OtherService);
        }
        let is_ed25519 = tags.value("k").is_some() && tags.allows("k", &["ed25519"]);
        match (is_ed25519, public.p.public_key_bits()) {
            (true, _) if octets.len() != ED25519 => return Err(Unusable::NotEd25519),
            (false, 0) => return Err(Unusable::NotRsa),
            (false, ..MIN_RSA) => return Err(Unusable::ShortRsa),
            _ => {}
        }
        Ok(Self {
            public: Arc::new(public),
            is_ed25519,
            strict: tags.value("t").is_some() && tags.allows("t", &["s"]),
            is_test: tags.value("t").is_some() && tags.allows("t", &["y"]),
        })
    }

    fn for_signature(self, signature: &Signature<'_>) -> Result<Arc<DomainKey>, SignatureResult> {
        if self.is_ed25519 != signature.is_ed25519() {
            return Err(SignatureResult::NoKey(
                "the key is of another kind than a= says",
            ));
        }
        if self.strict && signature.identity != signature.domain {
            let why = "i= is a subdomain of d=, which the key forbids (t=s)";
            return Err(SignatureResult::Failed(why));
        }
        Ok(self.public)
    }
}

impl Unusable {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Missing => "no key is published",
            Self::NotAKey => "what is published is not a key",
            Self::Revoked => "the key was revoked",
            Self::OtherHash => "the key is not for SHA-256 (h=)",
            Self::OtherService => "the key is not for mail (s=)",
            Self::NotRsa => "the RSA key can't be read",
            Self::ShortRsa => "an RSA key of less than 1024 bits does not count (RFC 8301)",
            Self::NotEd25519 => "the Ed25519 key does not have 32 octets",
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Missing | Self::NotAKey => {
                "this is not a DKIM key; expected the text of its TXT record in one piece and without the quotes \
                 of a zone file, e.g. `v=DKIM1; k=rsa; p=MIIBIjANBg...`"
            }
            Self::Revoked => {
                "`p=` is empty, which revokes a key; expected the key itself, or no entry"
            }
            Self::OtherHash => "`h=` omits sha256, and nothing else is verified",
            Self::OtherService => "`s=` omits mail; use `s=email`, or no `s=`",
            Self::NotRsa => "`p=` is not an RSA key; an Ed25519 key has `k=ed25519`",
            Self::ShortRsa => "an RSA key has 1024 bits at least (RFC 8301), better 2048",
            Self::NotEd25519 => "`p=` is not an Ed25519 key, which has 32 octets in base64",
        }
    }
}
