//! Accounts that somebody may abuse.

use maud::{Markup, html};

use super::{View, count, moment};
use crate::core::{account::Flood, attack::HOUR};

/// The maximum number of accounts that are shown.
const MAX_SHOWN: usize = 10;

pub(super) fn section(view: &View) -> Markup {
    let left = view.accounts.len().saturating_sub(MAX_SHOWN);
    html! {
        @if !view.accounts.is_empty() {
            section aria-labelledby="accounts" {
                h2 id="accounts" { "Accounts that may be abused" }
                dl { @for flood in view.accounts.iter().take(MAX_SHOWN) {
                    div.alert {
                        dt { (flood.account) }
                        dd { (line(flood)) }
                        dd { "Somebody may send with its password or through a script. Nothing is refused because of it." }
                    }
                } }
                @if left > 0 { p.soft { "And " (left) " more; " code { "backstop status" } " shows all." } }
            }
        }
    }
}

fn line(flood: &Flood) -> String {
    format!(
        "{} prove that they return its mail, from {}, since {}; {:.0} in an hour would be a flood.",
        count(flood.bounces, "bounce"),
        count(u64::try_from(flood.networks).unwrap_or(u64::MAX), "network"),
        moment(flood.first.saturating_mul(HOUR)),
        flood.limit,
    )
}
