use proptest::prelude::*;

use super::{
    redact::{REDACTED, Redaction},
    *,
};
use crate::core::{
    address::ReversePath,
    envelope::{Client, Local},
    header::Headers,
    notification::Kind as Notice,
    verdict::{Mode, Rule},
};

const NOW: u64 = 1_800_000_000;

fn local() -> Local {
    Local {
        domains: vec![
            "example.org".parse().unwrap(),
            ".example.net".parse().unwrap(),
        ],
        ..Local::default()
    }
}

fn envelope(client: &str, from: &str) -> Envelope {
    Envelope {
        client: Client {
            address: client.parse().ok(),
            helo: Some(b"mx.far.example".to_vec()),
            ..Client::default()
        },
        reverse_path: ReversePath::from_bytes(from.as_bytes()),
    }
}

fn rejected(mode: Mode) -> Verdict {
    Verdict::of(Rule::new(Action::Reject), mode, Reason::NeverSends)
}

fn policy() -> Policy {
    let mut config = crate::config::parse(std::path::Path::new("m.yaml"), "").unwrap();
    config.policy.local = local();
    config.policy
}

fn counted(envelope: &Envelope, rcpt: &str, verdict: &Verdict) -> Vec<(Kind, String)> {
    let recipient = Mailbox::from_bytes(rcpt.as_bytes());
    let counts = policy().attack(envelope, &recipient, verdict);
    counts
        .into_iter()
        .map(|count| (count.kind, count.text))
        .collect()
}

#[test]
fn a_bounce_is_counted_once_in_each_kind() {
    let verdict = rejected(Mode::Enforce);
    let counts = counted(
        &envelope("192.0.2.7", ""),
        "J\u{f6}e\r\n<b>@example.org",
        &verdict,
    );
    assert_eq!(
        counts,
        [
            (Kind::Reason, "reject never_sends".to_owned()),
            (Kind::Proof, "not_asked".to_owned()),
            (Kind::Host, "192.0.2.7".to_owned()),
            (Kind::Network, "192.0.2.0/24".to_owned()),
            (
                Kind::Recipient,
                "J\\xc3\\xb6e\\x0d\\x0a<b>@example.org".to_owned()
            ),
        ]
    );
    let long = format!("{}@example.org", "\r".repeat(5000));
    let (_, text) = counted(&envelope("192.0.2.7", ""), &long, &verdict)
        .pop()
        .unwrap();
    assert_eq!(text.len(), LONGEST_TEXT);
}

#[test]
fn only_strangers_bounces_to_us_are_counted() {
    let verdict = rejected(Mode::Enforce);
    for (client, from, rcpt, is_counted) in [
        ("192.0.2.7", "", "joe@example.org", true),
        (
            "192.0.2.7",
            "MAILER-DAEMON@far.example",
            "joe@example.org",
            true,
        ),
        ("192.0.2.7", "jane@far.example", "joe@example.org", false),
        ("127.0.0.1", "", "joe@example.org", false),
        ("none", "", "joe@example.org", false),
        ("192.0.2.7", "", "joe@far.example", false),
        ("192.0.2.7", "", "postmaster", false),
    ] {
        let counts = counted(&envelope(client, from), rcpt, &verdict);
        assert_eq!(!counts.is_empty(), is_counted, "{client} {from} {rcpt}");
    }
    let mut bounce = Verdict::accept(Reason::NothingFound);
    bounce.notification = Some(Notification {
        kind: Notice::Dsn,
        evidence: vec![],
    });
    assert!(
        !counted(
            &envelope("192.0.2.7", "jane@far.example"),
            "joe@example.org",
            &bounce
        )
        .is_empty()
    );
}

#[test]
fn names_below_a_domain_of_ours_are_one_domain() {
    let recipient = Mailbox::from_bytes(b"joe@made.up.example.net");
    let counts = policy().attack(
        &envelope("192.0.2.7", ""),
        &recipient,
        &rejected(Mode::Enforce),
    );
    assert!(
        counts.iter().all(|count| count.domain == "example.net"),
        "{counts:?}"
    );
}

#[test]
fn each_verdict_has_one_fate() {
    let of = |verdict: &Verdict| Fate::of(verdict);
    assert_eq!(of(&rejected(Mode::Enforce)), Fate::Refused);
    assert_eq!(of(&rejected(Mode::Monitor)), Fate::WouldRefuse);
    assert_eq!(of(&Verdict::internal()), Fate::Refused);
    assert_eq!(of(&Verdict::accept(Reason::NothingFound)), Fate::LetIn);
    let by_mta = Verdict::accept(Reason::RefusedByMta {
        status: "5.1.1".to_owned(),
    });
    assert_eq!(of(&by_mta), Fate::RefusedByMta);
    let mut proven = Verdict::accept(Reason::NothingFound);
    proven.proof = Some(Outcome::Genuine(crate::core::proof::evidence::By::Batv));
    assert_eq!(of(&proven), Fate::Proven);
    let envelope = envelope("192.0.2.7", "");
    let joe = Mailbox::from_bytes(b"joe@example.org");
    let sampled = [rejected(Mode::Enforce), rejected(Mode::Monitor)];
    assert!(
        sampled
            .iter()
            .all(|verdict| policy().is_sample(&envelope, &joe, verdict))
    );
    let not = [Verdict::internal(), by_mta, proven];
    assert!(
        !not.iter()
            .any(|verdict| policy().is_sample(&envelope, &joe, verdict))
    );
}

