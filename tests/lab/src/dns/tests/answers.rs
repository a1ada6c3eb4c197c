//! Records, aliases, wildcards and absence.

use super::*;

#[tokio::test]
async fn records_are_served_over_udp_and_tcp_in_the_zones_order() {
    let server = lab().await;
    for (name, kind, records) in [
        (
            "example.com",
            RecordType::A,
            vec![
                "example.com. 5 IN A 192.0.2.1",
                "example.com. 5 IN A 192.0.2.2",
            ],
        ),
        (
            "example.com",
            RecordType::AAAA,
            vec!["example.com. 5 IN AAAA 2001:db8::1"],
        ),
        (
            "example.com",
            RecordType::MX,
            vec![
                "example.com. 5 IN MX 10 mail.example.com.",
                "example.com. 5 IN MX 20 .",
            ],
        ),
        (
            "example.com",
            RecordType::NS,
            vec!["example.com. 5 IN NS ns.example.com."],
        ),
        (
            "1.2.0.192.in-addr.arpa",
            RecordType::PTR,
            vec!["1.2.0.192.in-addr.arpa. 60 IN PTR Mail.example.com."],
        ),
        (
            "a.b.WILD.example.com",
            RecordType::A,
            vec!["a.b.WILD.example.com. 60 IN A 192.0.2.3"],
        ),
        (
            "EXAMPLE.com",
            RecordType::SOA,
            vec![
                "EXAMPLE.com. 5 IN SOA ns.example.com. hostmaster.example.com. 7 3600 600 86400 5",
            ],
        ),
        (".", RecordType::NS, vec![". 60 IN NS ns.lab.invalid."]),
    ] {
        for answer in [
            ask(&server, name, kind).await,
            ask_tcp(&server, name, kind).await,
        ] {
            assert_eq!(texts(&answer.answers), records, "{name} {kind}");
            assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
            assert!(answer.metadata.recursion_available);
        }
    }
}

#[tokio::test]
async fn text_keeps_its_octets_and_its_character_strings() {
    let server = lab().await;
    let answer = ask(&server, "example.com", RecordType::TXT).await;
    assert_eq!(
        txt_data(&answer),
        [
            vec![b"v=spf1 ip4:192.0.2.0/24 -all".to_vec()],
            vec![b"several".to_vec(), b"strings".to_vec()],
            vec![b"v=\xff\0".to_vec()],
        ]
    );

    server.set_zone(
        Zone::new()
            .txt("long.example.com", "x".repeat(300))
            .txt("empty.example.com", "")
            .txt_strings("none.example.com", &[]),
    );
    let lengths = |message: &Message| -> Vec<usize> {
        txt_data(message).concat().iter().map(Vec::len).collect()
    };
    let long = ask(&server, "long.example.com", RecordType::TXT).await;
    assert_eq!(lengths(&long), [255, 45]);
    let empty = ask(&server, "empty.example.com", RecordType::TXT).await;
    assert_eq!(lengths(&empty), [0]);
    // A TXT without any character-string is not legal; hickory refuses the message that holds it.
    let none = question("none.example.com", RecordType::TXT)
        .to_vec()
        .unwrap();
    let answer = exchange_udp(server.addr(), &none, Duration::from_secs(5)).await;
    assert!(Message::from_vec(&answer.expect("an answer")).is_err());
}

#[tokio::test]
async fn labels_are_any_bytes_and_compare_without_case() {
    let server = Server::start(Zone::new().a(
        "Macro%percent  sp\u{e9}ce.Example.com",
        [192, 0, 2, 9].into(),
    ))
    .await;
    let asked = "mACRO%percent  SP\u{e9}CE.example.COM";
    let answer = ask(&server, asked, RecordType::A).await;
    assert_eq!(answer.answers.len(), 1);
    // The letters' case may be the questioner's nonce: it comes back as it went.
    assert!(answer.answers[0].name.eq_case(&rdata::name(asked).unwrap()));
}

#[tokio::test]
async fn what_is_absent_is_absent_by_an_soa() {
    let server = lab().await;
    for (name, kind, code, owner) in [
        (
            "nowhere.example.com",
            RecordType::A,
            ResponseCode::NXDomain,
            "example.com.",
        ),
        (
            "nowhere.example.net",
            RecordType::A,
            ResponseCode::NXDomain,
            ".",
        ),
        (
            "example.com",
            RecordType::PTR,
            ResponseCode::NoError,
            "example.com.",
        ),
        // RFC 8020: a name that only stands above others exists.
        (
            "below.example.com",
            RecordType::A,
            ResponseCode::NoError,
            "example.com.",
        ),
        (
            "deep.below.example.com",
            RecordType::A,
            ResponseCode::NoError,
            "example.com.",
        ),
        (
            "wild.example.com",
            RecordType::A,
            ResponseCode::NoError,
            "example.com.",
        ),
        (
            "a.wild.example.com",
            RecordType::TXT,
            ResponseCode::NoError,
            "example.com.",
        ),
    ] {
        let answer = ask(&server, name, kind).await;
        assert_eq!(absence(&answer), (code, owner.to_owned()), "{name} {kind}");
    }
}

#[tokio::test]
async fn a_wildcard_stands_only_for_names_below_its_closest_encloser() {
    let zone = Zone::new()
        .a("*.example.com", [192, 0, 2, 1].into())
        .a("host.example.com", [192, 0, 2, 2].into());
    let server = Server::start(zone).await;
    let stands = ask(&server, "other.example.com", RecordType::A).await;
    assert_eq!(stands.answers.len(), 1);
    // RFC 4592 section 2.2.1: host.example.com exists, so nothing below it is covered by the wildcard beside it.
    let below = ask(&server, "below.host.example.com", RecordType::A).await;
    assert_eq!(absence(&below).0, ResponseCode::NXDomain);
}

#[tokio::test]
async fn aliases_are_followed_as_a_resolver_does() {
    let server = lab().await;
    let chain = ask(&server, "alias.example.com", RecordType::A).await;
    assert_eq!(
        texts(&chain.answers),
        [
            "alias.example.com. 60 IN CNAME alias2.example.com.",
            "alias2.example.com. 60 IN CNAME example.com.",
            "example.com. 5 IN A 192.0.2.1",
            "example.com. 5 IN A 192.0.2.2",
        ]
    );
    let alias = ask(&server, "alias.example.com", RecordType::CNAME).await;
    assert_eq!(alias.answers.len(), 1);

    let away = ask(&server, "away.example.com", RecordType::A).await;
    assert_eq!(away.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(away.answers.len(), 1);
    assert_eq!(away.authorities.len(), 1);

    for broken in ["loop.example.com", "to-servfail.example.com"] {
        let answer = ask(&server, broken, RecordType::A).await;
        assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
        assert_eq!(answer.answers, [], "{broken}");
    }
}
