//! Who sends, by what many reports say.

use backstop::{
    core::attack::{AttackCount, AttackKind, Fate, hour},
    store::open,
};
use lab::dns::{Server, Zone};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{Desk, Row, xml};
use crate::{
    bounce::now,
    store::{
        attack::count,
        place::{KEEP, until_written},
    },
};

/// Our own host, a service that signs for us, a list, a bot, and one that two reporters name.
const ROWS: [Row; 5] = [
    ("192.0.2.25", 100, true, true, "example.org"),
    ("198.51.100.7", 40, false, true, "bounce.service.example"),
    ("198.51.100.8", 5, false, false, "lists.example"),
    ("203.0.113.9", 30, false, false, ""),
    ("203.0.113.66", 7, false, false, ""),
];

/// Reports of three reporters on three days, and bounces of the bot's mail.
pub fn reported(runtime: &Runtime) -> (Desk, Server) {
    let zone = Zone::new().txt("example.org", "v=spf1 ip4:192.0.2.25 -all");
    let dns = runtime.block_on(Server::start(zone));
    let desk = Desk::new(dns.addr());
    for (number, reporter) in ["big.example", "far.example", "small.example"]
        .iter()
        .enumerate()
    {
        for days in 1..=3 {
            let rows = match number {
                0 => &ROWS[..],
                _ => &ROWS[..4],
            };
            let text = xml(reporter, &format!("{days}"), "example.org", days, rows);
            desk.put(&format!("files/{reporter}-{days}.xml"), text);
        }
    }
    // However many names it has, it is one.
    for number in 0..9 {
        let reporter = format!("n{number}.bot.example");
        let rows = [("192.0.2.77", 1_000, false, false, "")];
        desk.put(
            &format!("files/{reporter}.xml"),
            xml(&reporter, "1", "example.org", 1, &rows),
        );
    }
    desk.put(
        "files/other.xml",
        xml(
            "far.example",
            "9",
            "example.net",
            1,
            &[("203.0.113.9", 2, false, false, "")],
        ),
    );
    let found = desk.json(&["reports", "import", "--trust", "files"]);
    assert_eq!(found["new"], json!(19), "{found}");
    runtime.block_on(async {
        let url = format!("sqlite:{}", desk.path("state.db").display());
        let store = open(&url.parse().unwrap(), KEEP);
        let named = (0..37).map(|network| AttackCount {
            domain: "example.org".to_owned(),
            ..count(
                AttackKind::Origin,
                Fate::Refused,
                &format!("203.0.113.9 reported 198.18.{network}.0/24"),
            )
        });
        let lying = AttackCount {
            domain: "example.org".to_owned(),
            ..count(
                AttackKind::Origin,
                Fate::Refused,
                "192.0.2.25 claimed 198.18.1.0/24",
            )
        };
        store.count_attack(hour(now()), named.chain([lying]).collect());
        until_written(&*store).await;
        store.close().await;
    });
    (desk, dns)
}

fn told(found: &Value) -> Vec<String> {
    let rows = found["senders"].as_array().unwrap().iter();
    rows.map(|row| {
        format!(
            "{} {} {} claimed {} of {} on {} days: {}",
            row["source"].as_str().unwrap(),
            row["domain"].as_str().unwrap(),
            row["class"].as_str().unwrap(),
            row["claimed"].as_str().unwrap_or("-"),
            row["reporters"].as_array().unwrap().len(),
            row["active_days"],
            row["messages"]
        )
    })
    .collect()
}

#[test]
fn senders_are_told_apart_and_nobody_is_accused_by_one() {
    let runtime = Runtime::new().unwrap();
    let (desk, _dns) = reported(&runtime);
    let found = desk.json(&["report", "senders"]);
    assert_eq!(
        told(&found),
        [
            "192.0.2.77 example.org unproven claimed - of 1 on 1 days: 9000",
            "192.0.2.25 example.org yours claimed - of 3 on 3 days: 900",
            "198.51.100.7 example.org service_or_list claimed - of 3 on 3 days: 360",
            "203.0.113.9 example.org forger claimed - of 3 on 3 days: 270",
            "198.51.100.8 example.org service_or_list claimed - of 3 on 3 days: 45",
            "203.0.113.66 example.org unproven claimed - of 1 on 3 days: 21",
            // Of our other domain one reporter speaks.
            "203.0.113.9 example.net unproven claimed forger of 1 on 1 days: 2",
        ]
    );
    let bot = &found["senders"][3];
    let backscatter = json!({"bounces": 37, "reporting_networks": 37});
    assert_eq!(bot["backscatter"], backscatter);
    let service = &found["senders"][2];
    assert_eq!(service["spf_domains"], json!(["bounce.service.example"]));
    assert_eq!(service["dkim_domains"], json!(["example.org"]));
    assert_eq!(
        (&service["spf_aligned"], &service["dkim_aligned"]),
        (&json!(0), &json!(360))
    );
    assert_eq!(
        (
            &found["reports"],
            found["reporters"].as_array().unwrap().len()
        ),
        (&json!(19), 4)
    );
    assert_eq!(
        found["reporters"][1]["organization"],
        "The mail of n0.bot.example"
    );
    assert_eq!(found["days"].as_array().unwrap().len(), 3);
    // Without DNS the reporters' word on SPF counts, and nobody is a forger.
    let found = desk.json(&["report", "senders", "--no-dns", "--domain", "example.org"]);
    let classes: Vec<_> = told(&found)
        .iter()
        .map(|row| row.split(' ').nth(2).unwrap().to_owned())
        .collect();
    let expected = [
        "unproven",
        "yours",
        "service_or_list",
        "unproven",
        "service_or_list",
        "unproven",
    ];
    assert_eq!(classes, expected);
    let found = desk.json(&["report", "senders", "--since", "2d"]);
    assert_eq!(found["senders"][1]["messages"], json!(300));
}

#[test]
fn the_terminal_says_who_claims_it() {
    let runtime = Runtime::new().unwrap();
    let (desk, _dns) = reported(&runtime);
    let text = desk.text(&["report", "senders"]);
    for words in [
        "messages, in 19 reports of 4 reporters\n",
        "\nyours: 1\n",
        "       900          3      3  192.0.2.25  example.org\n",
        "also behind 37 bounces of 37 networks\n",
        "\nservice or list: 2\n",
        "SPF passes for bounce.service.example, DKIM passes for example.org\n",
        "nothing passes\n",
        "one reporter says: forger\n",
        "Fewer than 3 of them make no sender more than unproven.",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    // There may be none, or not even a store.
    let none = Desk::new(_dns.addr());
    let output = none.run(&["report", "senders"]);
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    none.put("empty/readme.txt", "");
    none.text(&["reports", "import", "empty"]);
    assert!(
        none.text(&["report", "senders"])
            .contains("no reports; `backstop reports import`")
    );
    let output = none.run(&["report", "senders", "--domain", "far.example"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
}
