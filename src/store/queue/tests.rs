use super::{room::STRANGERS, *};
use crate::core::proof::{
    ledger::Hash,
    uses::{Attempt, Counter},
};

fn queue() -> Queue {
    Queue::new(Arc::new(Journal::new("s", Arc::default())))
}

fn bounce(outcome: usize) -> CoverageCount {
    let outcome = outcome.to_string();
    CoverageCount::Bounce { outcome }
}

fn lost(queue: &Queue) -> u64 {
    queue.0.journal.losses.lost().counts
}

#[test]
fn a_flood_leaves_room_for_our_own_mail() {
    let queue = queue();
    for number in 0..STRANGERS + 3 {
        queue.count(7, bounce(number), false);
    }
    assert_eq!((queue.waiting(), lost(&queue)), ((0, STRANGERS), 3));
    queue.count(7, bounce(STRANGERS), true);
    queue.count(7, bounce(0), false);
    assert_eq!((queue.waiting(), lost(&queue)), ((0, STRANGERS + 1), 3));
}

#[tokio::test]
async fn a_batch_has_so_many_of_each_kind() {
    let queue = queue();
    for number in 0..1_500 {
        queue.count(7, bounce(number), true);
        drop(queue.remember(Sent {
            message: None,
            sender: None,
            recipients: Vec::new(),
            hosts: Vec::new(),
            recipient_count: 0,
            at: 0,
            domain: None,
        }));
    }
    for (gather, expected) in [
        // Messages do not wait, and counts do.
        (3_600, Some((1_000, 0))),
        (0, Some((500, 1_000))),
        (0, Some((0, 500))),
    ] {
        let taken = queue.take(Duration::from_secs(gather)).await;
        let sizes = taken
            .as_ref()
            .map(|taken| (taken.batch.sent.len(), taken.batch.counts.len()));
        assert_eq!(sizes, expected);
        queue.written(&mut taken.unwrap());
    }
    queue.close();
    assert!(queue.take(Duration::ZERO).await.is_none());
}

fn hash(number: u64) -> Hash {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Hash::from_bytes(bytes)
}

fn proof(message: u64) -> ProofUse {
    ProofUse {
        message: hash(message),
        attempt: Attempt {
            counter: Counter::Failure,
            limit: 3,
            notification: None,
            now: 10,
        },
        until: 20,
    }
}

fn counted(times: u32) -> Use {
    Use::Counted { times, limit: 3 }
}

/// What was read of a message that was used so often.
fn read(version: Version, times: u32) -> Option<(Version, KeptUses)> {
    let mut kept = KeptUses::default();
    for _ in 0..times {
        kept.take(&proof(0).attempt, 20);
    }
    Some((version, kept))
}

#[tokio::test]
async fn a_use_counts_over_what_was_read_and_what_waits() {
    let queue = queue();
    let write = async || {
        let mut taken = queue.take(Duration::ZERO).await.unwrap();
        let uses = std::mem::take(&mut taken.batch.counts.uses);
        queue.written(&mut taken);
        queue.done(taken);
        uses.len()
    };
    let first = queue.use_proof(&proof(1), None).unwrap_err();
    assert_eq!(queue.use_proof(&proof(1), read(first, 1)), Ok(counted(2)));
    // What waits is more than what is read.
    assert_eq!(queue.use_proof(&proof(1), read(first, 1)), Ok(counted(3)));
    let limit = Ok(Use::TooOften { limit: 3 });
    assert_eq!(queue.use_proof(&proof(1), None), limit);
    // Somebody begins to read another one.
    let version = queue.use_proof(&proof(2), None).unwrap_err();
    assert_eq!(version, first);
    assert_eq!(queue.waiting(), (0, 2));
    // They are written, but not all that was counted: more came meanwhile.
    let mut taken = queue.take(Duration::ZERO).await.unwrap();
    assert_eq!(taken.batch.counts.uses.len(), 2);
    assert_eq!(queue.use_proof(&proof(3), read(first, 0)), Ok(counted(1)));
    let mut later = proof(1);
    later.attempt.limit = 4;
    let fourth = Ok(Use::Counted { times: 4, limit: 4 });
    assert_eq!(queue.use_proof(&later, None), fourth);
    taken.batch.counts.uses.clear();
    queue.written(&mut taken);
    queue.done(taken);
    // What one waits for is known, of all that were counted.
    assert_eq!(queue.use_proof(&proof(1), None), limit);
    // What was read before they were written may lack them.
    let second = queue.use_proof(&proof(2), read(version, 0)).unwrap_err();
    assert_ne!(second, version);
    assert_eq!(queue.use_proof(&proof(2), read(second, 0)), Ok(counted(1)));
    assert_eq!(write().await, 3);
    for number in 1..=3 {
        assert!(queue.use_proof(&proof(number), None).is_err(), "{number}");
    }
    assert_eq!((queue.waiting(), lost(&queue)), ((0, 0), 0));
}

#[test]
fn a_use_without_room_counts_and_is_forgotten() {
    let queue = queue();
    let version = queue.unwritten().version();
    let many = u64::try_from(COUNTS).unwrap();
    for number in 0..many {
        let used = queue.use_proof(&proof(number), read(version, 0));
        assert_eq!(used, Ok(counted(1)), "{number}");
    }
    for _ in 0..2 {
        assert_eq!(
            queue.use_proof(&proof(many), read(version, 0)),
            Ok(counted(1))
        );
        assert_eq!(queue.use_proof(&proof(0), None), Ok(counted(2)));
    }
    assert_eq!((queue.waiting(), lost(&queue)), ((0, COUNTS), 4));
    // What is refused needs none.
    let limit = Ok(Use::TooOften { limit: 3 });
    assert_eq!(queue.use_proof(&proof(many), read(version, 3)), limit);
    assert_eq!(lost(&queue), 4);
}

#[tokio::test]
async fn a_successor_writes_the_uses_that_are_left() {
    let (former, next) = (queue(), queue());
    let version = former.unwritten().version();
    for _ in 0..3 {
        former.use_proof(&proof(1), read(version, 0)).unwrap();
    }
    former.hand_over_to(&next);
    former.close();
    assert_eq!(former.give_up(Taken::default()), (0, 0));
    assert_eq!(
        next.use_proof(&proof(1), None),
        Ok(Use::TooOften { limit: 3 })
    );
    let taken = next.take(Duration::ZERO).await.unwrap();
    assert_eq!(taken.batch.counts.uses.len(), 3);
}
