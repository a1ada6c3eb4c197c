//! What systemd is told (sd_notify(3)): start, reload, end, and the line that `systemctl status` shows.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sd_notify::NotifyState;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{core::address::Domain, core::printable::shortened, engine::Shared};

/// How often the line can change.
const STATUS: Duration = Duration::from_secs(5);
/// How far back its numbers look.
const LATELY: Duration = Duration::from_secs(60);
/// How many domains it names, and how much of each name it shows: those below `.example.org` are strangers' inventions.
const MAX_NAMED: usize = 3;
const MAX_NAME: usize = 64;
/// How much it shows of the reason why a reload failed.
const MAX_REASON: usize = 400;

/// Notifies systemd, if it runs us.
pub(super) fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(false, states) {
        log::debug!("systemd could not be notified: {error}");
    }
}

/// That the file is read again. systemd takes the time to tell which of its own requests this is the answer to.
pub(super) fn reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        notify(&[NotifyState::Reloading, now]);
    }
}

/// The line of `systemctl status`.
#[derive(Debug, Default)]
pub(super) struct Status(Mutex<Facts>);

#[derive(Clone, Debug, Default)]
struct Facts {
    /// Address and mode.
    shown: String,
    /// Why the last reload failed, if it did.
    failed: Option<String>,
    traffic: String,
    sieges: String,
}

impl Status {
    /// The start or a reload is done.
    pub fn ready(&self, shown: String) {
        self.changed(&[NotifyState::Ready], |facts| {
            facts.shown = shown;
            facts.failed = None;
        });
    }

    /// A reload has failed.
    pub fn reload_failed(&self, why: &str) {
        self.changed(&[NotifyState::Ready], |facts| {
            let why: String = why.chars().take(MAX_REASON).collect();
            facts.failed = Some(why.replace(char::is_control, " "));
        });
    }

    fn changed(&self, states: &[NotifyState<'_>], change: impl FnOnce(&mut Facts)) {
        let line = {
            let mut facts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut facts);
            facts.line()
        };
        notify(&[states, &[NotifyState::Status(&line)]].concat());
    }
}

impl Facts {
    fn line(&self) -> String {
        let failed = self.failed.as_ref().map(|why| {
            format!("the last reload failed, and the configuration is the one before: {why}")
        });
        let parts = [&self.shown, &self.traffic, &self.sieges].map(Some);
        let parts = parts.into_iter().chain([failed.as_ref()]).flatten();
        let parts: Vec<_> = parts.filter(|part| !part.is_empty()).cloned().collect();
        parts.join("; ")
    }
}

/// Keeps the numbers of the line up to date. What has not changed is not said again.
pub(super) async fn keep_status(status: Arc<Status>, shared: Arc<Shared>) {
    let mut ticks = interval(STATUS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut lately = Lately::default();
    let mut said = Default::default();
    loop {
        let now = ticks.tick().await;
        let traffic = lately.of(now, [shared.messages(), shared.metrics.refused()]);
        let view = shared.engine.load().sieges.view();
        let besieged = view.statuses.iter();
        let besieged = besieged.filter(|(_, status)| status.state.is_besieged());
        let besieged: Vec<_> = besieged.map(|(domain, _)| domain.as_ref()).collect();
        let all = usize::from(view.all().is_besieged()) + view.besieged();
        let say = (traffic_line(traffic), siege_line(&besieged, all));
        if said != say {
            status.changed(&[], |facts| (facts.traffic, facts.sieges) = say.clone());
            said = say;
        }
    }
}

/// Counts at the moments that lie less than a minute back, and the one before.
#[derive(Debug, Default)]
struct Lately(VecDeque<(Option<Instant>, [u64; 2])>);

impl Lately {
    /// How much more there is than a minute ago; all, if there is no minute yet.
    fn of(&mut self, now: Instant, counts: [u64; 2]) -> [u64; 2] {
        let moments = &mut self.0;
        if moments.is_empty() {
            moments.push_back((None, [0; 2]));
        }
        moments.push_back((Some(now), counts));
        let is_past = |moment: &(Option<Instant>, _)| {
            moment
                .0
                .is_some_and(|then| now.duration_since(then) >= LATELY)
        };
        while moments.get(1).is_some_and(is_past) {
            moments.pop_front();
        }
        let before = moments.front().map_or([0; 2], |(_, counts)| *counts);
        let [messages, refused] = counts;
        let [messages_before, refused_before] = before;
        [
            messages.saturating_sub(messages_before),
            refused.saturating_sub(refused_before),
        ]
    }
}

fn traffic_line([messages, refused]: [u64; 2]) -> String {
    let of = |count, one: &str, many: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    };
    format!(
        "last minute: {}, {} refused",
        of(messages, "message", "messages"),
        of(refused, "recipient", "recipients")
    )
}

/// Names some of those that are besieged, of so many in all.
fn siege_line(besieged: &[Option<&Domain>], all: usize) -> String {
    if besieged.is_empty() {
        return String::new();
    }
    let name = |domain: &Option<&Domain>| match domain {
        Some(domain) => shortened(domain.to_string().as_bytes(), MAX_NAME),
        None => "all domains".to_owned(),
    };
    let mut named: Vec<_> = besieged.iter().take(MAX_NAMED).map(name).collect();
    if all > named.len() {
        named.push(format!("and {} more", all - named.len()));
    }
    format!("besieged: {}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_numbers_are_those_of_the_last_minute() {
        let (begun, mut lately) = (Instant::now(), Lately::default());
        for (seconds, counts, expected) in [
            (0, [5, 1], [5, 1]),
            (30, [9, 1], [9, 1]),
            (59, [10, 2], [10, 2]),
            // Since the first look, a minute ago.
            (60, [20, 2], [15, 1]),
            (89, [20, 2], [15, 1]),
            (90, [30, 4], [21, 3]),
            // Nobody looked for an hour.
            (3690, [31, 4], [1, 0]),
            (3700, [31, 4], [1, 0]),
            (3750, [31, 4], [0, 0]),
        ] {
            let now = begun + Duration::from_secs(seconds);
            assert_eq!(lately.of(now, counts), expected, "{seconds}");
            assert!(lately.0.len() < 20);
        }
    }

    #[test]
    fn the_line_is_bounded_and_one() {
        let domains: Vec<Domain> = (0..50)
            .map(|number| {
                format!("{}{number}.example.org", "x".repeat(50))
                    .parse()
                    .unwrap()
            })
            .chain([format!("{0}.{0}.{0}.example", "y".repeat(60))
                .parse()
                .unwrap()])
            .collect();
        let all: Vec<_> = domains.iter().rev().map(Some).collect();
        for (besieged, expected) in [
            (&[][..], ""),
            (&[None], "besieged: all domains"),
            (&all[50..], &format!("besieged: {}", domains[0])),
        ] {
            assert_eq!(siege_line(besieged, besieged.len()), expected);
        }
        let line = siege_line(&all, all.len());
        assert!(
            line.ends_with(", and 48 more") && line.len() < 300,
            "{line}"
        );
        assert_eq!(
            traffic_line([1, 0]),
            "last minute: 1 message, 0 recipients refused"
        );
        let facts = Facts {
            shown: "listening on 127.0.0.1:8894, mode monitor".to_owned(),
            ..Facts::default()
        };
        assert_eq!(facts.line(), facts.shown);
        let status = Status::default();
        status.reload_failed(&"a\nb".repeat(1000));
        let line = status.0.lock().unwrap().line();
        assert!(
            !line.contains(char::is_control) && line.len() < 600,
            "{line}"
        );
    }
}
