//! Stored mail: an mbox is read to its end, and what was written is read back.

use std::{fs, io::Write, path::Path};

use backstop::mailstore::{MailStore, recipients, reverse_path};

use super::input::Input;

const MOST: usize = 1000;

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    match input.below(3) {
        0 => read(input.rest()),
        1 => read(&[b"From a@b Mon Jan  1 00:00:00 2024\n", input.rest()].concat()),
        _ => written(&mut input),
    }
}

/// Every message and its envelope.
fn read(text: &[u8]) {
    let separators = text
        .split(|&byte| byte == b'\n')
        .filter(|line| line.starts_with(b"From "))
        .count();
    let (kind, stored) = stored(text);
    let compressed = [b"\x1f\x8b".as_slice(), b"BZh", b"\x28\xb5\x2f\xfd"];
    if compressed.iter().any(|magic| text.starts_with(magic)) {
        return;
    }
    let most = if kind == "mbox" { separators } else { 1 };
    assert!(
        stored.len() <= most,
        "{} of {most} in {}",
        stored.len(),
        text.escape_ascii()
    );
}

fn written(input: &mut Input<'_>) {
    let end = input.one_of(&["\n", "\r\n"]);
    let mut mbox = Vec::new();
    let mut subjects = Vec::new();
    for number in 0..1 + input.below(5) {
        let subject = format!("number {number}");
        let body = input.text(200);
        let line = |text: &str| [text, end].concat().into_bytes();
        mbox.extend(line("From kim@own.example Mon Jan  1 00:00:00 2024"));
        mbox.extend(line(&format!("Subject: {subject}")));
        mbox.extend(line("Return-Path: <kim@own.example>"));
        mbox.extend(line(""));
        for text in body.split(|&byte| byte == b'\n') {
            // As mboxrd quotes.
            let level = text.iter().take_while(|&&byte| byte == b'>').count();
            if text[level..].starts_with(b"From ") {
                mbox.push(b'>');
            }
            mbox.extend_from_slice(text);
            mbox.push(b'\n');
        }
        mbox.extend(line(""));
        subjects.push(subject);
    }
    let (kind, stored) = stored(&mbox);
    assert_eq!(
        (kind, stored),
        ("mbox", subjects),
        "{}",
        mbox.escape_ascii()
    );
}

/// The kind, and the subject of each message.
fn stored(text: &[u8]) -> (&'static str, Vec<String>) {
    let folder = if Path::new("/dev/shm").is_dir() {
        "/dev/shm".into()
    } else {
        std::env::temp_dir()
    };
    let thread = std::thread::current().id();
    let path = folder.join(format!("backstop-fuzz-{}-{thread:?}", std::process::id()));
    fs::File::create(&path).unwrap().write_all(text).unwrap();
    let store = MailStore::open(&path, MOST);
    let mut subjects = Vec::new();
    let mut kind = "none";
    if let Ok(store) = store {
        kind = store.kind();
        let mut position = 0;
        for message in store.flatten() {
            assert!(message.position >= position && message.body.octets().len() <= MOST);
            position = message.position;
            reverse_path(&message);
            recipients(&message.headers, &[]);
            let subject = message.headers.first("Subject");
            subjects.push(subject.map(|subject| subject.text()).unwrap_or_default());
        }
    }
    fs::remove_file(&path).unwrap();
    (kind, subjects)
}
