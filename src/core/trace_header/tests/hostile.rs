//! Whatever a stranger says, and whatever its DNS answers, the headers keep their grammar and say what is true.

use proptest::{collection::vec, option, prelude::*, sample::select, string::string_regex};

use super::{RECEIVER, answers, grammar, longest_line, written};
use crate::core::trace_header::{
    Notice, Tags,
    words::{MAX_LENGTH, quoted_address},
};
use crate::core::{
    address::{Domain, ReversePath},
    envelope::{Client, Envelope},
    spf::{Identity, SpfCheck, SpfResult},
};

const RESULTS: [SpfResult; 7] = [
    SpfResult::None,
    SpfResult::Neutral,
    SpfResult::Pass,
    SpfResult::Fail,
    SpfResult::Softfail,
    SpfResult::Temperror,
    SpfResult::Permerror,
];

/// Bytes of any kind, and many of those that mean something to a parser.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let telling = select(b"\"\\()<>@;:=,.%[]? \t\r\n\0\x7f\x80\xff_-a1".to_vec());
    let pieces = select(vec![
        "example.com",
        "; spf=pass smtp.mailfrom=ceo@example.org",
        "\r\nX-Injected: yes",
        "\") client-ip=127.0.0.1; (",
        "@",
        "\"a b\"@example.com",
        "user@xn--bcher-kva.example",
        "bücher.example",
        "[IPv6:2001:db8::1]",
    ]);
    prop_oneof![
        vec(any::<u8>(), 0..40),
        vec(telling, 0..40),
        vec(any::<u8>(), 900..1100),
        vec(select(b"\" \\".to_vec()), 900..1100),
        vec(pieces, 0..5).prop_map(|pieces| pieces.concat().into_bytes()),
        // The tame, so that much is written as it is.
        string_regex("[a-z+=]{1,9}@[a-z]{1,9}(\\.[a-z]{2,3}){0,2}")
            .unwrap()
            .prop_map(String::into_bytes),
    ]
}

/// A stranger's text in an [`SpfCheck`], even such as no check of ours would hand on.
fn text() -> impl Strategy<Value = String> {
    bytes().prop_map(|bytes| bytes.into_iter().map(char::from).collect())
}

fn checks(identity: Identity) -> impl Strategy<Value = SpfCheck> {
    (
        select(RESULTS.to_vec()),
        text(),
        option::of(text()),
        option::of(text()),
        option::of(text()),
    )
        .prop_map(
            move |(result, domain, explanation, mechanism, problem)| SpfCheck {
                identity,
                domain,
                result,
                explanation,
                mechanism,
                problem,
                lookups: 0,
                void_lookups: 0,
                trace: Vec::new(),
            },
        )
}

fn envelopes() -> impl Strategy<Value = Envelope> {
    let sender = prop_oneof![3 => bytes(), 1 => Just(Vec::new())];
    (
        any::<Option<std::net::IpAddr>>(),
        option::of(bytes()),
        sender,
    )
        .prop_map(|(address, helo, sender)| Envelope {
            client: Client {
                address,
                helo,
                ..Client::default()
            },
            reverse_path: ReversePath::from_bytes(&sender),
        })
}

/// Printable, UTF-8 apart; bounded, and in lines that every MTA takes, none of them blank.
fn assert_tame(name: &str, value: &str) {
    assert!(
        value
            .bytes()
            .all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte) || !byte.is_ascii()),
        "{value:?}"
    );
    let whole = format!("{name}: {value}");
    assert!(longest_line(name, value) <= 998, "{value:?}");
    for (at, line) in whole.split('\n').enumerate() {
        assert!(at == 0 || line.starts_with(' '), "{value:?}");
        assert!(!line.trim().is_empty(), "{value:?}");
    }
    assert!(whole.len() < 4096, "{} octets", whole.len());
}

