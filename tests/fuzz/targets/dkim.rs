//! DKIM: tag lists, and signatures that nobody made.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use backstop::{
    core::{
        outside::Unanswered,
        proof::dkim::{
            DkimSettings, KeyRecord,
            tags::{Tags, without_signature},
        },
    },
    dkim::{DkimKeys, verify},
    spf::{Lookup, Mx},
};

use super::{input::Input, ready};

/// The example keys of RFC 8463 and RFC 6376.
const KEYS: [&[u8]; 2] = [
    b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB",
];

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    match input.below(3) {
        0 => list(input.rest()),
        1 => key(input.rest()),
        _ => signed(&mut input),
    }
}

/// RFC 6376 section 3.2, as a naive reader has it.
fn list(text: &[u8]) {
    let mut expected: Option<Vec<(Vec<u8>, Vec<u8>)>> = Some(Vec::new());
    for tag in text
        .split(|&byte| byte == b';')
        .filter(|tag| !tag.trim_ascii().is_empty())
    {
        let parts: Vec<&[u8]> = tag
            .splitn(2, |&byte| byte == b'=')
            .map(<[u8]>::trim_ascii)
            .collect();
        expected = match (expected, parts.as_slice()) {
            (Some(mut tags), [name, value])
                if !name.is_empty() && tags.iter().all(|(other, _)| other != name) =>
            {
                tags.push((name.to_vec(), value.to_vec()));
                Some(tags)
            }
            _ => None,
        };
    }
    let expected = expected.filter(|tags| tags.len() <= 64);
    let found = Tags::parse(text);
    assert_eq!(found.is_some(), expected.is_some());
    for (name, value) in expected.iter().flatten() {
        if let (Ok(name), Some(found)) = (std::str::from_utf8(name), &found) {
            assert_eq!(found.value(name), Some(value.as_slice()));
            assert!(found.allows("not there", &[]) || found.value("not there").is_some());
        }
    }
    let unsigned = without_signature(text);
    assert_eq!(without_signature(&unsigned), unsigned);
    assert!(unsigned.len() <= text.len());
    let tags = |text: &[u8]| text.split(|&byte| byte == b';').count();
    assert_eq!(tags(&unsigned), tags(text));
    if let Some(found) = Tags::parse(&unsigned) {
        assert!(found.value("b").is_none_or(<[u8]>::is_empty));
    }
}

/// A key of the file.
fn key(record: &[u8]) {
    let settings = DkimSettings {
        keys: vec![KeyRecord {
            domain: "own.example".parse().unwrap(),
            selector: "s".to_owned(),
            record: String::from_utf8_lossy(record).into_owned(),
        }],
        ..DkimSettings::default()
    };
    if let Err((at, why)) = DkimKeys::new(&settings) {
        assert!(at == 0 && !why.is_empty());
    }
}

fn signed(input: &mut Input<'_>) {
    let published = Published(match input.below(4) {
        0 => Err(()),
        1 => Ok(input.text(300).to_vec()),
        2 => Ok(KEYS[0].to_vec()),
        _ => Ok(KEYS[1].to_vec()),
    });
    let with_signature = input.one_in(2);
    let body = input.one_in(2).then(|| input.text(200));
    let text = input.rest();
    let raw = match with_signature {
        true => [
            b"From: kim@own.example\r\nMessage-ID: <1@own.example>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\
              DKIM-Signature: v=1; d=own.example; s=s; h=From:Message-ID:Date; "
                .as_slice(),
            text,
        ]
        .concat(),
        false => text.to_vec(),
    };
    let is_ours =
        |domain: &backstop::core::address::Domain| domain.as_str().ends_with("own.example");
    let verified = ready(verify(
        &raw,
        body,
        is_ours,
        &DkimKeys::default(),
        &published,
        1_704_067_300,
        604_800,
    ));
    assert!(verified.len() <= 4);
    for signature in verified {
        assert!(
            !signature.outcome.is_genuine(),
            "{signature:?} of {}",
            raw.escape_ascii()
        );
        assert!(is_ours(&signature.domain));
        assert!(
            signature
                .selector
                .bytes()
                .all(|byte| byte.is_ascii_graphic())
        );
    }
}

struct Published(Result<Vec<u8>, ()>);

impl Lookup for Published {
    async fn txt(&self, _: &str) -> Result<Vec<Vec<u8>>, Unanswered> {
        let answer = self.0.clone().map(|text| vec![text]);
        answer.map_err(|()| Unanswered::dns("SERVFAIL".to_owned()))
    }

    async fn a(&self, _: &str) -> Result<Vec<Ipv4Addr>, Unanswered> {
        Ok(Vec::new())
    }

    async fn aaaa(&self, _: &str) -> Result<Vec<Ipv6Addr>, Unanswered> {
        Ok(Vec::new())
    }

    async fn mx(&self, _: &str) -> Result<Vec<Mx>, Unanswered> {
        Ok(Vec::new())
    }

    async fn ptr(&self, _: IpAddr) -> Result<Vec<String>, Unanswered> {
        Ok(Vec::new())
    }
}
