//! Every way to misbehave.

use super::*;

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
