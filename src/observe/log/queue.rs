//! A bounded queue between those who log and the log's reader, so that a reader that stops does not stop mail.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// How long the writer waits before it tries again, where the log can't take more for now: a pipe that does not block.
const RETRY: Duration = Duration::from_millis(50);

/// How long lines gather after a write, so that a busy daemon wakes the writer a hundred times a second and not at each line.
const GATHER: Duration = Duration::from_millis(10);

/// How much of an empty batch is kept for the next lines.
const KEPT: usize = 64 << 10;

/// Lines that wait for the writer, a thread of its own. What finds no room is counted.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// How many octets may wait.
    room: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: Batch,
    /// The writer waits to be told of a line.
    is_idle: bool,
    is_writing: bool,
    /// Lines lost since the loss was last told.
    untold: u64,
    /// Lines lost since the start.
    lost: u64,
}

/// What is written together.
#[derive(Debug, Default)]
struct Batch {
    /// How many lines were lost before these.
    lost_before: u64,
    lines: Vec<u8>,
}

impl Queue {
    /// A queue of `room` octets, and a thread that writes them to `log`. `tell` is the line that says how many were lost.
    ///
    /// # Errors
    /// The thread can't be started.
    pub(super) fn start(
        log: impl Write + Send + 'static,
        room: usize,
        tell: impl Fn(u64) -> Vec<u8> + Send + 'static,
    ) -> io::Result<Arc<Self>> {
        let queue = Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            room,
        });
        let writer = Arc::clone(&queue);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.write_to(log, tell))?;
        Ok(queue)
    }

    /// Puts whole lines at the end, or counts them as lost. It never waits for the reader of the log.
    pub(super) fn push(&self, lines: &[u8]) {
        let mut state = self.lock();
        // Once a line is lost, all are until the writer has taken what waited: so the loss is told in one line.
        let room = if state.untold > 0 && !state.waiting.lines.is_empty() {
            0
        } else {
            self.room.saturating_sub(state.waiting.lines.len())
        };
        if lines.len() > room {
            state.lose(lines);
            return;
        }
        state.tell_with_next();
        state.waiting.lines.extend_from_slice(lines);
        if mem::take(&mut state.is_idle) {
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Waits until everything is written, but not longer than `most`.
    pub(super) fn flush(&self, most: Duration) {
        let busy =
            |state: &mut State| !state.waiting.is_empty() || state.is_writing || state.untold > 0;
        let waited = self.changed.wait_timeout_while(self.lock(), most, busy);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// How many lines were lost since the start.
    pub(super) fn lost(&self) -> u64 {
        self.lock().lost
    }

    fn write_to(&self, mut log: impl Write, tell: impl Fn(u64) -> Vec<u8>) {
        let mut batch = Batch::default();
        loop {
            self.next(&mut batch);
            let told = match batch.lost_before {
                0 => Ok(()),
                lost => write_all(&mut log, &tell(lost)).map_err(|_| &*batch.lines),
            };
            let written = told.and_then(|()| write_all(&mut log, &batch.lines));
            let mut state = self.lock();
            state.is_writing = false;
            match written {
                // The log flows again: what was lost is told, even if nobody logs any more.
                Ok(()) if state.waiting.lines.is_empty() => state.tell_with_next(),
                Ok(()) => {}
                Err(rest) => {
                    if told.is_err() {
                        state.untold = state.untold.saturating_add(batch.lost_before);
                    }
                    state.lose(rest);
                    // A log that failed is tried again with the next line, and not before.
                    if !state.waiting.lines.is_empty() {
                        state.tell_with_next();
                    }
                }
            }
            drop(state);
            self.changed.notify_all();
            thread::sleep(GATHER);
        }
    }

    /// Waits for something to write, and swaps it with `written`.
    fn next(&self, written: &mut Batch) {
        written.lost_before = 0;
        written.lines.clear();
        written.lines.shrink_to(KEPT);
        let nothing = |state: &mut State| {
            state.is_idle = state.waiting.is_empty();
            state.is_idle
        };
        let woken = self.changed.wait_while(self.lock(), nothing);
        let mut state = woken.unwrap_or_else(PoisonError::into_inner);
        state.is_writing = true;
        mem::swap(written, &mut state.waiting);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lose(&mut self, lines: &[u8]) {
        let count = lines.iter().filter(|&&byte| byte == b'\n').count();
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.untold = self.untold.saturating_add(count);
        self.lost = self.lost.saturating_add(count);
    }

    fn tell_with_next(&mut self) {
        let untold = mem::take(&mut self.untold);
        self.waiting.lost_before = self.waiting.lost_before.saturating_add(untold);
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.lost_before == 0 && self.lines.is_empty()
    }
}

/// As `Write::write_all`, but a log that can't take more for now is waited for.
///
/// # Errors
/// What could not be written.
fn write_all<'a>(log: &mut impl Write, mut lines: &'a [u8]) -> Result<(), &'a [u8]> {
    while !lines.is_empty() {
        match log.write(lines) {
            Ok(0) => return Err(lines),
            Ok(written) => lines = lines.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(RETRY),
            Err(_) => return Err(lines),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        io::ErrorKind,
        sync::mpsc::{Receiver, Sender, channel},
    };

    use super::*;

    /// Far longer than anything here takes.
    const LONG: Duration = Duration::from_secs(60);

    /// A log that waits to be told how each write ends, until nobody tells any more: then all go well.
    struct Log {
        asks: Sender<()>,
        answers: Receiver<io::Result<()>>,
        written: Sender<u8>,
    }

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.asks.send(());
            self.answers.recv().unwrap_or(Ok(()))?;
            // Not all at once, as a pipe may take it.
            let taken = bytes.len().div_ceil(2);
            for byte in &bytes[..taken] {
                self.written.send(*byte).unwrap();
            }
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Scene {
        queue: Arc<Queue>,
        asked: Receiver<()>,
        answer: Sender<io::Result<()>>,
        written: Receiver<u8>,
    }

    impl Scene {
        /// The queue holds ten lines of ten octets.
        fn set() -> Self {
            let (asks, asked) = channel();
            let (answer, answers) = channel();
            let (writes, written) = channel();
            let log = Log {
                asks,
                answers,
                written: writes,
            };
            let tell = |lost| format!("{lost} lost\n").into_bytes();
            Self {
                queue: Queue::start(log, 100, tell).unwrap(),
                asked,
                answer,
                written,
            }
        }

        /// What the log has in the end, when all goes well from now on.
        fn end(self) -> String {
            drop(self.answer);
            self.queue.flush(LONG);
            String::from_utf8(self.written.try_iter().collect()).unwrap()
        }
    }

    #[test]
    fn a_reader_that_stops_stops_nobody_and_the_loss_is_told_once_in_its_place() {
        let scene = Scene::set();
        scene.queue.push(b"first\n");
        // The writer waits for the reader.
        scene.asked.recv().unwrap();
        for line in 0..510 {
            scene.queue.push(format!("{line:09}\n").as_bytes());
        }
        // A short line finds room, but not before the loss is told.
        scene.queue.push(b"\n");
        assert_eq!(scene.queue.lost(), 501);
        let kept: String = (0..10).map(|line| format!("{line:09}\n")).collect();
        assert_eq!(scene.end(), format!("first\n{kept}501 lost\n"));
    }

    #[test]
    fn who_ends_does_not_wait_for_a_reader_that_stopped() {
        let scene = Scene::set();
        scene.queue.push(b"first\n");
        scene.queue.flush(Duration::from_millis(1));
        assert_eq!(scene.end(), "first\n");
    }

    #[test]
    fn what_a_full_disk_does_not_take_is_counted_and_told_with_the_next_line() {
        let fails: [&[ErrorKind]; 4] = [
            &[ErrorKind::StorageFull],
            &[ErrorKind::WouldBlock, ErrorKind::BrokenPipe],
            // The line that tells the loss is lost, too.
            &[ErrorKind::StorageFull, ErrorKind::StorageFull],
            &[
                ErrorKind::Interrupted,
                ErrorKind::BrokenPipe,
                ErrorKind::BrokenPipe,
                ErrorKind::BrokenPipe,
            ],
        ];
        for errors in fails {
            let scene = Scene::set();
            let mut pushed = 0;
            for error in errors {
                scene.answer.send(Err((*error).into())).unwrap();
                if matches!(error, ErrorKind::WouldBlock | ErrorKind::Interrupted) {
                    continue;
                }
                scene.queue.push(b"lost\n");
                pushed += 1;
                // The loss is known before the next line comes.
                while scene.queue.lost() < pushed {
                    thread::yield_now();
                }
            }
            scene.queue.push(b"kept\n");
            assert_eq!(scene.end(), format!("{pushed} lost\nkept\n"), "{errors:?}");
        }
    }
}
