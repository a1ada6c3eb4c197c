//! The report as one HTML page. It loads nothing, runs no script, and escapes all text from outside.

use maud::{Markup, html};

use super::{
    hours::{self, Series},
    view::{List, View, short},
};
use crate::{
    cli::page::{chart, page, sentence},
    core::{attack::Fate, verdict::proof_words},
};

/// The maximum number of hosts, networks and addresses on the page.
pub(super) const MAX_NAMED: usize = 50;

pub(super) fn render(view: &View) -> Markup {
    let about = view.domain.as_deref().unwrap_or("all your domains");
    let title = format!("Bounces to {about}");
    let content = html! {
        header {
            h1 { (title) }
            p.soft {
                "From " time datetime=(view.from) { (short(view.period.first)) }
                " to " time datetime=(view.to) { (short(view.period.last + 1)) } " UTC"
            }
        }
        @if view.bounces.0.all() == 0 {
            section { p { "No bounces came." } }
        } @else {
            (tiles(view))
            (accounts(view))
            (view.origins.markup())
            (over_time(view, &Series::by_hour(view)))
            (reasons(view))
            (list("Hosts that sent them", "Host", &view.hosts, MAX_NAMED, &see_json()))
            (list("Networks that sent them", "Network", &view.networks, MAX_NAMED, &see_json()))
            (list("Forged addresses (their recipients)", "Address", &view.recipients, MAX_NAMED, &see_json()))
            (domains(view))
        }
        (notes())
    };
    page(&title, &content)
}

/// How many became what.
pub(in crate::cli::report) fn tiles(view: &View) -> Markup {
    let all = view.bounces.0;
    html! {
        ul.tiles {
            li { b { (all.suspect()) } "without proof that they return mail of yours" }
            @for fate in view.fates() {
                li class=(fate.as_str()) { b { (all.of(fate)) } (fate.words()) }
            }
        }
    }
}

/// Accounts that somebody may have abused.
pub(in crate::cli::report) fn accounts(view: &View) -> Markup {
    let shown = view.accounts.get(..MAX_NAMED).unwrap_or(&view.accounts);
    let left = view.accounts.len() - shown.len();
    html! {
        @if !shown.is_empty() {
            section aria-labelledby="accounts" {
                h2 id="accounts" { "Accounts that may be abused: " (view.accounts.len()) }
                p.soft { "Somebody may send with the password of these, or through a script. Change it, and look at their mail." }
                ul { @for account in shown { li { code { (account.account) } ": " (account.words()) } } }
                @if left > 0 { p.soft { "And " (left) " more; " code { "--json" } " shows all." } }
            }
        }
    }
}

/// The chart of a series, and the same numbers as a table.
pub(in crate::cli::report) fn over_time(view: &View, series: &Series) -> Markup {
    let (name, heading) = match series.by_day {
        true => ("by-day", "By day"),
        false => ("by-hour", "By hour"),
    };
    let table = match series.by_day {
        true => "Bounces by day, as a table",
        false => "Bounces by hour, as a table",
    };
    let came = series.columns.iter().rev();
    let came = came.filter(|(_, tally)| tally.all() > 0);
    html! {
        section aria-labelledby=(name) {
            h2 id=(name) { (heading) }
            @if let Some((hour, bounces)) = view.summary.worst_hour() {
                p.soft {
                    @match series.by_day {
                        true => { "The worst day was " (series.time(hour)) }
                        false => { "The worst hour began at " (series.time(hour)) " UTC" }
                    }
                    ", with " (bounces) " bounces without proof. Each column is " (series.span()) "."
                }
            }
            ul.legend { @for fate in view.fates() { li { (chart::swatch(fate.as_str())) (fate.words()) } } }
            div.latest role="region" aria-labelledby=(name) tabindex="0" { (series.chart().draw()) }
            details {
                summary { "The same as a table" }
                div.wide role="region" aria-label=(table) tabindex="0" {
                    table {
                        thead { tr {
                            th scope="col" { "From (UTC)" }
                            @for fate in view.fates() { th.number scope="col" { (fate.words()) } }
                        } }
                        tbody { @for (hour, tally) in came { tr {
                            th scope="row" { (series.time(*hour)) }
                            @for fate in view.fates() { td.number { (tally.of(fate)) } }
                        } } }
                    }
                }
            }
        }
    }
}

