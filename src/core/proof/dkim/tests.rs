use super::*;

fn fields(text: &str) -> SignedFields {
    SignedFields::of(&Headers::parse(text.as_bytes()).0)
}

#[test]
fn a_message_id_is_what_stands_in_its_brackets() {
    for (value, id) in [
        ("<a@example.org>", Some("<a@example.org>")),
        ("\r\n <a@example.org>", Some("<a@example.org>")),
        ("<a@exam\r\n ple.org> (x)", Some("<a@example.org>")),
        ("x <a@example.org> <b@example.org>", Some("<a@example.org>")),
        ("a@example.org", None),
        ("<>", None),
        ("<a@example.org", None),
        (">a<", None),
        ("", None),
    ] {
        let found = fields(&format!("Message-ID: {value}\r\n")).message_id;
        assert_eq!(found.as_deref(), id.map(str::as_bytes), "{value}");
    }
    let long = format!("Message-ID: <{}@example.org>\r\n", "a".repeat(998));
    assert_eq!(fields(&long).message_id, None);
}

#[test]
fn a_date_is_a_time() {
    for (value, seconds) in [
        ("Sat, 21 Nov 2026 22:00:00 +0000", Some(1_795_298_400)),
        ("21 Nov 2026 23:00:00 +0100", Some(1_795_298_400)),
        ("Sat, 21 Nov 2026 17:00:00 -0500 (EST)", Some(1_795_298_400)),
        ("Sat, 31 Dec 2016 23:59:60 +0000", Some(1_483_228_799)),
        ("Wed, 31 Dec 1969 23:59:59 +0000", None),
        ("Sat, 41 Nov 2026 22:00:00 +0000", None),
        ("yesterday", None),
        ("", None),
    ] {
        assert_eq!(
            fields(&format!("Date: {value}\r\n")).date,
            seconds,
            "{value}"
        );
    }
}

#[test]
fn recipients_are_those_of_to_and_cc() {
    let found = fields(
        "To: \"Doe, Jane\" <Jane@Example.org>, b@example.org\r\n\
         Cc: c@example.org (c), team: b@example.org, d@example.org;\r\n\
         Bcc: e@example.org\r\nResent-To: f@example.org\r\nTo: \r\n",
    );
    let addresses: Vec<String> = found
        .recipients
        .iter()
        .map(|mailbox| String::from_utf8(mailbox.to_bytes()).unwrap())
        .collect();
    assert_eq!(
        addresses,
        [
            "Jane@example.org",
            "b@example.org",
            "c@example.org",
            "d@example.org"
        ]
    );
    let many: String = (0..999)
        .map(|n| format!("Cc: a{n}@example.org\r\n"))
        .collect();
    assert_eq!(fields(&many).recipients.len(), MAX_RECIPIENTS);
}

#[test]
fn of_two_fields_the_first_counts() {
    let found = fields("Message-ID: <1@a>\r\nMessage-ID: <2@a>\r\n");
    assert_eq!(found.message_id.as_deref(), Some(b"<1@a>".as_slice()));
}

#[test]
fn settings_have_defaults_and_know_their_keys() {
    let settings: DkimSettings = serde_yaml::from_str("{}").unwrap();
    assert_eq!(settings, DkimSettings::default());
    let settings: DkimSettings = serde_yaml::from_str(
        "{dkim2: true, keys: [{domain: Example.org, selector: s1, record: 'v=DKIM1; p=x'}]}",
    )
    .unwrap();
    assert_eq!(settings.keys[0].domain.as_str(), "example.org");
    for wrong in ["{key: []}", "{keys: [{domain: example.org, selector: s1}]}"] {
        assert!(
            serde_yaml::from_str::<DkimSettings>(wrong).is_err(),
            "{wrong}"
        );
    }
}