fn row(hour: u64, kind: Kind, fate: Fate, text: &str, times: u64) -> Row {
    let count = Count {
        kind,
        domain: "example.org".to_owned(),
        fate,
        text: text.to_owned(),
    };
    Row { hour, count, times }
}

#[test]
fn what_is_stored_is_read_again() {
    for kind in Kind::ALL {
        for fate in Fate::ALL {
            let Row { count, .. } = row(1, kind, fate, "x", 1);
            let stored = Count::stored(kind.as_str(), "example.org", fate.as_str(), "x");
            assert_eq!(stored, Some(count));
        }
    }
    assert_eq!(Count::stored("new", "", "refused", ""), None);
    assert_eq!(Count::stored("host", "", "new", ""), None);
}

#[test]
fn a_summary_adds_up() {
    let mut rows = vec![
        row(100, Kind::Reason, Fate::Refused, "reject unproven", 7),
        row(103, Kind::Reason, Fate::Refused, "reject unproven", 5),
        row(103, Kind::Reason, Fate::Proven, "accept batv_valid", 90),
        row(103, Kind::Reason, Fate::LetIn, "", 1),
        row(100, Kind::Proof, Fate::Refused, "unproven", 12),
        row(100, Kind::Host, Fate::Refused, "192.0.2.7", 7),
        row(103, Kind::Host, Fate::Refused, "192.0.2.8", 5),
        row(103, Kind::Host, Fate::Proven, "192.0.2.9", 90),
        row(103, Kind::Host, Fate::LetIn, "", 1),
        row(100, Kind::Recipient, Fate::Refused, "joe@example.org", 12),
    ];
    let mut other = row(101, Kind::Reason, Fate::Refused, "reject unproven", 1000);
    other.count.domain = "example.net".to_owned();
    rows.push(other);
    let summary = Summary::of(rows.clone(), Some("example.org"));
    assert_eq!((summary.all.all(), summary.all.suspect()), (103, 13));
    assert_eq!(summary.worst_hour(), Some((100, 7)));
    assert_eq!(
        summary.reasons[0],
        (Fate::Proven, "accept batv_valid".to_owned(), 90)
    );
    assert_eq!(summary.proofs["unproven"], 12);
    let hosts: Vec<_> = summary.hosts.top(9).iter().map(|(host, _)| *host).collect();
    assert_eq!(hosts, ["192.0.2.7", "192.0.2.8"]);
    assert_eq!((summary.hosts.len(), summary.hosts.others.all()), (2, 1));
    let series: Vec<_> = summary
        .series(99, 104, 2)
        .iter()
        .map(|(hour, tally)| (*hour, tally.all()))
        .collect();
    assert_eq!(series, [(99, 7), (101, 0), (103, 96)]);
    assert_eq!(Summary::of(rows, None).all.suspect(), 1013);
    let none = Summary::of([], None);
    assert_eq!(none.worst_hour(), None);
    assert!(none.hosts.is_empty() && none.series(5, 4, 1).is_empty());
}

fn redacted(text: &str) -> String {
    let local = local();
    let redaction = Redaction::new(b"secret", &local).unwrap();
    String::from_utf8(redaction.text(text.as_bytes())).unwrap()
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
        ("joe=40example.org", format!("{joe}=40example.org")),
        ("joe%40example.org", format!("{joe}%40example.org")),
        (
            "joe=example.org@lists.example",
            format!("{joe}=example.org@lists.example"),
        ),
        ("joe@example.org.", format!("{joe}@example.org.")),
        (
            "joe@example.orgy, d=example.org; s=x",
            "joe@example.orgy, d=example.org; s=x".to_owned(),
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

fn sample(headers: &str, body: &str) -> Sample {
    let headers = Headers::parse(format!("{headers}\r\n").as_bytes()).0;
    let verdict = rejected(Mode::Enforce);
    let refused = [(b"joe@example.org".to_vec(), &verdict)];
    let envelope = envelope("192.0.2.7", "");
    Sample::new(
        NOW,
        "1a",
        &envelope,
        &refused,
        &headers,
        (body.as_bytes(), false),
    )
    .unwrap()
}

fn message(headers: &str, body: &str) -> String {
    let local = local();
    let redaction = Redaction::new(b"secret", &local).unwrap();
    String::from_utf8(redaction.message(&sample(headers, body))).unwrap()
}

#[test]
fn what_is_encoded_is_left_out() {
    let text = message(
        "Subject: =?utf-8?B?am9lQGV4YW1wbGUub3Jn?=\r\nX: =?utf-8?Q?plain?=\r\n",
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
    let whole = message(
        "Content-Transfer-Encoding:\r\n quoted-printable\r\n",
        "joe@exam=\r\nple.org\r\n",
    );
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

#[test]
fn a_sample_is_bounded() {
    let headers = "X: y\r\n".repeat(900) + &format!("Long: {}\r\n", "z".repeat(60_000));
    let sample = sample(&headers, &"b".repeat(100_000));
    assert!(sample.headers.0.len() + sample.body.0.len() <= LARGEST_SAMPLE);
    assert!(sample.cut && sample.headers.0.ends_with(b"X: y\r\n"));
    let text = serde_json::to_string(&sample).unwrap();
    assert!(text.len() < 2 * LARGEST_SAMPLE);
    assert_eq!(serde_json::from_str::<Sample>(&text).unwrap(), sample);
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
