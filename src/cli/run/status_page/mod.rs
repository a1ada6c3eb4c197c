//! The status page: how it goes, in the order in which somebody who is worried asks.

mod accounts;
mod headline;
mod hour;
mod sieges;

use std::sync::Arc;

use maud::{Markup, html};

use self::headline::headline;
use super::parts::{Part, PartState};
use crate::{
    cli::{
        page::{self, grouped, sentence},
        rfc3339,
    },
    core::{
        account::Flood,
        policy::Modes,
        siege,
        verdict::{Mode, reason_words},
    },
    observe::{Answered, Hour, Latest},
};

/// What is shown.
pub(super) struct View {
    /// In seconds since 1970, as the other times.
    pub now: u64,
    /// When the daemon started.
    pub started: u64,
    /// The file that it runs with.
    pub file: String,
    /// When the file was read again, and whether it could be taken; `None` if it never was.
    pub last_reload: Option<(u64, bool)>,
    pub modes: Modes,
    /// Whether floods are watched for.
    pub watches: bool,
    pub sieges: Arc<siege::View>,
    /// The accounts that are suspected.
    pub accounts: Vec<Flood>,
    pub hour: Hour,
    pub parts: Arc<[Part]>,
    /// Messages in progress.
    pub messages: usize,
    /// Open connections of MTAs.
    pub connections: usize,
}

pub(super) fn render(view: &View) -> Markup {
    let headline = headline(view);
    let content = html! {
        header {
            p.now { time datetime=(rfc3339(view.now)) { (clock(view.now)) } " UTC" }
            p.name { "Backstop" }
            h1 class=(headline.class) { (headline.text) }
            @for line in &headline.lead { p.lead { (line) } }
        }
        (accounts::section(view))
        (sieges::section(view))
        (hour::tiles(&view.hour))
        (hour::section(&view.hour))
        div.pair {
            (why(view))
            (hour::proofs(&view.hour))
        }
        (latest(&view.hour.latest))
        (needs(view))
        (foot(view))
    };
    page::page(&format!("Backstop: {}", headline.text), &content)
}

/// What was refused, and what enforcing would refuse.
fn why(view: &View) -> Markup {
    let of = |kinds: &[Answered]| -> Vec<(Answered, &'static str, u64)> {
        let all = view.hour.reasons.iter().copied();
        all.filter(|(answered, ..)| kinds.contains(answered))
            .collect()
    };
    let done = of(&[Answered::Refused, Answered::Deferred]);
    let would = of(&[Answered::WouldRefuse]);
    html! {
        section aria-labelledby="why" {
            @match view.modes {
                Modes::One(Mode::Monitor) => {
                    h2 id="why" { "What enforcing would refuse" }
                    (reasons(&would, "Nothing in the last hour."))
                    @if !done.is_empty() {
                        h2.next { "Deferred all the same" }
                        (reasons(&done, ""))
                    }
                }
                modes => {
                    h2 id="why" { "What was refused or deferred" }
                    (reasons(&done, "Nothing in the last hour."))
                    @if !would.is_empty() {
                        h2.next { (monitored(modes)) }
                        (reasons(&would, ""))
                    }
                }
            }
        }
    }
}

fn monitored(modes: Modes) -> &'static str {
    match modes {
        Modes::One(_) => "What monitored rules would refuse",
        Modes::OfEach(_) => "What enforcing everywhere would refuse",
    }
}

fn reasons(reasons: &[(Answered, &str, u64)], none: &str) -> Markup {
    html! {
        @if reasons.is_empty() {
            p.soft { (none) }
        } @else {
            table.list {
                thead { tr { th.number scope="col" { "Recipients" } th scope="col" { "Reason" } } }
                tbody { @for (_, reason, times) in reasons { tr {
                    td.number { (grouped(*times)) }
                    th scope="row" { (in_words(reason)) code.code { (reason) } }
                } } }
            }
        }
    }
}

fn latest(latest: &[Latest]) -> Markup {
    html! {
        section aria-labelledby="latest" {
            h2 id="latest" { "The last decisions" }
            @if latest.is_empty() {
                p.soft { "None yet." }
            } @else {
                ol.log { @for one in latest { li {
                    time datetime=(rfc3339(one.at)) { (clock(one.at)) }
                    span.done { (page::chart::swatch(hour::class(one.answered))) (done(one)) }
                    span.why {
                        (in_words(one.reason))
                        @if let Some(by) = &one.by { " " code.soft { (by) } }
                    }
                    @if one.times > 1 {
                        span.times title="like it, within a minute" { "× " (grouped(one.times)) }
                    }
                    span.whom { (whom(one)) }
                } } }
            }
        }
    }
}

fn done(one: &Latest) -> String {
    match one.would {
        Some(would) if would.acts() => format!("would be {}", would.done()),
        _ => one.action.done().to_owned(),
    }
}

fn whom(one: &Latest) -> String {
    let from = match one.mail_from.as_str() {
        "" => "a bounce",
        from => from,
    };
    let client = one.client.map(|client| format!(", by {client}"));
    format!("{from} to {}{}", one.rcpt, client.unwrap_or_default())
}

fn needs(view: &View) -> Markup {
    let class = |state| match state {
        PartState::Well => "well",
        PartState::Alert => "alert",
        PartState::Ill => "ill",
    };
    html! {
        section aria-labelledby="needs" {
            h2 id="needs" { "What it needs" }
            dl {
                @for Part { name, state, says } in view.parts.iter() {
                    div class=(class(*state)) { dt { (name) } dd.soft { (says) } }
                }
                div class=(if view.reload_failed() { "alert" } else { "well" }) {
                    dt { "Configuration" } dd.soft { (configuration(view)) }
                }
            }
        }
    }
}

impl View {
    fn reload_failed(&self) -> bool {
        matches!(self.last_reload, Some((_, false)))
    }
}

fn configuration(view: &View) -> String {
    let file = &view.file;
    match view.last_reload {
        None => format!("{file}, read when the daemon started"),
        Some((at, true)) => format!("{file}, read again at {}", moment(at)),
        Some((at, false)) => format!(
            "{file} could not be read again at {}, and what was read before stays; the log says why",
            moment(at)
        ),
    }
}

fn foot(view: &View) -> Markup {
    html! {
        footer {
            p {
                "Version " (env!("CARGO_PKG_VERSION")) ", running since " (moment(view.started)) ". "
                (count(view.connections as u64, "connection")) " of your MTA open, "
                (count(view.messages as u64, "message")) " in progress. "
                "This page loads itself again every ten seconds. "
                a href="metrics" { "Metrics" } ", " a href="readyz" { "readiness" } "."
            }
        }
    }
}

/// `1 message`, `2 messages`.
fn count(number: u64, of: &str) -> String {
    match number {
        1 => format!("1 {of}"),
        number => format!("{} {of}s", grouped(number)),
    }
}

fn in_words(reason: &str) -> String {
    sentence(reason_words(reason).unwrap_or(reason))
}

/// The time of day: `13:05:12`.
fn clock(seconds: u64) -> String {
    let time = rfc3339(seconds);
    time.get("2026-11-28T".len().."2026-11-28T13:05:12".len())
        .unwrap_or_default()
        .to_owned()
}

/// A day and a time: `2026-11-28 13:05 UTC`.
fn moment(seconds: u64) -> String {
    let time = rfc3339(seconds).replace('T', " ");
    let time = time.get(.."2026-11-28 13:05".len()).unwrap_or_default();
    format!("{time} UTC")
}

#[cfg(test)]
mod tests;
