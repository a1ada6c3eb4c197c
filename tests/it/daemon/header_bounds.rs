//! Headers as no honest MTA hands them over, and as many of them as there is time for.

use lab::milter::{Client, Reply, wire::command};

use super::{ENFORCE, SENDER, Stage, assert_refused, field, headers};

const RULE: &str = "headers: [{header: Subject, match: casino, action: reject}]\n";

fn message(stage: &Stage) -> Client {
    let mut client = stage.session(SENDER);
    begin(&mut client);
    client
}

fn begin(client: &mut Client) {
    client.mail("a@pass.example", &[]).unwrap();
    client.rcpt("joe@example.org", &[]).unwrap();
}

#[test]
fn headers_of_60_kilobytes_are_judged() {
    let stage = Stage::set(&format!("{ENFORCE}{RULE}"));
    let mut client = message(&stage);
    let long = "x".repeat(60_000);
    let folded = "\n folded line of sixty octets, or nearly so, with blanks  ".repeat(1000);
    for value in [&long, &folded] {
        client.header(b"Subject", value.as_bytes()).unwrap();
        client.header(b"References", value.as_bytes()).unwrap();
    }
    client.header(long.as_bytes(), b"x").unwrap();
    assert_eq!(client.eoh().unwrap(), Reply::Continue);
    assert_eq!(client.eom().unwrap().reply, Reply::Continue);
    // Behind them all.
    begin(&mut client);
    client.header(b"X-Long", long.as_bytes()).unwrap();
    client.header(b"Subject", b"casino").unwrap();
    assert_refused(client.eoh(), "550 5.7.1 ");
}

#[test]
fn any_bytes_in_names_and_values_are_answered() {
    let stage = Stage::set(&format!("{ENFORCE}{RULE}log: {{level: debug}}\n"));
    let hostile: [&[u8]; 9] = [
        b" ",
        b"\xff\xfe\x80",
        "S\u{fc}bject: gr\u{fc}\u{df}e".as_bytes(),
        b"\r",
        b"\n",
        b"a\rb\nc\r\nd\r\n\te",
        b"id=1 verdict=accept\nid=2 i=3 client=4",
        b"=?utf-8?b?////?= =?x?q?=FF=0D=0A?= =?utf-8?q?=00?=",
        b"\x1b[31m\x07\x7f",
    ];
    let mut client = stage.session(SENDER);
    for one in hostile {
        for other in hostile {
            begin(&mut client);
            client.header(one, other).unwrap();
            client.header(b"Subject", one).unwrap();
            client.header(b"From", other).unwrap();
            client.header(b"Content-Type", other).unwrap();
            client.header(b"Authentication-Results", one).unwrap();
            assert_eq!(client.eoh().unwrap(), Reply::Continue);
            assert_eq!(client.eom().unwrap().reply, Reply::Continue);
        }
    }
    let decisions = stage.decisions();
    assert_eq!(decisions.len(), hostile.len() * hostile.len());
    for line in stage.backstop.log().lines() {
        assert!(
            line.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            "{line:?}"
        );
    }
}

/// A value that is cut by line breaks is one value.
#[test]
fn a_rule_sees_through_folds_of_every_kind() {
    let stage = Stage::set(
        "mode: enforce\nlocal: {domains: [example.org]}\n\
         headers: [{header: Subject, match: '^big casino \u{fc}\u{df}$', action: reject}]\n",
    );
    let mut client = stage.session(SENDER);
    for value in [
        "big casino \u{fc}\u{df}".as_bytes(),
        b"big\r\n casino\n \xc3\xbc\xc3\x9f",
        b"big\r casino\r \xfc\xdf",
        b"big\ncasino\r\n\xfc\xdf",
        b"  big casino =?utf-8?b?w7zDnw==?=\r\n ",
        b"=?iso-8859-1?q?big_casino_?=\r\n =?utf-8?q?=C3=BC?= =?iso-8859-1?q?=DF?=",
    ] {
        begin(&mut client);
        client.header(b"sUBJECT", value).unwrap();
        assert_refused(client.eoh(), "550 5.7.1 ");
    }
}

