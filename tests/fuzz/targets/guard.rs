//! Packets of a milter client, through the guard and what it stands on: a real socket, and tokio.

use std::sync::Arc;

use backstop::milter::{Counters, Stream, Violation};
use milter::EitherStream;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    runtime::{Builder, Runtime},
    task::yield_now,
};

use super::input::Input;

const COMMANDS: &[u8] = b"OCHMRTLNBEQADKUOCHMRDLNBEx";
/// The largest input: all of it fits into the buffer of a socket, so that nobody waits for anybody.
const MOST: usize = 32 * 1024;

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let raw = input.one_in(3);
    let cut = 1 + input.below(64);
    let packets = match raw {
        true => input.rest().to_vec(),
        false => packets(&mut input),
    };
    let packets = &packets[..packets.len().min(MOST)];
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(guarded(packets, cut)));
}

async fn guarded(packets: &[u8], cut: usize) {
    let (passed, violation) = through(packets, packets.len().max(1)).await;
    // However the octets were parted, the same passes.
    let parts = through(packets, cut.max(packets.len() / 16)).await;
    assert_eq!(parts, (passed.clone(), violation));
    let whole = is_in_order(&passed);
    assert!(violation != Some(Violation::Silent) && violation != Some(Violation::SlowReader));
    if violation.is_some() {
        assert!(whole, "a broken packet before {violation:?}");
    }
    // What passed is nothing that would have to be repaired again.
    assert_eq!(through(&passed, passed.len().max(1)).await, (passed, None));
}

/// What the milter crate reads, and why the connection was closed, if it was.
async fn through(packets: &[u8], cut: usize) -> (Vec<u8>, Option<Violation>) {
    let (mut mta, ours) = UnixStream::pair().unwrap();
    let counters = Arc::new(Counters::default());
    let open = counters.open(1).unwrap();
    let mut stream = Stream::new(EitherStream::Unix(ours), open);
    let mut passed = Vec::new();
    let mut result = Ok(());
    let mut buf = [0; 4096];
    for part in packets.chunks(cut) {
        mta.write_all(part).await.unwrap();
        // One read for each part, so that parts are seen as such. One that gives nothing would wait.
        yield_now().await;
        if let Some(read) = super::at_once(stream.read(&mut buf)) {
            match read {
                Ok(octets) => passed.extend_from_slice(&buf[..octets]),
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
    }
    drop(mta);
    while result.is_ok() {
        match stream.read(&mut buf).await {
            Ok(0) => break,
            Ok(octets) => passed.extend_from_slice(&buf[..octets]),
            Err(error) => result = Err(error),
        }
    }
    drop(stream);
    let counts = counters.snapshot();
    assert_eq!(counts.open, 0);
    let violation = result.err().map(|error| {
        let violation = error.get_ref().and_then(|inner| inner.downcast_ref());
        *violation.unwrap()
    });
    assert_eq!(
        counts.violations.into_iter().collect::<Vec<_>>(),
        violation
            .map(|why| (why, 1))
            .into_iter()
            .collect::<Vec<_>>()
    );
    (passed, violation)
}

/// Commands in the order that the milter crate answers, by rules that are written without the guard's table. Whether the
/// last packet is whole.
fn is_in_order(mut passed: &[u8]) -> bool {
    let mut seen = Vec::new();
    while !passed.is_empty() {
        let Some((head, rest)) = passed.split_first_chunk::<4>() else {
            panic!("half a length passed");
        };
        let length = u32::from_be_bytes(*head) as usize;
        assert!((1..=128 * 1024 + 3).contains(&length));
        let command = rest[0];
        is_next(&seen, command);
        if command != b'D' {
            seen.push(command);
        }
        let Some((packet, next)) = rest.split_at_checked(length) else {
            return false;
        };
        let payload = &packet[1..];
        match command {
            b'D' => assert!(payload.is_empty() || payload.len() >= 2),
            b'C' => {
                let (_, address) =
                    payload.split_at(payload.iter().position(|&byte| byte == 0).unwrap());
                match address {
                    [0, b'U'] => {}
                    [0, b'4' | b'6' | b'L', _, _, text @ .., 0] => assert!(!text.contains(&0)),
                    other => panic!("{}", other.escape_ascii()),
                }
            }
            _ => {}
        }
        passed = next;
    }
    true
}

/// `seen` are the commands before it, without macros.
fn is_next(seen: &[u8], command: u8) {
    assert!(b"OCHMRTLNBEQADU".contains(&command), "{command}");
    let text = || String::from_utf8_lossy(seen).into_owned();
    assert!(!seen.contains(&b'Q'), "{command} after QUIT");
    // The message that is open: the commands since MAIL, if nothing has ended it.
    let ended = seen.iter().rposition(|byte| b"MAHCE".contains(byte));
    let message = ended.filter(|&at| seen[at] == b'M').map(|at| &seen[at..]);
    let within = |message: &[u8], any: &[u8]| message.iter().any(|byte| any.contains(byte));
    match command {
        b'O' => assert!(seen.is_empty(), "{}", text()),
        b'D' | b'Q' => assert!(command == b'Q' || !seen.is_empty()),
        b'C' => assert_eq!(seen, b"O"),
        b'H' | b'M' | b'A' | b'U' => assert!(seen.contains(&b'C'), "{}", text()),
        b'R' => assert!(
            message.is_some_and(|message| !within(message, b"TLNB")),
            "{}",
            text()
        ),
        b'T' => assert!(
            message.is_some_and(|message| within(message, b"R") && !within(message, b"TLNB"))
        ),
        b'L' => {
            assert!(message.is_some_and(|message| within(message, b"R") && !within(message, b"NB")))
        }
        b'N' => {
            assert!(message.is_some_and(|message| within(message, b"R") && !within(message, b"NB")))
        }
        b'B' | b'E' => assert!(
            message.is_some_and(|message| within(message, b"R")),
            "{}",
            text()
        ),
        _ => {}
    }
}

fn packets(input: &mut Input<'_>) -> Vec<u8> {
    let mut packets = Vec::new();
    while !input.is_empty() && packets.len() < MOST {
        let command = input.one_of(COMMANDS);
        let payload: &[u8] = match command {
            b'O' => b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff",
            b'C' if input.one_in(2) => b"c.example\x004\0\x19192.0.2.1\0",
            b'C' | b'D' | b'L' | b'M' | b'R' | b'B' => {
                let length = input.below(40);
                let (payload, rest) = input.0.split_at(length.min(input.0.len()));
                input.0 = rest;
                payload
            }
            _ => b"",
        };
        let wrong = if input.one_in(64) { input.byte() } else { 0 };
        packets.extend_from_slice(&(payload.len() as u32 + 1 + u32::from(wrong)).to_be_bytes());
        packets.push(command);
        packets.extend_from_slice(payload);
    }
    packets
}
