//! Accepts connections again after the system ran out of descriptors or memory.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Sleep, sleep};

use crate::milter::Counters;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Pauses after an error, each time longer, until accepting works again. No error of accept(2) ends the listener: most
/// are about one client, and descriptors and memory come back.
#[derive(Debug)]
pub(super) struct Retry {
    next_pause: Duration,
    pausing: Option<Pin<Box<Sleep>>>,
}

impl Retry {
    pub(super) fn new() -> Self {
        Self {
            next_pause: FIRST_PAUSE,
            pausing: None,
        }
    }

    pub(super) fn poll_accept<T>(
        &mut self,
        cx: &mut Context<'_>,
        counters: &Counters,
        mut accept: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<T> {
        loop {
            if let Some(pausing) = &mut self.pausing {
                ready!(pausing.as_mut().poll(cx));
                self.pausing = None;
            }
            match ready!(accept(cx)) {
                Ok(accepted) => {
                    self.next_pause = FIRST_PAUSE;
                    return Poll::Ready(accepted);
                }
                Err(error) => {
                    counters.accept_failed(&error);
                    self.pausing = Some(Box::pin(sleep(self.next_pause)));
                    self.next_pause = MAX_PAUSE.min(self.next_pause * 2);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn errors_are_waited_out() {
        const EMFILE: i32 = 24;
        let counters = Counters::default();
        let mut retry = Retry::new();
        for _ in 0..2 {
            let start = Instant::now();
            let mut failures = 0;
            let accepted = poll_fn(|cx| {
                retry.poll_accept(cx, &counters, |_| {
                    failures += 1;
                    Poll::Ready(match failures {
                        7.. => Ok("a client"),
                        _ => Err(io::Error::from_raw_os_error(EMFILE)),
                    })
                })
            })
            .await;
            assert_eq!(accepted, "a client");
            let pauses = [50, 100, 200, 400, 800, 1000];
            assert_eq!(
                start.elapsed().as_millis(),
                pauses.into_iter().sum::<u128>()
            );
        }
        let snapshot = counters.snapshot();
        assert_eq!(snapshot.accept_errors, 12);
        assert!(
            snapshot
                .last_accept_error
                .unwrap()
                .contains("Too many open files")
        );
    }
}
