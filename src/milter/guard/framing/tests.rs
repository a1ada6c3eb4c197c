use proptest::prelude::*;

use super::*;

fn packet(command: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    put_packet(command, payload, &mut packet);
    packet
}

fn filter(input: &[u8]) -> (Vec<u8>, Result<(), Violation>) {
    let mut output = Vec::new();
    let result = Framing::new().filter(input, &mut output);
    (output, result)
}

fn negotiated() -> Vec<u8> {
    packet(b'O', &[0; 12])
}

#[test]
fn a_message_passes_unchanged() {
    let session = [
        negotiated(),
        packet(b'D', b"Cj\0mx\0"),
        packet(b'C', b"client.example\x004\x04\xd2192.0.2.1\0"),
        packet(b'H', b"client.example\0"),
        packet(b'D', b"M{mail_addr}\0\0"),
        packet(b'M', b"<>\0"),
        packet(b'D', b"R{rcpt_mailer}\0local\0"),
        packet(b'R', b"<a@example.org>\0"),
        packet(b'T', b""),
        packet(b'L', b"Subject\0x\0"),
        packet(b'N', b""),
        packet(b'B', &[b'x'; 65535]),
        packet(b'E', b""),
        packet(b'Q', b""),
    ]
    .concat();
    assert_eq!(filter(&session), (session, Ok(())));
}

#[test]
fn violations_leave_what_came_before() {
    let head = |length: u32, command: u8| {
        let mut head = length.to_be_bytes().to_vec();
        head.push(command);
        head
    };
    let too_large = MAX_PACKET as u32 + 1;
    for (bad, violation) in [
        (vec![0, 0, 0, 0], Violation::Empty),
        (too_large.to_be_bytes().to_vec(), Violation::TooLarge),
        (b"GET / HTTP/1.0".to_vec(), Violation::TooLarge),
        (head(MAX_CONNECT as u32 + 1, b'C'), Violation::TooLarge),
        (head(1, b'C'), Violation::Empty),
        (packet(b'x', b""), Violation::UnknownCommand),
        (packet(b'M', b"<>\0"), Violation::OutOfOrder),
    ] {
        let (output, result) = filter(&[negotiated(), bad].concat());
        assert_eq!((output, result), (negotiated(), Err(violation)));
    }
}

#[test]
fn the_largest_packets_pass() {
    let connect = [&[b'x'; MAX_CONNECT - 3][..], b"\0U"].concat();
    let session = [
        negotiated(),
        packet(b'C', &connect),
        packet(b'D', &vec![b'x'; MAX_PACKET - 1]),
    ]
    .concat();
    assert_eq!(filter(&session), (session, Ok(())));
}

#[test]
fn connect_is_mended_with_its_length() {
    let (output, result) = filter(
        &[
            negotiated(),
            packet(b'C', b"c\x006\0\x19IPv6:2001:db8::1\0"),
        ]
        .concat(),
    );
    assert_eq!(result, Ok(()));
    assert_eq!(
        output,
        [negotiated(), packet(b'C', b"c\x006\0\x192001:db8::1\0")].concat()
    );
}

#[test]
fn macros_of_which_none_is_left_are_said_to_be_none() {
    for cut in 0..6 {
        let (now, later) = b"\0\0\0\x02DM".split_at(cut);
        let mut output = Vec::new();
        let mut framing = Framing::new();
        for part in [&negotiated(), now, later] {
            framing.filter(part, &mut output).unwrap();
        }
        assert_eq!(output, [negotiated(), packet(b'D', b"M\0\0")].concat());
        assert!(!framing.mid_packet());
    }
}

#[test]
fn macros_of_an_earlier_message_or_recipient_do_not_stay() {
    let connected = [negotiated(), packet(b'C', b"c\0U")].concat();
    let mail = || packet(b'M', b"<>\0");
    let rcpt = || packet(b'R', b"<a@example.org>\0");
    let login = || packet(b'D', b"M{auth_authen}\0joe\0");
    let refused = || packet(b'D', b"R{rcpt_mailer}\0error\0");
    let none = |stage: u8| packet(b'D', &[&[stage], NO_MACRO].concat());
    let input = [login(), mail(), refused(), rcpt(), rcpt(), mail(), rcpt()];
    let output = [
        login(),
        mail(),
        refused(),
        rcpt(),
        none(b'R'),
        rcpt(),
        none(b'M'),
        mail(),
        none(b'R'),
        rcpt(),
    ];
    assert_eq!(
        filter(&[connected.clone(), input.concat()].concat()),
        ([connected, output.concat()].concat(), Ok(()))
    );
}

