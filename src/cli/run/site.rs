//! The pages of `observe.http`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{
    metrics::readings,
    parts::{Part, Parts, readiness},
    status_page::{self, View},
};
use crate::{
    cli::{now, page},
    core::account::Flood,
    engine::{Engine, Shared},
    milter::{Counters, SelfCheck},
    observe::{Kept, Lately, ObserveSettings, Pages, Readiness, StatusPage},
};

/// How soon the status page is loaded again.
const REFRESH: Duration = Duration::from_secs(10);

/// What the pages are made of.
pub(super) struct Site {
    pub shared: Arc<Shared>,
    pub counters: Arc<Counters>,
    /// Looks whether the MTA reaches us. A reload can change where.
    self_check: watch::Receiver<SelfCheck>,
    /// The file that was loaded.
    pub file: PathBuf,
    parts: Parts,
}

impl Site {
    pub fn new(
        shared: Arc<Shared>,
        counters: Arc<Counters>,
        self_check: watch::Receiver<SelfCheck>,
        file: PathBuf,
    ) -> Self {
        Self {
            shared,
            counters,
            self_check,
            file,
            parts: Parts::default(),
        }
    }

    /// The accounts that are suspected, their addresses as they may be shown.
    fn accounts(&self, engine: &Engine) -> Vec<Flood> {
        let suspected = engine.accounts.suspected();
        let shown = suspected.iter().map(|flood| Flood {
            account: self.shared.lately.shown(&flood.account),
            ..flood.clone()
        });
        shown.collect()
    }

    async fn look(&self, engine: &Engine) -> Arc<[Part]> {
        let self_check = self.self_check.borrow().clone();
        self.parts.look(engine, &self_check).await
    }
}

impl Pages for Site {
    fn metrics(&self) -> String {
        let timings = Arc::clone(&self.shared.engine.load().timings);
        let readings = readings(&self.shared, &self.counters);
        self.shared.metrics.page(readings, &timings)
    }

    async fn readiness(&self) -> Readiness {
        let engine = self.shared.engine.load_full();
        readiness(&self.look(&engine).await)
    }

    async fn status(&self) -> StatusPage {
        let engine = self.shared.engine.load_full();
        let parts = self.look(&engine).await;
        let now = now();
        let view = View {
            now,
            started: self.shared.metrics.started(),
            file: self.file.display().to_string(),
            last_reload: self.shared.metrics.last_reload(),
            modes: engine.policy.modes(),
            watches: engine.policy.siege.watch && !engine.policy.local.domains.is_empty(),
            sieges: engine.sieges.view(),
            accounts: self.accounts(&engine),
            hour: self.shared.lately.hour(now),
            parts,
            messages: self.shared.drain.messages(),
            connections: self.counters.snapshot().open,
        };
        StatusPage {
            html: status_page::render(&view).into_string(),
            policy: page::policy(),
            refresh: REFRESH,
        }
    }
}

/// Has that kept which the status page may show.
pub(super) fn keep(lately: &Lately, observe: &ObserveSettings) {
    lately.keep(match observe {
        ObserveSettings { http: None, .. } => Kept::Nothing,
        ObserveSettings {
            show_addresses: true,
            ..
        } => Kept::Addresses,
        _ => Kept::Masked,
    });
}
