use proptest::prelude::*;

use super::{
    super::tests::{local, sample},
    *,
};
use crate::core::attack::Octets;

fn redacted(text: &str) -> String {
    let local = local();
    let redaction = Redaction::new(b"secret", &local).unwrap();
    String::from_utf8(redaction.text(text.as_bytes())).unwrap()
}

/// A report about a stranger's host goes to a stranger: nobody is in it.
#[test]
fn all_users_are_taken_out_of_what_strangers_get() {
    let local = local();
    let redaction = Redaction::new(b"secret", &local).unwrap();
    let ours = redaction.text(b"joe@example.org");
    let redaction = redaction.of_all();
    // The same user everywhere.
    assert_eq!(redaction.text(b"joe@example.org"), ours);
    for text in [
        "for <victim@far.example>; Mon",
        "\"victim\"@far.example",
        "victim=40far.example",
        "mailto:victim%40far.example",
        "<bounce+victim=far.example@lists.example>",
        "<SRS0=aB=XY=far.example=victim@fwd.example>",
        "rfc822;victim@FAR.example",
        "From: =?utf-8?Q?victim=40far=2Eexample?=",
        "Message-ID: <victim.1@far.example>",
        "victim@localhost",
    ] {
        let headers = format!("X: {text}\r\n");
        let written = redaction.headers(headers.as_bytes());
        let written = String::from_utf8(written).unwrap();
        assert!(!written.contains("victim"), "{text}: {written}");
        assert!(
            written.starts_with("X: ") && written.ends_with("\r\n"),
            "{written:?}"
        );
    }
    // What is no address stays.
    for text in [
        "v=1; d=far.example; h=from:to; s=k1",
        "by mx.far.example (Postfix)",
    ] {
        assert_eq!(redaction.text(text.as_bytes()), text.as_bytes());
    }
}

#[test]
fn our_users_are_taken_out_wherever_they_stand() {
    let joe = redacted("joe@example.org");
    assert!(
        joe.starts_with(REDACTED) && joe.ends_with("@example.org"),
        "{joe}"
    );
    assert_eq!(redacted("JOE@Example.ORG").to_lowercase(), joe);
    assert_ne!(redacted("jo@example.org"), joe);
    let joe = joe.strip_suffix("@example.org").unwrap();
    for (text, expected) in [
        (
            "<joe@example.org>, jane@far.example",
            format!("<{joe}@example.org>, jane@far.example"),
        ),
        (
            "rfc822;joe@example.org;",
            format!("rfc822;{joe}@example.org;"),
        ),
        ("\"joe\"@example.org x", format!("{joe}@example.org x")),
        (
            "joe@example.org \"joe\"@example.org",
            format!("{joe}@example.org {joe}@example.org"),
        ),
        ("joe=40example.org", format!("{joe}=40example.org")),
        ("joe%40example.org", format!("{joe}%40example.org")),
        (
            "joe=example.org@lists.example",
            format!("{joe}=example.org@lists.example"),
        ),
        (
            "<SRS0=aBcD=XY=example.org=joe@fwd.example>",
            format!("<SRS0=aBcD=XY=example.org={joe}@fwd.example>"),
        ),
        (
            "<SRS0=aBcD=XY=example.org=joe@fwd.example> joe@example.org",
            format!("<SRS0=aBcD=XY=example.org={joe}@fwd.example> {joe}@example.org"),
        ),
        (
            "srs1+cD=x.example==aB=XY=example.org=joe@example.org",
            format!("srs1+cD=x.example==aB=XY=example.org={joe}@example.org"),
        ),
        ("<joe @example.org>", format!("<{joe} @example.org>")),
        (
            "\"joe\"\t@\r\n example.org",
            format!("{joe}\t@\r\n example.org"),
        ),
        (
            "rfc822;joe+40example.org",
            format!("rfc822;{joe}+40example.org"),
        ),
        ("joe%2540example.org", format!("{joe}%2540example.org")),
        ("joe%example.org@relay", format!("{joe}%example.org@relay")),
        (
            "joe=example.org=40lists.example",
            format!("{joe}=example.org=40lists.example"),
        ),
        (
            "prvs=1234abcdef=joe@example.org, prvs=joe/1234abcdef@example.org",
            format!("{joe}@example.org, {joe}@example.org"),
        ),
        (
            "prvs=joe=1234abcdef@example.org joe+PRVS=1234abcdef@example.org",
            format!("{joe}@example.org {joe}@example.org"),
        ),
        // Neither looks like a tag: the second is the user, as ours is written.
        (
            "prvs=jane=joe@example.org prvs=jane/joe@example.org",
            format!("{joe}@example.org {joe}@example.org"),
        ),
        (
            "btv1==0123==joe@example.org msprvs1=x1=joe@example.org",
            format!("{joe}@example.org {joe}@example.org"),
        ),
        (
            "SRS0=aBcD=XY=example.org=prvs=1234abcdef=joe@fwd.example",
            format!("SRS0=aBcD=XY=example.org={joe}@fwd.example"),
        ),
        ("joe@example.org.", format!("{joe}@example.org.")),
        (
            "joe@example.orgy, d=example.org; s=x, a=40 @ b",
            "joe@example.orgy, d=example.org; s=x, a=40 @ b".to_owned(),
        ),
        ("@example.org @", "@example.org @".to_owned()),
        (
            "joe@example.orgjoe@example.org",
            "joe@example.orgjoe@example.org".to_owned(),
        ),
    ] {
        if text.contains("orgjoe") {
            assert!(redacted(text).contains(REDACTED), "{text}");
        } else {
            assert_eq!(redacted(text), expected, "{text}");
        }
    }
    // Nobody stands behind such a tag: the whole of it stands for its user.
    let nobody = |tag: &str| redacted(&format!("btv1=={tag}==@example.org"));
    assert_ne!(nobody("0123"), nobody("4567"));
    // A quote that begins on another line is another one's.
    let apart = redacted("a \"\njoe\"@example.org");
    assert!(apart.starts_with("a \"\nredacted-"), "{apart}");
    for hidden in [
        "\"J. \\\"Joe\\\" Doe\"@example.org",
        "\"joe doe\"@deep.example.net",
        "bounce+joe=example.org@example.net",
        "j\u{f6}e@example.org",
    ] {
        let text = redacted(hidden);
        let (local, _) = text.split_once('@').unwrap();
        assert!(
            local.starts_with(REDACTED) && !local.contains("oe"),
            "{hidden}: {text}"
        );
    }
}

