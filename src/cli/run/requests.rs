//! Who wants the file to be read again: SIGHUP, and `backstop reload` on the control socket, which waits for the answer.

use std::{env, io, path::Path, sync::Arc, time::Duration};

use nix::unistd::geteuid;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    signal::unix::Signal,
    sync::{Semaphore, mpsc, oneshot},
    time::{Instant, sleep, timeout, timeout_at},
};

use crate::{
    cli::control::{self, Answer, RELOAD},
    milter::{SocketFile, bind_privately},
};

/// From version 253 on, systemd sends SIGHUP itself and then runs ExecReload (Type=notify-reload): after a SIGHUP, that one
/// is waited for, so that one reload is the answer to both.
const COMPANY: Duration = Duration::from_millis(500);
/// The maximum of commands that wait.
const MAX_WAITING: usize = 16;
/// How long a command can take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause after a connection could not be accepted, mostly for want of descriptors.
const PAUSE: Duration = Duration::from_secs(1);

/// Who waits for the answer.
type Waiting = oneshot::Sender<Answer>;

/// The requests that came.
#[derive(Debug)]
pub(super) struct Requests {
    hangup: Signal,
    asked: mpsc::Receiver<Waiting>,
    /// How long SIGHUP waits for its company. None comes where systemd does not run us.
    company: Duration,
    /// Until when that of the last SIGHUP is waited for.
    expected: Option<Instant>,
    /// It goes as soon as nobody would answer.
    _file: Option<SocketFile>,
}

/// Those that one reload answers. It begins after all of them.
#[derive(Debug)]
pub(super) struct Request(Vec<Waiting>);

impl Requests {
    /// Waits for SIGHUP, and on the control socket, if there can be one.
    pub fn new(hangup: Signal) -> Self {
        let (asking, asked) = mpsc::channel(MAX_WAITING);
        let path = control::path();
        let bound = bind_privately(&path).map_err(|error| error.to_string());
        let bound = bound.and_then(|(listener, file)| {
            let listener = UnixListener::from_std(listener).map_err(|e| e.to_string())?;
            tokio::spawn(serve(listener, asking));
            Ok(file)
        });
        let file = bound.map_err(|error| match is_unwanted(&path) {
            true => log::debug!("no control socket: {error}"),
            false => log::warn!("`backstop reload` can't reach this daemon: {error}"),
        });
        Self {
            hangup,
            asked,
            company: match env::var_os("NOTIFY_SOCKET") {
                Some(_) => COMPANY,
                None => Duration::ZERO,
            },
            expected: None,
            _file: file.ok(),
        }
    }

    /// The next. `begun` is called at once. Who stops waiting for it loses nothing: the next call goes on with the same
    /// request, and does not call `begun` again.
    pub async fn next(&mut self, begun: impl FnOnce()) -> Request {
        let mut waiting = Vec::new();
        if self.expected.is_none() {
            tokio::select! {
                // SIGHUP comes before its company.
                biased;
                _ = self.hangup.recv() => {
                    self.expected = Some(Instant::now() + self.company);
                    begun();
                }
                one = next(&mut self.asked) => {
                    begun();
                    waiting.push(one);
                }
            }
        }
        if let Some(until) = self.expected {
            waiting.extend(timeout_at(until, next(&mut self.asked)).await);
            self.expected = None;
        }
        while let Ok(one) = self.asked.try_recv() {
            waiting.push(one);
        }
        Request(waiting)
    }
}

impl Request {
    /// Gives the answer to all who wait for it.
    pub fn answer(self, answer: &Answer) {
        for waiting in self.0 {
            // Who has gone needs none.
            let _ = waiting.send(answer.clone());
        }
    }
}

/// Without a control socket, none ever comes.
async fn next(asked: &mut mpsc::Receiver<Waiting>) -> Waiting {
    match asked.recv().await {
        Some(waiting) => waiting,
        None => std::future::pending().await,
    }
}

/// Whether nobody has made a folder for it, as systemd does.
fn is_unwanted(path: &Path) -> bool {
    let is_named = env::var_os("RUNTIME_DIRECTORY").is_some();
    !is_named && path.parent().is_none_or(|folder| !folder.is_dir())
}

async fn serve(listener: UnixListener, asking: mpsc::Sender<Waiting>) {
    let places = Arc::new(Semaphore::new(MAX_WAITING));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        // One more is closed at once.
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            let asking = asking.clone();
            tokio::spawn(async move {
                if let Err(error) = converse(stream, &asking).await {
                    log::debug!("control socket: {error}");
                }
                drop(place);
            });
        }
    }
}

async fn converse(mut stream: UnixStream, asking: &mpsc::Sender<Waiting>) -> io::Result<()> {
    // The permission of the file says the same; this holds also where the folder's owner has changed it.
    let user = stream.peer_cred()?.uid();
    if user != 0 && user != geteuid().as_raw() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut asked = [0; RELOAD.len()];
    timeout(PATIENCE, stream.read_exact(&mut asked)).await??;
    if asked != *RELOAD.as_bytes() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let (waiting, answer) = oneshot::channel();
    asking.send(waiting).await.map_err(io::Error::other)?;
    let answer = answer.await.map_err(io::Error::other)?;
    timeout(PATIENCE, stream.write_all(answer.written().as_bytes())).await?
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use nix::sys::signal::{Signal::SIGUSR1, raise};
    use tokio::{
        signal::unix::{SignalKind, signal},
        sync::Notify,
    };

    use super::*;

    /// SIGUSR1 stands for SIGHUP, which could reach other tests of this process.
    fn requests() -> (Requests, mpsc::Sender<Waiting>) {
        let (asking, asked) = mpsc::channel(MAX_WAITING);
        let requests = Requests {
            hangup: signal(SignalKind::user_defined1()).unwrap(),
            asked,
            company: COMPANY,
            expected: None,
            _file: None,
        };
        (requests, asking)
    }

    #[tokio::test]
    async fn who_looks_at_something_else_meanwhile_loses_no_request() {
        for has_company in [false, true] {
            let (mut requests, asking) = requests();
            let (begun, times) = (Notify::new(), Cell::new(0));
            let count = || {
                times.set(times.get() + 1);
                begun.notify_one();
            };
            raise(SIGUSR1).unwrap();
            // A list of domains changes just after the signal came.
            tokio::select! {
                biased;
                _ = requests.next(count) => panic!("it waits for its company"),
                () = begun.notified() => {}
            }
            let (waiting, _answer) = oneshot::channel();
            if has_company {
                asking.send(waiting).await.unwrap();
            }
            let request = timeout(10 * COMPANY, requests.next(count)).await.unwrap();
            assert_eq!(request.0.len(), usize::from(has_company));
            assert_eq!(times.get(), 1);
        }
    }
}
