//! A person answers mail that somebody sent in our name: a bounce of that mail has told its Message-ID.

use std::{fs, process::Command};

use lab::milter::{Change, Reply};

use super::{SENDER, Stage, binary, headers};
use crate::bounce::BOUNCE;

const RETURNED: &str = "--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: joe@example.org\r\n\
    Message-ID: <pills.1@bot.example>\r\nSubject: pills\r\n\r\npills\r\n--b--\r\n";

/// The headers that are written.
fn answer(stage: &Stage, id: &str, rcpt: &str) -> String {
    let mut client = stage.session(SENDER);
    client.mail("ann@pass.example", &[]).unwrap();
    assert_eq!(client.rcpt(rcpt, &[]).unwrap(), Reply::Continue);
    let lines = format!("From: ann@pass.example\nSubject: Re: pills\nIn-Reply-To: {id}");
    assert_eq!(headers(&mut client, &lines).unwrap(), Reply::Continue);
    let outcome = client.eom().unwrap();
    assert_eq!(outcome.reply, Reply::Continue);
    client.quit().unwrap();
    let written = outcome.changes.into_iter().map(|change| match change {
        Change::InsertHeader { name, value, .. } => [name, b": ".to_vec(), value].concat(),
        _ => Vec::new(),
    });
    String::from_utf8(written.collect::<Vec<_>>().concat()).unwrap()
}

#[test]
fn answers_to_forged_mail_are_tagged() {
    let stage =
        Stage::set("mode: enforce\nlocal: {domains: [example.org]}\nproof: {unproven: reject}\n");
    let is_tagged = |id: &str, rcpt: &str| {
        let text = answer(&stage, id, rcpt);
        assert!(text.contains("X-Backstop"), "{text}");
        text.contains("verdict=tag reason=reply_to_forgery")
    };
    assert!(!is_tagged("<pills.1@bot.example>", "before@example.org"));
    let mut client = stage.session("198.51.100.9");
    client.mail("", &[]).unwrap();
    assert_eq!(
        client.rcpt("joe@example.org", &[]).unwrap(),
        Reply::Continue
    );
    client.data().unwrap();
    assert_eq!(headers(&mut client, BOUNCE).unwrap(), Reply::Continue);
    client.body(RETURNED.as_bytes()).unwrap();
    client.eom().unwrap();
    client.quit().unwrap();
    stage.decision("joe@example.org");
    assert!(is_tagged("<pills.1@bot.example>", "after@example.org"));
    assert!(!is_tagged("<other@bot.example>", "other@example.org"));
    let line = stage.decision("after@example.org");
    assert!(
        line.contains(" verdict=tag reason=reply_to_forgery "),
        "{line}"
    );

    let eml = stage.backstop.folder().join("answer.eml");
    let mail =
        "From: ann@pass.example\nSubject: Re: pills\nReferences: <pills.1@bot.example>\n\nWhat?\n";
    fs::write(&eml, mail).unwrap();
    let explained = |more: &[&str]| {
        let output = Command::new(binary())
            .args(["--config".as_ref(), stage.backstop.config().as_os_str()])
            .args([
                "explain",
                "--client-ip",
                SENDER,
                "--mail-from",
                "ann@pass.example",
            ])
            .args(["--rcpt", "joe@example.org", "--eml"])
            .arg(&eml)
            .args(more)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    // The daemon writes it within a moment.
    let told = lab::process::wait_until(lab::mta::PATIENCE, || {
        Ok(explained(&[]).contains("it answers pills.1@bot.example, which a bounce returned"))
    });
    assert!(told.is_ok(), "{}", explained(&[]));
    let json: serde_json::Value = serde_json::from_str(&explained(&["--json"])).unwrap();
    assert_eq!(
        json["recipients"][0]["at_end"]["reason"],
        "reply_to_forgery"
    );
}