/// What a word says when read: the bytes themselves where they are printable and not too long.
fn assert_says(said: Option<&str>, bytes: &[u8]) {
    let printable = bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
    let fits = bytes.len() <= MAX_LENGTH / 2;
    if printable && fits {
        assert_eq!(said.map(str::as_bytes), Some(bytes));
    } else {
        assert!(said.is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn headers_keep_the_grammar_and_tell_the_truth(
        envelope in envelopes(),
        mail_from in checks(Identity::MailFrom),
        helo in checks(Identity::Helo),
    ) {
        let is_null = envelope.reverse_path.is_null();
        let checked = if is_null { vec![&mail_from] } else { vec![&mail_from, &helo] };
        let spf = answers(mail_from.clone(), helo.clone());
        let (received_spf, authentication_results) = written(&envelope, &spf);

        prop_assert_eq!(received_spf.len(), checked.len());
        for (value, check) in received_spf.iter().zip(&checked) {
            assert_tame("Received-SPF", value);
            let header = grammar::received_spf(value).map_err(TestCaseError::fail)?;
            let by_sender = check.identity == Identity::MailFrom;
            let has_problem = check.problem.is_some() || check.result == SpfResult::Temperror;
            let keys: Vec<&str> = [
                ("client-ip", envelope.client.address.is_some()),
                ("envelope-from", by_sender && header.value("envelope-from").is_some()),
                ("helo", envelope.client.helo.is_some()),
                ("receiver", true),
                ("identity", true),
                ("mechanism", check.mechanism.is_some()),
                ("problem", has_problem),
            ]
            .into_iter()
            .filter_map(|(key, stands)| stands.then_some(key))
            .collect();
            prop_assert_eq!(header.keys(), keys);
            prop_assert_eq!(&header.result, check.result.as_str());
            prop_assert_eq!(header.value("identity"), Some(check.identity.as_str()));
            prop_assert_eq!(header.value("receiver"), Some(RECEIVER));
            if let Some(address) = envelope.client.address {
                let address = address.to_canonical().to_string();
                prop_assert_eq!(header.value("client-ip"), Some(address.as_str()));
            }
            if let Some(helo) = &envelope.client.helo {
                assert_says(header.value("helo"), helo);
            }
            if by_sender && !is_null {
                let sender = envelope.reverse_path.to_bytes();
                let plain = sender.len() <= MAX_LENGTH / 2 && sender.iter().all(|byte| (b' '..=b'~').contains(byte));
                let said = header.value("envelope-from").map(str::as_bytes);
                prop_assert!(said == Some(&sender) || said.is_none() && !plain);
            }
        }

        assert_tame("Authentication-Results", &authentication_results);
        let header = grammar::authentication_results(&authentication_results).map_err(TestCaseError::fail)?;
        prop_assert_eq!(&header.authserv_id, RECEIVER);
        prop_assert_eq!(header.results.len(), checked.len());
        for (statement, check) in header.results.iter().zip(&checked) {
            prop_assert_eq!(&statement.method, "spf");
            prop_assert_eq!(&statement.result, check.result.as_str());
            let [(property, value)] = &statement.properties[..] else {
                return Err(TestCaseError::fail(format!("{statement:?}")));
            };
            prop_assert_eq!(property, &format!("smtp.{}", check.identity));
            if check.domain.parse::<Domain>().is_ok_and(|domain| domain.as_str() == check.domain) {
                prop_assert_eq!(value, &check.domain);
            }
        }
    }

    #[test]
    fn any_receiver_will_do(receiver in text(), mail_from in checks(Identity::MailFrom), helo in checks(Identity::Helo)) {
        let envelope = super::envelope("192.0.2.1", b"mta.example.com", b"<>");
        let spf = answers(mail_from, helo);
        let trace = super::SpfTrace { envelope: &envelope, spf: &spf, receiver: &receiver, authserv_id: &receiver, dmarc: None };
        for value in trace.received_spf() {
            assert_tame("Received-SPF", &value);
            grammar::received_spf(&value).map_err(TestCaseError::fail)?;
        }
        let value = trace.authentication_results();
        assert_tame("Authentication-Results", &value);
        grammar::authentication_results(&value).map_err(TestCaseError::fail)?;
    }
}

/// An address that looks like another one is left out.
#[test]
fn addresses_have_no_hidden_characters() {
    for (address, is_written) in [
        ("joe@example.org", true),
        ("j\u{f6}e@example.org", true),
        ("j\u{a0}oe@example.org", false),
        ("j\u{85}oe@example.org", false),
        ("j\u{200b}oe@example.org", false),
        ("j\x7foe@example.org", false),
    ] {
        let written = quoted_address(address.as_bytes());
        assert_eq!(written.is_some(), is_written, "{address:?}");
    }
}

#[test]
fn x_backstop_is_tame() {
    use crate::core::verdict::{Action, Mode, Reason, Rule, Verdict};
    let mut tags = Tags::default();
    for result in RESULTS {
        for action in [Action::Reject, Action::Tag, Action::Quarantine] {
            let reason = Reason::Spf {
                identity: Identity::MailFrom,
                domain: "\r\nX-Injected: yes".to_owned(),
                result,
                explanation: Some("\r\n".to_owned()),
                problem: None,
            };
            tags.note(&Verdict::of(Rule::new(action), Mode::Monitor, reason));
        }
    }
    let notice = Notice {
        kind: "dsn",
        evidence: &["a_kind_of_evidence"; 100],
    };
    assert_tame("X-Backstop", &tags.x_backstop(Some(notice), "1a").unwrap());
}
