//! Anything at all on the socket: an answer or a closed connection, and the daemon serves on, in bounded memory.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use lab::milter::{
    Client, Reply,
    wire::{ALL_ACTIONS, VERSION, command, step, write_packet},
};

use super::{ENFORCE, SENDER, STRANGER, Stage, assert_refused, introduce};

/// No connection takes longer to be answered or closed; a daemon that leaves one hanging does.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn packet(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    write_packet(&mut packet, kind, data).unwrap();
    packet
}

pub(super) fn negotiation(steps: u32) -> Vec<u8> {
    let offer = [VERSION, ALL_ACTIONS, steps].map(u32::to_be_bytes).concat();
    packet(command::NEGOTIATE, &offer)
}

/// Up to EHLO, of a client that is no loopback.
pub(super) fn introduction(steps: u32) -> Vec<u8> {
    [
        negotiation(steps),
        packet(command::CONNECT, b"x\x004\x9c\x40198.51.100.1\0"),
        packet(command::HELO, b"client.example\0"),
    ]
    .concat()
}

impl Stage {
    /// Writes these bytes and nothing more, and gives all that comes back until the daemon hangs up.
    pub(super) fn answer_to(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.backstop.addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        // It may have hung up already.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        read_to_end(&mut stream)
    }

    /// Holds that the daemon hangs up on these bytes by itself.
    fn hangs_up_on(&self, bytes: &[u8]) {
        let mut stream = TcpStream::connect(self.backstop.addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(bytes);
        read_to_end(&mut stream);
    }

    /// Resident memory, in KiB.
    pub(super) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.backstop.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let words = line.unwrap().split_whitespace().next();
        words.unwrap().parse().unwrap()
    }

    /// Whether the daemon serves on, with no more memory than it had, but for what a daemon at work takes.
    pub(super) fn serves_in_memory_since(&self, before: u64) {
        let after = self.memory();
        assert!(
            after < before + 16 * 1024,
            "{before} KiB became {after} KiB"
        );
        self.serves();
    }
}

/// A connection that was closed with our bytes unread is reset.
fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    if let Err(error) = stream.read_to_end(&mut read) {
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::ConnectionReset,
            "left hanging"
        );
    }
    read
}

#[test]
fn what_is_no_milter_protocol_is_hung_up_on() {
    let stage = Stage::set(ENFORCE);
    let introduced = introduction(step::ALL);
    let after = |tail: &[u8]| [&introduced[..], tail].concat();
    for bytes in [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"EHLO client.example\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        vec![0; 4],
        vec![0xff; 64],
        b"\xff\xff\xff\xffO".to_vec(),
        b"\x7f\xff\xff\xffO".to_vec(),
        b"\0\x02\0\x02O".to_vec(),
        packet(b'z', b"x"),
        // Out of order, before and after the negotiation.
        packet(command::MAIL, b"<a@b>\0"),
        [negotiation(step::ALL), negotiation(step::ALL)].concat(),
        [negotiation(step::ALL), packet(command::RCPT, b"<a@b>\0")].concat(),
        after(&packet(command::RCPT, b"<joe@example.org>\0")),
        after(&packet(command::END_OF_MESSAGE, b"")),
        after(&packet(command::CONNECT, b"x\0U")),
        // Arguments that are missing or don't end.
        packet(command::NEGOTIATE, b""),
        packet(command::NEGOTIATE, b"\0\0\0\x06"),
        packet(command::NEGOTIATE, b"\0\0\0\x01\0\0\0\0\0\0\0\0"),
        [negotiation(step::ALL), packet(command::CONNECT, b"")].concat(),
        after(&packet(command::MAIL, b"")),
        after(&packet(command::MAIL, b"<a@b>")),
        after(&packet(command::HELO, b"no end")),
        after(
            &[
                &packet(command::MAIL, b"<>\0")[..],
                &packet(command::RCPT, b"<a"),
            ]
            .concat(),
        ),
        after(b"\0\0\0\0"),
        after(b"\xff\xff\xff\xffM<a@b>\0"),
    ] {
        stage.hangs_up_on(&bytes);
    }
    stage.serves();
    stage.backstop.wait_for_log("protocol: ").unwrap();
}

#[test]
fn half_packets_end_with_the_connection_and_hold_up_nobody() {
    let stage = Stage::set(ENFORCE);
    let whole = [
        introduction(step::ALL),
        packet(command::MAIL, b"<a@pass.example>\0"),
        packet(command::RCPT, b"<joe@example.org>\0"),
        packet(command::END_OF_MESSAGE, b""),
    ]
    .concat();
    let silent: Vec<_> = (0..whole.len())
        .step_by(7)
        .map(|length| {
            stage.answer_to(&whole[..length]);
            let mut stream = TcpStream::connect(stage.backstop.addr()).unwrap();
            stream.write_all(&whole[..length]).unwrap();
            stream
        })
        .collect();
    stage.serves();
    drop(silent);
    stage.serves();
}