/// The table of how bounces were answered, and why: for each row how many, the answer and the reason.
pub(in crate::cli::report) fn answers(
    rows: impl Iterator<Item = (String, String, Markup)>,
) -> Markup {
    html! {
        table.list {
            thead { tr {
                th.number scope="col" { "Bounces" }
                th scope="col" { "Answer" }
                th scope="col" { "Reason" }
            } }
            tbody { @for (bounces, answer, reason) in rows { tr {
                td.number { (bounces) }
                td { (answer) }
                th scope="row" { (reason) }
            } } }
        }
    }
}

fn reasons(view: &View) -> Markup {
    let rows = view.reasons.iter().map(|reason| {
        let why = in_words(reason.explained.as_deref(), &reason.why);
        (reason.bounces.to_string(), reason.words.to_string(), why)
    });
    html! {
        section aria-labelledby="why" {
            h2 id="why" { "Answers, with their reasons" }
            (answers(rows))
            h2.next { "Proofs" }
            table.list {
                thead { tr { th.number scope="col" { "Bounces" } th scope="col" { "Proof" } } }
                tbody { @for (proof, bounces) in &view.proofs { tr {
                    td.number { (bounces) }
                    th scope="row" { (in_words(proof_words(proof), proof)) }
                } } }
            }
        }
    }
}

/// What a code means, and the code, which the log has; the code alone, where this version does not know it.
fn in_words(words: Option<&str>, code: &str) -> Markup {
    html! {
        @match words {
            Some(words) => { (sentence(words)) code.code { (code) } }
            None => code { (code) },
        }
    }
}

/// Where the rest of a list is.
fn see_json() -> Markup {
    html! { "; " code { "--json" } " shows all" }
}

/// The first `most` of a list; `rest` says where the others are.
pub(in crate::cli::report) fn list(
    title: &str,
    of: &str,
    list: &List,
    most: usize,
    rest: &Markup,
) -> Markup {
    let (shown, left) = list.first(most);
    let most = shown.first().map_or(0, |entry| entry.bounces.0.suspect());
    let others = list.others.0;
    html! {
        @if !shown.is_empty() {
            section {
                h2 { (title) ": " (list.different) }
                table.list {
                    thead { tr {
                        th.number scope="col" { "Bounces" }
                        th.number scope="col" { "Refused" }
                        th scope="col" { (of) }
                        th.bar scope="col" { "How they were answered" }
                    } }
                    tbody { @for entry in shown { tr {
                        td.number { (entry.bounces.0.suspect()) }
                        td.number { (entry.bounces.0.kept_out()) }
                        th scope="row" { code { (entry.name) } }
                        td.bar { (chart::bar(&hours::parts(&entry.bounces.0, Fate::is_suspect), most)) }
                    } } }
                }
                @if left > 0 { p.soft { "And " (left) " more" (rest) "." } }
                @if others.suspect() > 0 {
                    p.soft { "And " (others.suspect()) " bounces of others, which were counted together." }
                }
            }
        }
    }
}

fn domains(view: &View) -> Markup {
    html! {
        @if view.domains.len() > 1 {
            section {
                h2 { "Your domains" }
                div.wide role="region" aria-label="Bounces by domain" tabindex="0" { table {
                    thead { tr {
                        th scope="col" { "Domain" }
                        @for fate in view.fates() { th.number scope="col" { (fate.words()) } }
                    } }
                    tbody { @for (domain, numbers) in &view.domains { tr {
                        th scope="row" { (domain) }
                        @for fate in view.fates() { td.number { (numbers.0.of(fate)) } }
                    } } }
                } }
            }
        }
    }
}

fn notes() -> Markup {
    html! {
        section {
            h2 { "How to read this" }
            p {
                "This report counts incoming mail to your addresses with the null sender, from a mailer-daemon or "
                "postmaster, and mail whose headers show a bounce. Each recipient counts once, and each new attempt after a "
                "temporary refusal counts again. "
                "“" (Fate::Proven.words()) "” means proof that the bounce returns mail of yours. “"
                (Fate::Deferred.words()) "” means that DNS, the store or a list of recipients did not answer. The lists omit "
                "both."
            }
            p {
                "The hosts are the clients that your servers saw, so they are certain. "
                "The addresses are yours and were forged. This page names them, so be careful whom you give it to."
            }
        }
    }
}
