use std::{
    io::{Read, Write},
    net::{TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use super::*;

fn zone(name: &str) -> Known {
    match name {
        "example.com" => Known::Records(
            60,
            vec![
                Data::Txt("v=spf1 -all".to_owned()),
                Data::Mx(10, "mx.example.com".to_owned()),
                Data::A([192, 0, 2, 1].into()),
            ],
        ),
        "long.example" => Known::Records(60, vec![Data::Txt("y".repeat(2000))]),
        "broken.example" => Known::Failure,
        "silent.example" => Known::Silence,
        _ => Known::Nothing,
    }
}

/// A question with EDNS, by hand.
fn question(name: &str, kind: u8) -> Vec<u8> {
    let mut packet = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in name.split('.') {
        packet.push(u8::try_from(label.len()).unwrap());
        packet.extend_from_slice(label.as_bytes());
    }
    packet.extend([0, 0, kind, 0, 1, 0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0]);
    packet
}

fn start() -> Dns {
    Dns::start("127.0.0.1:0".parse().unwrap(), zone).unwrap()
}

fn asked(dns: &Dns, packet: &[u8]) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    socket.send_to(packet, dns.address()).unwrap();
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).ok()?;
    Some(buffer[..length].to_vec())
}

#[test]
fn questions_are_answered() {
    let dns = start();
    for (name, kind, code, answers, authorities, end) in [
        ("example.com", 16, 0, 1, 0, &b"\x0bv=spf1 -all"[..]),
        ("EXAMPLE.com", 1, 0, 1, 0, &[192, 0, 2, 1]),
        (
            "example.com",
            15,
            0,
            1,
            0,
            b"\0\x0a\x02mx\x07example\x03com\0",
        ),
        ("example.com", 28, 0, 0, 1, &[0, 0, 0, 60]),
        ("nothing.example", 16, 3, 0, 1, &[0, 0, 0, 60]),
        (
            "broken.example",
            16,
            2,
            0,
            0,
            b"\x06broken\x07example\0\0\x10\0\x01",
        ),
    ] {
        let answer = asked(&dns, &question(name, kind)).unwrap();
        assert_eq!(answer[..3], [0xab, 0xcd, 0x81], "{name}");
        let counts = (answer[3] & 15, answer[7], answer[9], answer[11]);
        assert_eq!(counts, (code, answers, authorities, 1), "{name} {kind}");
        let before_edns = &answer[..answer.len() - 11];
        assert!(before_edns.ends_with(end), "{name} {kind}: {before_edns:?}");
    }
    assert_eq!(dns.asked(), 6);
}

#[test]
fn a_long_answer_goes_over_tcp() {
    let dns = start();
    let short = asked(&dns, &question("long.example", 16)).unwrap();
    assert_eq!(short[2] & 2, 2, "{short:?}");
    let mut stream = TcpStream::connect(dns.address()).unwrap();
    let packet = question("long.example", 16);
    let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length[..], &packet].concat()).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer.iter().filter(|octet| **octet == b'y').count(), 2000);
}

#[test]
fn answers_come_late_or_never() {
    let dns = start();
    dns.set_delay(Duration::from_millis(30));
    let start = Instant::now();
    assert!(asked(&dns, &question("example.com", 16)).is_some());
    assert!(start.elapsed() >= Duration::from_millis(30));
    assert_eq!(asked(&dns, &question("silent.example", 16)), None);
    dns.set_delay(Duration::ZERO);
    dns.set_silent(true);
    assert_eq!(asked(&dns, &question("example.com", 16)), None);
    dns.set_silent(false);
    assert!(asked(&dns, &question("example.com", 16)).is_some());
    for broken in [&b""[..], b"short", &[0xff; 40]] {
        assert_eq!(asked(&dns, broken), None);
    }
}
