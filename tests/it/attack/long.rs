//! A report on a long attack, whose store is as full as it may be.

use std::process::Command;

use serde_json::Value;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use tokio::runtime::Runtime;

use super::Site;
use crate::bounce::now;

/// How many days the attack lasted.
const DAYS: u64 = 30;

/// 250 hosts, networks and addresses in each hour.
const FILL: &str = "
    WITH RECURSIVE
        hours (hour) AS (SELECT ?1 UNION ALL SELECT hour + 1 FROM hours WHERE hour < ?2),
        numbers (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number < 249)
    INSERT INTO attack (hour, kind, domain, fate, text, count)
        SELECT hour, kind, 'example.org', 'refused', kind || ' ' || ((hour * 41 + number) % 9000), 4
        FROM hours, (SELECT 'host' AS kind UNION ALL SELECT 'network' UNION ALL SELECT 'recipient'), numbers
        UNION ALL SELECT hour, 'reason', 'example.org', 'refused', 'reject unproven', 1000 FROM hours
        UNION ALL SELECT hour, 'proof', 'example.org', 'refused', 'unproven', 1000 FROM hours";

#[test]
fn a_report_is_there_after_a_month_of_flood() {
    let site = Site::new("");
    // Makes the tables.
    site.store(|_| {});
    let last = now() / 3600 - 1;
    let first = last + 1 - DAYS * 24;
    Runtime::new().unwrap().block_on(async {
        let options = SqliteConnectOptions::new().filename(site.path("state.db"));
        let mut connection = options.connect().await.unwrap();
        let fill = sqlx::query(FILL).bind(first as i64).bind(last as i64);
        fill.execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    // All of these rows at once took half a gigabyte.
    let command = "ulimit -d 250000 && exec \"$0\" --config milter.yaml report --days 31 --json";
    let output = Command::new("sh")
        .args(["-c", command, env!("CARGO_BIN_EXE_backstop")])
        .current_dir(site.folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = DAYS * 24 * 1000;
    assert_eq!(told["bounces"]["refused"], all);
    assert_eq!(told["hours"].as_array().unwrap().len() as u64, DAYS * 24);
    for list in ["hosts", "networks", "recipients"] {
        let top = told[list]["top"].as_array().unwrap();
        let sum: u64 = top.iter().map(|one| one["suspect"].as_u64().unwrap()).sum();
        assert_eq!((sum, top.len()), (all, 9000), "{list}");
    }
}
