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

mod answers;
mod faults;
mod sockets;
mod zones;

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