#[test]
fn what_mtas_write_passes_where_it_is() {
    let mut framing = Framing::new();
    framing
        .filter(
            &[negotiated(), packet(b'C', b"c\0U")].concat(),
            &mut Vec::new(),
        )
        .unwrap();
    let message = [
        packet(b'H', b"client.example\0"),
        packet(b'D', b"M{mail_addr}\0\0"),
        packet(b'M', b"<>\0"),
        packet(b'D', b"R{rcpt_mailer}\0local\0"),
        packet(b'R', b"<a@example.org>\0"),
        packet(b'L', b"Subject\0x\0"),
        packet(b'N', b""),
        packet(b'B', &[b'x'; 65535]),
        packet(b'E', b""),
    ]
    .concat();
    assert_eq!(framing.passes(&message), message.len());
    assert!(framing.between_messages());
    let half = message.len() / 2;
    assert_eq!(framing.passes(&message[..half]), half);
    assert!(framing.mid_packet());
    assert_eq!(framing.passes(&message[half..]), message.len() - half);
    for not in [
        packet(b'M', b"<>\0"),
        packet(b'D', b"M"),
        packet(b'K', b""),
        packet(b'x', b""),
    ] {
        assert_eq!(framing.passes(&not), 0, "{}", not.escape_ascii());
    }
}

#[test]
fn quit_nc_becomes_quit() {
    let (output, _) = filter(&[negotiated(), packet(b'K', b"")].concat());
    assert_eq!(output, [negotiated(), packet(b'Q', b"")].concat());
}

#[test]
fn packets_are_timed_from_their_first_octet() {
    let mut framing = Framing::new();
    let mut output = Vec::new();
    assert!(!framing.mid_packet());
    for (i, byte) in negotiated().into_iter().enumerate() {
        framing.filter(&[byte], &mut output).unwrap();
        assert_eq!(framing.begun(), 1);
        assert_eq!(framing.mid_packet(), i < 16);
    }
}

/// Mostly well-formed packets, so that the deeper states are reached.
fn session() -> impl Strategy<Value = Vec<u8>> {
    let command = prop::sample::select(b"ABCDEHKLMNOQRTUx".to_vec());
    let payload = prop::collection::vec(any::<u8>(), 0..40);
    let packets = prop::collection::vec((command, payload), 0..20);
    let tail = prop::collection::vec(any::<u8>(), 0..10);
    (packets, tail).prop_map(|(packets, tail)| {
        let mut session = negotiated();
        for (command, payload) in packets {
            session.extend(packet(command, &payload));
        }
        session.extend(tail);
        session
    })
}

proptest! {
    #[test]
    fn splitting_changes_nothing(input in session(), cuts in prop::collection::vec(1usize..30, 1..50)) {
        let mut framing = Framing::new();
        let mut output = Vec::new();
        let mut result = Ok(());
        let mut rest = input.as_slice();
        for cut in cuts.into_iter().cycle() {
            let (chunk, later) = rest.split_at(cut.min(rest.len()));
            rest = later;
            result = framing.filter(chunk, &mut output);
            if result.is_err() || rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!((output, result), filter(&input));
    }

    /// As the stream does: what passes stays where it is, the rest is filtered.
    #[test]
    fn what_passes_is_what_would_be_filtered(input in session(), cuts in prop::collection::vec(1usize..60, 1..50)) {
        let mut framing = Framing::new();
        let mut output = Vec::new();
        let mut rest = input.as_slice();
        let mut result = Ok(());
        for cut in cuts.into_iter().cycle() {
            let (chunk, later) = rest.split_at(cut.min(rest.len()));
            rest = later;
            let passes = framing.passes(chunk);
            output.extend_from_slice(&chunk[..passes]);
            result = framing.filter(&chunk[passes..], &mut output);
            if result.is_err() || rest.is_empty() {
                break;
            }
        }
        let mut whole = Framing::new();
        let mut filtered = Vec::new();
        prop_assert_eq!(whole.filter(&input, &mut filtered), result);
        prop_assert_eq!(output, filtered);
        prop_assert_eq!(framing.begun(), whole.begun());
        prop_assert_eq!(framing.mid_packet(), whole.mid_packet());
    }

    #[test]
    fn nothing_is_invented(input in prop::collection::vec(any::<u8>(), 0..200)) {
        let (output, _) = filter(&input);
        prop_assert!(output.len() <= input.len());
    }

    #[test]
    fn only_what_is_mended_grows(input in session()) {
        let (output, _) = filter(&input);
        // A CONNECT or a macro packet grows by two octets; one that is missing has eight.
        let of = |commands: &[u8]| input.iter().filter(|&b| commands.contains(b)).count();
        prop_assert!(output.len() <= input.len() + 2 * of(b"CD") + 8 * of(b"MR"));
    }

    /// Whatever came in, the milter crate reads whole packets of known commands.
    #[test]
    fn output_is_well_formed(input in session()) {
        let (output, _) = filter(&input);
        let mut rest = output.as_slice();
        while let Some((length, later)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            prop_assert!((1..=MAX_PACKET).contains(&length));
            rest = later.get(length..).unwrap_or(&[]);
        }
        prop_assert!(rest.is_empty());
    }
}
