//! Commands in any order, with anything between: the deeper half of bad input.

use lab::milter::wire::{command, step};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{
    ENFORCE, Stage,
    bad_input::{introduction, negotiation, packet},
};

/// How many sequences are tried.
const CASES: usize = 2_000;

/// A packet, mostly of the kind that leads on.
fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let sensible = prop::sample::select(vec![
        packet(command::CONNECT, b"x\x004\x9c\x40198.51.100.1\0"),
        packet(command::CONNECT, b"x\x006\x9c\x40IPv6:2001:db8::1\0"),
        packet(command::CONNECT, b"x\0U"),
        packet(command::HELO, b"client.example\0"),
        packet(command::MACROS, b"Mi\x004ABC\0"),
        packet(command::MACROS, b"M"),
        packet(command::MACROS, b"R{rcpt_mailer}\0error\0"),
        packet(command::MAIL, b"<>\0"),
        packet(command::MAIL, b"<a@fail.example>\0"),
        packet(command::MAIL, b"<a@soft.example>\0SIZE=1\0"),
        packet(command::RCPT, b"<joe@example.org>\0"),
        packet(command::RCPT, b"<postmaster>\0"),
        packet(command::DATA, b""),
        packet(command::HEADER, b"Subject\0x\0"),
        packet(command::END_OF_HEADERS, b""),
        packet(command::BODY, b"body"),
        packet(command::END_OF_MESSAGE, b""),
        packet(command::ABORT, b""),
        packet(command::UNKNOWN, b"NOOP\0"),
        packet(command::QUIT_NEW_CONNECTION, b""),
        packet(command::QUIT, b""),
    ]);
    let kind = prop::sample::select(b"ABCDEHKLMNOQRTUz".to_vec());
    let odd = (kind, prop::collection::vec(any::<u8>(), 0..60))
        .prop_map(|(kind, data)| packet(kind, &data));
    let noise = prop::collection::vec(any::<u8>(), 1..12);
    prop_oneof![40 => sensible, 4 => odd, 1 => noise]
}

/// The same sequences in every run: the generator begins with the same number.
#[test]
fn no_sequence_of_packets_hangs_or_ends_it() {
    let mut stage = Stage::set(ENFORCE);
    let steps = prop::sample::select(vec![step::ALL, step::NO_CONNECT, step::RCPT_REJ]);
    let packets = prop::collection::vec(any_packet(), 0..40);
    let config = Config {
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::with_cases(u32::MAX)
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let session = (steps, any::<bool>(), packets);
    for _ in 0..CASES {
        let case = session.new_tree(&mut runner).unwrap();
        runner
            .run_one(case, |(steps, introduced, packets)| {
                let mut bytes = if introduced {
                    introduction(steps)
                } else {
                    negotiation(steps)
                };
                bytes.extend(packets.concat());
                let answer = stage.answer_to(&bytes);
                prop_assert!(are_packets(&answer), "{}", answer.escape_ascii());
                Ok(())
            })
            .unwrap();
    }
    assert!(stage.backstop.is_running().unwrap());
    assert!(
        !stage.backstop.log().contains("panicked"),
        "{}",
        stage.backstop.log()
    );
    stage.serves();
}

/// Whole packets of the kinds that a filter may write.
fn are_packets(mut bytes: &[u8]) -> bool {
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let known = rest
            .first()
            .is_some_and(|kind| b"Octrdsyhi-qp".contains(kind));
        if !known || length > rest.len() {
            return false;
        }
        bytes = &rest[length..];
    }
    bytes.is_empty()
}
