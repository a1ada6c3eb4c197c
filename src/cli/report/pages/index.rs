//! The index of all pages, for the host: it has the names of all domains and their numbers, and nothing else.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::names;
use crate::{
    cli::{
        page::{grouped, page},
        report::{attack::Period, coverage::percent, tenants::lasted},
    },
    core::{
        attack::Fate,
        by_domain::{DomainSum, DomainSums},
        moment::rfc3339,
        proof::date,
    },
};

/// The page. Domains with nothing are there by their names.
pub(super) fn page_of(
    domains: &BTreeSet<&str>,
    sums: &DomainSums,
    period: Period,
    now: u64,
) -> Markup {
    let title = "Bounces by domain";
    let worst = sums.worst_first();
    // What was counted of a domain that is gone has no page.
    let (there, gone): (Vec<_>, Vec<_>) = worst
        .into_iter()
        .partition(|(domain, _)| domains.contains(domain));
    let with_something: BTreeSet<&str> = there.iter().map(|(domain, _)| *domain).collect();
    let quiet: Vec<&str> = domains.difference(&with_something).copied().collect();
    let total = &sums.total;
    let content = html! {
        header {
            h1 { (title) }
            p.soft {
                "From " (date(period.first / 24)) " to " (date(period.last / 24)) " (UTC); written " (rfc3339(now))
            }
            p.lead {
                "This index names all domains: it is for the host, and not for clients. The page of a domain has nothing of any other."
            }
        }
        ul.tiles {
            li { b { (grouped(total.bounces.all())) } "bounces" }
            li.refused { b { (grouped(total.bounces.kept_out())) } "refused" }
            li.accepted { b { (grouped(total.reached())) } "accepted without proof" }
            li { b { (sums.besieged_now()) } "domains besieged now" }
            li { b { (grouped(domains.len() as u64)) } "domains" }
        }
        section aria-labelledby="domains" {
            h2 id="domains" { "Domains with something: " (there.len()) }
            p.soft {
                "First what is besieged now, then where most bounces without proof were accepted, then where most came."
            }
            div.wide role="region" aria-labelledby="domains" tabindex="0" { table {
                thead { tr {
                    th scope="col" { "Domain" }
                    th.number scope="col" { "Bounces" }
                    th.number scope="col" { "Refused" }
                    th.number scope="col" { "Would be" }
                    th.number scope="col" { "Accepted" }
                    th scope="col" { "Besieged" }
                    th.number scope="col" { "Coverage" }
                } }
                tbody { @for (domain, sum) in &there { (row(domain, sum)) } }
            } }
        }
        @if !quiet.is_empty() {
            section aria-labelledby="quiet" {
                h2 id="quiet" { "Domains with nothing: " (quiet.len()) }
                p { @for domain in &quiet { a href=(names::of_domain(domain)) { (domain) } " " } }
            }
        }
        @if !gone.is_empty() {
            section {
                p.soft { (gone.len()) " more domains with something are not in local.domains any more, and have no page." }
            }
        }
    };
    page(title, &content)
}

fn row(domain: &str, sum: &DomainSum) -> Markup {
    let (tally, outgoing) = (sum.bounces, &sum.outgoing);
    html! {
        tr {
            th scope="row" { a href=(names::of_domain(domain)) { (domain) } }
            td.number { (grouped(tally.all())) }
            td.number { (grouped(tally.kept_out())) }
            td.number { (grouped(tally.of(Fate::WouldRefuse))) }
            td.number { (grouped(tally.of(Fate::Accepted))) }
            td {
                @if sum.sieges > 0 { (sum.sieges) " x, " (lasted(sum.besieged)) }
                @if sum.is_besieged { ", now" }
            }
            td.number { @if outgoing.messages > 0 { (percent(outgoing.share(outgoing.provable))) } }
        }
    }
}
