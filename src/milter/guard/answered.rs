//! Against the milter crate itself: every command that the guard lets through is answered, so no MTA waits in vain.

use std::{sync::Arc, time::Duration};

use milter::{Callbacks, Config, Status};
use proptest::{
    prelude::*,
    test_runner::{Config as Cases, TestRunner},
};
use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

use super::phase::Phase;
use crate::{
    engine::Drain,
    milter::{Counters, Listener, SocketOptions},
};

/// Offers all that Postfix offers.
const OPTNEG: &[u8] = b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";

#[test]
fn with_the_least_callbacks() {
    let mut runner = TestRunner::new(Cases::with_cases(500));
    all_answered(&mut runner, least(), |_, _| true);
}

#[test]
fn with_every_callback() {
    let mut runner = TestRunner::new(Cases::with_cases(500));
    // By default an MTA writes the end of the header.
    all_answered(&mut runner, every(), |phase, command| {
        phase != Phase::Header || !matches!(command, b'B' | b'E')
    });
}

fn least() -> Callbacks<()> {
    Callbacks::new()
        .on_connect(|_, _, _| Box::pin(async { Status::Continue }))
        .on_mail(|_, _| Box::pin(async { Status::Continue }))
        .on_rcpt(|_, _| Box::pin(async { Status::Continue }))
}

fn every() -> Callbacks<()> {
    least()
        .on_helo(|_, _| Box::pin(async { Status::Continue }))
        .on_data(|_| Box::pin(async { Status::Continue }))
        .on_header(|_, _, _| Box::pin(async { Status::Continue }))
        .on_eoh(|_| Box::pin(async { Status::Continue }))
        .on_body(|_, _| Box::pin(async { Status::Continue }))
        .on_eom(|_| Box::pin(async { Status::Continue }))
        .on_unknown(|_, _| Box::pin(async { Status::Continue }))
}

fn all_answered(
    runner: &mut TestRunner,
    callbacks: Callbacks<()>,
    writes: impl Fn(Phase, u8) -> bool,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = tempdir().unwrap();
    let path = folder.path().join("s");
    let _entered = runtime.enter();
    let listener = Listener::bind(
        &format!("unix:{}", path.display()).parse().unwrap(),
        &SocketOptions::default(),
        100,
        &Drain::new(),
        Arc::<Counters>::default(),
    )
    .unwrap();
    runtime.spawn(milter::run(
        listener,
        callbacks,
        Config::default(),
        std::future::pending::<()>(),
    ));
    // Weighted towards the commands that lead on, or few walks would reach a body.
    let command = prop::sample::select(b"ABBCDEEHKLLMMMNNNORRRTTU".to_vec());
    runner
        .run(&prop::collection::vec(command, 1..60), |commands| {
            let mta = UnixStream::connect(&path);
            let walk = async { walk(mta.await.unwrap(), &commands, &writes).await };
            runtime
                .block_on(timeout(Duration::from_secs(5), walk))
                .map_err(|_| TestCaseError::fail(commands.escape_ascii().to_string()))
        })
        .unwrap();
}

/// Writes those commands that the guard would let through.
async fn walk(mut mta: UnixStream, commands: &[u8], writes: impl Fn(Phase, u8) -> bool) {
    let mut phase = Phase::default();
    for &command in b"OC".iter().chain(commands) {
        let mut next = phase;
        if !writes(phase, command) || next.advance(command) != Ok(command) {
            continue;
        }
        phase = next;
        let payload: &[u8] = match command {
            b'O' => OPTNEG,
            b'C' => b"c\0U",
            b'D' => b"Cj\0mx\0",
            b'B' => b"body",
            b'H' | b'M' | b'R' | b'U' => b"x\0",
            b'L' => b"n\0v\0",
            _ => b"",
        };
        mta.write_u32(payload.len() as u32 + 1).await.unwrap();
        mta.write_u8(command).await.unwrap();
        mta.write_all(payload).await.unwrap();
        if !matches!(command, b'A' | b'D' | b'K' | b'Q') {
            let length = mta.read_u32().await.unwrap();
            let mut reply = vec![0; length as usize];
            mta.read_exact(&mut reply).await.unwrap();
            assert_eq!(
                reply.first(),
                Some(if command == b'O' { &b'O' } else { &b'c' })
            );
        }
    }
}
