//! The lab's DNS, asked over its sockets.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use hickory_proto::{
    op::{Edns, Message, OpCode, Query, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use super::{Fault, Scope, Server, Transport, Zone, rdata};

const ZONE: &str = r#"
example.com:
  - TXT: "v=spf1 ip4:192.0.2.0/24 -all"
  - TXT: [several, strings]
  - TXT_HEX: "76 3d ff 00"
  - A: 192.0.2.1
  - A: 192.0.2.2
  - AAAA: 2001:db8::1
  - MX: [10, mail.example.com]
  - MX: [20, ""]
  - NS: ns.example.com
  - SOA: ns.example.com hostmaster.example.com 7 3600 600 86400 5
  - TTL: 5
1.2.0.192.in-addr.arpa:
  - PTR: Mail.example.com
"deep.below.example.com": []
"*.wild.example.com":
  - A: 192.0.2.3
alias.example.com:
  - CNAME: alias2.example.com
alias2.example.com:
  - CNAME: example.com
away.example.com:
  - CNAME: nowhere.example.net
loop.example.com:
  - CNAME: loop.example.com
servfail.example.com:
  - SERVFAIL
half.example.com:
  - SERVFAIL: TXT
  - REFUSED: [MX, PTR]
  - A: 192.0.2.4
to-servfail.example.com:
  - CNAME: servfail.example.com
refused.example.com:
  - REFUSED
formerr.example.com:
  - FORMERR
silence.example.com:
  - SILENCE
truncate.example.com:
  - TRUNCATE
  - A: 192.0.2.5
no-tcp.example.com:
  - TRUNCATE
  - NO_TCP
  - A: 192.0.2.6
garbage.example.com:
  - GARBAGE
slow.example.com:
  - DELAY: 200ms
  - A: 192.0.2.7
"#;

async fn lab() -> Server {
    Server::start(Zone::from_yaml(ZONE).unwrap()).await
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(rdata::name(name).unwrap(), kind));
    message
}

async fn exchange_udp(addr: SocketAddr, packet: &[u8], wait: Duration) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(addr).await.unwrap();
    socket.send(packet).await.unwrap();
    let mut buffer = vec![0; 65535];
    let length = timeout(wait, socket.recv(&mut buffer)).await.ok()?.unwrap();
    buffer.truncate(length);
    Some(buffer)
}

/// None when the server hangs up instead of answering.
async fn exchange_tcp(addr: SocketAddr, packet: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length, packet].concat()).await.unwrap();
    read_answer(&mut stream).await
}

async fn read_answer(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let length = stream.read_u16().await.ok()?;
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await.ok()?;
    Some(answer)
}

async fn ask_message(server: &Server, message: &Message) -> Message {
    let packet = message.to_vec().unwrap();
    let answer = exchange_udp(server.addr(), &packet, Duration::from_secs(5)).await;
    let answer = Message::from_vec(&answer.expect("an answer")).unwrap();
    assert_eq!(answer.metadata.id, message.metadata.id);
    assert_eq!(answer.queries, message.queries);
    answer
}

async fn ask(server: &Server, name: &str, kind: RecordType) -> Message {
    ask_message(server, &question(name, kind)).await
}

async fn ask_tcp(server: &Server, name: &str, kind: RecordType) -> Message {
    let packet = question(name, kind).to_vec().unwrap();
    let answer = exchange_tcp(server.addr(), &packet).await;
    Message::from_vec(&answer.expect("an answer")).unwrap()
}

fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(ToString::to_string).collect()
}

fn txt_data(message: &Message) -> Vec<Vec<Vec<u8>>> {
    let strings = |record: &Record| match &record.data {
        RData::TXT(txt) => txt.txt_data.iter().map(|string| string.to_vec()).collect(),
        other => panic!("{other:?}"),
    };
    message.answers.iter().map(strings).collect()
}

/// NODATA or NXDOMAIN, and whose SOA says so.
fn absence(message: &Message) -> (ResponseCode, String) {
    assert_eq!(message.answers, []);
    let [soa] = message.authorities.as_slice() else {
        panic!("{message:?}")
    };
    assert_eq!(soa.record_type(), RecordType::SOA);
    (message.metadata.response_code, soa.name.to_ascii())
}

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

#[tokio::test]
async fn error_codes_befall_all_types_or_those_named() {
    let server = lab().await;
    for (name, kind, code) in [
        (
            "servfail.example.com",
            RecordType::TXT,
            ResponseCode::ServFail,
        ),
        (
            "servfail.example.com",
            RecordType::A,
            ResponseCode::ServFail,
        ),
        ("refused.example.com", RecordType::A, ResponseCode::Refused),
        ("formerr.example.com", RecordType::A, ResponseCode::FormErr),
        ("half.example.com", RecordType::TXT, ResponseCode::ServFail),
        ("half.example.com", RecordType::MX, ResponseCode::Refused),
        ("half.example.com", RecordType::PTR, ResponseCode::Refused),
        ("half.example.com", RecordType::A, ResponseCode::NoError),
    ] {
        let answer = ask(&server, name, kind).await;
        assert_eq!(answer.metadata.response_code, code, "{name} {kind}");
        let right = usize::from(code == ResponseCode::NoError);
        assert_eq!(answer.answers.len(), right, "{name} {kind}");
    }
}

