//! What a server's errors mean, and what to do about them.

use redis::{ErrorKind, RedisError, ServerError, ServerErrorKind};

use super::super::{Reason, Unavailable};

/// An error in words that name the server.
pub(super) fn unavailable(name: &str, error: RedisError) -> Unavailable {
    let text = error.to_string();
    let (kind, timeout) = (error.kind(), error.is_timeout());
    // The first of a batch: the others are alike.
    let (code, text) = match error.into_server_errors().as_deref() {
        Some([(_, first), ..]) => (first.code().to_owned(), without_script(first)),
        _ => (String::new(), text),
    };
    let reason = match (code.as_str(), kind) {
        _ if timeout => Reason::Slow,
        ("OOM" | "MISCONF", _) => Reason::Full,
        ("READONLY", _) => Reason::ReadOnly,
        ("NOAUTH" | "WRONGPASS" | "NOPERM", _) | (_, ErrorKind::AuthenticationFailed) => {
            Reason::Denied
        }
        ("LOADING" | "MASTERDOWN" | "CLUSTERDOWN", _)
        | (_, ErrorKind::Io | ErrorKind::Parse | ErrorKind::MasterNameNotFoundBySentinel) => {
            Reason::Down
        }
        ("BUSY", _) => Reason::Slow,
        _ => Reason::Other,
    };
    let advice = match reason {
        _ if kind == ErrorKind::MasterNameNotFoundBySentinel => {
            "; its sentinels know no master of this name that is up: compare the name with `sentinel monitor`"
        }
        Reason::Full => "; give it room: raise its maxmemory, or free its disk",
        Reason::ReadOnly => "; this is a replica: use the server that accepts writes",
        Reason::Denied => {
            "; use a user and a password in `store` that the server knows, with the right to use keys backstop:*"
        }
        Reason::Down if text.contains("invalid peer certificate") => {
            "; use `?ca=PATH` at the end of the URL to name the certificates to trust"
        }
        _ => "",
    };
    Unavailable::new(reason, format!("{name}: {text}{advice}"))
}

/// What became of a transaction of so many commands that failed.
pub(super) enum Done {
    /// Nothing was done.
    Nothing,
    /// All but so many.
    AllBut(usize),
    /// The connection broke, or the answer did not come: nobody knows.
    Unknown,
}

impl Done {
    pub fn by(error: &RedisError, commands: usize) -> Self {
        let aborted = ErrorKind::Server(ServerErrorKind::ExecAbort);
        match (error.kind() == aborted, error.clone().into_server_errors()) {
            (true, _) => Self::Nothing,
            (false, None) => Self::Unknown,
            (false, Some(errors)) if errors.len() >= commands => Self::Nothing,
            (false, Some(errors)) => Self::AllBut(errors.len()),
        }
    }
}

/// The server's text, without the script that it names.
fn without_script(error: &ServerError) -> String {
    let details = error.details().unwrap_or_default();
    let details = details
        .split_once(" script: ")
        .map_or(details, |(said, _)| said);
    format!("{} {details}", error.code())
}
