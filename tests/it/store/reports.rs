//! What a store keeps of DMARC reports, whichever it is.

use std::net::{IpAddr, Ipv4Addr};

use backstop::core::aggregate::{
    AggregateReport, KEEP_DAYS, Kept, MAX_OF_REPORTER, MAX_PER_DAY, ReportKey, Row,
};
use backstop::core::proof::DAY;

use super::place::{Place, today, until};

on_both! {
    each_report_counts_once
    a_reporter_has_so_much_room
    a_day_has_room_for_so_many_reports
    reports_that_are_over_are_gone
}

/// A report of this day, of so many sources with one message each.
pub fn report(reporter: &str, id: &str, day: u64, sources: u32) -> AggregateReport {
    let rows = (0..sources).map(|number| Row {
        source: IpAddr::V4(Ipv4Addr::from_bits(0xcb00_7100 + number)),
        header_from: "example.org".parse().unwrap(),
        spf_aligned: false,
        dkim_aligned: false,
        spf: vec![],
        dkim: vec![],
        messages: 1,
    });
    let key = ReportKey {
        reporter: reporter.parse().unwrap(),
        domain: "example.org".parse().unwrap(),
        id: id.to_owned(),
        begin: day * DAY,
        end: (day + 1) * DAY - 1,
    };
    AggregateReport::new(key, reporter.to_owned(), rows)
}

async fn each_report_counts_once(place: Place) {
    let store = place.open().await;
    let day = today();
    let one = report("b.example", "1", day, 3);
    let mut other_period = one.clone();
    other_period.key.end -= 1;
    let mut other_domain = one.clone();
    other_domain.key.domain = "example.net".parse().unwrap();
    let reports = vec![
        one.clone(),
        one.clone(),
        report("b.example", "2", day, 1),
        report("a.example", "1", day, 1),
        report("b.example", "1", day - 1, 1),
        other_period,
        other_domain,
    ];
    let mut expected = vec![Kept::New; 7];
    expected[1] = Kept::Known;
    assert_eq!(store.import_reports(reports.clone()).await, Ok(expected));
    assert_eq!(store.import_reports(vec![]).await, Ok(vec![]));
    let again = store.import_reports(reports.clone()).await;
    assert_eq!(again, Ok(vec![Kept::Known; 7]));
    drop(store);
    let store = place.open().await;
    let kept = store.reports(0..=u64::MAX).await.unwrap();
    let mut all = reports;
    all.remove(0);
    all.sort_by(|one, other| (one.key.day(), &one.key).cmp(&(other.key.day(), &other.key)));
    let mut sorted = kept.clone();
    sorted.sort_by(|one, other| (one.key.day(), &one.key).cmp(&(other.key.day(), &other.key)));
    assert_eq!(sorted, all);
    let names: Vec<_> = kept
        .iter()
        .map(|report| report.key.reporter.as_str())
        .collect();
    assert_eq!(names[..2], ["b.example", "a.example"]);
    let of_yesterday = store.reports(day - 1..=day - 1).await.unwrap();
    assert_eq!(of_yesterday, [report("b.example", "1", day - 1, 1)]);
}

/// A thousand names of one owner are one reporter.
async fn a_reporter_has_so_much_room(place: Place) {
    let store = place.open().await;
    let day = today();
    let of_owner = |number: u64| report(&format!("n{number}.bot.example"), "1", day, 1);
    let flood: Vec<_> = (0..MAX_OF_REPORTER.reports + 10).map(of_owner).collect();
    let kept = store.import_reports(flood).await.unwrap();
    let count = |kept: &[Kept], what| kept.iter().filter(|one| **one == what).count() as u64;
    assert_eq!(count(&kept, Kept::New), MAX_OF_REPORTER.reports);
    assert_eq!(count(&kept, Kept::NoRoom), 10);
    // In another batch, too; others still have room, and those that take much of it less.
    let large = |id: u64| report("large.example", &id.to_string(), day, 2_000);
    let each = large(0).to_bytes().len() as u64;
    let fitting = MAX_OF_REPORTER.octets / each;
    for at in 0..=fitting {
        let kept = store
            .import_reports(vec![of_owner(1_000 + at), large(1_000 + at)])
            .await;
        let expected = if at < fitting {
            Kept::New
        } else {
            Kept::NoRoom
        };
        assert_eq!(kept, Ok(vec![Kept::NoRoom, expected]), "{at}");
    }
    let other_day = report("n1.bot.example", "1", day - 1, 1);
    assert_eq!(
        store.import_reports(vec![other_day]).await,
        Ok(vec![Kept::New])
    );
}

async fn a_day_has_room_for_so_many_reports(place: Place) {
    let store = place.open().await;
    let day = today();
    let mut new = 0;
    for part in 0..=MAX_PER_DAY.reports / 500 {
        let numbers = part * 500..(part + 1) * 500;
        let reports = numbers.map(|number| report(&format!("r{number}.example"), "1", day, 1));
        let kept = store.import_reports(reports.collect()).await.unwrap();
        new += kept.iter().filter(|one| **one == Kept::New).count() as u64;
    }
    assert_eq!(new, MAX_PER_DAY.reports);
}

async fn reports_that_are_over_are_gone(place: Place) {
    let store = place.open().await;
    let today = today();
    let days = [
        today - KEEP_DAYS,
        today - KEEP_DAYS + 1,
        today + 1,
        today + 2,
    ];
    let reports = days.map(|day| report("a.example", "1", day, 1));
    let kept = store.import_reports(reports.to_vec()).await;
    let expected = [Kept::NotKept, Kept::New, Kept::New, Kept::NotKept];
    assert_eq!(kept, Ok(expected.to_vec()));
    // One that was kept yesterday is deleted today.
    if let Place::Sqlite(folder) = &place {
        let mut other = super::place::other_program(&folder.path().join("state.db")).await;
        let older = "UPDATE dmarc_reports SET day = day - 1 WHERE day < ?1";
        sqlx::query(older)
            .bind(i64::try_from(today).unwrap())
            .execute(&mut other)
            .await
            .unwrap();
        drop(store);
        let store = place.open().await;
        until("the old day is deleted", async || {
            store.reports(0..=u64::MAX).await.unwrap().len() == 1
        })
        .await;
    }
}