/// Packets that hold more or less than a name and a value.
#[test]
fn broken_header_packets_are_answered_or_hung_up_on() {
    let stage = Stage::set(ENFORCE);
    for packet in [
        &b""[..],
        b"\0",
        b"Subject",
        b"Subject\0",
        b"Subject\0x",
        b"Subject\0x\0y\0",
        b"Subject\0x\0\0",
        b"\0x\0",
    ] {
        let mut client = message(&stage);
        client.send_packet(command::HEADER, packet).unwrap();
        match client.eoh() {
            Ok(reply) => assert_eq!(reply, Reply::Continue),
            Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::TimedOut, "{packet:?}"),
        }
    }
    stage.serves();
}

#[test]
fn five_thousand_headers_are_as_good_as_five() {
    let stage = Stage::set(&format!("{ENFORCE}{RULE}"));
    let mut client = message(&stage);
    let many = "X-Filler: filler\n".repeat(5000);
    assert_eq!(headers(&mut client, &many).unwrap(), Reply::Continue);
    assert_eq!(client.eom().unwrap().reply, Reply::Continue);
    begin(&mut client);
    assert_refused(
        headers(&mut client, &format!("Subject: casino\n{many}")),
        "550 5.7.1 ",
    );
}

/// What is not read of From: would be where a forger writes.
#[test]
fn a_forged_from_is_found_wherever_it_stands() {
    let stage = Stage::set(&format!("{ENFORCE}forgery: {{header_from: reject}}\n"));
    let mut client = stage.session(SENDER);
    let fillers = "X-Filler: filler\n".repeat(5000);
    let authors = "a@pass.example, ".repeat(3000);
    let others: String = (0..100).map(|n| format!("a{n}@pass.example, ")).collect();
    for (lines, says) in [
        (
            format!("{fillers}From: boss@example.org"),
            "From: names example.org,",
        ),
        (
            format!("From: {authors}boss@example.org"),
            "From: names example.org,",
        ),
        (
            format!("From: {others}boss@example.org"),
            "From: names more addresses than",
        ),
        (
            "From: x@pass.example\n".repeat(5000) + "From: boss@example.org",
            "From: names more",
        ),
    ] {
        begin(&mut client);
        assert_refused(headers(&mut client, &lines), &format!("550 5.7.1 {says}"));
    }
    begin(&mut client);
    let honest = format!("{fillers}From: {authors}");
    assert_eq!(headers(&mut client, &honest).unwrap(), Reply::Continue);
}

/// Neither what is kept of one message grows without bound, nor is any of it kept when the message is over.
#[test]
fn headers_without_end_take_bounded_memory() {
    let stage = Stage::set(ENFORCE);
    let long = vec![b'x'; 60_000];
    let flood = |client: &mut Client| {
        begin(client);
        for number in 0..400 {
            client.header(b"X-Filler", &long).unwrap();
            client
                .header(format!("X-{number}").as_bytes(), b"")
                .unwrap();
            client.header(b"Authentication-Results", &long).unwrap();
        }
    };
    let mut client = stage.session(SENDER);
    flood(&mut client);
    client.abort().unwrap();
    stage.serves();
    let before = stage.memory();
    for _ in 0..2 {
        flood(&mut client);
        assert_eq!(client.eoh().unwrap(), Reply::Continue);
        client.abort().unwrap();
    }
    stage.serves_in_memory_since(before);
}

/// A decision for each of a thousand recipients, each by all the rules, of the longest headers that are kept: decoding
/// and matching them is one work for the whole message.
#[test]
fn a_thousand_recipients_cost_no_more_than_one() {
    let rule = "{header: Subject, match: '(a|b|ab)*casino', action: reject}, ";
    let rules = rule.repeat(20);
    let stage = Stage::set(&format!("{ENFORCE}headers: [{rules}]\n"));
    let mut client = stage.session(SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    for number in 0..1000 {
        client
            .rcpt(&format!("joe{number}@example.org"), &[])
            .unwrap();
    }
    let subject = "=?utf-8?q?ab=61b?= ".repeat(400);
    for _ in 0..40 {
        client.header(b"Subject", subject.as_bytes()).unwrap();
    }
    let begun = std::time::Instant::now();
    assert_eq!(client.eoh().unwrap(), Reply::Continue);
    let took = begun.elapsed();
    assert!(took < std::time::Duration::from_secs(10), "{took:?}");
    client.eom().unwrap();
    let line = stage.decision("joe999@example.org");
    assert_eq!(field(&line, "verdict"), "accept");
}
