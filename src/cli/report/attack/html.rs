//! A report as one page: nothing is loaded from elsewhere, no script runs, and no text of a stranger's is anything but
//! text.

use std::{fs, io::Write, path::Path};

use data_encoding::BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::{
    chart,
    view::{List, View, short},
};
use crate::core::attack::Fate;

const STYLE: &str = include_str!("style.css");
/// The most hosts, networks and addresses that are named.
const MOST_NAMED: usize = 50;
/// How many columns the table of hours has rows for.
const ROWS: u64 = 112;

/// Writes the page into a file of its own, which then takes the place of the one that was there: whoever reads it sees
/// the one or the other.
///
/// # Errors
/// What the file is, if it is none that can be replaced, and what the system says.
pub(super) fn write(view: &View, file: &Path) -> Result<(), String> {
    let told =
        |error: &dyn std::fmt::Display| format!("{} can't be written: {error}", file.display());
    if let Ok(there) = fs::symlink_metadata(file)
        && !there.is_file()
    {
        return Err(told(&"it is no regular file; name another one"));
    }
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let written = NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).and_then(|mut page| {
        page.write_all(render(view).into_string().as_bytes())?;
        page.as_file().sync_all()?;
        Ok(page.persist(file)?)
    });
    written.map(drop).map_err(|error| told(&error))
}

fn render(view: &View) -> Markup {
    let style = BASE64.encode(&Sha256::digest(STYLE));
    // What the page may load: nothing but its own style.
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
    );
    let about = view.domain.as_deref().unwrap_or("all your domains");
    let title = format!("Bounces to {about}");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="generator" content={ "Backstop " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (title) }
                    p.soft {
                        "From " time datetime=(view.from) { (short(view.period.first)) }
                        " to " time datetime=(view.to) { (short(view.period.last + 1)) } " UTC"
                    }
                    @if view.bounces.0.all() == 0 {
                        section { p { "No bounces came." } }
                    } @else {
                        (tiles(view))
                        (hours(view))
                        (reasons(view))
                        (list("Hosts they came from", "Host", &view.hosts))
                        (list("Networks they came from", "Network", &view.networks))
                        (list("Forged addresses, to which they came", "Address", &view.recipients))
                        (domains(view))
                    }
                    (notes())
                }
            }
        }
    }
}

fn tiles(view: &View) -> Markup {
    let all = view.bounces.0;
    html! {
        ul.tiles {
            li { b { (all.suspect()) } "without proof that they answer mail of yours" }
            @for fate in view.fates() {
                li class=(fate.as_str()) { b { (all.of(fate)) } (fate.words()) }
            }
        }
    }
}

fn hours(view: &View) -> Markup {
    let (width, columns) = view.columns(ROWS);
    let came: Vec<_> = columns
        .iter()
        .filter(|(_, tally)| tally.all() > 0)
        .collect();
    html! {
        section aria-labelledby="by-hour" {
            h2 id="by-hour" { "By hour" }
            @if let Some((hour, bounces)) = view.summary.worst_hour() {
                p.soft {
                    "The worst hour began at " (short(hour)) " UTC, with " (bounces) " bounces without proof."
                    " Each column is " (chart::span(width)) "."
                }
            }
            ul.legend { @for fate in view.fates() { li { (chart::swatch(fate)) (fate.words()) } } }
            div.wide role="region" aria-labelledby="by-hour" tabindex="0" { (chart::hours(view)) }
            details {
                summary { "The same as a table" }
                div.wide role="region" aria-label="Bounces by hour, as a table" tabindex="0" {
                    table {
                        thead { tr {
                            th scope="col" { "From (UTC)" }
                            @for fate in view.fates() { th.number scope="col" { (fate.words()) } }
                        } }
                        tbody { @for (hour, tally) in came { tr {
                            th scope="row" { (short(*hour)) }
                            @for fate in view.fates() { td.number { (tally.of(fate)) } }
                        } } }
                    }
                }
            }
        }
    }
}

fn reasons(view: &View) -> Markup {
    html! {
        section aria-labelledby="why" {
            h2 id="why" { "What was done, and why" }
            table.list {
                thead { tr {
                    th.number scope="col" { "Bounces" }
                    th scope="col" { "Answer and reason" }
                    th scope="col" { "How they were answered" }
                } }
                tbody { @for reason in &view.reasons { tr {
                    td.number { (reason.bounces) }
                    th scope="row" { code { (reason.why) } }
                    td { (reason.words) }
                } } }
            }
            h2.next { "What they proved" }
            table.list {
                thead { tr { th.number scope="col" { "Bounces" } th scope="col" { "Proof" } } }
                tbody { @for (proof, bounces) in &view.proofs { tr {
                    td.number { (bounces) }
                    th scope="row" { code { (proof) } }
                } } }
            }
        }
    }
}

fn list(title: &str, of: &str, list: &List) -> Markup {
    let (shown, left) = list.first(MOST_NAMED);
    let most = shown.first().map_or(0, |entry| entry.bounces.0.suspect());
    let others = list.others.0;
    html! {
        @if !shown.is_empty() {
            section {
                h2 { (title) ": " (list.different) }
                table.list {
                    thead { tr {
                        th.number scope="col" { "Bounces" }
                        th.number scope="col" { "Kept out" }
                        th scope="col" { (of) }
                        th.bar scope="col" { "How they were answered" }
                    } }
                    tbody { @for entry in shown { tr {
                        td.number { (entry.bounces.0.suspect()) }
                        td.number { (entry.bounces.0.kept_out()) }
                        th scope="row" { code { (entry.name) } }
                        td.bar { (chart::bar(&entry.bounces.0, most)) }
                    } } }
                }
                @if left > 0 { p.soft { "And " (left) " more; " code { "--json" } " has all." } }
                @if others.suspect() > 0 {
                    p.soft { "And " (others.suspect()) " bounces of others: too many to be told apart." }
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
                "Counted is mail from strangers to addresses of yours with the null sender, from a mailer-daemon or "
                "postmaster, or that its headers show to be a bounce; each recipient once, and what is asked to come again "
                "each time. "
                "What is “" (Fate::Proven.words()) "” proved that it answers mail of yours, and what is “"
                (Fate::Deferred.words()) "” came while DNS, the store or a list of yours did not answer: both are left out of "
                "the lists."
            }
            p {
                "The hosts are those that spoke to your servers: that much is certain. "
                "The addresses are yours, and were forged; this page names them, so mind whom you give it to."
            }
        }
    }
}
