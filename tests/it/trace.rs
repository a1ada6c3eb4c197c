//! `backstop trace` on the logs of a real Postfix and of the daemon beside it.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Output},
};

use flate2::{Compression, write::GzEncoder};
use lab::postfix::Postfix;
use serde_json::Value;

use crate::site::{Letter, Site};

fn trace(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backstop"))
        .arg("trace")
        .args(arguments)
        .args(["--log", "mail.log", "--log", "backstop.log"])
        .current_dir(folder)
        .output()
        .unwrap()
}

fn json(folder: &Path, wanted: &str) -> Value {
    let output = trace(folder, &[wanted, "--json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// All words of its events.
fn words(message: &Value) -> String {
    let events = message["events"].as_array().unwrap();
    let words = events.iter().map(|event| event["words"].as_str().unwrap());
    words.collect::<Vec<_>>().join("\n")
}

#[test]
fn it_tells_what_became_of_a_message() {
    let site = Site::<Postfix>::start();
    let letter = Letter::new();
    let mut friend = site.friend();
    let sent = friend
        .message("bob@friend.example", "joe@example.org", &letter.bytes)
        .unwrap();
    let queue_id = sent.text().rsplit(' ').next().unwrap().trim().to_owned();
    site.delivered("joe@example.org", &letter);
    let refused = friend.message("bob@friend.example", "old-acme@example.org", &letter.bytes);
    assert_eq!(refused.unwrap().code, 550);
    site.mta
        .wait_for_log(&format!("{queue_id}: removed"))
        .unwrap();
    site.decision(0, &["rcpt=<old-acme@example.org>"]);

    // The log of Postfix was rotated, that of the daemon goes on.
    let folder = lab::mta::folder_in_memory().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut packed = GzEncoder::new(
        fs::File::create(path("mail.log.2.gz")).unwrap(),
        Compression::fast(),
    );
    packed.write_all(site.mta.log().as_bytes()).unwrap();
    packed.finish().unwrap();
    fs::write(path("mail.log"), "").unwrap();
    fs::write(path("mail.log.err"), "not a log of ours\n").unwrap();
    fs::write(path("backstop.log"), site.backstop.log()).unwrap();

    let by_id = json(folder.path(), &queue_id);
    let message = &by_id["messages"][0];
    assert_eq!(by_id["messages"].as_array().unwrap().len(), 1);
    assert_eq!(message["queue_id"], *queue_id);
    let told = words(message);
    for part in [
        "came from unknown[192.0.2.20]",
        "from <bob@friend.example> to <joe@example.org>, by 192.0.2.20 (mx.friend.example): accepted. Reason: nothing speaks against it (nothing_found)",
        "spf.mail_from: friend.example: pass",
        "is in the queue: from <bob@friend.example>",
        "delivered to <joe@example.org> by lab",
        "left the queue",
        &format!("its Message-ID is {}", letter.id),
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let our_id = message["ids"][0].as_str().unwrap();
    for name in [our_id, &letter.id, letter.id.trim_matches(['<', '>'])] {
        assert_eq!(
            json(folder.path(), name)["messages"],
            by_id["messages"],
            "{name}"
        );
    }
    for (address, count) in [("JOE@example.org", 1), ("bob@friend.example", 2)] {
        let found = json(folder.path(), address);
        assert!(
            found["messages"].as_array().unwrap().len() >= count,
            "{address}: {found}"
        );
    }
    let output = trace(folder.path(), &["old-acme@example.org"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains(
            "refused for good (5xx), so an honest sender gets a notice. Reason: mail to an address of a rule (rule_mail)"
        ),
        "{text}"
    );
    assert!(text.contains("refused before it had a queue id"), "{text}");
    assert_eq!(output.status.code(), Some(0));

    // Nothing: what that means, and an exit code.
    let output = trace(folder.path(), &["nobody@example.org"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("nothing about nobody@example.org since 20"),
        "{text}"
    );
    assert!(text.contains("If a bounce is missing"), "{text}");
    // A log that can't be read is named.
    fs::write(path("mail.log.3.xz"), b"\xfd7zXZ\0\0\x04").unwrap();
    let output = trace(folder.path(), &[&queue_id]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("mail.log.3.xz: compressed as xz"), "{said}");
    assert_eq!(output.status.code(), Some(0));
    // And what is not found may be in there.
    let output = trace(folder.path(), &["nobody@example.org"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("not all of it could be read"), "{text}");
    assert_eq!(output.status.code(), Some(1));
}