#[tokio::test]
async fn silence_is_never_broken_and_holds_up_nobody_else() {
    let server = lab().await;
    let silent = question("silence.example.com", RecordType::A)
        .to_vec()
        .unwrap();
    let answer = exchange_udp(server.addr(), &silent, Duration::from_millis(300)).await;
    assert_eq!(answer, None);

    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    let spoken = question("example.com", RecordType::A).to_vec().unwrap();
    for packet in [&silent, &spoken] {
        let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
        stream
            .write_all(&[length.as_slice(), packet].concat())
            .await
            .unwrap();
    }
    let answer = read_answer(&mut stream).await.unwrap();
    assert_eq!(answer[..2], spoken[..2], "the second question's id");
    let more = timeout(Duration::from_millis(300), read_answer(&mut stream)).await;
    assert!(more.is_err(), "{more:?}");
}

#[tokio::test]
async fn only_absent_types_are_silent_where_so_told() {
    let name = "partly.example.com";
    let zone = Zone::new()
        .txt(name, "v=spf1 -all")
        .fault(name, Scope::Absent, Fault::Silence);
    let server = Server::start(zone).await;
    assert_eq!(ask(&server, name, RecordType::TXT).await.answers.len(), 1);
    let absent = question(name, RecordType::A).to_vec().unwrap();
    let answer = exchange_udp(server.addr(), &absent, Duration::from_millis(300)).await;
    assert_eq!(answer, None);
}

#[tokio::test]
async fn truncated_over_udp_and_whole_over_tcp_unless_tcp_hangs_up() {
    let server = lab().await;
    for name in ["truncate.example.com", "no-tcp.example.com"] {
        let cut = ask(&server, name, RecordType::A).await;
        assert!(cut.metadata.truncation, "{name}");
        assert_eq!(cut.answers, [], "{name}");
    }
    let whole = ask_tcp(&server, "truncate.example.com", RecordType::A).await;
    assert!(!whole.metadata.truncation);
    assert_eq!(whole.answers.len(), 1);
    let packet = question("no-tcp.example.com", RecordType::A)
        .to_vec()
        .unwrap();
    assert_eq!(exchange_tcp(server.addr(), &packet).await, None);
}

#[tokio::test]
async fn garbage_bears_the_id_and_can_not_be_read() {
    let server = lab().await;
    let packet = question("garbage.example.com", RecordType::A)
        .to_vec()
        .unwrap();
    let answer = exchange_udp(server.addr(), &packet, Duration::from_secs(5)).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer[..2], packet[..2]);
    assert!(Message::from_vec(&answer).is_err());
}

