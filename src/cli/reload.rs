//! `backstop reload`: has the daemon read its file again, and waits for its answer.

use std::{io, path::Path, process::ExitCode, time};

use clap::Args;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

use super::{
    NO, UNAVAILABLE,
    control::{self, Answer, RELOAD},
    without_controls,
};
use crate::{core::duration::Duration, observe::journal_reads_us};

/// The longest answer in octets: a file has not that many mistakes.
const MAX_ANSWER: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// How long to wait for the answer
    #[arg(long, value_name = "TIME", default_value = "60s")]
    timeout: Duration,
}

pub(super) async fn reload(arguments: &Arguments) -> ExitCode {
    let path = control::path();
    let patience = time::Duration::from(arguments.timeout);
    let why = match timeout(patience, ask(&path)).await {
        Ok(Ok(answer)) => return show(&answer),
        Ok(Err(why)) => why,
        Err(_elapsed) => format!(
            "it did not answer within {}; it may hang, and its configuration is as it was (see `journalctl -u backstop`)",
            arguments.timeout
        ),
    };
    eprintln!("backstop: the daemon at {}: {why}", path.display());
    ExitCode::from(UNAVAILABLE)
}

/// For the journal, where the daemon has said it as well, nothing is said twice.
fn show(answer: &Answer) -> ExitCode {
    let text = without_controls(&answer.text);
    match (answer.is_done, journal_reads_us()) {
        (_, true) => {}
        (true, false) => println!("{text}"),
        (false, false) => eprintln!("{text}"),
    }
    match answer.is_done {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NO),
    }
}

async fn ask(path: &Path) -> Result<Answer, String> {
    let mut stream = UnixStream::connect(path).await.map_err(unreachable)?;
    let failed = |error: io::Error| error.to_string();
    stream.write_all(RELOAD.as_bytes()).await.map_err(failed)?;
    let mut answer = String::new();
    let mut stream = stream.take(MAX_ANSWER);
    stream.read_to_string(&mut answer).await.map_err(failed)?;
    Answer::read(&answer).ok_or_else(|| "it ended before it answered".to_owned())
}

fn unreachable(error: io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            "; it does not run, or not with this RUNTIME_DIRECTORY (SIGHUP reloads it, too)"
        }
        io::ErrorKind::PermissionDenied => "; root and the daemon's user may ask it",
        _ => "",
    };
    format!("{error}{hint}")
}
