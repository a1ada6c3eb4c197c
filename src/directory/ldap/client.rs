//! Asks an LDAP server, over one connection that carries all questions side by side.

use std::{
    fmt::Display,
    panic::AssertUnwindSafe,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ldap3::{
    LdapConnAsync, LdapConnSettings, LdapError, ResultEntry, Scope, SearchEntry, SearchOptions,
    SearchResult, ldap_escape,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::time::Instant;

use super::Ldap;
use crate::{
    directory::{
        attempts::Attempts,
        backend::Failure,
        cells::{Cell, Cells},
        limits::{LDAP_QUESTIONS, LONGEST_IDLE},
        remote::Times,
        template::Asked,
        turns::Turns,
    },
    server::read_file,
};

/// RFC 4511 section 4.1.9.
const SUCCESS: u32 = 0;
pub(super) const SIZE_LIMIT_EXCEEDED: u32 = 4;
const BUSY: u32 = 51;
const UNAVAILABLE: u32 = 52;
const UNWILLING: u32 = 53;
/// No attribute (RFC 4511 section 4.5.1.8): that there is an entry says all.
const NO_ATTRIBUTE: [&str; 1] = ["1.1"];

/// A directory, and the connection to it.
pub(in crate::directory) struct Client {
    name: String,
    settings: Ldap,
    open: Mutex<Option<Open>>,
    /// Held while connecting, so that only one task does.
    connecting: tokio::sync::Mutex<()>,
    attempts: Attempts,
    turns: Turns,
}

struct Open {
    connection: ldap3::Ldap,
    /// When it last answered.
    answered: Instant,
}

impl Client {
    /// One that is not connected yet.
    pub fn new(settings: Ldap) -> Self {
        Self {
            name: settings.url.to_string(),
            settings,
            open: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            attempts: Attempts::default(),
            turns: Turns::new(LDAP_QUESTIONS),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn times(&self) -> Times {
        self.settings.times()
    }

    pub fn disconnect(&self) {
        // The last handle closes the connection.
        *self.open() = None;
    }

    /// Whether there is an entry.
    pub async fn lists(&self, asked: &Asked, deadline: Instant) -> Result<bool, Failure> {
        let found = self.ask(asked, 1, &NO_ATTRIBUTE, deadline).await?;
        Ok(!found.is_empty())
    }

    /// The entries, each with these attributes of it, up to the second.
    pub async fn entries(
        &self,
        asked: &Asked,
        attributes: &[String],
        deadline: Instant,
    ) -> Result<Vec<Cells>, Failure> {
        let found = self.ask(asked, 2, attributes, deadline).await?;
        let entries = found.into_iter().map(|entry| cells(entry, attributes));
        entries.collect()
    }

    async fn ask<A: AsRef<str> + Sync>(
        &self,
        asked: &Asked,
        most: usize,
        attributes: &[A],
        deadline: Instant,
    ) -> Result<Vec<ResultEntry>, Failure> {
        let Some(turn) = self.turns.turn(asked.whose(), deadline).await else {
            let why = "too many questions are open already".to_owned();
            return Err(Failure::Question(why));
        };
        let answer = self.ask_now(asked, most, attributes, deadline).await;
        if let Ok(found) = &answer {
            turn.answered(!found.is_empty());
        }
        answer
    }

    async fn ask_now<A: AsRef<str> + Sync>(
        &self,
        asked: &Asked,
        most: usize,
        attributes: &[A],
        deadline: Instant,
    ) -> Result<Vec<ResultEntry>, Failure> {
        if let Some(connection) = self.connection() {
            match self.search(connection, asked, most, attributes).await {
                // Mostly, the server was restarted.
                Err(Failure::Down(_)) => self.disconnect(),
                answer => {
                    self.answered();
                    return answer;
                }
            }
        }
        let connection = self.connected(deadline).await?;
        let answer = self.search(connection, asked, most, attributes).await;
        if let Err(Failure::Down(_)) = &answer {
            self.disconnect();
        }
        answer
    }

    /// The connection, unless it is closed, or was silent for so long that a firewall may have forgotten it.
    fn connection(&self) -> Option<ldap3::Ldap> {
        let mut open = self.open();
        let is_usable = |open: &mut Open| {
            !open.connection.is_closed() && open.answered.elapsed() < LONGEST_IDLE
        };
        if !open.as_mut().is_some_and(is_usable) {
            *open = None;
        }
        open.as_ref().map(|open| open.connection.clone())
    }

    fn answered(&self) {
        if let Some(open) = &mut *self.open() {
            open.answered = Instant::now();
        }
    }

    fn open(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, which whoever comes first makes for all who wait.
    pub(super) async fn connected(&self, deadline: Instant) -> Result<ldap3::Ldap, Failure> {
        let before = self.attempts.before();
        let _alone = self.connecting.lock().await;
        if let Some(connection) = self.connection() {
            return Ok(connection);
        }
        let attempt = self.attempts.begin(before, deadline)?;
        let connection = self.connect().await;
        if connection.is_err() {
            attempt.failed();
        }
        connection
    }

    async fn connect(&self) -> Result<ldap3::Ldap, Failure> {
        let Ldap {
            url,
            start_tls,
            ca,
            bind_dn,
            ..
        } = &self.settings;
        let mut settings = LdapConnSettings::new().set_starttls(*start_tls);
        if let Some(ca) = ca {
            let tls = Self::believing(ca).map_err(Failure::Down)?;
            settings = settings.set_config(Arc::new(tls));
        }
        let (driver, mut connection) = LdapConnAsync::from_url_with_settings(settings, url.url())
            .await
            .map_err(down)?;
        tokio::spawn(async move {
            if let Err(error) = driver.drive().await {
                log::debug!("LDAP connection: {error}");
            }
        });
        if let (Some(dn), Some(secret)) = (bind_dn, self.settings.secret()) {
            let secret = secret.read().map_err(Failure::Down)?;
            let bound = connection.simple_bind(dn, &secret).await;
            bound.and_then(ldap3::LdapResult::success).map_err(down)?;
        }
        *self.open() = Some(Open {
            connection: connection.clone(),
            answered: Instant::now(),
        });
        Ok(connection)
    }

    /// Believes these certificates, and no others.
    fn believing(ca: &Path) -> Result<ClientConfig, String> {
        let unusable =
            |error: &dyn Display| format!("{} has no usable certificate: {error}", ca.display());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&read_file(ca)?) {
            let certificate = certificate.map_err(|error| unusable(&error))?;
            roots.add(certificate).map_err(|error| unusable(&error))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Ok(ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth())
    }

    async fn search<A: AsRef<str> + Sync>(
        &self,
        mut connection: ldap3::Ldap,
        asked: &Asked,
        most: usize,
        attributes: &[A],
    ) -> Result<Vec<ResultEntry>, Failure> {
        let filter = self
            .settings
            .filter
            .filled(|placeholder| ldap_escape(asked.part(placeholder)).into_owned());
        let scope = self.settings.scope.into();
        let limit = i32::try_from(most).unwrap_or(i32::MAX);
        let attributes: Vec<&str> = attributes.iter().map(AsRef::as_ref).collect();
        let SearchResult(mut found, result) = connection
            .with_search_options(SearchOptions::new().sizelimit(limit))
            .search(&self.settings.base, scope, &filter, attributes)
            .await
            .map_err(down)?;
        found.retain(|entry| !entry.is_ref() && !entry.is_intermediate());
        match result.rc {
            SUCCESS => Ok(found),
            // There are more than those that we asked for.
            SIZE_LIMIT_EXCEEDED if !found.is_empty() => Ok(found),
            BUSY | UNAVAILABLE | UNWILLING => Err(Failure::Down(result.to_string())),
            _ => Err(Failure::Question(result.to_string())),
        }
    }
}

/// What an entry has in these attributes, whose names compare without case (RFC 4512 section 2.5).
fn cells(entry: ResultEntry, attributes: &[String]) -> Result<Cells, Failure> {
    // ldap3 panics on an entry that is none.
    let entry = std::panic::catch_unwind(AssertUnwindSafe(|| SearchEntry::construct(entry)))
        .map_err(|_panic| Failure::Question("its answer can't be read".to_owned()))?;
    let SearchEntry {
        attrs, bin_attrs, ..
    } = entry;
    let cell = |name: &String| {
        let is_it = |found: &&String| found.eq_ignore_ascii_case(name);
        if bin_attrs.keys().any(|found| is_it(&found)) {
            return Cell::Other("a text that is not UTF-8".to_owned());
        }
        let values = attrs.iter().find(|(found, _)| is_it(found));
        values.map_or(Cell::Empty, |(_, values)| Cell::Values(values.clone()))
    };
    Ok(attributes
        .iter()
        .map(|name| (name.clone(), cell(name)))
        .collect())
}

fn down(error: LdapError) -> Failure {
    Failure::Down(error.to_string())
}

impl From<super::Scope> for Scope {
    fn from(scope: super::Scope) -> Self {
        match scope {
            super::Scope::Base => Self::Base,
            super::Scope::One => Self::OneLevel,
            super::Scope::Sub => Self::Subtree,
        }
    }
}
