//! Real bounces, as other projects collected them: flufl.bounce's, or those of any folder that `BACKSTOP_BOUNCES` names.

use std::{env, fs};

use backstop::core::{header::Headers, proof::returned};

/// How many files flufl.bounce 6.0.0 has, and how many of them have a Message-ID below their own headers. A reader that loses
/// some must not pass for a success.
const FILES: usize = 117;
const WITH_MESSAGE_ID: usize = 24;
/// In how many of them some message is found, its Message-ID or not: most were cut short before they were published.
const RETURNED: usize = 27;
/// What the daemon reads of a body.
const BODY: usize = 64 * 1024;

struct Found {
    /// A Message-ID stands at the start of a line of the body, quoted or not.
    has_message_id: bool,
    /// Whether one of these is the Message-ID of a message that was found.
    found_message_id: bool,
    returned: usize,
}

fn read(message: &[u8]) -> Found {
    let (headers, at) = Headers::parse(message);
    let body = &message[at..];
    let read = &body[..body.len().min(BODY)];
    let report = returned::read(&headers, read, read.len() < body.len());
    // A line of quoted-printable may go on (RFC 2045 section 6.7).
    let text = String::from_utf8_lossy(body).replace("=\n", "");
    let ids: Vec<&[u8]> = text
        .as_bytes()
        .split(|&byte| byte == b'\n')
        .map(|line| line.trim_ascii_start())
        .map(|line| line.strip_prefix(b">").unwrap_or(line).trim_ascii())
        .filter(|line| line.len() > 11 && line[..11].eq_ignore_ascii_case(b"message-id:"))
        .collect();
    let mut found = report
        .returned
        .iter()
        .filter_map(|one| one.headers.first("Message-ID"))
        .map(|header| header.unfolded());
    Found {
        has_message_id: !ids.is_empty(),
        found_message_id: found.any(|id| ids.iter().any(|line| line.ends_with(&id))),
        returned: report.returned.len(),
    }
}

#[test]
fn the_message_ids_that_real_bounces_return_are_found() {
    let folder = env::var_os("BACKSTOP_BOUNCES").expect(
        "BACKSTOP_BOUNCES does not name a folder of bounces: start the tests with tests/run, which fetches them",
    );
    let mut lost = Vec::new();
    let (mut files, mut with_message_id, mut returned) = (0, 0, 0);
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let found = read(&fs::read(&path).unwrap());
        files += 1;
        with_message_id += usize::from(found.has_message_id);
        returned += usize::from(found.returned > 0);
        if found.has_message_id && !found.found_message_id {
            lost.push(path);
        }
    }
    assert!(lost.is_empty(), "{lost:?}");
    assert!(files >= FILES, "{files} files");
    assert!(
        with_message_id >= WITH_MESSAGE_ID,
        "{with_message_id} with a Message-ID"
    );
    assert!(returned >= RETURNED, "{returned} that return something");
}
