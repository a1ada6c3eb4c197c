//! Message-IDs of forged mail that a store keeps, whichever it is.

use backstop::core::proof::{
    DAY,
    forged::{FORGED_DAYS, MAX_FORGED},
};

use super::place::{Place, hash, now, other_program, until, until_written};

/// Where Redis has it.
const FORGED: &str = "backstop:1:forged";

on_both! {
    forged_mail_is_known_again
    only_so_much_of_it_is_kept
}

async fn forged_mail_is_known_again(place: Place) {
    let store = place.open().await;
    let at = now();
    store.keep_forged(at - 60, vec![hash(1), hash(2)]);
    store.keep_forged(at, vec![hash(1)]);
    until_written(&*store).await;
    // An older time does not take the place of a later one.
    store.keep_forged(at - 90, vec![hash(1)]);
    store.keep_forged(at - FORGED_DAYS * DAY - 60, vec![hash(3)]);
    until_written(&*store).await;
    drop(store);
    let store = place.open().await;
    let since = async |since| {
        let mut found = store.forged_since(since).await.unwrap();
        found.sort_unstable();
        found
    };
    assert_eq!(since(at).await, [(hash(1), at)]);
    let mut both = [(hash(1), at), (hash(2), at - 60)];
    both.sort_unstable();
    assert_eq!(since(at - 60).await, both);
    assert_eq!(since(at + 1).await, []);
    until("what is over is gone", async || since(0).await == both).await;
}

async fn only_so_much_of_it_is_kept(place: Place) {
    let at = now() - 1_000_000;
    let (most, beyond) = (MAX_FORGED as u64, 3);
    let store = place.open().await;
    until_written(&*store).await;
    fill(&place, at, most).await;
    for number in most..most + beyond {
        store.keep_forged(at + number, vec![hash(number)]);
    }
    until_written(&*store).await;
    // SQLite deletes what is too much when it opens, and each hour.
    drop(store);
    let store = place.open().await;
    until("the oldest are gone", async || {
        kept(&place).await == (most, at + beyond)
    })
    .await;
    // More than Redis is asked for at once.
    let since = at + most + beyond - 25_000;
    let some = store.forged_since(since).await.unwrap();
    assert_eq!(some.len(), 25_000);
    assert_eq!(some.iter().map(|(_, seen)| *seen).min(), Some(since));
}

/// Puts so many in, from `at` on one each second, all at once.
async fn fill(place: &Place, at: u64, most: u64) {
    const EACH: &str = "for i = 0, ARGV[2] - 1 do redis.call('ZADD', KEYS[1], ARGV[1] + i, string.format('%016d', i)) end";
    match place {
        Place::Sqlite(_) => {
            let all = format!(
                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {most}) \
                INSERT INTO forged (message, seen_at) SELECT randomblob(16), {at} + i FROM n"
            );
            place.execute(&all).await;
        }
        Place::Redis(redis) => {
            let [at, most] = [at, most].map(|number| number.to_string());
            redis.ask(&["EVAL", EACH, "1", FORGED, &at, &most]).unwrap();
        }
    }
}

/// How many are kept, and when the oldest came.
async fn kept(place: &Place) -> (u64, u64) {
    match place {
        Place::Sqlite(_) => {
            let url = place.url();
            let mut other = other_program(url.file().unwrap()).await;
            let both = sqlx::query_as("SELECT count(*), min(seen_at) FROM forged");
            let (count, oldest): (i64, i64) = both.fetch_one(&mut other).await.unwrap();
            (count.cast_unsigned(), oldest.cast_unsigned())
        }
        Place::Redis(redis) => {
            let count = redis.ask(&["ZCARD", FORGED]).unwrap();
            let oldest = redis.ask(&["ZRANGE", FORGED, "0", "0", "WITHSCORES"]);
            let oldest = oldest.unwrap();
            let at = oldest.lines().last().unwrap();
            (count.parse().unwrap(), at.parse().unwrap())
        }
    }
}
