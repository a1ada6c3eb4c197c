use std::collections::HashMap;

use super::*;

fn row(day: u64, sender: &str, client: &str, times: u64, at: u64) -> WouldRow {
    WouldRow {
        day,
        group: WouldGroup {
            action: Action::Reject,
            reason: "spf_fail".to_owned(),
            by: String::new(),
            sender: sender.to_owned(),
            client: client.to_owned(),
            spare: None,
        },
        times,
        example: (at > 0).then(|| WouldExample {
            at,
            id: at.to_string(),
            queue_id: None,
            recipient: "joe@example.org".to_owned(),
            spf: None,
            spf_helo: None,
        }),
    }
}

#[test]
fn groups_are_joined_and_those_of_known_senders_come_first() {
    let rows = vec![
        row(1, "a.example", "192.0.2.1", 3, 10),
        row(1, "a.example", "192.0.2.2", 1, 11),
        row(1, "<>", "192.0.2.1", 2, 12),
        row(1, "", "", 40, 0),
        row(2, "a.example", "192.0.2.1", 9, 20),
        row(2, "b.example", "192.0.2.3", 1, 21),
        row(2, "", "", 2, 0),
    ];
    let senders = WouldSummary::senders(&rows);
    assert_eq!(senders, ["<> 192.0.2.1", "a.example", "b.example"]);
    let accepted = HashMap::from([("b.example".to_owned(), 7), ("<> 192.0.2.9".to_owned(), 1)]);
    let summary = WouldSummary::of(rows, &accepted);
    let groups = summary.groups.iter().map(|total| {
        let at = total.example.as_ref().unwrap().at;
        (total.group.sender.as_str(), total.times, total.accepted, at)
    });
    assert_eq!(
        groups.collect::<Vec<_>>(),
        [
            ("b.example", 1, 7, 21),
            ("a.example", 12, 0, 20),
            ("<>", 2, 0, 12),
            ("a.example", 1, 0, 11),
        ]
    );
    assert_eq!(summary.times, 58);
    assert_eq!(
        summary.others.into_iter().collect::<Vec<_>>(),
        [("spf_fail".to_owned(), 42)]
    );
}