#[tokio::test]
async fn a_delay_is_kept() {
    let server = lab().await;
    let begin = Instant::now();
    let answer = ask(&server, "slow.example.com", RecordType::A).await;
    assert_eq!(answer.answers.len(), 1);
    assert!(begin.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn udp_answers_keep_to_512_octets_or_the_size_asked_for() {
    let zone = Zone::new()
        .txt("long.example.com", "x".repeat(600))
        .txt("huge.example.com", "y".repeat(64_000));
    let server = Server::start(zone).await;
    let plain = question("long.example.com", RecordType::TXT);
    let cut = ask_message(&server, &plain).await;
    assert!(cut.metadata.truncation);
    assert_eq!(cut.edns, None);

    let mut with_room = question("long.example.com", RecordType::TXT);
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    with_room.set_edns(edns);
    let whole = ask_message(&server, &with_room).await;
    assert!(!whole.metadata.truncation);
    assert_eq!(txt_data(&whole).concat().concat(), [b'x'; 600]);
    assert!(whole.edns.is_some());

    let huge = ask_tcp(&server, "huge.example.com", RecordType::TXT).await;
    assert!(!huge.metadata.truncation);
    assert_eq!(txt_data(&huge).concat().concat(), [b'y'; 64_000]);
}

#[tokio::test]
async fn nonsense_is_refused_or_ignored_and_ends_nothing() {
    let server = lab().await;
    let addr = server.addr();
    let short = Duration::from_millis(100);
    assert_eq!(exchange_udp(addr, b"", short).await, None);
    assert_eq!(exchange_udp(addr, b"\x12\x34", short).await, None);
    let mut answer_like = question("example.com", RecordType::A).to_vec().unwrap();
    answer_like[2] |= 0x80;
    assert_eq!(exchange_udp(addr, &answer_like, short).await, None);

    let code_of = async |packet: Vec<u8>| {
        let answer = exchange_udp(addr, &packet, Duration::from_secs(5)).await;
        let answer = Message::from_vec(&answer.expect("an answer")).unwrap();
        assert_eq!(answer.metadata.id.to_be_bytes(), packet[..2]);
        answer.metadata.response_code
    };
    let broken = [b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0".as_slice(), &[0xff; 40]].concat();
    assert_eq!(code_of(broken).await, ResponseCode::FormErr);
    let none = Message::query().to_vec().unwrap();
    assert_eq!(code_of(none).await, ResponseCode::FormErr);
    let mut chaos = question("version.bind", RecordType::TXT);
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(
        code_of(chaos.to_vec().unwrap()).await,
        ResponseCode::Refused
    );
    let mut status = question("example.com", RecordType::A);
    status.metadata.op_code = OpCode::Status;
    assert_eq!(
        code_of(status.to_vec().unwrap()).await,
        ResponseCode::NotImp
    );

    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(b"\0\x20half a packet").await.unwrap();
    drop(stream);
    let still = ask_tcp(&server, "example.com", RecordType::A).await;
    assert_eq!(still.answers.len(), 2);
    assert_eq!(server.queries().len(), 1, "nonsense is no question");
}

#[tokio::test]
async fn questions_are_remembered_and_zones_exchanged() {
    let server = lab().await;
    ask(&server, "Example.com", RecordType::A).await;
    ask_tcp(&server, "example.COM", RecordType::A).await;
    ask(&server, "example.com", RecordType::TXT).await;
    assert_eq!(
        server.queries(),
        [
            ("example.com".to_owned(), RecordType::A, Transport::Udp),
            ("example.com".to_owned(), RecordType::A, Transport::Tcp),
            ("example.com".to_owned(), RecordType::TXT, Transport::Udp),
        ]
    );
    assert_eq!(server.count("EXAMPLE.com.", RecordType::A), 2);
    assert_eq!(server.count("example.com", RecordType::MX), 0);

    server.set_zone(Zone::new());
    let gone = ask(&server, "example.com", RecordType::A).await;
    assert_eq!(gone.metadata.response_code, ResponseCode::NXDomain);
}

#[tokio::test]
async fn a_dropped_server_answers_no_more() {
    let server = lab().await;
    let addr = server.addr();
    drop(server);
    let mut open = true;
    for _ in 0..50 {
        open = TcpStream::connect(addr).await.is_ok();
        if !open {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!open);
}

#[test]
fn mistakes_in_a_zone_say_where_and_what_would_be_right() {
    for (yaml, told) in [
        (
            "a.example: [A: 1.2.3]",
            "a.example: A: `1.2.3` is no address of this type; right would be e.g. 192.0.2.1",
        ),
        (
            "a.example: [MX: mail]",
            "a.example: MX: right would be e.g. [10, mail.example.com]",
        ),
        (
            "a.example: [SERVFAI]",
            "a.example: `SERVFAI` is nothing that a name can hold",
        ),
        (
            "a.example: [SERVFAIL: TEXT]",
            "a.example: SERVFAIL: `TEXT` is no record type",
        ),
        (
            "a.example: [TTL: soon]",
            "a.example: TTL: right would be whole seconds",
        ),
        (
            "a.example: [DELAY: soon]",
            "a.example: DELAY: `soon` is no duration",
        ),
        ("a.example: [TXT: 5]", "quotes may be missing"),
        (
            "a.example: [TXT_HEX: abc]",
            "a.example: TXT_HEX: `abc` is no row of hexadecimal octets",
        ),
        (
            "a.example: [SOA: one two]",
            "a.example: SOA: `one two` is no SOA",
        ),
        ("a.example: {A: 192.0.2.1}", "a.example: holds no list"),
        ("a..example: []", "`a..example` can't be a DNS name"),
        ("a.example: []\na.example: []", "duplicate entry"),
        ("a.example: [", "line 2"),
    ] {
        let error = Zone::from_yaml(yaml).unwrap_err().to_string();
        assert!(error.contains(told), "{yaml:?}: {error}");
    }
}

#[test]
fn the_shown_zone_is_one() {
    let shown: String = include_str!("yaml.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! "))
        .skip_while(|line| *line != "```yaml")
        .skip(1)
        .take_while(|line| *line != "```")
        .map(|line| format!("{line}\n"))
        .collect();
    let zone = Zone::from_yaml(&shown).unwrap();
    let answer = super::answer::answer(
        &zone,
        &Name::from_ascii("any.example.net.").unwrap(),
        RecordType::A,
    );
    assert_eq!(
        answer.answers[0].data,
        RData::A(Ipv4Addr::new(192, 0, 2, 1).into())
    );
}
