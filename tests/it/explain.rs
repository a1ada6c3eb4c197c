//! `backstop explain --eml`, from outside.

use std::fs;

use backstop::store;
use lab::postfix::Postfix;
use serde_json::Value;

use crate::{
    bounce::{self, Ours, SIGNED},
    site::{Letter, Site},
    stored::{FROM_RECEIVED, Lab, letters, message, said, texts},
};

/// What is counted is what `explain` says of each message.
#[test]
fn explain_says_of_each_what_replay_counts() {
    let lab = Lab::new("enforce");
    for (number, (text, expected)) in letters().iter().enumerate() {
        let eml = lab.file(&format!("{number}.eml"), text);
        let (code, report) = lab.json("explain", &eml, &[FROM_RECEIVED]);
        let recipient = &report["recipients"][0];
        let stages = ["after_content", "after_headers"].map(|stage| &recipient[stage]);
        let last = stages.into_iter().find(|stage| !stage.is_null());
        let last = last.unwrap_or(recipient);
        let word = |field: &str| last[field].as_str().unwrap();
        assert_eq!(
            &format!("{} {}", word("verdict"), word("reason")),
            expected,
            "{report:#}"
        );
        assert_eq!(code, i32::from(expected.starts_with("reject")));
    }
}

#[test]
fn explain_reads_the_envelope_from_the_message() {
    let lab = Lab::new("enforce");
    let headers =
        "Authentication-Results: mx.example.org; spf=pass\nX-Backstop: mine\nSubject: x\n";
    let text = message(
        "192.0.2.20",
        "bob@friend.example",
        "joe@example.org",
        headers,
    );
    let eml = lab.file("x.eml", text);
    let receiver = "--receiver=mx.example.org";
    let (code, report) = lab.json("explain", &eml, &[FROM_RECEIVED, receiver]);
    assert_eq!(code, 0);
    let message = &report["message"];
    assert_eq!(message["client"], "192.0.2.20");
    assert_eq!(message["helo"], "mx.friend.example");
    assert_eq!(message["mail_from"], "bob@friend.example");
    assert_eq!(message["reply"], "250 2.0.0 Ok");
    assert_eq!(report["recipients"][0]["recipient"], "joe@example.org");
    let written: Vec<&str> = texts(&message["written"]);
    for (header, holds) in [
        ("Received-SPF: pass", "identity=mailfrom"),
        ("Received-SPF: pass", "identity=helo"),
        (
            "Authentication-Results: mx.example.org; spf=pass",
            "friend.example",
        ),
        (
            "X-Backstop: verdict=accept reason=nothing_found",
            "id=explain",
        ),
    ] {
        let found = |line: &&str| line.starts_with(header) && line.contains(holds);
        assert!(written.iter().any(found), "{header} in {written:#?}");
    }
    assert_eq!(
        texts(&message["removed"]),
        ["Authentication-Results #1", "X-Backstop #1"]
    );

    // What is given goes before what the message says.
    let given = [
        "--mail-from=a@elsewhere.example",
        "--rcpt=sales@example.org",
        "--client-ip=192.0.2.9",
    ];
    let (code, report) = lab.json("explain", &eml, &given);
    assert_eq!(code, 1);
    assert_eq!(report["recipients"][0]["recipient"], "sales@example.org");
    assert_eq!(report["recipients"][0]["reason"], "spf_fail");
    assert_eq!(report["message"]["reply"], Value::Null);

    let said = said(&lab.run(&["explain", "--eml", eml.to_str().unwrap(), FROM_RECEIVED]));
    for line in [
        "envelope: client 192.0.2.20, HELO mx.friend.example, MAIL FROM <bob@friend.example>",
        "MAIL FROM: Return-Path of the message",
        "RCPT TO: X-Original-To of the message",
        "client: Received of the message",
        "kind:     no notification",
        "at the end of the headers",
        "removed: X-Backstop #1",
    ] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
}

