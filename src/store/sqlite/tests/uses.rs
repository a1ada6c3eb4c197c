//! Uses of proofs, as they are written.

use super::*;

fn used(message: u8, notification: Option<u8>, now: u64) -> ProofUse {
    ProofUse {
        message: hash(message),
        attempt: Attempt {
            notification: notification.map(hash),
            ..attempt(now)
        },
        until: now + 100,
    }
}

impl Opened {
    /// How often the proofs of a message failed to be delivered, and until when that is kept.
    async fn times(&self, message: u8) -> (u32, u64) {
        let mut kept = self.kept(message).await;
        let until = kept.until;
        match kept.take(&attempt(0), 0) {
            Use::Counted { times, .. } => (times - 1, until),
            Use::TooOften { limit } => (limit, until),
            other => panic!("{other:?}"),
        }
    }
}

/// Each row: what two processes have counted, each for itself, in their batches; what is there then.
#[tokio::test]
async fn batches_are_added_up() {
    let (_folder, store) = opened().await;
    let end = NOW + 100;
    for (message, batches, expected) in [
        (1, vec![vec![used(1, None, NOW)]], (1, end)),
        // All of a message go into one row, in order.
        (
            2,
            vec![(0..3).map(|later| used(2, None, NOW + later)).collect()],
            (3, end + 2),
        ),
        // Both have counted one, and neither has seen the other's.
        (
            3,
            vec![vec![used(3, Some(1), NOW)], vec![used(3, Some(2), NOW)]],
            (2, end),
        ),
        // The same notification, that both took for new.
        (
            4,
            vec![vec![used(4, Some(1), NOW)], vec![used(4, Some(1), NOW + 1)]],
            (1, end),
        ),
        // Both have reached the limit.
        (
            5,
            vec![vec![used(5, None, NOW); 5], vec![used(5, None, NOW); 5]],
            (5, end),
        ),
        // The former are over.
        (
            6,
            vec![vec![used(6, None, NOW); 5], vec![used(6, None, end)]],
            (1, end + 100),
        ),
    ] {
        for uses in batches {
            let mut batch = Batch::default();
            batch.counts.uses = uses.into();
            store.write(&mut batch).await.unwrap();
            assert_eq!(batch.len(), 0);
        }
        assert_eq!(store.times(message).await, expected, "{message}");
    }
    assert_eq!(store.number("SELECT count(*) FROM proof_uses").await, 6);
}

#[tokio::test]
async fn a_batch_may_have_many_messages() {
    let (_folder, store) = opened().await;
    for round in 1..=2 {
        let mut batch = Batch::default();
        for number in (0..=u8::MAX).flat_map(|number| [number; 2]) {
            batch.counts.uses.push_back(used(number, None, NOW));
        }
        store.write(&mut batch).await.unwrap();
        for number in 0..=u8::MAX {
            assert_eq!(store.times(number).await.0, 2 * round, "{number}");
        }
    }
}

#[tokio::test]
async fn a_row_that_cant_be_read_begins_anew() {
    let (_folder, store) = opened().await;
    store.use_proof(1, NOW, NOW + 100).await;
    store.on_writer("UPDATE proof_uses SET uses = x'ff'").await;
    assert_eq!(store.use_proof(1, NOW, NOW + 100).await, FIRST);
    assert_eq!(store.times(1).await, (1, NOW + 100));
}
