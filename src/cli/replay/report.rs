//! The report of `replay`; also its JSON object.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Serialize)]
pub(super) struct ReplayReport {
    pub(super) path: String,
    /// `folder`, `mbox` or `message`.
    pub(super) kind: &'static str,
    pub(super) mode: &'static str,
    pub(super) dns_asked: bool,
    /// The number of judged messages.
    pub(super) messages: u64,
    /// The number of their recipients. Each has its own verdict.
    pub(super) recipients: u64,
    /// Verdicts as configured.
    pub(super) as_configured: Vec<Count>,
    /// Whether clients may have modes of their own.
    #[serde(skip)]
    pub(super) has_tenants: bool,
    /// Verdicts in mode `enforce`.
    pub(super) enforced: Vec<Count>,
    /// Notifications among the messages, by kind.
    pub(super) kinds: BTreeMap<&'static str, u64>,
    /// Messages with an unknown client, about which DNS was not asked, by cause.
    pub(super) clients_unknown: BTreeMap<String, u64>,
    /// Messages with an incomplete envelope.
    pub(super) unjudged: Named,
    /// Entries that could not be read, or are not messages.
    pub(super) unreadable: Named,
    pub(super) slowest: Vec<Slow>,
    /// By the verdicts in mode `enforce`.
    pub(super) surprising: Vec<Surprising>,
    pub(super) seconds: f64,
}

#[derive(Serialize)]
pub(super) struct Count {
    pub(super) verdict: &'static str,
    pub(super) reason: &'static str,
    /// The entry of `milter.yaml` that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    pub(super) count: u64,
}

#[derive(Serialize)]
pub(super) struct Named {
    pub(super) count: u64,
    /// The first of them, with the cause.
    pub(super) first: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Slow {
    pub(super) name: String,
    pub(super) milliseconds: f64,
}

#[derive(Serialize)]
pub(super) struct Surprising {
    pub(super) name: String,
    pub(super) score: u32,
    pub(super) because: Vec<&'static str>,
    pub(super) verdict: &'static str,
    pub(super) reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
}

impl ReplayReport {
    /// Whether a message was judged.
    pub(super) fn judged_any(&self) -> bool {
        self.messages > 0
    }

    pub(super) fn print(&self) {
        println!(
            "{} ({}): {} messages to {} recipients, judged in {:.1} s",
            self.path, self.kind, self.messages, self.recipients, self.seconds
        );
        if !self.dns_asked {
            println!("no name server was asked, so SPF and DNS lists have no result");
        }
        for (why, count) in &self.clients_unknown {
            println!("client unknown in {count} messages, so DNS was not asked: {why}");
        }
        print_named(
            "could not be judged, because the envelope is incomplete",
            &self.unjudged,
        );
        print_named("could not be read", &self.unreadable);
        if !self.judged_any() {
            println!("no message was judged");
            return;
        }
        let (own, all) = match self.has_tenants {
            true => (" or that of the domain's row", " for all domains"),
            false => ("", ""),
        };
        print_counts(
            &format!("in mode {}{own}, as configured", self.mode),
            &self.as_configured,
        );
        if self.mode != "enforce" || self.has_tenants {
            print_counts(&format!("in mode enforce{all}"), &self.enforced);
        }
        if !self.kinds.is_empty() {
            println!("\nnotifications");
            for (kind, count) in &self.kinds {
                println!("  {count:>8}  {kind}");
            }
        }
        println!("\nslowest");
        for slow in &self.slowest {
            println!("  {:>8.1} ms  {}", slow.milliseconds, slow.name);
        }
        if !self.surprising.is_empty() {
            println!("\nmost surprising, if enforced");
        }
        for surprising in &self.surprising {
            let Surprising {
                name,
                score,
                because,
                verdict,
                reason,
                by,
            } = surprising;
            let by = by.as_ref().map(|by| format!(" by {by}"));
            let by = by.unwrap_or_default();
            println!("  {score:>8}  {verdict} ({reason}{by}): {name}");
            println!("            {}", because.join("; "));
        }
    }
}

fn print_counts(title: &str, counts: &[Count]) {
    println!("\n{title}");
    for entry in counts {
        let by = entry.by.as_ref().map(|by| format!(" by {by}"));
        println!(
            "  {:>8}  {:<10}  {}{}",
            entry.count,
            entry.verdict,
            entry.reason,
            by.unwrap_or_default()
        );
    }
}

fn print_named(title: &str, named: &Named) {
    if named.count == 0 {
        return;
    }
    println!("{} {title}", named.count);
    for entry in &named.first {
        println!("  {entry}");
    }
    let more = named.count - named.first.len() as u64;
    if more > 0 {
        println!("  and {more} more");
    }
}
