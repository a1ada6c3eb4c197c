use super::*;

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
