//! What a server's errors mean, and what mends them.

use redis::{ErrorKind, RedisError, ServerError};

use super::super::{Reason, Unavailable};

/// An error in words that name the server.
pub(super) fn unavailable(name: &str, error: RedisError) -> Unavailable {
    let text = error.to_string();
    let (kind, timeout) = (error.kind(), error.is_timeout());
    // Of a batch, the first: the others are alike.
    let (code, text) = match error.into_server_errors().as_deref() {
        Some([(_, first), ..]) => (first.code().to_owned(), told(first)),
        _ => (String::new(), text),
    };
    let reason = match (code.as_str(), kind) {
        _ if timeout => Reason::Slow,
        ("OOM" | "MISCONF", _) => Reason::Full,
        ("READONLY", _) => Reason::ReadOnly,
        ("NOAUTH" | "WRONGPASS" | "NOPERM", _) | (_, ErrorKind::AuthenticationFailed) => {
            Reason::Denied
        }
        ("LOADING" | "MASTERDOWN" | "CLUSTERDOWN", _) | (_, ErrorKind::Io | ErrorKind::Parse) => {
            Reason::Down
        }
        ("BUSY", _) => Reason::Slow,
        _ => Reason::Other,
    };
    let mend = match reason {
        Reason::Full => "; give it room: its maxmemory, or its disk",
        Reason::ReadOnly => "; this is a replica: name the server that takes writes",
        Reason::Denied => {
            "; the user and the password of `store` must be the server's, with the right to use keys backstop:*"
        }
        Reason::Down if text.contains("invalid peer certificate") => {
            "; `?ca=PATH` behind the URL names the certificates to believe"
        }
        _ => "",
    };
    Unavailable::new(reason, format!("{name}: {text}{mend}"))
}

/// What the server said, without the script in which it did.
fn told(error: &ServerError) -> String {
    let details = error.details().unwrap_or_default();
    let details = details
        .split_once(" script: ")
        .map_or(details, |(said, _)| said);
    format!("{} {details}", error.code())
}
