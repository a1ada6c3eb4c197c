//! Wrong and then right again, down and then back: what was last right counts, and nobody's mail is lost.

use std::fs;

use backstop::{
    core::{local::Local, verdict::Mode},
    directory::tenants::TenantEvent,
};
use lab::{mta::PATIENCE, process::wait_until};

use crate::directory::questions;

use super::{
    RUNTIME, domain, mode, of,
    sources::{ALL, Place, Row, Source},
};

const RIGHT: &[(&str, &str)] = &[("mode", "enforce")];
const WRONG: &[(&str, &str)] = &[("mode", "enfroce")];

/// Writes rows and waits until the domain `new.example`, which has one of these, is answered from them.
fn settle(
    source: &Source,
    tenants: &backstop::directory::tenants::Tenants,
    rows: &[Row<'_>],
    mark: &str,
) {
    let mark_row = [("mode", "enforce")];
    let mut rows = rows.to_vec();
    rows.push((mark, &mark_row));
    source.write(&rows);
    wait_until(PATIENCE, || {
        tenants.refresh();
        Ok(of(tenants, mark).is_ok_and(|row| row.mode == Some(Mode::Enforce)))
    })
    .unwrap();
}

#[test]
fn the_last_good_row_counts_while_one_is_wrong() {
    for place in Place::ALL {
        let source = Source::of(place);
        let tenants = source.tenants(ALL);
        settle(
            &source,
            &tenants,
            &[("a.example", RIGHT), ("c.example", RIGHT)],
            "m1.example",
        );
        assert_eq!(
            mode(&tenants, "a.example"),
            Some(Mode::Enforce),
            "{place:?}"
        );
        assert_eq!(
            mode(&tenants, "c.example"),
            Some(Mode::Enforce),
            "{place:?}"
        );
        settle(
            &source,
            &tenants,
            &[("a.example", WRONG), ("b.example", WRONG)],
            "m2.example",
        );
        // The answers before count for a millisecond.
        wait_until(PATIENCE, || Ok(mode(&tenants, "c.example").is_none())).unwrap();
        for _ in 0..2 {
            let row = of(&tenants, "a.example").unwrap();
            assert_eq!(row.mode, Some(Mode::Enforce), "{place:?}");
            assert!(row.from.contains("as it last was right"), "{}", row.from);
            let row = of(&tenants, "b.example").unwrap();
            assert_eq!(row.mode, Some(Mode::Monitor), "{place:?}");
            assert!(
                row.from.contains("which is wrong, and so monitor"),
                "{}",
                row.from
            );
        }
        let state = tenants.state().unwrap();
        assert_eq!(state.mistaken, 2, "{place:?}");
        settle(
            &source,
            &tenants,
            &[("a.example", &[("mode", "monitor")]), ("b.example", RIGHT)],
            "m3.example",
        );
        wait_until(PATIENCE, || {
            Ok(mode(&tenants, "a.example") == Some(Mode::Monitor)
                && mode(&tenants, "b.example") == Some(Mode::Enforce))
        })
        .unwrap();
        assert_eq!(tenants.state().unwrap().mistaken, 0, "{place:?}");
        // A row that went away is no last good one.
        settle(&source, &tenants, &[], "m4.example");
        wait_until(PATIENCE, || Ok(mode(&tenants, "b.example").is_none())).unwrap();
        settle(&source, &tenants, &[("b.example", WRONG)], "m5.example");
        wait_until(PATIENCE, || {
            Ok(mode(&tenants, "b.example") == Some(Mode::Monitor))
        })
        .unwrap();
    }
}

#[test]
fn a_mistake_is_told_once() {
    for place in Place::ALL.into_iter().filter(|place| !place.is_file()) {
        let source = Source::of(place);
        source.write(&[("a.example", WRONG), ("b.example", WRONG)]);
        let tenants = source.tenants("mode");
        let mut told = Vec::new();
        for _ in 0..5 {
            for domain in ["a.example", "b.example"] {
                mode(&tenants, domain);
            }
            std::thread::yield_now();
            told.extend(tenants.refresh());
        }
        let [
            TenantEvent::Wrong {
                rows: 2, latest, ..
            },
        ] = &told[..]
        else {
            panic!("{place:?}: {told:?}");
        };
        assert_eq!(latest.value.as_deref(), Some("enfroce"));
        assert!(told[0].to_string().contains("monitor"), "{}", told[0]);
    }
}

#[test]
fn what_a_server_said_last_counts_while_it_is_down() {
    for place in Place::ALL
        .into_iter()
        .filter(|place| matches!(place, Place::Server(_)))
    {
        let mut source = Source::of(place);
        source.write(&[("a.example", &[("mode", "monitor")]), ("c.example", RIGHT)]);
        let tenants = source.tenants("mode");
        assert_eq!(mode(&tenants, "a.example"), Some(Mode::Monitor));
        assert_eq!(mode(&tenants, "b.example"), None);
        source.server.as_mut().unwrap().stop().unwrap();
        wait_until(PATIENCE, || {
            let _ = of(&tenants, "x.example");
            Ok(tenants.state().unwrap().is_down)
        })
        .unwrap();
        assert_eq!(
            mode(&tenants, "a.example"),
            Some(Mode::Monitor),
            "{place:?}"
        );
        assert_eq!(mode(&tenants, "b.example"), None, "{place:?}");
        // It was never asked for this one.
        let why = of(&tenants, "c.example").unwrap_err();
        assert!(why.to_string().starts_with("tenants: "), "{why}");
        let events = tenants.refresh();
        assert!(
            events
                .iter()
                .any(|event| matches!(event, TenantEvent::Silent { .. })
                    && event.to_string().contains("other domains are in monitor")),
            "{place:?}: {events:?}"
        );
        assert!(tenants.state().unwrap().silent_for.is_some());
        source.server.as_mut().unwrap().start_again().unwrap();
        wait_until(PATIENCE, || {
            Ok(of(&tenants, "c.example").is_ok_and(|row| row.mode == Some(Mode::Enforce)))
        })
        .unwrap();
        let events = tenants.refresh();
        assert!(
            events
                .iter()
                .any(|event| matches!(event, TenantEvent::Back { .. })),
            "{place:?}: {events:?}"
        );
        assert_eq!(tenants.state().unwrap().silent_for, None);
    }
}

/// One in flight for a domain, however many recipients of it come at once.
#[test]
fn many_recipients_of_a_domain_are_one_question() {
    for place in Place::ALL
        .into_iter()
        .filter(|place| matches!(place, Place::Server(_)))
    {
        let source = Source::of(place);
        source.write(&[("flood.example", RIGHT)]);
        let tenants = source.asking("mode", "mode", "cache: 1m");
        let server = source.server.as_ref().unwrap();
        let before = questions(server, "flood.example");
        RUNTIME.block_on(async {
            let domain = domain("flood.example");
            let who = Local::default();
            let asked = (0..100).map(|_| tenants.of(&domain, &who));
            for row in futures_util::future::join_all(asked).await {
                assert_eq!(row.unwrap().mode, Some(Mode::Enforce));
            }
        });
        assert_eq!(questions(server, "flood.example"), before + 1, "{place:?}");
    }
}

/// A reload keeps what is known, unless it names another place.
#[test]
fn a_reload_keeps_the_answers() {
    for place in Place::ALL
        .into_iter()
        .filter(|place| matches!(place, Place::Server(_)))
    {
        let mut source = Source::of(place);
        source.write(&[("a.example", RIGHT)]);
        let tenants = source.asking("mode", "mode", "cache: 1m");
        assert_eq!(mode(&tenants, "a.example"), Some(Mode::Enforce));
        source.server.as_mut().unwrap().stop().unwrap();
        let same = tenants.succeeded_by(tenants.settings());
        assert_eq!(mode(&same, "a.example"), Some(Mode::Enforce), "{place:?}");
        let mut other = tenants.settings().clone();
        other
            .allow
            .push(backstop::directory::tenants::TenantKey::Unproven);
        assert!(
            of(&tenants.succeeded_by(&other), "a.example").is_err(),
            "{place:?}"
        );
        source.server.as_mut().unwrap().start_again().unwrap();
    }
}

#[test]
fn a_file_that_can_not_be_read_leaves_what_was_read() {
    for (place, broken) in [
        (Place::Yaml, "a.example: {mode: enforce\n"),
        (Place::Yaml, ""),
        (Place::Csv, "domain,modus\na.example,enforce\n"),
        (Place::Csv, ""),
    ] {
        let source = Source::of(place);
        let tenants = source.tenants(ALL);
        // It is not there yet: every domain is in monitor, which is for who asks to make of it.
        let events = tenants.refresh();
        assert!(
            matches!(&events[..], [event @ TenantEvent::Failed { kept: None, .. }]
                if event.to_string().contains("every domain is in monitor")),
            "{events:?}"
        );
        assert!(of(&tenants, "a.example").is_err());
        settle(&source, &tenants, &[("a.example", RIGHT)], "m.example");
        fs::write(source.file(), broken).unwrap();
        let mut events = Vec::new();
        wait_until(PATIENCE, || {
            events.extend(tenants.refresh());
            Ok(tenants.state().unwrap().is_down)
        })
        .unwrap();
        assert!(
            matches!(&events[..], [TenantEvent::Failed { kept: Some(2), .. }]),
            "{events:?}"
        );
        assert_eq!(mode(&tenants, "a.example"), Some(Mode::Enforce));
        settle(&source, &tenants, &[("b.example", RIGHT)], "m.example");
        wait_until(PATIENCE, || {
            tenants.refresh();
            Ok(mode(&tenants, "a.example").is_none())
        })
        .unwrap();
        assert!(!tenants.state().unwrap().is_down);
    }
}

/// The login may read one view: not the table below it, and it can change nothing.
#[test]
fn the_login_needs_no_more_than_to_read_a_view() {
    for place in [
        Place::Server(lab::directory::Kind::Postgresql),
        Place::Server(lab::directory::Kind::Mariadb),
    ] {
        let source = Source::of(place);
        source.write(&[("a.example", RIGHT)]);
        assert_eq!(
            mode(&source.tenants("mode"), "a.example"),
            Some(Mode::Enforce),
            "{place:?}"
        );
        let tenants = source.asking(
            "mode",
            "mode FROM client WHERE domain = :domain UNION SELECT mode",
            "cache: 1ms",
        );
        let why = of(&tenants, "a.example").unwrap_err().to_string();
        assert!(why.contains("denied"), "{place:?}: {why}");
    }
}
