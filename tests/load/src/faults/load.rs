//! The messages, from Postfix's `smtp-source`.

use std::{
    io,
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use lab::mta;

/// Sessions of a stream at a time. Each sends a message a second.
const SESSIONS: usize = 20;

/// Messages of one sender to recipients who each have a number: `1joe@example.org`, `2joe@example.org`, …
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    pub sender: &'static str,
    pub recipient: &'static str,
}

/// From strangers, who may send for their domain.
pub(super) const INCOMING: Stream = Stream {
    sender: "x@pass.example",
    recipient: "in@example.org",
};

/// From a user of ours.
pub(super) const OUTGOING: Stream = Stream {
    sender: "joe@example.org",
    recipient: "out@elsewhere.example",
};

impl Stream {
    /// Sends so many to this server.
    pub(super) fn send(self, count: usize, server: SocketAddr) -> io::Result<Child> {
        let tree = mta::unpacked("postfix")?;
        Command::new(tree.join("usr/sbin/smtp-source"))
            .env("LD_LIBRARY_PATH", tree.join("usr/lib/postfix"))
            .args(["-N", "-A", "-w", "1", "-l", "2000"])
            .args(["-s", &SESSIONS.to_string(), "-m", &count.to_string()])
            .args(["-f", self.sender, "-t", self.recipient])
            .arg(server.to_string())
            .stdin(Stdio::null())
            .spawn()
    }
}