fn message(headers: &str, body: &str) -> String {
    let local = local();
    let redaction = Redaction::new(b"secret", &local).unwrap();
    String::from_utf8(redaction.message(&sample(headers, body))).unwrap()
}

#[test]
fn what_is_encoded_is_left_out() {
    let text = message(
        "Subject: =?utf-8?B?am9lQGV4YW1wbGUub3Jn?=\r\nX: =?utf-8?Q?plain?=\r\n\
         Content-Type: multipart/mixed;\r\n\tBOUNDARY=b; x=y\r\n",
        "--b\r\nContent-Type: text/plain\r\n\r\nto joe@example.org\r\n\
         --b\r\nContent-Transfer-Encoding: base64\r\n\r\nam9lQGV4YW1wbGUub3Jn\r\n-- \r\nam9l\r\n\
         --b\r\ncontent-transfer-encoding: 8bit\r\n\r\nplain\0\x1b[1m\r\n=?utf-8?Q?joe=40example.org?=\r\n--b--\r\n",
    );
    assert!(!text.contains("am9l") && !text.contains("joe"), "{text}");
    assert!(text.contains("Subject: [left out"), "{text}");
    assert!(text.contains("X: =?utf-8?Q?plain?="), "{text}");
    assert!(
        text.contains("base64\r\n\r\n[left out") || text.contains("\r\n[left out"),
        "{text}"
    );
    assert!(text.contains("plain??[1m\r\n[left out"), "{text}");
    assert_eq!(text.matches("--b").count(), 4);
    // A fold parts the words of one value.
    for fold in ["\r\n ", "\r\n\t"] {
        let subject = format!("Subject: =?utf-8?Q?joe=40exam?={fold}=?utf-8?Q?ple.org?=\r\n");
        let text = message(&subject, "");
        assert!(
            text.contains("Subject: [left out") && !text.contains("joe"),
            "{text}"
        );
    }
    let whole = message(
        "Content-Transfer-Encoding:\r\n quoted-printable\r\n",
        "joe@exam=\r\nple.org\r\n",
    );
    // Nothing but a boundary that was named ends an encoded part.
    let hidden =
        "Hello\n--=20\nJoe Doe, reach me at joe.doe@example=\n.org\n-----Original=20Message-----\n";
    let encoded = "Content-Transfer-Encoding: quoted-printable\r\n";
    let part = format!("--=_b c\r\n{encoded}\r\n{hidden}--=_b c--\r\nfor joe@example.org\r\n");
    let in_part = message(
        "Content-Type: multipart/report; boundary=\"=_b c\"\r\n",
        &part,
    );
    assert!(in_part.contains("--=_b c--\r\nfor redacted-"), "{in_part}");
    for text in [
        in_part,
        message(encoded, hidden),
        message("A: b\r\n", &part),
    ] {
        assert!(
            !text.to_lowercase().contains("joe") && !text.contains("Original"),
            "{text}"
        );
    }
    assert!(
        whole.ends_with(
            "\r\n\r\n[left out by Backstop: encoded, so it can't be searched for addresses]\r\n"
        ),
        "{whole}"
    );
}

#[test]
fn half_an_address_is_left_out() {
    let local = local();
    let redaction = Redaction::new(b"secret", &local).unwrap();
    let mut sample = sample("A: b\r\n", "one\r\ntwo joe@exam");
    let whole = redaction.message(&sample);
    assert!(whole.ends_with(b"two joe@exam\r\n"));
    sample.cut = true;
    let cut = redaction.message(&sample);
    assert!(cut.ends_with(b"\r\n\r\none\r\n"), "{}", cut.escape_ascii());
}

proptest! {
    #[test]
    fn no_user_of_ours_gets_through(
        before in "[ -~\r\n]{0,40}",
        user in "[a-z]{6,12}",
        after in "[ -~\r\n]{0,40}",
    ) {
        let text = format!("{before}{user}@example.org {after}");
        let redacted = redacted(&text);
        let address = format!("{user}@example.org");
        prop_assert!(!redacted.contains(&address), "{}", redacted);
    }

    #[test]
    fn no_octets_make_it_panic(headers in prop::collection::vec(any::<u8>(), 0..200), body in prop::collection::vec(any::<u8>(), 0..400)) {
        let local = local();
        let redaction = Redaction::new(b"", &local).unwrap();
        let mut kept = sample("A: b\r\n", "");
        kept.headers = Octets(headers);
        kept.body = Octets(body);
        let message = redaction.message(&kept);
        let controls = message.iter().filter(|byte| byte.is_ascii_control() && !b"\r\n\t".contains(byte));
        prop_assert_eq!(controls.count(), 0);
        prop_assert!(message.split(|&byte| byte == b'\n').all(|line| line.len() <= 999));
    }
}
