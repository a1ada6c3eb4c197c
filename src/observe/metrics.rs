//! The numbers that `observe.http` serves, in Prometheus' text format.
//!
//! The values of all labels are our own constants: no address, name or text from outside becomes one, so that nobody outside
//! can add series. backstop(8) lists the names.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::UNIX_EPOCH,
};

use prometheus_client::{
    encoding::{
        EncodeLabelSet,
        prometheus_text::{self, CONTENT_TYPE},
    },
    metrics::{counter::Counter, family::Family, gauge::ConstGauge, info::Info},
    registry::Registry,
};

use super::{Readings, Timings};
use crate::core::{
    forwarded::NoDsn,
    policy::SpfAnswers,
    spf::{Identity, SpfResult},
    verdict::Verdict,
};

/// The Content-Type of the page.
pub(super) const MEDIA_TYPE: &str = CONTENT_TYPE;

/// Counts since the start, through all reloads. A count costs a look into a small table and an atomic addition.
#[derive(Debug)]
pub struct Metrics {
    verdicts: Family<VerdictLabels, Counter>,
    proofs: Family<ProofLabels, Counter>,
    no_dsn: Family<NoDsnLabels, Counter>,
    spf: Family<SpfLabels, Counter>,
    reloads: Family<ReloadLabels, Counter>,
    /// Recipients that were refused, whatever the reason.
    refused: AtomicU64,
    /// In seconds since 1970.
    started: f64,
    last_reload: Mutex<Option<(u64, bool)>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabels {
    verdict: &'static str,
    reason: &'static str,
    would: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProofLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NoDsnLabels {
    failed: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SpfLabels {
    identity: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    result: &'static str,
}

impl Metrics {
    /// Nothing is counted yet. Labels with few values begin at 0, so that the first count is seen as a rise.
    pub fn new() -> Self {
        let metrics = Self {
            verdicts: Family::default(),
            proofs: Family::default(),
            no_dsn: Family::default(),
            spf: Family::default(),
            reloads: Family::default(),
            refused: AtomicU64::new(0),
            started: UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64(),
            last_reload: Mutex::default(),
        };
        for identity in [Identity::Helo, Identity::MailFrom] {
            for result in SpfResult::ALL {
                let _ = metrics.spf.get_or_create(&SpfLabels::of(identity, result));
            }
        }
        for failed in NoDsn::ALL.map(NoDsn::as_str) {
            let _ = metrics.no_dsn.get_or_create(&NoDsnLabels { failed });
        }
        for result in ["done", "failed"] {
            let _ = metrics.reloads.get_or_create(&ReloadLabels { result });
        }
        metrics
    }

    /// Counts the answer to one recipient, when it is final.
    pub fn decided(&self, verdict: &Verdict) {
        let labels = VerdictLabels {
            verdict: verdict.action.as_str(),
            reason: verdict.reason.code(),
            would: verdict.would.map_or("none", |action| action.as_str()),
        };
        self.verdicts.get_or_create(&labels).inc();
        if !verdict.action.is_accepted() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(failed) = verdict.no_dsn.map(NoDsn::as_str) {
            self.no_dsn.get_or_create(&NoDsnLabels { failed }).inc();
        }
        if let Some(proof) = &verdict.proof {
            let outcome = proof.code();
            self.proofs.get_or_create(&ProofLabels { outcome }).inc();
        }
    }

    /// How many recipients were refused since the start, for good or for now.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Counts what SPF said of one message.
    pub fn checked_spf(&self, answers: &SpfAnswers) {
        for check in [&answers.helo, &answers.mail_from].into_iter().flatten() {
            let labels = SpfLabels::of(check.identity, check.result);
            self.spf.get_or_create(&labels).inc();
        }
    }

    /// Counts a reload.
    pub fn reloaded(&self, is_done: bool) {
        let result = if is_done { "done" } else { "failed" };
        self.reloads.get_or_create(&ReloadLabels { result }).inc();
        let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        *self.last() = Some((now, is_done));
    }

    /// When the configuration was last read again, in seconds since 1970, and whether it was taken.
    pub fn last_reload(&self) -> Option<(u64, bool)> {
        *self.last()
    }

    fn last(&self) -> MutexGuard<'_, Option<(u64, bool)>> {
        self.last_reload
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// When the daemon started, in seconds since 1970.
    pub fn started(&self) -> u64 {
        self.started as u64
    }

    /// All numbers, in Prometheus' text format; `readings` are those that other layers count.
    pub fn page(&self, readings: Readings, timings: &Timings) -> String {
        // Names of counters get their `_total`, and help its full stop, from the crate.
        let mut registry = Registry::default();
        registry.register(
            "backstop_verdicts",
            "Recipients, by what was done, why, and what would have been done without monitoring",
            self.verdicts.clone(),
        );
        registry.register(
            "backstop_proofs",
            "Recipients of bounces whose proof was looked for, by the result",
            self.proofs.clone(),
        );
        registry.register(
            "backstop_no_dsn",
            "Recipients of outbound.forwarded.no_dsn whose sender gets no notice, by what failed",
            self.no_dsn.clone(),
        );
        registry.register(
            "backstop_spf",
            "Messages for which SPF was checked, by identity and result",
            self.spf.clone(),
        );
        registry.register(
            "backstop_reloads",
            "How often the configuration was read again",
            self.reloads.clone(),
        );
        registry.register(
            "backstop_build",
            "The version that runs",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register(
            "backstop_start_time_seconds",
            "When the daemon started, in seconds since 1970",
            ConstGauge::new(self.started),
        );
        timings.register(&mut registry);
        registry.register_collector(Box::new(readings));
        let mut page = String::new();
        // Writing to a String can't fail.
        let _ = prometheus_text::encode(&mut page, &registry);
        page
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl SpfLabels {
    fn of(identity: Identity, result: SpfResult) -> Self {
        Self {
            identity: identity.as_str(),
            result: result.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::verdict::{Action, Mode, Reason, Rule};

    #[test]
    fn what_is_counted_stands_on_the_page() {
        let metrics = Metrics::new();
        let verdict = Verdict::of(Rule::new(Action::Reject), Mode::Monitor, Reason::NeverSends);
        metrics.decided(&verdict);
        metrics.decided(&verdict);
        metrics.reloaded(false);
        let readings = Readings {
            violations: vec![("silent", 3)],
            ..Readings::default()
        };
        let page = metrics.page(readings, &Timings::default());
        for line in [
            "# TYPE backstop_verdicts_total counter",
            "backstop_verdicts_total{verdict=\"tag\",reason=\"never_sends\",would=\"reject\"} 2",
            "backstop_reloads_total{result=\"failed\"} 1",
            "backstop_reloads_total{result=\"done\"} 0",
            "backstop_spf_total{identity=\"helo\",result=\"permerror\"} 0",
            "backstop_protocol_violations_total{violation=\"silent\"} 3",
            concat!(
                "backstop_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
        ] {
            assert!(page.lines().any(|l| l == line), "no `{line}` in:\n{page}");
        }
        assert!(!page.contains("backstop_store"), "{page}");
    }
}
