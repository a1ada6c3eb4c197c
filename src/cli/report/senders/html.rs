//! The report as one HTML page.

use maud::{Markup, html};

use super::{
    days,
    view::{Row, View, date},
};
use crate::{
    cli::page::{chart, grouped, page, sentence},
    core::{
        aggregate::{Class, MIN_REPORTERS},
        printable::counted,
    },
};

/// The maximum number of senders of a class on the page.
const MAX_NAMED: usize = 50;

pub(super) fn render(view: &View) -> Markup {
    let title = format!("Who sends as {}", view.subject());
    let (first, last) = view.period;
    let content = html! {
        header {
            h1 { (title) }
            p.soft {
                "From " time datetime=(view.from) { (date(first)) } " to " time datetime=(view.to) { (date(last)) } " UTC, as "
                (view.reporters.len()) " reporters say in " (grouped(view.reports)) " DMARC reports"
            }
        }
        @if view.reports == 0 {
            section { p {
                "There are no reports. " code { "backstop reports import" } " takes them from the mailbox that " code { "rua" }
                " of your DMARC record names."
            } }
        } @else {
            ul.tiles {
                @for one in &view.classes {
                    li class=(one.class.as_str()) { b { (grouped(one.messages)) } (one.class.words()) }
                }
            }
            (by_day(view))
            @for class in Class::ALL { (of_class(view, class)) }
            (reporters(view))
        }
        (notes())
    };
    page(&title, &content)
}

fn by_day(view: &View) -> Markup {
    html! {
        section aria-labelledby="by-day" {
            h2 id="by-day" { "By day" }
            ul.legend { @for class in Class::ALL { li { (chart::swatch(class.as_str())) (class.words()) } } }
            div.latest role="region" aria-labelledby="by-day" tabindex="0" { (days::days(view).draw()) }
            details {
                summary { "The same as a table" }
                div.wide role="region" aria-label="Messages by day, as a table" tabindex="0" {
                    table {
                        thead { tr {
                            th scope="col" { "Day (UTC)" }
                            @for class in Class::ALL { th.number scope="col" { (class.words()) } }
                        } }
                        tbody { @for day in view.days.iter().rev() { tr {
                            th scope="row" { (day.day) }
                            @for class in Class::ALL {
                                td.number { (day.messages_by_class.get(&class).copied().unwrap_or_default()) }
                            }
                        } } }
                    }
                }
            }
        }
    }
}

fn of_class(view: &View, class: Class) -> Markup {
    let (shown, left) = view.of_class(class, MAX_NAMED);
    html! {
        @if !shown.is_empty() {
            section {
                h2 { (sentence(class.words())) ": " (shown.len() as u64 + left) }
                p.soft { (explained(class)) }
                table.list {
                    thead { tr {
                        th.number scope="col" { "Messages" }
                        th scope="col" { "Host" }
                    } }
                    tbody { @for row in shown { (sender(row)) } }
                }
                @if left > 0 { p.soft { "And " (left) " more; " code { "--json" } " shows more." } }
            }
        }
    }
}

fn sender(row: &Row) -> Markup {
    html! {
        tr {
            td.number { (grouped(row.messages)) }
            th scope="row" {
                code { (row.source) } " as " (row.domain)
                br; span.soft {
                    "Reported by " (counted(row.reporters.len() as u64, "reporter")) ", on "
                    (counted(row.active_days as u64, "day"))
                }
                @for words in row.particulars() { br; span.soft { (sentence(&words)) } }
            }
        }
    }
}

fn explained(class: Class) -> &'static str {
    match class {
        Class::Yours => "DMARC passes, and your SPF record or local.networks names the host.",
        Class::ServiceOrList => {
            "SPF or DKIM passes, and the host is not one that you name: a service that signs for you, a forwarder or a list."
        }
        Class::Unproven => {
            "Nothing passes, or too few reporters say so. Forged mail looks like this, and so does mail that somebody forwards who \
             breaks its signature."
        }
        Class::Forger => {
            "Nothing passes, and bounces that came to you name the same host as their origin."
        }
    }
}

fn reporters(view: &View) -> Markup {
    html! {
        section {
            h2 { "Reporters: " (view.reporters.len()) }
            table {
                thead { tr { th scope="col" { "Domain" } th scope="col" { "Calls itself" } } }
                tbody { @for one in view.reporters.iter().take(MAX_NAMED) { tr {
                    th scope="row" { code { (one.reporter) } }
                    td { (one.organization) }
                } } }
            }
        }
    }
}

fn notes() -> Markup {
    html! {
        section {
            h2 { "How to read this" }
            p {
                "Everything here is what reporters claim: mail servers of others that got mail with your domain in From:. A reporter "
                "is known by the domain that its mail passed DMARC for, and all names below one that a registry gave away are one "
                "reporter. Fewer than " (MIN_REPORTERS) " reporters make no host more than unproven."
            }
            p { "Nobody is a forger by a report alone: bounces of at least " (MIN_REPORTERS) " networks must name the host, too." }
        }
    }
}