#[test]
fn a_session_that_comes_byte_by_byte_is_a_session() {
    let stage = Stage::set(ENFORCE);
    let mut stream = TcpStream::connect(stage.backstop.addr()).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let session = [
        introduction(step::ALL),
        packet(command::MAIL, b"<a@fail.example>\0"),
        packet(command::RCPT, b"<joe@example.org>\0"),
    ]
    .concat();
    for byte in session {
        stream.write_all(&[byte]).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    let answer = read_to_end(&mut stream);
    let text = String::from_utf8_lossy(&answer);
    assert!(text.contains("550 5.7.23"), "{text}");
}

#[test]
fn arguments_of_64_kilobytes_are_answered() {
    let stage = Stage::set(ENFORCE);
    let long = "x".repeat(65_000);
    let mut client = stage.session(STRANGER);
    client.helo(&long).unwrap();
    client.mail(&format!("{long}@{long}.example"), &[]).unwrap();
    assert_eq!(
        client.rcpt("joe@example.org", &[]).unwrap(),
        Reply::Continue
    );
    client.mail(&format!("{long}@fail.example"), &[]).unwrap();
    assert_refused(client.rcpt(&long, &[]), "550 5.7.23 ");
    client.mail("", &["SIZE=1"; 500]).unwrap();
    assert_eq!(client.rcpt(&long, &[&long]).unwrap(), Reply::Continue);
    assert_eq!(client.eom().unwrap().reply, Reply::Continue);
    stage.serves();
}

#[test]
fn hundreds_of_macros_are_as_good_as_none() {
    let stage = Stage::set(ENFORCE);
    let names: Vec<String> = (0..900).map(|number| format!("{{m{number}}}")).collect();
    let value = "v".repeat(100);
    let macros: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), value.as_str()))
        .collect();
    let mut client = stage.client();
    for stage in [
        command::CONNECT,
        command::HELO,
        command::MAIL,
        command::RCPT,
    ] {
        for _ in 0..10 {
            client.macros(stage, &macros).unwrap();
        }
    }
    introduce(&mut client, STRANGER);
    client.macros(command::MAIL, &macros).unwrap();
    client.mail("a@fail.example", &[]).unwrap();
    // A name without a value, a value without an end, a stage that there is not.
    for odd in [
        &b"M{auth_authen}\0"[..],
        b"M{auth_authen}\0x",
        b"Zi\0x\0",
        b"\0",
        b"M\0\0\0",
    ] {
        client.send_packet(command::MACROS, odd).unwrap();
    }
    assert_refused(client.rcpt("joe@example.org", &[]), "550 5.7.23 ");
}

#[test]
fn hostile_connections_leave_no_memory_taken() {
    let stage = Stage::set(ENFORCE);
    let filler = vec![b'x'; 100_000];
    let hostile = [
        introduction(step::ALL),
        packet(command::MACROS, &[b"Mi\0", &filler[..], b"\0"].concat()),
        packet(
            command::MAIL,
            &[b"<", &filler[..], b"@fail.example>\0"].concat(),
        ),
        packet(
            command::RCPT,
            &[b"<", &filler[..], b"@example.org>\0"].concat(),
        )
        .repeat(5),
        b"\0\x01\xff\xffR".to_vec(),
        filler,
    ]
    .concat();
    let attack = |times: usize| {
        for _ in 0..times {
            stage.answer_to(&hostile);
        }
    };
    attack(20);
    let before = stage.memory();
    // They bring 70 MB.
    attack(100);
    stage.serves_in_memory_since(before);
}

/// As many recipients as there is time for, and each as long as a packet: the MTA is the one that sets limits, but not
/// one that is hostile. Those let in are kept up to 4 MiB, and the others are asked to come again.
#[test]
fn a_message_without_end_takes_bounded_memory() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(SENDER);
    let long = "x".repeat(100_000);
    client.mail("a@pass.example", &[]).unwrap();
    let recipients = |client: &mut Client, count: usize| {
        let replies = (0..count).map(|number| {
            let rcpt = format!("{number:03}{long}@example.org");
            client.rcpt(&rcpt, &[]).unwrap()
        });
        replies
            .filter(|reply| match reply {
                Reply::Continue => true,
                full => {
                    assert_refused(Ok(full.clone()), "451 4.3.0 ");
                    false
                }
            })
            .count()
    };
    assert_eq!(recipients(&mut client, 20), 20);
    let before = stage.memory();
    let octets = long.len() + "<000@example.org>".len();
    assert_eq!(recipients(&mut client, 250), (4 << 20) / octets - 20);
    let after = stage.memory();
    assert!(
        after < before + 16 * 1024,
        "{before} KiB became {after} KiB"
    );
}

/// Ten times what Postfix lets through (smtpd_recipient_limit).
#[test]
fn ten_thousand_recipients_are_taken_and_no_more() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    let asked = 10_050;
    for number in 0..asked {
        let rcpt = format!("<joe{number}@example.org>\0");
        client.send_packet(command::RCPT, rcpt.as_bytes()).unwrap();
        if number % 1000 == 999 {
            // Its answers are read before either side waits for the other to read.
            for _ in 0..1000 {
                assert_eq!(client.reply().unwrap(), Reply::Continue);
            }
        }
    }
    for _ in 0..50 {
        assert_refused(client.reply(), "451 4.3.0 ");
    }
    assert_eq!(client.eoh().unwrap(), Reply::Continue);
    assert_eq!(client.eom().unwrap().reply, Reply::Continue);
}
