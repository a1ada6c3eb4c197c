//! The last hour: numbers, a chart, and what bounces proved.

use maud::{Markup, html};

use super::{grouped, sentence};
use crate::{
    cli::page::chart::{self, Chart, Column},
    core::verdict::proof_words,
    observe::{Answered, Hour, Tally},
};

/// How many minutes there are from one label to the next.
const LABELS: u64 = 10;

/// The class of the style.
pub(super) fn class(answered: Answered) -> &'static str {
    match answered {
        Answered::Refused => "refused",
        Answered::RefusedByMta => "refused_by_mta",
        Answered::Deferred => "deferred",
        Answered::WouldRefuse => "would_refuse",
        Answered::Tagged => "tagged",
        Answered::Accepted | Answered::Outgoing => "let_in",
    }
}

/// Incoming mail is what the page is about.
fn judged() -> impl Iterator<Item = Answered> {
    Answered::ALL
        .into_iter()
        .filter(|answered| *answered != Answered::Outgoing)
}

pub(super) fn tiles(hour: &Hour) -> Markup {
    let tally = hour.tally();
    // Those that are always there stand still while others come and go.
    let always = [Answered::Refused, Answered::Accepted];
    let shown = judged().filter(|one| tally.of(*one) > 0 || always.contains(one));
    html! {
        ul.tiles {
            @for answered in shown {
                li class=(class(answered)) { b { (grouped(tally.of(answered))) } (answered.words()) }
            }
            li { b { (grouped(tally.of(Answered::Outgoing))) } (Answered::Outgoing.words()) ", not judged" }
        }
    }
}

pub(super) fn section(hour: &Hour) -> Markup {
    let tally = hour.tally();
    html! {
        section aria-labelledby="hour" {
            h2 id="hour" { "The last hour, by minute" }
            @if tally.judged() == 0 {
                p.soft { "No mail came." }
            } @else {
                ul.legend { @for answered in judged().filter(|one| tally.of(*one) > 0) {
                    li { (chart::swatch(class(answered))) (answered.words()) }
                } }
                (minutes(hour).draw())
            }
        }
    }
}

fn minutes(hour: &Hour) -> Chart {
    let columns = hour.minutes.iter().map(|(minute, tally)| Column {
        title: format!("{} UTC: {}", time(*minute), words(tally)),
        parts: judged().map(|one| (class(one), tally.of(one))).collect(),
    });
    let columns: Vec<_> = columns.collect();
    let minutes = hour.minutes.iter().enumerate();
    let labels = minutes
        .filter(|(_, (minute, _))| minute % LABELS == 0)
        .map(|(at, (minute, _))| (at, time(*minute)));
    Chart {
        name: "minutes",
        title: "Recipients by minute",
        text: format!(
            "Each column is a minute. The highest has {} recipients.",
            Chart::most(&columns)
        ),
        labels: labels.collect(),
        columns,
    }
}

fn words(tally: &Tally) -> String {
    let came = judged().filter(|one| tally.of(*one) > 0);
    let words = came.map(|one| format!("{} {}", tally.of(one), one.words()));
    words.collect::<Vec<_>>().join(", ")
}

/// The time of day of a minute since 1970: `13:05`.
fn time(minute: u64) -> String {
    format!("{:02}:{:02}", minute / 60 % 24, minute % 60)
}

pub(super) fn proofs(hour: &Hour) -> Markup {
    html! {
        section aria-labelledby="proofs" {
            h2 id="proofs" { "Bounces, and their proof" }
            @if hour.proofs.is_empty() {
                p.soft { "Of no bounce a proof was looked for in the last hour." }
            } @else {
                table.list {
                    thead { tr { th.number scope="col" { "Bounces" } th scope="col" { "Proof that they return mail of yours" } } }
                    tbody { @for (proof, times) in &hour.proofs { tr {
                        td.number { (grouped(*times)) }
                        th scope="row" { (sentence(proof_words(proof).unwrap_or(proof))) }
                    } } }
                }
            }
        }
    }
}
