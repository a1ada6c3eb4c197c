//! Numbers that other layers count already, read when a monitoring host asks.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet},
    metrics::MetricType,
};

/// The numbers of other layers at one moment.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    /// Messages in progress.
    pub messages: usize,
    /// Connections of MTAs that are open.
    pub connections_open: usize,
    /// Connections of MTAs that were accepted.
    pub connections_accepted: u64,
    /// Connections that were closed at once because too many were open.
    pub connections_refused: u64,
    /// How often accepting a connection failed.
    pub accept_errors: u64,
    /// Connections that were closed for a violation of the protocol, by violation.
    pub violations: Vec<(&'static str, u64)>,
    /// Log lines that were lost because the log's reader was slow or had stopped.
    pub log_lines_lost: u64,
    /// Wrong tags, and how often those for one domain were an alert.
    pub guesses: GuessReading,
    /// Lists of recipients that can't be read.
    pub unreadable_lists: usize,
    /// The lists of our domains.
    pub domain_lists: Vec<DomainListReading>,
    /// The rows of tenants, where they have any.
    pub tenants: Option<TenantReading>,
    /// The state of the store, where there is one.
    pub store: Option<StoreReading>,
    /// The sieges of domains that are named in `local.domains`; of many, those that are not calm, and not of all.
    pub sieges: Vec<SiegeReading>,
    /// How many domains are in each state of a siege.
    pub domains: Vec<(&'static str, usize)>,
    /// How many accounts are suspected.
    pub accounts_suspected: usize,
}

/// A list of our domains.
#[derive(Clone, Debug)]
pub struct DomainListReading {
    /// Its file or server, as `milter.yaml` has it.
    pub name: String,
    /// How many domains its last good answer has.
    pub domains: usize,
    /// How old that answer is, in seconds; none where there was none yet.
    pub age: Option<u64>,
    /// Whether it can't be read now.
    pub is_failing: bool,
}

/// Tags that were not made here.
#[derive(Clone, Copy, Debug, Default)]
pub struct GuessReading {
    /// How many came with a bounce.
    pub wrong: u64,
    /// How often those of an hour for one domain were so many that somebody may be guessing.
    pub alerts: u64,
}

/// The rows of tenants.
#[derive(Clone, Copy, Debug)]
pub struct TenantReading {
    /// Whether the file can be read, or the server answers.
    pub is_up: bool,
    /// How many domains have one: of a server, those that it was asked for.
    pub rows: usize,
    /// How many of them are wrong.
    pub wrong: usize,
    /// For how long the server has been down, in seconds.
    pub silent_for: u64,
}

/// The state of a siege.
#[derive(Clone, Debug)]
pub struct SiegeReading {
    /// The domain, or `all`.
    pub domain: String,
    /// 0 for calm, 1 for alert, 2 for easing, 3 for siege.
    pub state: i64,
    /// Backscatter in the last minute.
    pub rate: f64,
    /// The usual value at this hour of the week.
    pub usual: f64,
}

/// The state of the store.
#[derive(Clone, Copy, Debug)]
pub struct StoreReading {
    /// Whether it answers.
    pub is_up: bool,
    /// Outgoing messages that were answered without an entry in the ledger, and have none.
    pub lost_messages: u64,
    /// Counts and learned addresses that are lost.
    pub lost_counts: u64,
    /// Questions and writes that failed.
    pub failures: u64,
}

impl Collector for Readings {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        page.gauge(
            "backstop_messages_in_progress",
            "Messages between MAIL and their end.",
            &whole(self.messages),
        )?;
        page.gauge(
            "backstop_connections_open",
            "Connections of MTAs that are open.",
            &whole(self.connections_open),
        )?;
        page.counter(
            "backstop_connections_accepted",
            "Connections of MTAs that were accepted.",
            self.connections_accepted,
        )?;
        page.counter(
            "backstop_connections_refused",
            "Connections that were closed at once, because too many were open.",
            self.connections_refused,
        )?;
        page.counter(
            "backstop_accept_errors",
            "How often a connection could not be accepted.",
            self.accept_errors,
        )?;
        page.counters(
            "backstop_protocol_violations",
            "Connections that were closed because they violated the protocol.",
            "violation",
            &self.violations,
        )?;
        page.counter(
            "backstop_log_lines_lost",
            "Log lines that were lost because the reader of the log was slow or had stopped.",
            self.log_lines_lost,
        )?;
        page.counter(
            "backstop_wrong_tags",
            "Tags in recipients of bounces that were not made here.",
            self.guesses.wrong,
        )?;
        page.counter(
            "backstop_tag_alerts",
            "How often wrong tags for one domain within an hour reached 1000, from all clients together.",
            self.guesses.alerts,
        )?;
        page.gauge(
            "backstop_recipient_lists_unreadable",
            "Lists of recipients that can't be read, and directories that are down; their last good answer stays in use.",
            &whole(self.unreadable_lists),
        )?;
        let lists = || self.domain_lists.iter();
        page.gauges(
            "backstop_domain_list_domains",
            "Domains in the last good answer of a list of local.domains.",
            "list",
            lists().map(|list| (&*list.name, i64::try_from(list.domains).unwrap_or(i64::MAX))),
        )?;
        page.gauges(
            "backstop_domain_list_age_seconds",
            "How old that answer is.",
            "list",
            lists().filter_map(|list| Some((&*list.name, i64::try_from(list.age?).ok()?))),
        )?;
        page.gauges(
            "backstop_domain_list_failing",
            "1 while the list can't be read, or lists no domain; its last good answer stays in use.",
            "list",
            lists().map(|list| (&*list.name, i64::from(list.is_failing))),
        )?;
        if let Some(tenants) = self.tenants {
            page.gauge(
                "backstop_tenants_up",
                "1 while the rows of tenants can be read, else 0; the last good ones stay in use.",
                &i64::from(tenants.is_up),
            )?;
            page.gauge(
                "backstop_tenants_silent_seconds",
                "For how long the server with the rows of tenants has not answered; 0 while it does.",
                &whole(tenants.silent_for),
            )?;
            page.gauge(
                "backstop_tenant_rows",
                "Domains with a row of their tenant; of a server, those that it was asked for.",
                &whole(tenants.rows),
            )?;
            page.gauge(
                "backstop_tenant_rows_wrong",
                "Rows of tenants with a mistake; the last good one counts, or monitor.",
                &whole(tenants.wrong),
            )?;
        }
        let sieges = &self.sieges;
        page.gauges(
            "backstop_siege_state",
            "The state of a domain's siege: 0 calm, 1 alert, 2 easing, 3 siege.",
            "domain",
            sieges.iter().map(|siege| (&*siege.domain, siege.state)),
        )?;
        page.gauges(
            "backstop_siege_domains",
            "Domains of which bounces are known, by the state of their sieges.",
            "state",
            self.domains
                .iter()
                .map(|(state, count)| (*state, whole(*count))),
        )?;
        page.gauges(
            "backstop_backscatter_per_minute",
            "Unproven, forged and refused bounces of the last minute.",
            "domain",
            sieges.iter().map(|siege| (&*siege.domain, siege.rate)),
        )?;
        page.gauges(
            "backstop_backscatter_baseline_per_minute",
            "The usual value at this hour of the week.",
            "domain",
            sieges.iter().map(|siege| (&*siege.domain, siege.usual)),
        )?;
        page.gauge(
            "backstop_accounts_suspected",
            "Senders of yours whose mail brings a flood of proven bounces; backstop status names them.",
            &whole(self.accounts_suspected),
        )?;
        let Some(store) = self.store else {
            return Ok(());
        };
        page.gauge(
            "backstop_store_up",
            "1 while the store answers, else 0.",
            &i64::from(store.is_up),
        )?;
        page.gauge(
            "backstop_store_lost_messages",
            "Outgoing messages that left without their entry in the ledger; less when entries are written after all.",
            &whole(store.lost_messages),
        )?;
        page.counter(
            "backstop_store_lost_counts",
            "Counts for reports and learned addresses that the store did not take in time, and that are lost.",
            store.lost_counts,
        )?;
        page.counter(
            "backstop_store_failures",
            "Questions to the store and writes that failed.",
            store.failures,
        )
    }
}

fn whole(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// What is being written. Names of counters get their `_total` from the encoder.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: &impl EncodeGaugeValue) -> fmt::Result {
        let encoder = &mut self.0;
        encoder
            .encode_descriptor(name, help, None, MetricType::Gauge)?
            .encode_gauge(value)
    }

    /// One for each value of a label.
    fn gauges<'d, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl Iterator<Item = (&'d str, V)>,
    ) -> fmt::Result {
        let encoder = &mut self.0;
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (of, value) in values {
            metric.encode_family(&[(label, of)])?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let encoder = &mut self.0;
        encoder
            .encode_descriptor(name, help, None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: &[(&str, u64)],
    ) -> fmt::Result {
        let encoder = &mut self.0;
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (value, count) in values {
            metric
                .encode_family(&[(label, *value)])?
                .encode_counter::<NoLabelSet, _, u64>(count, None)?;
        }
        Ok(())
    }
}
