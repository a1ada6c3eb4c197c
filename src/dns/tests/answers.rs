//! What a message means.

use hickory_resolver::proto::{
    op::{Query, ResponseCode},
    rr::{
        Name, RData, RecordType,
        rdata::{A, AAAA, MX, NS, PTR},
    },
};

use super::{
    budgeted, failed, resolver_of,
    responder::{Responder, Said, answer, cname, code, code_with, message, record, soa, txt},
};
use crate::spf::{Lookup, Mx};

#[tokio::test]
async fn records_of_each_type_arrive() {
    let server = Responder::start(|name, record_type| match record_type {
        RecordType::TXT => answer(vec![
            txt(name, 60, &[b'x'; 300]),
            txt(name, 60, b"\xff\0"),
            // What stands beside the answer does not count.
            txt("other.test.", 60, b"v=spf1 +all"),
        ]),
        RecordType::A => answer(vec![record(name, 60, RData::A(A::new(192, 0, 2, 1)))]),
        RecordType::AAAA => {
            let address = AAAA("2001:db8::1".parse().unwrap());
            answer(vec![record(name, 60, RData::AAAA(address))])
        }
        RecordType::MX => {
            let odd = Name::from_labels([b"a b".as_slice(), b"Test"]).unwrap();
            answer(vec![
                record(name, 60, RData::MX(MX::new(10, odd))),
                record(name, 60, RData::MX(MX::new(0, Name::root()))),
            ])
        }
        _ => {
            let host = Name::from_ascii("Mail.example.test.").unwrap();
            answer(vec![record(name, 60, RData::PTR(PTR(host)))])
        }
    })
    .await;
    let dns = budgeted(&resolver_of(&[&server]));
    assert_eq!(
        dns.txt("Example.test").await.unwrap(),
        [vec![b'x'; 300], b"\xff\0".to_vec()]
    );
    assert_eq!(
        dns.a("example.test").await.unwrap(),
        ["192.0.2.1".parse::<std::net::Ipv4Addr>().unwrap()]
    );
    assert_eq!(
        dns.aaaa("example.test").await.unwrap(),
        ["2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap()]
    );
    assert_eq!(
        dns.mx("example.test").await.unwrap(),
        [
            Mx {
                preference: 10,
                exchange: "a\\032b.Test".to_owned()
            },
            Mx {
                preference: 0,
                exchange: String::new()
            },
        ]
    );
    assert_eq!(
        dns.ptr("192.0.2.1".parse().unwrap()).await.unwrap(),
        ["Mail.example.test"]
    );
}

#[tokio::test]
async fn no_such_name_and_no_such_record_are_void() {
    let server = Responder::start(|name, _| match name {
        "nx.test." => code(ResponseCode::NXDomain),
        "nx-soa.test." => code_with(ResponseCode::NXDomain, vec![], Some(soa("test.", 60, 60))),
        "nodata.test." => code(ResponseCode::NoError),
        "nodata-soa.test." => code_with(ResponseCode::NoError, vec![], Some(soa("test.", 60, 60))),
        "referral.test." => {
            let ns = RData::NS(NS(Name::from_ascii("ns.test.").unwrap()));
            code_with(ResponseCode::NoError, vec![], Some(record("test.", 60, ns)))
        }
        "alias-nx.test." => code_with(
            ResponseCode::NXDomain,
            vec![cname(name, 60, "gone.test.")],
            None,
        ),
        "alias-nodata.test." => code_with(
            ResponseCode::NoError,
            vec![cname(name, 60, "empty.test.")],
            Some(soa("test.", 60, 60)),
        ),
        _ => panic!("{name}"),
    })
    .await;
    let names = [
        "nx.test",
        "nx-soa.test",
        "nodata.test",
        "nodata-soa.test",
        "referral.test",
        "alias-nx.test",
        "alias-nodata.test",
    ];
    let dns = budgeted(&resolver_of(&[&server, &server]));
    for name in names {
        assert_eq!(dns.txt(name).await, Ok(Vec::new()), "{name}");
    }
    assert_eq!(server.seen().len(), names.len(), "{:?}", server.seen());
}

#[tokio::test]
async fn aliases_are_followed_in_one_message_and_over_several() {
    let server = Responder::start(|name, _| match name {
        "whole.test." => answer(vec![
            txt("end.test.", 60, b"end"),
            cname("middle.test.", 60, "END.test."),
            cname(name, 60, "middle.test."),
        ]),
        "bare.test." => answer(vec![cname(name, 60, "half.test.")]),
        "half.test." => answer(vec![
            cname(name, 60, "almost.test."),
            cname("almost.test.", 60, "end.test."),
        ]),
        // The SOA is of the zone asked, and says nothing of the alias's target.
        "abroad.test." => code_with(
            ResponseCode::NoError,
            vec![cname(name, 60, "end.other.")],
            Some(soa("test.", 60, 60)),
        ),
        "end.test." | "end.other." => answer(vec![txt(name, 60, b"end")]),
        _ => panic!("{name}"),
    })
    .await;
    let dns = budgeted(&resolver_of(&[&server]));
    for name in ["whole.test", "bare.test", "abroad.test"] {
        assert_eq!(dns.txt(name).await, Ok(vec![b"end".to_vec()]), "{name}");
    }
    assert_eq!(
        server.seen(),
        [
            "udp TXT whole.test",
            "udp TXT bare.test",
            "udp TXT half.test",
            "udp TXT end.test",
            "udp TXT abroad.test",
            "udp TXT end.other"
        ]
    );
}

#[tokio::test]
async fn endless_aliases_are_errors() {
    let server = Responder::start(|name, _| match name {
        "self.test." => answer(vec![cname(name, 60, "SELF.test.")]),
        "ring.test." => answer(vec![
            cname(name, 60, "gnir.test."),
            cname("gnir.test.", 60, name),
        ]),
        "ping.test." => answer(vec![cname(name, 60, "pong.test.")]),
        "pong.test." => answer(vec![cname(name, 60, "ping.test.")]),
        _ => {
            let longer = format!("a{name}");
            answer(vec![cname(name, 60, &longer)])
        }
    })
    .await;
    let dns = budgeted(&resolver_of(&[&server]));
    for name in ["self.test", "ring.test", "ping.test"] {
        assert_eq!(failed(dns.txt(name)).await.0, "CNAME loop", "{name}");
    }
    assert_eq!(server.seen().len(), 4, "{:?}", server.seen());
    assert_eq!(
        failed(dns.txt("chain.test")).await.0,
        "more than 10 CNAMEs in a row"
    );
    assert_eq!(server.seen().len(), 4 + 11);
}

#[tokio::test]
async fn every_name_goes_out_as_it_is() {
    let server = Responder::start(|_, _| code(ResponseCode::NXDomain)).await;
    let dns = budgeted(&resolver_of(&[&server]));
    for name in [
        "localhost",
        "printer.local",
        "example.invalid",
        "example.onion",
        "short",
        "A+b=c_d/*'.example.test",
        "xn--bcher-kva.test",
        "1.2.0.192.in-addr.arpa",
    ] {
        assert_eq!(dns.a(name).await, Ok(Vec::new()));
    }
    for address in ["127.0.0.1", "127.0.0.2", "::1"] {
        assert_eq!(dns.ptr(address.parse().unwrap()).await, Ok(Vec::new()));
    }
    assert_eq!(
        server.seen(),
        [
            "udp A localhost",
            "udp A printer.local",
            "udp A example.invalid",
            "udp A example.onion",
            "udp A short",
            "udp A a+b=c_d/*'.example.test",
            "udp A xn--bcher-kva.test",
            "udp A 1.2.0.192.in-addr.arpa",
            "udp PTR 1.0.0.127.in-addr.arpa",
            "udp PTR 2.0.0.127.in-addr.arpa",
            "udp PTR 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
        ]
    );
    assert_eq!(
        failed(dns.a("a..b")).await.0,
        "not a name that DNS can carry"
    );
}

#[tokio::test]
async fn what_is_too_long_for_udp_comes_over_tcp() {
    let server = Responder::start(|name, _| {
        let length = match name {
            "fits.test." => 1_100,
            "long.test." => 1_600,
            _ => 64_000,
        };
        answer(vec![txt(name, 60, &vec![b'x'; length])])
    })
    .await;
    let dns = budgeted(&resolver_of(&[&server]));
    for (name, length) in [
        ("fits.test", 1_100),
        ("long.test", 1_600),
        ("longest.test", 64_000),
    ] {
        let texts = dns.txt(name).await.unwrap();
        assert_eq!(texts.len(), 1, "{name}");
        assert_eq!(texts[0].len(), length, "{name}");
    }
    assert_eq!(
        server.seen(),
        [
            "udp TXT fits.test",
            "udp TXT long.test",
            "tcp TXT long.test",
            "udp TXT longest.test",
            "tcp TXT longest.test"
        ]
    );
}

/// RFC 6891 section 6.2.5 forbids such datagrams, and simple servers send them.
#[tokio::test]
async fn what_is_too_long_for_us_over_udp_comes_over_tcp() {
    let server = Responder::start(|name, record_type| {
        let mut said = message(vec![txt(name, 60, &[b'x'; 1_600])]);
        said.queries = vec![Query::query(Name::from_ascii(name).unwrap(), record_type)];
        Some(Said::Bytes(said.to_vec().unwrap().split_off(2)))
    })
    .await;
    let dns = budgeted(&resolver_of(&[&server]));
    assert_eq!(dns.txt("long.test").await.unwrap(), [[b'x'; 1_600]]);
    assert_eq!(server.seen(), ["udp TXT long.test", "tcp TXT long.test"]);
}
