//! Domains with more backscatter than usual.

use maud::{Markup, html};

use super::{View, count, grouped, moment};
use crate::core::{
    address::Domain,
    siege::{State, Status},
};

/// The maximum number of domains that are shown: strangers can invent any number of names below `.example.org`.
const MAX_SHOWN: usize = 10;

/// The domains that are besieged; `None` for all together, which is the first then.
pub(super) fn besieged(view: &View) -> Vec<Option<&Domain>> {
    let all = view.sieges.statuses.iter();
    let besieged = all.filter(|(_, status)| status.state.is_besieged());
    let mut domains: Vec<_> = besieged.map(|(domain, _)| domain.as_ref()).collect();
    domains.sort_by_key(|domain| domain.is_some());
    domains
}

pub(super) fn section(view: &View) -> Markup {
    let mut unusual: Vec<_> = view
        .sieges
        .statuses
        .iter()
        .filter(|(_, status)| status.state != State::Calm)
        .collect();
    unusual.sort_by(|(_, one), (_, other)| {
        let worst_first = other.state.cmp(&one.state);
        worst_first.then_with(|| other.rate.total_cmp(&one.rate))
    });
    let all = usize::from(view.sieges.all() != State::Calm) + view.sieges.unusual();
    let left = all.max(unusual.len()).saturating_sub(MAX_SHOWN);
    html! {
        @if !view.watches {
            section { p.soft { "Floods of backscatter are not watched for." } }
        } @else if !unusual.is_empty() {
            section aria-labelledby="sieges" {
                h2 id="sieges" { "Floods of backscatter" }
                dl { @for (domain, status) in unusual.into_iter().take(MAX_SHOWN) {
                    div.alert {
                        dt { (domain.as_ref().map_or("All domains together", Domain::as_str)) ": " (state(status.state)) }
                        @for line in lines(status) { dd { (line) } }
                    }
                } }
                @if left > 0 { p.soft { "And " (left) " more; " code { "backstop status" } " shows up to a hundred." } }
            }
        }
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Calm => "calm",
        State::Alert => "more than usual, and answered as usual",
        State::Easing => "besieged, and it gets quieter",
        State::Siege => "besieged",
    }
}

fn lines(status: &Status) -> Vec<String> {
    let mut lines = vec![format!(
        "{} a minute without proof, where {} are usual and {} would be a flood.",
        rounded(status.rate),
        rounded(status.baseline),
        rounded(status.limit),
    )];
    if status.recipients > 0 {
        lines.push(format!(
            "In the last ten minutes they came to about {}, from about {}.",
            addresses(status.recipients),
            count(status.networks.into(), "network")
        ));
    }
    if !status.state.is_besieged() {
        return lines;
    }
    let since = match status.since {
        0 => String::new(),
        since => format!("Since {}. ", moment(since)),
    };
    lines.push(
        match (status.by_hand, status.earliest_end, status.latest_end) {
            (Some(by_hand), ..) => format!("{since}By hand, until {}.", moment(by_hand.until)),
            (None, Some(earliest), Some(latest)) => format!(
                "{since}It ends at {} if it is quiet from now on, and at {} at the latest.",
                moment(earliest),
                moment(latest)
            ),
            _ => format!("{since}It ends by itself."),
        },
    );
    lines
}

fn addresses(number: u32) -> String {
    match number {
        1 => "1 address".to_owned(),
        number => format!("{} addresses", grouped(number.into())),
    }
}

/// A rate, for people.
fn rounded(rate: f64) -> String {
    match rate {
        rate if rate >= 10.0 => format!("{rate:.0}"),
        rate if rate >= 0.1 => format!("{rate:.1}").trim_end_matches(".0").to_owned(),
        _ => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_short() {
        for (rate, text) in [
            (0.0, "0"),
            (0.04, "0"),
            (0.5, "0.5"),
            (3.0, "3"),
            (12.6, "13"),
            (420.2, "420"),
        ] {
            assert_eq!(rounded(rate), text);
        }
    }
}
