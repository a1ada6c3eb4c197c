//! Sizes, nonsense, the memory of questions, and the end.

use super::*;

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
