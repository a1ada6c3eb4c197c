//! The daemon's control socket: what is said on it, and where it is. Only root and the daemon's own user can open it.

use std::{env, path::PathBuf};

/// The folder of the unit's `RuntimeDirectory=`, where the variable is not set.
const FOLDER: &str = "/run/backstop";
const NAME: &str = "control";

/// What is asked.
pub(super) const RELOAD: &str = "reload\n";

/// The socket's path. systemd names the folder; of several, the first.
pub(super) fn path() -> PathBuf {
    let folders = env::var_os("RUNTIME_DIRECTORY").unwrap_or_default();
    let first = env::split_paths(&folders).next();
    let folder = first.filter(|folder| folder.is_absolute());
    folder.unwrap_or_else(|| FOLDER.into()).join(NAME)
}

/// How a reload went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub is_done: bool,
    /// In words, a line or more.
    pub text: String,
}

impl Answer {
    /// As it is sent.
    pub fn written(&self) -> String {
        let word = if self.is_done { DONE } else { FAILED };
        format!("{word}\n{}\n", self.text)
    }

    /// None if it is not whole.
    pub fn read(sent: &str) -> Option<Self> {
        let (word, text) = sent.split_once('\n')?;
        let is_done = match word {
            DONE => true,
            FAILED => false,
            _ => return None,
        };
        let text = text.strip_suffix('\n')?.to_owned();
        Some(Self { is_done, text })
    }
}

const DONE: &str = "done";
const FAILED: &str = "failed";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole_or_not_at_all() {
        for (is_done, text) in [(true, "reloaded"), (false, "m.yaml:1:1: error\n\nhelp: x")] {
            let text = text.to_owned();
            let answer = Answer { is_done, text };
            let written = answer.written();
            assert_eq!(Answer::read(&written), Some(answer));
            assert_eq!(Answer::read(&written[..written.len() - 1]), None);
        }
        for wrong in ["", "done", "maybe\nx\n"] {
            assert_eq!(Answer::read(wrong), None);
        }
    }
}
