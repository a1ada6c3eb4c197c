use super::*;

pub fn domain(name: &str) -> Domain {
    name.parse().unwrap()
}

pub fn checked(name: &str, passes: bool) -> Checked {
    Checked {
        domain: domain(name),
        selector: String::new(),
        passes,
    }
}

/// Mail from this address for `example.org`.
pub fn row(source: &str, messages: u64) -> Row {
    Row {
        source: source.parse().unwrap(),
        header_from: domain("example.org"),
        spf_aligned: false,
        dkim_aligned: false,
        spf: vec![],
        dkim: vec![],
        messages,
    }
}

pub fn report(reporter: &str, id: &str, begin: u64, rows: Vec<Row>) -> AggregateReport {
    let key = ReportKey {
        reporter: domain(reporter),
        domain: domain("example.org"),
        id: id.to_owned(),
        begin,
        end: begin + DAY - 1,
    };
    AggregateReport::new(key, reporter.to_owned(), rows)
}

#[test]
fn equal_rows_are_one() {
    let rows = vec![
        row("192.0.2.1", 2),
        row("192.0.2.9", 1),
        row("192.0.2.1", 3),
    ];
    let report = report("a.example", "1", 0, rows);
    assert_eq!(report.rows, [row("192.0.2.1", 5), row("192.0.2.9", 1)]);
    assert_eq!((report.messages(), report.others), (6, 0));
}

#[test]
fn the_largest_rows_are_kept() {
    let rows = (0..MAX_ROWS + 10).map(|at| {
        let address = IpAddr::from(u32::try_from(at).unwrap().to_be_bytes());
        row(&address.to_string(), if at < 10 { 1 } else { 2 })
    });
    let report = report("a.example", "1", 0, rows.collect());
    assert_eq!((report.rows.len(), report.others), (MAX_ROWS, 10));
    assert!(report.rows.iter().all(|row| row.messages == 2));
}

#[test]
fn what_a_row_has_to_show() {
    let pass = |name| vec![checked(name, true)];
    for (spf_aligned, dkim_aligned, spf, dkim, expected) in [
        (true, false, pass("example.org"), vec![], Shown::Ours),
        (
            false,
            true,
            pass("list.example"),
            pass("example.org"),
            Shown::Ours,
        ),
        // The reporter's word counts, who knows our record.
        (false, true, vec![], vec![], Shown::Ours),
        (false, false, pass("list.example"), vec![], Shown::Theirs),
        (false, false, vec![], pass("list.example"), Shown::Theirs),
        (
            false,
            false,
            vec![checked("bot.example", false)],
            vec![],
            Shown::Nothing,
        ),
        (false, false, vec![], vec![], Shown::Nothing),
    ] {
        let row = Row {
            spf_aligned,
            dkim_aligned,
            spf,
            dkim,
            ..row("192.0.2.1", 1)
        };
        assert_eq!(row.shown(), expected, "{row:?}");
    }
}

#[test]
fn a_report_has_the_day_of_its_middle() {
    for (begin, end, day) in [
        (0, DAY - 1, 0),
        // In another zone than UTC.
        (DAY - 3_600, 2 * DAY - 3_601, 1),
        (DAY - 7 * 3_600, 2 * DAY - 7 * 3_600, 1),
        (0, 7 * DAY - 1, 3),
        (u64::MAX, u64::MAX, u64::MAX / DAY),
    ] {
        let key = ReportKey {
            begin,
            end,
            ..report("a.example", "1", 0, vec![]).key
        };
        assert_eq!(key.day(), day, "{begin} {end}");
    }
    for (begin, end, is_period) in [
        (5, 5, true),
        (5, 4, false),
        (0, 32 * DAY, true),
        (0, 32 * DAY + 1, false),
        (0, u64::MAX, false),
    ] {
        assert_eq!(ReportKey::is_period(begin, end), is_period, "{begin} {end}");
    }
}

#[test]
fn the_names_below_one_are_one_voice() {
    for (name, expected) in [
        ("google.com", "google.com"),
        ("dmarc.mail.yahoo.com", "yahoo.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("localhost", "localhost"),
    ] {
        assert_eq!(owner(&domain(name)), expected, "{name}");
    }
}

#[test]
fn octets_are_read_as_they_were_written() {
    let rows = vec![
        Row {
            dkim_aligned: true,
            spf: vec![checked("list.example", true)],
            dkim: vec![Checked {
                selector: "s2026".to_owned(),
                ..checked("example.org", true)
            }],
            ..row("2001:db8::1", 7)
        },
        row("192.0.2.1", u64::MAX),
    ];
    let report = report("a.example", "id!1", 86_400, rows);
    let bytes = report.to_bytes();
    assert_eq!(AggregateReport::from_bytes(&bytes), Some(report.clone()));
    for end in 0..bytes.len() {
        assert_eq!(AggregateReport::from_bytes(&bytes[..end]), None, "{end}");
    }
    let escape = AggregateReport {
        organization: "\x1b[2J".to_owned(),
        ..report
    };
    assert_eq!(AggregateReport::from_bytes(&escape.to_bytes()), None);
}

#[test]
fn room_is_taken_until_there_is_none() {
    let most = Room {
        reports: 2,
        octets: 10,
    };
    let mut room = Room::default();
    assert!(!room.take(11, most));
    assert!(room.take(4, most) && room.take(6, most));
    assert!(!room.take(0, most));
    assert_eq!(room, most);
}
