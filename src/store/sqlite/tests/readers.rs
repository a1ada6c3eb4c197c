//! Who reads with which connection.

use futures_util::FutureExt;
use sqlx::query_scalar;

use super::*;

#[tokio::test]
async fn one_that_was_left_in_the_middle_is_asked_before_the_next_may_have_it() {
    let (_folder, store) = opened().await;
    let readers = &store.open.readers;
    let left = readers.lend().await.unwrap();
    let done = readers.lend().await.unwrap();
    assert!(readers.lend().now_or_never().is_none());
    drop(left);
    done.done();
    let lent = readers.lend().now_or_never().unwrap();
    let mut lent = lent.unwrap();
    // Nobody had the time to ask the other one.
    assert!(readers.lend().now_or_never().is_none());
    let mut other = readers.lend().await.unwrap();
    for reader in [&mut lent, &mut other] {
        let one = query_scalar("SELECT 1").fetch_one(reader.connection().unwrap());
        let one: i64 = one.await.unwrap();
        assert_eq!(one, 1);
    }
}

#[tokio::test]
async fn they_are_closed_once_nobody_has_one() {
    let (_folder, store) = opened().await;
    let readers = &store.open.readers;
    let lent = readers.lend().await.unwrap();
    let mut close = Box::pin(readers.close());
    assert!(close.as_mut().now_or_never().is_none());
    let mut waits = Box::pin(readers.lend());
    assert!(waits.as_mut().now_or_never().is_none());
    lent.done();
    close.await;
    assert!(matches!(waits.await, Err(sqlx::Error::PoolClosed)));
    assert!(matches!(readers.lend().await, Err(sqlx::Error::PoolClosed)));
}
