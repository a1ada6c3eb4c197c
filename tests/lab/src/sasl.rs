//! An authentication server for Postfix, which takes any user whose password is [`PASSWORD`].
//!
//! It speaks as much of Dovecot's authentication protocol (version 1.2) as `smtpd` asks for, so that tests can use a real
//! AUTH without Dovecot or Cyrus SASL on the machine.

use data_encoding::BASE64;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

pub const PASSWORD: &str = "secret";

/// Serves on the socket `path` for as long as this process lives.
pub fn serve(path: &Path) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            thread::spawn(move || {
                // smtpd hangs up when its session ends: nothing to report.
                let _ = converse(&stream);
            });
        }
    });
    Ok(())
}

fn converse(mut stream: &UnixStream) -> io::Result<()> {
    stream
        .write_all(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t0\nDONE\n")?;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let fields: Vec<&str> = line.split('\t').collect();
        if let ["AUTH", id, "PLAIN", parameters @ ..] = fields.as_slice() {
            let user = parameters
                .iter()
                .find_map(|p| p.strip_prefix("resp="))
                .and_then(user_of);
            let answer = match user {
                Some(user) => format!("OK\t{id}\tuser={user}\n"),
                None => format!("FAIL\t{id}\n"),
            };
            stream.write_all(answer.as_bytes())?;
        }
    }
    Ok(())
}

/// RFC 4616: authorization identity, user and password with NUL between them.
fn user_of(response: &str) -> Option<String> {
    let plain = String::from_utf8(BASE64.decode(response.as_bytes()).ok()?).ok()?;
    let parts: Vec<&str> = plain.split('\0').collect();
    match parts.as_slice() {
        [_, user, PASSWORD] => Some((*user).to_owned()),
        _ => None,
    }
}
