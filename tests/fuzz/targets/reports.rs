//! DMARC reports: octets that say they are one are one within bounds, or none; what was written is read back; what a host's own
//! results say of a mail is what was written into them.

use backstop::{
    core::{
        aggregate::{AggregateReport, MAX_ROWS, Written, attached},
        header::Headers,
        local::Local,
        trace_header::OwnResults,
    },
    mailstore::dmarc,
};

use super::input::Input;

/// The front of a report that is whole with an end.
const FRONT: &[u8] = b"<feedback><report_metadata><org_name>Far</org_name><email>a@far.example</email><report_id>1</report_id>\
    <date_range><begin>1795737600</begin><end>1795823999</end></date_range></report_metadata>\
    <policy_published><domain>example.org</domain></policy_published>";
/// Inside of that period.
const NOW: u64 = 1_795_800_000;

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    match input.below(5) {
        0 => read(input.rest()),
        1 => read(&[FRONT, input.rest(), b"</feedback>"].concat()),
        2 => written(&mut input),
        3 => {
            for part in attached(input.rest()) {
                read(&part);
            }
        }
        _ => results(&mut input),
    }
}

fn read(octets: &[u8]) {
    match dmarc::reports(octets) {
        Ok(reports) => reports.into_iter().for_each(holds),
        Err(why) => assert!(!why.to_string().contains(char::is_control), "{why:?}"),
    }
}

/// What was read is bounded, plain, and the same when it was stored.
fn holds(report: Written) {
    assert!(report.rows.len() <= MAX_ROWS);
    for text in [&report.id, &report.organization] {
        assert!(
            text.len() <= 255 && !text.contains(char::is_control),
            "{text:?}"
        );
    }
    let local = Local {
        domains: vec!["example.org".parse().unwrap()].into(),
        ..Local::default()
    };
    let reporter = "far.example".parse().unwrap();
    for report in report.by(&reporter, &local, NOW).into_iter().flatten() {
        let bytes = report.to_bytes();
        assert_eq!(AggregateReport::from_bytes(&bytes), Some(report));
    }
}

/// A report of chance is read as it was written.
fn written(input: &mut Input<'_>) {
    let blank = input.one_of(&["", "\n", "\r\n\t", "<!-- x -->"]);
    let mut text = FRONT.to_vec();
    let mut messages = 0_u64;
    let mut without = 0_u64;
    for _ in 0..input.below(6) {
        let count = u64::from(input.byte());
        let source = input.one_of(&["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "nobody", ""]);
        let verdict = input.one_of(&["pass", "fail", "PASS", "none", ""]);
        let domain = input.one_of(&[
            "example.org",
            "a.example.org",
            "elsewhere.example",
            "",
            "a b",
        ]);
        let has_address = source.parse::<std::net::IpAddr>().is_ok();
        *if has_address {
            &mut messages
        } else {
            &mut without
        } += count;
        let record = format!(
            "<record>{blank}<row><source_ip>{blank}{source}</source_ip><count>{count}</count><policy_evaluated><spf>{verdict}</spf>\
             </policy_evaluated></row><identifiers><header_from>{domain}</header_from></identifiers>{blank}<auth_results>\
             <spf><domain>{domain}</domain><result>{verdict}</result></spf></auth_results></record>"
        );
        text.extend(record.as_bytes());
    }
    text.extend(b"</feedback>");
    let reports = dmarc::reports(&text).unwrap();
    let rows = &reports[0].rows;
    let sum: u64 = rows.iter().map(|row| row.messages).sum();
    assert_eq!(
        (sum, reports[0].others),
        (messages, without),
        "{}",
        text.escape_ascii()
    );
    holds(reports.into_iter().next().unwrap());
    // Cut anywhere, or with one octet changed, it is no panic.
    let at = usize::try_from(input.number()).unwrap_or_default() % text.len();
    read(&text[..at]);
    text[at] = input.byte();
    read(&text);
}

/// Nobody but our own host is believed.
fn results(input: &mut Input<'_>) {
    let id = input.one_of(&["mx.example.org", "mx.far.example"]);
    let ours = id == "mx.example.org";
    let value = input.text(400);
    let value: Vec<u8> = value
        .iter()
        .copied()
        .filter(|byte| !b"\r\n".contains(byte))
        .collect();
    let head = format!(
        "Received: from far.example (far.example [192.0.2.1]) by mx.example.org; Sat, 28 Nov 2026 13:00:00 +0000\n\
         Authentication-Results: {id}; "
    );
    let headers = [head.as_bytes(), &value, b"\n\n"].concat();
    let found = OwnResults::of(&Headers::parse(&headers).0, None, |_| false);
    let none = OwnResults::default();
    assert!(ours || found == none, "{}", headers.escape_ascii());
    // Below the next hop anybody wrote.
    let below = [
        b"Received: from a (a [192.0.2.7]) by mx.example.org; Sat, 28 Nov 2026 13:00:00 +0000\n"
            .as_slice(),
        &headers,
    ];
    let found = OwnResults::of(&Headers::parse(&below.concat()).0, None, |_| false);
    assert_eq!(found, none, "{}", headers.escape_ascii());
}
