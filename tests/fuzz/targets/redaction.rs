//! What is shown to strangers has no address of ours.

use std::sync::LazyLock;

use backstop::core::{
    attack::{
        Octets, Sample,
        redact::{REDACTED, Redaction},
    },
    header::{Header, Headers},
    local::Local,
};

use super::input::Input;

static LOCAL: LazyLock<Local> = LazyLock::new(|| Local {
    domains: vec![
        "own.example".parse().unwrap(),
        ".own.example".parse().unwrap(),
    ]
    .into(),
    ..Local::default()
});
/// Nobody else is called so.
const SECRET: &[u8] = b"zqxjkv";
const OURS: [&[u8]; 6] = [
    b"@own.example",
    b"@OWN.example",
    b"%40own.example",
    b"=40own.example",
    b"@sub.own.example",
    b" @ own.example",
];

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let ours = input.one_of(&OURS);
    let (in_headers, cut) = (input.one_in(2), input.one_in(2));
    let at = input.byte() as usize * input.byte() as usize;
    let text = input.rest();
    let redaction = Redaction::new(b"the secret of a site", &LOCAL).unwrap();

    is_clean(&redaction.text(text));

    let (before, after) = text.split_at(at.min(text.len()));
    let hidden = [before, b" ", SECRET, ours, b" ", after].concat();
    let written = redaction.text(&hidden);
    is_clean(&written);
    assert!(
        !has(&written, &[SECRET, ours, b" "].concat()),
        "{}",
        hidden.escape_ascii()
    );

    let (headers, body): (&[u8], &[u8]) = if in_headers {
        (&hidden, b"")
    } else {
        (b"Subject: x\r\n", &hidden)
    };
    let headers: Vec<u8> = Headers::parse(headers)
        .0
        .iter()
        .flat_map(|header| [header.name(), b": ", header.value(), b"\r\n"].concat())
        .collect();
    let sample = Sample {
        at: 0,
        id: String::new(),
        client: "192.0.2.1".parse().unwrap(),
        name: None,
        helo: Octets::default(),
        mail_from: Octets::default(),
        recipients: Vec::new(),
        action: String::new(),
        reason: String::new(),
        done: true,
        proof: String::new(),
        headers: Octets(headers),
        body: Octets(body.to_vec()),
        cut,
    };
    let message = redaction.message(&sample);
    for line in message.split_inclusive(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r\n").unwrap();
        assert!(line.len() <= 998);
        assert!(
            line.iter()
                .all(|&byte| byte == b'\t' || !byte.is_ascii_control())
        );
        is_clean(line);
        is_clean(Header::new(b"", line).text().as_bytes());
    }
}

/// A naive search: before each `@own.example` stands nothing, or what was redacted.
fn is_clean(text: &[u8]) {
    let lower = text.to_ascii_lowercase();
    let places = lower
        .windows(12)
        .enumerate()
        .filter(|(_, place)| *place == b"@own.example");
    for (at, _) in places {
        let next = lower.get(at + 12).copied().unwrap_or(b' ');
        if next.is_ascii_alphanumeric() || b"-_.".contains(&next) || next >= 0x80 {
            continue;
        }
        let word = lower[..at]
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-');
        let mut word: Vec<u8> = word.copied().collect();
        word.reverse();
        let redacted = word
            .windows(REDACTED.len())
            .rposition(|place| place == REDACTED.as_bytes());
        let is_redacted = redacted.is_some_and(|from| word.len() - from == REDACTED.len() + 20);
        assert!(is_redacted || word.is_empty(), "{}", text.escape_ascii());
    }
}

fn has(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|place| place == part)
}