/// Each proof that is looked for, and what came of it; as often as one asks, for nothing is used up by that.
#[test]
fn explain_tells_what_a_bounce_proves() {
    let lab = Lab::new("enforce");
    let store = format!("sqlite:{}", lab.path("state.db").display());
    let config = fs::read_to_string(lab.path("milter.yaml")).unwrap();
    let proof = format!(
        "proof: {{unproven: reject, replay_limit: 1, dkim: {{keys: [{{domain: example.org, selector: s2026, \
         record: '{}'}}]}}}}\nstore: {store}\n",
        bounce::record()
    );
    fs::write(lab.path("milter.yaml"), config + &proof).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = store::open(&store.parse().unwrap(), crate::store::place::KEEP);
        store.sent(Vec::new()).await.unwrap();
    });
    let far = "far@friend.example";
    let of = |ours: &Ours| {
        format!(
            "{}\n{}",
            bounce::BOUNCE,
            bounce::body(far, ours).replace("\r\n", "\n")
        )
    };
    let given = [
        "--mail-from=",
        "--rcpt=joe@example.org",
        "--client-ip=192.0.2.20",
        "--helo=mx.friend.example",
    ];
    let signed = Ours::new("signed", far).signed(SIGNED);
    let eml = lab.file("signed.eml", of(&signed));
    for _ in 0..3 {
        let (code, report) = lab.json("explain", &eml, &given);
        let last = &report["recipients"][0]["after_content"];
        assert_eq!(
            (code, &last["verdict"], &last["reason"], &last["proof"]),
            (0, &"accept".into(), &"dkim".into(), &"dkim".into()),
            "{report:#}"
        );
    }
    let explain = |eml: &std::path::Path| {
        let arguments = [&["explain", "--eml", eml.to_str().unwrap()][..], &given];
        said(&lab.run(&arguments.concat()))
    };
    for (eml, lines) in [
        (
            eml,
            [
                "at the end of the message",
                "the DKIM signature of example.org (s2026) verifies, body and all, of signed@example.org; not counted",
                "verdict: accept (dkim), proof dkim; mode enforce",
                "reply:   250 2.0.0 Ok",
            ],
        ),
        (
            lab.file("forged.eml", of(&Ours::new("forged", far))),
            [
                "no DKIM signature of ours in what it returns",
                "nothing in it proves that it answers a message of ours -> reject",
                "verdict: reject (unproven), proof unproven; mode enforce",
                "reply:   550 5.7.1 This notification returns no message that example.org has sent: it holds no valid DKIM",
            ],
        ),
    ] {
        let said = explain(&eml);
        for line in lines {
            assert!(said.contains(line), "{line} in\n{said}");
        }
    }
}

/// What vouches for our domain in From:, and why else not; of a body that is larger than what proofs are looked for in.
#[test]
fn explain_tells_what_vouches_for_our_domain_in_from() {
    let lab = Lab::new("enforce");
    let config = fs::read_to_string(lab.path("milter.yaml")).unwrap();
    let more = format!(
        "forgery: {{header_from: reject}}\n\
         proof: {{dkim: {{keys: [{{domain: example.org, selector: s2026, record: '{}'}}]}}}}\n",
        bounce::record()
    );
    fs::write(lab.path("milter.yaml"), config + &more).unwrap();
    let headers = |to: &str| {
        format!(
            "From: News <news@example.org>\r\nTo: {to}\r\nSubject: News\r\n\
             Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@service.example>\r\n"
        )
    };
    let body = "News of the day.\r\n".repeat(20_000);
    let signed = |to: &str| {
        let message = format!("{}\r\n{body}", headers(to));
        let names = &["From", "To", "Subject", "Date", "Message-ID"];
        let signature = bounce::signature("example.org", names, &message);
        format!("{signature}{message}").replace("\r\n", "\n")
    };
    let here = signed("joe@example.org");
    let by_service = [
        "--mail-from=bounce@friend.example",
        "--rcpt=joe@example.org",
        "--client-ip=192.0.2.20",
        "--helo=mx.friend.example",
    ];
    let spf = "SPF passes for friend.example, which is not aligned with it";
    let claims = "From: claims example.org, which is ours, and";
    for (text, code, lines) in [
        (
            here.clone(),
            0,
            vec![
                format!(
                    "{claims} its content will show whether it may: {spf}; it has a DKIM signature of example.org"
                ),
                format!(
                    "{claims} it may: {spf}; the DKIM signature of example.org (s2026) verifies, and its To: or Cc: names somebody here"
                ),
                "verdict: accept (nothing_found".to_owned(),
                "dmarc=none".to_owned(),
            ],
        ),
        (
            signed("bob@friend.example"),
            0,
            vec![
                format!(
                    "{claims} what vouches for it may be a copy: {spf}; the DKIM signature of example.org (s2026) verifies, but its signed To: and Cc: name nobody here -> tag"
                ),
                "verdict: tag (header_from_doubtful".to_owned(),
            ],
        ),
        (
            here.replace("day.\n", "day!\n"),
            1,
            vec![
                format!(
                    "{claims} nothing vouches for it: {spf}; the DKIM signature of example.org (s2026) does not verify: the body is not what was signed -> reject"
                ),
                "verdict: reject (header_from_forged".to_owned(),
            ],
        ),
        (
            here.replacen("From: News", "From: x@friend.example\nFrom: News", 1),
            1,
            vec![format!(
                "{claims} nothing vouches for it: {spf}; the DKIM signature of example.org (s2026) does not cover every From: -> reject"
            )],
        ),
    ] {
        let eml = lab.file("x.eml", text);
        let arguments = [
            &["explain", "--eml", eml.to_str().unwrap()][..],
            &by_service,
        ];
        let output = lab.run(&arguments.concat());
        let said = said(&output);
        for line in lines {
            assert!(said.contains(&line), "{line} in\n{said}");
        }
        assert_eq!(output.status.code(), Some(code), "{said}");
    }
}

#[test]
fn explain_tells_of_the_refusal_at_the_end_of_the_headers() {
    let lab = Lab::new("enforce");
    let headers = "Subject: cheap watches\n";
    let text = message(
        "192.0.2.20",
        "bob@friend.example",
        "joe@example.org",
        headers,
    );
    let (code, report) = lab.json("explain", &lab.file("x.eml", text), &[FROM_RECEIVED]);
    assert_eq!(code, 1);
    assert_eq!(report["recipients"][0]["reply"], "250 2.1.5 Ok");
    assert_eq!(report["message"]["reply"], "550 5.7.1 No watches.");
    assert_eq!(report["message"]["written"], Value::Array(Vec::new()));
}

#[test]
fn what_is_no_mail_is_said_to_be_none() {
    let lab = Lab::new("enforce");
    let whole = message("192.0.2.20", "a@friend.example", "joe@example.org", "");
    let without = |header: &str| {
        let lines = whole.lines().filter(|line| !line.starts_with(header));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let undelivered = without("X-Original-To").replace("Delivered-To", "X-Gone");
    for (name, content, code, says) in [
        ("empty.eml", Vec::new(), 1, "not a mail"),
        (
            "elf.eml",
            b"\x7fELF\x02\x01\x01\0\0\n: \xff\n".to_vec(),
            1,
            "not a mail: it does not begin with a header",
        ),
        (
            "note.eml",
            b"Note: buy milk\n\nand bread\n".to_vec(),
            1,
            "not a mail: none of its headers",
        ),
        ("long.eml", vec![b'x'; 3 << 20], 1, "not a mail"),
        (
            "from.eml",
            without("Return-Path").into_bytes(),
            64,
            "no MAIL FROM: the message has no Return-Path",
        ),
        (
            "to.eml",
            undelivered.into_bytes(),
            64,
            "no RCPT TO: the message has no X-Original-To",
        ),
    ] {
        let path = lab.file(name, content);
        let output = lab.run(&["explain", "--eml", path.to_str().unwrap()]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(says) && said.contains(name), "{name}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    for (path, says) in [
        ("missing.eml", "No such file"),
        (".", "use `backstop replay`"),
    ] {
        let output = lab.run(&["explain", "--eml", lab.path(path).to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(says), "{}", said(&output));
    }
}

/// What Postfix writes into a mailbox tells the envelope that it took the message in with.
#[test]
fn the_envelope_of_what_postfix_delivered() {
    let site = Site::<Postfix>::start();
    let lab = Lab::new("monitor");
    // The lab's mailboxes leave X-Original-To and Delivered-To out.
    let given = [FROM_RECEIVED, "--no-dns", "--rcpt=joe@example.org"];
    for from in ["bob@friend.example", ""] {
        let letter = Letter::new();
        let mut client = site.friend();
        let sent = client.message(from, "joe@example.org", &letter.bytes);
        assert_eq!(sent.unwrap().code, 250);
        let eml = lab.file("x.eml", site.delivered("joe@example.org", &letter));
        let (_, report) = lab.json("explain", &eml, &given);
        let message = &report["message"];
        assert_eq!(message["client"], "192.0.2.20", "{report:#}");
        assert_eq!(message["helo"], "mx.friend.example");
        assert_eq!(message["mail_from"], from);
    }
}
